"""A byte stream that faults can reach: held back, slowed, closed, and, once it is a socket, struck frame by frame."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import attrs
import trio

from .faults_calls import called, instead_of
from .faults_conditions import Condition
from .faults_engine import FaultEngine
from .faults_framing import (
    CLOSE,
    HEAD_BYTES_MAX,
    WireFrame,
    cut_frames,
    frame_size,
    is_refused,
    opcode_of,
    server_frame,
)
from .faults_kinds import FrameStrike, Happening, Sent
from .faults_wire import heard_frames, markets_of, sent_frame
from .records import MEXC_SPOT, Venue
from .web import DropConnection

HELD_BYTES_MAX = 1_048_576
"""What a mute or slow link takes before it makes its sender wait, as a socket's buffer does."""
SLICES_PER_S = 10.0
RECEIVE_BYTES = 65_536


@attrs.define(eq=False)
class FaultyStream(trio.abc.HalfCloseableStream):
    """One end of a connection. Without any fault it passes bytes through; ``pump`` must be running for those it held.

    ``venue`` and ``domain`` are known from the first request on; ``account`` on a socket that has shown its key.
    """

    stream: trio.abc.Stream
    engine: FaultEngine
    venue: Venue | None = None
    domain: str = ""
    account: str = ""
    is_socket: bool = False
    silenced: dict[tuple[str, str], None] = attrs.field(factory=dict)
    """Channel and market (empty: all of them) that were acknowledged and will say nothing on this connection."""
    instead: dict[str, list[bytes]] = attrs.field(factory=dict)
    """By the id of an order call, what is told instead of each of the venue's own answers to come; empty: nothing."""
    _own: Condition | None = None
    _held: bytearray = attrs.field(factory=bytearray)
    _heard: bytearray = attrs.field(factory=bytearray)
    _refused: bool = False
    """The client broke the protocol: what it says is the server's to refuse, and passes as it is."""
    _ready: bytearray = attrs.field(factory=bytearray)
    _late: list[tuple[float, int, bytes]] = attrs.field(factory=list)
    _sent: int = 0
    _changed: trio.Event = attrs.field(factory=trio.Event)
    _closing: bool = False
    cut: trio.Event = attrs.field(factory=trio.Event)
    """Set when the connection must be dropped without a word."""

    def become(self, venue: Venue, domain: str) -> None:
        """Now it is known whose it is; a socket of a kind that is down is cut."""
        self.venue, self.domain = venue, domain
        if any(condition.down for condition in self._suffers()):
            self.cut.set()

    # -- what faults may do to it

    def slow_down(self, bytes_per_s: float) -> None:
        """From now on this one connection is so slow."""
        if self.venue is not None:
            self._own = Condition((self.venue,), bytes_per_s=bytes_per_s)
            self._tell()

    def send_later(self, wait_s: float, raw: bytes) -> None:
        """Let a whole frame leave after a while, beside whatever else is sent."""
        self._sent += 1
        heapq.heappush(self._late, (trio.current_time() + wait_s, self._sent, raw))
        self._tell()

    def say_goodbye(self, code: int) -> None:
        """Send a close frame (1005: one without a code), as the venue does when it ends a connection."""
        payload = b"" if code == 1005 else code.to_bytes(2, "big")
        self.send_later(0.0, server_frame(payload, CLOSE))

    def silence(self, asked: Happening) -> None:
        """Let what was subscribed to say nothing here until it is asked for again."""
        for market in markets_of(asked) or ("",):
            self.silenced[asked.path, market] = None

    # -- a byte stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Pass on, or keep what the link does not take now."""
        data = bytes(data)
        if self.is_socket and (self.silenced or self.instead or self.engine.has("on_frame")):
            data = self._shaped(data)
        if not self._held and not self._suffers():
            await self.stream.send_all(data)
            return
        await trio.lowlevel.checkpoint()
        self._held += data
        self._tell()
        while len(self._held) > HELD_BYTES_MAX:
            await self._changed.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What arrives, once the link delivers it and no fault swallows it."""
        while not self._ready:
            data = bytes(await self.stream.receive_some(max_bytes or RECEIVE_BYTES))
            while any(condition.deaf for condition in self._suffers()):
                await self.engine.links.changed.wait()
            if not data or not self.is_socket:
                return data
            await self._hear(data)
        size = max_bytes or len(self._ready)
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    async def wait_send_all_might_not_block(self) -> None:
        """Passed through."""
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Passed through, where the stream can."""
        if isinstance(self.stream, trio.abc.HalfCloseableStream):
            await self.stream.send_eof()
        else:
            await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Close; a slow link first delivers what it was given, unless the connection is cut."""
        if self._held and not self.cut.is_set() and not self._closing:
            self._closing = True
            await trio.lowlevel.checkpoint()
        else:
            await self.stream.aclose()

    # -- time

    async def pump(self) -> None:
        """Deliver what was held back or delayed, as the link allows; returns when the connection is gone."""
        try:
            while not (self._closing and not self._held):
                await self._turn()
            await self.stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._held.clear()  # nobody is there to take it
            self._tell()

    async def drained(self) -> None:
        """Wait until nothing is held back of a connection that its owner has closed."""
        while self._closing and self._held:
            await self._changed.wait()

    async def _turn(self) -> None:
        changed, links_changed = self._changed, self.engine.links.changed
        conditions = self._suffers()
        due_s = self._late[0][0] if self._late else float("inf")
        if due_s <= trio.current_time():
            self._held += heapq.heappop(self._late)[2]
        elif self._held and not any(condition.mute for condition in conditions):
            await self._deliver(conditions)
        else:
            async with trio.open_nursery() as nursery:
                for event in (changed, links_changed):
                    nursery.start_soon(_first, event, nursery.cancel_scope)
                nursery.cancel_scope.deadline = due_s

    async def _deliver(self, conditions: list[Condition]) -> None:
        rates = [condition.bytes_per_s for condition in conditions if condition.bytes_per_s is not None]
        rate = min(rates, default=0.0)
        size = max(1, int(rate / SLICES_PER_S)) if rate else len(self._held)
        piece = bytes(self._held[:size])
        await self.stream.send_all(piece)
        if rate:
            await trio.sleep(len(piece) / rate)
        del self._held[:size]
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def _suffers(self) -> list[Condition]:
        if self.venue is None:
            return []
        found = self.engine.links.of(self.venue, self.domain)
        return found if self._own is None else [*found, self._own]

    # -- frames

    def _shaped(self, data: bytes) -> bytes:
        """The bytes of whole frames, as faults leave them."""
        if self.venue is None:
            return data
        frames, rest = cut_frames(data)
        return b"".join(self._shape(self.venue, frame) if frame.is_message else frame.raw for frame in frames) + rest

    def _shape(self, venue: Venue, frame: WireFrame) -> bytes:
        happening = sent_frame(venue, frame)
        if happening.method == "PUSH" and self._is_silent(happening):
            return b""
        told = instead_of(self, frame.payload) if happening.method == "REPLY" and self.instead else None
        if told is not None:
            return told
        sent: list[Sent] = [(0.0, frame.payload)]
        for armed in self.engine.struck_by(happening, "on_frame"):
            effect = armed.kind.on_frame
            if effect is not None:
                sent = [
                    (wait_s + more_s, payload)
                    for wait_s, before in sent
                    for more_s, payload in effect(FrameStrike(self.engine, armed, happening, before, self))
                ]
        now = b""
        for wait_s, payload in sent:
            raw = frame.raw if payload is frame.payload else server_frame(payload, opcode_of(venue, payload))
            if wait_s > 0:
                self.send_later(wait_s, raw)
            else:
                now += raw
        return now

    def _is_silent(self, push: Happening) -> bool:
        if not self.silenced:
            return False
        markets = markets_of(push) or ("",)
        return (push.path, "") in self.silenced or all((push.path, market) in self.silenced for market in markets)

    def _speak_again(self, asked: Happening) -> None:
        """What is asked for anew, or given up, is not silent any more; other markets of its channel stay so."""
        markets = markets_of(asked) if self.silenced else ()
        for path, market in list(self.silenced):
            if path == asked.path and (not markets or market in ("", *markets)):
                del self.silenced[path, market]

    async def _hear(self, data: bytes) -> None:
        self._heard += data
        if frame_size(bytes(self._heard[:HEAD_BYTES_MAX])) <= len(self._heard) and not self._refused:
            frames, rest = cut_frames(bytes(self._heard))
            self._heard = bytearray(rest)
            for frame in frames:
                for wait_s, raw in await self._understood(frame):
                    if wait_s > 0:
                        await trio.sleep(wait_s)
                    self._ready += raw
        self._refused = self._refused or is_refused(bytes(self._heard[:HEAD_BYTES_MAX]))
        if self._refused:
            self._ready += self._heard
            self._heard.clear()

    async def _understood(self, frame: WireFrame) -> Sequence[Sent]:
        """The frame as the venue hears it: perhaps late, perhaps twice, perhaps in part, perhaps not at all."""
        if self.venue is None or not frame.is_message:
            return [(0.0, frame.raw)]
        copies: Sequence[Sent] = [(0.0, frame.raw)]
        for happening in heard_frames(self.venue, frame):
            self._learn(happening)
            self._speak_again(happening)
            self.engine.begin_awaited(happening)
            for armed in self.engine.struck_by(happening, "on_heard"):
                effect = armed.kind.on_heard
                if effect is not None and copies:  # which are all the same
                    heard = effect(FrameStrike(self.engine, armed, happening, copies[0][1], self))
                    copies = [(wait_s + more_s, raw) for wait_s, _ in copies for more_s, raw in heard]
            if happening.method == "WS":
                copies = await called(self, happening, await _arrived(copies))
        return copies

    def _learn(self, happening: Happening) -> None:
        """A Gate socket shows whose it is, and whether it is private, by what it subscribes to."""
        if happening.venue == MEXC_SPOT or happening.method not in ("SUBSCRIBE", "WS"):
            return
        private = happening.domain == "private" or happening.path.endswith(".login")
        if self.domain != "private":
            self.become(happening.venue, "private" if private else "public")
        if private:
            for account in self.engine.world.exchange.state.accounts.api():
                if account.key.encode() in happening.raw:
                    self.account = account.uid


async def _arrived(copies: Sequence[Sent]) -> Sequence[Sent]:
    """Wait for the first copy: what strikes a call does so when the venue hears it, not while it is on its way."""
    first_s = copies[0][0] if copies else 0.0
    if first_s > 0:
        await trio.sleep(first_s)
    return [(wait_s - first_s, raw) for wait_s, raw in copies]


async def drop_when_cut(link: FaultyStream) -> None:
    """Raise DropConnection when a fault cuts this connection."""
    await link.cut.wait()
    raise DropConnection("cut")


async def _first(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
