"""The analyst: everything drained, the newest of each venue, one signal per batch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.market import FundingRate, MarkPrice, PublicTrade
from dnbot.domain.messages import FeedDown, FeedUp, InstrumentChanged, Signal
from dnbot.ports.channels import Boards
from dnbot.tasks.analytics import Analyst

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT


@attrs.define
class Analyzer:
    """Counts how often it is asked, and keeps what it was shown."""

    seen: list[Any] = attrs.field(factory=list)

    def observe(self, view: Any, fees: Any, now_s: float) -> tuple[Any, ...]:
        self.seen.append(view)
        return ()


@attrs.define
class Bench:
    analyst: Analyst
    market: Any
    inbox: Any
    analyzer: Analyzer

    async def run(self, kit: Any, *batches: list[Any]) -> list[Signal]:
        """Send these batches, each in one turn; the signals."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.analyst.run)
            for batch in batches:
                for event in batch:
                    self.market.send_nowait(event)
                await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
        found: list[Signal] = kit.drain(self.inbox)
        return found


def bench(kit: Any) -> Bench:
    market, inbox, analyzer = kit.pipe(256), kit.pipe(), Analyzer()
    analyst = Analyst(market[1], inbox[0], Boards(), analyzer)  # type: ignore[arg-type]
    return Bench(analyst, market[0], inbox[1], analyzer)


async def test_a_batch_is_one_signal_with_the_newest_books(autojump_clock: Any, kit: Any) -> None:
    """A hundred frames that waited are folded, and decided on once: nothing old is traded on."""
    it = bench(kit)
    batch = [kit.book(venue, bid=60_000 + number) for number in range(40) for venue in VENUES]
    signals = await it.run(kit, batch)
    assert len(signals) == len(it.analyzer.seen) == 1
    assert {book.bids[0][0] for book in signals[0].market.books.values()} == {Decimal(60_039)}


async def test_feed_down_removes_the_book(autojump_clock: Any, kit: Any) -> None:
    """The others stay; FeedUp alone brings nothing back, the next book does."""
    it = bench(kit)
    signals = await it.run(
        kit, [kit.book(venue) for venue in VENUES], [FeedDown(MS, "gap")], [FeedUp(MS)], [kit.book(MS)]
    )
    assert [set(signal.market.books) for signal in signals] == [{GS, GF, MS}, {GS, GF}, {GS, GF}, {GS, GF, MS}]


async def test_a_book_behind_a_feed_down_in_one_batch_counts(autojump_clock: Any, kit: Any) -> None:
    """Order within a batch is kept: down then book is up, book then down is down."""
    it = bench(kit)
    signals = await it.run(kit, [kit.book(GS), FeedDown(GS, "gap"), kit.book(GS)], [kit.book(GS), FeedDown(GS, "gap")])
    assert [set(signal.market.books) for signal in signals] == [{GS}, set()]


async def test_mark_funding_and_instruments_are_kept(autojump_clock: Any, kit: Any) -> None:
    """Each with its newest value; the mark with its age."""
    it = bench(kit)
    mark, funding = MarkPrice(GF, Decimal(1), Decimal(1), 0), FundingRate(GF, Decimal("0.0001"), 28_800, 0)
    signals = await it.run(kit, [mark, funding, InstrumentChanged(kit.instrument())])
    market = signals[0].market
    assert (market.mark, market.funding, market.instruments) == (mark, funding, {GS: kit.instrument()})


async def test_trades_of_the_market_become_flow(autojump_clock: Any, kit: Any) -> None:
    """Taker buys and sells of the last moments are shown beside the next book."""
    it = bench(kit)
    trades = [PublicTrade(GS, Decimal(1), Decimal(1), bought, 0) for bought in (True, True, True, False)]
    signals = await it.run(kit, trades, [kit.book(GS)])
    assert signals[-1].market.flow[GS].buy_share == 0.75


async def test_the_view_survives_a_restart(autojump_clock: Any, kit: Any) -> None:
    """Killed and started again, it still knows instruments that are not told twice."""
    it = bench(kit)
    await it.run(kit, [InstrumentChanged(kit.instrument())])
    signals = await it.run(kit, [kit.book(GS)])
    assert signals[-1].market.instruments == {GS: kit.instrument()}
