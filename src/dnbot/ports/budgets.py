"""Where workers share rate budgets, as a protocol; `postgres_budgets.py` and `memory_budgets.py` keep its promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dnbot.fleet.budgets import BudgetAsk, BudgetGrant


class BudgetStore(Protocol):
    """Time is the database's own. Raises StoreUnreachable when it cannot be done, or when nobody can tell."""

    async def lease(self, worker_id: str, asks: Sequence[BudgetAsk]) -> tuple[BudgetGrant, ...]:
        """Settle all asks of a worker in one transaction, as `tokens_of` says.

        At any time, the sum over workers of the most that each was granted to spend in the last window is at most the
        capacity. An ask that is older than one already settled gets no answer.
        """
        ...
