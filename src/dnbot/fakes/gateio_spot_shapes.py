"""Spot objects of the exchange as Gate writes them: one function per place, because the types differ per place.

Source: Gate API v4 docs, "Spot" models; spot WS docs, spot.orders, spot.usertrades, spot.balances. Times of orders
are text seconds plus ms, where the ms are an integer over REST and text in the stream.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .gateio_json import plain
from .gateio_order_notes import OrderNote
from .instruments import Instrument
from .records import ZERO, BalanceChange, LedgerRow, OrderEvent, OrderState, PublicTrade, UserTrade

CHANGE_TYPES = {
    "order_create": "order-create",
    "order_match": "order-match",
    "order_release": "order-update",
    "fee": "trade-fee-deduct",
    "transfer": "future-transfer",
}
BOOK_TYPES = {
    "order_create": "order_create",
    "order_match": "order_match",
    "order_release": "order_update",
    "fee": "order_fee",
    "transfer": "future_transfer",
    "dnw": "deposit",
}


def fee_currency(order: OrderState, market: Instrument) -> str:
    """The coin a Gate spot fee is taken in: what was received."""
    return market.base if order.side == "buy" else market.quote


def rebate_currency(order: OrderState, market: Instrument) -> str:
    """The other coin of the pair."""
    return market.quote if order.side == "buy" else market.base


def _identity(order: OrderState, market: Instrument, account: str) -> dict[str, Any]:
    return {
        "currency_pair": market.name,
        "type": order.kind,
        "account": account,
        "side": order.side,
        "amount": plain(order.quantity if order.quote_amount is None else order.quote_amount),
        "price": plain(order.price),
    }


def _price_sum(order: OrderState) -> dict[str, str]:
    return {"avg_deal_price": plain(order.average_price)} if order.filled else {}


def by_action_mode(value: dict[str, Any], action_mode: object) -> dict[str, Any]:
    """The reply to an order call: `action_mode` ACK gives ids only, RESULT leaves the fee fields out."""
    if action_mode == "ACK":
        return {name: value[name] for name in ("id", "text", "amend_text")}
    if action_mode == "RESULT":
        return {name: item for name, item in value.items() if "fee" not in name and name != "gt_discount"}
    return value


def rest_order(order: OrderState, market: Instrument, account: str, note: OrderNote) -> dict[str, Any]:
    """GET/POST/DELETE /spot/orders: `avg_deal_price` is absent until something filled, `*_time_ms` are integers."""
    coin = fee_currency(order, market)
    return {
        "id": order.order_id,
        "text": note.text,
        "amend_text": order.amend_text,
        "create_time": str(order.create_ms // 1000),
        "update_time": str(order.update_ms // 1000),
        "create_time_ms": order.create_ms,
        "update_time_ms": order.update_ms,
        "status": order.status,
        **_identity(order, market, account),
        "biz_info": "-",
        "time_in_force": order.tif,
        "iceberg": plain(note.iceberg),
        "left": plain(order.left),
        "filled_amount": plain(order.filled),
        "fill_price": plain(order.filled_quote),
        "filled_total": plain(order.filled_quote),
        **_price_sum(order),
        "fee": plain(order.fees.get(coin, ZERO)),
        "fee_currency": coin,
        "point_fee": plain(order.fees.get("POINT", ZERO)),
        "gt_fee": plain(order.fees.get("GT", ZERO)),
        "gt_maker_fee": "0",
        "gt_taker_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": rebate_currency(order, market),
        "finish_as": order.finish_as,
    }


def stream_order(event: OrderEvent, market: Instrument, account: str, note: OrderNote) -> dict[str, Any]:
    """spot.orders: amounts and times are text, `user` and `stp_id` integers, status is absent."""
    order = event.order
    coin = fee_currency(order, market)
    return {
        "id": order.order_id,
        "text": note.text,
        "create_time": str(order.create_ms // 1000),
        "update_time": str(order.update_ms // 1000),
        **_identity(order, market, account),
        "time_in_force": order.tif,
        "left": plain(order.left),
        "filled_amount": plain(order.filled),
        "filled_total": plain(order.filled_quote),
        "avg_deal_price": plain(order.average_price),
        "fee": plain(order.fees.get(coin, ZERO)),
        "fee_currency": coin,
        "point_fee": plain(order.fees.get("POINT", ZERO)),
        "gt_fee": plain(order.fees.get("GT", ZERO)),
        "rebated_fee": "0",
        "rebated_fee_currency": rebate_currency(order, market),
        "create_time_ms": str(order.create_ms),
        "update_time_ms": str(order.update_ms),
        "user": int(order.uid),
        "event": event.kind,
        "stp_id": 0,
        "stp_act": "-",
        "finish_as": order.finish_as,
        "biz_info": "-",
        "amend_text": order.amend_text,
    }


def ws_api_order(order: OrderState, market: Instrument, account: str, note: OrderNote) -> dict[str, Any]:
    """Result of spot.order_place and friends: no fee fields, `*_time_ms` integers."""
    return {
        "left": plain(order.left),
        "update_time": str(order.update_ms // 1000),
        "amount": plain(order.quantity if order.quote_amount is None else order.quote_amount),
        "create_time": str(order.create_ms // 1000),
        "price": plain(order.price),
        "finish_as": order.finish_as,
        "time_in_force": order.tif,
        "currency_pair": market.name,
        "type": order.kind,
        "account": account,
        "side": order.side,
        "amend_text": order.amend_text,
        "text": note.text,
        "status": order.status,
        "iceberg": plain(note.iceberg),
        **_price_sum(order),
        "filled_amount": plain(order.filled),
        "filled_total": plain(order.filled_quote),
        "id": order.order_id,
        "fill_price": plain(order.filled_quote),
        "update_time_ms": order.update_ms,
        "create_time_ms": order.create_ms,
    }


def rest_user_trade(trade: UserTrade, market: Instrument, text: str) -> dict[str, str]:
    """One row of /spot/my_trades: everything is text."""
    return {
        "id": trade.trade_id,
        "create_time": str(trade.time_ms // 1000),
        "create_time_ms": f"{trade.time_ms}.000000",
        "currency_pair": market.name,
        "side": trade.side,
        "role": trade.role,
        "amount": plain(trade.quantity),
        "price": plain(trade.price),
        "order_id": trade.order_id,
        **_trade_fee(trade, market),
        "amend_text": "-",
        "sequence_id": trade.trade_id,
        "text": text,
    }


def _trade_fee(trade: UserTrade, market: Instrument) -> dict[str, str]:
    received = market.base if trade.side == "buy" else market.quote
    in_points, in_gt = trade.fee_asset == "POINT", trade.fee_asset == "GT"
    return {
        "fee": "0" if in_points or in_gt else plain(trade.fee),
        "fee_currency": received if in_points or in_gt else trade.fee_asset,
        "point_fee": plain(trade.fee) if in_points else "0",
        "gt_fee": plain(trade.fee) if in_gt else "0",
    }


def stream_user_trade(trade: UserTrade, market: Instrument, text: str) -> dict[str, Any]:
    """spot.usertrades: `id`, `user_id`, `create_time` and `id_market` integers, `order_id` and the rest text."""
    return {
        "id": int(trade.trade_id),
        "user_id": int(trade.uid),
        "order_id": trade.order_id,
        "currency_pair": market.name,
        "create_time": trade.time_ms // 1000,
        "create_time_ms": f"{trade.time_ms}.000",
        "side": trade.side,
        "amount": plain(trade.quantity),
        "role": trade.role,
        "price": plain(trade.price),
        **_trade_fee(trade, market),
        "text": text,
        "amend_text": "-",
        "biz_info": "-",
        "id_market": int(trade.trade_id),
    }


def stream_balance(change: BalanceChange) -> dict[str, str]:
    """spot.balances: everything is text."""
    kind = CHANGE_TYPES.get(change.kind, "other")
    if change.kind == "dnw":
        kind = "deposit" if change.change >= 0 else "withdraw"
    return {
        "timestamp": str(change.time_ms // 1000),
        "timestamp_ms": str(change.time_ms),
        "user": change.uid,
        "currency": change.asset,
        "change": plain(change.change),
        "total": plain(change.total),
        "available": plain(change.available),
        "freeze": plain(change.locked),
        "freeze_change": plain(change.locked_change),
        "change_type": kind,
    }


def rest_trade(trade: PublicTrade, market: Instrument) -> dict[str, str]:
    """One row of /spot/trades: everything is text."""
    return {
        "id": str(trade.trade_id),
        "create_time": str(trade.time_ms // 1000),
        "create_time_ms": f"{trade.time_ms}.000000",
        "currency_pair": market.name,
        "side": trade.side,
        "amount": plain(trade.quantity),
        "price": plain(trade.price),
        "sequence_id": str(trade.trade_id),
    }


def stream_trade(trade: PublicTrade, market: Instrument) -> dict[str, Any]:
    """spot.trades: `id`, `id_market` and `create_time` integers."""
    return {
        "id": trade.trade_id,
        "id_market": trade.trade_id,
        "create_time": trade.time_ms // 1000,
        "create_time_ms": f"{trade.time_ms}.0",
        "side": trade.side,
        "currency_pair": market.name,
        "amount": plain(trade.quantity),
        "price": plain(trade.price),
        "range": f"{trade.trade_id}-{trade.trade_id}",
    }


def book_row(row: LedgerRow) -> dict[str, Any]:
    """One row of /spot/account_book: `time` is integer ms."""
    return {
        "id": str(row.row_id),
        "time": row.time_ms,
        "currency": row.asset,
        "change": plain(row.change),
        "balance": plain(row.balance),
        "type": BOOK_TYPES.get(row.kind, row.kind),
        "code": "",
        "text": row.order_id,
    }


def pair(market: Instrument) -> dict[str, Any]:
    """One row of /spot/currency_pairs."""
    return {
        "id": market.name,
        "base": market.base,
        "base_name": market.base,
        "quote": market.quote,
        "quote_name": market.quote,
        "trade_quotes": [],
        "fee": "0.2",
        "min_base_amount": plain(market.quantity_min),
        "min_quote_amount": plain(market.notional_min),
        "max_base_amount": plain(market.quantity_max),
        "max_quote_amount": plain(market.notional_max),
        "amount_precision": market.lot_decimals,
        "precision": market.price_decimals,
        "trade_status": "tradable" if market.tradable else "untradable",
        "sell_start": market.listed_s or 1516378650,
        "buy_start": market.listed_s or 1516378650,
        "delisting_time": market.delisted_s,
        "type": "normal",
        "trade_url": f"https://www.gate.com/trade/{market.name}",
        "st_tag": False,
        "up_rate": plain(market.price_band),
        "down_rate": plain(market.price_band),
        "slippage": plain(market.market_slip),
        "market_order_max_stock": plain(market.quantity_max),
        "market_order_max_money": plain(market.notional_max),
    }


def levels(rows: tuple[tuple[Decimal, Decimal], ...]) -> list[list[str]]:
    """Book levels as pairs of text."""
    return [[plain(price), plain(quantity)] for price, quantity in rows]
