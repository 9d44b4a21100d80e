"""Contracts, public trades and books of Gate perpetuals as REST and the socket write them; sizes are contracts.

Source: Gate API v4 docs, "Futures" models (key set and types of a contract as captured 2026-10); futures WS docs,
futures.trades. `decimal_sizes` is the client's `X-Gate-Size-Decimal: 1`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from .gateio_futures_shapes import seconds, signed
from .gateio_http import contracts
from .gateio_json import plain
from .gateio_marks import OpenInterest
from .instruments import Instrument
from .records import MarkState, PublicTrade


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


@attrs.frozen
class ContractFigures:
    """What moves in a contract's description; sizes in contracts."""

    last: Decimal
    book_id: int
    trade_id: int
    trade_size: Decimal
    interest: OpenInterest
    risk_limit_base: Decimal
    risk_limit_max: Decimal


def contract(market: Instrument, state: MarkState, figures: ContractFigures, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/contracts; its fee rates are the placeholders every contract shows, not a fee."""
    return {
        "funding_rate_indicative": plain(state.funding_rate),
        "mark_price_round": plain(market.price_tick),
        "funding_offset": 0,
        "in_delisting": market.phase == "delisting",
        "risk_limit_base": plain(figures.risk_limit_base),
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
        "risk_limit_step": plain(figures.risk_limit_max - figures.risk_limit_base),
        "enable_bonus": True,
        "enable_credit": True,
        "leverage_min": "1",
        "funding_rate": plain(state.funding_rate_shown),
        "last_price": plain(figures.last),
        "mark_price": plain(state.mark),
        "order_size_max": contracts(market.quantity_max, decimal_sizes),
        "funding_next_apply": state.funding_next_s,
        "short_users": figures.interest.short_users,
        "config_change_time": 1700000000,
        "create_time": 1600000000,
        "trade_size": contracts(figures.trade_size, decimal_sizes),
        "position_size": contracts(figures.interest.size, decimal_sizes),
        "long_users": figures.interest.long_users,
        "quanto_multiplier": plain(market.multiplier),
        "funding_impact_value": "5000",
        "leverage_max": plain(market.leverage_max),
        "cross_leverage_default": "10",
        "risk_limit_max": plain(figures.risk_limit_max),
        "maker_fee_rate": "-0.0001",
        "taker_fee_rate": "0.00075",
        "orders_limit": 100,
        "trade_id": figures.trade_id,
        "orderbook_id": figures.book_id,
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
