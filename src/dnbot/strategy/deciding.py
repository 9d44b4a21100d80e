"""One handler per state: what to do now. All branching on state stands here and in `states.py`.

Each handler looks at the context only, may take one edge, and returns; `machine.step` calls again until nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.messages import CancelAll, OpportunityDeclined, OpportunityTaken, ReadAccount, ResolveOrder
from dnbot.domain.order import Order, OrderStatus, Purpose, Side
from dnbot.domain.pair import Declined, Opportunity, Pair, PairEdge
from dnbot.domain.units import ZERO
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import DeclineTally, Execution, Leaving, Recovery, Repair
from dnbot.strategy.repairing import hedge, needs_hedge, repair_is_spent
from dnbot.strategy.risk import check
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.establish import EstablishPlan, establish_step, flatten_step
from dnbot.strategy.sizing import find_opportunity
from dnbot.strategy.standing import inventory_of, risk_inputs
from dnbot.strategy.states import StrategyState, TradingMode, Trigger
from dnbot.strategy.turn import Turn

DECLINE_RECORD_NS = 1_000_000_000
"""Repeats of one refusal are merged into one record a second."""
RESOLVE_EVERY_S = 1.0
"""An unsettled order is asked after at most this often."""
RECOVERY_ATTEMPT_S = 5.0
"""The first attempt's patience; it doubles with each attempt."""
RECOVERY_ATTEMPT_S_MAX = 60.0
RECOVERY_HEALTHY_S = 60.0
"""After this long without a fault, attempts are counted from the start again."""
SHUTDOWN_S = 20.0
SHUTDOWN_SHORT_S = 3.0
VERIFY_EVERY_S = 0.3
EXIT_CLEAN, EXIT_CONFIG, EXIT_HALTED, EXIT_UNAVAILABLE = 0, 2, 3, 75


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


def all_reconciled(turn: Turn) -> bool:
    """Every account fresh and equal to our ledger, every order known."""
    context = turn.context
    return not context.unsettled and all(context.account_ready(venue) for venue in VENUES)


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
        _tally_decline(turn, plan)
    else:
        _send_plan(turn, plan, "establish", Purpose.ESTABLISH)


def _send_plan(turn: Turn, plan: EstablishPlan, kind: str, purpose: Purpose) -> None:
    execution_id = turn.new_execution_id()
    spot = turn.new_intent(
        plan.spot_venue, plan.spot_side, plan.spot_quantity, plan.spot_price, purpose, execution_id=execution_id, leg="s"
    )
    perp = turn.new_intent(
        Venue.GATE_FUTURES, plan.spot_side.opposite, plan.perp_quantity, plan.perp_price, purpose,
        execution_id=execution_id, leg="p", reduce_only=plan.spot_side is Side.SELL,
    )
    verdict = check((spot, perp), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        _tally(turn, kind.upper(), verdict.code, verdict.text)
        return
    turn.execute(kind, execution_id, (spot, perp), None, turn.context.now_s)


def active(turn: Turn) -> None:
    """Hedged and waiting for fresh markets."""
    if _drifted(turn):
        return
    if turn.context.market_fresh:
        turn.fire(Trigger.MARKET_FRESH, "three fresh books")


def _drifted(turn: Turn) -> bool:
    context = turn.context
    if context.unsettled:
        return False
    if abs(context.portfolio.delta) > context.params.hard_limit_base:
        turn.alert("critical", "hard_limit", f"delta {context.portfolio.delta} is above its hard limit")
        turn.fire(Trigger.HARD_LIMIT, f"delta {context.portfolio.delta}")
        return True
    if needs_hedge(turn):
        turn.fire(Trigger.DELTA_DRIFTED, f"delta {context.portfolio.delta}")
        return True
    return False


def monitoring(turn: Turn) -> None:
    """On each new market: watch delta and freshness, then look at the pairs, the best edge first."""
    context = turn.context
    if _drifted(turn):
        return
    if not context.market_fresh:
        turn.fire(Trigger.MARKET_STALE, "a book is older than allowed")
        return
    if not context.signal_fresh or not all(context.accounts[v].fees for v in VENUES):
        return
    turn.change(signal_fresh=False)
    by_name = {edge.pair_name: edge for edge in context.edges}
    seen = 0
    for edge in sorted(context.edges, key=lambda e: (-e.edge_bps, e.pair_name)):
        found = _look_at(turn, edge.pair, by_name)
        if found is None:
            continue
        seen += 1
        if isinstance(found, Declined):
            _tally_decline(turn, found)
            continue
        _count_seen(turn, seen)
        turn.change(preparing=found)
        turn.fire(Trigger.OPPORTUNITY_FOUND, f"{found.pair_name} {found.edge_bps:.2f} bps")
        return
    _count_seen(turn, seen)


def _look_at(turn: Turn, pair: Pair, edges: dict[str, PairEdge]) -> Opportunity | Declined | None:
    context = turn.context
    if pair.name not in edges:
        return None
    return find_opportunity(
        pair, context.market, context.fees, inventory_of(context), context.params, edges[pair.name],
        edges.get(pair.reverse.name), opportunity_id=f"o{context.epoch}-{context.events}",
        now_s=context.now_s, now_ns=context.now_ns,
    )


def _count_seen(turn: Turn, seen: int) -> None:
    if seen:
        counters = turn.context.counters
        turn.change(
            counters=msgspec.structs.replace(counters, opportunities_seen=counters.opportunities_seen + seen)
        )


def preparing(turn: Turn) -> None:
    """Recompute on the newest books, demand fresh accounts, pass every risk check, then commit both legs."""
    context = turn.context
    if context.execution is not None:
        return  # the commit is on its way; its answer decides
    chosen = context.preparing
    if context.mode is TradingMode.HALTED or (chosen is not None and not _mode_lets(turn, chosen)):
        turn.change(preparing=None)
        turn.fire(Trigger.MODE_CHANGED, context.mode.name)
        return
    if _drifted(turn):
        turn.change(preparing=None)
        return
    if not context.market_fresh:
        turn.change(preparing=None)
        turn.fire(Trigger.MARKET_STALE, "a book is older than allowed")
        return
    if chosen is None or not _accounts_fresh(turn, chosen.pair):
        _refuse(turn, chosen, "BALANCE_STALE", "balances are older than allowed; a read is under way")
        return
    again = _look_at(turn, chosen.pair, {edge.pair_name: edge for edge in context.edges})
    if not isinstance(again, Opportunity):
        reason = again.reason if isinstance(again, Declined) else "GONE"
        _refuse(turn, chosen, reason, "the edge went before it could be taken")
        return
    _commit(turn, again)


def _mode_lets(turn: Turn, chosen: Opportunity) -> bool:
    return turn.context.mode is TradingMode.ACTIVE or chosen.purpose is Purpose.EXIT


def _accounts_fresh(turn: Turn, pair: Pair) -> bool:
    context = turn.context
    fresh = True
    for venue in (pair.buy_venue, pair.sell_venue):
        age_ms = (context.now_s - context.accounts[venue].read_s) * 1000
        if not context.account_ready(venue) or age_ms > context.params.balance_age_ms_max:
            ask_for_read(turn, venue, "prepare")
            fresh = False
    return fresh


def _commit(turn: Turn, chosen: Opportunity) -> None:
    pair = chosen.pair
    execution_id = turn.new_execution_id()
    buy = turn.new_intent(
        pair.buy_venue, Side.BUY, chosen.buy_quantity, chosen.buy_price_cap, chosen.purpose, execution_id=execution_id,
        leg="b", reduce_only=pair.buy_venue is Venue.GATE_FUTURES,
    )
    sell = turn.new_intent(
        pair.sell_venue, Side.SELL, chosen.sell_quantity, chosen.sell_price_cap, chosen.purpose,
        execution_id=execution_id, leg="s",
    )
    verdict = check((buy, sell), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        _refuse(turn, chosen, verdict.code, verdict.text)
        return
    books = turn.context.market.books
    trigger_s = max(books[pair.buy_venue].received_s, books[pair.sell_venue].received_s)
    turn.execute("pair", execution_id, (buy, sell), chosen, trigger_s)


def _refuse(turn: Turn, chosen: Opportunity | None, code: str, text: str) -> None:
    if chosen is not None:
        _tally_decline(
            turn,
            Declined(
                pair_name=chosen.pair_name, reason=code, text=text, edge_bps=float(chosen.edge_bps),
                estimate=chosen.estimate,
            ),
        )
    turn.change(preparing=None)
    turn.fire(Trigger.REFUSED, f"{code}: {text}")


def executing(turn: Turn) -> None:
    """Wait until both legs are settled; then book the outcome or repair what is left."""
    context = turn.context
    execution = context.execution
    if execution is None:
        turn.fire(Trigger.LEGS_DONE, "nothing was sent")
        return
    if any(order.intent.execution_id == execution.execution_id for order in context.unsettled):
        _watch_deadline(turn, execution)
        return
    if needs_hedge(turn):
        turn.change(repair=Repair(since_s=context.now_s, execution_id=execution.execution_id))
        turn.fire(Trigger.RESIDUAL_LEFT, f"delta {context.portfolio.delta}")
        return
    close_execution(turn)
    turn.fire(Trigger.LEGS_DONE, execution.execution_id)


def _watch_deadline(turn: Turn, execution: Execution) -> None:
    params = turn.context.params
    waited_ms = (turn.context.now_s - execution.started_s) * 1000
    if waited_ms > params.execution_deadline_ms + params.order_expiry_ms + params.resolve_deadline_ms:
        turn.alert("critical", "execution", f"{execution.execution_id} is still unresolved")
        enter_recovery(turn, "an execution stayed unresolved past its deadline")


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


# --- recovery ---------------------------------------------------------------------------------------------------------
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


# --- leaving ----------------------------------------------------------------------------------------------------------
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
            _send_plan(turn, plan, "flatten", Purpose.FLATTEN)
            return
    for venue in VENUES:
        turn.commands.append(CancelAll(venue))
        turn.change_account(venue, must_read_after_s=turn.context.now_s)
    turn.change(leaving=msgspec.structs.replace(leaving, phase="verify", asked_s=0.0))


def _verify(turn: Turn, leaving: Leaving) -> None:
    context = turn.context
    if leaving.asked_s and all(context.accounts[v].read_s > leaving.asked_s for v in _known_venues(turn)):
        leaving = msgspec.structs.replace(leaving, verified=leaving.verified + 1, asked_s=0.0)
        turn.change(leaving=leaving)
        differs = any(context.accounts[v].differences for v in VENUES)
        if leaving.verified >= 2 and not differs and not context.unsettled:
            turn.change(exit_code=leaving.exit_code)
            return
    if not leaving.asked_s and context.now_s - max(leaving.since_s, context.sampled_s) >= 0:
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
        turn.lower_mode(TradingMode.HALTED, text) if open_ids or needs_hedge(turn) else None
        turn.change(exit_code=leaving.exit_code or EXIT_UNAVAILABLE)
    else:
        turn.change(exit_code=leaving.exit_code)


# --- shared -----------------------------------------------------------------------------------------------------------
def ask_for_read(turn: Turn, venue: Venue, why: str, *, force: bool = False) -> None:
    """Ask for a whole account, once until it is answered (or after a while, again)."""
    account = turn.context.accounts[venue]
    outstanding = account.asked_s and turn.context.now_s - account.asked_s < 2.0
    if outstanding and not force:
        return
    turn.change_account(venue, asked_s=turn.context.now_s)
    turn.commands.append(ReadAccount(venue, why))


def chase_unsettled(turn: Turn) -> None:
    """Ask after every order that stayed unsettled longer than a healthy one does."""
    context = turn.context
    slow_ns = 2 * context.params.match_lag_ms * 1_000_000
    for order in context.unsettled:
        if context.now_ns - order.changed_at_ns < slow_ns and order.status is not OrderStatus.AMBIGUOUS:
            continue
        if order.status is OrderStatus.PENDING and context.current_state is not StrategyState.ERROR_RECOVERY:
            continue  # its desk still holds it
        _chase(turn, order)


def _chase(turn: Turn, order: Order) -> None:
    key = f"chase:{order.intent.client_order_id}"
    tally = turn.context.tallies.get(key)
    if tally is not None and turn.context.now_ns - tally.since_ns < RESOLVE_EVERY_S * 1e9:
        return
    turn.change(tallies={**turn.context.tallies, key: DeclineTally(1, turn.context.now_ns)})
    turn.commands.append(ResolveOrder(order.intent, order.venue_order_id))


def record_taken(turn: Turn, execution: Execution) -> None:
    """An execution is durable and on its way."""
    counters = turn.context.counters
    turn.change(counters=msgspec.structs.replace(counters, executions=counters.executions + 1))
    if execution.opportunity is not None:
        turn.records.append(
            OpportunityTaken(
                execution_id=execution.execution_id, opportunity=execution.opportunity, at_ns=turn.context.now_ns
            )
        )


def _tally_decline(turn: Turn, declined: Declined) -> None:
    _tally(turn, declined.pair_name, declined.reason, declined.text, declined)


def _tally(turn: Turn, pair_name: str, reason: str, text: str, declined: Declined | None = None) -> None:
    context = turn.context
    counters = context.counters
    counted = {**counters.declined, reason: counters.declined.get(reason, 0) + 1}
    turn.change(counters=msgspec.structs.replace(counters, declined=counted))
    key = f"decline:{pair_name}:{reason}"
    tally = context.tallies.get(key) or DeclineTally(0, 0)
    if context.now_ns - tally.since_ns < DECLINE_RECORD_NS:
        turn.change(tallies={**context.tallies, key: DeclineTally(tally.count + 1, tally.since_ns)})
        return
    turn.change(tallies={**context.tallies, key: DeclineTally(0, context.now_ns)})
    told = declined or Declined(pair_name=pair_name, reason=reason, text=text, edge_bps=0.0)
    turn.records.append(OpportunityDeclined(declined=told, count=tally.count + 1, at_ns=context.now_ns))


def spot_total(turn: Turn) -> object:
    """Total spot inventory, for messages."""
    return sum((turn.context.portfolio.balance(v, turn.context.params.symbol.base) for v in SPOT_VENUES), ZERO)


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
