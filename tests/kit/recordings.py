"""For tests of recordings: the fakes recorded in virtual time with a witness at their side, and small ones by hand."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import trio

from dnbot.bot import Place
from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.network import Listener, MemoryNetwork
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world
from dnbot.ports.clock import VirtualClock
from dnbot.ports.net import Endpoint
from dnbot.record.folder import Limits
from dnbot.record.intake import Intake
from dnbot.record.recorder import Recorder, build_recorder
from dnbot.record.words import Entry, Frame, Kind, Market
from dnbot.record.writing import RecordingWriter

BTC = Symbol("BTC", "USDT")
MARKETS = tuple(Market(venue, BTC) for venue in VENUES)
EPOCH_NS = SIMULATION_EPOCH_NS
SECONDS = 9
CUT_AT_S = 4
SEGMENT_S = 3


class Tapped(trio.abc.HalfCloseableStream):
    """The fakes' end of a connection, whose bytes out are kept."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.sent = inner, bytearray()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self.inner.receive_some(max_bytes))

    async def send_eof(self) -> None:
        await self.inner.send_eof()

    async def aclose(self) -> None:
        await self.inner.aclose()

    def messages(self) -> list[bytes]:
        """The data frames of a WebSocket, read from the bytes alone; nothing for a connection of HTTP."""
        head, _, rest = bytes(self.sent).partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            return []
        found, at = [], 0
        while at < len(rest):
            opcode, length, at = rest[at], rest[at + 1], at + 2
            wide = {126: 2, 127: 8}.get(length, 0)
            if wide:
                length, at = int.from_bytes(rest[at : at + wide], "big"), at + wide
            if opcode in {0x81, 0x82}:
                found.append(rest[at : at + length])
            at += length
        return found


@attrs.define(eq=False)
class WatchedNetwork(MemoryNetwork):
    """Keeps what every host sends."""

    streams: list[Tapped] = attrs.field(kw_only=True)

    def listen(
        self, host: str, port: int, handler: Listener, refuses: Callable[[], bool] = lambda: False
    ) -> None:
        async def handle(stream: trio.abc.Stream) -> None:
            self.streams.append(Tapped(stream))
            await handler(self.streams[-1])

        super().listen(host, port, handle, refuses)


@attrs.define
class Witness:
    """Stands between a feed and its tap: what the feed's own book showed."""

    tap: Any
    touches: list[tuple[Decimal, Decimal]]

    def take(self, event: Any) -> None:
        self.tap.take(event)

    def moved(self, book: Any) -> None:
        touch = book.touch()
        if touch is not None and (not self.touches or self.touches[-1] != touch):
            self.touches.append(touch)

    def conclude(self) -> None:
        self.tap.conclude()


@attrs.define
class Set:
    """A fake world in memory and what is needed to record it."""

    network: MemoryNetwork
    clock: VirtualClock
    streams: list[Tapped]

    def recorder(
        self, out: Path, limits: Limits | None = None, markets: Sequence[Market] = MARKETS, **intake: Any
    ) -> Recorder:
        writer = RecordingWriter(out, markets, by="test", at_ns=self.clock.now_ns(), limits=limits)
        gate = Place(Endpoint(GATE_HOST, 443), f"wss://{GATE_HOST}:443")
        mexc = Place(Endpoint(MEXC_HOST, 443), f"wss://{MEXC_HOST}:443")
        places = {Venue.GATE_SPOT: gate, Venue.GATE_FUTURES: gate, Venue.MEXC_SPOT: mexc}
        return build_recorder(
            Intake(writer, self.clock, **{"elsewhere": inline, **intake}), markets, places, self.network.open_stream,
            self.clock, {"by": "test", "of": "fakes"},
        )


async def inline(call: Callable[[], None]) -> None:
    """A thread would not know virtual time."""
    await trio.lowlevel.checkpoint()
    call()


@asynccontextmanager
async def fakes_in_memory() -> AsyncIterator[Set]:
    """A running fake world; under a mock clock."""
    streams: list[Tapped] = []
    world = build_world(FakesConfig(), FakeClock(EPOCH_NS))
    async with trio.open_nursery() as nursery:
        network = WatchedNetwork(nursery, random.Random(1), streams=streams)
        world.listen(network)
        nursery.start_soon(world.run)
        yield Set(network, VirtualClock(EPOCH_NS), streams)
        nursery.cancel_scope.cancel()


@attrs.frozen
class Taped:
    """A recording, what the fakes sent, and what the feeds' books showed."""

    folder: Path
    sent: list[list[bytes]]
    touches: dict[Market, list[tuple[Decimal, Decimal]]]
    segments_begun: int
    entries: int


async def tape(folder: Path) -> Taped:
    """Some seconds of three markets; Gate's connections are cut in the middle."""
    async with fakes_in_memory() as on:
        recorder = on.recorder(folder, Limits(segment_s=SEGMENT_S))
        touches: dict[Market, list[tuple[Decimal, Decimal]]] = {market: [] for market in MARKETS}
        for one in recorder.markets:
            one.feed.market = Witness(one.tap, touches[one.tap.market])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recorder.run)
            await trio.sleep(CUT_AT_S)
            on.network.cut("gate*")
            await trio.sleep(SECONDS - CUT_AT_S)
            nursery.cancel_scope.cancel()
        sent = [messages for stream in on.streams if (messages := stream.messages())]
        return Taped(folder, sent, touches, recorder.intake.writer.opened, recorder.intake.statistics.entries)


def frame(number: int, size: int = 40, market: Market = MARKETS[0], at_s: float | None = None) -> Frame:
    """A frame of text that nobody can compress much."""
    at_ns = round((number / 10 if at_s is None else at_s) * 1e9)
    text = random.Random(number).randbytes(size // 2).hex()
    return Frame(
        number=number, received_ns=EPOCH_NS + at_ns, monotonic_ns=at_ns, market=market, connection=1, kind=Kind.BOOK,
        payload=text.encode(), is_text=True,
    )


def write(
    folder: Path, *batches: Sequence[Entry], limits: Limits | None = None, close: bool = True,
    markets: Sequence[Market] = MARKETS[:1],
) -> None:
    """A small recording; not closed, it is as a killed recorder leaves it."""
    writer = RecordingWriter(folder, markets, by="test", at_ns=EPOCH_NS, limits=limits)
    for batch in batches:
        writer.write(batch)
    if close:
        writer.close()
    else:
        writer.abandon()
