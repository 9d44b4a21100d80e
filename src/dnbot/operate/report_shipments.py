"""What declared shipments changed of delta: what left one exchange counts on its way to the other."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO
from dnbot.operate import report_queries as queries
from dnbot.operate.report_reader import Reader, Row


async def changes_of_delta(reader: Reader, portfolio: Portfolio) -> list[tuple[int, Decimal]]:
    """By sequence: a departure takes its fee, an arrival nothing, and giving up takes what had not arrived.

    `portfolio` is the one at the reader's head.
    """
    by_shipment: defaultdict[str, list[Row]] = defaultdict(list)
    for row in await reader.read(queries.SHIPPED, str(reader.symbol), reader.symbol.base, reader.head):
        by_shipment[row["note"]].append(row)
    under_way = {shipment.shipment_id: shipment.under_way for shipment in portfolio.shipments}
    changes = []
    for name, rows in by_shipment.items():
        departed = next((row["sequence"] for row in rows if row["amount"] < 0), None)
        if departed is None:
            continue  # declared and taken back
        missing = -sum((row["amount"] for row in rows), ZERO)
        given_up = [(row["sequence"], _lost(row["entry_id"])) for row in rows if row["amount"] == 0]
        lost = sum((amount for _, amount in given_up), ZERO)
        changes.append((departed, lost + under_way.get(name, ZERO) - missing))
        changes += [(sequence, -amount) for sequence, amount in given_up if amount]
    return changes


def _lost(entry_id: str) -> Decimal:
    """How the entry of `strategy.shipping.give_up` is called tells what was lost; its amount is zero."""
    return Decimal(entry_id.rpartition(":")[2])
