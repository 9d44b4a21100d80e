"""Shared rate budgets in PostgreSQL: one statement of `db/0011_budgets.sql`."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import msgspec

from dnbot.fleet.budgets import BudgetAsk, BudgetGrant
from dnbot.ports.postgres_tasks import Statements

LEASE = "select lease_budgets($1, $2::text::jsonb)::text as grants"


@attrs.frozen
class PostgresBudgets:
    """`BudgetStore` on the connections of a store."""

    store: Statements

    async def lease(self, worker_id: str, asks: Sequence[BudgetAsk]) -> tuple[BudgetGrant, ...]:
        """See `BudgetStore`."""
        row = await self.store.call(LEASE, worker_id, msgspec.json.encode(list(asks)).decode())
        return msgspec.json.decode(row["grants"], type=tuple[BudgetGrant, ...])
