"""Arithmetic of one perpetual position: average entry, realised profit, isolated margin, funding. Linear, in quote."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from .records import ZERO, MarkState, PositionState

PNL_STEP = Decimal("1e-12")  # released cost is rounded to this once; the remainder stays in the position's cost


def fill(position: PositionState, signed: Decimal, price: Decimal, now_ms: int) -> tuple[Decimal, Decimal]:
    """Book a fill of ``signed`` contracts at ``price``; returns (realised profit, contracts that were closed).

    cost + value = released + new cost holds exactly at every fill, so no amount is ever lost to rounding. An isolated
    position sets aside entry value / leverage when it grows (Gate help centre, "isolated margin") and gives its margin
    back in proportion when it shrinks.
    """
    held = position.contracts
    closed = min(abs(held), abs(signed)) if held * signed < 0 else ZERO
    profit = ZERO
    if closed:
        profit = _close(position, closed, price)
    opened = abs(signed) - closed
    if opened:
        if not position.contracts:
            _begin(position, now_ms)
        delta = opened if signed > 0 else -opened
        position.contracts += delta
        position.cost += price * delta * position.multiplier
        if position.isolated:
            position.margin += (price * opened * position.multiplier / position.leverage).quantize(PNL_STEP)
    return profit, closed


def _close(position: PositionState, closed: Decimal, price: Decimal) -> Decimal:
    held = position.contracts
    direction = 1 if held > 0 else -1
    if closed == abs(held):
        released, position.margin = position.cost, ZERO
    else:
        released = (position.cost * closed / abs(held)).quantize(PNL_STEP, ROUND_HALF_EVEN)
        position.margin -= (position.margin * closed / abs(held)).quantize(PNL_STEP, ROUND_HALF_EVEN)
    position.cost -= released
    position.contracts -= direction * closed
    profit = price * closed * direction * position.multiplier - released
    position.pnl_pnl += profit
    position.realised_pnl += profit
    return profit


def _begin(position: PositionState, now_ms: int) -> None:
    position.history_pnl += position.realised_pnl
    position.last_close_pnl = position.realised_pnl
    position.realised_pnl = position.pnl_pnl = position.pnl_fund = position.pnl_fee = ZERO
    position.open_ms = now_ms


def funding_change(position: PositionState, state: MarkState) -> Decimal:
    """What funding does to the wallet: mark x contracts x multiplier x rate; longs pay when the rate is positive."""
    return -(state.mark * position.contracts * position.multiplier * state.funding_rate)


def resize(position: PositionState, multiplier: Decimal) -> None:
    """A contract is another number of base units: as many contracts at the same entry price are other money."""
    position.cost = position.cost * multiplier / position.multiplier
    position.multiplier = multiplier
