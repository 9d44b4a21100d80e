"""What the market and the engine do to an order just when it, or its cancel, arrives."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from . import faults_words as words
from .exchange import Exchange
from .faults_answers import known_order
from .faults_kinds import FaultKind, RequestStrike
from .gateio_errors import GateError
from .gateio_ws_api import check_exptime
from .instruments import Instrument
from .records import MEXC_SPOT, ZERO, OrderState, Side, opposite
from .web import HttpResponse

DEPTH = 5_000


async def reject_order(strike: RequestStrike) -> HttpResponse:
    """A definite no, in the venue's words."""
    if _is_expired(strike):
        return await strike.proceed()
    strike.struck()
    return words.refusal(strike.venue, strike.text("reason"))


async def fill_instead_of_cancel(strike: RequestStrike) -> HttpResponse:
    """The cancel is told that there is nothing left to cancel; the fill that it means comes a while later."""
    exchange, venue = strike.exchange, strike.venue
    order = exchange.state.orders.get((venue, known_order(exchange, strike)))
    if order is None or not order.is_open:
        return await strike.proceed()
    strike.struck()
    strike.engine.after(strike.number("fill_after_s"), lambda: take_order(exchange, order))
    return words.order_gone(venue)


async def fill_in_part(strike: RequestStrike) -> HttpResponse:
    """Somebody is quicker: before the order is handled, the book keeps only a part of it within its price."""
    wanted = read_create(strike)
    if wanted is None or _is_expired(strike):
        return await strike.proceed()
    instrument, side, quantity, price = wanted
    strike.struck()
    left = strike.number("quantity")
    keep = Decimal(str(left)) if left else quantity * Decimal(str(strike.number("fraction")))
    leave(strike.exchange, instrument, side, price, keep // instrument.lot * instrument.lot)
    return await strike.proceed()


def _is_expired(strike: RequestStrike) -> bool:
    """Whether the order comes after its own expiry: the venue refuses that one before it looks at the order."""
    try:
        check_exptime(strike.request.header("x-gate-exptime") or "", strike.engine.clock.wall_ns(strike.venue))
    except GateError:
        return True
    return False


def take_order(exchange: Exchange, order: OrderState) -> None:
    """Let an outsider take everything up to and including an order's price, which fills it."""
    if order.is_open:
        book = exchange.depth(order.venue, order.symbol, DEPTH)
        levels = book.bids if order.side == "buy" else book.asks
        sign = 1 if order.side == "buy" else -1
        better = [size for price, size in levels if (price - order.price) * sign >= 0]
        taker = opposite(order.side)
        exchange.external_take(order.venue, order.symbol, taker, sum(better, ZERO), order.price)
        exchange.commit()


def leave(exchange: Exchange, instrument: Instrument, side: Side, price: Decimal, keep: Decimal) -> None:
    """Let an outsider take what stands within a taker's price, but so much."""
    venue, symbol = instrument.venue, instrument.symbol
    book = exchange.depth(venue, symbol, DEPTH)
    levels = book.asks if side == "buy" else book.bids
    inside = sum((size for at, size in levels if (at <= price if side == "buy" else at >= price)), ZERO)
    if inside > keep:
        exchange.external_take(venue, symbol, side, inside - keep, price)
        exchange.commit()


def read_create(strike: RequestStrike) -> tuple[Instrument, Side, Decimal, Decimal] | None:
    """Market, side, quantity and limit price of a request for one limit order; None for anything else."""
    fields = _fields(strike)
    name = fields.get("currency_pair") or fields.get("contract") or fields.get("symbol")
    instrument = strike.exchange.instrument_by_name(strike.venue, str(name))
    try:
        size = Decimal(str(fields.get("amount") or fields.get("size") or fields.get("quantity")))
        price = Decimal(str(fields.get("price")))
    except InvalidOperation:
        return None
    if instrument is None or not (price.is_finite() and size.is_finite()) or price <= 0 or not size:
        return None
    side = str(fields.get("side", "buy" if size > 0 else "sell")).lower()
    return instrument, "sell" if side == "sell" else "buy", abs(size), price


def _fields(strike: RequestStrike) -> dict[str, Any]:
    if strike.venue == MEXC_SPOT:
        body = strike.request.body.decode("latin-1")
        return dict(parse_qsl(strike.request.query)) | dict(parse_qsl(body))
    try:
        fields = msgspec.json.decode(strike.request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


KINDS = (
    FaultKind(
        "partial_fill", "X01", "an order finds only a `fraction` of itself (or that `quantity`) within its price",
        "account", options={"fraction": 0.5, "quantity": 0.0}, on_request=fill_in_part,
        on_call=fill_in_part, targets="creates",
    ),
    FaultKind(
        "cancel_meets_fill", "X02",
        'a cancel is told that the order is gone (MEXC: -2011 "Order filled."), and its fill comes a while later',
        "account", options={"fill_after_s": 0.2}, on_request=fill_instead_of_cancel,
        on_call=fill_instead_of_cancel, targets="cancels",
    ),
    FaultKind(
        "order_rejected", "X03",
        "an order is refused for good: `reason` balance, size, price, suspended, post_only or risk_control",
        "account", options={"reason": "balance"}, on_request=reject_order,
        on_call=reject_order, targets="creates",
    ),
)  # fmt: skip
