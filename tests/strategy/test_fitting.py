"""Parameters are weighed against what the venues offer, before anything is risked."""

from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.strategy.fitting import order_problem, size_problem, spot_mid, tolerance_problem
from dnbot.strategy.parameters import StrategyParameters

SYMBOL = Symbol("BTC", "USDT")
LOT = Decimal("0.0001")
MID = Decimal(60_000)
PARAMS = StrategyParameters(
    symbol=SYMBOL, base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(500)
)


def instrument(venue: Venue, lot: str, min_notional: str = "5") -> Instrument:
    """A market with this lot and this smallest order."""
    return Instrument(
        venue=venue, symbol=SYMBOL, tick_size=Decimal("0.1"), lot_size=Decimal(lot), min_notional=Decimal(min_notional)
    )


INSTRUMENTS = {
    Venue.GATE_SPOT: instrument(Venue.GATE_SPOT, "0.000001"),
    Venue.GATE_FUTURES: instrument(Venue.GATE_FUTURES, "0.0001", "0"),
    Venue.MEXC_SPOT: instrument(Venue.MEXC_SPOT, "0.000001"),
}


def with_(**changes: str) -> StrategyParameters:
    """The parameters with some replaced."""
    return msgspec.structs.replace(PARAMS, **{name: Decimal(value) for name, value in changes.items()})


def test_the_demo_fits() -> None:
    """Parameters of an ordinary size have no problem."""
    assert tolerance_problem(PARAMS, LOT) is None
    assert order_problem(PARAMS, INSTRUMENTS, MID) is None
    assert size_problem(PARAMS, INSTRUMENTS, MID) is None


@given(st.decimals(Decimal("0.000001"), Decimal("0.002"), places=6))
def test_a_tolerance_is_kept_when_it_is_half_a_lot_or_more(tolerance: Decimal) -> None:
    """Refused exactly below half a contract lot, with both figures in the sentence."""
    problem = tolerance_problem(with_(delta_tolerance_base=str(tolerance)), LOT)
    assert (problem is None) == (tolerance * 2 >= LOT)
    if problem is not None:
        assert "below half a contract lot (0.00005 BTC)" in problem


def test_a_hard_limit_below_one_lot_is_refused() -> None:
    """A limit that was set is never below what is left alone anyway; one that was not set gives way to it."""
    problem = tolerance_problem(with_(delta_hard_limit_base="0.003"), Decimal("0.01"))
    assert problem is not None
    assert "delta_hard_limit_base is 0.003, below the tolerance 0.01 BTC" in problem
    assert tolerance_problem(with_(delta_hard_limit_base="0.01"), Decimal("0.01")) is None
    assert tolerance_problem(PARAMS, Decimal("0.01")) is None


@pytest.mark.parametrize(("cap", "venue", "least"), [("4.99", "GATEIO_SPOT", "5"), ("5.50", "GATEIO_FUTURES", "6")])
def test_a_cap_below_a_venues_smallest_order_is_refused(cap: str, venue: str, least: str) -> None:
    """The venue and its minimum at today's price are named: spot by notional, the perpetual by one contract."""
    problem = order_problem(with_(max_order_notional_quote=cap), INSTRUMENTS, MID)
    assert problem is not None
    assert f"max_order_notional_quote is {float(cap):g}, below the smallest order of {venue}, {least} USDT" in problem


def test_a_size_that_cannot_be_split_is_refused() -> None:
    """What goes to one venue is at least the smallest order of every venue."""
    problem = size_problem(with_(base_position_size="0.00019"), INSTRUMENTS, MID)
    assert problem is not None
    assert "0.000095 of it goes to one venue, below the smallest order of GATEIO_FUTURES, 0.0001 BTC" in problem
    assert size_problem(with_(base_position_size="0.0002"), INSTRUMENTS, MID) is None
    assert size_problem(with_(base_position_size="0.0001", inventory_ratio="1"), INSTRUMENTS, MID) is None
    assert "GATEIO_SPOT, 0.05" in str(size_problem(PARAMS, INSTRUMENTS, Decimal(100)))


def test_the_spot_mid_is_the_mean_of_those_known() -> None:
    """The perpetual's price does not count; without a spot price there is none."""
    mids = {Venue.GATE_SPOT: Decimal(10), Venue.GATE_FUTURES: Decimal(99), Venue.MEXC_SPOT: Decimal(20)}
    assert spot_mid(mids) == 15
    assert spot_mid({Venue.MEXC_SPOT: Decimal(20)}) == 20
    with pytest.raises(ValueError, match="no spot mid"):
        spot_mid({Venue.GATE_FUTURES: Decimal(99)})
