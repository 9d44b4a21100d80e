"""One client connection of a Gate socket: subscriptions, ping, the idle rule, and the writer behind a bounded queue.

Source: Gate API v4 spot WS docs and futures WS docs, "Application ping pong", "Authentication", "Error".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec
import trio
from trio_websocket import ConnectionClosed

from .gateio_auth import Credential, authenticate_text, channel_signing_text
from .gateio_errors import GateError
from .gateio_hub import Hub, Subscriber, Topic
from .gateio_ws_frames import ClientFrame, Envelope, StreamError, decode_frame, invalid_payload
from .web import DropConnection, WebSocket

IDLE_S_MAX = 30.0
TOPICS_MAX = 5000  # of one connection; no limit is documented, but there must be one


@attrs.frozen
class Channel:
    """One stream: `topics(payload, uid)` names what a payload asks for, or raises StreamError for the whole list.

    `first(topic, decimal_sizes)` is a frame sent at once to a new subscriber; of topics with equal `unique(topic)` a
    connection may have one.
    """

    topics: Callable[[list[Any], str], list[Topic]]
    private: bool = False
    unique: Callable[[Topic], str] | None = None
    first: Callable[[Topic, bool], bytes | None] | None = None


@attrs.define(eq=False)
class Product:
    """One socket address: its channels, its listeners, and what answers `event: api` frames."""

    name: str
    hub: Hub
    channels: Mapping[str, Channel]
    credentials: Callable[[], Mapping[str, Credential]]
    api: Callable[[Session, ClientFrame], None]
    data_before_ack: Callable[[], bool] = lambda: False


@attrs.define(eq=False)
class Session:
    """The state of one connection; `handle` is synchronous and answers through the subscriber's queue."""

    product: Product
    subscriber: Subscriber
    peer: str
    login: Credential | None = None
    heard_s: float = attrs.field(factory=trio.current_time)
    _frames: int = 0

    @property
    def now_ns(self) -> int:
        return self.product.hub.now_ns()

    @property
    def domain(self) -> str:
        """`private` once a private channel is heard, `public` when only public ones are, else empty."""
        heard = [self.product.channels.get(topic[0]) for topic in self.subscriber.topics]
        if any(channel is not None and channel.private for channel in heard):
            return "private"
        return "public" if heard else ""

    def trace_id(self) -> str:
        """A new id for one answer, equal in equal runs."""
        self._frames += 1
        return hashlib.sha256(f"{self.subscriber.conn_id}/{self._frames}".encode()).hexdigest()[:32]

    def handle(self, message: str | bytes) -> None:
        """Answer one frame of the client."""
        self.heard_s = trio.current_time()
        envelope = Envelope(self.now_ns, self.subscriber.conn_id, self.trace_id())
        try:
            frame = decode_frame(message)
        except StreamError as error:
            self.subscriber.push(envelope.ack(ClientFrame(), error))
            return
        if frame.channel == f"{self.product.name}.ping":
            self.subscriber.push(envelope.pong(f"{self.product.name}.pong"))
        elif frame.event == "api":
            self.product.api(self, frame)
        else:
            self._answer(frame, envelope)

    def _answer(self, frame: ClientFrame, envelope: Envelope) -> None:
        try:
            channel, topics = self._requested(frame)
        except StreamError as error:
            self.subscriber.push(envelope.ack(frame, error))
            return
        openings: list[bytes] = []
        for topic in topics:
            if frame.event == "unsubscribe":
                self.product.hub.remove(self.subscriber, topic)
                continue
            self.product.hub.add(self.subscriber, topic)
            opening = channel.first(topic, self.subscriber.decimal_sizes) if channel.first is not None else None
            openings += [] if opening is None else [opening]
        ack = envelope.ack(frame)
        for answer in [*openings, ack] if self.product.data_before_ack() else [ack, *openings]:
            self.subscriber.push(answer)

    def _requested(self, frame: ClientFrame) -> tuple[Channel, list[Topic]]:
        channel = self.product.channels.get(frame.channel)
        if channel is None:
            raise StreamError(2, f"Unknown channel {frame.channel}")
        if frame.event not in ("subscribe", "unsubscribe"):
            raise StreamError(2, f"Unknown event {frame.event}")
        uid = self._authenticate(frame) if channel.private else ""
        topics = channel.topics(_payload(frame), uid)
        if frame.event == "subscribe" and len(self.subscriber.topics) + len(topics) > TOPICS_MAX:
            raise StreamError(2, "too many subscriptions")
        if channel.unique is not None and frame.event == "subscribe":
            held = {channel.unique(topic) for topic in self.subscriber.topics if topic[0] == frame.channel}
            for topic in topics:
                if channel.unique(topic) in held:
                    raise StreamError(2, f"Alert sub {topic[1]}")
                held.add(channel.unique(topic))
        return channel, topics

    def _authenticate(self, frame: ClientFrame) -> str:
        auth = frame.auth
        if auth is None or not isinstance(frame.time, int):
            raise StreamError(4, _auth_message("INVALID_KEY", "Invalid key provided"))
        text = channel_signing_text(frame.channel, frame.event, frame.time)
        try:
            return authenticate_text(
                auth.KEY, auth.SIGN, str(frame.time), text,
                credentials=self.product.credentials(), now_ns=self.now_ns,
            ).account_id  # fmt: skip
        except GateError as error:
            raise StreamError(4, _auth_message(error.label, error.text or "")) from error


def _payload(frame: ClientFrame) -> list[Any]:
    raw = bytes(frame.payload)
    if not raw or raw == b"null":
        return []
    value = msgspec.json.decode(raw)
    if not isinstance(value, list):
        raise invalid_payload()
    return value


def _auth_message(label: str, text: str) -> str:
    """Captured: the message of code 4 is a JSON text itself, with a trailing newline."""
    return json.dumps({"label": label, "message": text}, separators=(",", ":")) + "\n"


async def serve(session: Session, wire: WebSocket) -> None:
    """Run one connection until the client leaves.

    Raises DropConnection (cut without a close frame) for a client that stopped reading, or idled without a
    subscription for 30 s.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_write, session, wire)
            nursery.start_soon(_drop_when_full, session)
            nursery.start_soon(_drop_when_idle, session)
            await _read(session, wire)
            nursery.cancel_scope.cancel()
    finally:
        session.product.hub.remove_all(session.subscriber)


async def _read(session: Session, wire: WebSocket) -> None:
    try:
        while True:
            session.handle(await wire.get_message())
    except ConnectionClosed:
        return


async def _write(session: Session, wire: WebSocket) -> None:
    try:
        while True:
            await wire.send_frames(await session.subscriber.outgoing.take())
    except ConnectionClosed:
        return


async def _drop_when_full(session: Session) -> None:
    await session.subscriber.dropped.wait()
    raise DropConnection("the client does not read")


async def _drop_when_idle(session: Session) -> None:
    while True:
        ends_s = session.heard_s + IDLE_S_MAX
        if session.subscriber.topics:
            await trio.sleep(IDLE_S_MAX)
        elif trio.current_time() < ends_s:
            await trio.sleep_until(ends_s)  # not for a difference, which rounding can make too small to pass
        else:
            raise DropConnection("idle")
