"""What reports and checks read of a database, over any object that can run a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, Order
from dnbot.domain.position import LedgerEntry
from dnbot.ports import postgres_queries as queries
from dnbot.ports import postgres_rows as rows
from dnbot.ports.store import LedgerTotal, UnresolvedIntent


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

    async def fills_of(self, symbol: Symbol, orders: Sequence[UnresolvedIntent] | None = None) -> tuple[Fill, ...]:
        """Fills in the order of booking: every one ever booked, or those of these orders."""
        if orders is None:
            return tuple(rows.fill_of(row) for row in await self.read(queries.FILLS, str(symbol)))
        names = [order.intent.client_order_id for order in orders]
        venue_ids = [order.venue_order_id for order in orders if order.venue_order_id]
        found = await self.read(queries.FILLS_OF_ORDERS, str(symbol), names, venue_ids)
        # Two venues may give the same number to orders of their own.
        return tuple(fill for fill in map(rows.fill_of, found) if any(order.owns(fill) for order in orders))

    async def entries_of(self, symbol: Symbol) -> tuple[LedgerEntry, ...]:
        """Every ledger entry, in the order of booking."""
        return tuple(rows.entry_of(row) for row in await self.read(queries.ENTRIES, str(symbol)))

    async def orders_of(self, symbol: Symbol, names: Sequence[str] | None = None) -> tuple[Order, ...]:
        """Orders as last recorded, oldest first: every one, or those with these client ids. One only committed is
        PENDING."""
        if names is None:
            found = await self.read(queries.ORDERS, str(symbol))
        else:
            found = await self.read(queries.ORDERS_NAMED, str(symbol), list(names))
        return tuple(rows.order_of(row) for row in found)
