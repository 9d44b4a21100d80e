"""One handler per state: what to do now. All branching on state stands in these handlers and in `states.py`.

Each handler looks at the context only, may take one edge, and returns; `machine.step` calls again until nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable

from dnbot.domain.instrument import VENUES
from dnbot.domain.order import Purpose
from dnbot.domain.pair import Declined
from dnbot.strategy.asking import tally_decline
from dnbot.strategy.closing import close_execution
from dnbot.strategy.drifting import drifted
from dnbot.strategy.establish import establish_step
from dnbot.strategy.leaving import EXIT_CONFIG, leave, shutting_down
from dnbot.strategy.plans import send_plan
from dnbot.strategy.recovering import all_reconciled, begin_recovery, recovering
from dnbot.strategy.repairing import hedge, needs_hedge, repair_is_spent
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.states import StrategyState, TradingMode, Trigger
from dnbot.strategy.trading import executing, monitoring, preparing
from dnbot.strategy.turn import Turn


def initializing(turn: Turn) -> None:
    """Leave when all three accounts are read and agree, instruments are known, and no intent is unresolved."""
    context = turn.context
    for venue, account in context.accounts.items():
        if account.facts is not None and account.facts.problem is not None:
            turn.alert("critical", f"account:{venue.value}", f"{venue.value}: {account.facts.problem}")
            leave(turn, f"{venue.value}: {account.facts.problem}", exit_code=EXIT_CONFIG)
            return
    for venue, instrument in context.instruments.items():
        if not instrument.tradable:
            leave(turn, f"{venue.value}: {instrument.not_tradable_because}", exit_code=EXIT_CONFIG)
            return
    if all_reconciled(turn) and len(context.instruments) == len(VENUES):
        turn.change(checked_s=context.now_s)
        turn.fire(Trigger.RECONCILED, "accounts read and equal to the ledger")


def establishing(turn: Turn) -> None:
    """Bring inventory into its band in slices, spot and perpetual together; hedge first whatever is naked."""
    context = turn.context
    if context.unsettled:
        return
    if context.execution is not None:
        close_execution(turn)
    if needs_hedge(turn):
        if repair_is_spent(turn):
            turn.fire(Trigger.REPAIR_FAILED, "delta could not be hedged while establishing")
        else:
            hedge(turn, Purpose.HEDGE)
        return
    turn.change(repair=None)
    if context.mode is not TradingMode.ACTIVE:
        turn.fire(Trigger.HEDGED, f"delta is neutral; mode {context.mode.name} builds no position")
        return
    if not context.market_fresh or not all(context.account_ready(venue) for venue in VENUES):
        return
    plan = establish_step(inventory_of(turn.context), context.market, context.fees, context.params)
    if plan is None:
        turn.fire(Trigger.HEDGED, "inventory is inside its band and hedged")
    elif isinstance(plan, Declined):
        tally_decline(turn, plan)
    else:
        send_plan(turn, plan, "establish", Purpose.ESTABLISH)


def active(turn: Turn) -> None:
    """Hedged and waiting for fresh markets."""
    if drifted(turn):
        return
    if turn.context.market_fresh:
        turn.fire(Trigger.MARKET_FRESH, "three fresh books")


def rebalancing(turn: Turn) -> None:
    """Restore delta on the perpetual, then by unwinding on spot; within caps, budget and time."""
    context = turn.context
    if context.unsettled:
        return
    if not needs_hedge(turn):
        if context.execution is not None:
            close_execution(turn)
        turn.change(repair=None)
        turn.fire(Trigger.DELTA_RESTORED, f"delta {context.portfolio.delta}")
        return
    if repair_is_spent(turn):
        turn.fire(Trigger.REPAIR_FAILED, "no price inside the cap, no budget, or no time left")
        begin_recovery(turn, "delta could not be restored")
        return
    hedge(turn, Purpose.HEDGE)


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
