"""Edges: the formula, its limits, and the agreement of the quick figures with the exact ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.market import BookView
from dnbot.domain.pair import Pair
from dnbot.strategy.spread import SpreadAnalyzer, edge_of

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
SIDES = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 500)), min_size=1, max_size=6)
RATES = st.integers(-5, 30).map(lambda bp: Decimal(bp) / 10_000)


@st.composite
def books(draw: st.DrawFn, venue: Venue) -> BookView:
    """An uncrossed book near 60 000, of random steps and sizes."""
    mid = 60_000 + draw(st.integers(-300, 300))
    sides = []
    for sign in (-1, 1):
        price, levels = Decimal(mid), []
        for gap, size in draw(SIDES):
            price += sign * Decimal(gap) / 10
            levels.append((price, Decimal(size) / 1000))
        sides.append(tuple(levels))
    return BookView(venue=venue, bids=sides[0], asks=sides[1], update_id=1, venue_ms=0, received_s=0.0)


@st.composite
def markets(draw: st.DrawFn) -> tuple[dict[Venue, BookView], dict[Venue, FeeSchedule]]:
    """Books and fees of all venues."""
    fees = {
        venue: FeeSchedule(
            venue=venue, maker=Decimal(0), taker=draw(RATES), buy_fee_in_base=venue.is_spot and draw(st.booleans())
        )
        for venue in VENUES
    }
    return {venue: draw(books(venue)) for venue in VENUES}, fees


def test_the_edge_is_net_of_both_fees(make: Any) -> None:
    """Buy 1 at 60 000.5 + 5 bps, sell at 60 099.5 - 3 bps: worked out by hand."""
    edge = edge_of(Pair.GATE_TO_MEXC, Decimal(1), make.market(ms=60_100).books, make.fees())
    assert edge is not None
    assert edge.buy_net == Decimal("60000.5") * Decimal("1.0005")
    assert edge.sell_net == Decimal("60099.5") * Decimal("0.9997")
    assert edge.mid == 60_050
    assert edge.edge_bps == pytest.approx((edge.sell_net - edge.buy_net) / 60_050 * 10_000)
    assert edge.gross_bps == pytest.approx(Decimal(99) / 60_050 * 10_000)


def test_a_fee_in_base_walks_further_and_costs_more(make: Any) -> None:
    """To receive one unit, 1 / (1 - fee) is bought: deeper in the book, at vwap / (1 - fee) a unit."""
    fees = make.fees(gs="0.01", in_base=True)
    edge = edge_of(Pair.GATE_TO_MEXC, Decimal(1), make.market().books, fees)
    assert edge is not None
    assert abs(edge.buy.quantity * Decimal("0.99") - 1) < Decimal("1e-25")
    assert edge.buy.worst_price == Decimal("60001.5")
    assert abs(edge.buy_net - edge.buy.value) < Decimal("1e-20")


def test_the_perpetual_pays_its_fee_in_quote(make: Any) -> None:
    """Closing a carry buys exactly the quantity."""
    edge = edge_of(Pair.CLOSE_GATE, Decimal(1), make.market().books, make.fees(in_base=True))
    assert edge is not None
    assert edge.buy.quantity == 1


@pytest.mark.parametrize("venue", [GS, MS])
def test_no_edge_without_book_fee_or_depth(make: Any, venue: Venue) -> None:
    """What is missing is not guessed."""
    market, fees = make.market(), make.fees()
    others = {v: b for v, b in market.books.items() if v is not venue}
    assert edge_of(Pair.GATE_TO_MEXC, Decimal(1), others, fees) is None
    known = {v: f for v, f in fees.items() if v is not venue}
    assert edge_of(Pair.GATE_TO_MEXC, Decimal(1), market.books, known) is None
    shallow = {**market.books, venue: make.book(venue, depth=1)}
    assert edge_of(Pair.GATE_TO_MEXC, Decimal(2), shallow, fees) is None


@given(drawn=markets(), thousandths=st.integers(1, 900))
def test_quick_and_exact_edges_agree(
    drawn: tuple[dict[Venue, BookView], dict[Venue, FeeSchedule]], thousandths: int, make: Any
) -> None:
    """Floats rank the same pairs that Decimals decide on, to a millionth of a basis point."""
    quotes, fees = drawn
    quantity = Decimal(thousandths) / 1000
    quick = {e.pair: e for e in SpreadAnalyzer(quantity).observe(make.market(books=quotes), fees, 0.0)}
    for pair in Pair:
        exact = edge_of(pair, quantity, quotes, fees)
        assert (exact is None) == (pair not in quick)
        if exact is not None:
            assert quick[pair].edge_bps == pytest.approx(float(exact.edge_bps), abs=1e-6)
            assert quick[pair].gross_bps == pytest.approx(float(exact.gross_bps), abs=1e-6)


@given(markets(), st.integers(1, 400), st.integers(1, 400))
def test_more_never_earns_more(
    drawn: tuple[dict[Venue, BookView], dict[Venue, FeeSchedule]], some: int, more: int
) -> None:
    """The edge does not rise with the quantity."""
    quotes, fees = drawn
    for pair in Pair:
        small = edge_of(pair, Decimal(some) / 1000, quotes, fees)
        large = edge_of(pair, Decimal(some + more) / 1000, quotes, fees)
        if large is not None:
            assert small is not None
            assert large.edge_bps <= small.edge_bps + Decimal("1e-20")


@given(markets())
def test_there_and_back_earns_nothing(drawn: tuple[dict[Venue, BookView], dict[Venue, FeeSchedule]]) -> None:
    """With fees of zero or more, a pair and its reverse on the same books lose together."""
    quotes, fees = drawn
    for pair in Pair:
        if fees[pair.buy_venue].taker < 0 or fees[pair.sell_venue].taker < 0:
            continue
        there = edge_of(pair, Decimal("0.0005"), quotes, fees)
        back = edge_of(pair.reverse, Decimal("0.0005"), quotes, fees)
        assert there is not None
        assert back is not None
        assert there.edge_bps + back.edge_bps < 0


def test_factors_of_a_fee() -> None:
    """In quote a buy costs 1 + fee, in base 1 / (1 - fee); a sale brings 1 - fee."""
    quote = FeeSchedule(venue=GS, maker=Decimal(0), taker=Decimal("0.2"))
    base = FeeSchedule(venue=GS, maker=Decimal(0), taker=Decimal("0.2"), buy_fee_in_base=True)
    assert (quote.gross_up, quote.buy_factor, quote.sell_factor) == (1, Decimal("1.2"), Decimal("0.8"))
    assert (base.gross_up, base.buy_factor, base.sell_factor) == (Decimal("1.25"), Decimal("1.25"), Decimal("0.8"))


# --- the analyzer


def test_pairs_with_a_missing_leg_are_left_out(make: Any) -> None:
    """Without a venue's book or fee, only the pairs of the other two are seen; order is that of `Pair`."""
    analyzer = SpreadAnalyzer(Decimal("0.01"))
    assert [e.pair for e in analyzer.observe(make.market(), make.fees(), 0.0)] == list(Pair)
    seen = analyzer.observe(make.market(ms=None), make.fees(), 1.0)
    assert [e.pair for e in seen] == [Pair.OPEN_GATE, Pair.CLOSE_GATE]
    fees = {v: f for v, f in make.fees().items() if v is not GS}
    assert [e.pair for e in analyzer.observe(make.market(), fees, 2.0)] == [Pair.OPEN_MEXC, Pair.CLOSE_MEXC]


def test_history_gathers_in_event_time(make: Any) -> None:
    """Mean and deviation are those of the edges seen, and a half-life comes with enough of them."""
    analyzer = SpreadAnalyzer(Decimal("0.01"), samples_min=5)
    for second in range(60):
        market = make.market(ms=60_000 + (30 if second % 2 else -30))
        edges = analyzer.observe(market, make.fees(), float(second))
    first = edges[0]
    assert first.samples == 59
    assert first.sd_bps == pytest.approx(5.0, rel=0.02)
    assert first.z_score == pytest.approx(1.0, abs=0.05)
    assert first.half_life_s == 1.0
    assert analyzer.statistics(Pair.GATE_TO_MEXC).summary().mean == first.mean_bps


def test_what_did_not_change_is_not_computed_again(make: Any) -> None:
    """A pair whose two books are the same as before keeps its edge; the others have new ones."""
    analyzer, market, fees = SpreadAnalyzer(Decimal("0.01")), make.market(), make.fees()
    before = {edge.pair: edge for edge in analyzer.observe(market, fees, 0.0)}
    moved = make.changed(market, books={**market.books, MS: make.book(MS, 60_100)})
    after = {edge.pair: edge for edge in analyzer.observe(moved, fees, 1.0)}
    assert {pair for pair in Pair if after[pair] is before[pair]} == {Pair.OPEN_GATE, Pair.CLOSE_GATE}
    assert after[Pair.GATE_TO_MEXC].edge_bps > before[Pair.GATE_TO_MEXC].edge_bps + 15
