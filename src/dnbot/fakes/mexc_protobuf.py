"""Hand-written protobuf encoder for the push frames of MEXC spot v3.

proto3: empty text, 0 and false are not written; fields go in ascending number order (MEXC websocket-proto,
PushDataV3ApiWrapper and its bodies). Fields that are explicit `optional` are written whenever they are not None.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

__all__ = [
    "BODY",
    "AccountFrame",
    "DealFrame",
    "Level",
    "OrderFrame",
    "TapeDeal",
    "aggre_book_ticker",
    "aggre_deals",
    "aggre_depth",
    "book_ticker",
    "book_ticker_batch",
    "increase_depth_batch",
    "kline",
    "limit_depth",
    "mini_ticker",
    "mini_tickers",
    "wrapper",
]

BODY: Final[dict[str, int]] = {
    "publicDeals": 301,
    "publicIncreaseDepths": 302,
    "publicLimitDepths": 303,
    "privateOrders": 304,
    "publicBookTicker": 305,
    "privateDeals": 306,
    "privateAccount": 307,
    "publicSpotKline": 308,
    "publicMiniTicker": 309,
    "publicMiniTickers": 310,
    "publicBookTickerBatch": 311,
    "publicIncreaseDepthsBatch": 312,
    "publicAggreDepths": 313,
    "publicAggreDeals": 314,
    "publicAggreBookTicker": 315,
}

Level = tuple[str, str]
"""Price and quantity as decimal text."""

_VARINT: Final = 0
_LENGTH: Final = 2


_ONE_BYTE: Final = tuple(bytes((value,)) for value in range(0x80))


def _varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    if value < 0:
        value += 1 << 64  # int32 and int64 alike: ten bytes of two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_LENGTH_KEYS: Final = tuple(_varint(number << 3 | _LENGTH) for number in range(max(BODY.values()) + 1))


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode()) if value else b""


def _optional_text(number: int, value: str | None) -> bytes:
    return b"" if value is None else _message(number, value.encode())


def _int(number: int, value: int) -> bytes:
    return _optional_int(number, value or None)


def _optional_int(number: int, value: int | None) -> bytes:
    return b"" if value is None else _varint(number << 3 | _VARINT) + _varint(value)


def _message(number: int, encoded: bytes) -> bytes:
    return _LENGTH_KEYS[number] + _varint(len(encoded)) + encoded


def _texts(*values: str) -> bytes:
    """Text fields numbered 1, 2, 3 ... in the order given."""
    return b"".join([_text(number, value) for number, value in enumerate(values, start=1)])


def wrapper(
    channel: str,
    body_name: str | None,
    body: bytes = b"",
    *,
    symbol: str | None = None,
    symbol_id: str | None = None,
    create_time_ms: int | None = None,
    send_time_ms: int | None = None,
) -> bytes:
    """One PushDataV3ApiWrapper; `body_name` None gives a frame without a body, which the venue sends now and then."""
    head = (
        _text(1, channel)
        + _optional_text(3, symbol)
        + _optional_text(4, symbol_id)
        + _optional_int(5, create_time_ms)
        + _optional_int(6, send_time_ms)
    )
    return head if body_name is None else head + _message(BODY[body_name], body)


def _levels(number: int, levels: Iterable[Level]) -> bytes:
    return b"".join([_message(number, _texts(price, quantity)) for price, quantity in levels])


def aggre_depth(
    asks: Iterable[Level],
    bids: Iterable[Level],
    event_type: str,
    from_version: int,
    to_version: int,
    last_order_create_time_ms: int = 0,
) -> bytes:
    """PublicAggreDepthsV3Api: absolute quantities of the levels touched by versions `from_version`..`to_version`."""
    return (
        _levels(1, asks)
        + _levels(2, bids)
        + _text(3, event_type)
        + _text(4, str(from_version))
        + _text(5, str(to_version))
        + _int(6, last_order_create_time_ms)
    )


def limit_depth(
    asks: Iterable[Level], bids: Iterable[Level], event_type: str, version: int, last_order_create_time_ms: int = 0
) -> bytes:
    """PublicLimitDepthsV3Api: the whole top of the book. PublicIncreaseDepthsV3Api is the same without the time."""
    return (
        _levels(1, asks)
        + _levels(2, bids)
        + _text(3, event_type)
        + _text(4, str(version))
        + _int(5, last_order_create_time_ms)
    )


def increase_depth_batch(items: Iterable[bytes], event_type: str) -> bytes:
    """PublicIncreaseDepthsBatchV3Api of encoded increments."""
    return b"".join(_message(1, item) for item in items) + _text(2, event_type)


def book_ticker(bid: Level, ask: Level) -> bytes:
    """PublicBookTickerV3Api: best bid and ask; an empty side is two empty strings."""
    return _texts(*bid, *ask)


def aggre_book_ticker(bid: Level, ask: Level, version: str = "", last_order_create_time_ms: int = 0) -> bytes:
    """PublicAggreBookTickerV3Api."""
    return _texts(*bid, *ask, version) + _int(6, last_order_create_time_ms)


def book_ticker_batch(items: Iterable[bytes], version: str = "", last_order_create_time_ms: int = 0) -> bytes:
    """PublicBookTickerBatchV3Api of encoded book tickers."""
    return b"".join(_message(1, item) for item in items) + _text(2, version) + _int(3, last_order_create_time_ms)


@attrs.frozen
class TapeDeal:
    """One public trade; `trade_type` 1 when the taker bought, 2 when it sold."""

    price: str
    quantity: str
    trade_type: int
    time_ms: int
    trade_id: str = ""

    def encode(self) -> bytes:
        """PublicAggreDealsV3ApiItem."""
        return (
            _texts(self.price, self.quantity)
            + _int(3, self.trade_type)
            + _int(4, self.time_ms)
            + _text(5, self.trade_id)
        )


def aggre_deals(deals: Iterable[TapeDeal], event_type: str) -> bytes:
    """PublicAggreDealsV3Api."""
    return b"".join(_message(1, deal.encode()) for deal in deals) + _text(2, event_type)


def kline(interval: str, start_s: int, end_s: int, ohlc: tuple[str, str, str, str], volume: str, amount: str) -> bytes:
    """PublicSpotKlineV3Api; `ohlc` is open, high, low, close, and the wire order is open, close, high, low."""
    opened, high, low, closed = ohlc
    prices = (opened, closed, high, low, volume, amount)
    body = b"".join(_text(number, value) for number, value in enumerate(prices, start=3))
    return _text(1, interval) + _int(2, start_s) + body + _int(9, end_s)


def mini_ticker(*fields: str) -> bytes:
    """PublicMiniTickerV3Api: symbol, price, rate, zonedRate, high, low, volume (quote), quantity (base), ..."""
    return _texts(*fields)


def mini_tickers(items: Iterable[bytes]) -> bytes:
    """PublicMiniTickersV3Api of encoded mini tickers."""
    return b"".join(_message(1, item) for item in items)


@attrs.frozen(kw_only=True)
class AccountFrame:
    """PrivateAccountV3Api: one asset after one change; `balance_amount` is what is available."""

    asset: str
    asset_id: str
    balance_amount: str
    balance_change: str
    frozen_amount: str
    frozen_change: str
    kind: str
    time_ms: int

    def encode(self) -> bytes:
        """The message body."""
        amounts = (self.balance_amount, self.balance_change, self.frozen_amount, self.frozen_change)
        return _texts(self.asset, self.asset_id, *amounts, self.kind) + _int(8, self.time_ms)


@attrs.frozen(kw_only=True)
class DealFrame:
    """PrivateDealsV3Api: one fill of ours; `trade_type` is our side, 1 buy and 2 sell."""

    price: str
    quantity: str
    amount: str
    trade_type: int
    is_maker: bool
    is_self_trade: bool
    trade_id: str
    client_order_id: str
    order_id: str
    fee_amount: str
    fee_currency: str
    time_ms: int

    def encode(self) -> bytes:
        """The message body."""
        ids = (self.trade_id, self.client_order_id, self.order_id, self.fee_amount, self.fee_currency)
        return (
            _texts(self.price, self.quantity, self.amount)
            + _int(4, self.trade_type)
            + _int(5, int(self.is_maker))
            + _int(6, int(self.is_self_trade))
            + b"".join(_text(number, value) for number, value in enumerate(ids, start=7))
            + _int(12, self.time_ms)
        )


@attrs.frozen(kw_only=True)
class OrderFrame:
    """PrivateOrdersV3Api: an order after one change; `status` 1 new, 2 filled, 3 partly filled, 4 and 5 cancelled."""

    order_id: str
    client_id: str
    price: str
    quantity: str
    amount: str
    average_price: str
    order_type: int
    trade_type: int
    is_maker: bool
    remain_amount: str
    remain_quantity: str
    last_deal_quantity: str | None
    cumulative_quantity: str
    cumulative_amount: str
    status: int
    create_time_ms: int

    def encode(self) -> bytes:
        """The message body."""
        head = (self.order_id, self.client_id, self.price, self.quantity, self.amount, self.average_price)
        return (
            _texts(*head)
            + _int(7, self.order_type)
            + _int(8, self.trade_type)
            + _int(9, int(self.is_maker))
            + _text(10, self.remain_amount)
            + _text(11, self.remain_quantity)
            + _optional_text(12, self.last_deal_quantity)
            + _text(13, self.cumulative_quantity)
            + _text(14, self.cumulative_amount)
            + _int(15, self.status)
            + _int(16, self.create_time_ms)
        )
