"""Ends of positions as REST and the socket write them: closes, liquidations, auto-deleveragings.

Source: Gate API v4 docs, "List position close history", "List liquidation history", "List ADL history", "Query
liquidation order history"; futures WS docs, futures.position_closes, liquidates, auto_deleverages, public_liquidates.
Prices are text over REST and numbers in the stream; sizes are signed contracts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .gateio_futures_shapes import signed
from .gateio_http import contracts
from .gateio_json import number, plain
from .gateio_position_history import ForcedEnd, PositionClosed
from .instruments import Instrument


def rest_close(closed: PositionClosed, market: Instrument) -> dict[str, Any]:
    """One row of /futures/usdt/position_close: everything but the times is text."""
    return {
        "time": closed.time_ms // 1000,
        "contract": market.name,
        "side": closed.side,
        "pnl": plain(closed.pnl),
        "pnl_pnl": plain(closed.pnl_pnl),
        "pnl_fund": plain(closed.pnl_fund),
        "pnl_fee": plain(closed.pnl_fee),
        "text": closed.text,
        "max_size": plain(closed.max_size),
        "accum_size": plain(closed.accum_size),
        "first_open_time": closed.first_open_s,
        "long_price": plain(closed.long_price),
        "short_price": plain(closed.short_price),
    }


def stream_close(closed: PositionClosed, market: Instrument) -> dict[str, Any]:
    """futures.position_closes: the profit is a number."""
    return {
        "contract": market.name,
        "pnl": number(closed.pnl),
        "side": closed.side,
        "text": closed.text,
        "time": closed.time_ms // 1000,
        "time_ms": closed.time_ms,
        "user": closed.uid,
    }


def _liquidation_prices(ended: ForcedEnd, liq_price: Decimal) -> dict[str, Decimal]:
    return {
        "entry_price": ended.before.entry_price,
        "liq_price": liq_price,
        "mark_price": ended.mark,
        "order_price": ended.order.price,
        "fill_price": ended.order.average_price,
    }


def rest_liquidation(ended: ForcedEnd, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/liquidates; the mark that triggered it stands for the liquidation price."""
    prices = {name: plain(price) for name, price in _liquidation_prices(ended, ended.mark).items()}
    return {
        "time": ended.order.finish_ms // 1000,
        "contract": market.name,
        "leverage": plain(ended.before.leverage),
        "size": contracts(ended.before.contracts, decimal_sizes),
        "margin": plain(ended.before.margin),
        **prices,
        "order_id": int(ended.order.order_id),
        "left": contracts(signed(ended.order.left, ended.order.side), decimal_sizes),
    }


def stream_liquidation(ended: ForcedEnd, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """futures.liquidates: prices, leverage and margin are numbers."""
    prices = {name: number(price) for name, price in _liquidation_prices(ended, ended.mark).items()}
    return {
        **prices,
        "left": contracts(signed(ended.order.left, ended.order.side), decimal_sizes),
        "leverage": number(ended.before.leverage),
        "margin": number(ended.before.margin),
        "order_id": int(ended.order.order_id),
        "size": contracts(ended.before.contracts, decimal_sizes),
        "time": ended.order.finish_ms // 1000,
        "time_ms": ended.order.finish_ms,
        "contract": market.name,
        "user": ended.order.uid,
    }


def rest_public_liquidation(ended: ForcedEnd, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/liq_orders, which names no account."""
    order = ended.order
    return {
        "time": order.finish_ms // 1000,
        "contract": market.name,
        "size": contracts(ended.before.contracts, decimal_sizes),
        "order_size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "order_price": plain(order.price),
        "fill_price": plain(order.average_price),
        "left": contracts(signed(order.left, order.side), decimal_sizes),
    }


def stream_public_liquidation(ended: ForcedEnd, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """futures.public_liquidates."""
    order = ended.order
    return {
        "price": number(order.price),
        "size": contracts(signed(order.quantity, order.side), decimal_sizes),
        "time_ms": order.finish_ms,
        "contract": market.name,
    }


def rest_deleverage(ended: ForcedEnd, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """One row of /futures/usdt/auto_deleverages."""
    return {
        "time": ended.order.finish_ms // 1000,
        "user": int(ended.order.uid),
        "order_id": int(ended.order.order_id),
        "contract": market.name,
        "leverage": plain(ended.before.leverage),
        "cross_leverage_limit": plain(ended.before.cross_leverage),
        "entry_price": plain(ended.before.entry_price),
        "fill_price": plain(ended.order.average_price),
        "trade_size": contracts(signed(ended.order.filled, ended.order.side), decimal_sizes),
        "position_size": contracts(_position_after(ended), decimal_sizes),
    }


def stream_deleverage(ended: ForcedEnd, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
    """futures.auto_deleverages."""
    return {
        "entry_price": number(ended.before.entry_price),
        "fill_price": number(ended.order.average_price),
        "position_size": contracts(_position_after(ended), decimal_sizes),
        "trade_size": contracts(signed(ended.order.filled, ended.order.side), decimal_sizes),
        "time": ended.order.finish_ms // 1000,
        "time_ms": ended.order.finish_ms,
        "contract": market.name,
        "user": ended.order.uid,
    }


def _position_after(ended: ForcedEnd) -> Decimal:
    return ended.before.contracts + signed(ended.order.filled, ended.order.side)
