"""The store of tasks as one simulated worker reaches it: with a tap, with faults, and at times a dead process's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
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
from dnbot.lab.fleet_database import TAKES_S, Reach
from dnbot.lab.tap import Tap
from dnbot.ports.memory_tasks import MemoryTasks

T = TypeVar("T")
READS = frozenset({"picture", "details", "history", "check", "failures", "listen"})


@attrs.define(eq=False)
class TappedTasks:
    """`TaskStore`. What a dead process asks for never happens, and it never learns so."""

    tap: Tap
    actor: str
    reach: Reach
    inner: MemoryTasks
    revoked: bool = False
    renewals_fail: int = 0
    """For how many reasons no lease is extended."""
    answers_lost: int = 0
    """So many writes to come are done, and nobody hears of it."""

    @classmethod
    def on(cls, tap: Tap, actor: str, reach: Reach) -> TappedTasks:
        """A new process's way to the database."""
        return cls(tap, actor, reach, MemoryTasks(reach.database.tasks, request_s=TAKES_S))

    # --- people -------------------------------------------------------------------------------------------------------
    async def add(self, new: NewTask, *, who: str) -> None:
        """See `TaskStore`, here and below."""
        await self._call("add", (new,), lambda: self.inner.add(new, who=who))

    async def want(self, task_id: str, desired: Desired, *, who: str, why: str) -> Task:
        """Say what is wanted."""
        return await self._call(
            "want", (task_id, desired), lambda: self.inner.want(task_id, desired, who=who, why=why)
        )

    async def remove(self, task_id: str, *, who: str) -> None:
        """Forget a task."""
        await self._call("remove", (task_id,), lambda: self.inner.remove(task_id, who=who))

    async def picture(self) -> Picture:
        """Everything at one moment."""
        return await self._call("picture", (), self.inner.picture)

    async def details(self, task_id: str) -> TaskDetails:
        """One task."""
        return await self._call("details", (task_id,), lambda: self.inner.details(task_id))

    async def history(self, task_id: str, last: int) -> tuple[TaskEvent, ...]:
        """Its newest events."""
        return await self._call("history", (task_id,), lambda: self.inner.history(task_id, last))

    # --- workers ------------------------------------------------------------------------------------------------------
    async def register(self, worker: Worker) -> None:
        """A worker begins."""
        await self._call("register", (worker,), lambda: self.inner.register(worker))

    async def drain(self, worker_id: str) -> None:
        """It wants no more tasks."""
        await self._call("drain", (worker_id,), lambda: self.inner.drain(worker_id))

    async def end(self, worker_id: str) -> None:
        """It has ended."""
        await self._call("end", (worker_id,), lambda: self.inner.end(worker_id))

    async def claim(self, task_id: str, worker_id: str, ttl_s: float) -> Granted | Refused:
        """Take a task."""
        return await self._call("claim", (task_id,), lambda: self.inner.claim(task_id, worker_id, ttl_s))

    async def renew(self, worker_id: str, leases: Sequence[Lease], ttl_s: float) -> tuple[Refused, ...]:
        """Extend leases."""
        return await self._call("renew", tuple(leases), lambda: self.inner.renew(worker_id, leases, ttl_s))

    async def release(self, lease: Lease) -> Refused | None:
        """Let go of a task."""
        return await self._call("release", (lease,), lambda: self.inner.release(lease))

    async def check(self, lease: Lease) -> None:
        """Raises LeaseLost unless it stands."""
        await self._call("check", (lease,), lambda: self.inner.check(lease))

    async def bind(self, lease: Lease, accounts: Sequence[str]) -> None:
        """Say which accounts the task trades."""
        await self._call("bind", (lease, *accounts), lambda: self.inner.bind(lease, accounts))

    async def tell(self, lease: Lease, change: Change | None, context: dict[str, Any] | None = None) -> None:
        """Write down what changed."""
        await self._call("tell", (lease, change), lambda: self.inner.tell(lease, change, context))

    async def failures(self, task_id: str, window_s: float) -> tuple[float, ...]:
        """How long ago each failure was."""
        return await self._call("failures", (task_id,), lambda: self.inner.failures(task_id, window_s))

    async def prune(self, age_s: float, most: int) -> int:
        """Delete what is old."""
        return await self._call("prune", (), lambda: self.inner.prune(age_s, most))

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` on each change."""
        await self._call("listen", (), lambda: self.inner.listen(heard))

    async def _call(self, method: str, data: tuple[object, ...], call: Callable[[], Awaitable[T]]) -> T:
        await self._unless_dead()
        self.tap.tell(self.actor, "tasks", "asked", method, data)
        try:
            answer = await self._reached(method, call)
        except StoreUnreachable as error:
            self.tap.tell(self.actor, "tasks", "failed", method, str(error))
            raise
        await self._unless_dead()
        self.tap.tell(self.actor, "tasks", "done", method)
        return answer

    async def _reached(self, method: str, call: Callable[[], Awaitable[T]]) -> T:
        self.reach.check()
        if method == "renew" and self.renewals_fail:
            raise StoreUnreachable("no lease is extended")
        answer = await call()
        if method not in READS:
            self.reach.database.wrote()
            if self.answers_lost:
                self.answers_lost -= 1
                raise StoreUnreachable("the answer was lost")
        return answer

    async def _unless_dead(self) -> None:
        if self.revoked:
            await trio.sleep_forever()
