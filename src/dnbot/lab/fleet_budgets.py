"""Rate budgets of a simulated fleet: the store as one worker reaches it, and the judge of what the venues were asked.

The exchanges of the tasks refuse nothing here; together they count as one venue whose limits belong to one address, as
in production. The judge reads the weights that the exchanges themselves give to requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import attrs
import trio

from dnbot.fakes.mexc_limits import MexcLimits
from dnbot.fleet.budgets import BudgetAsk, BudgetGrant
from dnbot.lab.fleet_database import TAKES_S, Reach
from dnbot.lab.oracle_words import Findings
from dnbot.lab.tap import Tap
from dnbot.ports.memory_budgets import MemoryBudgets

ADDRESS = "one"
FORGETS = frozenset({"database_fails_over", "database_clock_jumps", "host_sleeps"})
"""Mishaps in which grants are forgotten, or outlast what the database believes."""
OUTLASTS_S = 30.0
"""So long after such a mishap an excess is nobody's fault: half of the longest lease, and a window."""


@attrs.define(eq=False)
class TappedBudgets:
    """`BudgetStore`. What a dead process asks for never happens, and it never learns so."""

    tap: Tap
    actor: str
    reach: Reach
    inner: MemoryBudgets
    revoked: bool = False

    @classmethod
    def on(cls, tap: Tap, actor: str, reach: Reach) -> TappedBudgets:
        """A new process's way to the database."""
        return cls(tap, actor, reach, MemoryBudgets(reach.database.budgets, request_s=TAKES_S))

    async def lease(self, worker_id: str, asks: Sequence[BudgetAsk]) -> tuple[BudgetGrant, ...]:
        """See `BudgetStore`."""
        await self._unless_dead()
        self.reach.check()
        answer = await self.inner.lease(worker_id, asks)
        self.reach.database.wrote()
        await self._unless_dead()
        self.tap.tell(self.actor, "budgets", "done", *(f"{grant.budget} {grant.tokens}" for grant in answer))
        return answer

    async def _unless_dead(self) -> None:
        if self.revoked:
            await trio.sleep_forever()


@attrs.define
class CountedLimits(MexcLimits):
    """The limits of an exchange that refuses nothing and tells what it was asked for."""

    heard: Callable[[dict[str, int], str], None] = attrs.field(default=lambda _pools, _user: None)

    def charge(self, peer: str, pools: dict[str, int], user: str, now_s: float) -> None:
        """See `MexcLimits`."""
        del peer, now_s  # one address, and the judge has a clock
        self.heard(pools, user)


@attrs.define
class _Window:
    limit: int
    window_s: float
    spent: deque[tuple[float, int]] = attrs.field(factory=deque)
    total: int = 0

    def add(self, now_s: float, weight: int) -> int:
        self.spent.append((now_s, weight))
        self.total += weight
        while self.spent[0][0] <= now_s - self.window_s:
            self.total -= self.spent.popleft()[1]
        return self.total


@attrs.define
class BudgetJudge:
    """I32: all tasks together ask MEXC for no more than it allows an address, each account for no more than its own."""

    findings: Findings
    mishaps: Callable[[], Sequence[tuple[str, float, float]]]
    """Those that are over: kind, begin, end."""
    running: Callable[[], Sequence[str]]
    """Kinds of those at work."""
    limits: MexcLimits = attrs.field(factory=MexcLimits)
    fullest: int = 0
    """Weight of the fullest window of the address."""
    _windows: dict[tuple[str, str], _Window] = attrs.field(factory=dict)

    def watch(self, limits: MexcLimits) -> CountedLimits:
        """What to put in the place of an exchange's limits."""
        return CountedLimits(enabled=limits.enabled, heard=self._heard)

    def _heard(self, pools: dict[str, int], user: str) -> None:
        now_s = trio.current_time()
        sizes = {"ip": (self.limits.ip_weight_per_10_s, 10.0), "orders": (self.limits.orders_per_1_s, 1.0)}
        for pool in pools.keys() & sizes.keys():
            key = (pool, "" if pool == "ip" else user)
            window = self._windows.setdefault(key, _Window(*sizes[pool]))
            total = window.add(now_s, pools[pool])
            if pool == "ip":
                self.fullest = max(self.fullest, total)
            if not self._is_excused(now_s):
                text = f"{total} of {window.limit} {pool} in {window.window_s:g} s at MEXC{user and f' of {user}'}"
                self.findings.check("I32", total <= window.limit, text)

    def _is_excused(self, now_s: float) -> bool:
        if FORGETS & set(self.running()):
            return True
        return any(kind in FORGETS and now_s - end_s < OUTLASTS_S for kind, _, end_s in self.mishaps())
