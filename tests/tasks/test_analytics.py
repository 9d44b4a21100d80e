"""The analyst: the newest of each venue, told at once when it may matter, and ten times a second when not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import trio
import trio.testing
from hypothesis import example, given
from hypothesis import strategies as st

from dnbot.domain.instrument import VENUES, FeeSchedule, Symbol, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice, PublicTrade
from dnbot.domain.messages import FeedDown, FeedUp, InstrumentChanged, Signal
from dnbot.domain.pair import Pair
from dnbot.ports.channels import Boards
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.parameters import StrategyParameters
from dnbot.tasks.analytics import TELL_EVERY_S, Analyst

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal(1), max_order_notional_quote=Decimal(1000)
)


@attrs.define
class Analyzer:
    """Counts how often it is asked, and keeps what it was shown."""

    seen: list[Any] = attrs.field(factory=list)

    def observe(self, view: Any, fees: Any, now_s: float) -> tuple[Any, ...]:
        self.seen.append(view)
        return ()


@attrs.define
class Book:
    """A live book that shows one view."""

    shown: BookView

    @property
    def venue(self) -> Venue:
        return self.shown.venue

    def touch(self) -> tuple[Decimal, Decimal]:
        return self.shown.bids[0][0], self.shown.asks[0][0]

    def view(self) -> BookView:
        return self.shown


@attrs.define
class Bench:
    """An analyst, and the markets that it told."""

    analyst: Analyst
    analyzer: Analyzer
    told: list[Signal]

    def burst(self, *events: Any) -> list[Signal]:
        """What feeds read in one turn; what the machine saw of it in that turn."""
        before = len(self.told)
        for event in events:
            if isinstance(event, BookView):
                self.analyst.moved(Book(event))
            else:
                self.analyst.take(event)
        self.analyst.conclude()
        return self.told[before:]

    async def wait(self, for_s: float) -> list[Signal]:
        """What its task told meanwhile."""
        before = len(self.told)
        with trio.move_on_after(for_s):
            await self.analyst.run()
        return self.told[before:]


def bench(*, eager: bool = False) -> Bench:
    """Fees of ten basis points everywhere."""
    boards, analyzer, told = Boards(), Analyzer(), list[Signal]()
    for venue in VENUES:
        boards.fees[venue].put(FeeSchedule(venue=venue, maker=Decimal(0), taker=Decimal("0.001")))
    look = FirstLook(PARAMS)

    def deliver(signal: Signal) -> bool:
        told.append(signal)
        return True

    return Bench(Analyst(boards, analyzer, look, deliver, lambda: eager), analyzer, told)  # type: ignore[arg-type]


async def test_a_market_that_pays_nobody_is_told_ten_times_a_second(autojump_clock: Any, kit: Any) -> None:
    """A hundred frames in one moment are nothing that the machine has to see at once; then it sees the newest."""
    it = bench()
    for number in range(40):
        assert it.burst(*[kit.book(venue, bid=60_000 + number) for venue in VENUES]) == []
    (signal,) = await it.wait(TELL_EVERY_S * 5.5)
    assert len(it.analyzer.seen) == 1
    assert {book.bids[0][0] for book in signal.market.books.values()} == {Decimal(60_039)}


async def test_what_may_pay_is_told_in_the_same_turn(autojump_clock: Any, kit: Any) -> None:
    """Best prices beyond fees and threshold, whatever their depth; the other books are the newest, too."""
    it = bench()
    assert it.burst(kit.book(GS), kit.book(GF), kit.book(MS)) == []
    (signal,) = it.burst(kit.book(GS, bid=60_001), kit.book(MS, bid=60_200))
    assert [signal.market.books[venue].bids[0][0] for venue in VENUES] == [60_001, 60_000, 60_200]
    assert it.burst(kit.book(MS)) == [], "and then it does not"


BURSTS = st.lists(
    st.lists(st.tuples(st.sampled_from(VENUES), st.sampled_from([59_800, 60_000, 60_001, 60_200])), max_size=3),
    max_size=30,
)


def test_whatever_was_seen_before_the_first_look_is_at_the_newest_prices(kit: Any) -> None:
    """A market is told at once exactly when a look that knows the newest prices alone sees a pair that may pay."""

    async def holds(bursts: list[list[tuple[Venue, int]]]) -> None:
        it, shown, moved = bench(), dict[Venue, BookView](), set[Venue]()
        for burst in bursts:
            books = [kit.book(venue, bid=bid) for venue, bid in burst]
            shown.update((book.venue, book) for book in books)
            moved.update(book.venue for book in books)
            fresh = FirstLook.at(MarketView(books=shown), it.analyst.boards.known_fees(), PARAMS)
            pairs = [pair for pair in Pair if moved & {pair.buy_venue, pair.sell_venue}]
            promising = any(not fresh.hopeless(pair, None) for pair in pairs)
            assert bool(it.burst(*books)) is promising
            if promising:
                moved.clear()

    @given(BURSTS)
    @example([[(GS, 60_000), (GF, 60_000), (MS, 60_000)], [(MS, 60_000)], [(MS, 60_200)], [(GS, 60_000)]])
    def each(bursts: list[list[tuple[Venue, int]]]) -> None:
        trio.run(holds, bursts, clock=trio.testing.MockClock())

    each()


async def test_a_machine_that_has_something_under_way_sees_every_market(autojump_clock: Any, kit: Any) -> None:
    """It may want to hedge, or to build."""
    it = bench(eager=True)
    assert len(it.burst(kit.book(GS))) == 1
    assert it.burst() == [], "once"


async def test_the_machine_may_ask_for_the_newest(autojump_clock: Any, kit: Any) -> None:
    """What it was not told yet; and nothing twice."""
    it = bench()
    it.burst(kit.book(GS))
    found = it.analyst.newest()
    assert found is not None
    assert set(found.market.books) == {GS}
    assert it.analyst.newest() is None
    assert await it.wait(1) == []


async def test_a_machine_that_is_busy_asks_itself(autojump_clock: Any, kit: Any) -> None:
    """What it did not take is there when it asks, the newest then."""
    it = bench(eager=True)
    it.analyst.deliver = lambda _: False
    it.burst(kit.book(GS))
    it.burst(kit.book(GS, bid=60_005))
    found = it.analyst.newest()
    assert found is not None
    assert found.market.books[GS].bids[0][0] == 60_005
    assert it.analyst.newest() is None


async def test_feed_down_removes_the_book_at_once(autojump_clock: Any, kit: Any) -> None:
    """The others stay; FeedUp alone brings nothing back, the next book does."""
    it = bench(eager=True)
    bursts = ([kit.book(venue) for venue in VENUES], [FeedDown(MS, "gap")], [FeedUp(MS)], [kit.book(MS)])
    told = [set(signal.market.books) for burst in bursts for signal in it.burst(*burst)]
    assert told == [{GS, GF, MS}, {GS, GF}, {GS, GF, MS}]
    calm = bench()
    calm.burst(kit.book(MS))
    assert [set(signal.market.books) for signal in calm.burst(FeedDown(MS, "gap"))] == [set()]


async def test_a_book_behind_a_feed_down_in_one_burst_counts(autojump_clock: Any, kit: Any) -> None:
    """Order is kept: down then book is up, book then down is down."""
    it = bench()
    assert [set(s.market.books) for s in it.burst(kit.book(GS), FeedDown(GS, "gap"), kit.book(GS))] == [{GS}]
    assert [set(s.market.books) for s in it.burst(kit.book(GS), FeedDown(GS, "gap"))] == [set()]


async def test_mark_funding_and_instruments_are_kept_and_told_at_once(autojump_clock: Any, kit: Any) -> None:
    """Each with its newest value."""
    it = bench()
    mark, funding = MarkPrice(GF, Decimal(1), Decimal(1), 0), FundingRate(GF, Decimal("0.0001"), 28_800, 0)
    (signal,) = it.burst(mark, funding, InstrumentChanged(kit.instrument()))
    market = signal.market
    assert (market.mark, market.funding, market.instruments) == (mark, funding, {GS: kit.instrument()})


async def test_trades_of_the_market_become_flow(autojump_clock: Any, kit: Any) -> None:
    """Taker buys and sells of the last moments are shown beside the next book, and are no news by themselves."""
    it = bench(eager=True)
    trades = [PublicTrade(GS, Decimal(1), Decimal(1), bought, 0) for bought in (True, True, True, False)]
    assert it.burst(*trades) == []
    assert it.burst(kit.book(GS))[-1].market.flow[GS].buy_share == 0.75


async def test_the_view_survives_a_restart(autojump_clock: Any, kit: Any) -> None:
    """Killed and started again, it still knows instruments that are not told twice."""
    it = bench()
    it.burst(InstrumentChanged(kit.instrument()))
    await it.wait(1)
    it.burst(kit.book(GS))
    assert (await it.wait(1))[-1].market.instruments == {GS: kit.instrument()}
