"""A leg that rests, while it does: what fills is answered at once, and what may not rest any more is taken away.

It lives in EXECUTING, as the data of its execution. An answer is a hedge like any other: the same price caps, controls
and budget, on the venue of the pair's other leg. What cannot be answered there in a few tries is left to the repair of
a partial leg, and what is below the smallest order is carried until more fills, and counts in delta meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from dnbot.domain.messages import CancelAll, CancelOrder, PairTactic, TacticAdvised
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.pair import Pair
from dnbot.domain.resting import MAKER, PAIRS_THAT_REST
from dnbot.domain.units import ZERO, Quantity, divide
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.context import Execution, StrategyContext
from dnbot.strategy.doubting import awaited
from dnbot.strategy.hedging import HedgePlan, hedge_order
from dnbot.strategy.maker_first import Look, find_rest, still_pays
from dnbot.strategy.muteness import is_mute
from dnbot.strategy.repairing import REPAIR_PAUSE_S, needs_hedge
from dnbot.strategy.rest_words import Rest, RestPlan
from dnbot.strategy.risk import check, check_again
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.standing import (
    identical_pairs_last_minute,
    inventory_of,
    low_margin,
    pairs_last_minute,
    risk_inputs,
)
from dnbot.strategy.states import StrategyState, allows
from dnbot.strategy.turn import Turn
from dnbot.strategy.undo import carry_age_bps

PAUSE_S = 1.0
"""Between the end of one order that rested and the next."""
CANCEL_AGAIN_S = 2.0
"""A cancel is asked for again after this: the desk itself repeats it meanwhile."""
TRIES_MAX = 3
"""Answers to the same fills; then the repair of a partial leg has its turn."""
ANSWER_SHARE = 4
"""After one part in so many of the hedge deadline without a moment in which all was answered, no more is to fill."""
GIVE_UP = 2
"""After so many of these parts the repair of a partial leg has its turn, which has the other half of the deadline."""


# --- whether and where ------------------------------------------------------------------------------------------------
def rests(context: StrategyContext, opportunity_id: str) -> Iterator[RestPlan]:
    """Pairs that pay with one leg waiting, the best edge at taking first; empty while no leg may rest."""
    if not _may_begin(context):
        return
    edges = {edge.pair: edge for edge in context.edges}
    look = Look(
        market=context.market, fees=context.fees, inventory=inventory_of(context), params=context.params, edges=edges,
        opportunity_id=opportunity_id, now_s=context.now_s, now_ns=context.now_ns,
        carry_age_bps=carry_age_bps(context.portfolio.carry_lots, context.params, context.now_ns),
    )
    known = [pair for pair in PAIRS_THAT_REST if pair in edges]
    for pair in sorted(known, key=lambda pair: (-edges[pair].edge_bps, pair.name)):
        tactic = tactic_of(context, pair)
        if tactic is None:
            continue
        plan = find_rest(pair, look, ticks_inside=tactic.ticks_inside, rest_ms=tactic.rest_ms)
        if plan is not None:
            yield plan


def _may_begin(context: StrategyContext) -> bool:
    """The same order again and again is a latch, and so are too many executions: by resting, no more than half of the
    way to either is gone.
    """
    params = context.params
    if not params.maker_first or context.now_s < context.resting.after_s:
        return False
    if context.accounts[MAKER].untold_since_s is not None:  # its stream may be mute: fills would not be told
        return False
    if pairs_last_minute(context) * 2 >= params.round_trips_per_minute_max:
        return False
    return identical_pairs_last_minute(context) * 2 < params.identical_orders_per_minute_max


def tactic_of(context: StrategyContext, pair: Pair) -> PairTactic | None:
    """How `pair` is to rest; None: it is not. An adviser that is silent, or does not name the pair, rests nothing.

    Advice is bounded here, whoever gave it: no more ticks than are inside the book count, and no time is longer than
    `maker_rest_ms`.
    """
    params, resting = context.params, context.resting
    if not resting.adviser:
        return PairTactic(pair_name=pair.name, ticks_inside=params.maker_ticks_inside, rest_ms=params.maker_rest_ms)
    if resting.advice is None or not context.now_s <= resting.advice.valid_until_s:
        return None
    for tactic in resting.advice.pairs:
        if tactic.pair_name == pair.name and tactic.ticks_inside >= 0 and tactic.rest_ms > 0:
            return msgspec.structs.replace(tactic, rest_ms=min(tactic.rest_ms, params.maker_rest_ms))
    return None


def fold_tactic(turn: Turn, event: TacticAdvised) -> None:
    """Advice of the configured plugin replaces what it said before; anybody else's is none."""
    resting = turn.context.resting
    if resting.adviser and event.by == resting.adviser:
        turn.change(resting=msgspec.structs.replace(resting, advice=event))


def as_resting(intent: OrderIntent, plan: RestPlan) -> OrderIntent:
    """The leg on MEXC as it waits; the other one as it is."""
    if intent.venue is not MAKER:
        return intent
    return msgspec.structs.replace(intent, price=plan.price, time_in_force=TimeInForce.POST_ONLY)


def begin_rest(turn: Turn, plan: RestPlan, intent: OrderIntent) -> None:
    """The execution that was just handed over is one leg, which rests from here on."""
    context = turn.context
    execution = context.execution
    assert execution is not None  # `Turn.execute` made it
    rest = Rest(order_id=intent.client_order_id, plan=plan, until_s=context.now_s + plan.rest_ms / 1000)
    turn.change(execution=msgspec.structs.replace(execution, rest=rest))
    _pause(turn, PAUSE_S)


# --- while it rests ---------------------------------------------------------------------------------------------------
def tend(turn: Turn) -> bool:
    """Answer what filled and take away what may not rest; False when what is left is for the end of the execution."""
    _, rest = _resting(turn.context)
    order = turn.context.orders[rest.order_id]
    if not order.status.is_final:
        why = _objection(turn, rest, order)
        if why is not None:
            take_away(turn, why)
        _look(turn)
    if order.status is OrderStatus.REJECTED:  # a definite refusal counts as an error of ours: a few a minute at most
        _pause(turn, 120.0 / turn.context.params.api_error_limit_per_minute)
    elif order.is_settled:
        _pause(turn, PAUSE_S)
    if _answer(turn):
        return True
    context = turn.context
    if _fills_are_on_their_way(context, order):
        return True
    if needs_hedge(turn):
        take_away(turn, "what filled was not answered")
        return False
    return not order.is_settled


def _look(turn: Turn) -> None:
    """Read the account now and then: a stream may answer pings and keep a fill from us, and of an order that rests
    nothing else would tell.
    """
    context = turn.context
    if context.now_s - context.accounts[MAKER].read_s >= _answer_s_max(context):
        ask_for_read(turn, MAKER, "resting")


def watch_resting(turn: Turn) -> None:
    """In every other state nothing rests: a fault, a stop and a repair take it away."""
    context = turn.context
    rest = context.execution.rest if context.execution is not None else None
    if rest is not None and context.current_state not in _WHERE_IT_LIVES:
        take_away(turn, context.current_state.name)


_WHERE_IT_LIVES = frozenset({StrategyState.PREPARING_ARBITRAGE, StrategyState.EXECUTING_ARBITRAGE})


def take_away(turn: Turn, why: str) -> None:
    """Have it cancelled, again and again until its end is known. What fills meanwhile is answered all the same."""
    context = turn.context
    _, rest = _resting(context)
    order = context.orders[rest.order_id]
    if order.status.is_final:
        return
    if rest.cancel_s is None:
        rest = _change(turn, rest, cancel_s=context.now_s, cancel_why=why)
    if rest.asked_s is not None and context.now_s - rest.asked_s < CANCEL_AGAIN_S:
        return
    if order.venue_order_id:
        turn.commands.append(CancelOrder(MAKER, order.venue_order_id, rest.order_id))
    elif order.status is OrderStatus.AMBIGUOUS:
        turn.commands.append(CancelAll(MAKER))
    else:
        return  # its answer, and with it the venue's name for it, is on its way
    _change(turn, rest, asked_s=context.now_s)


def _objection(turn: Turn, rest: Rest, order: Order) -> str | None:
    """Why it may not rest any more."""
    context, plan = turn.context, rest.plan
    if rest.cancel_s is not None:
        return rest.cancel_why
    if context.now_s >= rest.until_s:
        return "its time is over"
    if not allows(context.current_state, context.mode, plan.opportunity.purpose):
        return f"trading mode is {context.mode.name}: {context.mode_why}"
    if order.status is OrderStatus.AMBIGUOUS:
        return "its answer was lost"
    for venue in (MAKER, plan.answer_venue):
        if not context.account_ready(venue):
            return f"the account on {venue.value} is not known"
        if is_mute(context.accounts[venue], context.now_s):
            return f"the private stream of {venue.value} keeps a trade from us"
        if context.book(venue) is None:
            return f"the book of {venue.value} is older than allowed"
    if not context.signal_fresh:
        return None
    turn.change(signal_fresh=False)  # one look at each market
    left = _left_net(context, order)
    if left > 0 and not still_pays(plan, left, context.market, context.fees, context.params):
        return "it would not pay any more"
    if rest.unanswered_s is not None:
        return None  # an answer is on its way: what is judged below is not what will be
    return low_margin(context) or _refusal(context, plan, order)


def _refusal(context: StrategyContext, plan: RestPlan, order: Order) -> str | None:
    """What a control that must go on holding says of the pair now.

    The other leg is what is not answered yet: the position and its margin have the rest already.
    """
    chosen, intent = plan.opportunity, order.intent
    buys = plan.pair.buy_venue is plan.answer_venue
    reduces = buys and not plan.answer_venue.is_spot
    whole = chosen.buy_quantity if buys else chosen.sell_quantity
    twin = msgspec.structs.replace(
        intent, client_order_id=f"{intent.client_order_id}-t", venue=plan.answer_venue, side=intent.side.opposite,
        quantity=Quantity(max(whole - _answered(context), ZERO)),
        price=chosen.buy_price_cap if buys else chosen.sell_price_cap, reduce_only=reduces,
    )
    verdict = check_again((intent, twin), risk_inputs(context))
    return f"{verdict.code}: {verdict.text}" if isinstance(verdict, Refused) else None


def _left_net(context: StrategyContext, order: Order) -> Decimal:
    """Base units net that the order may still move."""
    fee = context.fees.get(MAKER)
    if fee is None or order.intent.side is Side.SELL:
        return order.remaining
    return divide(order.remaining, msgspec.structs.replace(fee, taker=fee.maker).gross_up)


# --- answers ----------------------------------------------------------------------------------------------------------
def _answer(turn: Turn) -> bool:
    """Take on the other venue what the execution has too much of, one order at a time; True while that goes on."""
    context = turn.context
    execution, rest = _resting(context)
    if any(order.intent.client_order_id != rest.order_id for order in _waited_for(context, execution)):
        return True
    plan = _plan(context, execution, rest)
    if plan is None:
        _change(turn, rest, unanswered_s=None, tries=0)
        return False
    answered, since_s = _answered(context), rest.unanswered_s if rest.unanswered_s is not None else context.now_s
    tries = rest.tries if answered == rest.answered else 0
    rest = _change(turn, rest, unanswered_s=since_s, answered=answered, tries=tries)
    late = (context.now_s - since_s) / _answer_s_max(context)
    if late > 1:
        take_away(turn, "it fills faster than it is answered")
        _, rest = _resting(turn.context)
    if rest.tries >= TRIES_MAX or late > GIVE_UP:
        return False
    last = max((context.age(name).created_s for name in execution.order_ids if name != rest.order_id), default=0.0)
    if rest.tries and context.now_s - last < REPAIR_PAUSE_S:
        return True
    return _send(turn, rest, plan)


def _answer_s_max(context: StrategyContext) -> float:
    return context.params.hedge_deadline_ms / 1000 / ANSWER_SHARE


def _plan(context: StrategyContext, execution: Execution, rest: Rest) -> HedgePlan | None:
    """What answers what is booked of the execution; None when nothing does: it is too little for an order there."""
    due, venue = execution.bought - execution.sold, rest.plan.answer_venue
    fee = context.fees.get(venue)
    if due < 0 and fee is not None:
        due *= fee.gross_up
    found = hedge_order(
        due, context.market, context.instruments, context.params, widen_steps=rest.tries,
        perp_base=context.portfolio.perp_base, venue=venue,
    )
    return found if isinstance(found, HedgePlan) else None


def _send(turn: Turn, rest: Rest, plan: HedgePlan) -> bool:
    execution, _ = _resting(turn.context)
    intent = turn.new_intent(
        plan.venue, plan.side, plan.quantity, plan.price, Purpose.HEDGE, reduce_only=plan.reduce_only,
        execution_id=execution.execution_id, leg="a",
    )
    verdict = check((intent,), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        turn.alert("warning", f"hedge:{verdict.code}", f"an answer to a fill was refused: {verdict.text}")
        _change(turn, rest, tries=TRIES_MAX)
        return False
    turn.place(intent)
    _change(turn, rest, tries=rest.tries + 1)
    execution, _ = _resting(turn.context)
    turn.change(
        execution=msgspec.structs.replace(execution, order_ids=(*execution.order_ids, intent.client_order_id))
    )
    return True


def _waited_for(context: StrategyContext, execution: Execution) -> Iterator[Order]:
    return (order for order in awaited(context) if order.intent.execution_id == execution.execution_id)


def _answered(context: StrategyContext) -> Decimal:
    """Base units that answers of the execution have traded, fees aside."""
    execution, rest = _resting(context)
    return sum(
        (context.orders[name].filled for name in execution.order_ids if name != rest.order_id), ZERO,
    )


def _fills_are_on_their_way(context: StrategyContext, order: Order) -> bool:
    """Whether more was told of than is booked, a moment ago: the trades themselves come with the next news."""
    age_ms = (context.now_s - context.age(order.intent.client_order_id).changed_s) * 1000
    return order.reported_filled > order.filled and age_ms < 2 * context.params.match_lag_ms


# --- inside -----------------------------------------------------------------------------------------------------------
def _resting(context: StrategyContext) -> tuple[Execution, Rest]:
    execution = context.execution
    assert execution is not None  # callers looked
    assert execution.rest is not None
    return execution, execution.rest


def _change(turn: Turn, rest: Rest, **fields: object) -> Rest:
    changed: Rest = msgspec.structs.replace(rest, **fields)
    if changed != rest:
        execution, _ = _resting(turn.context)
        turn.change(execution=msgspec.structs.replace(execution, rest=changed))
    return changed


def _pause(turn: Turn, pause_s: float) -> None:
    resting = turn.context.resting
    turn.change(resting=msgspec.structs.replace(resting, after_s=turn.context.now_s + pause_s))
