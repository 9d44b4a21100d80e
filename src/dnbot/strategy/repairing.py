"""Bringing delta back: on the perpetual inside a cap that widens in steps, then by unwinding on spot."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.order import OrderIntent, Purpose, Side
from dnbot.domain.units import floor_to, of_bps
from dnbot.strategy.context import Repair, StrategyContext
from dnbot.strategy.hedging import HedgePlan, hedge_order
from dnbot.strategy.risk import check
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.standing import risk_inputs
from dnbot.strategy.states import allows
from dnbot.strategy.turn import Turn

UNWIND_SHARE = 2
"""Unwinding on spot may take as long again as hedging on the perpetual did."""


def needs_hedge(turn: Turn) -> bool:
    """Whether booked delta is outside its tolerance; false while the contract is unknown."""
    tolerance = turn.context.tolerance
    return tolerance is not None and abs(turn.context.portfolio.delta) > tolerance


def repair_is_spent(turn: Turn) -> bool:
    """Whether no repair may be tried any more: time, budget, or a perpetual book too old to price from."""
    context = turn.context
    if context.book(Venue.GATE_FUTURES) is None:
        return True
    if hedged_last_minute(context) + abs(context.portfolio.delta) > context.params.hedge_budget_base:
        turn.alert("critical", "hedge_budget", "the hedge budget of this minute is spent")
        return True
    repair = context.repair
    if repair is None:
        return False
    elapsed_ms = (context.now_s - repair.since_s) * 1000
    return elapsed_ms > context.params.hedge_deadline_ms * (1 + UNWIND_SHARE)


def hedged_last_minute(context: StrategyContext) -> Decimal:
    """Base units of hedges sent in the last minute, from our own orders."""
    return sum((q for at_s, q in context.risk.hedges if context.now_s - at_s < 60.0), Decimal(0))


def hedge(turn: Turn, purpose: Purpose) -> None:
    """Send the next repair order, if there is one to send now; callers made sure that nothing is in flight."""
    context = turn.context
    repair = context.repair or Repair(since_s=context.now_s)
    elapsed_ms = (context.now_s - repair.since_s) * 1000
    if elapsed_ms <= context.params.hedge_deadline_ms:
        intent = _on_perpetual(turn, repair, purpose)
    else:
        intent = _on_spot(turn, repair)
    turn.change(repair=msgspec.structs.replace(repair, steps=repair.steps + 1))
    if intent is None or not allows(context.current_state, context.mode, intent.purpose):
        return
    verdict = check((intent,), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        turn.alert("warning", f"hedge:{verdict.code}", f"a hedge was refused: {verdict.text}")
        return
    risk = turn.context.risk
    recent = tuple(h for h in risk.hedges if context.now_s - h[0] < 60.0)
    turn.change(risk=msgspec.structs.replace(risk, hedges=(*recent, (context.now_s, intent.quantity))))
    turn.place(intent)


def _on_perpetual(turn: Turn, repair: Repair, purpose: Purpose) -> OrderIntent | None:
    context = turn.context
    plan = hedge_order(
        context.portfolio.delta, context.market, context.instruments, context.params, widen_steps=repair.steps,
        perp_base=context.portfolio.perp_base,
    )
    if not isinstance(plan, HedgePlan):
        return None
    return turn.new_intent(
        plan.venue, plan.side, plan.quantity, plan.price, purpose, reduce_only=plan.reduce_only,
        execution_id=_execution_id(context), leg="h",
    )


def _on_spot(turn: Turn, repair: Repair) -> OrderIntent | None:
    """Sell the surplus where we hold most, or buy the shortage where the price is best, inside the collar."""
    context = turn.context
    delta = context.portfolio.delta
    side = Side.SELL if delta > 0 else Side.BUY
    venues = [venue for venue in SPOT_VENUES if context.book(venue) is not None and venue in context.instruments]
    if not venues:
        return None
    symbol = context.params.symbol
    if side is Side.SELL:
        venue = max(venues, key=lambda v: context.portfolio.balance(v, symbol.base))
    else:
        venue = min(venues, key=lambda v: context.market.books[v].asks[0][0])
    instrument = context.instruments[venue]
    touch = context.market.books[venue].side_for(side)[0][0]
    slack = of_bps(touch, context.params.price_collar_bps)
    price = instrument.price_up(touch + slack) if side is Side.BUY else instrument.price_down(touch - slack)
    quantity = floor_to(abs(delta), instrument.lot_size)
    if instrument.problem_with(quantity, price) is not None:
        return None
    return turn.new_intent(venue, side, quantity, price, Purpose.UNWIND, execution_id=_execution_id(context), leg="u")


def _execution_id(context: StrategyContext) -> str:
    return context.execution.execution_id if context.execution else ""
