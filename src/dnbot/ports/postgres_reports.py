"""What reports and checks read of a database, over any object that can run a query."""

from __future__ import annotations

from typing import Any, Protocol

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, Order
from dnbot.domain.position import LedgerEntry
from dnbot.ports import postgres_queries as queries
from dnbot.ports import postgres_rows as rows
from dnbot.ports.store import LedgerTotal


class Reports(Protocol):
    """Reading methods for whoever has `read`."""

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows of one query, in a transaction that cannot write."""
        ...

    async def ledger_totals(self, symbol: Symbol) -> tuple[LedgerTotal, ...]:
        """All-time sums per venue and asset."""
        found = await self.read(queries.LEDGER_TOTALS, str(symbol))
        return tuple(
            LedgerTotal(Venue(row["venue"]), row["asset"], row["opening"], row["entries"], row["adjustments"])
            for row in found
        )

    async def fills_of(self, symbol: Symbol) -> tuple[Fill, ...]:
        """Every fill ever booked, in the order of booking."""
        return tuple(rows.fill_of(row) for row in await self.read(queries.FILLS, str(symbol)))

    async def entries_of(self, symbol: Symbol) -> tuple[LedgerEntry, ...]:
        """Every ledger entry, in the order of booking."""
        return tuple(rows.entry_of(row) for row in await self.read(queries.ENTRIES, str(symbol)))

    async def orders_of(self, symbol: Symbol) -> tuple[Order, ...]:
        """Every order as last recorded, oldest first; one that was only committed is PENDING."""
        return tuple(rows.order_of(row) for row in await self.read(queries.ORDERS, str(symbol)))
