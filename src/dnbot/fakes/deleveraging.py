"""Who is deleveraged first: profitable positions opposite to the one that nobody took.

Source: Gate help centre, "Auto-deleveraging (ADL)" (22082): positions are ranked by their return and maintenance margin
ratio and closed from the highest rank down, at the bankruptcy price of the liquidated one. How return and ratio make
one number is not said (`PerpetualRules.adl_score`). The grades 1 (highest) to 5, and 6 without a position, are those
of `adl_ranking` in the API; where the grades begin is invented.
"""

from __future__ import annotations

from decimal import Decimal

from .ledger_state import ExchangeState
from .records import EXTERNAL, INSURANCE, ZERO, PositionState

GRADE_RETURNS = (Decimal(0), Decimal("0.25"), Decimal("0.5"), Decimal(1))
"""Returns on initial margin above which a position leaves grades 5, 4, 3 and 2."""
GRADE_NONE = 6


def return_rate(state: ExchangeState, position: PositionState) -> Decimal:
    """Unrealised profit at the mark, as a fraction of the initial margin at entry."""
    margin = abs(position.cost) / position.leverage_in_force
    return position.unrealised_pnl(state.mark_price(position.symbol)) / margin if margin else ZERO


def score(state: ExchangeState, position: PositionState) -> Decimal:
    """What positions are ranked by; a thinner margin ranks a gain higher and a loss lower."""
    rate = return_rate(state, position)
    if state.rules.adl_score == "return":
        return rate
    ratio = _margin_ratio(state, position)
    return rate / ratio if rate > 0 else rate * ratio


def grade(state: ExchangeState, position: PositionState) -> int:
    """`adl_ranking` of a position: 1 is deleveraged first."""
    if not position.contracts:
        return GRADE_NONE
    rate = return_rate(state, position)
    return GRADE_NONE - 1 - sum(rate > step for step in GRADE_RETURNS)


def queue(state: ExchangeState, symbol: str, direction: int) -> list[PositionState]:
    """Positions of one direction (1 long, -1 short), first to go first.

    Accounts in profit come by score; then the outside world, which is many holders of every rank; losers last.
    """
    found = [
        account.positions[symbol]
        for account in state.accounts.by_uid.values()
        if symbol in account.positions and account.positions[symbol].contracts * direction > 0
    ]
    ranked = sorted(
        (p for p in found if p.uid not in (EXTERNAL, INSURANCE)), key=lambda p: score(state, p), reverse=True
    )
    outside = [p for p in found if p.uid == EXTERNAL]
    winners = [p for p in ranked if return_rate(state, p) > 0]
    return winners + outside + ranked[len(winners) :]


def _margin_ratio(state: ExchangeState, position: PositionState) -> Decimal:
    """Margin balance over maintenance margin: of the position when isolated, else of the cross wallet."""
    if position.isolated:
        balance = position.margin + position.unrealised_pnl(state.mark_price(position.symbol))
        needed = state.maintenance(position)
    else:
        margin = state.margin(position.uid)
        balance, needed = margin.cross_equity, margin.cross_maintenance
    return max(balance / needed, Decimal("0.01")) if needed else Decimal(1)
