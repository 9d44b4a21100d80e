"""The bot's own way from a frame to a decision: its feeds, its analyst, and the machine's step, on a live server.

Two things are at hand instead of read over REST: the snapshot that the stream joins, and the instruments. The machine
comes from the bench of its tests; time goes on for it with each signal.
"""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import attrs
import msgspec
import trio

from dnbot.domain.book import BookSnapshot
from dnbot.domain.instrument import VENUES, FeeSchedule, Symbol, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.messages import InstrumentChanged, Signal
from dnbot.ports.channels import Boards
from dnbot.ports.clock import SystemClock, VenueClock
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint, TcpTlsOpener
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.machine import step
from dnbot.strategy.spread import SpreadAnalyzer
from dnbot.tasks.analytics import Analyst
from dnbot.tasks.feed import Feed
from dnbot.tasks.link import Line
from dnbot.tasks.source import OwnSource
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
class TimedFeed(Feed):
    """The bot's feed with its snapshot at hand; knows when each frame was read, and the server's last word."""

    read_ns: list[int] = attrs.field(factory=list)
    """Of frames that are not decided yet."""

    def _read(self, nursery: trio.Nursery, frame: str | bytes) -> None:
        self.read_ns.append(time.perf_counter_ns())
        if isinstance(frame, str) and frame.startswith(ENDS_WITH):
            raise Done(msgspec.json.decode(frame))
        super()._read(nursery, frame)

    async def _read_instrument(self, young_s: float) -> None:  # noqa: ARG002 (the feed's own)
        if isinstance(self.codec, GateFuturesPublic):
            self.codec.instrument([Reply(status=200, headers={}, body=msgspec.json.encode(_CONTRACT))])

    async def _sync(self) -> None:
        assert self._join(snapshot(self.venue))
        self._publish(0)
        self._syncing = False


@attrs.define
class TimedAnalyst(Analyst):
    """The bot's analyst; notes when it has decided what to do with a burst, the machine's step included."""

    read_ns: list[list[int]] = attrs.field(factory=list)
    found: Decided = attrs.field(factory=Decided)

    def conclude(self) -> None:
        super().conclude()
        now_ns = time.perf_counter_ns()
        for waiting in self.read_ns:
            self.found.note(now_ns, waiting)
            waiting.clear()


@attrs.define
class _Machine:
    """The machine's step, on one market after the other."""

    context: Any
    found: Decided

    def __attrs_post_init__(self) -> None:
        now_s = trio.current_time()
        self.context = msgspec.structs.replace(self.context, now_s=now_s, checked_s=now_s)

    def see(self, signal: Signal) -> bool:
        self.context = step(self.context, signal).context
        self.found.judged(signal.market)
        return True


async def decided(
    urls: dict[Venue, str], ca_file: Path, found: Decided | None = None, feed: type[TimedFeed] = TimedFeed
) -> Decided:
    """All frames of a server, and how long each waited for the decision that it was part of."""
    boards, found = Boards(), found or Decided()
    clock, log = SystemClock(), EventLog(SystemClock(), [])
    machine = _Machine(monitoring().context, found)
    analyst = TimedAnalyst(
        boards, SpreadAnalyzer(Decimal("0.05")), FirstLook(machine.context.params), machine.see, lambda: False
    )
    feeds = [
        feed(
            public_codec(venue, SYMBOL),
            OwnSource(
                Line(venue, {}, {}, VenueClock(clock)), TcpTlsOpener([Endpoint.from_url(url)], ca_file=ca_file), url
            ),
            analyst, boards.instruments[venue], log,
        )
        for venue, url in urls.items()
    ]
    analyst.read_ns, analyst.found = [each.read_ns for each in feeds], found
    for venue in VENUES:
        boards.fees[venue].put(FeeSchedule(venue=venue, maker=FEE, taker=FEE))
        analyst.take(InstrumentChanged(machine.context.instruments[venue]))
    price = Decimal(60_000)
    analyst.take(MarkPrice(Venue.GATE_FUTURES, price, price, 0))
    analyst.take(FundingRate(Venue.GATE_FUTURES, Decimal("0.0001"), 28_800, 2_000_000_000))

    async def listen(feed: TimedFeed) -> None:
        try:
            await feed.run()
        except* Done as done:
            found.server = cast("Done", done.exceptions[0]).told

    async with trio.open_nursery() as root:
        root.start_soon(analyst.run)
        async with trio.open_nursery() as nursery:
            began_s = time.process_time()
            for each in feeds:
                nursery.start_soon(listen, each)
        found.cpu_s = time.process_time() - began_s
        root.cancel_scope.cancel()
    return found
