"""How much of what the decision expected an execution brought, in percent and in basis points of what it bought."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dnbot.operate.plugins import Cell, Column, PluginContext, TradeRow

BPS = Decimal(10_000)


class Capture:
    """Takes no options."""

    protocol = 1
    columns = (
        Column(key="captured", title="captured, %"),
        Column(key="missed", title="missed, bps"),
    )

    def __init__(self, context: PluginContext) -> None:
        if context.options:
            raise ValueError(f"there are no options, found {dict(context.options)}")

    def cells(self, rows: Sequence[TradeRow]) -> list[list[Cell]]:
        """Nothing where nothing was expected, as of what builds the position."""
        return [[captured(row), missed(row)] for row in rows]


def captured(row: TradeRow) -> Cell:
    """Net over expected net; None where none above zero was expected."""
    if row.net_quote is None or row.expected_quote is None or row.expected_quote <= 0:
        return None
    return f"{row.net_quote / row.expected_quote * 100:.0f}"


def missed(row: TradeRow) -> Cell:
    """Expected less net, of the value that was bought; below zero: it brought more."""
    if row.net_quote is None or row.expected_quote is None or not row.bought_quote:
        return None
    return f"{(row.expected_quote - row.net_quote) / row.bought_quote * BPS:+.2f}"
