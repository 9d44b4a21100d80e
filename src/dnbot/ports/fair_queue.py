"""Who of several owners that wait for one thing comes next: ways out first, then whoever has had least."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from dnbot.ports.limiter import Priority


@attrs.frozen(eq=False)
class Waiter:
    """One request that waits."""

    owner: str
    priority: Priority
    cost: int


@attrs.define(eq=False)
class FairQueue:
    """Those who wait, in the order in which they came."""

    had: Callable[[str], float]
    """How much an owner has had lately, in whatever unit."""
    waiters: list[Waiter] = attrs.field(factory=list)

    @property
    def cost(self) -> int:
        """Of all that wait."""
        return sum(waiter.cost for waiter in self.waiters)

    def before(self, priority: Priority) -> bool:
        """Whether somebody waits who comes before one of this priority that has only come now."""
        return any(w.priority is Priority.RESERVED or priority is Priority.NORMAL for w in self.waiters)

    def head(self) -> Waiter:
        """Who comes next: of the ways out, else of all, the one whose owner has had least; of equals the first."""
        out = [waiter for waiter in self.waiters if waiter.priority is Priority.RESERVED]
        return self._least(out or self.waiters)

    def _least(self, waiters: Iterable[Waiter]) -> Waiter:
        return min(waiters, key=lambda waiter: self.had(waiter.owner))
