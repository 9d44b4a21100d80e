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
from .instruments import FeeRates, Instrument
from .records import (
    ZERO,
    BalanceChange,
    LedgerRow,
    MarkState,
    OrderEvent,
    OrderState,
    PositionState,
    PublicTrade,
    Side,
    UserTrade,
)

TEXT_DEFAULT = "api"
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


def rest_order(order: OrderState, market: Instrument, fees: FeeRates, decimal_sizes: bool) -> dict[str, Any]:
    """GET/POST/DELETE /futures/usdt/orders: `finish_time` and `finish_as` are absent while open."""
    value: dict[str, Any] = {
        "refu": 0,
        "tkfr": plain(fees.taker),
        "mkfr": plain(fees.maker),
        "contract": market.name,
        "id": int(order.order_id),
        "price": plain(order.price),
        "tif": order.tif,
        "iceberg": contracts(ZERO, decimal_sizes),
        "text": order.client_id or TEXT_DEFAULT,
        "user": int(order.uid),
        "is_reduce_only": order.reduce_only,
        "is_close": order.close,
        "is_liq": order.finish_as == "liquidated",
        "fill_price": plain(order.average_price),
        "create_time": seconds(order.create_ms),
        "update_time": seconds(order.update_ms),
        "status": "open" if order.is_open else "finished",
        "left": contracts(signed(order.left, order.side), decimal_sizes),
        "refr": "0",
        "size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "biz_info": "-",
        "amend_text": "-",
        "stp_act": "-",
        "stp_id": 0,
        "update_id": order.update_id,
        "pnl": "0",
        "pnl_margin": "0",
    }
    if not order.is_open:
        value |= {"finish_time": seconds(order.update_ms), "finish_as": finish_as(order)}
    return value


def stream_order(event: OrderEvent, market: Instrument, fees: FeeRates, decimal_sizes: bool) -> dict[str, Any]:
    """futures.orders: prices and fee rates are numbers; finish_time of an open order repeats its create time."""
    order = event.order
    ended_ms = order.create_ms if order.is_open else order.update_ms
    ending = {"put": "_new", "update": "_update"}.get(event.kind) or finish_as(order)
    return {
        "tkfr": number(fees.taker),
        "text": order.client_id or TEXT_DEFAULT,
        "user": order.uid,
        "stp_act": "-",
        "id": int(order.order_id),
        "refr": 0,
        "is_reduce_only": order.reduce_only,
        "mkfr": number(fees.maker),
        "stop_loss_price": "",
        "is_liq": order.finish_as == "liquidated",
        "fill_price": number(order.average_price),
        "finish_as": ending,
        "size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "contract": market.name,
        "stop_profit_price": "",
        "create_time_ms": order.create_ms,
        "status": "open" if event.kind != "finish" else "finished",
        "price": number(order.price),
        "biz_info": "-",
        "is_close": order.close,
        "left": contracts(signed(order.left, order.side), decimal_sizes),
        "tif": order.tif,
        "finish_time_ms": ended_ms,
        "stp_id": "0",
        "update_id": order.update_id,
        "iceberg": contracts(ZERO, decimal_sizes),
        "refu": 0,
        "finish_time": ended_ms // 1000,
        "amend_text": "-",
        "create_time": order.create_ms // 1000,
        "update_time": order.update_ms,
    }


def ws_api_order(order: OrderState, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """Result of futures.order_place and friends: fee fields are missing, keys with default values are left out."""
    value: dict[str, Any] = {
        "text": order.client_id or "apiv4-ws",
        "price": plain(order.price),
        "biz_info": "-",
        "tif": order.tif,
        "amend_text": "-",
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


def rest_user_trade(trade: UserTrade, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/my_trades: `id` integer, `order_id` text, `fee` positive when paid."""
    return {
        "id": int(trade.trade_id),
        "create_time": seconds(trade.time_ms),
        "contract": market.name,
        "order_id": trade.order_id,
        **_trade_sizes(trade, decimal_sizes),
        "price": plain(trade.price),
        "role": trade.role,
        "text": trade.client_id or TEXT_DEFAULT,
        "fee": plain(trade.fee),
        "point_fee": "0",
        "trade_value": plain(trade.quote),
    }


def stream_user_trade(trade: UserTrade, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
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
        "text": trade.client_id or TEXT_DEFAULT,
        "fee": number(trade.fee),
        "point_fee": 0,
    }


def stream_position(position: PositionState, market: Instrument, margin: Decimal, liq_price: Decimal) -> dict[str, Any]:
    """futures.positions without its size: all numbers except contract, mode and user; no mark, no unrealised PnL."""
    return {
        "contract": market.name,
        "cross_leverage_limit": number(position.cross_leverage),
        "entry_price": number(position.entry_price),
        "history_pnl": number(position.history_pnl),
        "history_point": 0,
        "last_close_pnl": number(position.last_close_pnl),
        "leverage": number(position.leverage),
        "leverage_max": number(market.leverage_max),
        "liq_price": number(liq_price),
        "maintenance_rate": number(market.maintenance_rate),
        "margin": number(margin),
        "mode": "single",
        "realised_pnl": number(position.realised_pnl),
        "realised_point": 0,
        "risk_limit": 1000000,
        "time": position.update_ms // 1000,
        "time_ms": position.update_ms,
        "update_id": position.update_id,
        "user": position.uid,
    }


def rest_position(
    position: PositionState, market: Instrument, mark: Decimal, margin: Decimal, liq_price: Decimal
) -> dict[str, Any]:
    """/futures/usdt/positions without `size` and `pending_orders`, which depend on the caller."""
    value = abs(position.contracts) * market.multiplier * mark
    return {
        "user": int(position.uid),
        "contract": market.name,
        "leverage": plain(position.leverage),
        "risk_limit": "1000000",
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
        "adl_ranking": 6 if not position.contracts else 3,
        "close_order": None,
        "mode": "single",
        "cross_leverage_limit": plain(position.cross_leverage),
        "update_time": position.update_ms // 1000,
        "update_id": position.update_id,
        "open_time": position.open_ms // 1000,
        "risk_limit_table": f"{market.name}_TIERS",
        "average_maintenance_rate": plain(market.maintenance_rate),
        "pid": 0,
        "pos_margin_mode": "isolated" if position.leverage else "cross",
        "lever": plain(position.leverage or position.cross_leverage),
    }


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


def rest_trade(trade: PublicTrade, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/trades: both times are seconds with a fraction."""
    return {
        "id": trade.trade_id,
        "create_time": seconds(trade.time_ms),
        "create_time_ms": seconds(trade.time_ms),
        "contract": market.name,
        "size": contracts(signed(trade.quantity, trade.side), decimal_sizes),
        "price": plain(trade.price),
    }


def stream_trade(trade: PublicTrade, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """futures.trades: `create_time` seconds and `create_time_ms` ms, both integers."""
    return {
        "id": trade.trade_id,
        "size": contracts(signed(trade.quantity, trade.side), decimal_sizes),
        "create_time": trade.time_ms // 1000,
        "create_time_ms": trade.time_ms,
        "price": plain(trade.price),
        "contract": market.name,
    }


def contract(market: Instrument, state: MarkState, last: Decimal, book_id: int, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/contracts; its fee rates are the placeholders every contract shows, not a fee."""
    return {
        "funding_rate_indicative": plain(state.funding_rate),
        "mark_price_round": plain(market.price_tick),
        "funding_offset": 0,
        "in_delisting": market.phase == "delisting",
        "risk_limit_base": "1000000",
        "interest_rate": "0.0003",
        "index_price": plain(state.index),
        "order_price_round": plain(market.price_tick),
        "order_size_min": contracts(market.quantity_min, decimal_sizes),
        "enable_decimal": market.decimal_sizes,
        "ref_rebate_rate": "0.2",
        "name": market.name,
        "ref_discount_rate": "0",
        "order_price_deviate": plain(market.price_band),
        "maintenance_rate": plain(market.maintenance_rate),
        "mark_type": "index",
        "funding_interval": state.funding_interval_s,
        "type": "direct",
        "risk_limit_step": "1000000",
        "enable_bonus": True,
        "enable_credit": True,
        "leverage_min": "1",
        "funding_rate": plain(state.funding_rate_shown),
        "last_price": plain(last),
        "mark_price": plain(state.mark),
        "order_size_max": contracts(market.quantity_max, decimal_sizes),
        "funding_next_apply": state.funding_next_s,
        "short_users": 0,
        "config_change_time": 1700000000,
        "create_time": 1600000000,
        "trade_size": 0,
        "position_size": 0,
        "long_users": 0,
        "quanto_multiplier": plain(market.multiplier),
        "funding_impact_value": "5000",
        "leverage_max": plain(market.leverage_max),
        "cross_leverage_default": "10",
        "risk_limit_max": "100000000",
        "maker_fee_rate": "-0.0001",
        "taker_fee_rate": "0.00075",
        "orders_limit": 100,
        "trade_id": 0,
        "orderbook_id": book_id,
        "funding_cap_ratio": "0.75",
        "voucher_leverage": "0",
        "is_pre_market": False,
        "status": market.phase,
        "launch_time": market.listed_s or 1600000000,
        "enable_circuit_breaker": False,
        "funding_rate_limit": "0.003",
        "market_order_slip_ratio": plain(market.market_slip),
        "market_order_size_max": plain(market.quantity_max),
        "contract_type": "",
    }


def levels(rows: tuple[tuple[Decimal, Decimal], ...], decimal_sizes: bool) -> list[dict[str, int | str]]:
    """REST book levels: `s` before `p`, as captured."""
    return [{"s": contracts(quantity, decimal_sizes), "p": plain(price)} for price, quantity in rows]
