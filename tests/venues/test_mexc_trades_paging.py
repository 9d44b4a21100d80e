"""Reading our trades completely, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import VenueError
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues.mexc.trades_paging import AGE_MS_MAX, PAGE_SIZE, TradesPaging

NOW_MS = 1_767_200_000_000
SINCE_MS = NOW_MS - 3_600_000


def trade(number: int, at_ms: int) -> Fill:
    """One trade of ours."""
    return Fill(
        venue=Venue.MEXC_SPOT, symbol=Symbol("BTC", "USDT"), trade_id=str(number), venue_order_id="o",
        client_order_id="", side=Side.BUY, price=Price(Decimal(1)), quantity=Quantity(Decimal(1)), fee=Decimal(0),
        fee_asset="USDT", traded_at_ns=at_ms * 1_000_000,
    )  # fmt: skip


def venue_page(times_ms: list[int], window: tuple[int, int], *, by_rounded: bool) -> list[Fill]:
    """What the venue answers: newest first, times rounded; it may choose by true or by rounded times."""
    shown = [(number, true, (true + 500) // 1000 * 1000) for number, true in enumerate(times_ms)]
    start, end = window
    inside = [(n, told) for n, true, told in shown if start <= (told if by_rounded else true) <= end]
    return [trade(number, told) for number, told in sorted(inside, key=lambda row: (-row[1], -row[0]))[:PAGE_SIZE]]


@given(
    gaps=st.lists(st.integers(0, 2_000), min_size=90, max_size=450),
    by_rounded=st.booleans(),
)
def test_every_trade_is_read_or_the_reading_fails(gaps: list[int], by_rounded: bool) -> None:
    """Whatever the venue chooses by, no reading ends early without saying so."""
    times_ms, at_ms = [], NOW_MS
    for gap in gaps:
        at_ms -= gap
        times_ms.append(max(at_ms, SINCE_MS))
    paging, found, page = TradesPaging(), set[str](), 0
    try:
        while True:
            fills = venue_page(times_ms, paging.window(NOW_MS, SINCE_MS, page), by_rounded=by_rounded)
            paging.decoded(fills)
            found |= {fill.trade_id for fill in fills}
            page += 1
            if len(fills) < PAGE_SIZE:
                break
    except VenueError:
        busiest = max(sum(1 for other in times_ms if abs(other - one) <= 6_000) for one in times_ms)
        assert busiest >= PAGE_SIZE
    else:
        assert found == {str(number) for number in range(len(times_ms))}


def full_page(newest_ms: int, oldest_ms: int) -> list[Fill]:
    """As many trades as a page holds, newest first."""
    return [trade(n, newest_ms if n < PAGE_SIZE - 1 else oldest_ms) for n in range(PAGE_SIZE)]


def test_the_first_page_is_wider_than_asked() -> None:
    """Times are rounded, so both ends have a second to spare, and the younger one two more for a clock that stepped."""
    assert TradesPaging().window(NOW_MS, SINCE_MS, 0) == (SINCE_MS - 1000, NOW_MS + 3000)


def test_the_next_page_ends_where_the_last_began() -> None:
    """With three seconds of overlap."""
    paging = TradesPaging()
    paging.window(NOW_MS, SINCE_MS, 0)
    paging.decoded(full_page(NOW_MS - 1_000, NOW_MS - 60_000))
    assert paging.window(NOW_MS + 5, SINCE_MS, 1) == (SINCE_MS - 1000, NOW_MS - 57_000)


def test_more_than_a_page_within_a_second_raises() -> None:
    """The venue offers no way to see them all."""
    paging = TradesPaging()
    paging.window(NOW_MS, SINCE_MS, 0)
    paging.decoded(full_page(NOW_MS, NOW_MS))
    with pytest.raises(VenueError, match="within seconds"):
        paging.window(NOW_MS, SINCE_MS, 1)


def test_a_full_page_in_another_order_raises() -> None:
    """Nobody knows what it left out."""
    paging = TradesPaging()
    paging.window(NOW_MS, SINCE_MS, 0)
    paging.decoded(full_page(NOW_MS, NOW_MS - 5_000)[::-1])
    with pytest.raises(VenueError, match="newest first"):
        paging.window(NOW_MS, SINCE_MS, 1)


@pytest.mark.slow
@given(
    gaps=st.lists(st.integers(0, 2_000), min_size=90, max_size=350),
    steps=st.dictionaries(st.integers(0, 350), st.integers(-1_900, 1_900), max_size=4),
)
def test_a_clock_that_stepped_hides_no_trade(gaps: list[int], steps: dict[int, int]) -> None:
    """Newest first by id, while the times go up and down: all are read, or it raises because they are too many."""
    times_ms, true_ms, ahead_ms = [], NOW_MS, 0
    for number, gap in enumerate(gaps):
        true_ms, ahead_ms = max(true_ms - gap, SINCE_MS), steps.get(number, ahead_ms)
        times_ms.append((true_ms + max(0, ahead_ms) + 500) // 1000 * 1000)
    paging, found, page = TradesPaging(), set[int](), 0
    try:
        while True:
            start, end = paging.window(NOW_MS, SINCE_MS, page)
            rows = [n for n, at_ms in enumerate(times_ms) if start <= at_ms <= end][:PAGE_SIZE]
            paging.decoded([trade(n, times_ms[n]) for n in rows])
            found |= set(rows)
            page += 1
            if len(rows) < PAGE_SIZE:
                break
    except VenueError:
        assert max(sum(1 for other in times_ms if abs(other - one) <= 10_000) for one in times_ms) >= PAGE_SIZE
    else:
        assert found == set(range(len(times_ms)))


def test_a_page_out_of_turn_raises() -> None:
    """Before its predecessor, after a short page, for another time, or twice."""
    for first in (None, [], full_page(NOW_MS, NOW_MS - 5_000)):
        paging = TradesPaging()
        if first is not None:
            paging.window(NOW_MS, SINCE_MS, 0)
            paging.decoded(first)
        with pytest.raises(VenueError, match="page 0"):
            paging.window(NOW_MS, SINCE_MS + 1, 1)
        with pytest.raises(VenueError, match="page 0"):
            paging.window(NOW_MS, SINCE_MS, 2)


def test_readings_that_cross_raise_once_and_then_work() -> None:
    """Two readings at once share one memory: neither may go on, a new one may."""
    paging = TradesPaging()
    paging.window(NOW_MS, SINCE_MS, 0)
    paging.window(NOW_MS, SINCE_MS, 0)
    paging.decoded(full_page(NOW_MS, NOW_MS - 5_000))
    with pytest.raises(VenueError, match="page 0"):
        paging.window(NOW_MS, SINCE_MS, 1)
    paging.window(NOW_MS, SINCE_MS, 0)
    paging.decoded(full_page(NOW_MS, NOW_MS - 5_000))
    assert paging.window(NOW_MS, SINCE_MS, 1)[1] == NOW_MS - 2_000


def test_older_than_the_venue_keeps_raises() -> None:
    """An answer could not be complete."""
    assert TradesPaging().window(NOW_MS, NOW_MS - AGE_MS_MAX, 0)[0] == NOW_MS - AGE_MS_MAX
    with pytest.raises(VenueError, match="keeps a month"):
        TradesPaging().window(NOW_MS, NOW_MS - AGE_MS_MAX - 1, 0)
