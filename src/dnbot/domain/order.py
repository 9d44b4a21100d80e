"""Orders: the intent that is committed first, the life that follows, and the fills that alone move money.

`ORDER_TRANSITIONS` is the whole life-cycle. Quantities decide completion; a venue's reason only explains.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.units import ZERO, Price, Quantity
from dnbot.domain.word import Word

CLIENT_ID_PREFIX = "dnb"
"""Marks an order as ours; a venue's own prefix rule (Gate's `t-`) is added by its codec."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Side(Word):
    """Direction of an order or fill, from our point of view."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what it does to the base position."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other direction."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TimeInForce(Word):
    """How long an order lives. The bot itself sends IOC, and POST_ONLY for a leg that rests; the others are drills'."""

    IOC = "ioc"
    GTC = "gtc"
    FOK = "fok"
    POST_ONLY = "poc"


class Purpose(Word):
    """Why an order exists: the gate (state x mode x purpose) asks for it."""

    ENTRY = "entry"
    EXIT = "exit"
    ESTABLISH = "establish"
    HEDGE = "hedge"
    UNWIND = "unwind"
    FLATTEN = "flatten"
    CANCEL = "cancel"


class OrderStatus(Word):
    """Where an order is in its life."""

    PENDING = "pending"  # committed, not yet handed to a connection
    SENT = "sent"  # bytes may have left; no answer yet
    OPEN = "open"
    AMBIGUOUS = "ambiguous"  # no trustworthy answer; counted both ways until resolved
    FILLED = "filled"
    CANCELLED = "cancelled"  # ended by the venue or by us, with or without fills
    REJECTED = "rejected"
    NOT_SENT = "not_sent"  # provably never left
    NO_EFFECT = "no_effect"  # resolved: expired, and complete lists do not know it

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen, except a late fill."""
        return self in FINAL_STATUSES


_NEVER_LIVED = (OrderStatus.REJECTED, OrderStatus.NOT_SENT, OrderStatus.NO_EFFECT)
FINAL_STATUSES = (
    OrderStatus.FILLED,
    OrderStatus.CANCELLED,
    OrderStatus.REJECTED,
    OrderStatus.NOT_SENT,
    OrderStatus.NO_EFFECT,
)

_S = OrderStatus
ORDER_TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    # FILLED and CANCELLED can be reached from anywhere that bytes may have left from: a stream may overtake a reply.
    _S.PENDING: frozenset({_S.SENT, _S.NOT_SENT, _S.AMBIGUOUS, _S.OPEN, _S.FILLED, _S.CANCELLED, _S.NO_EFFECT}),
    _S.SENT: frozenset({_S.OPEN, _S.AMBIGUOUS, _S.FILLED, _S.CANCELLED, _S.REJECTED, _S.NOT_SENT, _S.NO_EFFECT}),
    _S.OPEN: frozenset({_S.AMBIGUOUS, _S.FILLED, _S.CANCELLED}),
    _S.AMBIGUOUS: frozenset({_S.OPEN, _S.FILLED, _S.CANCELLED, _S.REJECTED, _S.NOT_SENT, _S.NO_EFFECT}),
    # A late fill may complete a cancelled order; evidence of life always beats the proof of absence. A fill alone does
    # not tell whether the rest lives: AMBIGUOUS until a report does.
    _S.CANCELLED: frozenset({_S.FILLED}),
    _S.NO_EFFECT: frozenset({_S.AMBIGUOUS, _S.OPEN, _S.FILLED, _S.CANCELLED}),
    _S.REJECTED: frozenset({_S.AMBIGUOUS, _S.OPEN, _S.FILLED, _S.CANCELLED}),
    _S.NOT_SENT: frozenset({_S.AMBIGUOUS, _S.OPEN, _S.FILLED, _S.CANCELLED}),
    _S.FILLED: frozenset(),
}


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True):
    """One order as decided, committed before its first byte leaves; never changed afterwards."""

    client_order_id: str
    epoch: int
    venue: Venue
    symbol: Symbol
    side: Side
    quantity: Quantity
    price: Price
    purpose: Purpose
    time_in_force: TimeInForce = TimeInForce.IOC
    reduce_only: bool = False
    execution_id: str = ""
    created_at_ns: int
    expires_at_ns: int
    """Our wall clock; the codec turns it into the venue's own expiry."""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of ours as the venue reports it. Keyed by (venue, trade_id)."""

    venue: Venue
    symbol: Symbol
    trade_id: str
    venue_order_id: str
    client_order_id: str
    """Empty when the venue does not say."""
    side: Side
    price: Price
    quantity: Quantity
    """Base units, also on the perpetual."""
    fee: Decimal
    """Positive is a cost."""
    fee_asset: str
    fee_price: Decimal | None = None
    """Quote units per unit of `fee_asset` when that is neither base nor quote, as known when the fill was booked; else,
    or when it was not known, None."""
    is_maker: bool = False
    traded_at_ns: int

    @property
    def fee_is_in_a_third_coin(self) -> bool:
        """Whether there is a fee, and it is neither in base nor in quote."""
        return self.fee != 0 and self.fee_asset not in {self.symbol.base, self.symbol.quote}

    @property
    def fee_quote(self) -> Decimal | None:
        """What the fee is worth, quote units; None when it is in a third coin whose price is not known."""
        if self.fee_is_in_a_third_coin:
            return None if self.fee_price is None else self.fee * self.fee_price
        return self.fee * self.price if self.fee_asset == self.symbol.base else self.fee

    @property
    def signed_quantity(self) -> Decimal:
        """Base units; positive for a buy."""
        return self.quantity * self.side.sign

    @property
    def value(self) -> Decimal:
        """Price times quantity, quote units."""
        return self.price * self.quantity


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says about one order, over REST or a stream."""

    venue: Venue
    venue_order_id: str
    client_order_id: str
    """Empty for an order that is not ours or whose id the venue left out."""
    side: Side
    price: Price
    quantity: Quantity
    filled: Quantity
    status: OrderStatus
    """OPEN, FILLED or CANCELLED. OPEN also when a reply does not say."""
    reason: str = ""
    updated_at_ms: int = 0
    filled_value: Decimal | None = None
    """Quote units traded, where the venue says so; a cross-check, never booked."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An intent together with everything learned about it since."""

    intent: OrderIntent
    status: OrderStatus = OrderStatus.PENDING
    venue_order_id: str = ""
    filled: Quantity = Quantity(ZERO)
    """Σ of booked fills, base units."""
    reported_filled: Quantity = Quantity(ZERO)
    """The most that any report claimed, base units; when above `filled`, fills are still on their way."""
    reason: str = ""
    sent_at_ns: int = 0
    changed_at_ns: int = 0

    @property
    def remaining(self) -> Decimal:
        """What may still trade, base units; zero once final and explained."""
        if self.status.is_final:
            return max(ZERO, self.reported_filled - self.filled)
        return max(ZERO, self.intent.quantity - self.filled)

    @property
    def is_settled(self) -> bool:
        """Final, and every unit that the venue claims as filled has been booked."""
        return self.status.is_final and self.filled >= self.reported_filled


def may_become(current: OrderStatus, new: OrderStatus) -> bool:
    """Whether the table allows the change; staying is always allowed."""
    return new is current or new in ORDER_TRANSITIONS[current]


def with_status(order: Order, status: OrderStatus, *, at_ns: int, reason: str = "") -> Order:
    """The order after news of `status`; news that the table forbids (late, duplicated) leaves it unchanged.

    That it never lived is no longer possible once something was filled: it then ends as cancelled.
    """
    if status in _NEVER_LIVED and order.reported_filled > 0:
        status = OrderStatus.CANCELLED
    if status is order.status or not may_become(order.status, status):
        return order
    return msgspec.structs.replace(order, status=status, changed_at_ns=at_ns, reason=reason or order.reason)


def with_report(order: Order, report: OrderReport, *, at_ns: int) -> Order:
    """The order after a venue's report; commutes with fills and other reports."""
    claimed = Quantity(max(order.reported_filled, report.filled))
    told = msgspec.structs.replace(
        order, reported_filled=claimed, venue_order_id=report.venue_order_id or order.venue_order_id
    )
    return with_status(told, report.status, at_ns=at_ns, reason=report.reason)


def with_fill(order: Order, fill: Fill, *, at_ns: int) -> Order:
    """The order after one *new* fill (the caller has deduplicated by trade id)."""
    filled = Quantity(order.filled + fill.quantity)
    told = msgspec.structs.replace(
        order,
        filled=filled,
        reported_filled=Quantity(max(order.reported_filled, filled)),
        venue_order_id=order.venue_order_id or fill.venue_order_id,
        changed_at_ns=at_ns,
    )
    if filled >= order.intent.quantity:
        return with_status(told, OrderStatus.FILLED, at_ns=at_ns)
    if told.status in _NEVER_LIVED:
        return with_status(told, OrderStatus.AMBIGUOUS, at_ns=at_ns, reason="a fill proves that it lived")
    return told


def base36(number: int) -> str:
    """A non-negative integer in digits and lower-case letters."""
    if number < 0:
        raise ValueError(f"negative: {number}")
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if number == 0:
            return digits


def client_order_id(epoch: int, sequence: int, leg: str = "") -> str:
    """`dnb-<epoch>-<sequence><leg>`: unique over all incarnations, attributable, at most 26 characters.

    Charset and length satisfy Gate (28 after `t-`) and MEXC (32).
    """
    name = f"{CLIENT_ID_PREFIX}-{base36(epoch)}-{base36(sequence)}{leg and '-' + leg}"
    if len(name) > 26:
        raise ValueError(f"client order id too long: {name}")
    return name


def is_ours(client_id: str) -> bool:
    """Whether an id carries our prefix."""
    return client_id.startswith(CLIENT_ID_PREFIX + "-")


def epoch_of(client_id: str) -> int | None:
    """The epoch inside one of our ids, or None when it is not ours or not readable."""
    parts = client_id.split("-")
    if len(parts) < 3 or parts[0] != CLIENT_ID_PREFIX:
        return None
    try:
        return int(parts[1], 36)
    except ValueError:
        return None
