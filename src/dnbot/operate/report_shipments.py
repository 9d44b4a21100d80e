"""What declared shipments changed of delta: what left one exchange counts on its way to the other."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal

from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO
from dnbot.operate import report_queries as queries
from dnbot.operate.report_reader import Reader, Row

_LOST = re.compile(r"shipment (?P<shipment_id>\S+) of .+?: (?P<lost>[0-9.]+) \S+ are given up by ")
"""How the alert of `strategy.shipping.give_up` begins. Nothing else that is kept says what was lost: entries only hold
it together with the fee."""


async def changes_of_delta(reader: Reader, portfolio: Portfolio) -> list[tuple[int, Decimal]]:
    """By sequence: a departure takes its fee, an arrival nothing, and giving up takes what had not arrived.

    `portfolio` is the one at the reader's head. Where nobody was told of a loss (two given up within a minute are one
    alert), its fee counts with it.
    """
    by_shipment: defaultdict[str, list[Row]] = defaultdict(list)
    for row in await reader.read(queries.SHIPPED, str(reader.symbol), reader.symbol.base, reader.head):
        by_shipment[row["note"]].append(row)
    under_way = {shipment.shipment_id: shipment.under_way for shipment in portfolio.shipments}
    given_up = {name: row["sequence"] for name, rows in by_shipment.items() for row in rows if row["amount"] == 0}
    told = await _lost(reader) if given_up else {}
    changes = []
    for name, rows in by_shipment.items():
        departed = next((row["sequence"] for row in rows if row["amount"] < 0), None)
        if departed is None:
            continue  # declared and taken back
        missing = -sum((row["amount"] for row in rows), ZERO)
        lost = told.get(name, missing) if name in given_up else ZERO
        changes.append((departed, lost + under_way.get(name, ZERO) - missing))
        if lost:
            changes.append((given_up[name], -lost))
    return changes


async def _lost(reader: Reader) -> dict[str, Decimal]:
    rows = await reader.read(queries.GIVEN_UP, str(reader.symbol), reader.head)
    found = [match for row in rows if (match := _LOST.match(row["text"]))]
    return {match["shipment_id"]: Decimal(match["lost"]) for match in found}
