"""A part of a position is liquidated, whatever its margin: as the venue does with a position that is too large."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from .exchange import Exchange
from .liquidation import LIQUIDATION_TEXT
from .matching import RestingOrder
from .records import GATE_FUTURES, PositionState

SLIP = Decimal("0.05")
"""How far from the mark the venue's order may trade, as a fraction."""


def part_of(exchange: Exchange, position: PositionState, fraction: Decimal) -> Decimal:
    """So much of a position, in whole lots, at least one."""
    lot = exchange.state.instruments[GATE_FUTURES, position.symbol].lot
    return (abs(position.contracts) * fraction / lot).to_integral_value(ROUND_CEILING) * lot


def liquidate_part(exchange: Exchange, position: PositionState, contracts: Decimal) -> None:
    """Close so many contracts in the book, by an order of the venue that is told as a liquidation."""
    instrument = exchange.state.instruments[GATE_FUTURES, position.symbol]
    worst = exchange.mark(position.symbol).mark * (1 - SLIP if position.contracts > 0 else 1 + SLIP)
    price = worst // instrument.price_tick * instrument.price_tick
    order = exchange._venue_order(position, contracts, price, LIQUIDATION_TEXT)
    resting = RestingOrder(order.order_id, position.uid, order.side, price, contracts)
    placed = exchange.state.markets[GATE_FUTURES, position.symbol].place(resting, "ioc")
    exchange._book(instrument, order.side, placed.matches, order)
    exchange._settlement.finish(order, "liquidated", closed=not order.left)
    exchange._trim_reduce_only(position.uid, position.symbol)
    exchange.commit()
