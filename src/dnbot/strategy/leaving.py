"""The way out: settle and hedge, flatten if asked, cancel, verify empty twice, end with a documented code."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import CancelAll
from dnbot.domain.order import Purpose
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import Leaving
from dnbot.strategy.establish import EstablishPlan, flatten_step
from dnbot.strategy.plans import send_plan
from dnbot.strategy.repairing import hedge, needs_hedge, repair_is_spent
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.states import TradingMode, Trigger
from dnbot.strategy.turn import Turn

SHUTDOWN_S = 20.0
SHUTDOWN_SHORT_S = 3.0
EXIT_CLEAN, EXIT_CONFIG, EXIT_HALTED, EXIT_UNAVAILABLE = 0, 2, 3, 75


def leave(turn: Turn, why: str, *, policy: str = "", exit_code: int = EXIT_CLEAN) -> None:
    """Take the STOP edge and begin."""
    turn.fire(Trigger.STOP, why)
    begin_leaving(turn, why, policy or turn.context.params.shutdown_policy, exit_code=exit_code)


def begin_leaving(turn: Turn, why: str, policy: str, *, exit_code: int) -> None:
    """Start the clock of the shutdown."""
    now = turn.context.now_s
    turn.change(
        preparing=None,
        repair=None,
        leaving=Leaving(
            phase="settle", since_s=now, deadline_s=now + SHUTDOWN_S, policy=policy, exit_code=exit_code, why=why
        ),
    )


def hurry(turn: Turn) -> None:
    """A second Stop only shortens the deadline."""
    leaving = turn.context.leaving
    if leaving is not None:
        deadline = min(leaving.deadline_s, turn.context.now_s + SHUTDOWN_SHORT_S)
        turn.change(leaving=msgspec.structs.replace(leaving, deadline_s=deadline))


def shutting_down(turn: Turn) -> None:
    """Settle and hedge the open execution, flatten if asked, cancel, verify empty twice, end."""
    context = turn.context
    leaving = context.leaving
    if leaving is None or context.exit_code is not None:
        return
    if context.now_s >= leaving.deadline_s:
        _end_late(turn, leaving)
    elif leaving.phase == "settle":
        _settle(turn, leaving)
    else:
        _verify(turn, leaving)


def _settle(turn: Turn, leaving: Leaving) -> None:
    context = turn.context
    if context.unsettled:
        return
    if needs_hedge(turn) and not repair_is_spent(turn):
        hedge(turn, Purpose.HEDGE)
        return
    if context.execution is not None:
        close_execution(turn)
    if leaving.policy == "flatten" and context.market_fresh:
        plan = flatten_step(inventory_of(turn.context), context.market, context.fees, context.params)
        if isinstance(plan, EstablishPlan):
            send_plan(turn, plan, "flatten", Purpose.FLATTEN)
            return
    for venue in VENUES:
        turn.commands.append(CancelAll(venue))
        turn.change_account(venue, must_read_after_s=turn.context.now_s)
    turn.change(leaving=msgspec.structs.replace(leaving, phase="verify", asked_s=0.0))


def _verify(turn: Turn, leaving: Leaving) -> None:
    context = turn.context
    if leaving.asked_s and all(context.accounts[v].read_s >= leaving.asked_s for v in _known_venues(turn)):
        leaving = msgspec.structs.replace(leaving, verified=leaving.verified + 1, asked_s=0.0)
        turn.change(leaving=leaving)
        differs = any(context.accounts[v].differences for v in VENUES)
        if leaving.verified >= 2 and not differs and not context.unsettled:
            turn.change(exit_code=leaving.exit_code)
            return
    if not leaving.asked_s:
        for venue in _known_venues(turn):
            ask_for_read(turn, venue, "final", force=True)
        turn.change(leaving=msgspec.structs.replace(leaving, asked_s=context.now_s))


def _known_venues(turn: Turn) -> tuple[Venue, ...]:
    """Venues that ever answered: one that never did holds nothing of this run."""
    return tuple(v for v in VENUES if turn.context.accounts[v].facts is not None)


def _end_late(turn: Turn, leaving: Leaving) -> None:
    context = turn.context
    open_ids = [order.intent.client_order_id for order in context.unsettled]
    if open_ids or needs_hedge(turn) or leaving.verified < 2:
        text = f"shutdown ended at its deadline: delta {context.portfolio.delta}, unresolved {open_ids}"
        turn.alert("critical", "shutdown", text)
        if open_ids or needs_hedge(turn):
            turn.lower_mode(TradingMode.HALTED, text)
        turn.change(exit_code=leaving.exit_code or EXIT_UNAVAILABLE)
    else:
        turn.change(exit_code=leaving.exit_code)
