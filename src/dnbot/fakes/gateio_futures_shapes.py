"""Futures objects of the exchange as Gate writes them; sizes are signed contracts, buy +, sell -.

Source: Gate API v4 docs, "Futures" models; futures WS docs, futures.orders, usertrades, positions, balances.
Prices are text over REST and in futures.usertrades but JSON numbers in futures.orders, positions and balances.
`decimal_sizes` is the client's `X-Gate-Size-Decimal: 1`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .gateio_http import contracts
from .gateio_json import number, plain
from .gateio_order_notes import OrderNote
from .gateio_position_history import is_forced
from .instruments import FeeRates, Instrument
from .records import (
    ZERO,
    BalanceChange,
    LedgerRow,
    OrderEvent,
    OrderState,
    PositionState,
    Side,
    UserTrade,
)
from .risk import RiskTier

FEE_FIELDS = ("tkfr", "mkfr", "refr", "refu")
FINISH_AS = {"depth_not_enough": "ioc", "fok": "ioc", "poc": "cancelled"}


def signed(quantity: Decimal, side: Side) -> Decimal:
    """Contracts with the sign of the side."""
    return quantity if side == "buy" else -quantity


def seconds(time_ms: int) -> Decimal:
    """Seconds with three decimals, written as a JSON number."""
    return Decimal(time_ms).scaleb(-3)


def finish_as(order: OrderState) -> str:
    return FINISH_AS.get(order.finish_as, order.finish_as)


def book_text(symbol_name: str, order_id: str) -> str:
    """The `text` of an account book row: contract and order, or "-" when no order caused it."""
    return f"{symbol_name}:{order_id}" if order_id else "-"


def shown_price(order: OrderState) -> Decimal:
    """0 for a market order, whatever protection price it carried."""
    return ZERO if order.kind == "market" else order.price


def by_action_mode(value: dict[str, Any], action_mode: object) -> dict[str, Any]:
    """The reply to an order call: `action_mode` ACK gives ids only, RESULT leaves the fee fields out."""
    if action_mode == "ACK":
        return {name: value[name] for name in ("id", "text", "amend_text")}
    if action_mode == "RESULT":
        return {name: item for name, item in value.items() if name not in FEE_FIELDS}
    return value


def rest_order(
    order: OrderState, market: Instrument, fees: FeeRates, decimal_sizes: bool, note: OrderNote
) -> dict[str, Any]:
    """GET/POST/DELETE /futures/usdt/orders: `finish_time` and `finish_as` are absent while open."""
    value: dict[str, Any] = {
        "refu": 0,
        "tkfr": plain(fees.taker),
        "mkfr": plain(fees.maker),
        "contract": market.name,
        "id": int(order.order_id),
        "price": plain(shown_price(order)),
        "tif": order.tif,
        "iceberg": contracts(note.iceberg, decimal_sizes),
        "text": note.text,
        "user": int(order.uid),
        "is_reduce_only": order.reduce_only,
        "is_close": order.close,
        "is_liq": is_forced(order),
        "fill_price": plain(order.average_price),
        "create_time": seconds(order.create_ms),
        "update_time": seconds(order.update_ms),
        "status": "open" if order.is_open else "finished",
        "left": contracts(signed(order.left, order.side), decimal_sizes),
        "refr": "0",
        "size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "biz_info": "-",
        "amend_text": order.amend_text,
        "stp_act": "-",
        "stp_id": 0,
        "update_id": order.update_id,
        "pnl": "0",
        "pnl_margin": "0",
    }
    if not order.is_open:
        value |= {"finish_time": seconds(order.update_ms), "finish_as": finish_as(order)}
    return value


def stream_order(
    event: OrderEvent, market: Instrument, fees: FeeRates, decimal_sizes: bool, note: OrderNote
) -> dict[str, Any]:
    """futures.orders: prices and fee rates are numbers; finish_time of an open order repeats its create time."""
    order = event.order
    ended_ms = order.create_ms if order.is_open else order.update_ms
    ending = {"put": "_new", "update": "_update"}.get(event.kind) or finish_as(order)
    return {
        "tkfr": number(fees.taker),
        "text": note.text,
        "user": order.uid,
        "stp_act": "-",
        "id": int(order.order_id),
        "refr": 0,
        "is_reduce_only": order.reduce_only,
        "mkfr": number(fees.maker),
        "stop_loss_price": "",
        "is_liq": is_forced(order),
        "fill_price": number(order.average_price),
        "finish_as": ending,
        "size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "contract": market.name,
        "stop_profit_price": "",
        "create_time_ms": order.create_ms,
        "status": "open" if event.kind != "finish" else "finished",
        "price": number(shown_price(order)),
        "biz_info": "-",
        "is_close": order.close,
        "left": contracts(signed(order.left, order.side), decimal_sizes),
        "tif": order.tif,
        "finish_time_ms": ended_ms,
        "stp_id": "0",
        "update_id": order.update_id,
        "iceberg": contracts(note.iceberg, decimal_sizes),
        "refu": 0,
        "finish_time": ended_ms // 1000,
        "amend_text": order.amend_text,
        "create_time": order.create_ms // 1000,
        "update_time": order.update_ms,
    }


def ws_api_order(order: OrderState, market: Instrument, decimal_sizes: bool, note: OrderNote) -> dict[str, Any]:
    """Result of futures.order_place and friends: fee fields are missing, keys with default values are left out."""
    value: dict[str, Any] = {
        "text": note.text,
        "price": plain(shown_price(order)),
        "biz_info": "-",
        "tif": order.tif,
        "amend_text": order.amend_text,
        "status": "open" if order.is_open else "finished",
        "contract": market.name,
        "stp_act": "-",
        "fill_price": plain(order.average_price),
        "id": int(order.order_id),
        "create_time": seconds(order.create_ms),
        "size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "update_time": seconds(order.update_ms),
        "user": int(order.uid),
    }
    if order.left:
        value["left"] = contracts(signed(order.left, order.side), decimal_sizes)
    if not order.is_open:
        value |= {"finish_as": finish_as(order), "finish_time": seconds(order.update_ms)}
    if note.iceberg:
        value["iceberg"] = contracts(note.iceberg, decimal_sizes)
    if order.reduce_only:
        value["is_reduce_only"] = True
    if order.close:
        value["is_close"] = True
    return value


def _trade_sizes(trade: UserTrade, decimal_sizes: bool) -> dict[str, int | str]:
    return {
        "size": contracts(signed(trade.quantity, trade.side), decimal_sizes),
        "close_size": contracts(signed(trade.close_quantity, trade.side), decimal_sizes),
    }


def rest_user_trade(trade: UserTrade, market: Instrument, decimal_sizes: bool, text: str) -> dict[str, Any]:
    """One row of /futures/usdt/my_trades: `id` integer, `order_id` text, `fee` positive when paid."""
    return {
        "id": int(trade.trade_id),
        "create_time": seconds(trade.time_ms),
        "contract": market.name,
        "order_id": trade.order_id,
        **_trade_sizes(trade, decimal_sizes),
        "price": plain(trade.price),
        "role": trade.role,
        "text": text,
        "fee": plain(trade.fee),
        "point_fee": "0",
        "trade_value": plain(trade.quote),
    }


def stream_user_trade(trade: UserTrade, market: Instrument, decimal_sizes: bool, text: str) -> dict[str, Any]:
    """futures.usertrades: `id`, `order_id`, `price` text; `fee` and `point_fee` numbers."""
    return {
        "id": trade.trade_id,
        "create_time": trade.time_ms // 1000,
        "create_time_ms": trade.time_ms,
        "contract": market.name,
        "order_id": trade.order_id,
        **_trade_sizes(trade, decimal_sizes),
        "role": trade.role,
        "price": plain(trade.price),
        "text": text,
        "fee": number(trade.fee),
        "point_fee": 0,
    }


def stream_position(
    position: PositionState, market: Instrument, margin: Decimal, liq_price: Decimal, tier: RiskTier
) -> dict[str, Any]:
    """futures.positions without its size: all numbers except contract, mode and user; no mark, no unrealised PnL."""
    return {
        "contract": market.name,
        "cross_leverage_limit": number(position.cross_leverage),
        "entry_price": number(position.entry_price),
        "history_pnl": number(position.history_pnl),
        "history_point": 0,
        "last_close_pnl": number(position.last_close_pnl),
        "leverage": number(position.leverage),
        "leverage_max": number(tier.leverage_max),
        "liq_price": number(liq_price),
        "maintenance_rate": number(tier.maintenance_rate),
        "margin": number(margin),
        "mode": "single",
        "realised_pnl": number(position.realised_pnl),
        "realised_point": 0,
        "risk_limit": number(tier.limit),
        "time": position.update_ms // 1000,
        "time_ms": position.update_ms,
        "update_id": position.update_id,
        "user": position.uid,
    }


def rest_position(
    position: PositionState, market: Instrument, mark: Decimal, margin: Decimal, liq_price: Decimal
) -> dict[str, Any]:
    """/futures/usdt/positions, without `size`, `pending_orders` and `adl_ranking`, which others know."""
    value = abs(position.contracts) * market.multiplier * mark
    return {
        "user": int(position.uid),
        "contract": market.name,
        "leverage": plain(position.leverage),
        "risk_limit": plain(market.notional_max),
        "leverage_max": plain(market.leverage_max),
        "maintenance_rate": plain(market.maintenance_rate),
        "value": plain(value),
        "margin": plain(margin),
        "entry_price": plain(position.entry_price),
        "liq_price": plain(liq_price),
        "mark_price": plain(mark),
        "initial_margin": plain(margin),
        "maintenance_margin": plain(value * market.maintenance_rate),
        "unrealised_pnl": plain(position.unrealised_pnl(mark)),
        "realised_pnl": plain(position.realised_pnl),
        "pnl_pnl": plain(position.pnl_pnl),
        "pnl_fund": plain(position.pnl_fund),
        "pnl_fee": plain(position.pnl_fee),
        "history_pnl": plain(position.history_pnl),
        "last_close_pnl": plain(position.last_close_pnl),
        "realised_point": "0",
        "history_point": "0",
        "close_order": None,
        "mode": "single",
        "cross_leverage_limit": plain(position.cross_leverage),
        "update_time": position.update_ms // 1000,
        "update_id": position.update_id,
        "open_time": position.open_ms // 1000,
        "risk_limit_table": risk_table(market),
        "average_maintenance_rate": plain(market.maintenance_rate),
        "pid": 0,
        "pos_margin_mode": "isolated" if position.leverage else "cross",
        "lever": plain(position.leverage or position.cross_leverage),
    }


def risk_table(market: Instrument) -> str:
    """The name of a contract's table of risk limits."""
    return f"{market.name}_TIERS"


def stream_balance(change: BalanceChange, market_name: str) -> dict[str, Any]:
    """futures.balances: numbers, the currency in lower case; one row per cause (fee, pnl, fund, dnw)."""
    return {
        "balance": number(change.total),
        "change": number(change.change),
        "currency": change.asset.lower(),
        "text": book_text(market_name, change.order_id),
        "time": change.time_ms // 1000,
        "time_ms": change.time_ms,
        "type": account_book_type(change.kind),
        "user": change.uid,
    }


def account_book_type(kind: str) -> str:
    """The wire type of a ledger row; transfers are deposits and withdrawals of the futures wallet."""
    return "dnw" if kind == "transfer" else kind


def book_row(row: LedgerRow, market_name: str) -> dict[str, Any]:
    """One row of /futures/usdt/account_book: `time` a number of seconds, everything else text."""
    return {
        "time": seconds(row.time_ms),
        "change": plain(row.change),
        "balance": plain(row.balance),
        "type": account_book_type(row.kind),
        "text": book_text(market_name, row.order_id),
        "contract": market_name,
        "trade_id": row.trade_id,
        "id": str(row.row_id),
    }
