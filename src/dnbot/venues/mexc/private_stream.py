"""What the private stream of MEXC spot says: balances, trades and orders of the whole account.

There is no snapshot and no replay: after every connect the account is read over REST.
Source: MEXC spot v3 docs, Websocket User Data Streams; websocket-proto.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from dnbot.domain.instrument import Symbol
from dnbot.domain.order import Fill, OrderReport, OrderStatus, Side
from dnbot.domain.units import ZERO, Price, Quantity
from dnbot.venues.mexc.protobuf import Account, PrivateDeal, PrivateOrder, Push
from dnbot.venues.mexc.shapes import (
    NS_PER_MS,
    VENUE,
    amount,
    exact_sum,
    fee_asset,
    identity,
    number,
    symbol_name,
    unreadable,
)
from dnbot.venues.wire import Balance, FillNews, OrderNews, PrivateMessage, UnknownFrame

CHANNELS: Final = (
    "spot@private.account.v3.api.pb",
    "spot@private.deals.v3.api.pb",
    "spot@private.orders.v3.api.pb",
)

NEW: Final = 1
STATUSES: Final = {
    NEW: (OrderStatus.OPEN, ""),
    2: (OrderStatus.FILLED, ""),
    3: (OrderStatus.OPEN, ""),  # partially filled
    4: (OrderStatus.CANCELLED, "CANCELED"),
    5: (OrderStatus.CANCELLED, "PARTIALLY_CANCELED"),  # final, with fills
}
SIDES: Final = {1: Side.BUY, 2: Side.SELL}
CONDITIONAL_TYPE_MIN: Final = 100
"""Stop, take-profit and one-cancels-other orders: never ours, with statuses of their own."""


def words(push: Push, symbol: Symbol, frame: bytes) -> tuple[PrivateMessage, ...]:
    """Words from one push; none from an order or trade of another symbol. Raises FrameUnreadable."""
    match push.body:
        case None:
            return ()
        case Account() as account:
            return (_balance(account, push.at_ms, frame),)
        case PrivateDeal() as deal:
            return (FillNews(_fill(deal, symbol, frame)),) if _is_own(push, symbol, frame) else ()
        case PrivateOrder() as order:
            if order.order_type >= CONDITIONAL_TYPE_MIN:
                return (UnknownFrame(push.channel),)
            return (OrderNews(_report(order, push.at_ms, frame)),) if _is_own(push, symbol, frame) else ()
        case _:
            return (UnknownFrame(push.channel),)


def _is_own(push: Push, symbol: Symbol, frame: bytes) -> bool:
    if not push.symbol:
        raise unreadable("no symbol", frame)
    return push.symbol == symbol_name(symbol)


def _side(trade_type: int, frame: bytes) -> Side:
    if trade_type not in SIDES:
        raise unreadable(f"unknown tradeType {trade_type}", frame)
    return SIDES[trade_type]


def _named(text: str, name: str, frame: bytes) -> str:
    if not text:
        raise unreadable(f"no {name}", frame)
    return text


def _balance(account: Account, at_ms: int, frame: bytes) -> Balance:
    available = number(account.balance, "balanceAmount", frame)
    frozen = number(account.frozen, "frozenAmount", frame)
    return Balance(
        venue=VENUE,
        asset=_named(account.asset, "vcoinName", frame),
        total=exact_sum(available, frozen),
        available=available,
        at_ms=account.time_ms or at_ms,
    )


def _fill(deal: PrivateDeal, symbol: Symbol, frame: bytes) -> Fill:
    fee = number(deal.fee_amount, "feeAmount", frame)
    if deal.time_ms <= 0:
        raise unreadable("no time", frame)
    return Fill(
        venue=VENUE,
        symbol=symbol,
        trade_id=identity(deal.trade_id, "tradeId", frame),
        venue_order_id=identity(deal.order_id, "orderId", frame),
        client_order_id=deal.client_order_id,
        side=_side(deal.trade_type, frame),
        price=Price(amount(deal.price, "price", frame)),
        quantity=Quantity(amount(deal.quantity, "quantity", frame)),
        fee=fee,
        fee_asset=fee_asset(fee, deal.fee_asset, symbol, frame),
        is_maker=deal.is_maker,
        traded_at_ns=deal.time_ms * NS_PER_MS,
    )


def _report(order: PrivateOrder, at_ms: int, frame: bytes) -> OrderReport:
    if order.status not in STATUSES:
        raise unreadable(f"unknown order status {order.status}", frame)
    status, reason = STATUSES[order.status]
    value = order.cumulative_amount
    return OrderReport(
        venue=VENUE,
        venue_order_id=identity(order.order_id, "id", frame),
        client_order_id=order.client_id,
        side=_side(order.trade_type, frame),
        price=Price(amount(order.price, "price", frame)),
        quantity=Quantity(amount(order.quantity, "quantity", frame)),
        filled=Quantity(_traded(order, frame)),
        status=status,
        reason=reason,
        updated_at_ms=at_ms,
        filled_value=amount(value, "cumulativeAmount", frame) if value else None,
    )


def _traded(order: PrivateOrder, frame: bytes) -> Decimal:
    if order.status == NEW and not order.cumulative_quantity:
        return ZERO  # by its meaning; every other status must say
    return amount(order.cumulative_quantity, "cumulativeQuantity", frame)
