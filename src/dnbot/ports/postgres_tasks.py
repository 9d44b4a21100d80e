"""Tasks and leases in PostgreSQL: a method that writes is one statement of `db/0008_tasks.sql`, but for `prune`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.fleet.life import Desired, TaskState, by_person
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
from dnbot.ports.tasks import FAILURES

CHANNEL = "dnbot_tasks"
MOVES_MAX = 5

_TASK = """
select t.task_id, t.symbol, t.kind, t.weight, t.priority, t.desired, t.state, t.why, l.holder, l.epoch,
    coalesce(milliseconds_until(l.expires_at), 0) as left_ms
from tasks t join task_leases l using (task_id)
"""
TASKS = _TASK + "order by t.task_id"
TASK = _TASK + "where t.task_id = $1"
DETAILS = """
select settings, context::text as context,
    array(select account from task_accounts a where a.task_id = t.task_id order by account) as accounts
from tasks t where task_id = $1
"""
WORKERS = """
select worker_id, name, version, capacity, draining, -milliseconds_until(seen_at) as seen_ms
from workers where ended_at is null order by worker_id
"""
HISTORY = """
select task_id, kind, state, text, worker_id, lease_epoch, run_epoch,
    (extract(epoch from at) * 1000000000)::bigint as ns
from task_events where task_id = $1 order by id desc limit $2
"""
FAILED = """
select -milliseconds_until(at) as ms from task_events e
where task_id = $1 and kind = any ($2) and at > clock_timestamp() - $3::bigint * interval '1 millisecond'
    and id > coalesce((select max(id) from task_events where task_id = $1 and kind in ('added', 'wanted_running')), 0)
order by id desc
"""
ADD = "select add_task($1::text::jsonb, $2, $3, $4, $5) as why"
WANT = "select want_task($1, $2, $3, $4, $5, $6) as why"
REMOVE = "select remove_task($1, $2) as why"
REGISTER = "select register_worker($1, $2, $3, $4)"
LEAVE = "select leave_fleet($1, $2)"
CLAIM = "select * from claim_task($1, $2, $3)"
RENEW = (
    "select coalesce(jsonb_agg(r), '[]')::text as refused from renew_leases($1, $2::text[], $3::bigint[], $4) as r"
)
RELEASE = "select * from release_lease($1, $2, $3)"
CHECK = "select check_lease($1, $2, $3)"
BIND = "select bind_accounts($1, $2, $3, $4) as why"
# Rows that another worker is deleting are its own; `now()` and not the clock, so that an index can be asked.
PRUNE_EVENTS = """
with gone as (
    delete from task_events where ctid = any (array(
        select ctid from task_events where at < now() - $1::bigint * interval '1 millisecond'
        order by at limit $2 for update skip locked
    )) returning 1
) select count(*) as rows from gone
"""
# One that never said that it ended counts from when it was last seen.
PRUNE_WORKERS = """
with gone as (
    delete from workers where ctid = any (array(
        select ctid from workers w
        where (ended_at < now() - $1::bigint * interval '1 millisecond'
            or (ended_at is null and seen_at < now() - $1::bigint * interval '1 millisecond'))
            and not exists (select from task_leases l where l.holder = w.worker_id)
        limit $2 for update skip locked
    )) returning 1
) select count(*) as rows from gone
"""
TELL = "select tell_task($1, $2, $3, $4, $5, $6, $7::text::jsonb)"


class Statements(Protocol):
    """What of a `PostgresStore` is needed here."""

    async def call(self, sql: str, *arguments: object) -> dict[str, Any]:
        """One statement, one transaction."""
        ...

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows of one query."""
        ...

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` on each notification."""
        ...


@attrs.frozen
class PostgresTasks:
    """`TaskStore` on the connections of a store."""

    store: Statements
    mask: Callable[[str], str] = str
    """Replaces secrets in what is written of a bot."""

    async def add(self, new: NewTask, *, who: str) -> None:
        """See `TaskStore`."""
        row = {name: getattr(new, name) for name in ("task_id", "kind", "settings", "weight", "priority")}
        document = msgspec.json.encode(row).decode()
        found = await self.store.call(ADD, document, new.symbol.base, new.symbol.quote, list(new.accounts), who)
        if found["why"]:
            raise ConfigError("tasks", new.task_id, found["why"], "a name, a symbol and accounts that no task has")

    async def want(self, task_id: str, desired: Desired, *, who: str, why: str) -> Task:
        """See `TaskStore`."""
        for _ in range(MOVES_MAX):
            state = (await self._task(task_id)).state
            new = by_person(state, desired)
            answer = await self.store.call(WANT, task_id, desired.value, who, self.mask(why), state.value, new.value)
            if not answer["why"]:
                return await self._task(task_id)
        raise ConfigError("tasks", task_id, "a state that keeps changing", "another try")

    async def remove(self, task_id: str, *, who: str) -> None:
        """See `TaskStore`."""
        found = (await self.store.call(REMOVE, task_id, who))["why"]
        if found:
            raise no_task(task_id) if found == "none" else not_removable(task_id, found)

    async def picture(self) -> Picture:
        """See `TaskStore`. Two queries: a lease may be newer than its worker."""
        workers = await self.store.read(WORKERS)
        tasks = await self.store.read(TASKS)
        return Picture(tasks=tuple(map(_task_of, tasks)), workers=tuple(map(_worker_of, workers)))

    async def details(self, task_id: str) -> TaskDetails:
        """See `TaskStore`."""
        task = await self._task(task_id)
        found = await self.store.read(DETAILS, task_id)
        if not found:
            raise no_task(task_id)
        context = msgspec.json.decode(found[0]["context"])
        return TaskDetails(
            task=task, settings=found[0]["settings"], accounts=tuple(found[0]["accounts"]), context=context
        )

    async def history(self, task_id: str, last: int) -> tuple[TaskEvent, ...]:
        """See `TaskStore`."""
        return tuple(event_of(row) for row in reversed(await self.store.read(HISTORY, task_id, last)))

    async def register(self, worker: Worker) -> None:
        """See `TaskStore`."""
        await self.store.call(REGISTER, worker.worker_id, worker.name, worker.version, worker.capacity)

    async def drain(self, worker_id: str) -> None:
        """See `TaskStore`."""
        await self.store.call(LEAVE, worker_id, False)

    async def end(self, worker_id: str) -> None:
        """See `TaskStore`."""
        await self.store.call(LEAVE, worker_id, True)

    async def claim(self, task_id: str, worker_id: str, ttl_s: float) -> Granted | Refused:
        """See `TaskStore`."""
        row = await self.store.call(CLAIM, task_id, worker_id, _ms(ttl_s))
        left_ms = row["o_left_ms"]
        if not row["o_granted"]:
            left_s = None if left_ms is None else left_ms / 1000
            return Refused(task_id, row["o_holder"], row["o_epoch"] or 0, left_s, row["o_why"])
        since_end_s = None if left_ms is None else max(0.0, -left_ms / 1000)
        return Granted(Lease(task_id, worker_id, row["o_epoch"]), since_end_s)

    async def renew(self, worker_id: str, leases: Sequence[Lease], ttl_s: float) -> tuple[Refused, ...]:
        """See `TaskStore`."""
        names, epochs = [lease.task_id for lease in leases], [lease.epoch for lease in leases]
        row = await self.store.call(RENEW, worker_id, names, epochs, _ms(ttl_s))
        return tuple(
            Refused(one["task_id"], one["holder"], one["epoch"], _seconds(one["left_ms"]))
            for one in msgspec.json.decode(row["refused"])
        )

    async def release(self, lease: Lease) -> Refused | None:
        """See `TaskStore`."""
        row = await self.store.call(RELEASE, lease.task_id, lease.holder, lease.epoch)
        if row["o_released"]:
            return None
        return Refused(lease.task_id, row["o_holder"], row["o_epoch"] or 0, _seconds(row["o_left_ms"]))

    async def check(self, lease: Lease) -> None:
        """See `TaskStore`."""
        await self.store.call(CHECK, lease.task_id, lease.holder, lease.epoch)

    async def bind(self, lease: Lease, accounts: Sequence[str]) -> None:
        """See `TaskStore`."""
        row = await self.store.call(BIND, lease.task_id, lease.holder, lease.epoch, list(accounts))
        if row["why"]:
            raise one_account(lease.task_id, row["why"])

    async def tell(self, lease: Lease, change: Change | None, context: dict[str, Any] | None = None) -> None:
        """See `TaskStore`."""
        told = (None, None, None) if change is None else (change.kind, change.state.value, self.mask(change.text))
        document = None if context is None else self.mask(msgspec.json.encode(context).decode())
        await self.store.call(TELL, lease.task_id, lease.holder, lease.epoch, *told, document)

    async def failures(self, task_id: str, window_s: float) -> tuple[float, ...]:
        """See `TaskStore`."""
        rows = await self.store.read(FAILED, task_id, list(FAILURES), _ms(window_s))
        return tuple(max(0, row["ms"]) / 1000 for row in rows)

    async def prune(self, age_s: float, most: int) -> int:
        """See `TaskStore`."""
        deleted = [await self.store.call(sql, _ms(age_s), most) for sql in (PRUNE_EVENTS, PRUNE_WORKERS)]
        return sum(int(row["rows"]) for row in deleted)

    async def listen(self, heard: Callable[[], None]) -> None:
        """See `TaskStore`."""
        await self.store.listen(CHANNEL, heard)

    async def _task(self, task_id: str) -> Task:
        found = await self.store.read(TASK, task_id)
        if not found:
            raise no_task(task_id)
        return _task_of(found[0])


def no_task(task_id: str) -> ConfigError:
    """What is said of a name that no task has."""
    return ConfigError("tasks", task_id, "no such task", "one of `dnbot task list`")


def one_account(task_id: str, found: str) -> ConfigError:
    """What is said of a task whose account is another's."""
    return ConfigError(f"task {task_id}", "account", found, "accounts that no other task trades, by whatever name")


def not_removable(task_id: str, found: str) -> ConfigError:
    """What is said of a task that may not be forgotten yet."""
    return ConfigError("tasks", task_id, found, f"a task that nobody holds and that ended: `dnbot task stop {task_id}`")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _task_of(row: dict[str, Any]) -> Task:
    return Task(
        task_id=row["task_id"], symbol=Symbol.parse(row["symbol"]), kind=row["kind"], weight=row["weight"],
        priority=row["priority"], desired=Desired(row["desired"]), state=TaskState(row["state"]), why=row["why"],
        holder=row["holder"], epoch=row["epoch"], left_s=row["left_ms"] / 1000,
    )


def _worker_of(row: dict[str, Any]) -> Worker:
    return Worker(
        worker_id=row["worker_id"], name=row["name"], version=row["version"], capacity=row["capacity"],
        draining=row["draining"], seen_s=max(0, row["seen_ms"]) / 1000,
    )


def event_of(row: dict[str, Any]) -> TaskEvent:
    """A row of task_events with its time in `ns`."""
    return TaskEvent(
        at_ns=row["ns"], task_id=row["task_id"], kind=row["kind"], state=row["state"], text=row["text"],
        worker_id=row["worker_id"], epoch=row["lease_epoch"], run_epoch=row["run_epoch"],
    )
