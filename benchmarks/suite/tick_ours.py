"""The bot's own way from a frame to a decision: its feeds, its analyst, and the machine's step, on a live server.

Two things are at hand instead of read over REST: the snapshot that the stream joins, and the instruments. The machine
comes from the bench of its tests; time goes on for it with each signal.
"""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import attrs
import msgspec
import trio

from dnbot.domain.book import BookSnapshot
from dnbot.domain.instrument import VENUES, FeeSchedule, Symbol, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.messages import InstrumentChanged, Signal
from dnbot.ports.channels import Boards, Channels
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint, TcpTlsOpener
from dnbot.ports.websocket import WebSocket
from dnbot.strategy.machine import step
from dnbot.strategy.spread import SpreadAnalyzer
from dnbot.tasks.analytics import Analyst
from dnbot.tasks.feed import Feed
from dnbot.tasks.link import Line
from dnbot.venues.factory import public_codec
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.wire import Reply
from suite import frames
from suite.step import monitoring
from suite.tick_words import ENDS_WITH, Decided, Done

SYMBOL = Symbol("BTC", "USDT")
FEE = Decimal("0.0005")
_CONTRACT = {
    "name": "BTC_USDT", "type": "direct", "status": "trading", "in_delisting": False, "quanto_multiplier": "0.0001",
    "order_price_round": "0.1", "order_size_min": 1, "order_size_max": 1_000_000, "order_price_deviate": "0.5",
    "maintenance_rate": "0.005",
}


def snapshot(venue: Venue) -> BookSnapshot:
    """What every stream begins with."""
    bids, asks = ([(Decimal(price), Decimal(size)) for price, size in side] for side in frames.snapshot())
    return BookSnapshot(venue=venue, update_id=frames.FIRST_ID, bids=tuple(bids), asks=tuple(asks))


@attrs.define
class _Stamped:
    """A socket whose messages are stamped when they were read, and that knows the server's last word."""

    socket: WebSocket
    at_ns: int = 0

    async def receive(self) -> str | bytes:
        message = await self.socket.receive()
        self.at_ns = time.perf_counter_ns()
        if isinstance(message, str) and message.startswith(ENDS_WITH):
            raise Done(msgspec.json.decode(message))
        return message

    async def send(self, message: str | bytes) -> None:
        await self.socket.send(message)


@attrs.define
class _Feed(Feed):
    """The bot's feed with its snapshot at hand; notes when the frame of each book was read."""

    read: deque[tuple[int, int]] = attrs.field(factory=deque)
    """(update id, ns) of frames that are not decided yet."""
    stamped: _Stamped | None = None

    async def _listen(self, socket: WebSocket, nursery: trio.Nursery) -> None:
        self.stamped = _Stamped(socket)
        await super()._listen(cast("WebSocket", self.stamped), nursery)

    async def _read_instrument(self) -> None:
        if isinstance(self.codec, GateFuturesPublic):
            self.codec.instrument([Reply(status=200, headers={}, body=msgspec.json.encode(_CONTRACT))])

    async def _sync(self) -> None:
        assert self._join(snapshot(self.venue))
        self._publish(0)
        self._syncing = False

    def _publish(self, at_ms: int) -> None:
        assert self.stamped is not None
        self.read.append((self._book.update_id, self.stamped.at_ns))
        super()._publish(at_ms)


async def decided(urls: dict[Venue, str], ca_file: Path) -> Decided:
    """All frames of a server, and how long each waited for the decision that it was part of."""
    channels, boards, found = Channels.open(), Boards(), Decided()
    clock, log = SystemClock(), EventLog(SystemClock(), [])
    line = cast("Line", SimpleNamespace(clock=SimpleNamespace(clock=clock)))
    feeds = [
        _Feed(
            public_codec(venue, SYMBOL), line, TcpTlsOpener([Endpoint.from_url(url)], ca_file=ca_file), url,
            channels.market.send, boards.instruments[venue], log,
        )
        for venue, url in urls.items()
    ]
    bench = monitoring()
    for venue in VENUES:
        boards.fees[venue].put(FeeSchedule(venue=venue, maker=FEE, taker=FEE))
        await channels.market.send.send(InstrumentChanged(bench.instruments[venue]))
    price = Decimal(60_000)
    await channels.market.send.send(MarkPrice(Venue.GATE_FUTURES, price, price, 0))
    await channels.market.send.send(FundingRate(Venue.GATE_FUTURES, Decimal("0.0001"), 28_800, 2_000_000_000))
    analyst = Analyst(channels.market.receive, channels.inbox.send, boards, SpreadAnalyzer(Decimal("0.05")))

    async def listen(feed: _Feed) -> None:
        try:
            await feed.run()
        except* Done as done:
            found.server = cast("Done", done.exceptions[0]).told

    async with trio.open_nursery() as root:
        root.start_soon(analyst.run)
        root.start_soon(_decide, channels, bench.context, {feed.venue: feed.read for feed in feeds}, found)
        async with trio.open_nursery() as nursery:
            began_s = time.process_time()
            for feed in feeds:
                nursery.start_soon(listen, feed)
        found.cpu_s = time.process_time() - began_s
        root.cancel_scope.cancel()
    return found


async def _decide(
    channels: Channels, context: Any, waiting: dict[Venue, deque[tuple[int, int]]], found: Decided
) -> None:
    now_s = trio.current_time()
    context = msgspec.structs.replace(context, now_s=now_s, checked_s=now_s)
    while True:
        event = await channels.inbox.receive.receive()
        context = step(context, event).context
        now_ns = time.perf_counter_ns()
        assert isinstance(event, Signal)
        for venue, book in event.market.books.items():
            queue = waiting[venue]
            while queue and queue[0][0] <= book.update_id:
                found.waited_ns.append(now_ns - queue.popleft()[1])
