"""What is watched while nothing is in flight: delta, and the unconditional check against the venues."""

from __future__ import annotations

from dnbot.domain.instrument import VENUES
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.doubting import awaited, delta_to_hedge
from dnbot.strategy.repairing import could_be_nearer, needs_hedge
from dnbot.strategy.states import Trigger
from dnbot.strategy.turn import Turn


def drifted(turn: Turn) -> bool:
    """Take the edge to REBALANCING when delta is above its tolerance, or the unconditional check finds work."""
    context = turn.context
    if awaited(context):
        return False
    delta = delta_to_hedge(context)
    if not needs_hedge(turn):
        return _checked(turn)
    if _half_told(turn):
        return False
    if abs(delta) > context.hard_limit:
        turn.alert("critical", "hard_limit", f"delta {delta} is above its hard limit {context.hard_limit}")
        turn.fire(Trigger.HARD_LIMIT, f"delta {delta}")
    else:
        turn.fire(Trigger.DELTA_DRIFTED, f"delta {delta}")
    return True


def _half_told(turn: Turn) -> bool:
    """Whether one venue's unexplained change is booked and another's is not yet: the sum says nothing for a moment."""
    context = turn.context
    since_s = context.naked.since_s if context.naked.since_s is not None else context.now_s
    waited_ms = (context.now_s - since_s) * 1000
    differs = any(account.differences for account in context.accounts.values())
    return differs and waited_ms < context.params.hedge_deadline_ms


def _checked(turn: Turn) -> bool:
    """Every `delta_rebalance_frequency_minutes`: distrust and read all accounts, then repair to the nearest lot.

    Until the reads are in, nothing new is traded: no account counts as known.
    """
    context = turn.context
    if context.checking_s is None:
        due_s = context.params.delta_rebalance_frequency_minutes * 60
        if context.checked_s is None or context.now_s - context.checked_s < due_s:
            return False
        turn.change(checking_s=context.now_s)
        for venue in VENUES:
            turn.change_account(venue, must_read_after_s=context.now_s)
            ask_for_read(turn, venue, "schedule", force=True)
        return False
    if not all(context.account_ready(venue) for venue in VENUES):
        for venue in VENUES:
            if not context.account_ready(venue):
                ask_for_read(turn, venue, "schedule")
        return False
    turn.change(checked_s=context.now_s, checking_s=None)
    if not could_be_nearer(turn):
        return False
    turn.fire(Trigger.DELTA_DRIFTED, f"unconditional check: delta {context.portfolio.delta}")
    return True
