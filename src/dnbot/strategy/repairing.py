"""Bringing delta back: on the perpetual inside a cap that widens in steps, then by unwinding on spot."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import ZERO, divide, floor_to
from dnbot.strategy.context import Repair, StrategyContext
from dnbot.strategy.doubting import delta_to_hedge, out_of_reach
from dnbot.strategy.hedging import HedgePlan, hedge_order
from dnbot.strategy.ladder import nearest
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import worst_price
from dnbot.strategy.risk import check
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.standing import hedge_room, inventory_of, risk_inputs
from dnbot.strategy.states import StrategyState
from dnbot.strategy.turn import Turn

UNWIND_SHARE = 2
"""Unwinding on spot may take as long again as hedging on the perpetual did."""
REFUSALS_MAX = 2
REPAIR_PAUSE_S = 0.05
"""Between two tries: an order that is refused at once must not be sent as fast as events come."""
_NEEDS_PERP_BOOK = frozenset({StrategyState.ESTABLISHING_DELTA_NEUTRAL, StrategyState.REBALANCING_DELTA})


def needs_hedge(turn: Turn) -> bool:
    """Whether delta is outside its tolerance and an order could change that."""
    tolerance = turn.context.tolerance
    return tolerance is not None and _beyond(turn.context, tolerance)


def could_be_nearer(turn: Turn) -> bool:
    """Whether one lot more or less on the perpetual would bring delta nearer to zero: where a repair ends."""
    lot = turn.context.perp_lot
    return lot is not None and _beyond(turn.context, lot / 2)


def _beyond(context: StrategyContext, limit: Decimal) -> bool:
    """Delta is only known once every venue's ledger is open."""
    if abs(delta_to_hedge(context)) <= limit:
        return False
    known = all(context.accounts[venue].opened for venue in VENUES)
    return known and not is_dust(context)


def is_dust(context: StrategyContext) -> bool:
    """Whether delta, to the nearest lot, is less than the smallest order of the perpetual, which must be known."""
    instrument, price = context.market.instruments[Venue.GATE_FUTURES], context.reference_price
    quantity = nearest(abs(delta_to_hedge(context)), instrument.lot_size)
    return quantity < instrument.min_quantity or (price is not None and quantity * price < instrument.min_notional)


def repair_s_max(params: StrategyParameters) -> float:
    """The longest that one repair is tried."""
    return params.hedge_deadline_ms * (1 + UNWIND_SHARE) / 1000


def repair_is_spent(turn: Turn) -> bool:
    """Whether no repair may be tried any more: time, budget, or a perpetual book too old to price from.

    Recovery and shutdown have nowhere else to go: without a perpetual book they unwind on spot.
    """
    context = turn.context
    if context.current_state in _NEEDS_PERP_BOOK and context.book(Venue.GATE_FUTURES) is None:
        return True
    if hedge_room(context) < (context.perp_lot or ZERO):
        turn.alert("critical", "hedge_budget", "the hedge budget of this minute is spent")
        return True
    repair = context.repair
    if repair is None:
        return False
    return context.now_s - repair.since_s > repair_s_max(context.params)


def end_repair(turn: Turn) -> None:
    """What becomes naked from here on has a repair, and a deadline, of its own."""
    if turn.context.repair is not None:
        turn.change(repair=None)


def hedge(turn: Turn, purpose: Purpose) -> None:
    """Send the next repair order, if there is one to send now; callers made sure that nothing is in flight."""
    context = turn.context
    repair = context.repair or Repair(since_s=context.now_s)
    if repair.tried_s is not None and context.now_s - repair.tried_s < REPAIR_PAUSE_S:
        return
    on_spot = _spot_has_its_turn(context, (context.now_s - repair.since_s) * 1000)
    intent = _on_spot(turn) if on_spot else _on_perpetual(turn, repair, purpose)
    sent = intent is not None and _sent(turn, intent)
    turn.change(repair=msgspec.structs.replace(repair, tried_s=context.now_s, steps=repair.steps + sent))


def _spot_has_its_turn(context: StrategyContext, elapsed_ms: float) -> bool:
    """Spot unwinds what the perpetual did not take in time, and at once while the perpetual cannot be reached. On the
    way to nothing, and with more inventory than there may be, it is the other way around: a surplus of spot is to be
    sold anyway, and is hedged anew, still in time, only when that fails.
    """
    deadline_ms = context.params.hedge_deadline_ms
    if _would_fail(context, Venue.GATE_FUTURES):
        return True
    if delta_to_hedge(context) > 0 and (_is_flattening(context) or has_too_much(context)):
        return elapsed_ms * 2 <= deadline_ms
    return elapsed_ms > deadline_ms


def _would_fail(context: StrategyContext, venue: Venue) -> bool:
    return out_of_reach(context, venue) or _refuses(context, venue) or _is_closed(context, venue)


def _is_closed(context: StrategyContext, venue: Venue) -> bool:
    """Whether the venue takes no orders of the side that delta needs, by what it says of the symbol."""
    instrument = context.instruments.get(venue)
    if instrument is None:
        return False
    side = Side.SELL if delta_to_hedge(context) > 0 else Side.BUY
    shrinks = context.portfolio.perp_base * side.sign < 0
    return not instrument.accepts(closes=side is Side.SELL if venue.is_spot else shrinks)


def _refuses(context: StrategyContext, venue: Venue) -> bool:
    """Whether the venue refused our two newest orders, both within a hedge's deadline: it would refuse a third."""
    since_s = context.now_s - context.params.hedge_deadline_ms / 1000
    newest = [order for order in context.orders.newest_first() if order.intent.venue is venue][:REFUSALS_MAX]
    return len(newest) == REFUSALS_MAX and all(
        order.status is OrderStatus.REJECTED and context.age(order.intent.client_order_id).created_s >= since_s
        for order in newest
    )


def _is_flattening(context: StrategyContext) -> bool:
    return context.leaving is not None and context.leaving.policy == "flatten"


def has_too_much(context: StrategyContext) -> bool:
    """Whether more base is held on spot than `max_position_multiplier` allows, by more than a lot."""
    most = context.params.base_position_size * context.params.max_position_multiplier
    return context.perp_lot is not None and inventory_of(context).held_base > most + context.perp_lot


def _sent(turn: Turn, intent: OrderIntent) -> bool:
    verdict = check((intent,), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        turn.alert("warning", f"hedge:{verdict.code}", f"a hedge was refused: {verdict.text}")
        return False
    turn.place(intent)
    return True


def _on_perpetual(turn: Turn, repair: Repair, purpose: Purpose) -> OrderIntent | None:
    """No more than the budget still allows: the rest follows when the minute has passed."""
    context = turn.context
    delta = delta_to_hedge(context)
    most = floor_to(hedge_room(context), context.perp_lot) if context.perp_lot else ZERO
    plan = hedge_order(
        max(-most, min(most, delta)), context.market, context.instruments, context.params, widen_steps=repair.steps,
        perp_base=context.portfolio.perp_base,
    )
    if not isinstance(plan, HedgePlan):
        return None
    return turn.new_intent(
        plan.venue, plan.side, plan.quantity, plan.price, purpose, reduce_only=plan.reduce_only,
        execution_id=_execution_id(context), leg="h",
    )


def _on_spot(turn: Turn) -> OrderIntent | None:
    """Sell the surplus where we hold most, or buy the shortage where the price is best, inside the collar."""
    context = turn.context
    side = Side.SELL if delta_to_hedge(context) > 0 else Side.BUY
    venues = [venue for venue in SPOT_VENUES if context.book(venue) is not None and venue in context.instruments]
    venues = [venue for venue in venues if not _would_fail(context, venue)] or venues
    if not venues:
        return None
    if side is Side.SELL:
        venue = max(venues, key=lambda v: _base_on(context, v))
    else:
        venue = min(venues, key=lambda v: context.market.books[v].asks[0][0])
    instrument, book = context.instruments[venue], context.market.books[venue]
    touch = book.side_for(side)[0][0]
    price = worst_price(side, book, instrument, context.market.mark, context.params)
    quantity = floor_to(_unwindable(context, venue, side, max(price, touch)), instrument.lot_size)
    if instrument.problem_with(quantity, price) is not None:
        return None
    return turn.new_intent(venue, side, quantity, price, Purpose.UNWIND, execution_id=_execution_id(context), leg="u")


def _unwindable(context: StrategyContext, venue: Venue, side: Side, price: Decimal) -> Decimal:
    """What one order may take back: the delta, inside the budget, the size of an order, and what is there to sell."""
    most = min(
        abs(delta_to_hedge(context)), hedge_room(context), divide(context.params.max_order_notional_quote, price)
    )
    return min(most, max(ZERO, _base_on(context, venue))) if side is Side.SELL else most


def _base_on(context: StrategyContext, venue: Venue) -> Decimal:
    return context.portfolio.balance(venue, context.params.symbol.base)


def _execution_id(context: StrategyContext) -> str:
    return context.execution.execution_id if context.execution else ""
