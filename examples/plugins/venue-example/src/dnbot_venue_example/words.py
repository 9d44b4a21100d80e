"""The rows of Example Exchange's JSON and what they are in dnbot's words. Numbers are text, times are milliseconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from dnbot.domain.book import Level
from dnbot.domain.instrument import Symbol
from dnbot.domain.order import Fill, OrderReport, OrderStatus, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues import wire
from dnbot.venues.plugin import VENUE, Number

PING, PING_S = '{"do":"ping"}', 10.0
Levels = list[tuple[Number, Number]]
STATES = {"open": OrderStatus.OPEN, "filled": OrderStatus.FILLED, "cancelled": OrderStatus.CANCELLED}
NOTHING_DONE = {"KEY", "SIGNATURE", "TIME", "NO_ORDER", "ENDED", "EXPIRED", "CLOSED", "BALANCE", "SIZE", "PRICE"}


class Order(msgspec.Struct):
    id: str
    client_id: str
    market: str
    side: Literal["buy", "sell"]
    price: Number
    quantity: Number
    filled: Number
    state: Literal["open", "filled", "cancelled"]
    at: int


class Trade(msgspec.Struct):
    id: str
    order: str
    client_id: str
    market: str
    side: Literal["buy", "sell"]
    price: Number
    quantity: Number
    fee: Number
    coin: str
    is_maker: bool
    at: int


class Wallet(msgspec.Struct):
    asset: str
    total: Number
    free: Number


class Frame(msgspec.Struct):
    """Any frame, and any answer that is a no: what it is about, and what it says of that."""

    on: str
    channel: str = ""
    error: str = ""
    text: str = ""


T = TypeVar("T", Order, Trade)


def market_of(symbol: Symbol) -> str:
    return f"{symbol.base}-{symbol.quote}"


def levels(rows: Levels) -> tuple[Level, ...]:
    return tuple((Decimal(price), Decimal(quantity)) for price, quantity in rows)


def report_of(row: Order) -> OrderReport:
    return OrderReport(
        venue=VENUE, venue_order_id=row.id, client_order_id=row.client_id, side=Side(row.side),
        price=Price(Decimal(row.price)), quantity=Quantity(Decimal(row.quantity)),
        filled=Quantity(Decimal(row.filled)), status=STATES[row.state], updated_at_ms=row.at,
    )


def fill_of(row: Trade, symbol: Symbol) -> Fill:
    return Fill(
        venue=VENUE, symbol=symbol, trade_id=row.id, venue_order_id=row.order, client_order_id=row.client_id,
        side=Side(row.side), price=Price(Decimal(row.price)), quantity=Quantity(Decimal(row.quantity)),
        fee=Decimal(row.fee), fee_asset=row.coin, is_maker=row.is_maker, traded_at_ns=row.at * 1_000_000,
    )


def balance_of(row: Wallet) -> wire.Balance:
    return wire.Balance(venue=VENUE, asset=row.asset, total=Decimal(row.total), available=Decimal(row.free))


def control(head: Frame) -> wire.Subscribed | wire.SubscriptionRefused | wire.Pong | wire.UnknownFrame:
    """What a frame without rows says."""
    match head.on:
        case "subscribed":
            return wire.Subscribed(head.channel)
        case "refused":
            return wire.SubscriptionRefused(head.channel, head.text)
        case "pong":
            return wire.Pong()
        case other:
            return wire.UnknownFrame(other)


def trouble(reply: wire.Reply) -> wire.Trouble | None:
    """What is not surely a no is unclear: the core then reads what became of it."""
    if 200 <= reply.status < 300:
        return None
    try:
        no = msgspec.json.decode(reply.body, type=Frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return wire.Unclear(f"HTTP {reply.status}")
    if reply.status == 429:
        return wire.AskedTooOften(1.0, no.text)
    if reply.status >= 500 or no.error not in NOTHING_DONE:
        return wire.Unclear(f"HTTP {reply.status}: {no.error} {no.text}")
    return wire.Refused(
        no.error, no.text, authentication=no.error in ("KEY", "SIGNATURE"), clock=no.error == "TIME",
        unknown_order=no.error in ("NO_ORDER", "ENDED"), symbol_closed=no.error == "CLOSED",
    )
