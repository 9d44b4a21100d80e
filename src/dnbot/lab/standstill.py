"""A process that stands still, as after SIGSTOP, inside one Trio run: its tasks wait, and everybody else's go on.

Trio runs the tasks that are in its queue of runnable ones. While a process stands still, those of its tasks that become
runnable (something arrived, a deadline passed, a sleep is over) are held beside that queue, in order, and join it when
it goes on. So what comes in meanwhile lies there, every timer fires late, and whoever speaks to it is not answered.

One thing is harsher than life: what passed its deadline and was answered after that, both while nobody looked, counts
as late, where a real process may find the answer first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
import trio
from trio.lowlevel import Task


class _Runnable(deque[Task]):
    """Trio's queue while somebody stands still: takes tasks that `held` does not keep."""

    def __init__(self, tasks: deque[Task], holds: Callable[[Task], bool]) -> None:
        super().__init__()
        self._holds = holds
        for task in tasks:
            self.append(task)

    def append(self, task: Task) -> None:
        if not self._holds(task):
            super().append(task)


@attrs.define(eq=False)
class Standstill:
    """One process, by its root task: that task and all below it. Only one of a run may stand still at a time."""

    root: Task
    _held: list[Task] = attrs.field(factory=list)
    lasts: bool = False
    """Whether it stands still now."""

    def begin(self) -> None:
        """From now on none of its tasks runs; those that run at this very instant finish their step."""
        if not self.lasts:
            self.lasts = True
            runner = trio._core._run.GLOBAL_RUN_CONTEXT.runner
            runner.runq = _Runnable(runner.runq, self._holds)

    def end(self) -> None:
        """It goes on where it stood; does nothing when it does not stand still."""
        if self.lasts:
            self.lasts = False
            runner = trio._core._run.GLOBAL_RUN_CONTEXT.runner
            runner.runq = deque([*runner.runq, *self._held])
            self._held.clear()

    def _holds(self, task: Task) -> bool:
        """Whether it is ours; then it is kept here."""
        above: Task | None = task
        while above is not None and above is not self.root:
            above = above.parent_nursery.parent_task if above.parent_nursery is not None else None
        if above is None:
            return False
        self._held.append(task)
        return True
