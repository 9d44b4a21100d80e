"""Whether what code of others returned is what its signature says, to the last field; and whether it makes sense.

Types in Python bind nobody: a float where a `Decimal` belongs would be booked, a lot of zero would end the bot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import msgspec

from dnbot.domain.account import AccountFacts, Balance
from dnbot.domain.book import BookDelta, BookSnapshot, Level
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import BookTop, PublicTrade, Ticker
from dnbot.domain.order import Fill, OrderReport, OrderStatus
from dnbot.domain.word import Word
from dnbot.venues.words import AskedTooOften, Request

Check = Callable[[object], str]
"""What is wrong with a value; empty: nothing."""
NUMBER_CHARACTERS_MAX = 60
_REPORTED = frozenset({OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED})


def check_of(kind: Any, venue: Venue, symbol: Symbol) -> Check:
    """A check for values of this type, as a signature has it; every venue and symbol in them must be these.

    Raises:
        TypeError: a type that no signature of a codec has.
    """
    if isinstance(kind, NewType):
        return check_of(kind.__supertype__, venue, symbol)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _any_of({_class_of(one): check_of(one, venue, symbol) for one in arguments})
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _each(check_of(arguments[0], venue, symbol))
    if origin is tuple:
        return _row([check_of(one, venue, symbol) for one in arguments])
    if origin is Callable:
        return lambda _value: "a function: code of others is called by its guard alone"
    if kind is Venue:
        return lambda value: "" if value is venue else f"{_shown(value)}, not the venue of the context"
    if kind is Symbol:
        return lambda value: "" if value == symbol and type(value) is Symbol else f"{_shown(value)}, not {symbol}"
    if kind is Decimal:
        return _number
    if kind is float:
        return _float
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind, venue, symbol)
    if kind in (str, int, bool, bytes, NoneType) or (isinstance(kind, type) and issubclass(kind, Word)):
        return _exactly(kind)
    raise TypeError(f"no check for {kind!r}")


def _class_of(kind: Any) -> Any:
    kind = kind.__supertype__ if isinstance(kind, NewType) else kind
    return get_origin(kind) or kind


def _shown(value: object) -> str:
    return f"a {type(value).__name__}"


def _exactly(kind: type) -> Check:
    return lambda value: "" if type(value) is kind else f"{_shown(value)}, not a {kind.__name__}"


def _number(value: object) -> str:
    if type(value) is not Decimal:
        return f"{_shown(value)}, not a Decimal"
    if not value.is_finite() or len(format(value, "f")) > NUMBER_CHARACTERS_MAX:
        return "a number that is not finite, or too long"
    return ""


def _float(value: object) -> str:
    if type(value) not in (float, int):
        return f"{_shown(value)}, not a float"
    return "" if math.isfinite(value) else "not a finite number"  # type: ignore[arg-type]  # one of the two, as seen


def _any_of(checks: dict[type, Check]) -> Check:
    names = " | ".join(kind.__name__ for kind in checks)

    def check(value: object) -> str:
        found = checks.get(type(value))
        return found(value) if found is not None else f"{_shown(value)}, not {names}"

    return check


def _each(one: Check) -> Check:
    def check(value: object) -> str:
        if type(value) is not tuple:
            return f"{_shown(value)}, not a tuple"
        return next((f"[{at}]: {wrong}" for at, item in enumerate(value) if (wrong := one(item))), "")

    return check


def _row(checks: list[Check]) -> Check:
    def check(value: object) -> str:
        if type(value) is not tuple or len(value) != len(checks):
            return f"{_shown(value)}, not a tuple of {len(checks)}"
        return next((wrong for one, item in zip(checks, value, strict=True) if (wrong := one(item))), "")

    return check


def _struct(kind: type[msgspec.Struct], venue: Venue, symbol: Symbol) -> Check:
    hints = get_type_hints(kind)
    fields = [(name, check_of(hints[name], venue, symbol)) for name in kind.__struct_fields__]
    sense = _SENSE.get(kind)

    def check(value: object) -> str:
        if type(value) is not kind:
            return f"{_shown(value)}, not a {kind.__name__}"
        for name, one in fields:
            if wrong := one(getattr(value, name)):
                return f"{kind.__name__}.{name}: {wrong}"
        found = next(sense(value), "") if sense is not None else ""
        return f"{kind.__name__}: {found}" if found else ""

    return check


# --- sense: what the core divides by, compares with, or books ---------------------------------------------------------
def _instrument(one: Instrument) -> Iterator[str]:
    if one.tick_size <= 0 or one.lot_size <= 0:
        yield "a tick or lot that is not above zero"
    if one.multiplier != 1:
        yield "a multiplier, on spot"
    if one.min_quantity < 0 or one.min_notional < 0:
        yield "a least order below zero"
    if any(most is not None and most <= 0 for most in (one.max_quantity, one.max_notional, one.price_deviation_max)):
        yield "a most that is not above zero"


def _fees(one: FeeSchedule) -> Iterator[str]:
    if abs(one.maker) >= 1 or abs(one.taker) >= 1:
        yield "a rate that is no fraction"


def _levels(levels: tuple[Level, ...]) -> bool:
    return all(price > 0 and quantity >= 0 for price, quantity in levels)


def _snapshot(one: BookSnapshot) -> Iterator[str]:
    if not (_levels(one.bids) and _levels(one.asks)):
        yield "a level that is none"
    if one.bids and one.asks and max(one.bids)[0] >= min(one.asks)[0]:
        yield "a crossed book"


def _delta(one: BookDelta) -> Iterator[str]:
    if not (_levels(one.bids) and _levels(one.asks)):
        yield "a level that is none"
    if one.first_id > one.last_id:
        yield "an increment that ends before it begins"


def _top(one: BookTop) -> Iterator[str]:
    if any(price is not None and price <= 0 for price in (one.bid, one.ask)):
        yield "a price that is not above zero"


def _public_trade(one: PublicTrade) -> Iterator[str]:
    if one.price <= 0 or one.quantity <= 0:
        yield "a price or quantity that is not above zero"


def _ticker(one: Ticker) -> Iterator[str]:
    if one.last <= 0 or one.volume_quote < 0:
        yield "a price that is not above zero, or a volume below it"


def _balance(one: Balance) -> Iterator[str]:
    if not one.asset or not 0 <= one.available <= one.total:
        yield "no asset, or more available than there is"


def _fill(one: Fill) -> Iterator[str]:
    if one.price <= 0 or one.quantity <= 0:
        yield "a price or quantity that is not above zero"
    if not one.trade_id or not one.venue_order_id or one.traded_at_ns <= 0 or (one.fee and not one.fee_asset):
        yield "no trade id, order id, time, or coin of its fee"


def _report(one: OrderReport) -> Iterator[str]:
    if one.status not in _REPORTED or not one.venue_order_id:
        yield "a status that no venue reports, or no order id"
    if one.quantity <= 0 or one.price < 0 or not 0 <= one.filled <= one.quantity:
        yield "a quantity, price or filled part that cannot be"


def _facts(one: AccountFacts) -> Iterator[str]:
    if one.problem == "":
        yield "a problem without words; None is none"


def _throttled(one: AskedTooOften) -> Iterator[str]:
    if one.retry_after_s < 0:
        yield "a wait below zero"


def _request(one: Request) -> Iterator[str]:
    if not one.target.startswith("/") or not one.target.isascii() or any(sign in one.target for sign in "\r\n \t"):
        yield "a target that is no path"
    if one.weight < 1:
        yield "a weight below one"
    if any("\r" in part or "\n" in part for header in one.headers for part in header):
        yield "a header of more than one line"


_SENSE: dict[type[msgspec.Struct], Callable[[Any], Iterator[str]]] = {
    Instrument: _instrument, FeeSchedule: _fees, BookSnapshot: _snapshot, BookDelta: _delta, BookTop: _top,
    PublicTrade: _public_trade, Ticker: _ticker, Balance: _balance, Fill: _fill, OrderReport: _report,
    AccountFacts: _facts, AskedTooOften: _throttled, Request: _request,
}
