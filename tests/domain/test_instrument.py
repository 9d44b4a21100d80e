"""Venues, symbols, and the rules of an instrument."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import VENUES, Instrument, Symbol, Venue

BTC = Symbol("BTC", "USDT")


def instrument(**changes: Any) -> Instrument:
    """A perpetual with 0.0001 BTC per contract, whole contracts, ticks of 0.1."""
    fields: dict[str, Any] = {
        "venue": Venue.GATE_FUTURES, "symbol": BTC, "tick_size": Decimal("0.1"), "lot_size": Decimal("0.0001"),
        "multiplier": Decimal("0.0001"),
    }
    return Instrument(**{**fields, **changes})


def test_only_the_perpetual_is_not_spot() -> None:
    """Two venues hold base, one holds contracts."""
    assert [venue for venue in VENUES if not venue.is_spot] == [Venue.GATE_FUTURES]


def test_a_symbol_reads_what_it_writes() -> None:
    """`BASE/QUOTE` and nothing else."""
    assert Symbol.parse(str(BTC)) == BTC


@pytest.mark.parametrize("text", ["BTCUSDT", "btc/usdt", "BTC/", "/USDT", "BTC/US/DT", "BTC USDT", "BTC_USDT/X"])
def test_other_symbols_are_refused(text: str) -> None:
    """A symbol of another form is an error, not a guess."""
    with pytest.raises(ValueError, match="BTC/USDT"):
        Symbol.parse(text)


@given(st.integers(1, 10**9), st.sampled_from(["0.0001", "0.001", "1", "10", "100"]))
def test_contracts_and_base_are_inverse(contracts: int, multiplier: str) -> None:
    """Any number of contracts becomes base and back, exactly, for small and large multipliers."""
    rules = instrument(multiplier=Decimal(multiplier), lot_size=Decimal(multiplier))
    base = rules.to_base(Decimal(contracts))
    assert base == contracts * Decimal(multiplier)
    assert rules.to_contracts(base) == contracts


def test_a_fraction_of_a_contract_is_refused() -> None:
    """What is off the contract grid is not rounded quietly."""
    with pytest.raises(ValueError, match=r"not a multiple of 0\.0001"):
        instrument().to_contracts(Decimal("0.00015"))


@given(st.decimals(min_value="0.01", max_value=10**6, places=4))
def test_prices_snap_to_the_tick_in_the_named_direction(price: Decimal) -> None:
    """`price_down` and `price_up` enclose the price, at most a tick apart."""
    rules = instrument()
    down, up = rules.price_down(price), rules.price_up(price)
    assert down <= price <= up
    assert up - down in {Decimal(0), Decimal("0.1")}


@pytest.mark.parametrize(
    ("quantity", "price", "code"),
    [
        ("1", "100", None),
        ("0", "100", "LOT"),
        ("-1", "100", "LOT"),
        ("1.5", "100", "LOT"),
        ("1", "100.05", "TICK"),
        ("1", "0", "TICK"),
        ("1", "-0.1", "TICK"),
        ("2", "100", "MIN_QTY"),
        ("60", "100", "MAX_QTY"),
        ("3", "3", "MIN_NOTIONAL"),
        ("50", "1000", "MAX_NOTIONAL"),
    ],
)
def test_the_first_broken_rule_is_named(quantity: str, price: str, code: str | None) -> None:
    """Each rule of a venue has its code; an order that breaks none has none."""
    rules = instrument(
        lot_size=Decimal(1), min_quantity=Decimal(3) if quantity != "1" else Decimal(1), max_quantity=Decimal(55),
        min_notional=Decimal(10), max_notional=Decimal(40_000),
    )
    assert rules.problem_with(Decimal(quantity), Decimal(price)) == code


def test_an_instrument_without_maxima_has_no_upper_limit() -> None:
    """Absent maxima do not bind."""
    assert instrument().problem_with(Decimal(10**9), Decimal(10**9)) is None
