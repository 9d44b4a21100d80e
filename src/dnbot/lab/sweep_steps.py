"""Counts the steps of a bot's own tasks: each begins where the task awaited, so each is a place where it can die."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio


@attrs.define(eq=False)
class StepCounter(trio.abc.Instrument):
    """Counts between `begin` and `end` every step of the tasks at and below the one that `root` names.

    The world's tasks are not counted, although a bot's dial may have started them: a nursery says whose they are.
    """

    root: str
    at: Callable[[int, trio.lowlevel.Task], None]
    """Called before each counted step, with its number from 0."""
    steps: int = 0
    counting: bool = False
    error: BaseException | None = None
    """What `at` raised, and counting ended with: trio would only log it, so whoever runs this must look here."""
    _ours: dict[trio.lowlevel.Task, bool] = attrs.field(factory=dict)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        if self.counting and self._is_ours(task):
            try:
                self.at(self.steps, task)
            except trio.Cancelled:  # nothing here awaits
                raise
            except BaseException as error:  # noqa: BLE001 (kept, for whoever runs this)
                self.counting, self.error = False, error
            self.steps += 1

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        self._ours.pop(task, None)

    def _is_ours(self, task: trio.lowlevel.Task) -> bool:
        known = self._ours.get(task)
        if known is None:
            nursery = task.parent_nursery
            known = task.name == self.root or (nursery is not None and self._is_ours(nursery.parent_task))
            self._ours[task] = known
        return known


def place_of(task: trio.lowlevel.Task) -> str:
    """Where a task awaits: its name, and the innermost frame of ours with its function and line."""
    name, where = str(task.name), ""
    for frame, line in task.iter_await_frames():
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("dnbot."):
            where = f"{module.removeprefix('dnbot.')}.{frame.f_code.co_name}:{line}"
    return f"{name} at {where}" if where else name
