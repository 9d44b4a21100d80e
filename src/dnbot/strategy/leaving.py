"""The way out: settle and hedge, flatten if asked, cancel, verify empty twice, end with a documented code."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import CancelAll
from dnbot.domain.order import Purpose
from dnbot.strategy.asking import ask_for_read, tally_decline
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import Leaving, StrategyContext
from dnbot.strategy.doubting import awaited, doubt
from dnbot.strategy.establish import EstablishPlan, flatten_step
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.plans import send_plan
from dnbot.strategy.repairing import end_repair, hedge, needs_hedge, repair_is_spent, repair_s_max
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.states import TradingMode, Trigger
from dnbot.strategy.turn import Turn

SHUTDOWN_S = 20.0
SHUTDOWN_SHORT_S = 3.0
FLATTEN_SLICES_LEAST = 3
"""Settings with which a shutdown has no time for so many are refused: it would flatten next to nothing."""
VERIFY_TIMES = 2
EXIT_CLEAN, EXIT_CONFIG, EXIT_UNAVAILABLE = 0, 2, 75


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
    assert leaving is not None
    deadline = min(leaving.deadline_s, turn.context.now_s + SHUTDOWN_SHORT_S)
    turn.change(leaving=msgspec.structs.replace(leaving, deadline_s=deadline))


def shutting_down(turn: Turn) -> None:
    """Settle and hedge the open execution, flatten if asked, cancel, verify empty twice, end."""
    context = turn.context
    leaving = context.leaving
    assert leaving is not None  # every edge into this state comes with `begin_leaving`
    if context.exit_code is not None:
        return
    if context.now_s >= leaving.deadline_s:
        _end(turn, leaving)
    elif awaited(context):
        return
    elif needs_hedge(turn) and not repair_is_spent(turn):
        turn.change(leaving=msgspec.structs.replace(leaving, phase="settle", verified=0, asked_s=None))
        hedge(turn, Purpose.HEDGE)
    elif context.unsettled:
        return
    else:
        if not needs_hedge(turn):
            end_repair(turn)
        if leaving.phase == "settle":
            _settle(turn, leaving)
        else:
            _verify(turn, leaving)


def _settle(turn: Turn, leaving: Leaving) -> None:
    if turn.context.execution is not None:
        close_execution(turn)
    unfinished = False
    if leaving.policy == "flatten":
        unfinished = _too_late_for_a_slice(turn, leaving)
        if not unfinished and _still_flattening(turn):
            return
    for venue in VENUES:
        turn.commands.append(CancelAll(venue))
        turn.change_account(venue, must_read_after_s=turn.context.now_s)
    turn.change(leaving=msgspec.structs.replace(leaving, phase="verify", asked_s=None, unfinished=unfinished))


def _too_late_for_a_slice(turn: Turn, leaving: Leaving) -> bool:
    """Whether a slice that is sent now and fails on one side might not be repaired before the deadline."""
    params = turn.context.params
    return turn.context.now_s + _slice_s_max(params) + repair_s_max(params) > leaving.deadline_s


def flatten_s_least(params: StrategyParameters) -> float:
    """Seconds that a shutdown needs for `FLATTEN_SLICES_LEAST` slices, one after the other, the last to be repaired."""
    return FLATTEN_SLICES_LEAST * _slice_s_max(params) + repair_s_max(params)


def _slice_s_max(params: StrategyParameters) -> float:
    """The longest until it is known what became of a slice, seconds."""
    return (params.order_expiry_ms + params.match_lag_ms) / 1000


def _still_flattening(turn: Turn) -> bool:
    """One slice per market; without a fresh market, or at a price beyond the caps, it waits until the deadline."""
    context = turn.context
    if not context.market_fresh or not context.signal_fresh:
        return True
    turn.change(signal_fresh=False)
    plan = flatten_step(inventory_of(context), context.market, context.fees, context.params)
    if isinstance(plan, EstablishPlan):
        send_plan(turn, plan, "flatten", Purpose.FLATTEN)
    elif plan is not None:
        tally_decline(turn, plan)
    return plan is not None


def _verify(turn: Turn, leaving: Leaving) -> None:
    """Two complete reads of every venue, one after the other, that show no open order of ours and no difference."""
    context = turn.context
    if leaving.asked_s is None:
        for venue in _venues_to_verify(context):
            ask_for_read(turn, venue, "final", force=True)
        turn.change(leaving=msgspec.structs.replace(leaving, asked_s=context.now_s))
        return
    missing = [
        venue for venue in _venues_to_verify(context)
        if context.accounts[venue].asked_s or context.accounts[venue].read_s < leaving.asked_s
    ]
    for venue in missing:
        ask_for_read(turn, venue, "final")
    if missing:
        return
    still_open = [venue for venue in VENUES if context.accounts[venue].own_open]
    for venue in still_open:
        turn.commands.append(CancelAll(venue))
    leaving = msgspec.structs.replace(leaving, verified=0 if still_open else leaving.verified + 1, asked_s=None)
    turn.change(leaving=leaving)
    if leaving.verified >= VERIFY_TIMES and not any(context.accounts[v].differences for v in VENUES):
        _end(turn, leaving)


def _venues_to_verify(context: StrategyContext) -> tuple[Venue, ...]:
    """Venues that answered in this run, and those where the book holds something from before it."""
    return tuple(v for v in VENUES if context.accounts[v].facts is not None or _held(context, v))


def _held(context: StrategyContext, venue: Venue) -> Decimal:
    """Base units there by the book; signed on the perpetual."""
    book = context.portfolio
    return book.perp_base if not venue.is_spot else book.balance(venue, book.symbol.base)


def abandon(turn: Turn) -> str:
    """A bug ends the bot now, and nobody repairs any more: what is naked or in doubt halts the next start.

    Returns what was left behind, for a person to read; empty when delta is neutral and every order is known.
    """
    context = turn.context
    open_ids = [order.intent.client_order_id for order in context.unsettled]
    if not open_ids and not needs_hedge(turn):
        return ""
    found = doubt(context)
    text = (
        f"a bug ended the bot in {context.current_state.name} with delta {context.portfolio.delta}, unresolved "
        f"{open_ids}, at worst {context.delta_worst_case} unhedged (believed {found.low} to {found.high})"
    )
    turn.lower_mode(TradingMode.HALTED, text)
    turn.alert("critical", "abandoned", text)
    return text


def _end(turn: Turn, leaving: Leaving) -> None:
    """Say honestly how it ended; what is naked or unresolved halts the next start too, until a person has looked."""
    context = turn.context
    open_ids = [order.intent.client_order_id for order in context.unsettled]
    unsafe = bool(open_ids) or needs_hedge(turn)
    seen = f"verified {leaving.verified} times"
    unseen = [v.value for v in _venues_to_verify(context) if context.accounts[v].facts is None]
    if unseen:
        seen += f", never read in this run {unseen} where the book holds a position"
    text = f"shutdown ended with delta {context.portfolio.delta}, unresolved {open_ids}, {seen}"
    if leaving.unfinished:
        text += f", not flat: spot {context.portfolio.spot_base}, perpetual {context.portfolio.perp_base}"
    if unsafe:
        turn.lower_mode(TradingMode.HALTED, text)
    if unsafe or leaving.unfinished or leaving.verified < VERIFY_TIMES:
        turn.alert("critical", "shutdown", text)
        turn.change(exit_code=leaving.exit_code or EXIT_UNAVAILABLE)
    else:
        turn.change(exit_code=leaving.exit_code)
