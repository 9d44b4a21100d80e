"""Shared rate budgets in memory, for tests on virtual time: the database's clock is the caller's to set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.fleet.budgets import BudgetAsk, BudgetGrant, BudgetShare, floor_of, tokens_of


@attrs.define
class MemoryHolder:
    """A worker's part of a budget."""

    number: int = 0
    wanted: int = 0
    wants_until_s: float = float("-inf")
    """Who does not ask again wants nothing more."""
    ends_s: dict[int, float] = attrs.field(factory=dict)
    """Tokens -> when the grant of so many ends."""


    def give_up(self, held: int, spent: int, now_s: float) -> None:
        """No more than `held` is spent from now on, and `spent` was in the window that ends now."""
        gone = {tokens: end for tokens, end in self.ends_s.items() if tokens > held}
        if not gone:
            return
        until_s, spent = max(gone.values()), min(spent, max(gone))
        self.ends_s = {tokens: end for tokens, end in self.ends_s.items() if tokens <= held}
        for tokens, end_s in ((held, until_s), (spent, now_s)):
            if tokens > 0 and tokens >= held:
                self.ends_s[tokens] = max(self.ends_s.get(tokens, end_s), end_s)


@attrs.define
class MemoryBudget:
    """One budget."""

    capacity: int
    paused_until_s: float = float("-inf")
    holders: dict[str, MemoryHolder] = attrs.field(factory=dict)


@attrs.define
class MemoryBudgetsDatabase:
    """What all workers share. `now_s` is its clock."""

    now_s: Callable[[], float] = trio.current_time
    budgets: dict[str, MemoryBudget] = attrs.field(factory=dict)


@attrs.define
class MemoryBudgets:
    """`BudgetStore` of one process on that database."""

    database: MemoryBudgetsDatabase = attrs.field(factory=MemoryBudgetsDatabase)
    down: bool = False
    """Every call fails and does nothing."""
    answers_lost: bool = False
    """What is asked for is done, and nobody hears of it."""
    request_s: float = 0.0
    """How long a call is under way before it is done."""
    answer_s: float = 0.0
    """How long its answer takes."""

    async def lease(self, worker_id: str, asks: Sequence[BudgetAsk]) -> tuple[BudgetGrant, ...]:
        """See `BudgetStore`."""
        await trio.sleep(self.request_s)
        if self.down:
            raise StoreUnreachable("down")
        settled = [grant for ask in asks if (grant := self._settled(worker_id, ask)) is not None]
        await trio.sleep(self.answer_s)
        if self.answers_lost:
            raise StoreUnreachable("the answer is lost")
        return tuple(settled)

    def _settled(self, worker_id: str, ask: BudgetAsk) -> BudgetGrant | None:
        now_s, window_s = self.database.now_s(), ask.window_ms / 1000
        budget = self.database.budgets.setdefault(ask.budget, MemoryBudget(ask.capacity))
        for name, holder in list(budget.holders.items()):
            holder.ends_s = {t: end for t, end in holder.ends_s.items() if end + window_s > now_s}
            if not holder.ends_s and holder.wants_until_s <= now_s and name != worker_id:
                del budget.holders[name]
        own = budget.holders.setdefault(worker_id, MemoryHolder())
        if ask.number <= own.number:
            return None
        alone = len(budget.holders) == 1
        budget.capacity = ask.capacity if alone else min(budget.capacity, ask.capacity)
        own.number, own.wanted, own.wants_until_s = ask.number, ask.wanted, now_s + ask.keep_ms / 1000
        own.give_up(ask.held, ask.spent, now_s)
        budget.paused_until_s = max(budget.paused_until_s, now_s + ask.pause_ms / 1000)
        others = [
            BudgetShare(
                counts=max(holder.ends_s, default=0), wanted=holder.wanted if holder.wants_until_s > now_s else 0
            )
            for name, holder in budget.holders.items() if name != worker_id
        ]
        tokens = tokens_of(budget.capacity, ask.wanted, others) if ask.wanted else 0
        floor = min(floor_of(budget.capacity), tokens)
        for granted, keep_ms in ((tokens, ask.keep_ms), (floor, ask.floor_ms)):
            if granted:
                end_s = now_s + keep_ms / 1000
                own.ends_s[granted] = max(own.ends_s.get(granted, end_s), end_s)
        pause_ms = round(max(0.0, budget.paused_until_s - now_s) * 1000)
        return BudgetGrant(budget=ask.budget, tokens=tokens, floor=floor, pause_ms=pause_ms)
