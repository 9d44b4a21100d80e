"""Residuals: what our entries leave unexplained of the venues' balances."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, Side
from dnbot.domain.units import Price, Quantity
from dnbot.lab.ledger_check import position_residual, residuals, round_trips, unread_funding
from dnbot.ports.store import LedgerTotal

AMOUNTS = st.decimals(min_value=-10_000, max_value=10_000, allow_nan=False, allow_infinity=False, places=12)


def audit(**parts: Any) -> dict[str, Any]:
    """An audit of one venue."""
    return {"opening": {"gate_spot": {}}, "balances": {"gate_spot": {}}, "positions": {}, **parts}


def total(entries: Decimal | str, asset: str = "USDT", venue: Venue = Venue.GATE_SPOT) -> LedgerTotal:
    return LedgerTotal(venue, asset, Decimal(0), Decimal(entries), 0)


@given(opening=AMOUNTS, moved=AMOUNTS)
def test_what_is_explained_leaves_nothing(opening: Decimal, moved: Decimal) -> None:
    """Opening plus entries is the balance: "0", however many digits are involved."""
    start, end = {"USDT": f"{opening:f}"}, {"USDT": f"{opening + moved:f}"}
    told = audit(opening={"gate_spot": start}, balances={"gate_spot": end})
    assert residuals(told, [total(moved)]) == {"GATEIO_SPOT": {"USDT": "0"}}


@given(missing=AMOUNTS.filter(bool))
def test_what_is_missing_shows_to_the_last_digit(missing: Decimal) -> None:
    """The residual is exactly the entry that was not booked."""
    told = audit(balances={"gate_spot": {"USDT": f"{missing:f}"}})
    assert Decimal(residuals(told, [total("0")])["GATEIO_SPOT"]["USDT"]) == missing


def test_an_asset_that_only_one_side_knows_is_judged() -> None:
    """An unbooked coin at the venue, and an entry for a coin that the venue does not hold."""
    told = audit(balances={"gate_spot": {"GT": "3"}})
    assert residuals(told, [total("5", "BTC")]) == {"GATEIO_SPOT": {"BTC": "-5", "GT": "3"}}


def funding(time_ms: int, change: str, kind: str = "fund") -> dict[str, Any]:
    """A row of the perpetual wallet's ledger."""
    return {"venue": "gate_futures", "asset": "USDT", "type": kind, "time_ms": time_ms, "change": change}


def test_funding_after_the_last_read_is_apart() -> None:
    """What was settled when nobody read any more is no residual; an older row, or one of another kind, still is."""
    told = audit(
        opening={"gate_futures": {}}, balances={"gate_futures": {"USDT": "6"}},
        ledger=[funding(999, "1"), funding(1000, "2"), funding(2000, "3", kind="fee")],
    )
    unread = unread_funding(told, {"GATEIO_FUTURES": 1000.0})
    assert unread == {("GATEIO_FUTURES", "USDT"): Decimal(2)}
    assert residuals(told, [], unread) == {"GATEIO_FUTURES": {"USDT": "4"}}
    assert unread_funding(told, {}) == {}


def fill(venue: Venue, side: Side, quantity: str) -> Fill:
    return Fill(
        venue=venue, symbol=Symbol("BTC", "USDT"), trade_id="1", venue_order_id="1", client_order_id="", side=side,
        price=Price(Decimal(1)), quantity=Quantity(Decimal(quantity)), fee=Decimal(0), fee_asset="USDT", traded_at_ns=0,
    )


def test_contracts_are_what_our_perpetual_fills_make() -> None:
    """Spot fills do not count, the opening position is not ours to explain, and base becomes contracts."""
    told = audit(positions={"BTC_USDT": {"size": "-7", "size_opening": "-2"}})
    fills = [
        fill(Venue.GATE_FUTURES, Side.SELL, "0.0006"), fill(Venue.GATE_FUTURES, Side.BUY, "0.0001"),
        fill(Venue.GATE_SPOT, Side.BUY, "5"),
    ]
    assert position_residual(told, fills, Decimal("0.0001")) == 0
    assert position_residual(told, fills[:1], Decimal("0.0001")) == 1


def test_round_trips_are_summed_over_venues() -> None:
    """Each venue counts its own."""
    assert round_trips({"round_trips": {"gate_spot": 3, "gate_futures": 0, "mexc_spot": 4}}) == 7
