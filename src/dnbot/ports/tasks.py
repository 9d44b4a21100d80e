"""Where tasks and leases are kept, as a protocol; `postgres_tasks.py` and `memory_tasks.py` keep the same promises.

The contract suite in `tests/contracts` runs against both. Time is the database's own, never the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dnbot.fleet.life import Desired
from dnbot.fleet.words import (
    Change,
    Granted,
    Lease,
    NewTask,
    Picture,
    Refused,
    Task,
    TaskDetails,
    TaskEvent,
    Worker,
)

FAILURES = ("failure", "taken_over")
"""Events that count as failures: a lease that ran out unreleased may be a task that ends its workers."""


class TaskStore(Protocol):
    """Every method is one transaction, `prune` two.

    Raises StoreUnreachable when it cannot be done, or when nobody can tell.
    """

    # --- people ---
    async def add(self, new: NewTask, *, who: str) -> None:
        """Add a task that is to run. Raises ConfigError when its name, symbol or an account is another task's."""
        ...

    async def want(self, task_id: str, desired: Desired, *, who: str, why: str) -> Task:
        """Say what is wanted; one that nobody holds moves at once. Raises ConfigError when there is no such task."""
        ...

    async def remove(self, task_id: str, *, who: str) -> None:
        """Forget a task that nobody holds and that is stopped, quarantined or was never begun; its history stays.

        Raises:
            ConfigError: there is none, or it is not so.
        """
        ...

    async def picture(self) -> Picture:
        """Tasks by name, workers by id."""
        ...

    async def details(self, task_id: str) -> TaskDetails:
        """One task with its settings. Raises ConfigError when there is no such task."""
        ...

    async def history(self, task_id: str, last: int) -> tuple[TaskEvent, ...]:
        """The newest events, oldest first; also of a task that was removed."""
        ...

    # --- workers ---
    async def register(self, worker: Worker) -> None:
        """A worker begins."""
        ...

    async def drain(self, worker_id: str) -> None:
        """A worker wants no more tasks."""
        ...

    async def end(self, worker_id: str) -> None:
        """A worker has ended; leases that it did not release end now."""
        ...

    async def claim(self, task_id: str, worker_id: str, ttl_s: float) -> Granted | Refused:
        """Take a task whose lease is free, has ended, or is this worker's own; its older writers are fenced off.

        A grant gives the lease a new epoch and moves the task to STARTING.
        """
        ...

    async def renew(self, worker_id: str, leases: Sequence[Lease], ttl_s: float) -> tuple[Refused, ...]:
        """Extend those leases that still stand, and show that the worker lives; returns those that do not."""
        ...

    async def release(self, lease: Lease) -> Refused | None:
        """Let go of a task: whoever claims it next need not wait."""
        ...

    async def check(self, lease: Lease) -> None:
        """Raises LeaseLost unless the lease stands now."""
        ...

    async def bind(self, lease: Lease, accounts: Sequence[str]) -> None:
        """Say which accounts the task really trades. They stay its own until it is removed.

        Raises:
            ConfigError: one is another task's.
            LeaseLost: as `check`.
        """
        ...

    async def tell(self, lease: Lease, change: Change | None, context: dict[str, Any] | None = None) -> None:
        """Write down a change of state, what the bot says of itself, or both. Raises LeaseLost as `check`."""
        ...

    async def failures(self, task_id: str, window_s: float) -> tuple[float, ...]:
        """How long ago each failure within the window was, since a person last resumed the task."""
        ...

    async def prune(self, age_s: float, most: int) -> int:
        """Delete events that are older, and rows of workers that ended, or fell silent, before then and hold nothing.

        Returns:
            How many were deleted: at most so many of each kind, the oldest events first.
        """
        ...

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever something changed that workers act upon, until cancelled or StoreUnreachable."""
        ...
