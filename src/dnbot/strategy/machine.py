"""`step(context, event)`: one event in, the next context and what follows from it out. Synchronous and pure.

Time enters as `Tick` and as stamps on events; replaying the inbox gives the same contexts, commands and records.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    AccountRead,
    Advice,
    BalanceChanged,
    Command,
    CountdownSet,
    DeclareShipment,
    EntryAdvised,
    Fault,
    FeesChanged,
    FillReported,
    FleetRiskTold,
    GiveUpShipment,
    InboxEvent,
    OrderAnswered,
    OrderReported,
    OrderSent,
    PairAborted,
    PairCommitted,
    Paused,
    PositionChanged,
    Record,
    SessionDown,
    SessionUp,
    SetMode,
    Signal,
    Stop,
    StoreFound,
    StoreLost,
    StreamProven,
    TacticAdvised,
    Tick,
    TransferAnswered,
)
from dnbot.domain.order import OrderStatus, with_status
from dnbot.strategy import folding
from dnbot.strategy.advising import fold_advice
from dnbot.strategy.asking import ask_for_read, chase_unsettled, record_taken
from dnbot.strategy.context import StrategyContext, VenueAccount
from dnbot.strategy.countdowns import fold_countdown, watch_countdowns
from dnbot.strategy.deciding import HANDLERS
from dnbot.strategy.doubting import watch_doubt
from dnbot.strategy.leaving import hurry, leave
from dnbot.strategy.leverage import watch_leverage
from dnbot.strategy.muteness import watch_muteness
from dnbot.strategy.observing import judge_crashes, sample, watch_delta
from dnbot.strategy.pausing import believed, fold_pause
from dnbot.strategy.reading import DIFFERENCE_CONFIRM_S, fold_read
from dnbot.strategy.recovering import enter_recovery, fault_again, leave_limbo
from dnbot.strategy.reference import without_old_mark
from dnbot.strategy.resting import fold_tactic, watch_resting
from dnbot.strategy.shipping import declare, give_up
from dnbot.strategy.states import StrategyState, TradingMode, Trigger
from dnbot.strategy.transferring import chase_transfers, fold_transfer_answer
from dnbot.strategy.turn import Turn

UNANSWERED_S_MAX = 6.0
"""So long a scheduled read may be tried again before the venue's REST side counts as failed."""
_EXPOSED = frozenset(StrategyState) - {
    StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY, StrategyState.SHUTDOWN
}
MOVES_MAX = 12
"""More state changes in one step would be a loop between handlers: a bug."""


class Step(msgspec.Struct, frozen=True):
    """What one event led to."""

    context: StrategyContext
    commands: tuple[Command, ...]
    records: tuple[Record, ...]


def step(context: StrategyContext, event: InboxEvent) -> Step:
    """Fold the event, let the state's handler decide until nothing moves, and note what was learned.

    Raises:
        InvariantBroken: a handler took an edge that the table does not have, or handlers chase each other.
    """
    turn = Turn(msgspec.structs.replace(context, events=context.events + 1))
    _fold(turn, event)
    folding.release_parked(turn)
    for _ in range(MOVES_MAX):
        before = turn.context.transitions, len(turn.commands)
        HANDLERS[turn.state](turn)
        if (turn.context.transitions, len(turn.commands)) == before:
            break
    else:
        raise InvariantBroken(f"the machine does not come to rest in {turn.state.name}")
    watch_delta(turn)
    return Step(turn.context, tuple(turn.commands), tuple(turn.records))


def _fold(turn: Turn, event: InboxEvent) -> None:
    match event:
        case Signal():
            _fold_signal(turn, event)
        case Tick(now_ns=now_ns, now_s=now_s):
            now_s = max(turn.context.now_s, now_s)
            turn.change(now_ns=now_ns, now_s=now_s, market=without_old_mark(turn.context.market, now_s))
            _on_time(turn)
        case Paused():
            fold_pause(turn, event)
        case OrderReported() | FillReported():
            folding.fold_news(turn, event)
        case OrderSent():
            folding.fold_sent(turn, event)
        case OrderAnswered():
            folding.fold_answer(turn, event)
            chase_unsettled(turn)
        case TransferAnswered():
            fold_transfer_answer(turn, event)
        case AccountRead():
            fold_read(turn, event)
        case StreamProven(venue=venue, asked_s=asked_s):
            turn.change_account(venue, heard_s=max(asked_s, turn.context.accounts[venue].heard_s))
        case CountdownSet():
            fold_countdown(turn, event)
        case BalanceChanged():
            folding.fold_balance(turn, event)
        case PositionChanged():
            folding.fold_position(turn, event)
        case PairCommitted() | PairAborted():
            _fold_pair(turn, event)
        case SessionUp() | SessionDown() | FeesChanged():
            _fold_session(turn, event)
        case Fault():
            _fold_fault(turn, event)
        case Stop():
            _fold_stop(turn, event)
        case SetMode():
            if event.seen in {"", turn.context.mode.name}:
                _set_mode(turn, event)
        case DeclareShipment():
            declare(turn, event)
        case GiveUpShipment():
            give_up(turn, event)
        case StoreLost() | StoreFound():
            _fold_store(turn, event)
        case EntryAdvised() | TacticAdvised() | FleetRiskTold():
            _fold_advice(turn, event)
        case _:
            assert_never(event)


def _fold_signal(turn: Turn, event: Signal) -> None:
    folding.fold_instruments(turn, event.market.instruments)
    now_s = max(turn.context.now_s, event.at_s)
    market = without_old_mark(believed(event.market, turn.context.market_since_s), now_s)
    turn.change(market=market, edges=event.edges, signal_fresh=True, now_s=now_s)


def _fold_advice(turn: Turn, event: Advice) -> None:
    if isinstance(event, TacticAdvised):
        fold_tactic(turn, event)
    else:
        fold_advice(turn, event)


def _on_time(turn: Turn) -> None:
    """What time alone brings: slow orders, scheduled reads, samples."""
    context = turn.context
    judge_crashes(turn)
    chase_unsettled(turn)
    watch_doubt(turn)
    watch_resting(turn)
    chase_transfers(turn)
    watch_countdowns(turn)
    watch_leverage(turn)
    leave_limbo(turn)
    if context.current_state is not StrategyState.SHUTDOWN:
        watch_muteness(turn)
        _keep_reading(turn)
    sample(turn)


def _keep_reading(turn: Turn) -> None:
    """Read every account on schedule; one that stays unanswered is a fault, whatever its stream says."""
    context = turn.context
    schedule_s = context.params.balance_age_ms_max / 3000
    for venue in VENUES:
        account = context.accounts[venue]
        age_s = context.now_s - account.read_s
        unsure = bool(account.differences) or account.own_open > 0 or _is_disturbed(context, account, schedule_s)
        if account.stream_up and age_s > (DIFFERENCE_CONFIRM_S if unsure else schedule_s):
            ask_for_read(turn, venue, "schedule")
        silent_s = min(age_s, context.now_s - context.awake_since_s)
        unanswered = account.stream_up and account.read_s > 0 and silent_s > schedule_s + UNANSWERED_S_MAX
        if unanswered and context.current_state in _EXPOSED:
            enter_recovery(turn, f"{venue.value} has answered no account read for {age_s:.0f} s")
            return
        if _is_disturbed(context, account, 3 * schedule_s) and account.must_read_after_s <= account.read_s:
            turn.change_account(venue, must_read_after_s=context.now_s)


def _is_disturbed(context: StrategyContext, account: VenueAccount, within_s: float) -> bool:
    """Whether reads are answered, and within this time none could be compared: orders of ours changed amid them all.

    Then the account is read more often, and at last no new risk is taken until a read of quiet orders was compared.
    """
    exposed = context.current_state in _EXPOSED
    return exposed and account.read_s - account.compared_s > within_s


def _fold_pair(turn: Turn, event: PairCommitted | PairAborted) -> None:
    execution = turn.context.execution
    if execution is None or execution.execution_id != event.execution_id or execution.committed:
        return
    if isinstance(event, PairCommitted):
        turn.change(execution=msgspec.structs.replace(execution, committed=True))
        record_taken(turn, execution)
        if turn.state is StrategyState.PREPARING_ARBITRAGE:
            turn.change(preparing=None)
            turn.fire(Trigger.COMMITTED, execution.execution_id)
        return
    for name in execution.order_ids:
        order = turn.context.orders[name]
        turn.put_order(with_status(order, OrderStatus.NOT_SENT, at_ns=event.at_ns, reason=event.reason))
    turn.change(execution=None, preparing=None)
    if execution.opportunity is not None and event.reason == "RATE":  # nothing is soon other than it was
        refusal = (turn.context.now_s, event.reason, event.text)
        turn.change(refusals={**turn.context.refusals, execution.opportunity.pair: refusal})
    if turn.state is StrategyState.PREPARING_ARBITRAGE:
        turn.fire(Trigger.REFUSED, f"{event.reason}: {event.text}")


def _fold_session(turn: Turn, event: SessionUp | SessionDown | FeesChanged) -> None:
    now_s = turn.context.now_s
    if isinstance(event, FeesChanged):
        turn.change_account(event.venue, fees=event.fees)
        return
    if isinstance(event, SessionDown):
        turn.change_account(event.venue, stream_up=False, must_read_after_s=now_s)
        return
    turn.change_account(
        event.venue, stream_up=True, stream_since_s=now_s, untold_since_s=None, facts=event.facts, fees=event.fees,
        must_read_after_s=now_s,
    )
    ask_for_read(turn, event.venue, "connect", force=True)
    if event.facts.problem is not None:
        turn.alert("critical", f"account:{event.venue.value}", f"{event.venue.value}: {event.facts.problem}")


def _fold_store(turn: Turn, event: StoreLost | StoreFound) -> None:
    turn.change(store_up=isinstance(event, StoreFound))
    if isinstance(event, StoreLost):
        turn.alert("critical", "store", f"the database does not answer: {event.what}")


def _set_mode(turn: Turn, event: SetMode) -> None:
    """A person who raises the mode has looked at the losses: their count starts again, or it would latch at once."""
    mode = TradingMode[event.mode]
    if mode is TradingMode.ACTIVE:
        risk = msgspec.structs.replace(turn.context.risk, losses_in_a_row=0, execution_times_s=(), api_error_times_s=())
        turn.change(risk=risk)
    turn.set_mode(mode, event.why, event.by)


def _fold_fault(turn: Turn, event: Fault) -> None:
    counters = turn.context.counters
    turn.change(counters=msgspec.structs.replace(counters, faults=counters.faults + 1))
    why = f"{event.child}: {event.error}: {event.what}"
    turn.alert("warning", f"fault:{event.child}", why)
    if turn.state is StrategyState.SHUTDOWN:
        return
    if turn.state is StrategyState.ERROR_RECOVERY:
        fault_again(turn, why)
    else:
        enter_recovery(turn, why)


def _fold_stop(turn: Turn, event: Stop) -> None:
    if turn.state is StrategyState.SHUTDOWN:
        hurry(turn)
        return
    leave(turn, event.why, policy=event.policy)
