"""Orders whose end stays unknown: how long they are waited for, and what is taken for granted about them afterwards.

An order cannot be accepted after its own expiry, and what came of it is told within the matching lag. So the wait has
an end, whether or not the venue answers: from then on delta is judged with what is believed of the order, and whatever
must be hedged is. The ledger believes nothing: there the order stays open until complete lists decide, and the worst
case counts it both ways. What turns out otherwise is booked as it is told, and hedged again at once.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import ProveStream
from dnbot.domain.order import Order, OrderStatus
from dnbot.domain.units import TWO, ZERO, divide
from dnbot.domain.word import Word
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.muteness import is_mute
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.rest_words import Rest
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.strategy.turn import Turn

CLOCK_SKEW_MS = 100
"""What the measured offset of a venue's clock may be wrong by."""
GRACE_SHARE = 4
"""Of the hedge deadline, one part in so many is left to complete lists: they come soon after, and leave no doubt."""
PROVE_EVERY_S = 0.25


class Belief(Word):
    """What an unsettled order counts as when delta is judged."""

    AWAITED = "awaited"  # its end may still be told: nothing is decided before
    WITHOUT_EFFECT = "without effect"  # beyond what was told of it; a stream that is proven live said nothing
    BLIND = "blind"  # nobody could have told us anything: filled or not


class Doubt(msgspec.Struct, frozen=True):
    """Delta as it may be once every order is known, base units, lowest and highest."""

    low: Decimal
    high: Decimal

    @property
    def middle(self) -> Decimal:
        """The delta to hedge: no other leaves a smaller worst case."""
        return divide(self.low + self.high, TWO)

    @property
    def left(self) -> Decimal:
        """|delta| that may be left once the middle is hedged."""
        return divide(self.high - self.low, TWO)


def unheard_ms(params: StrategyParameters) -> int:
    """So long after its decision an order can no longer be accepted, and news of it must be on their way."""
    return params.order_expiry_ms + CLOCK_SKEW_MS + params.match_lag_ms


def wait_ms(params: StrategyParameters) -> int:
    """The longest that an order is waited for, from its decision on; the rest of the bound is for the hedge."""
    return unheard_ms(params) + params.match_lag_ms + params.hedge_deadline_ms // GRACE_SHARE


def bound_ms(params: StrategyParameters) -> int:
    """From the decision of an order whose answer is lost to the hedge of its counterpart, or the next best decision."""
    return unheard_ms(params) + params.match_lag_ms + params.hedge_deadline_ms


def belief(context: StrategyContext, order: Order) -> Belief:
    """What an unsettled order counts as now. One that an earlier incarnation left is awaited: only lists know it."""
    created_s = context.age(order.intent.client_order_id).created_s
    rest = _rest_of(context, order)
    if rest is not None:
        return _of_resting(context, order, rest)
    judged_here = order.intent.epoch == context.epoch and context.current_state is not StrategyState.INITIALIZING
    waited_s = context.now_s - max(created_s, context.awake_since_s)
    if not judged_here or waited_s * 1000 < wait_ms(context.params):
        return Belief.AWAITED
    never_left = order.status is OrderStatus.PENDING  # and the gate lets nothing leave after its expiry
    if order.status.is_final or never_left or _silent(context, order.intent.venue, created_s):
        return Belief.WITHOUT_EFFECT
    return Belief.BLIND


def _rest_of(context: StrategyContext, order: Order) -> Rest | None:
    """What is known of an order that rests, once the venue has named it: each of its fills is told by itself."""
    rest = context.execution.rest if context.execution is not None else None
    rests = rest is not None and rest.order_id == order.intent.client_order_id
    return rest if rests and order.venue_order_id and not order.status.is_final else None


def _of_resting(context: StrategyContext, order: Order, rest: Rest) -> Belief:
    """While it may rest, what was told of it is all that it did: its end is due when it is to be gone."""
    if rest.cancel_s is None:
        return Belief.WITHOUT_EFFECT
    waited_s = context.now_s - max(rest.cancel_s, context.awake_since_s)
    if waited_s * 1000 < wait_ms(context.params):
        return Belief.WITHOUT_EFFECT
    created_s = context.age(order.intent.client_order_id).created_s
    silent = _silent(context, order.intent.venue, created_s, rest.cancel_s)
    return Belief.WITHOUT_EFFECT if silent else Belief.BLIND


def _silent(context: StrategyContext, venue: Venue, created_s: float, due_s: float | None = None) -> bool:
    """Whether the private stream has lived since before the order, and answered when news of it must have come (so long
    after `due_s`, or else after its creation); one that is mute proves nothing by that.
    """
    account = context.accounts[venue]
    lived = account.stream_up and account.stream_since_s <= created_s and not is_mute(account, context.now_s)
    return lived and account.heard_s >= (due_s or created_s) + unheard_ms(context.params) / 1000


def awaited(context: StrategyContext) -> tuple[Order, ...]:
    """Unsettled orders that delta cannot be judged without yet."""
    return tuple(order for order in context.unsettled if belief(context, order) is Belief.AWAITED)


def doubt(context: StrategyContext) -> Doubt:
    """The ledger's delta with what is believed of every order that is no longer awaited.

    A fill that was reported and is not booked counts as it was reported.
    """
    low = high = context.portfolio.delta
    for order in context.unsettled:
        believed, sign = belief(context, order), order.intent.side.sign
        if believed is Belief.AWAITED:
            continue
        told = (order.reported_filled - order.filled) * sign
        low, high = low + told, high + told
        if believed is Belief.BLIND:
            rest = (order.intent.quantity - order.reported_filled) * sign
            low, high = low + min(rest, ZERO), high + max(rest, ZERO)
    return Doubt(low, high)


def delta_to_hedge(context: StrategyContext) -> Decimal:
    """The delta that repairs go by, base units: the ledger's, unless an order's end stays unknown."""
    return doubt(context).middle if context.unsettled else context.portfolio.delta


def out_of_reach(context: StrategyContext, venue: Venue) -> bool:
    """Whether a repair would be lost there.

    The symbol takes no orders; or our newest order met silence or a shut door, and no account read began and succeeded
    since; or, while an order is in doubt, reads are not answered.
    """
    if context.takes_no_orders(venue):
        return True
    if context.unsettled and _does_not_answer(context, venue):
        return True
    there = [o for o in context.orders.values() if o.intent.venue is venue and o.status is not OrderStatus.PENDING]
    if not there:
        return False
    newest, account = there[-1], context.accounts[venue]
    age = context.age(newest.intent.client_order_id)
    if newest.status is OrderStatus.NOT_SENT:
        return newest.reason.startswith("UNREACHABLE") and account.read_s <= age.changed_s
    silent = newest.status in {OrderStatus.SENT, OrderStatus.AMBIGUOUS}
    return silent and belief(context, newest) is not Belief.AWAITED and account.read_s <= age.created_s


def _does_not_answer(context: StrategyContext, venue: Venue) -> bool:
    since_s = context.accounts[venue].unanswered_since_s
    return since_s > 0 and (context.now_s - since_s) * 1000 >= context.params.hedge_deadline_ms / GRACE_SHARE


def watch_doubt(turn: Turn) -> None:
    """Have streams proven that are to be believed; tell once what stays in doubt, and halt above the hard limit."""
    for order in turn.context.unsettled:
        _prove(turn, order)
    context = turn.context
    blind = [o.intent.client_order_id for o in context.unsettled if belief(context, o) is Belief.BLIND]
    if not blind:
        return
    found = doubt(context)
    text = f"no stream and no list tells of {', '.join(blind)}: delta is between {found.low} and {found.high}"
    for name in blind:
        turn.alert("critical", f"blind:{name}", text)
    if found.left > context.hard_limit:
        turn.lower_mode(TradingMode.HALTED, f"{text}; {found.left} may stay unhedged")


def _prove(turn: Turn, order: Order) -> None:
    """Ask the stream for a sign of life once it must have told of the order: what it said before has then arrived."""
    context, venue = turn.context, order.intent.venue
    account, created_s = context.accounts[venue], context.age(order.intent.client_order_id).created_s
    rest = _rest_of(context, order)
    due_s = (rest.cancel_s if rest is not None else None) or created_s
    due_s += unheard_ms(context.params) / 1000
    if not account.stream_up or context.now_s < due_s or account.heard_s >= due_s:
        return
    if context.now_s - account.proving_s >= PROVE_EVERY_S:
        turn.change_account(venue, proving_s=context.now_s)
        turn.commands.append(ProveStream(venue))
