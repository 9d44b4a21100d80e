"""What the database of a simulated fleet promises, PostgreSQL keeps as well: fences, and a book that lost its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import Symbol
from dnbot.fleet.words import Granted, Lease, LeaseLost, NewTask, Worker
from dnbot.lab.fleet_database import FleetDatabase, LeasedStore, Reach
from dnbot.ports.memory_store import EPOCH_ORIGIN_S
from dnbot.ports.memory_tasks import MemoryTasks
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.ports.store import Store
from dnbot.ports.tasks import TaskStore

TTL_S = 30.0
BTC = Symbol("BTC", "USDT")
BEGIN: dict[str, Any] = {"version": "test", "settings": "{}", "started_at_ns": 1_780_000_000_000_000_000}
END_ALL = "update task_leases set expires_at = clock_timestamp() - interval '1 second' returning 1"
GO_BACK = "update books set sequence = sequence - 1 where symbol = 'BTC/USDT' returning 1"
NOW = "select extract(epoch from clock_timestamp())::float8 as s"
GoOn = Callable[[], Awaitable[Any]]


@attrs.frozen
class Place:
    """A database of a fleet."""

    tasks: TaskStore
    of_task: Callable[[Lease], Store]
    end_leases: GoOn
    lose_one: GoOn
    """The newest record of the book was in a commit that is lost."""
    now_s: Callable[[], Awaitable[float]]
    """Its clock, seconds since the Unix epoch."""


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest) -> Any:
    """Opens a database of a fleet; runs the test for each implementation."""
    if request.param == "memory":

        @asynccontextmanager
        async def open_memory() -> Any:
            made = FleetDatabase()

            async def end_leases() -> None:
                made.ahead_s += TTL_S + 1

            async def lose_one() -> None:
                made.books.books[BTC].sequence -= 1

            async def now_s() -> float:
                return made.now_ns() / 1e9

            reach = Reach(made)
            tasks = MemoryTasks(made.tasks)
            await made.add(NewTask(task_id="btc", symbol=BTC, settings="", accounts=("a",)))
            yield Place(tasks, lambda lease: LeasedStore.on(reach, lease), end_leases, lose_one, now_s)

        return open_memory
    server = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def open_postgres() -> Any:
        async with open_postgres_store(await server.migrated()) as store:
            tasks = PostgresTasks(store)
            await tasks.add(NewTask(task_id="btc", symbol=BTC, settings="", accounts=("a",)), who="anna")

            async def now_s() -> float:
                return float((await store.call(NOW))["s"])

            yield Place(tasks, store.of_task, lambda: store.call(END_ALL), lambda: store.call(GO_BACK), now_s)

    return open_postgres


async def granted(tasks: TaskStore, worker: str) -> Lease:
    """A claim that succeeds."""
    await tasks.register(Worker(worker_id=worker, name=worker, capacity=1))
    found = await tasks.claim("btc", worker, TTL_S)
    assert isinstance(found, Granted), str(found)
    return found.lease


async def test_a_claim_fences_the_book(place: Any, words: Any) -> None:
    """Nothing is written on an older lease from the claim on, and no incarnation begins on it, before as after its
    successor began."""
    async with place() as at:
        older, stood = await granted(at.tasks, "one"), at.of_task(await granted(at.tasks, "one"))
        with pytest.raises(LeaseLost):
            await at.of_task(older).begin_run(BTC, **BEGIN)
        epoch = await stood.begin_run(BTC, **BEGIN)
        await stood.append([words.booked("1")])
        await at.end_leases()
        newest = at.of_task(await granted(at.tasks, "two"))
        with pytest.raises(InvariantBroken, match="may not write"):
            await stood.append([words.booked("2")])
        with pytest.raises(InvariantBroken, match="may not write"):
            await stood.commit_intents([words.intent(epoch, 1)], execution_id="x1", opportunity=None)
        assert await newest.begin_run(BTC, **BEGIN) > epoch
        await newest.append([words.booked("2")])


async def test_a_book_that_lost_its_end_takes_nothing_more_from_who_wrote_it(place: Any, words: Any) -> None:
    """The next append says so instead of leaving a hole; a new incarnation goes on from what is there."""
    async with place() as at:
        lease = await granted(at.tasks, "one")
        store = at.of_task(lease)
        await store.begin_run(BTC, **BEGIN)
        await store.append([words.booked("1"), words.booked("2")])
        await at.lose_one()
        with pytest.raises(InvariantBroken, match="records after 1 expected, 2 found"):
            await store.append([words.booked("3")])
        again = at.of_task(lease)
        await again.begin_run(BTC, **BEGIN)
        await again.append([words.booked("3")])


@pytest.mark.parametrize("off_s", [-3600, 3600])
async def test_an_incarnation_is_numbered_by_the_databases_clock(place: Any, off_s: int) -> None:
    """However wrong the worker's own is: an epoch that a failover lost is not given again by another worker's."""
    async with place() as at:
        store = at.of_task(await granted(at.tasks, "one"))
        before_s = await at.now_s()
        begin = BEGIN | {"started_at_ns": round((before_s + off_s) * 1e9)}
        began_s = await store.begin_run(BTC, **begin) + EPOCH_ORIGIN_S
        assert int(before_s) <= began_s <= await at.now_s()


async def test_an_epoch_that_a_failover_lost_is_not_given_again(autojump_clock: Any) -> None:
    """Also when who begins next is on a machine whose clock is behind by as much as the failover took."""
    made = FleetDatabase()
    await made.add(NewTask(task_id="btc", symbol=BTC, settings="", accounts=("a",)))
    tasks, reach = MemoryTasks(made.tasks), Reach(made)
    standby = made.standby()
    lost = await LeasedStore.on(reach, await granted(tasks, "one")).begin_run(BTC, **BEGIN)
    made.fail_over(standby)
    await trio.sleep(2)
    begin = BEGIN | {"started_at_ns": BEGIN["started_at_ns"] - 2_000_000_000}
    assert await LeasedStore.on(reach, await granted(tasks, "two")).begin_run(BTC, **begin) > lost


async def test_a_standby_knows_what_was_committed_before_it_was_copied() -> None:
    """Tasks, leases and books go back together; nobody's later change reaches the copy."""
    made = FleetDatabase()
    await made.add(NewTask(task_id="btc", symbol=BTC, settings="", accounts=("a",)))
    tasks, reach = MemoryTasks(made.tasks), Reach(made)
    first = await granted(tasks, "one")
    store = LeasedStore.on(reach, first)
    epoch = await store.begin_run(BTC, **BEGIN)
    standby = made.standby()
    await tasks.release(first)
    await LeasedStore.on(reach, await granted(tasks, "two")).begin_run(BTC, **BEGIN)
    assert made.fail_over(standby) == 1, "an incarnation; what people and workers do is counted by the taps"
    (task,) = (await tasks.picture()).tasks
    assert (task.holder, task.epoch) == ("one", first.epoch)
    assert made.books.books[BTC].epoch == epoch
    assert [run[0] for run in made.books.runs] == [epoch]
    before = made.held[first]
    await tasks.renew("one", [first], TTL_S)
    assert made.held[first].newest_s > before.newest_s
