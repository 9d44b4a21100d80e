"""Estimates that add up, funding counted settlement by settlement, and what thresholds must cover."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import Venue
from dnbot.domain.market import FundingRate
from dnbot.domain.pair import Pair, PairKind
from dnbot.strategy.costs import (
    CarryOutlook,
    PnLCalculator,
    break_even_table,
    carry_outlook,
    losing_thresholds,
    settlements_within,
)
from dnbot.strategy.spread import edge_of

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
OUTLOOK = CarryOutlook(hold_s=Decimal(3600), exit_edge_bps=Decimal(-9), funding_bps=Decimal(2))


@given(
    pair=st.sampled_from(Pair), hundredths=st.integers(1, 900), in_base=st.booleans(),
    outlook=st.sampled_from([None, OUTLOOK]),
)
def test_an_estimate_adds_up_and_nets_to_the_edge(
    pair: Pair, hundredths: int, in_base: bool, outlook: CarryOutlook | None, make: Any
) -> None:
    """Parts add up to the last digit; without funding and exit the net is edge x notional."""
    market, fees, quantity = make.market(ms=60_100), make.fees(in_base=in_base), Decimal(hundredths) / 100
    parts = PnLCalculator(make.params()).estimate(pair, quantity, market, fees, outlook)
    edge = edge_of(pair, quantity, market.books, fees)
    assert parts is not None
    assert edge is not None
    kept = parts.gross_quote - parts.fees_quote - parts.slippage_quote
    assert parts.net_quote == kept + parts.funding_quote + parts.exit_quote
    notional = edge.mid * quantity
    assert abs(kept - edge.edge_bps * notional / 10_000) < Decimal("1e-7")
    assert parts.slippage_quote >= 0
    carried = (Decimal(2), Decimal(-9)) if outlook is not None and pair.kind is PairKind.CARRY_OPEN else (0, 0)
    assert parts.funding_quote == round(notional * carried[0] / 10_000, 8)
    assert parts.exit_quote == round(notional * carried[1] / 10_000, 8)


def test_slippage_is_what_the_walk_costs_beyond_the_touch(make: Any) -> None:
    """Two units of one-unit levels one apart: half a unit of price on each side, on two units."""
    parts = PnLCalculator(make.params()).estimate(Pair.GATE_TO_MEXC, Decimal(2), make.market(), make.fees(), None)
    assert parts is not None
    assert parts.slippage_quote == 2


def test_no_estimate_without_depth(make: Any) -> None:
    """What cannot be walked is not estimated."""
    calculator = PnLCalculator(make.params())
    assert calculator.estimate(Pair.GATE_TO_MEXC, Decimal(99), make.market(), make.fees(), None) is None


# --- carries


@given(
    interval_h=st.sampled_from([1, 4, 8]), next_at_s=st.integers(0, 100_000), now_s=st.integers(0, 100_000),
    hold_s=st.integers(0, 90_000),
)
def test_settlements_are_counted_one_by_one(interval_h: int, next_at_s: int, now_s: int, hold_s: int) -> None:
    """Those after now and not after the expected exit; an announcement that is over is carried forward."""
    interval_s = interval_h * 3600
    funding = FundingRate(GF, Decimal(0), interval_s, next_at_s)
    at, count = next_at_s, 0
    while at <= now_s + hold_s:
        count += at > now_s
        at += interval_s
    assert settlements_within(funding, now_s * 10**9, Decimal(hold_s)) == count


def test_an_outlook_holds_until_half_life_or_the_longest_hold(make: Any) -> None:
    """The shorter of the two; funding per settlement inside, with its sign; exit at the rolling mean."""
    market, params = make.market(), make.params(carry_hold_hours_max=24)
    exit_edge = make.history("CLOSE_GATE", -7.25)
    longest = carry_outlook(market, make.history("OPEN_GATE"), exit_edge, params, 0)
    assert longest == CarryOutlook(hold_s=Decimal(86_400), exit_edge_bps=Decimal("-7.25"), funding_bps=Decimal(3))
    assert longest is not None
    assert longest.total_bps == Decimal("-4.25")
    short = carry_outlook(market, make.history("OPEN_GATE", half_life_s=600.0), exit_edge, params, 0)
    assert short is not None
    assert (short.hold_s, short.funding_bps) == (600, 0)
    long = carry_outlook(market, make.history("OPEN_GATE", half_life_s=1e9), exit_edge, params, 0)
    assert long == longest == carry_outlook(market, None, exit_edge, params, 0)


def test_a_negative_rate_is_paid(make: Any) -> None:
    """The short pays when the rate is negative; the interval is the venue's."""
    market = make.market(funding=FundingRate(GF, Decimal("-0.0003"), 4 * 3600, 2 * 3600))
    outlook = carry_outlook(market, None, make.history("CLOSE_GATE"), make.params(), 0)
    assert outlook is not None
    assert outlook.funding_bps == -18


@pytest.mark.parametrize(
    ("since_s", "interval_s", "ahead", "is_told"),
    [
        (30, 28_800, 1, False), (59, 28_800, 1, False), (60, 28_800, 1, True), (30, 3_600, 1, False),
        (-1, 28_800, 1, False), (-1, 28_800, 0, True), (30, 28_800, 0, False), (60, 28_800, 0, True),
        (5, 60, 1, False), (6, 60, 1, True), (-5, 28_800, 1, False), (-6, 28_800, 1, True), (-10_800, 14_400, 1, True),
    ],
)
def test_the_rate_just_charged_is_not_the_next_one(
    make: Any, since_s: int, interval_s: int, ahead: int, is_told: bool
) -> None:
    """For a minute after a settlement, or a tenth of a short interval; by the venue's clock too, and when its word on
    the next one is late. Where the next one is further away than an interval, that has become shorter: nothing was
    charged.
    """
    settled_s = 100 * 28_800
    funding = FundingRate(GF, Decimal("0.003"), interval_s, settled_s + ahead * interval_s)
    market, exit_edge = make.market(funding=funding), make.history("CLOSE_GATE")
    outlook = carry_outlook(market, None, exit_edge, make.params(), (settled_s + since_s) * 10**9)
    assert (outlook is not None) is is_told


@pytest.mark.parametrize("missing", ["funding", "exit", "samples", "nan"])
def test_no_outlook_on_unknown_ground(make: Any, missing: str) -> None:
    """Without funding, or without enough history of the exit, a carry cannot be judged."""
    market = make.market(funding=None) if missing == "funding" else make.market()
    exit_edge = {
        "exit": None,
        "samples": make.history("CLOSE_GATE", samples=29),
        "nan": make.history("CLOSE_GATE", float("nan")),
    }.get(missing, make.history("CLOSE_GATE"))
    assert carry_outlook(market, None, exit_edge, make.params(), 0) is None


# --- thresholds


@given(
    gs=st.integers(0, 40), gf=st.integers(-2, 10), ms=st.integers(0, 20), in_base=st.booleans(),
    entry=st.integers(0, 20),
)
def test_the_table_says_what_a_market_must_show(
    gs: int, gf: int, ms: int, in_base: bool, entry: int, make: Any
) -> None:
    """At the gross spread of the table, prices symmetric about the mid give exactly the edge that is asked for."""
    fees = make.fees(*(Decimal(bp) / 10_000 for bp in (gs, gf, ms)), in_base=in_base)
    params = make.params(arbitrage_entry_threshold_bps=entry)
    table = break_even_table(fees, params)
    assert [row.pair_name for row in table] == [pair.name for pair in Pair]
    for row in table:
        pair = Pair[row.pair_name]
        wanted = ((row.break_even_gross_bps, 0), (row.entry_gross_bps, entry + 1), (row.undo_gross_bps, -2))
        for gross, edge_bps in wanted:
            half = gross / 20_000
            buy = make.book(pair.buy_venue, 60_000 * (1 - half), half=0, depth=1)
            sell = make.book(pair.sell_venue, 60_000 * (1 + half), half=0, depth=1)
            edge = edge_of(pair, Decimal("0.1"), {pair.buy_venue: buy, pair.sell_venue: sell}, fees)
            assert edge is not None
            assert abs(edge.edge_bps - edge_bps) < Decimal("1e-6")
        rates = fees[pair.buy_venue].taker, fees[pair.sell_venue].taker
        assert (row.buy_fee_bps, row.sell_fee_bps) == tuple(rate * 10_000 for rate in rates)


def test_entry_level_fees_need_wide_spreads(make: Any) -> None:
    """Gate spot 20, MEXC 5, perpetual 5: about 29 bps for spot against spot, about 14 for a carry on MEXC."""
    table = {row.pair_name: row for row in break_even_table(make.fees("0.002", "0.0005", "0.0005"), make.params())}
    assert table["GATE_TO_MEXC"].entry_gross_bps == pytest.approx(Decimal(29), abs=Decimal("0.1"))
    assert table["OPEN_MEXC"].entry_gross_bps == pytest.approx(Decimal(14), abs=Decimal("0.1"))
    assert table["GATE_TO_MEXC"].undo_gross_bps < table["GATE_TO_MEXC"].break_even_gross_bps


def test_only_pairs_with_known_fees_are_in_the_table(make: Any) -> None:
    """Nothing is said about a venue whose fees are not read."""
    fees = {venue: fee for venue, fee in make.fees().items() if venue is not MS}
    assert [row.pair_name for row in break_even_table(fees, make.params())] == ["OPEN_GATE", "CLOSE_GATE"]


@pytest.mark.parametrize(
    ("entry", "leave", "loss", "loses"),
    [(3, -2, 0, False), (2, -2, 0, False), ("1.9", -2, 0, True), ("1.9", -2, "0.1", False), (-1, 5, 0, True)],
)
def test_losing_thresholds_are_named_with_their_arithmetic(
    make: Any, entry: object, leave: object, loss: object, loses: bool
) -> None:
    """Entry plus exit below the loss allowed, or an entry below zero, is a sentence; and none when it is allowed."""
    keys = {
        "arbitrage_entry_threshold_bps": entry, "arbitrage_exit_threshold_bps": leave, "max_round_trip_loss_bps": loss
    }
    text = losing_thresholds(make.params(**keys))
    assert (text is not None) == loses
    if text is not None:
        assert str(entry) in text
        assert "allow_losing_thresholds" in text
    assert losing_thresholds(make.params(**keys, allow_losing_thresholds=True)) is None
