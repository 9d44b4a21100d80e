"""The profit that a backtest tells is what anybody computes from its fills and rows. Nothing of dnbot is asked here."""

from __future__ import annotations

from collections import defaultdict, deque
from decimal import Decimal, getcontext
from typing import Any

import pytest

getcontext().prec = 50
SPOT = ("GATEIO_SPOT", "MEXC_SPOT")
PERP = "GATEIO_FUTURES"
D = Decimal


@pytest.fixture
def told(made: dict[str, Any]) -> dict[str, Any]:
    """The JSON file."""
    found: dict[str, Any] = made["json"]
    return found


def sign(fill: dict[str, Any]) -> int:
    """+1 for a buy."""
    return 1 if fill["side"] == "buy" else -1


def is_base(fill: dict[str, Any]) -> bool:
    """Whether the fee was taken in the coin."""
    return fill["venue"] in SPOT and fill["fee_asset"] == fill["symbol"]["base"]


def fees_of(fills: list[dict[str, Any]]) -> Decimal:
    """In quote, at the price of the fill."""
    return sum((D(f["fee"]) * (D(f["price"]) if is_base(f) else 1) for f in fills), D(0))


def balances_of(told: dict[str, Any]) -> dict[str, Decimal]:
    """Coins and quote by venue, from openings, rows and fills."""
    found: dict[str, Decimal] = defaultdict(D)
    for row in told["rows"]:
        found[f"{row['venue']}:{row['asset']}"] += D(row["amount"])
    for fill in told["fills"]:
        venue, symbol = fill["venue"], fill["symbol"]
        found[f"{venue}:{fill['fee_asset']}"] -= D(fill["fee"])
        if venue in SPOT:
            found[f"{venue}:{symbol['base']}"] += sign(fill) * D(fill["quantity"])
            found[f"{venue}:{symbol['quote']}"] -= sign(fill) * D(fill["quantity"]) * D(fill["price"])
    return found


def spread_of(fills: list[dict[str, Any]]) -> Decimal:
    """First in, first out: spot with spot is final; spot with the perpetual waits until the basis is closed again."""
    waiting: deque[list[Any]] = deque()  # [side, is spot, quantity, price]
    basis: deque[list[Decimal]] = deque()  # [quantity, positive for long spot; gain per unit at opening]
    spread = D(0)
    for fill in fills:
        left = D(fill["quantity"]) - (sign(fill) * D(fill["fee"]) if is_base(fill) else 0)
        spot, price = fill["venue"] in SPOT, D(fill["price"])
        while left > 0 and waiting and waiting[0][0] != sign(fill):
            other = waiting[0]
            part = min(left, other[2])
            left, other[2] = left - part, other[2] - part
            gain = (other[3] - price) * sign(fill)
            if other[1] == spot:
                spread += gain * part
            else:
                long_spot = spot == (sign(fill) > 0)
                spread += closed(basis, part if long_spot else -part, gain)
            if not other[2]:
                waiting.popleft()
        if left > 0:
            waiting.append([sign(fill), spot, left, price])
    return spread


def closed(basis: deque[list[Decimal]], signed: Decimal, gain: Decimal) -> Decimal:
    """What a match of spot with the perpetual realises; the rest of it is opened."""
    realised, direction, left = D(0), (1 if signed > 0 else -1), abs(signed)
    while left and basis and basis[0][0] * direction < 0:
        part = min(left, abs(basis[0][0]))
        realised += part * (gain + basis[0][1])
        basis[0][0] += direction * part
        left -= part
        if not basis[0][0]:
            basis.popleft()
    if left:
        basis.append([direction * left, gain])
    return realised


def test_it_traded_enough_to_prove_something(told: dict[str, Any]) -> None:
    """Spot against spot on both venues, and the perpetual."""
    assert {fill["venue"] for fill in told["fills"]} == {*SPOT, PERP}
    assert len(told["fills"]) > 20
    assert D(told["profit"]["spread"]) != 0


def test_the_profit_is_that_of_the_fills(told: dict[str, Any]) -> None:
    """Spread, fees, funding and realised, to the last digit."""
    funding = sum((D(row["amount"]) for row in told["rows"] if row["kind"] == "funding"), D(0))
    spread, fees, profit = spread_of(told["fills"]), fees_of(told["fills"]), told["profit"]
    assert D(profit["spread"]) == spread
    assert D(profit["fees"]) == fees
    assert D(profit["funding"]) == funding
    assert D(profit["realised"]) == spread - fees + funding


def test_the_balances_are_those_of_fills_and_rows(told: dict[str, Any]) -> None:
    """On every venue, of every coin; and the perpetual is the sum of its fills."""
    assert {key: D(value) for key, value in told["holdings"]["balances"].items()} == balances_of(told)
    perp = [fill for fill in told["fills"] if fill["venue"] == PERP]
    assert D(told["holdings"]["perp_base"]) == sum(sign(fill) * D(fill["quantity"]) for fill in perp)


def test_the_total_is_what_the_account_gained(told: dict[str, Any]) -> None:
    """Cash and coins at the last books, the perpetual at its mark, less what the account began with."""
    held, mids = told["holdings"], told["holdings"]["mids"]
    balances = balances_of(told)
    quote = sum((value for key, value in balances.items() if key.endswith(":USDT")), D(0))
    coins = sum((balances[f"{venue}:BTC"] * D(mids[venue]) for venue in SPOT), D(0))
    unrealised = D(held["perp_base"]) * D(held["mark"]) - D(held["perp_cost"])
    opening = sum((D(row["amount"]) for row in told["rows"] if row["kind"] == "opening"), D(0))
    assert D(told["profit"]["total"]) == quote + coins + unrealised - opening


def test_the_drawdown_is_that_of_the_samples(told: dict[str, Any]) -> None:
    """The worst fall from a peak."""
    known = [D(one["equity"]) for one in told["moments"] if one["equity"] is not None]
    assert D(told["drawdown"]) == max(max(known[: n + 1]) - value for n, value in enumerate(known))
