"""Controls on the orders themselves and on the prices they were made from."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.book import depth_within
from dnbot.domain.derived import is_finite
from dnbot.domain.instrument import Venue
from dnbot.domain.market import BookView
from dnbot.domain.order import OrderIntent, Purpose, Side, TimeInForce
from dnbot.domain.resting import MAKER
from dnbot.domain.units import ZERO, bps
from dnbot.strategy.ladder import moved
from dnbot.strategy.reference import age_ms, crossed, different_coin, off_reference, stale, worst_price
from dnbot.strategy.risk_inputs import Refused, RiskInputs, refused, unknown

Intents = tuple[OrderIntent, ...]

HEDGE_AGE_MS_MAX = 5_000
"""A repair may act on a book that an entry may not: being naked costs more than a cap that is seconds old, and a quiet
market sends no updates. Beyond this the book is no ground for any price."""
ORDER_NOTIONAL_QUOTE_MAX = Decimal(250_000)
"""No order is worth more, whatever the settings say: a mistyped limit is still a limit."""
DUPLICATE_MS = 100
"""The same order again within this is a loop, not a decision: books of the venues come every 20 to 100 ms."""
_DOUBT_CODES = {"STALE": "DATA_STALE", "SKEW": "DATA_STALE", "CROSSED": "BOOK_IMPLAUSIBLE",
                "IDENTITY": "BOOK_IMPLAUSIBLE", "COLLAR": "PRICE_COLLAR"}


def numbers(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Limits, quantities and prices are finite numbers: no comparison with anything else says a thing."""
    if not is_finite(inputs.params):
        return unknown("CONFIG_UNAPPROVED", "a limit of the settings that is a number")
    for intent in intents:
        if not is_finite(intent.quantity):
            return unknown("LOT", f"quantity on {intent.venue.value}")
        if not is_finite(intent.price):
            return unknown("TICK", f"price on {intent.venue.value}")
    return None


def eligible(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """The instrument is known and tradable; in a delisting, what closes or repairs by selling is still sent."""
    for intent in intents:
        instrument = inputs.instruments.get(intent.venue)
        if instrument is None:
            return unknown("SYMBOL_INELIGIBLE", f"instrument on {intent.venue.value}")
        if not instrument.accepts(closes=_closes(intent)):
            why = instrument.not_tradable_because or "not tradable"
            return refused("SYMBOL_INELIGIBLE", why, "tradable", f"{intent.symbol} on {intent.venue.value}")
        if intent.symbol != inputs.params.symbol or instrument.symbol != inputs.params.symbol:
            return refused("SYMBOL_INELIGIBLE", intent.symbol, inputs.params.symbol, "symbol")
    return None


def _closes(intent: OrderIntent) -> bool:
    """Whether it leads out by what a delisting still takes."""
    leads_out = intent.purpose in {Purpose.HEDGE, Purpose.UNWIND, Purpose.FLATTEN}
    return leads_out and (intent.side is Side.SELL if intent.venue.is_spot else intent.reduce_only)


def books_known(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """A synced book of every venue that is traded on."""
    for intent in intents:
        if intent.venue not in inputs.market.books:
            return unknown("BOOK_UNSYNCED", f"book of {intent.venue.value}")
    return None


def books_fresh(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Young books, close together in time."""
    doubt = stale(_books(intents, inputs), inputs.params, inputs.now_s)
    return _of_doubt(doubt)


def books_recent(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """For repairs: no book older than `HEDGE_AGE_MS_MAX`."""
    for book in _books(intents, inputs):
        age = age_ms(book, inputs.now_s)
        if age > HEDGE_AGE_MS_MAX:
            return refused("DATA_STALE", f"{age} ms", f"{HEDGE_AGE_MS_MAX} ms", f"age of the {book.venue.value} book")
    return None


def books_plausible(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No crossed book, no mid that belongs to another coin."""
    return _of_doubt(crossed(_books(intents, inputs)) or different_coin(inputs.market.books, inputs.params))


def books_uncrossed(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """For repairs: the book that is traded on is not crossed."""
    return _of_doubt(crossed(_books(intents, inputs)))


def near_reference(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Mids near mark and index, which must be known."""
    return _of_doubt(off_reference(_books(intents, inputs), inputs.market, inputs.params, inputs.now_s))


def edge_plausible(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Between the best prices of the two legs there is no edge that is too good to be true."""
    most = inputs.params.edge_bps_max_credible
    for buy in (i for i in intents if i.side is Side.BUY):
        for sell in (i for i in intents if i.side is Side.SELL):
            ask = inputs.market.books[buy.venue].asks[0][0]
            bid = inputs.market.books[sell.venue].bids[0][0]
            edge = bps(bid - ask, ask)
            if edge > most:
                return refused("EDGE_IMPLAUSIBLE", f"{edge:.1f} bps", f"{most} bps", "gross edge")
    return None


def price(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No limit price beyond the collar around mid and mark, or beyond what the venue allows."""
    for intent in intents:
        book, instrument = inputs.market.books[intent.venue], inputs.instruments[intent.venue]
        bound = worst_price(intent.side, book, instrument, inputs.market.mark, inputs.params)
        if (intent.price - bound) * intent.side.sign > 0:
            return refused("PRICE_COLLAR", intent.price, bound, f"{intent.side.value} price on {intent.venue.value}")
    return None


def grid(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Tick, lot, minima and maxima of the venue."""
    for intent in intents:
        code = inputs.instruments[intent.venue].problem_with(intent.quantity, intent.price)
        if code is not None:
            was = f"{intent.quantity} at {intent.price}"
            return refused(code, was, f"the {code} rule of {intent.venue.value}", "order")
    return None


def notional(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No order is worth more than `max_order_notional_quote` at its limit price, nor more than the cap in this file."""
    most = min(inputs.params.max_order_notional_quote, ORDER_NOTIONAL_QUOTE_MAX)
    for intent in intents:
        worth = intent.quantity * intent.price
        if worth > most:
            return refused("MAX_NOTIONAL", worth, most, f"order on {intent.venue.value}")
    return None


def post_only(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """What is to rest reaches nobody in the newest book, and rests on spot as part of a pair alone."""
    for intent in intents:
        if intent.time_in_force is TimeInForce.IOC:
            continue
        if intent.time_in_force is not TimeInForce.POST_ONLY or intent.venue is not MAKER or not _is_of_a_pair(intent):
            allowed = f"immediate-or-cancel, or post-only on {MAKER.value} as a leg of a pair"
            return refused("POST_ONLY", intent.time_in_force.value, allowed, f"order on {intent.venue.value}")
        if not inputs.params.maker_first:
            return refused("POST_ONLY", intent.time_in_force.value, "with maker_first", "order that rests")
        touch = inputs.market.books[intent.venue].side_for(intent.side)[0][0]
        if (intent.price - touch) * intent.side.sign >= 0:
            return refused("POST_ONLY", intent.price, f"short of {touch}", f"{intent.side.value} price that rests")
        worth, most = intent.quantity * intent.price, inputs.params.maker_order_max_quote
        if worth > most:
            return refused("MAX_NOTIONAL", worth, most, f"order that rests on {intent.venue.value}")
    return None


def _is_of_a_pair(intent: OrderIntent) -> bool:
    return intent.purpose in {Purpose.ENTRY, Purpose.EXIT}


def depth(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No order takes more than `depth_share_max` of what the newest book shows inside its limit price."""
    for intent in intents:
        if intent.time_in_force is TimeInForce.POST_ONLY:
            continue  # takes nothing
        levels = inputs.market.books[intent.venue].side_for(intent.side)
        most = depth_within(levels, intent.side, intent.price) * inputs.params.depth_share_max
        if intent.quantity > most:
            return refused("DEPTH", intent.quantity, most, f"order on {intent.venue.value}")
    return None


def legs(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """A pair is one buy and one sell of the same base quantity net of fees, to within one lot: delta is left alone."""
    sides = sorted(intent.side.value for intent in intents)
    if sides != [Side.BUY.value, Side.SELL.value]:
        return refused("LEGS", sides, "one buy and one sell", "orders of a pair")
    net = ZERO
    for intent in intents:
        fee = inputs.fees.get(intent.venue)
        if fee is None:
            return unknown("LEGS", f"fees of {intent.venue.value}")
        net += moved(intent, fee)
    lot = max(inputs.instruments[intent.venue].lot_size for intent in intents)
    if abs(net) > lot:
        return refused("LEGS", net, lot, "base that the pair would leave behind")
    return None


def reduces(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """A reduce-only order shrinks the position, and by no more than all of it."""
    for intent in (i for i in intents if i.reduce_only):
        if inputs.perp_base is None:
            return unknown("REDUCE_ONLY", "position of the perpetual")
        room = -inputs.perp_base * intent.side.sign
        if intent.venue is not Venue.GATE_FUTURES or intent.quantity > room:
            return refused("REDUCE_ONLY", intent.quantity, max(ZERO, room), "reduce-only order")
    return None


def not_twice(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """The same order is not in flight already under another id."""
    if inputs.orders is None:
        return unknown("DUPLICATE", "orders in flight")
    for intent in intents:
        for order in inputs.orders:
            other = order.intent
            if other.client_order_id != intent.client_order_id and _key(other) == _key(intent):
                return refused("DUPLICATE", intent.client_order_id, "no twin", f"in flight as {other.client_order_id}")
    return None


def not_again(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """The same order was not decided a moment ago under another id, whatever became of that one."""
    if inputs.recent is None:
        return unknown("DUPLICATE", "orders of the last moment")
    for intent in intents:
        for other in inputs.recent:
            if other.client_order_id != intent.client_order_id and _key(other) == _key(intent):
                name = other.client_order_id
                return refused("DUPLICATE", intent.client_order_id, f"not within {DUPLICATE_MS} ms", f"again as {name}")
    return None


def no_self_cross(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No order meets one of ours on the other side of the same book."""
    if inputs.orders is None:
        return unknown("SELF_CROSS", "orders in flight")
    others = tuple(order.intent for order in inputs.orders)
    for intent in intents:
        for other in (*others, *intents):
            if other.venue is intent.venue and other.side is not intent.side and _reach(intent, other):
                return refused("SELF_CROSS", intent.client_order_id, "none", f"meets our own {other.client_order_id}")
    return None


def _reach(intent: OrderIntent, other: OrderIntent) -> bool:
    return (intent.price - other.price) * intent.side.sign >= 0


def _key(intent: OrderIntent) -> tuple[Venue, Side, Decimal, Decimal, Purpose]:
    return intent.venue, intent.side, intent.quantity, intent.price, intent.purpose


def _books(intents: Intents, inputs: RiskInputs) -> tuple[BookView, ...]:
    return tuple(inputs.market.books[intent.venue] for intent in intents)


def _of_doubt(doubt: tuple[str, str] | None) -> Refused | None:
    if doubt is None:
        return None
    return Refused(code=_DOUBT_CODES[doubt[0]], was=doubt[1], allowed="", text=doubt[1])
