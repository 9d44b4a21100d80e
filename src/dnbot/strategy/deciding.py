"""One handler per state: what to do now. All branching on state stands in these handlers and in `states.py`.

Each handler looks at the context only, may take one edge, and returns; `machine.step` calls again until nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable

from dnbot.domain.instrument import VENUES
from dnbot.domain.order import Purpose
from dnbot.domain.pair import Declined
from dnbot.strategy.admitting import refused
from dnbot.strategy.asking import tally_decline
from dnbot.strategy.closing import close_execution
from dnbot.strategy.doubting import awaited
from dnbot.strategy.drifting import drifted
from dnbot.strategy.establish import establish_step
from dnbot.strategy.leaving import shutting_down
from dnbot.strategy.plans import send_plan, tell_that_it_waits
from dnbot.strategy.recovering import all_reconciled, begin_recovery, knows_instruments, recovering
from dnbot.strategy.repairing import could_be_nearer, end_repair, hedge, needs_hedge, repair_is_spent
from dnbot.strategy.shrinking import can_shrink, margin_is_short, shrink
from dnbot.strategy.standing import inventory_of, low_margin
from dnbot.strategy.states import StrategyState, TradingMode, Trigger
from dnbot.strategy.trading import decline_all, executing, monitoring, preparing
from dnbot.strategy.turn import Turn


def initializing(turn: Turn) -> None:
    """Leave when all three accounts are read and agree, instruments are known, and no intent is unresolved."""
    if refused(turn):
        return
    if all_reconciled(turn) and knows_instruments(turn):
        turn.change(checked_s=turn.context.now_s)
        turn.fire(Trigger.RECONCILED, "accounts read and equal to the ledger")


def establishing(turn: Turn) -> None:
    """Bring inventory into its band in slices, spot and perpetual together; hedge first whatever is naked."""
    context = turn.context
    if awaited(context):
        return
    if context.execution is not None and not context.unsettled:
        close_execution(turn)
    if needs_hedge(turn):
        if repair_is_spent(turn):
            _give_up(turn, "delta could not be hedged while establishing")
        else:
            hedge(turn, Purpose.HEDGE)
        return
    end_repair(turn)
    short = margin_is_short(turn)
    context = turn.context
    if context.unsettled:
        return  # neutral as far as anybody knows, and nothing is built on that
    if short:
        shrink(turn)
        return
    if context.mode is not TradingMode.ACTIVE:
        turn.fire(Trigger.HEDGED, f"delta is neutral; mode {context.mode.name} builds no position")
        return
    ready = context.market_fresh and all(context.account_ready(venue) for venue in VENUES)
    if not ready or not context.signal_fresh:
        return  # one slice per market: a book may still show what the last slice took, and a refusal needs a pause
    turn.change(signal_fresh=False)
    plan = establish_step(inventory_of(turn.context), context.market, context.fees, context.params)
    if plan is None:
        turn.fire(Trigger.HEDGED, "inventory is inside its band and hedged")
    elif isinstance(plan, Declined):
        tally_decline(turn, plan)
        _build_no_more(turn, plan.reason, plan.text)
    else:
        refusal = send_plan(turn, plan, "establish", Purpose.ESTABLISH)
        if refusal is not None:
            _build_no_more(turn, refusal.code, refusal.text)


def _build_no_more(turn: Turn, code: str, text: str) -> None:
    """What stands is traded with when the margin carries no more: no market changes that, and between the floor of
    entries and the one below which both legs shrink it may stay so for good. The next start or recovery builds on.
    """
    lasts = tell_that_it_waits(turn, "establish", code, text)
    if code == "MARGIN" and lasts and can_shrink(turn.context):
        turn.fire(Trigger.HEDGED, f"below its band, and margin carries no more: {text}")


def active(turn: Turn) -> None:
    """Hedged and waiting for fresh markets."""
    if drifted(turn):
        return
    if margin_is_short(turn):
        turn.fire(Trigger.MARGIN_LOW, low_margin(turn.context) or "")
    elif turn.context.market_fresh:
        turn.fire(Trigger.MARKET_FRESH, "three fresh books")


def rebalancing(turn: Turn) -> None:
    """Restore delta on the perpetual, then by unwinding on spot; within caps, budget and time.

    It ends at the nearest lot, below the tolerance that it began at, so it cannot flap.
    """
    decline_all(turn)
    context = turn.context
    if awaited(context):
        return
    if could_be_nearer(turn) and not repair_is_spent(turn):
        hedge(turn, Purpose.HEDGE)
    elif needs_hedge(turn):
        _give_up(turn, "delta could not be restored: no price inside the cap, no budget, or no time left")
    elif context.unsettled:
        end_repair(turn)  # neutral as far as anybody knows: what turns out otherwise is repaired anew
    else:
        if context.execution is not None:
            close_execution(turn)
        end_repair(turn)
        turn.fire(Trigger.DELTA_RESTORED, f"delta {context.portfolio.delta}")


def _give_up(turn: Turn, why: str) -> None:
    turn.fire(Trigger.REPAIR_FAILED, why)
    begin_recovery(turn, why)


HANDLERS: dict[StrategyState, Callable[[Turn], None]] = {
    StrategyState.INITIALIZING: initializing,
    StrategyState.ESTABLISHING_DELTA_NEUTRAL: establishing,
    StrategyState.DELTA_NEUTRAL_ACTIVE: active,
    StrategyState.MONITORING_SPREADS: monitoring,
    StrategyState.PREPARING_ARBITRAGE: preparing,
    StrategyState.EXECUTING_ARBITRAGE: executing,
    StrategyState.REBALANCING_DELTA: rebalancing,
    StrategyState.ERROR_RECOVERY: recovering,
    StrategyState.SHUTDOWN: shutting_down,
}
