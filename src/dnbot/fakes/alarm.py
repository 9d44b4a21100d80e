"""Waiting for a moment, or to be woken before it, without a cancel scope.

`trio.sleep_until` enters a scope that ends with an exception through the sleeper, for every chunk on a network in
memory and every beat of a stream: much of what a jump of a simulated clock cost. An alarm stands among Trio's deadlines
as a scope does, and its end wakes one task. When it wakes, in which order with others, and who wins when the task was
cancelled meanwhile, is as with a scope: `tests/fakes/test_alarm.py` compares the two. Private parts of Trio.
"""

from __future__ import annotations

from math import inf
from typing import Any

import trio
from trio._core._run import GLOBAL_RUN_CONTEXT
from trio.lowlevel import Abort, Task


class Alarm:
    """What one task at a time waits at. `move` and `wake` do nothing while nobody waits."""

    __slots__ = ("_registered_deadline", "_task", "_went_off")

    def __init__(self) -> None:
        self._registered_deadline = inf
        """When it goes off: Trio's word, by which it knows entries of its heap that are stale."""
        self._task: Task | None = None
        self._went_off = False

    async def wait(self, at_s: float = inf) -> None:
        """Return at this time of Trio's clock, or when woken. Raises trio.BusyResourceError when somebody waits."""
        if self._task is not None:
            raise trio.BusyResourceError("another task waits at this alarm")
        task = self._task = trio.lowlevel.current_task()
        self._went_off = False
        self._set(at_s)
        await trio.lowlevel.wait_task_rescheduled(self._abort)
        if self._went_off and task._cancel_status.effectively_cancelled:
            raise trio.Cancelled._create()  # cancelled after it went off and before it ran: a scope would not catch it

    def move(self, at_s: float) -> None:
        """Whoever waits does so until this time, whatever it waited for."""
        if self._task is not None:
            self._set(at_s)

    def wake(self) -> None:
        """Whoever waits goes on."""
        task, self._task = self._task, None
        if task is not None:
            self._set(inf)
            trio.lowlevel.reschedule(task)

    def _set(self, at_s: float) -> None:
        before_s, self._registered_deadline = self._registered_deadline, at_s
        if at_s != before_s:
            deadlines: Any = GLOBAL_RUN_CONTEXT.runner.deadlines  # by its types it holds scopes alone
            if before_s != inf:
                deadlines.remove(before_s, self)
            if at_s != inf:
                deadlines.add(at_s, self)

    def _cancel(self, _reason: object = None) -> None:
        """Trio's word for a deadline that has passed."""
        self._went_off = True
        self.wake()

    def _abort(self, _raise: object) -> Abort:
        self._set(inf)
        self._task = None
        return Abort.SUCCEEDED


async def sleep_until(at_s: float) -> None:
    """As `trio.sleep_until`."""
    await Alarm().wait(at_s)
