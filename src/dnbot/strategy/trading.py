"""MONITORING, PREPARING, EXECUTING: from an edge to two settled legs."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import Purpose, Side
from dnbot.domain.pair import Declined, Opportunity, Pair, PairEdge
from dnbot.strategy.asking import ask_for_read, tally_decline
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import Execution, Repair, StrategyContext
from dnbot.strategy.drifting import drifted
from dnbot.strategy.recovering import enter_recovery
from dnbot.strategy.repairing import needs_hedge
from dnbot.strategy.risk import check
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.sizing import find_opportunity
from dnbot.strategy.standing import inventory_of, risk_inputs
from dnbot.strategy.states import TradingMode, Trigger
from dnbot.strategy.turn import Turn


def monitoring(turn: Turn) -> None:
    """On each new market: watch delta and freshness, then look at the pairs, the best edge first."""
    context = turn.context
    if drifted(turn):
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
            tally_decline(turn, found)
            continue
        _count_seen(turn, seen)
        turn.change(preparing=found)
        turn.fire(Trigger.OPPORTUNITY_FOUND, f"{found.pair_name} {found.edge_bps:.2f} bps")
        return
    _count_seen(turn, seen)


def _look_at(turn: Turn, pair: Pair, edges: dict[str, PairEdge]) -> Opportunity | Declined | None:
    context = turn.context
    if pair.name not in edges or _already_taken(context, pair):
        return None
    return find_opportunity(
        pair, context.market, context.fees, inventory_of(context), context.params, edges[pair.name],
        edges.get(pair.reverse.name), opportunity_id=f"o{context.epoch}-{context.events}",
        now_s=context.now_s, now_ns=context.now_ns,
    )


def _already_taken(context: StrategyContext, pair: Pair) -> bool:
    """Whether a book of the pair still shows what our own last order there may have taken."""
    for venue in (pair.buy_venue, pair.sell_venue):
        book = context.market.books.get(venue)
        if book is None or book.received_s <= context.accounts[venue].order_s:
            return True
    return False


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
    if drifted(turn):
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
        tally_decline(
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
