"""ERROR_RECOVERY: gate new risk, cancel, reconcile, resolve, hedge inside; bounded attempts with backoff."""

from __future__ import annotations

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import CancelAll, ResolveOrder
from dnbot.domain.order import Purpose
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import Recovery
from dnbot.strategy.establish import establish_step
from dnbot.strategy.leaving import EXIT_UNAVAILABLE, begin_leaving
from dnbot.strategy.repairing import hedge, needs_hedge, repair_is_spent
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.states import TradingMode, Trigger
from dnbot.strategy.turn import Turn

RECOVERY_ATTEMPT_S = 5.0
"""The first attempt's patience; it doubles with each attempt."""
RECOVERY_ATTEMPT_S_MAX = 60.0
RECOVERY_HEALTHY_S = 60.0
"""After this long without a fault, attempts are counted from the start again."""


def all_reconciled(turn: Turn) -> bool:
    """Every account fresh and equal to our ledger, every order known."""
    context = turn.context
    return not context.unsettled and all(context.account_ready(venue) for venue in VENUES)


def enter_recovery(turn: Turn, why: str) -> None:
    """Take the FAULT edge and begin."""
    turn.fire(Trigger.FAULT, why)
    begin_recovery(turn, why)


def begin_recovery(turn: Turn, why: str) -> None:
    """Cancel what is open, distrust every account, ask for everything again."""
    context = turn.context
    previous = context.recovery
    healthy = context.now_s - context.recovered_s > RECOVERY_HEALTHY_S
    attempt = 1 if previous is None or healthy else previous.attempt
    turn.change(
        recovery=Recovery(attempt=attempt, attempt_since_s=context.now_s, why=why), preparing=None, repair=None
    )
    _clear_the_table(turn)


def _clear_the_table(turn: Turn) -> None:
    for venue in VENUES:
        turn.change_account(venue, must_read_after_s=turn.context.now_s, differences={})
        turn.commands.append(CancelAll(venue))
        ask_for_read(turn, venue, "recovery", force=True)
    for order in turn.context.unsettled:
        turn.commands.append(ResolveOrder(order.intent, order.venue_order_id))


def recovering(turn: Turn) -> None:
    """Reconcile, resolve, hedge inside; leave when the venues themselves report a neutral delta."""
    context = turn.context
    recovery = context.recovery
    if recovery is None:
        begin_recovery(turn, "entered")
        return
    if _attempt_is_over(turn, recovery):
        return
    if context.unsettled:
        return
    if not all_reconciled(turn):
        for venue in VENUES:
            ask_for_read(turn, venue, "recovery")
        return
    if needs_hedge(turn):
        if not repair_is_spent(turn):
            hedge(turn, Purpose.HEDGE)
            for venue in VENUES:
                turn.change_account(venue, must_read_after_s=turn.context.now_s)
        return
    if context.execution is not None:
        close_execution(turn)
    turn.change(repair=None, recovered_s=context.now_s)
    if _outside_band(turn):
        turn.fire(Trigger.INVENTORY_OUT_OF_BAND, "inventory is outside its band")
    else:
        turn.fire(Trigger.RECONCILED, "venues and ledger agree, delta is neutral")


def _attempt_is_over(turn: Turn, recovery: Recovery) -> bool:
    context = turn.context
    patience_s = min(RECOVERY_ATTEMPT_S * 2 ** (recovery.attempt - 1), RECOVERY_ATTEMPT_S_MAX)
    if context.now_s - recovery.attempt_since_s < patience_s:
        return False
    if recovery.attempt >= context.params.recovery_attempts_max:
        shortfall = f"delta {context.portfolio.delta}, {len(context.unsettled)} unresolved orders: {recovery.why}"
        turn.lower_mode(TradingMode.HALTED, f"recovery attempts are spent; {shortfall}")
        turn.fire(Trigger.RECOVERY_SPENT, recovery.why)
        begin_leaving(turn, recovery.why, "hold", exit_code=EXIT_UNAVAILABLE)
        return True
    turn.change(
        recovery=Recovery(attempt=recovery.attempt + 1, attempt_since_s=context.now_s, why=recovery.why), repair=None
    )
    turn.alert("warning", "recovery", f"recovery attempt {recovery.attempt + 1}: {recovery.why}")
    _clear_the_table(turn)
    return True


def _outside_band(turn: Turn) -> bool:
    context = turn.context
    if context.mode is not TradingMode.ACTIVE or not context.market_fresh:
        return False
    return establish_step(inventory_of(context), context.market, context.fees, context.params) is not None
