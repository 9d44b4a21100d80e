"""MONITORING, PREPARING, EXECUTING: from an edge to two settled legs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.order import Side
from dnbot.domain.pair import Declined, Opportunity, Pair, PairEdge
from dnbot.domain.resting import MAKER
from dnbot.strategy.advising import advised_against
from dnbot.strategy.asking import ask_for_read, tally_decline
from dnbot.strategy.closing import close_execution
from dnbot.strategy.context import Repair, StrategyContext
from dnbot.strategy.doubting import awaited, delta_to_hedge
from dnbot.strategy.drifting import drifted
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.repairing import needs_hedge
from dnbot.strategy.rest_words import RestPlan
from dnbot.strategy.resting import as_resting, begin_rest, rests, tend
from dnbot.strategy.risk import check
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.shrinking import margin_fell
from dnbot.strategy.sizing import find_opportunity
from dnbot.strategy.standing import inventory_of, low_margin, risk_inputs
from dnbot.strategy.states import StrategyState, Trigger, allows
from dnbot.strategy.turn import Turn
from dnbot.strategy.undo import carry_age_bps

ADVICE = "ADVICE"
"""Why an entry was declined that a strategy plugin would not have."""
REFUSED_S = 1.0
"""News of a pair that a risk check refused are not brought before it again for so long; other pairs may be."""
PREPARE_PATIENCE_S = 1.0
"""So long a chosen opportunity waits for the account reads that it needs; then it is refused as stale."""


def monitoring(turn: Turn) -> None:
    """On each new market: watch delta, margin and freshness, then look at the pairs, the best edge first."""
    context = turn.context
    if drifted(turn):
        return
    if margin_fell(turn):
        turn.fire(Trigger.MARGIN_LOW, low_margin(turn.context) or "")
        return
    if not context.market_fresh:
        turn.fire(Trigger.MARKET_STALE, "a book is older than allowed")
        return
    for found in _new_findings(turn):
        if isinstance(found, Declined):
            tally_decline(turn, found)
        elif not _mode_lets(turn.context, found):
            tally_decline(turn, _declined(found, "MODE", f"trading mode is {context.mode.name}: {context.mode_why}"))
        elif (objection := advised_against(turn.context, found)) is not None:
            tally_decline(turn, _declined(found, ADVICE, objection))
        elif (refusal := _refused_just_now(turn.context, found.pair)) is not None:
            tally_decline(turn, _declined(found, *refusal))
        else:
            turn.change(preparing=found)
            turn.fire(Trigger.OPPORTUNITY_FOUND, f"{found.pair_name} {found.edge_bps:.2f} bps")
            return
    if context.signal_fresh and context.params.maker_first:
        _look_for_rest(turn)


def _look_for_rest(turn: Turn) -> None:
    """What does not pay at once may pay with one leg waiting: the first such pair that nothing speaks against."""
    context = turn.context
    for plan in rests(context, _opportunity_id(context)):
        found = plan.opportunity
        if _already_taken(context, found.pair) or not _mode_lets(context, found):
            continue
        if advised_against(context, found) is not None or _refused_just_now(context, found.pair) is not None:
            continue
        seen = context.counters.opportunities_seen + 1
        turn.change(
            resting=msgspec.structs.replace(context.resting, plan=plan), preparing=found,
            counters=msgspec.structs.replace(context.counters, opportunities_seen=seen),
        )
        turn.fire(Trigger.OPPORTUNITY_FOUND, f"{found.pair_name} {found.edge_bps:.2f} bps, one leg resting")
        return


def _plan_of(context: StrategyContext, chosen: Opportunity) -> RestPlan | None:
    """The plan by which one leg of it rests; None when both are taken at once."""
    plan = context.resting.plan
    return plan if plan is not None and plan.opportunity is chosen else None


def _refused_just_now(context: StrategyContext, pair: Pair) -> tuple[str, str] | None:
    """Code and text of a refusal that still stands: what refuses one market refuses the next, thirty times a second.

    It falls with the first news of the pair's own books after its time, not with whatever happens then: those books may
    be older than any that is traded on otherwise.
    """
    at_s, code, text = context.refusals.get(pair, (float("-inf"), "", ""))
    return (code, text) if _news_s(context, pair) - at_s < REFUSED_S else None


def _news_s(context: StrategyContext, pair: Pair) -> float:
    """When the newer of the pair's books was received; both are there."""
    books = context.market.books
    return max(books[pair.buy_venue].received_s, books[pair.sell_venue].received_s)


def decline_all(turn: Turn) -> None:
    """Tell what could have been traded if the state allowed it."""
    for found in _new_findings(turn):
        told = _declined(found, "STATE", turn.state.name) if isinstance(found, Opportunity) else found
        tally_decline(turn, told)


def _new_findings(turn: Turn) -> Iterator[Opportunity | Declined]:
    """What the newest market offers, best edge first; each market is looked at once, and each finding is counted."""
    context = turn.context
    if not context.signal_fresh or len(fees := context.fees) < len(VENUES):
        return
    turn.change(signal_fresh=False)
    edges = {edge.pair: edge for edge in context.edges}
    look = FirstLook.at(context.market, fees, context.params)
    promising = [pair for pair in edges if not look.hopeless(pair, edges.get(pair.reverse))]
    if not promising:  # as in most markets
        return
    inventory = inventory_of(context)  # one for all: what is told of a finding moves nothing
    for pair in sorted(promising, key=lambda pair: (-edges[pair].edge_bps, pair.name)):
        found = _look_at(turn.context, pair, edges, fees, inventory)
        if found is not None:
            counters = turn.context.counters
            turn.change(
                counters=msgspec.structs.replace(counters, opportunities_seen=counters.opportunities_seen + 1)
            )
            yield found


def _look_at(
    context: StrategyContext, pair: Pair, edges: dict[Pair, PairEdge], fees: dict[Venue, FeeSchedule],
    inventory: Inventory,
) -> Opportunity | Declined | None:
    if pair not in edges or _already_taken(context, pair):
        return None
    return find_opportunity(
        pair, context.market, fees, inventory, context.params, edges[pair], edges.get(pair.reverse),
        opportunity_id=_opportunity_id(context), now_s=context.now_s, now_ns=context.now_ns,
        carry_age_bps=carry_age_bps(context.portfolio.carry_lots, context.params, context.now_ns),
    )


def _opportunity_id(context: StrategyContext) -> str:
    """One event finds at most one opportunity that is taken."""
    return f"o{context.epoch}-{context.events}"


def _already_taken(context: StrategyContext, pair: Pair) -> bool:
    """Whether a book of the pair still shows what our own last order there may have taken."""
    for venue in (pair.buy_venue, pair.sell_venue):
        book = context.market.books.get(venue)
        if book is None or book.received_s <= context.accounts[venue].order_s:
            return True
    return False


def preparing(turn: Turn) -> None:
    """Recompute on the newest books, demand fresh accounts, pass every risk check, then commit both legs."""
    context = turn.context
    chosen = context.preparing
    if context.execution is not None:
        return  # the commit is on its way; its answer decides
    assert chosen is not None  # OPPORTUNITY_FOUND brought it, and every way out takes it away
    if not _found_now(context, chosen) and _overtaken(turn, chosen):
        turn.change(preparing=None)
        return
    if not _accounts_fresh(turn, chosen.pair):
        if context.now_s - context.state_since_s > PREPARE_PATIENCE_S:
            _refuse(turn, chosen, "BALANCE_STALE", "balances are older than allowed, and a read did not come in time")
        return
    if _plan_of(turn.context, chosen) is not None and not _found_now(turn.context, chosen):
        _refuse(turn, chosen, "GONE", "where a leg rests is decided on one market")
        return
    again = _again(turn.context, chosen)
    if not isinstance(again, Opportunity):
        reason = again.reason if isinstance(again, Declined) else "GONE"
        _refuse(turn, chosen, reason, "the edge went before it could be taken")
        return
    objection = advised_against(turn.context, again)
    if objection is not None:
        _refuse(turn, chosen, ADVICE, objection)
        return
    _commit(turn, again)


def _found_now(context: StrategyContext, chosen: Opportunity) -> bool:
    """Whether it was found in this very turn, after everything that could overtake it was looked at."""
    return chosen.opportunity_id == _opportunity_id(context)


def _again(context: StrategyContext, chosen: Opportunity) -> Opportunity | Declined | None:
    """The opportunity as it is now; what was found in this very turn is as it was."""
    if _found_now(context, chosen):
        return chosen
    edges = {edge.pair: edge for edge in context.edges}
    return _look_at(context, chosen.pair, edges, context.fees, inventory_of(context))


def _overtaken(turn: Turn, chosen: Opportunity) -> bool:
    """Whether something more important happened while the opportunity waited; then that edge is taken."""
    if not _mode_lets(turn.context, chosen):
        turn.fire(Trigger.MODE_CHANGED, turn.context.mode.name)
    elif drifted(turn):
        pass
    elif margin_fell(turn):
        turn.fire(Trigger.MARGIN_LOW, low_margin(turn.context) or "")
    elif not turn.context.market_fresh:
        turn.fire(Trigger.MARKET_STALE, "a book is older than allowed")
    else:
        return False
    return True


def _mode_lets(context: StrategyContext, chosen: Opportunity) -> bool:
    return allows(StrategyState.PREPARING_ARBITRAGE, context.mode, chosen.purpose)


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
    execution_id, plan = turn.new_execution_id(), _plan_of(turn.context, chosen)
    buy = turn.new_intent(
        pair.buy_venue, Side.BUY, chosen.buy_quantity, chosen.buy_price_cap, chosen.purpose, execution_id=execution_id,
        leg="b", reduce_only=pair.buy_venue is Venue.GATE_FUTURES,
    )
    sell = turn.new_intent(
        pair.sell_venue, Side.SELL, chosen.sell_quantity, chosen.sell_price_cap, chosen.purpose,
        execution_id=execution_id, leg="s",
    )
    if plan is not None:
        buy, sell = (as_resting(intent, plan) for intent in (buy, sell))
    verdict = check((buy, sell), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        if verdict.code != "DUPLICATE":  # that one passes within DUPLICATE_MS
            refusal = (turn.context.now_s, verdict.code, verdict.text)
            turn.change(refusals={**turn.context.refusals, pair: refusal})
        _refuse(turn, chosen, verdict.code, verdict.text)
        return
    trigger_s = _news_s(turn.context, pair)
    if plan is None:
        turn.execute("pair", execution_id, (buy, sell), chosen, trigger_s)
        return
    # The other leg was checked with it, and leaves as this one fills.
    waits = buy if buy.venue is MAKER else sell
    turn.execute("pair", execution_id, (waits,), chosen, trigger_s)
    begin_rest(turn, plan, waits)


def _refuse(turn: Turn, chosen: Opportunity, code: str, text: str) -> None:
    tally_decline(turn, _declined(chosen, code, text))
    turn.change(preparing=None)
    turn.fire(Trigger.REFUSED, f"{code}: {text}")


def _declined(found: Opportunity, code: str, text: str) -> Declined:
    return Declined(
        pair_name=found.pair_name, reason=code, text=text, edge_bps=float(found.edge_bps), estimate=found.estimate
    )


def executing(turn: Turn) -> None:
    """Wait until both legs are settled; then book the outcome or repair what is left."""
    context = turn.context
    execution = context.execution
    assert execution is not None  # COMMITTED brought it, and every way out takes it away or repairs it
    if execution.rest is not None and tend(turn):
        return
    context = turn.context
    if any(order.intent.execution_id == execution.execution_id for order in awaited(context)):
        return
    if needs_hedge(turn):
        turn.change(repair=Repair(since_s=context.now_s, execution_id=execution.execution_id))
        turn.fire(Trigger.RESIDUAL_LEFT, f"delta {delta_to_hedge(context)}")
        return
    if any(order.intent.execution_id == execution.execution_id for order in context.unsettled):
        return  # neutral as far as anybody knows, and not over
    close_execution(turn)
    turn.fire(Trigger.LEGS_DONE, execution.execution_id)
