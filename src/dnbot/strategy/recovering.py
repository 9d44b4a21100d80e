"""ERROR_RECOVERY: gate new risk, cancel, reconcile, resolve, hedge inside; bounded attempts with backoff."""

from __future__ import annotations

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import CancelAll, ResolveOrder
from dnbot.domain.order import Purpose
from dnbot.strategy.admitting import refused
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import Recovery
from dnbot.strategy.doubting import awaited
from dnbot.strategy.leaving import EXIT_UNAVAILABLE, begin_leaving
from dnbot.strategy.reading import DIFFERENCE_CONFIRM_S
from dnbot.strategy.repairing import end_repair, has_too_much, hedge, needs_hedge, repair_is_spent, repair_s_max
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.states import StrategyState, TradingMode, Trigger
from dnbot.strategy.turn import Turn

_NOT_WATCHED = frozenset({StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY, StrategyState.SHUTDOWN})
RECOVERY_ATTEMPT_S = 5.0
"""The first attempt's patience; it doubles with each attempt."""
RECOVERY_ATTEMPT_S_MAX = 60.0
OPEN_AGAIN_S = 0.6
"""An account that listed an open order of ours is read again after this."""
BEHIND_AGAIN_S = DIFFERENCE_CONFIRM_S + 0.05
"""One whose newest read says all that it can, and still does not do, is read again after this: sooner would spend the
venue's budget within seconds, and what others need of it."""
RECOVERY_HEALTHY_S = 60.0
"""After this long without a fault, attempts are counted from the start again."""


def all_reconciled(turn: Turn) -> bool:
    """Every account fresh and equal to our ledger, every order known, and none of ours open."""
    context = turn.context
    open_here = any(context.accounts[venue].own_open for venue in VENUES)
    return not context.unsettled and not open_here and all(context.account_ready(venue) for venue in VENUES)


def knows_instruments(turn: Turn) -> bool:
    """Whether all three instruments were read: without them nothing can be judged in lots."""
    return len(turn.context.instruments) == len(VENUES)


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


def fault_again(turn: Turn, why: str) -> None:
    """A fault during recovery: the running attempt keeps its patience, but no read from before it counts any more."""
    turn.fire(Trigger.FAULT, why)
    for venue in VENUES:
        turn.change_account(venue, must_read_after_s=turn.context.now_s)


def leave_limbo(turn: Turn) -> None:
    """An order whose end is not known long after its expiry keeps repairs and drift checks waiting: recover instead."""
    context = turn.context
    if context.current_state in _NOT_WATCHED:
        return
    params = context.params
    most_s = (params.execution_deadline_ms + params.order_expiry_ms + params.resolve_deadline_ms) / 1000
    late = [
        order.intent.client_order_id for order in context.unsettled
        if context.now_s - context.age(order.intent.client_order_id).changed_s > most_s
    ]
    if late:
        text = f"unresolved past their deadline: {', '.join(late)}"
        turn.alert("critical", "limbo", text)
        enter_recovery(turn, text)


def recovering(turn: Turn) -> None:
    """Reconcile, resolve, hedge inside; leave when the venues themselves report a neutral delta."""
    context = turn.context
    recovery = context.recovery
    assert recovery is not None  # every edge into this state comes with `begin_recovery`
    if context.checked_s is None and refused(turn):
        return
    if _attempt_is_over(turn, recovery) or awaited(context):
        return
    known = all(_reported(turn, venue) for venue in VENUES)
    still_open = any(context.accounts[venue].own_open for venue in VENUES)
    if needs_hedge(turn):
        if known or _waited_for_reads(turn, recovery):
            _hedge_inside(turn)
        else:
            _ask_for_reads(turn)
        return
    end_repair(turn)
    _ask_for_reads(turn)
    if not known or still_open or context.unsettled or not knows_instruments(turn):
        return
    if context.execution is not None:
        close_execution(turn)
    turn.change(recovered_s=context.now_s, checked_s=context.now_s, checking_s=None)
    if _outside_band(turn):
        turn.fire(Trigger.INVENTORY_OUT_OF_BAND, "inventory is outside its band")
    else:
        turn.fire(Trigger.RECONCILED, "venues and ledger agree, delta is neutral")


def _ask_for_reads(turn: Turn) -> None:
    for venue in VENUES:
        still_open = turn.context.accounts[venue].own_open
        again_s = OPEN_AGAIN_S if still_open else BEHIND_AGAIN_S
        lacks = still_open or not _reported(turn, venue)
        if _is_old(turn, venue) or (lacks and _was_read(turn, venue, again_s)):
            ask_for_read(turn, venue, "recovery")


def _reported(turn: Turn, venue: Venue) -> bool:
    """Whether the account is as the venue itself reports it: by a read from after our last order there."""
    return turn.context.account_ready(venue) and not _is_old(turn, venue)


def _is_old(turn: Turn, venue: Venue) -> bool:
    """Whether its newest read began before our last order there, or before all of them were distrusted."""
    account = turn.context.accounts[venue]
    return account.read_s <= account.order_s or account.read_s < account.must_read_after_s


def _was_read(turn: Turn, venue: Venue, ago_s: float) -> bool:
    """Whether what a read led to has had so much time."""
    return turn.context.now_s - turn.context.accounts[venue].read_s > ago_s


def _waited_for_reads(turn: Turn, recovery: Recovery) -> bool:
    """No order is awaited, so our own fills tell delta: a venue that cannot be read must not keep us naked.

    One that was read and differs in base is another matter: what it says is confirmed or not by its next read. A
    difference in quote changes no delta. While an order's end is unknown, most of the time that there was is spent.
    """
    context = turn.context
    waited_ms = (context.now_s - recovery.attempt_since_s) * 1000
    differs = any(context.params.symbol.base in account.differences for account in context.accounts.values())
    return not differs and waited_ms > context.params.hedge_deadline_ms / (4 if context.unsettled else 2)


def _hedge_inside(turn: Turn) -> None:
    if repair_is_spent(turn):
        _try_again_later(turn)
        return
    before = len(turn.context.orders)
    hedge(turn, Purpose.HEDGE)
    if len(turn.context.orders) > before:
        for venue in VENUES:
            turn.change_account(venue, must_read_after_s=turn.context.now_s)


def _try_again_later(turn: Turn) -> None:
    """Recovery has nowhere else to go: after a pause as long as the repair was, it begins anew."""
    context = turn.context
    if context.repair is not None and context.now_s - context.repair.since_s > 2 * repair_s_max(context.params):
        end_repair(turn)


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
    """Beyond [base, base x multiplier] by more than a lot; the slices that lead back are found when books are fresh."""
    context, params = turn.context, turn.context.params
    lot = context.perp_lot
    if context.mode is not TradingMode.ACTIVE or lot is None:
        return False
    return inventory_of(context).held_base < params.base_position_size - lot or has_too_much(context)
