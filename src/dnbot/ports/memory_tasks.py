"""Tasks and leases in memory, for tests on virtual time: the database's clock is the caller's to set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.fleet.life import AT_REST, Desired, TaskState, by_person
from dnbot.fleet.words import (
    Change,
    Granted,
    Lease,
    LeaseLost,
    NewTask,
    Picture,
    Refused,
    Task,
    TaskDetails,
    TaskEvent,
    Worker,
)
from dnbot.ports.postgres_tasks import no_task, not_removable, one_account
from dnbot.ports.tasks import FAILURES

REMOVABLE = AT_REST | {TaskState.CREATED}


@attrs.define
class MemoryTask:
    """A row of tasks with its lease."""

    new: NewTask
    accounts: set[str]
    desired: Desired = Desired.RUNNING
    state: TaskState = TaskState.CREATED
    why: str = ""
    context: dict[str, Any] = attrs.field(factory=dict)
    holder: str | None = None
    epoch: int = 0
    ends_s: float | None = None


@attrs.define
class MemoryTasksDatabase:
    """What all workers share. `now_s` is its clock."""

    now_s: Callable[[], float] = trio.current_time
    tasks: dict[str, MemoryTask] = attrs.field(factory=dict)
    workers: dict[str, tuple[Worker, float]] = attrs.field(factory=dict)
    """Each with when it was last seen; those that have ended are gone."""
    ended: dict[str, float] = attrs.field(factory=dict)
    events: list[tuple[float, TaskEvent]] = attrs.field(factory=list)
    listeners: list[Callable[[], None]] = attrs.field(factory=list)
    granted: Callable[[Granted], None] = attrs.field(default=lambda _granted: None)
    """What else a claim does in its transaction: it fences the book, where there is one."""
    renewed: Callable[[Lease], None] = attrs.field(default=lambda _lease: None)
    """Told of each lease in the moment in which it is extended."""

    def notify(self) -> None:
        """Wake whoever listens."""
        for heard in self.listeners:
            heard()

    def is_held(self, row: MemoryTask) -> bool:
        """Whether a lease on the task stands now."""
        return row.ends_s is not None and row.ends_s > self.now_s()

    def stands(self, row: MemoryTask, lease: Lease) -> bool:
        """Whether it is this lease."""
        return (row.holder, row.epoch) == (lease.holder, lease.epoch) and self.is_held(row)

    def fence(self, lease: Lease) -> MemoryTask:
        """The row that a write on this lease may change. Raises LeaseLost unless the lease stands."""
        row = self.tasks.get(lease.task_id)
        if row is None or not self.stands(row, lease):
            raise LeaseLost(f"the lease of {lease.holder}, epoch {lease.epoch}, does not stand; found "
                            f"{self.found(lease.task_id)}")
        return row

    def found(self, task_id: str) -> Refused:
        """What stands there instead."""
        row = self.tasks.get(task_id)
        if row is None:
            return Refused(task_id, None, 0, None)
        return Refused(task_id, row.holder, row.epoch, None if row.ends_s is None else row.ends_s - self.now_s())


@attrs.define
class MemoryTasks:
    """`TaskStore` of one process on that database."""

    database: MemoryTasksDatabase = attrs.field(factory=MemoryTasksDatabase)
    down: bool = False
    """Every call fails and does nothing."""
    request_s: float = 0.0
    """How long a call is under way before it is done."""
    answer_s: float = 0.0
    """How long its answer takes."""
    lost_grants: int = 0
    """The answers to so many claims to come are lost."""
    limit_s: float = 5.0
    """When a caller gives up: what it asked for may be done all the same."""

    # --- people -------------------------------------------------------------------------------------------------------
    async def add(self, new: NewTask, *, who: str) -> None:
        """See `TaskStore`."""
        await self._arrive()
        if (why := self._clash(new)) is not None:
            raise ConfigError("tasks", new.task_id, why, "a name, a symbol and accounts that no task has")
        self.database.tasks[new.task_id] = MemoryTask(new, set(new.accounts))
        self._note(new.task_id, "added", TaskState.CREATED, f"by {who}")
        self.database.notify()

    def _clash(self, new: NewTask) -> str | None:
        if new.task_id in self.database.tasks:
            return f"task {new.task_id} exists already"
        for name, row in self.database.tasks.items():
            if row.new.symbol == new.symbol:
                return f"{new.symbol} is traded by task {name}"
        for name, row in self.database.tasks.items():
            if shared := sorted(row.accounts & set(new.accounts)):
                return f"account {shared[0]} belongs to task {name}"
        return None

    async def want(self, task_id: str, desired: Desired, *, who: str, why: str) -> Task:
        """See `TaskStore`."""
        await self._arrive()
        row = self._row(task_id)
        before, row.desired = row.state, desired
        if not self.database.is_held(row):
            row.state = by_person(row.state, desired)
        moved = row.state is not before
        row.why = why if moved else row.why
        self._note(task_id, f"wanted_{desired.value}", row.state if moved else None, f"{who}: {why}")
        self.database.notify()
        return self._task(row)

    async def remove(self, task_id: str, *, who: str) -> None:
        """See `TaskStore`."""
        await self._arrive()
        row = self._row(task_id)
        if self.database.is_held(row):
            raise not_removable(task_id, f"held by {row.holder}")
        if row.state not in REMOVABLE:
            raise not_removable(task_id, row.state.value)
        self._note(task_id, "removed", None, f"by {who}")
        del self.database.tasks[task_id]
        self.database.notify()

    async def picture(self) -> Picture:
        """See `TaskStore`."""
        await self._arrive()
        now_s = self.database.now_s()
        found = Picture(
            tasks=tuple(self._task(row) for _, row in sorted(self.database.tasks.items())),
            workers=tuple(
                msgspec.structs.replace(worker, seen_s=max(0.0, now_s - seen))
                for _, (worker, seen) in sorted(self.database.workers.items())
            ),
        )
        await self._answer()
        return found

    async def details(self, task_id: str) -> TaskDetails:
        """See `TaskStore`."""
        await self._arrive()
        row = self._row(task_id)
        return TaskDetails(
            task=self._task(row), settings=row.new.settings, accounts=tuple(sorted(row.accounts)),
            context=row.context,
        )

    async def history(self, task_id: str, last: int) -> tuple[TaskEvent, ...]:
        """See `TaskStore`."""
        await self._arrive()
        found = [event for _, event in self.database.events if event.task_id == task_id]
        return tuple(found[len(found) - min(last, len(found)):])

    # --- workers ------------------------------------------------------------------------------------------------------
    async def register(self, worker: Worker) -> None:
        """See `TaskStore`."""
        await self._arrive()
        self.database.workers[worker.worker_id] = (worker, self.database.now_s())
        self.database.notify()

    async def drain(self, worker_id: str) -> None:
        """See `TaskStore`."""
        await self._arrive()
        if worker_id in self.database.workers:
            draining = msgspec.structs.replace(self.database.workers[worker_id][0], draining=True)
            self.database.workers[worker_id] = (draining, self.database.now_s())
        self.database.notify()

    async def end(self, worker_id: str) -> None:
        """See `TaskStore`."""
        await self._arrive()
        now_s = self.database.now_s()
        if worker_id in self.database.workers:
            self.database.ended[worker_id] = now_s
            del self.database.workers[worker_id]
        for row in self.database.tasks.values():
            if row.holder == worker_id and row.ends_s is not None:
                row.ends_s = min(row.ends_s, now_s)
        self.database.notify()

    async def claim(self, task_id: str, worker_id: str, ttl_s: float) -> Granted | Refused:
        """See `TaskStore`."""
        await self._arrive()
        found = self._claimed(task_id, worker_id, ttl_s)
        await self._answer()
        if self.lost_grants:
            self.lost_grants -= 1
            raise StoreUnreachable("the answer is lost")
        return found

    def _claimed(self, task_id: str, worker_id: str, ttl_s: float) -> Granted | Refused:
        row, now_s = self.database.tasks.get(task_id), self.database.now_s()
        if row is None:
            return Refused(task_id, None, 0, None, "no such task")
        left_s = None if row.ends_s is None else row.ends_s - now_s
        if row.state in AT_REST:
            return Refused(task_id, row.holder, row.epoch, left_s, f"is {row.state.value}")
        if self.database.is_held(row) and row.holder != worker_id:
            return Refused(task_id, row.holder, row.epoch, left_s)
        ended_s = self.database.ended.get(row.holder or "", float("-inf"))
        _, seen_s = self.database.workers.get(row.holder or "", (None, ended_s))
        kind = "claimed"
        if row.holder is not None:
            kind = "reclaimed" if row.holder == worker_id or seen_s > now_s - ttl_s else "taken_over"
        before = f"the lease of {row.holder}, epoch {row.epoch}, ended" if row.holder is not None else ""
        row.holder, row.epoch, row.ends_s = worker_id, row.epoch + 1, now_s + ttl_s
        row.state, row.why = TaskState.STARTING, f"claimed by {worker_id}"
        lease = Lease(task_id, worker_id, row.epoch)
        self._note(task_id, kind, row.state, before, lease)
        granted = Granted(lease, None if left_s is None else max(0.0, -left_s))
        self.database.granted(granted)
        return granted

    async def renew(self, worker_id: str, leases: Sequence[Lease], ttl_s: float) -> tuple[Refused, ...]:
        """See `TaskStore`."""
        await self._arrive()
        if worker_id in self.database.workers:
            self.database.workers[worker_id] = (self.database.workers[worker_id][0], self.database.now_s())
        refused = []
        for lease in leases:
            row = self.database.tasks.get(lease.task_id)
            if row is not None and self.database.stands(row, lease):
                row.ends_s = self.database.now_s() + ttl_s
                self.database.renewed(lease)
            else:
                refused.append(self.database.found(lease.task_id))
        await self._answer()
        return tuple(refused)

    async def release(self, lease: Lease) -> Refused | None:
        """See `TaskStore`."""
        await self._arrive()
        row = self.database.tasks.get(lease.task_id)
        if row is None or (row.holder, row.epoch) != (lease.holder, lease.epoch):
            return self.database.found(lease.task_id)
        row.holder = row.ends_s = None
        self.database.notify()
        return None

    async def check(self, lease: Lease) -> None:
        """See `TaskStore`."""
        await self._arrive()
        self.database.fence(lease)

    async def bind(self, lease: Lease, accounts: Sequence[str]) -> None:
        """See `TaskStore`."""
        await self._arrive()
        row = self.database.fence(lease)
        for account in sorted(accounts):
            for name, other in self.database.tasks.items():
                if other is not row and account in other.accounts:
                    raise one_account(lease.task_id, f"{account} belongs to task {name}")
        row.accounts.update(accounts)

    async def tell(self, lease: Lease, change: Change | None, context: dict[str, Any] | None = None) -> None:
        """See `TaskStore`."""
        await self._arrive()
        row = self.database.fence(lease)
        if context is not None:
            row.context = context
        if change is not None:
            row.state, row.why = change.state, change.text
            self._note(lease.task_id, change.kind, change.state, change.text, lease)

    async def failures(self, task_id: str, window_s: float) -> tuple[float, ...]:
        """See `TaskStore`."""
        await self._arrive()
        ages: list[float] = []
        for at_s, event in reversed(self.database.events):
            age_s = self.database.now_s() - at_s
            if event.task_id != task_id:
                continue
            if event.kind in {"added", "wanted_running"}:
                break
            if event.kind in FAILURES and age_s < window_s:
                ages.append(age_s)
        return tuple(ages)

    async def prune(self, age_s: float, most: int) -> int:
        """See `TaskStore`."""
        await self._arrive()
        database, before_s = self.database, self.database.now_s() - age_s
        old = [place for place, (at_s, _) in enumerate(database.events) if at_s < before_s][:most]
        database.events = [event for place, event in enumerate(database.events) if place not in old]
        holders = {row.holder for row in database.tasks.values()}
        gone = [name for name, ended_s in database.ended.items() if ended_s < before_s]
        gone += [name for name, (_, seen_s) in database.workers.items() if seen_s < before_s]
        gone = [name for name in gone if name not in holders][:most]
        for name in gone:
            database.ended.pop(name, None)
            database.workers.pop(name, None)
        return len(old) + len(gone)

    async def listen(self, heard: Callable[[], None]) -> None:
        """See `TaskStore`."""
        await self._arrive()
        self.database.listeners.append(heard)
        try:
            heard()
            await trio.sleep_forever()
        finally:
            with suppress(ValueError):
                self.database.listeners.remove(heard)

    # --- the rows -----------------------------------------------------------------------------------------------------
    async def _arrive(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.request_s:
            await trio.sleep(min(self.request_s, self.limit_s))
        if self.down or self.request_s > self.limit_s:
            raise StoreUnreachable("down")

    async def _answer(self) -> None:
        if self.answer_s:
            await trio.sleep(min(self.answer_s, self.limit_s))
        if self.answer_s > self.limit_s:
            raise StoreUnreachable("no answer")

    def _row(self, task_id: str) -> MemoryTask:
        if task_id not in self.database.tasks:
            raise no_task(task_id)
        return self.database.tasks[task_id]

    def _task(self, row: MemoryTask) -> Task:
        new = row.new
        return Task(
            task_id=new.task_id, symbol=new.symbol, kind=new.kind, weight=new.weight, priority=new.priority,
            desired=row.desired, state=row.state, why=row.why, holder=row.holder, epoch=row.epoch,
            left_s=0.0 if row.ends_s is None else row.ends_s - self.database.now_s(),
        )

    def _note(
        self, task_id: str, kind: str, state: TaskState | None, text: str, lease: Lease | None = None
    ) -> None:
        now_s = self.database.now_s()
        event = TaskEvent(
            at_ns=round(now_s * 1e9), task_id=task_id, kind=kind, state="" if state is None else state.value, text=text,
            worker_id=lease.holder if lease else "", epoch=lease.epoch if lease else 0,
        )
        self.database.events.append((now_s, event))
