"""What every store of tasks promises; each test runs on the one in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from dnbot.domain.errors import ConfigError, InvariantBroken, StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.fleet.life import Desired, TaskState
from dnbot.fleet.words import Change, Granted, Lease, LeaseLost, NewTask, Refused, Worker
from dnbot.ports.memory_tasks import MemoryTasks, MemoryTasksDatabase
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.ports.tasks import TaskStore

TTL_S = 30.0
SHIFT = """
with leases as (update task_leases set expires_at = expires_at - $1::float8 * interval '1 second'),
    seen as (
        update workers set seen_at = seen_at - $1::float8 * interval '1 second',
            ended_at = ended_at - $1::float8 * interval '1 second'
    )
update task_events set at = at - $1::float8 * interval '1 second'
"""
BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")


@attrs.frozen
class Place:
    """A store of tasks, and a way to let its clock go on."""

    tasks: TaskStore
    later: Callable[[float], Awaitable[Any]]


OpenPlace = Callable[[], Any]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest) -> OpenPlace:
    """Opens a store of tasks; runs the test for each implementation."""
    if request.param == "memory":
        now = [1000.0]

        async def later(seconds: float) -> None:
            now[0] += seconds

        @asynccontextmanager
        async def open_memory() -> AsyncGenerator[Place, None]:
            yield Place(MemoryTasks(MemoryTasksDatabase(lambda: now[0])), later)

        return open_memory
    server = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def open_postgres() -> AsyncGenerator[Place, None]:
        async with open_postgres_store(await server.migrated()) as store:
            yield Place(PostgresTasks(store), lambda seconds: store.call(SHIFT, seconds))

    return open_postgres


def new(task_id: str = "btc", symbol: Symbol = BTC, **changes: Any) -> NewTask:
    """A task on an account of its own."""
    given = {"settings": 'mode = "sim"', "accounts": (f"account-of-{task_id}",)}
    return NewTask(task_id=task_id, symbol=symbol, **(given | changes))


async def filled(tasks: TaskStore) -> None:
    """Two workers and one task."""
    for name in ("one", "two"):
        await tasks.register(Worker(worker_id=name, name=f"host-{name}", capacity=4, version="1"))
    await tasks.add(new(), who="anna")


async def granted(tasks: TaskStore, worker: str = "one", task: str = "btc") -> Lease:
    """A claim that succeeds."""
    found = await tasks.claim(task, worker, TTL_S)
    assert isinstance(found, Granted), str(found)
    return found.lease


async def kinds(tasks: TaskStore) -> list[str]:
    """The kinds of all events of the task."""
    return [event.kind for event in await tasks.history("btc", 100)]


async def test_what_is_added_is_found(place: OpenPlace) -> None:
    """A task has what it was given, is to run, and is nobody's; its settings are read of it alone."""
    async with place() as at:
        await at.tasks.add(new(weight=3, priority=-2), who="anna")
        (task,) = (await at.tasks.picture()).tasks
        assert (task.task_id, task.symbol, task.weight, task.priority) == ("btc", BTC, 3, -2)
        assert (task.desired, task.state, task.holder, task.epoch) == (Desired.RUNNING, TaskState.CREATED, None, 0)
        details = await at.tasks.details("btc")
        assert (details.settings, details.accounts, details.context) == ('mode = "sim"', ("account-of-btc",), {})
        assert details.task == task
        assert [(e.kind, e.text) for e in await at.tasks.history("btc", 5)] == [("added", "by anna")]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (new(), "task btc exists already"),
        (new("btc-2"), "BTC/USDT is traded by task btc"),
        (new("eth", ETH, accounts=("account-of-btc", "x")), "account account-of-btc belongs to task btc"),
    ],
)
async def test_a_name_a_symbol_and_an_account_belong_to_one_task(place: OpenPlace, second: NewTask, told: str) -> None:
    """What would share any of them is refused, says with whom, and leaves nothing."""
    async with place() as at:
        await filled(at.tasks)
        with pytest.raises(ConfigError, match=told):
            await at.tasks.add(second, who="anna")
        assert [task.task_id for task in (await at.tasks.picture()).tasks] == ["btc"]
        await at.tasks.add(new("eth", ETH), who="anna")


async def test_a_lease_has_one_holder_until_it_ends(place: OpenPlace) -> None:
    """A second claim is refused and says whose it is and for how long; after its end it succeeds, with a new epoch."""
    async with place() as at:
        await filled(at.tasks)
        first = await granted(at.tasks)
        refused = await at.tasks.claim("btc", "two", TTL_S)
        assert isinstance(refused, Refused)
        assert (refused.holder, refused.epoch) == ("one", 1)
        assert refused.left_s is not None
        assert TTL_S - 5 < refused.left_s <= TTL_S
        await at.later(TTL_S + 2)
        found = await at.tasks.claim("btc", "two", TTL_S)
        assert isinstance(found, Granted)
        assert (found.lease.epoch, found.lease.holder) == (first.epoch + 1, "two")
        assert found.since_end_s is not None
        assert 1.9 <= found.since_end_s < 7
        (task,) = (await at.tasks.picture()).tasks
        assert (task.holder, task.epoch, task.is_held, task.state) == ("two", 2, True, TaskState.STARTING)


async def test_a_released_lease_is_free_at_once(place: OpenPlace) -> None:
    """Nobody waits for its end; the epoch grows all the same, also when the same worker claims it again."""
    async with place() as at:
        await filled(at.tasks)
        lease = await granted(at.tasks)
        assert await at.tasks.release(lease) is None
        found = await at.tasks.claim("btc", "one", TTL_S)
        assert isinstance(found, Granted)
        assert (found.since_end_s, found.lease.epoch) == (None, 2)
        again = await at.tasks.release(lease)
        assert again is not None
        assert (again.holder, again.epoch) == ("one", 2)
        await at.tasks.check(found.lease)


async def test_its_own_lease_may_be_claimed_again(place: OpenPlace) -> None:
    """A worker that never heard of its grant claims again; the older epoch is fenced off."""
    async with place() as at:
        await filled(at.tasks)
        older, newer = await granted(at.tasks), await granted(at.tasks)
        assert newer.epoch == older.epoch + 1
        with pytest.raises(LeaseLost):
            await at.tasks.check(older)
        assert "reclaimed" in await kinds(at.tasks)


async def test_renewal_extends_what_stands_and_tells_of_the_rest(place: OpenPlace) -> None:
    """Ended, foreign, superseded and unknown leases come back with what was found; none of them is extended."""
    async with place() as at:
        await filled(at.tasks)
        await at.tasks.add(new("eth", ETH), who="anna")
        kept, lost = await granted(at.tasks), await granted(at.tasks, task="eth")
        await at.later(20)
        assert await at.tasks.renew("one", [kept], TTL_S) == ()
        await at.later(20)
        assert await at.tasks.renew("one", [], TTL_S) == ()
        unknown = Lease("none", "one", 7)
        refused = {one.task_id: one for one in await at.tasks.renew("one", [kept, lost, unknown], TTL_S)}
        assert set(refused) == {"eth", "none"}
        assert (refused["eth"].holder, refused["eth"].epoch, refused["none"].epoch) == ("one", 1, 0)
        assert refused["eth"].left_s is not None
        assert -15 < refused["eth"].left_s <= -10
        await granted(at.tasks, "two", "eth")
        (taken,) = await at.tasks.renew("one", [kept, lost], TTL_S)
        assert (taken.holder, taken.epoch) == ("two", 2)
        tasks = {task.task_id: task for task in (await at.tasks.picture()).tasks}
        assert tasks["btc"].left_s > TTL_S - 5


async def test_nothing_is_written_without_the_lease(place: OpenPlace) -> None:
    """The fence holds for another's lease, an ended one and an older epoch; state and context stay as they were."""
    async with place() as at:
        await filled(at.tasks)
        lease = await granted(at.tasks)
        await at.tasks.tell(lease, Change(kind="started", state=TaskState.RUNNING, text="up"), {"delta": "0.1"})
        running = Change(kind="failure", state=TaskState.FAILED, text="late")
        for stranger in (Lease("btc", "two", lease.epoch), Lease("btc", "one", lease.epoch - 1)):
            with pytest.raises(LeaseLost, match="does not stand"):
                await at.tasks.tell(stranger, running, {})
        await at.later(TTL_S + 1)
        for call in (at.tasks.check(lease), at.tasks.tell(lease, running, {})):
            with pytest.raises(LeaseLost):
                await call
        details = await at.tasks.details("btc")
        assert (details.task.state, details.task.why, details.context) == (TaskState.RUNNING, "up", {"delta": "0.1"})
        assert "failure" not in await kinds(at.tasks)


async def test_an_account_that_a_holder_finds_is_its_tasks_own(place: OpenPlace) -> None:
    """Under whatever name: another task that finds the same is refused, and so is a new one; a stranger binds none."""
    async with place() as at:
        await filled(at.tasks)
        await at.tasks.add(new("eth", ETH), who="anna")
        btc, eth = await granted(at.tasks), await granted(at.tasks, "two", "eth")
        await at.tasks.bind(btc, ("gate:key:1", "mexc:key:1"))
        await at.tasks.bind(btc, ("gate:key:1",))
        with pytest.raises(ConfigError, match="gate:key:1 belongs to task btc"):
            await at.tasks.bind(eth, ("gate:key:1", "mexc:key:2"))
        with pytest.raises(ConfigError, match="mexc:key:1 belongs to task btc"):
            await at.tasks.add(new("sol", Symbol("SOL", "USDT"), accounts=("mexc:key:1",)), who="anna")
        with pytest.raises(LeaseLost):
            await at.tasks.bind(Lease("eth", "one", eth.epoch), ("gate:key:9",))
        assert (await at.tasks.details("btc")).accounts == ("account-of-btc", "gate:key:1", "mexc:key:1")


async def test_a_wish_moves_what_nobody_holds_and_waits_for_the_holder_else(place: OpenPlace) -> None:
    """A free task is stopped and begun again at once, and cannot be claimed meanwhile; a held one only knows."""
    async with place() as at:
        await filled(at.tasks)
        assert (await at.tasks.want("btc", Desired.STOPPED, who="anna", why="x")).state is TaskState.STOPPED
        refused = await at.tasks.claim("btc", "one", TTL_S)
        assert isinstance(refused, Refused)
        assert "is stopped" in str(refused)
        assert (await at.tasks.want("btc", Desired.RUNNING, who="anna", why="x")).state is TaskState.CREATED
        await granted(at.tasks)
        held = await at.tasks.want("btc", Desired.STOPPED, who="anna", why="enough")
        assert (held.state, held.desired) == (TaskState.STARTING, Desired.STOPPED)
        assert (await at.tasks.history("btc", 1))[0].text == "anna: enough"
        with pytest.raises(ConfigError, match="no such task"):
            await at.tasks.want("eth", Desired.STOPPED, who="anna", why="x")


async def test_a_held_or_unfinished_task_is_not_forgotten(place: OpenPlace) -> None:
    """Neither is removed; a stopped one is, its history stays, and its symbol and accounts are free again."""
    async with place() as at:
        await filled(at.tasks)
        lease = await granted(at.tasks)
        with pytest.raises(ConfigError, match="held by one"):
            await at.tasks.remove("btc", who="anna")
        await at.later(TTL_S + 1)
        with pytest.raises(ConfigError, match="starting"):
            await at.tasks.remove("btc", who="anna")
        lease = await granted(at.tasks)
        await at.tasks.tell(lease, Change(kind="ended", state=TaskState.STOPPED))
        await at.tasks.release(lease)
        await at.tasks.remove("btc", who="anna")
        assert (await at.tasks.picture()).tasks == ()
        assert (await kinds(at.tasks))[-2:] == ["ended", "removed"]
        await at.tasks.add(new("btc-2", accounts=("account-of-btc",)), who="anna")
        with pytest.raises(ConfigError, match="no such task"):
            await at.tasks.remove("btc", who="anna")


async def test_workers_come_drain_and_go(place: OpenPlace) -> None:
    """They are seen with how long ago they showed that they live; one that ended is gone."""
    async with place() as at:
        await filled(at.tasks)
        await at.later(10)
        await at.tasks.renew("two", [], TTL_S)
        await at.tasks.drain("two")
        one, two = (await at.tasks.picture()).workers
        assert (one.name, one.capacity, one.version, one.draining) == ("host-one", 4, "1", False)
        assert 10 <= one.seen_s < 15
        assert two.seen_s < 5
        assert two.draining
        await granted(at.tasks, "two")
        await at.tasks.end("two")
        assert [worker.worker_id for worker in (await at.tasks.picture()).workers] == ["one"]
        found = await at.tasks.claim("btc", "one", TTL_S)
        assert isinstance(found, Granted), "what it still held is free"
        assert found.since_end_s is not None, "but nobody has said that nothing is under way"
        assert found.since_end_s < 5


async def test_failures_are_those_of_the_window_since_the_last_resume(place: OpenPlace) -> None:
    """Failures count, and leases of workers that died; those of workers that live do not."""
    async with place() as at:
        await filled(at.tasks)
        lease = await granted(at.tasks)
        failed = Change(kind="failure", state=TaskState.FAILED, text="x")
        await at.tasks.tell(lease, failed)
        await at.later(TTL_S + 1)
        await at.tasks.renew("one", [], TTL_S)
        await granted(at.tasks, "two")
        assert (await kinds(at.tasks))[-1] == "reclaimed"
        await at.later(TTL_S + 1)
        lease = await granted(at.tasks, "one")
        assert (await kinds(at.tasks))[-1] == "taken_over"
        taken, failure = await at.tasks.failures("btc", 600)
        assert taken < 5
        assert 62 <= failure < 67
        assert len(await at.tasks.failures("btc", 40)) == 1
        await at.tasks.want("btc", Desired.RUNNING, who="anna", why="looked at it")
        assert await at.tasks.failures("btc", 600) == ()
        await at.tasks.tell(lease, failed)
        assert len(await at.tasks.failures("btc", 600)) == 1


async def test_who_listens_is_woken(place: OpenPlace) -> None:
    """At the beginning, because of what was missed, and then by what people and other workers do."""
    async with place() as at, trio.open_nursery() as nursery:
        heard, send = 0, trio.Event()

        def wake() -> None:
            nonlocal heard, send
            heard += 1
            send.set()
            send = trio.Event()

        nursery.start_soon(at.tasks.listen, wake)
        with trio.fail_after(10):
            await send.wait()
            await filled(at.tasks)
            while heard < 4:
                await send.wait()
            lease = await granted(at.tasks)
            before = heard
            await at.tasks.release(lease)
            while heard == before:
                await send.wait()
        nursery.cancel_scope.cancel()


# --- what only the database has ---------------------------------------------------------------------------------------
@pytest.mark.slow
async def test_an_incarnation_is_of_the_tasks_symbol_and_in_its_history(database: str, words: Any) -> None:
    """Another symbol's book is refused, and the history says which client ids are whose."""
    async with open_postgres_store(database) as store:
        tasks = PostgresTasks(store)
        await filled(tasks)
        begin = {"version": "1", "settings": "", "started_at_ns": words.start_ns}
        stood = store.of_task(await granted(tasks))
        with pytest.raises(InvariantBroken, match="does not trade ETH"):
            await stood.begin_run(ETH, **begin)
        epoch = await stood.begin_run(BTC, **begin)
        assert (await tasks.history("btc", 1))[0].run_epoch == epoch


@pytest.mark.slow
async def test_of_many_claims_at_once_one_succeeds(database: str) -> None:
    """Twelve workers ask in the same moment."""
    async with open_postgres_store(database) as store:
        tasks = PostgresTasks(store)
        await filled(tasks)
        found: list[Granted | Refused] = []

        async def claim(name: str) -> None:
            await tasks.register(Worker(worker_id=name, name=name, capacity=1))
            found.append(await tasks.claim("btc", name, TTL_S))

        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(claim, f"w{number}")
        winners = [one.lease.holder for one in found if isinstance(one, Granted)]
        assert len(winners) == 1
        assert {one.holder for one in found if isinstance(one, Refused)} == set(winners)


@pytest.mark.slow
async def test_a_listener_whose_connection_ends_says_so(database: str, sql: Any) -> None:
    """It raises an operating error, so that whoever listens begins anew."""
    async with open_postgres_store(database) as store, trio.open_nursery() as nursery:
        began, ended = trio.Event(), trio.Event()

        async def listen() -> None:
            with pytest.raises(StoreUnreachable):
                await store.listen("dnbot_tasks", began.set)
            ended.set()

        nursery.start_soon(listen)
        with trio.fail_after(10):
            await began.wait()
            await sql(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query ilike 'listen%' and datname = current_database()"
            )
            await ended.wait()
        assert (await store.call("select 1 as one"))["one"] == 1


async def test_what_is_past_its_age_is_deleted_in_batches(place: OpenPlace) -> None:
    """The oldest events first, so many at once; what is younger stays, and so does a task that had only old ones."""
    async with place() as at:
        await filled(at.tasks)
        await at.tasks.want("btc", Desired.PAUSED, who="anna", why="old")
        await at.later(1000)
        await at.tasks.want("btc", Desired.RUNNING, who="anna", why="young")
        await at.tasks.register(Worker(worker_id="three", name="host", capacity=1))
        assert await at.tasks.prune(500, 1) == 2, "an event and a worker that fell silent"
        assert await kinds(at.tasks) == ["wanted_paused", "wanted_running"]
        assert await at.tasks.prune(500, 10) == 2
        assert await kinds(at.tasks) == ["wanted_running"]
        assert await at.tasks.prune(500, 10) == 0
        picture = await at.tasks.picture()
        assert [worker.worker_id for worker in picture.workers] == ["three"]
        assert [task.task_id for task in picture.tasks] == ["btc"]


async def test_a_worker_that_a_lease_names_is_not_forgotten(place: OpenPlace) -> None:
    """Not even when both are long gone; after the next claim it is. One that ended goes by when it ended."""
    async with place() as at:
        await filled(at.tasks)
        await granted(at.tasks)
        await at.later(1000)
        await at.tasks.end("two")
        assert await at.tasks.prune(500, 10) == 2, "the events alone"
        assert [worker.worker_id for worker in (await at.tasks.picture()).workers] == ["one"]
        await at.tasks.register(Worker(worker_id="three", name="host", capacity=1))
        await granted(at.tasks, "three")
        assert await at.tasks.prune(500, 10) == 1
        assert [worker.worker_id for worker in (await at.tasks.picture()).workers] == ["three"]
        await at.later(1000)
        await at.tasks.renew("three", [], TTL_S)
        assert await at.tasks.prune(500, 10) == 2, "the claim's event, and the row of the one that ended"
