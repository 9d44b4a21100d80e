"""The network of a backtest: each message takes as long as the latency model says for its venue and its kind.

The bot reaches Gate spot and the perpetual at one host, so what a message is can only be seen by what is asked: the
client's end looks at the head of each request and gives the link the rule of that kind before it sends.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs
import trio

from dnbot.fakes.network import LinkRule, LinkStream, MemoryNetwork
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue
from dnbot.fakes.running import MEXC_HOST
from dnbot.ports.websocket_frames import FrameReader
from dnbot.research.latency import KINDS, DelayRandom, Kind, LatencyModel

Listener = Callable[[Venue, str | bytes], None]
"""Told of each message that reaches the bot over a WebSocket, when it does."""
Rules = dict[tuple[Venue, Kind], LinkRule]
MESSAGE_BYTES_MAX = 16 * 1_048_576
_VERBS = (b"GET ", b"POST ", b"PUT ", b"DELETE ")
_UPGRADE = b"upgrade: websocket"
_PERPETUAL = (b"/futures/", b"/v4/ws/usdt")


def kind_of(host: str, data: bytes) -> tuple[Venue, Kind] | None:
    """Whose and what a request is, by its head; None for bytes that begin none."""
    if not data.startswith(_VERBS):
        return None
    head = data.partition(b"\r\n\r\n")[0]
    verb, target = head.split(b" ", 2)[:2]
    venue: Venue = MEXC_SPOT if host == MEXC_HOST else GATE_SPOT
    if venue == GATE_SPOT and any(part in target for part in _PERPETUAL):
        venue = GATE_FUTURES
    if _UPGRADE in head.lower():
        return venue, "feed"
    return venue, "cancel" if verb == b"DELETE" or b"cancel" in target else "order"


class ModelledStream(LinkStream):
    """The bot's end of a link."""

    def __init__(self, link: LinkStream, host: str, rules: Rules, listener: Listener | None) -> None:
        self.__dict__.update(vars(link))
        self._host, self._rules, self._listener = host, rules, listener
        self._feed: Venue | None = None
        self._frames = FrameReader(MESSAGE_BYTES_MAX)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As `LinkStream`; a request's delay, and that of its answer, is that of its kind."""
        found = None if self._feed else kind_of(self._host, bytes(data))
        if found is not None:
            self._link.use(self._rules[found])
            self._feed = found[0] if found[1] == "feed" else None
        await super().send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As `LinkStream`; whoever listens is told of each whole message of a WebSocket."""
        data = await super().receive_some(max_bytes)
        if self._listener is not None and self._feed is not None:
            self._frames.feed(data)
            while self._frames.messages:
                self._listener(self._feed, self._frames.messages.popleft())
        return data


@attrs.define(eq=False)
class ModelledNetwork(MemoryNetwork):
    """A network in memory with the delays of a latency model."""

    model: LatencyModel = attrs.field(kw_only=True)
    listener: Listener | None = attrs.field(kw_only=True, default=None)
    rules: Rules = attrs.field(init=False, factory=dict)

    @classmethod
    def of(cls, nursery: trio.Nursery, model: LatencyModel, seed: int, listener: Listener | None) -> ModelledNetwork:
        """One whose delays follow from the seed."""
        rng: random.Random = DelayRandom(f"{seed}:latency")
        made = cls(nursery, rng, model.dial_s, model=model, listener=listener)
        for venue in (GATE_SPOT, GATE_FUTURES, MEXC_SPOT):
            for kind in KINDS:
                made.rules[venue, kind] = LinkRule("*", model.venues[venue].of(kind).seconds)
        made.set_rule(LinkRule("*", model.dial_s))  # until the first request says what a connection is for
        return made

    async def open_stream(self, host: str, port: int) -> LinkStream:
        """See `MemoryNetwork`."""
        return ModelledStream(await super().open_stream(host, port), host, self.rules, self.listener)
