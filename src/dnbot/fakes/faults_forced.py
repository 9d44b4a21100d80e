"""Trades that the venue makes for an account: a part of a position is liquidated, or auto-deleveraged.

Source: Gate API v4 futures docs, `finish_as` liquidated and auto_deleveraging. A deleveraging meets another account's
bankrupt position at a price of its own, not the book.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from .checks import Checked
from .exchange import Exchange
from .records import GATE_FUTURES, ZERO, OrderRequest, OrderState, PositionState, Side, opposite


def deleverage(exchange: Exchange, position: PositionState, fraction: Decimal) -> None:
    """Close so much of a position at the mark price, against the outside world."""
    order, checked = _forced(exchange, position, fraction, "auto_deleveraging")
    price = _on_tick(exchange.mark(position.symbol).mark, checked.instrument.price_tick)
    number = exchange.state.ids.trade_id(GATE_FUTURES)
    exchange._settlement.book_fill(order, price, order.quantity, "maker", number)
    exchange._settlement.book_external(checked.instrument, opposite(order.side), price, order.quantity)
    exchange._settlement.finish(order, "auto_deleveraging", closed=True)
    exchange.commit()


def liquidate_part(exchange: Exchange, position: PositionState, fraction: Decimal) -> None:
    """Close so much of a position in the book, at any price."""
    order, checked = _forced(exchange, position, fraction, "liquidation")
    matches, _ = exchange._match(order, checked)
    exchange._book(checked.instrument, order.side, matches, order)
    exchange._settlement.finish(order, "liquidated", closed=not order.left)
    exchange.commit()


def _forced(exchange: Exchange, position: PositionState, fraction: Decimal, text: str) -> tuple[OrderState, Checked]:
    instrument = exchange.state.instruments[GATE_FUTURES, position.symbol]
    side: Side = "sell" if position.contracts > 0 else "buy"
    lots = (abs(position.contracts) * fraction / instrument.lot).to_integral_value(ROUND_CEILING)
    request = OrderRequest(
        position.symbol, side, "market", "ioc", lots * instrument.lot, client_id=text, reduce_only=True
    )
    checked = Checked(request, instrument, None, instrument.quote, ZERO)
    return exchange._accept(GATE_FUTURES, position.uid, checked), checked


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value() * tick
