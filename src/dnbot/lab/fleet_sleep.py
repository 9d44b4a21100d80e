"""A host that sleeps, as a virtual machine that is moved: its tasks stand still, and its monotonic clock with them.

After SIGSTOP a process finds that its deadlines have passed; after this one it finds them as far away as before, while
the rest of the world has gone on. One thing is kinder to the bot than life: what it noted as a moment (the age of a
book, the offset of a venue's clock) is by the clock of the world, so it sees at once how old that is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import trio

ON_ITS_WAY_S = 0.05
"""What is due sooner is not a deadline but something that arrives."""


@attrs.define(eq=False)
class HostSleep:
    """Everything below one cancel scope; put a `Standstill` of the same tasks around it."""

    scope: trio.CancelScope
    _began_s: float = 0.0
    _held: list[tuple[trio.CancelScope, float]] = attrs.field(factory=list)

    def begin(self) -> None:
        """No deadline comes nearer."""
        self._began_s = trio.current_time()
        for scope in _below(self.scope):
            if self._began_s + ON_ITS_WAY_S < scope.deadline < math.inf:
                self._held.append((scope, scope.deadline))
                scope.deadline = math.inf

    def end(self) -> None:
        """They are as far away as they were; does nothing when it does not sleep."""
        slept_s = trio.current_time() - self._began_s
        for scope, deadline_s in self._held:
            scope.deadline = deadline_s + slept_s
        self._held.clear()


def _below(scope: trio.CancelScope) -> Iterator[trio.CancelScope]:
    """Every scope that is entered inside this one, in any task; in no order."""
    status = scope._cancel_status
    left = [] if status is None else list(status._children)
    while left:
        found = left.pop()
        yield found._scope
        left.extend(found._children)
