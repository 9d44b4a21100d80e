"""What the fleet's rows are in memory. Ages and remainders are seconds by the database's clock when they were read."""

from __future__ import annotations

from typing import Any

import msgspec

from dnbot.domain.errors import OperatingError
from dnbot.domain.instrument import Symbol
from dnbot.fleet.life import Desired, TaskState

BUILT_IN = "delta_neutral"
"""The kind of task that comes with dnbot: one bot on one symbol."""


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a person adds."""

    task_id: str
    symbol: Symbol
    settings: str
    """A configuration file's text, without secrets."""
    accounts: tuple[str, ...]
    """Names of the venue accounts that it trades; each belongs to one task."""
    kind: str = BUILT_IN
    weight: int = 1
    priority: int = 0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it stands."""

    task_id: str
    symbol: Symbol
    kind: str = BUILT_IN
    weight: int = 1
    priority: int = 0
    desired: Desired = Desired.RUNNING
    state: TaskState = TaskState.CREATED
    why: str = ""
    """Why it is in that state."""
    holder: str | None = None
    """The worker whose lease it last was and is not released."""
    epoch: int = 0
    """Of the newest lease."""
    left_s: float = 0.0
    """Until the lease ends; negative: it has ended."""

    @property
    def is_held(self) -> bool:
        """Whether a lease on it stands."""
        return self.holder is not None and self.left_s > 0


class TaskDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of one task alone."""

    task: Task
    settings: str
    accounts: tuple[str, ...]
    context: dict[str, Any]
    """What its bot last said of itself."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A process that runs tasks. Its id is new with each start."""

    worker_id: str
    name: str
    capacity: int
    version: str = ""
    draining: bool = False
    seen_s: float = 0.0
    """Since it last showed that it lives."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All tasks, and all workers that have not ended; one moment."""

    tasks: tuple[Task, ...] = ()
    workers: tuple[Worker, ...] = ()


class Lease(msgspec.Struct, frozen=True):
    """Who may run a task. The epoch grows with every claim."""

    task_id: str
    holder: str
    epoch: int


class Granted(msgspec.Struct, frozen=True):
    """A claim that succeeded."""

    lease: Lease
    since_end_s: float | None
    """Since the older lease ended; None when it was released, or when there was none."""


class Refused(msgspec.Struct, frozen=True):
    """A claim, renewal or release that did not, and what it found."""

    task_id: str
    holder: str | None
    epoch: int
    left_s: float | None
    why: str = ""

    def __str__(self) -> str:
        if self.why:
            return f"{self.task_id}: {self.why}"
        held = "free" if self.holder is None else f"held by {self.holder}"
        ends = "" if self.left_s is None else f", ends in {self.left_s:.1f} s" if self.left_s > 0 else ", ended"
        return f"{self.task_id}: {held}, epoch {self.epoch}{ends}"


class TaskEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a task's history."""

    at_ns: int
    task_id: str
    kind: str
    state: str = ""
    """The state that it led to; empty when it changed none."""
    text: str = ""
    worker_id: str = ""
    epoch: int = 0
    """Of the lease; 0: a person did it."""
    run_epoch: int = 0
    """Of the incarnation that began; client order ids are made of it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a holder writes down of its task."""

    kind: str
    state: TaskState
    text: str = ""


class LeaseLost(OperatingError):
    """The lease that a write stands on is another's by now, or has ended. Nothing was written."""
