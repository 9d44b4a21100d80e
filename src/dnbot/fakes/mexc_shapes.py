"""JSON shapes of MEXC spot v3: which keys, in which order, of which type.

Prices, quantities, amounts, order and trade ids are strings; times in ms, `lastUpdateId` and `orderListId` are
numbers. Key orders are those of recorded replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from .instruments import FeeRates, Instrument
from .mexc_numbers import cut_to_places, padded, plain, whole_second_ms
from .records import BookSnapshot, OrderState, PublicTrade, UserTrade

__all__ = [
    "LISTED_TYPES",
    "TYPE_NAMES",
    "aggregate_trade",
    "book_ticker",
    "cancelled",
    "created",
    "depth",
    "exchange_symbol",
    "market_value_max",
    "order",
    "order_status",
    "order_type",
    "original_quantity",
    "public_trade",
    "user_trade",
]

QUANTITY_PLACES: Final = 8
"""REST books pad quantities to this many decimals."""

TYPE_NAMES: Final[dict[str, str]] = {
    "gtc": "LIMIT",
    "poc": "LIMIT_MAKER",
    "ioc": "IMMEDIATE_OR_CANCEL",
    "fok": "FILL_OR_KILL",
}


LISTED_TYPES: Final = ("LIMIT", "MARKET", "LIMIT_MAKER")
"""What exchangeInfo lists; IMMEDIATE_OR_CANCEL and FILL_OR_KILL are taken though they are never listed."""


def order_type(order: OrderState) -> str:
    """The `type` of an order; the time in force is part of it."""
    return "MARKET" if order.kind == "market" else TYPE_NAMES[order.tif]


def order_status(order: OrderState) -> str:
    """NEW, PARTIALLY_FILLED, FILLED, CANCELED or PARTIALLY_CANCELED, which is final with fills."""
    if order.is_open:
        return "PARTIALLY_FILLED" if order.filled else "NEW"
    if order.finish_as == "filled":
        return "FILLED"
    return "PARTIALLY_CANCELED" if order.filled else "CANCELED"


def original_quantity(order: OrderState, lot_places: int) -> Decimal:
    """`origQty`; of a market buy by quote amount the spend divided by the protection price, cut to the lot."""
    if order.quote_amount is None or not order.price:
        return order.quantity
    return cut_to_places(order.quote_amount / order.price, lot_places)


def created(order: OrderState, instrument: Instrument, stp_mode: str | None = None) -> dict[str, Any]:
    """Reply of POST order: no status, no client id, no fills; `stpMode` only when one is given."""
    return {
        "symbol": instrument.name,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": plain(order.price),
        "origQty": plain(original_quantity(order, instrument.lot_decimals)),
        "type": order_type(order),
        "side": order.side.upper(),
        **({} if stp_mode is None else {"stpMode": stp_mode}),
        "transactTime": order.create_ms,
    }


def cancelled(before: OrderState, instrument: Instrument) -> dict[str, Any]:
    """Reply of a cancel: nine keys, with the state from before the cancel."""
    return {
        "symbol": instrument.name,
        "orderId": before.order_id,
        "price": plain(before.price),
        "origQty": plain(original_quantity(before, instrument.lot_decimals)),
        "type": order_type(before),
        "side": before.side.upper(),
        "executedQty": plain(before.filled),
        "cummulativeQuoteQty": plain(before.filled_quote),
        "status": order_status(before),
    }


def order(state: OrderState, instrument: Instrument, stp_mode: str = "") -> dict[str, Any]:
    """Reply of GET order, openOrders and allOrders; the times of a finished order are rounded to a second."""
    quantity = original_quantity(state, instrument.lot_decimals)
    return {
        "symbol": instrument.name,
        "orderId": state.order_id,
        "orderListId": -1,
        "clientOrderId": state.client_id,
        "price": plain(state.price),
        "origQty": plain(quantity),
        "executedQty": plain(state.filled),
        "cummulativeQuoteQty": plain(state.filled_quote),
        "status": order_status(state),
        "stpMode": stp_mode,
        "timeInForce": None,
        "type": order_type(state),
        "side": state.side.upper(),
        "stopPrice": None,
        "icebergQty": None,
        "time": state.create_ms if state.is_open else whole_second_ms(state.create_ms),
        "updateTime": None if state.is_open else whole_second_ms(state.finish_ms or state.update_ms),
        "isWorking": True,
        "origQuoteOrderQty": plain(state.price * quantity),
    }


def user_trade(trade: UserTrade, instrument: Instrument) -> dict[str, Any]:
    """One row of myTrades; the time is rounded to a second."""
    return {
        "symbol": instrument.name,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "quoteQty": plain(trade.quote),
        "commission": plain(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": whole_second_ms(trade.time_ms),
        "isBuyer": trade.side == "buy",
        "isMaker": trade.role == "maker",
        "isBestMatch": True,
        "isSelfTrade": trade.self_trade,
        "clientOrderId": trade.client_id or None,
    }


def public_trade(trade: PublicTrade) -> dict[str, Any]:
    """One row of trades: BID when the taker bought; the id is null."""
    return {
        "id": None,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "quoteQty": plain(trade.price * trade.quantity),
        "time": trade.time_ms,
        "isBuyerMaker": trade.side == "sell",
        "isBestMatch": True,
        "tradeType": "BID" if trade.side == "buy" else "ASK",
    }


def aggregate_trade(trade: PublicTrade) -> dict[str, Any]:
    """One row of aggTrades: the ids are null, the time is cut to a second."""
    return {
        "a": None,
        "f": None,
        "l": None,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "T": trade.time_ms // 1000 * 1000,
        "m": trade.side == "sell",
        "M": True,
    }


def _level(instrument: Instrument, level: tuple[Decimal, Decimal]) -> list[str]:
    return [padded(level[0], instrument.price_decimals), padded(level[1], QUANTITY_PLACES)]


def depth(book: BookSnapshot, instrument: Instrument, limit: int) -> dict[str, Any]:
    """The book: bids descending, asks ascending, prices and quantities padded."""
    return {
        "lastUpdateId": book.book_id,
        "bids": [_level(instrument, level) for level in book.bids[:limit]],
        "asks": [_level(instrument, level) for level in book.asks[:limit]],
        "timestamp": book.time_ms,
    }


def book_ticker(book: BookSnapshot, instrument: Instrument) -> dict[str, Any]:
    """Best bid and ask; an empty side is null."""
    bid = _level(instrument, book.bids[0]) if book.bids else [None, None]
    ask = _level(instrument, book.asks[0]) if book.asks else [None, None]
    return {"symbol": instrument.name, "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1]}


def market_value_max(instrument: Instrument) -> Decimal:
    """The largest value of a MARKET order; recorded: a twentieth of that of a limit order."""
    return instrument.notional_max / 20


def exchange_symbol(
    instrument: Instrument, fees: FeeRates, *, api_open: bool, trade_side: int, taken: Sequence[str]
) -> dict[str, Any]:
    """One entry of exchangeInfo; `baseSizePrecision` is a minimum quantity, `quoteAmountPrecision` a minimum value."""
    return {
        "symbol": instrument.name,
        "status": {"prelaunch": "2", "delisted": "3"}.get(instrument.phase, "1"),
        "baseAsset": instrument.base,
        "baseAssetPrecision": instrument.lot_decimals,
        "quoteAsset": instrument.quote,
        "quotePrecision": instrument.price_decimals,
        "quoteAssetPrecision": instrument.price_decimals,
        "baseCommissionPrecision": instrument.lot_decimals,
        "quoteCommissionPrecision": instrument.price_decimals,
        "orderTypes": [kind for kind in LISTED_TYPES if kind in taken],
        "isSpotTradingAllowed": api_open,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": plain(instrument.notional_min),
        "baseSizePrecision": plain(instrument.quantity_min),
        "permissions": ["SPOT"],
        "filters": [
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": plain(instrument.price_band),
                "askMultiplierDown": plain(instrument.price_band),
            }
        ],
        "maxQuoteAmount": plain(instrument.notional_max),
        "makerCommission": plain(fees.maker),
        "takerCommission": plain(fees.taker),
        "quoteAmountPrecisionMarket": plain(instrument.notional_min),
        "maxQuoteAmountMarket": plain(market_value_max(instrument)),
        "fullName": instrument.base,
        "tradeSideType": trade_side,
        "contractAddress": "",
        "st": False,
        "conceptPlateIds": [],
    }
