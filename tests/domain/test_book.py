"""The local book against a plain model: the sequence rule, levels, walks and depth."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.book import (
    Applied,
    BookDelta,
    BookSnapshot,
    Level,
    OrderBook,
    depth_within,
    levels_for,
    walk,
)
from dnbot.domain.errors import BookGap
from dnbot.domain.instrument import Venue
from dnbot.domain.order import Side

VENUE = Venue.GATE_SPOT
QUANTITIES = st.integers(0, 5).map(Decimal)
BID_CHANGES = st.lists(st.tuples(st.integers(1, 50).map(Decimal), QUANTITIES), max_size=6).map(tuple)
ASK_CHANGES = st.lists(st.tuples(st.integers(51, 100).map(Decimal), QUANTITIES), max_size=6).map(tuple)
SOME = st.decimals(min_value="0.01", max_value=20, places=2)
LEVELS = st.lists(
    st.tuples(st.integers(1, 200), st.integers(1, 9)), min_size=1, max_size=8, unique_by=lambda level: level[0]
).map(lambda raw: tuple((Decimal(price), Decimal(quantity)) for price, quantity in sorted(raw)))


def delta(
    first: int, last: int, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = (), *, full: bool = False
) -> BookDelta:
    """An increment of the venue under test."""
    return BookDelta(venue=VENUE, first_id=first, last_id=last, bids=bids, asks=asks, full=full)


def loaded(update_id: int = 100) -> OrderBook:
    """A book just loaded: bid 40, ask 60, five units each."""
    book = OrderBook(VENUE)
    book.load(
        BookSnapshot(
            venue=VENUE, update_id=update_id, bids=((Decimal(40), Decimal(5)),), asks=((Decimal(60), Decimal(5)),)
        )
    )
    return book


@given(st.lists(st.tuples(BID_CHANGES, ASK_CHANGES, st.integers(1, 4)), max_size=12))
def test_a_book_equals_the_fold_of_its_increments(
    changes: list[tuple[tuple[Level, ...], tuple[Level, ...], int]]
) -> None:
    """After any unbroken sequence, levels are what a dict per side says, best first, and ids follow."""
    book, bids, asks, at = loaded(), {Decimal(40): Decimal(5)}, {Decimal(60): Decimal(5)}, 100
    for bid_changes, ask_changes, span in changes:
        assert book.apply(delta(at + 1, at + span, bid_changes, ask_changes)) is Applied.APPLIED
        for side, levels in ((bids, bid_changes), (asks, ask_changes)):
            for price, quantity in levels:
                side[price] = quantity
        at += span
    assert book.update_id == at
    assert book.bids(99) == tuple(sorted(((p, q) for p, q in bids.items() if q), reverse=True))
    assert book.asks(99) == tuple(sorted((p, q) for p, q in asks.items() if q))
    assert book.bids(1) == book.bids(99)[:1]


@given(st.integers(90, 110), st.integers(0, 8))
def test_the_first_increment_after_a_snapshot_may_overlap_it(first: int, span: int) -> None:
    """It is stale up to the snapshot's id, applies when it covers the next one, and is a gap beyond."""
    book, last = loaded(100), first + span
    if last <= 100:
        assert book.apply(delta(first, last)) is Applied.STALE
        assert book.update_id == 100
    elif first <= 101:
        assert book.apply(delta(first, last)) is Applied.APPLIED
        assert book.update_id == last
    else:
        with pytest.raises(BookGap) as gap:
            book.apply(delta(first, last))
        assert (gap.value.expected, gap.value.found) == (101, first)
        assert not book.synced


@given(st.integers(95, 115), st.integers(0, 8))
def test_every_later_increment_starts_where_the_last_ended(first: int, span: int) -> None:
    """Once in sequence, an overlap is as wrong as a hole: only the next id continues."""
    book, last = loaded(100), first + span
    book.apply(delta(101, 103))
    if last <= 103:
        assert book.apply(delta(first, last)) is Applied.STALE
    elif first == 104:
        assert book.apply(delta(first, last)) is Applied.APPLIED
    else:
        with pytest.raises(BookGap):
            book.apply(delta(first, last))
        assert not book.synced


def test_an_unsynced_book_takes_nothing_but_a_snapshot() -> None:
    """Before a snapshot, and after a gap, increments are refused; a snapshot heals."""
    book = OrderBook(VENUE)
    with pytest.raises(BookGap):
        book.apply(delta(1, 2))
    book.load(BookSnapshot(venue=VENUE, update_id=5, bids=(), asks=()))
    assert book.synced
    assert book.apply(delta(6, 6)) is Applied.APPLIED


def test_a_crossed_result_is_a_gap() -> None:
    """A book whose bid reaches its ask is corrupt: it unsyncs."""
    book = loaded()
    with pytest.raises(BookGap):
        book.apply(delta(101, 101, bids=((Decimal(60), Decimal(1)),)))
    assert not book.synced
    assert book.is_crossed


def test_an_empty_side_crosses_nothing() -> None:
    """A book with one side only is not crossed."""
    book = loaded()
    book.apply(delta(101, 101, bids=((Decimal(40), Decimal(0)),)))
    assert book.bids(5) == ()
    assert not book.is_crossed


def test_removing_what_is_not_there_changes_nothing() -> None:
    """A zero for an unknown price is no level."""
    book = loaded()
    book.apply(delta(101, 101, asks=((Decimal(77), Decimal(0)),)))
    assert book.asks(9) == ((Decimal(60), Decimal(5)),)


def test_a_full_increment_replaces_the_book_but_never_rolls_it_back() -> None:
    """`full` loads whatever the sequence says, unless it is older than what is applied."""
    book = loaded(100)
    level = ((Decimal(50), Decimal(1)),)
    assert book.apply(delta(1, 100, bids=level, full=True)) is Applied.STALE
    assert book.apply(delta(200, 200, bids=level, asks=((Decimal(55), Decimal(0)),), full=True)) is Applied.APPLIED
    assert (book.bids(9), book.asks(9), book.update_id) == (level, (), 200)
    with pytest.raises(BookGap):
        book.apply(delta(200, 202))
    assert book.apply(delta(150, 150, bids=level, full=True)) is Applied.APPLIED


@given(LEVELS, st.integers(1, 100))
def test_a_walk_takes_from_the_best_price_on(asks: tuple[Level, ...], wanted: int) -> None:
    """Value, worst price and vwap equal those of the units laid out one by one; too little depth is None."""
    units = [price for price, quantity in asks for _ in range(int(quantity))][:wanted]
    taken = walk(asks, Decimal(wanted))
    if len(units) < wanted:
        assert taken is None
        return
    assert taken is not None
    assert taken.value == sum(units)
    assert taken.worst_price == units[-1]
    assert units[0] <= taken.vwap <= units[-1]


@given(LEVELS, SOME, SOME)
def test_more_is_never_cheaper(asks: tuple[Level, ...], some: Decimal, more: Decimal) -> None:
    """The vwap and the worst price of a buy do not fall as the quantity grows."""
    low, high = sorted((some, some + more))
    small, large = walk(asks, low), walk(asks, high)
    if large is not None:
        assert small is not None
        assert small.vwap <= large.vwap + Decimal("1e-20")
        assert small.worst_price <= large.worst_price


def test_a_walk_needs_a_quantity() -> None:
    """Nothing is no walk."""
    with pytest.raises(ValueError, match="positive quantity"):
        walk(((Decimal(1), Decimal(1)),), Decimal(0))


@given(LEVELS, st.integers(0, 210))
def test_depth_inside_a_cap(levels: tuple[Level, ...], cap: int) -> None:
    """A buy counts asks at or below its cap, a sell counts bids at or above it."""
    at = Decimal(cap)
    assert depth_within(levels, Side.BUY, at) == sum(q for p, q in levels if p <= at)
    assert depth_within(tuple(reversed(levels)), Side.SELL, at) == sum(q for p, q in levels if p >= at)


def test_an_order_takes_from_the_other_side() -> None:
    """A buy takes asks, a sell takes bids."""
    bids, asks = ((Decimal(1), Decimal(1)),), ((Decimal(2), Decimal(1)),)
    assert levels_for(Side.BUY, bids, asks) is asks
    assert levels_for(Side.SELL, bids, asks) is bids
