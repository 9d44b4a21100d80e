"""Workers on virtual time: whatever happens to one, a task has one owner, and soon has one again.

The tasks here send two kinds of orders, as a bot does: those whose intent is committed, which the fence of the database
judges, and ways out while the database is away, which nothing but the lease's deadline holds back. Their farewell takes
as long as a bot's may.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from dnbot.bot import FAREWELL_S
from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired, TaskState
from dnbot.fleet.words import NewTask, Worker
from dnbot.operate.manager import POLL_S, TIDY_ROWS, TaskManager
from dnbot.operate.seat import Seat
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_tasks import MemoryTasks, MemoryTasksDatabase

TERMS = LeaseTerms()
ORDER_EVERY_S = 0.5


@attrs.frozen
class Act:
    """An order that a venue got, or (kind `farewell`) the last cancel of an incarnation."""

    at_s: float
    task: str
    epoch: int
    worker: str
    kind: str = "order"


@attrs.define
class World:
    """The database, the venue's log, and the workers."""

    nursery: trio.Nursery
    database: MemoryTasksDatabase
    acts: list[Act] = attrs.field(factory=list)
    managers: dict[str, TaskManager] = attrs.field(factory=dict)
    scopes: dict[str, trio.CancelScope] = attrs.field(factory=dict)
    killed: set[str] = attrs.field(factory=set)
    failing: dict[str, Exception] = attrs.field(factory=dict)
    """What the runner of a task raises after its start."""
    clock_ahead_s: float = 0.0
    farewell_s: float = FAREWELL_S

    async def add(self, *names: str, **changes: Any) -> None:
        """Tasks, each on a symbol of its own."""
        for name in names:
            new = NewTask(task_id=name, symbol=Symbol(name.upper(), "USDT"), settings="", accounts=(name,), **changes)
            await MemoryTasks(self.database).add(new, who="test")

    def start(self, name: str, capacity: int = 10) -> MemoryTasks:
        """A worker; its connection to the database is returned, to be broken."""
        tasks = MemoryTasks(self.database)
        worker = Worker(worker_id=name, name=name, capacity=capacity)
        log = EventLog(VirtualClock(0), [MemorySink()])
        self.managers[name] = TaskManager(tasks, self.run_task, worker, log, TERMS)
        self.nursery.start_soon(self._work, name)
        return tasks

    async def _work(self, name: str) -> None:
        with trio.CancelScope() as self.scopes[name]:
            await self.managers[name].run()
        del self.managers[name]

    def kill(self, name: str) -> None:
        """As SIGKILL: nothing of it does anything any more."""
        self.killed.add(name)
        self.scopes[name].cancel()

    async def run_task(self, seat: Seat) -> None:
        """A runner that sends an order every half second."""
        task, worker = seat.lease.task_id, seat.lease.holder
        try:
            await trio.sleep(0.2)
            seat.started()
            if task in self.failing:
                raise self.failing[task]
            while (wish := seat.wish) is not Desired.STOPPED:
                if wish is Desired.PAUSED:
                    seat.paused()
                else:
                    await self._order(seat)
                with trio.move_on_after(ORDER_EVERY_S):
                    await seat.wished(wish)
        finally:
            if worker not in self.killed:
                with trio.move_on_after(FAREWELL_S, shield=True):
                    await trio.sleep(self.farewell_s)
                self.acts.append(Act(trio.current_time(), task, seat.lease.epoch, worker, "farewell"))

    async def _order(self, seat: Seat) -> None:
        with suppress(StoreUnreachable):  # then it is a way out, committed to a file
            await seat.tasks.check(seat.lease)
        self.acts.append(Act(trio.current_time(), seat.lease.task_id, seat.lease.epoch, seat.lease.holder))

    def owners(self) -> dict[str, str]:
        """Task -> the worker that runs it; fails when two do."""
        found: dict[str, str] = {}
        for name, manager in self.managers.items():
            for task in manager.seats:
                assert task not in found, f"{task} is run by {found[task]} and {name}"
                found[task] = name
        return found

    def state(self, task: str) -> TaskState:
        """As the database has it."""
        return self.database.tasks[task].state

    def kinds(self, task: str) -> list[str]:
        """Kinds of its events."""
        return [event.kind for _, event in self.database.events if event.task_id == task]

    def orders(self, task: str) -> list[Act]:
        """The venue's log of it, without farewells."""
        return [act for act in self.acts if act.task == task and act.kind == "order"]

    def assert_one_writer(self, *, waits: bool = True) -> None:
        """No order of an older lease after one of a newer; after one that was not released, a successor waits."""
        for task in {act.task for act in self.acts}:
            epochs = [act.epoch for act in self.orders(task)]
            assert epochs == sorted(epochs), f"{task}: an older lease's order came late: {epochs}"
            for older, newer in pairwise(sorted(set(epochs))):
                last = max(act.at_s for act in self.acts if act.task == task and act.epoch == older)
                first = min(act.at_s for act in self.orders(task) if act.epoch == newer)
                told = f"{task}: epoch {older} ended at {last}, {newer} began at {first}"
                assert first >= last + waits * TERMS.order_life_s, told


@asynccontextmanager
async def world(*tasks: str) -> AsyncGenerator[World, None]:
    """A fleet without workers; everything in it ends with the block."""
    async with trio.open_nursery() as nursery:
        made = World(nursery, MemoryTasksDatabase())
        made.database.now_s = lambda: trio.current_time() + made.clock_ahead_s
        await made.add(*tasks)
        yield made
        made.killed.update(made.managers)
        nursery.cancel_scope.cancel()


async def test_a_worker_runs_what_there_is(autojump_clock: MockClock) -> None:
    """It claims the tasks, says where they stand, and keeps its leases without a gap."""
    async with world("btc", "eth") as at:
        at.start("one")
        await trio.sleep(200)
        assert at.owners() == {"btc": "one", "eth": "one"}
        assert at.state("btc") is TaskState.RUNNING
        assert at.kinds("btc") == ["added", "claimed", "started"]
        assert {act.epoch for act in at.orders("btc")} == {1}
        assert max(b.at_s - a.at_s for a, b in pairwise(at.orders("btc"))) < 1


async def test_a_killed_worker_is_followed_within_its_lease(autojump_clock: MockClock) -> None:
    """Another owns its task at most a lease and 5 s later, and not before the lease's end and what could be late."""
    for moment in (50.0, 53.0, 57.0, 59.9):
        async with world("btc") as at:
            at.start("one")
            await trio.sleep(3)
            at.start("two")
            await trio.sleep(moment)
            assert at.owners() == {"btc": "one"}
            at.kill("one")
            ends_s = at.database.tasks["btc"].ends_s
            assert ends_s is not None
            died_s = trio.current_time()
            await trio.sleep(TERMS.ttl_s + 5)
            first = next(act for act in at.orders("btc") if act.worker == "two")
            assert ends_s + TERMS.venue_skew_s + TERMS.order_life_s <= first.at_s <= died_s + TERMS.ttl_s + 5
            assert at.kinds("btc")[-2:] == ["taken_over", "started"]
            at.assert_one_writer()


@pytest.mark.parametrize("answer_s", [0.0, 4.9])
async def test_a_worker_without_its_database_ends_before_another_begins(
    autojump_clock: MockClock, answer_s: float
) -> None:
    """Its ways out and its farewell are over before the lease ends, also when the last renewal's answer came late;
    when the database is back it works again."""
    async with world("btc") as at:
        cut_off = at.start("one")
        await trio.sleep(3)
        at.start("two")
        await trio.sleep(3)
        cut_off.answer_s = answer_s
        await trio.sleep(TERMS.renew_every_s * 3)
        cut_off.down = True
        await trio.sleep(2 * TERMS.ttl_s)
        assert at.owners() == {"btc": "two"}
        assert [act.worker for act in at.acts if act.kind == "farewell"] == ["one"]
        at.assert_one_writer()
        cut_off.down, cut_off.answer_s = False, 0.0
        await at.add("eth")
        await trio.sleep(60)
        assert at.owners() == {"btc": "two", "eth": "one"}
        at.assert_one_writer()


async def test_a_grant_whose_answer_came_late_ends_no_later(autojump_clock: MockClock) -> None:
    """The database is gone before the first renewal: the deadline counts from before the claim was sent."""
    async with world("btc") as at:
        cut_off = at.start("one")
        cut_off.answer_s = 4.9
        while "btc" not in at.owners():  # noqa: ASYNC110 (a seat sets no event)
            await trio.sleep(0.05)
        cut_off.down = True
        at.start("two")
        await trio.sleep(2 * TERMS.ttl_s)
        assert at.owners() == {"btc": "two"}
        assert {act.worker for act in at.acts if act.kind == "farewell"} == {"one"}
        at.assert_one_writer()


async def test_a_short_outage_of_the_database_moves_nothing(autojump_clock: MockClock) -> None:
    """Ten seconds without it, at any point between two renewals: the leases stand, tasks go on."""
    async with world("btc") as at:
        tasks = at.start("one")
        for part in range(10):
            await trio.sleep(20 + part)
            tasks.down = True
            await trio.sleep(10)
            tasks.down = False
        assert {act.epoch for act in at.orders("btc")} == {1}
        assert max(b.at_s - a.at_s for a, b in pairwise(at.orders("btc"))) < 1


@pytest.mark.parametrize("ahead_s", [31.0, 45.0, 300.0])
async def test_a_worker_whose_clock_stood_is_fenced(autojump_clock: MockClock, ahead_s: float) -> None:
    """A host slept, its monotonic clock with it: to the database the lease has ended, and another has the task. What
    the sleeper commits is refused, so it ends, and none of its orders comes after one of the other."""
    async with world("btc") as at:
        at.farewell_s = 0.0
        at.start("one")
        await trio.sleep(3)
        at.start("two")
        await trio.sleep(24)
        one, two = at.managers["one"], at.managers["two"]
        at.clock_ahead_s = ahead_s
        two.wake()
        await trio.sleep(1)
        assert "btc" in two.seats
        await trio.sleep(POLL_S)
        assert "btc" not in one.seats
        await trio.sleep(30)
        assert at.owners() == {"btc": "two"}
        at.assert_one_writer(waits=False)


async def test_a_refused_renewal_ends_a_task_that_writes_nothing(autojump_clock: MockClock) -> None:
    """The sleeper's task is paused and sends nothing that could be refused: the next renewal tells."""
    async with world("btc") as at:
        at.farewell_s = 0.0
        at.start("one")
        await trio.sleep(3)
        at.start("two")
        await MemoryTasks(at.database).want("btc", Desired.PAUSED, who="anna", why="x")
        await trio.sleep(21)
        at.clock_ahead_s = 31.0
        at.managers["two"].wake()
        await trio.sleep(1)
        assert "btc" in at.managers["two"].seats
        await trio.sleep(TERMS.renew_every_s)
        assert at.owners() == {"btc": "two"}


async def test_what_is_ending_still_takes_its_room(autojump_clock: MockClock) -> None:
    """A worker with room for one task, whose lease is lost, claims another when its farewell is over."""
    async with world("btc") as at:
        at.start("one", capacity=1)
        await trio.sleep(3)
        at.start("two", capacity=1)
        await trio.sleep(24)
        await at.add("eth", priority=1)
        await trio.sleep(1)
        assert at.owners() == {"btc": "one", "eth": "two"}
        one = at.managers["one"]
        at.clock_ahead_s = 31.0
        at.managers["two"].drain("its task is free")
        for _ in range(90):
            await trio.sleep(0.1)
            assert len(one.seats) <= 1
        await trio.sleep(30)
        assert list(one.seats) == ["eth"]


async def test_a_drained_worker_is_followed_at_once(autojump_clock: MockClock) -> None:
    """It stops its tasks cleanly, releases them and ends; nobody waits for a lease, and nothing runs twice."""
    async with world("btc", "eth", "sol") as at:
        at.farewell_s = 0.3
        at.start("one")
        await trio.sleep(3)
        at.start("two")
        await trio.sleep(30)
        before = [task for task, owner in at.owners().items() if owner == "one"]
        assert before
        at.managers["one"].drain("SIGTERM")
        left_s = trio.current_time()
        await trio.sleep(1.5)
        assert "one" not in at.managers
        assert set(at.owners().values()) == {"two"}
        for task in before:
            assert next(act for act in at.orders(task) if act.at_s > left_s + 0.3).worker == "two"
            assert at.kinds(task)[-4:] == ["stop_asked", "handed_over", "claimed", "started"]
        at.assert_one_writer(waits=False)


@pytest.mark.slow
async def test_a_rolling_restart_keeps_every_task(autojump_clock: MockClock) -> None:
    """One after the other is drained and started again: every task runs at the end, none was ever run twice."""
    names = [f"t{n}" for n in range(9)]
    async with world(*names) as at:
        at.farewell_s = 0.5
        for worker in "abc":
            at.start(worker, capacity=6)
        await trio.sleep(30)
        for worker in "abc":
            at.managers[worker].drain("rolling")
            await trio.sleep(5)
            at.start(f"{worker}2", capacity=6)
            await trio.sleep(20)
            at.owners()
        await trio.sleep(60)
        owners = at.owners()
        assert sorted(owners) == names
        assert sorted(list(owners.values()).count(worker) for worker in at.managers) == [3, 3, 3]
        at.assert_one_writer(waits=False)


@pytest.mark.slow
async def test_a_new_worker_takes_its_share(autojump_clock: MockClock) -> None:
    """Tasks move one after the other until the shares are even, and then no more; never is a worker above capacity."""
    async with world(*(f"t{n}" for n in range(6))) as at:
        at.farewell_s = 0.2
        at.start("one", capacity=4)
        await trio.sleep(20)
        assert len(at.managers["one"].seats) == 4
        at.start("two", capacity=4)
        for _ in range(120):
            await trio.sleep(0.5)
            assert all(len(manager.seats) <= 4 for manager in at.managers.values())
        assert sorted(len(manager.seats) for manager in at.managers.values()) == [3, 3]
        claims = sum(at.kinds(f"t{n}").count("claimed") for n in range(6))
        assert claims == 7, "six, and one that moved"
        await trio.sleep(100)
        assert sum(at.kinds(f"t{n}").count("claimed") for n in range(6)) == claims
        at.assert_one_writer(waits=False)


async def test_what_a_person_wants_is_done(autojump_clock: MockClock) -> None:
    """Pause, resume, stop and begin again, each within a moment, without a new lease while it is held."""
    async with world("btc") as at:
        at.farewell_s = 0.1
        at.start("one")
        people = MemoryTasks(at.database)
        await trio.sleep(5)
        for desired, state, epoch in (
            (Desired.PAUSED, TaskState.PAUSED, 1), (Desired.RUNNING, TaskState.RUNNING, 1),
            (Desired.PAUSED, TaskState.PAUSED, 1), (Desired.STOPPED, TaskState.STOPPED, 1),
            (Desired.PAUSED, TaskState.PAUSED, 2), (Desired.RUNNING, TaskState.RUNNING, 2),
        ):
            await people.want("btc", desired, who="anna", why="x")
            await trio.sleep(1.5)
            assert (at.state("btc"), at.database.tasks["btc"].epoch) == (state, epoch)
            sent = len(at.orders("btc"))
            await trio.sleep(5)
            assert (len(at.orders("btc")) > sent) is (state is TaskState.RUNNING)


async def test_a_task_that_is_to_stop_is_stopped_by_the_next_holder(autojump_clock: MockClock) -> None:
    """Its worker died: another claims it, stops it as a bot stops, and lets go."""
    async with world("btc") as at:
        at.start("one")
        await trio.sleep(5)
        at.kill("one")
        await MemoryTasks(at.database).want("btc", Desired.STOPPED, who="anna", why="x")
        at.start("two")
        await trio.sleep(60)
        assert at.state("btc") is TaskState.STOPPED
        assert [act.kind for act in at.acts if act.worker == "two"] == ["farewell"]
        assert at.database.tasks["btc"].holder is None


async def test_a_task_that_fails_is_started_again_ever_later_and_then_quarantined(autojump_clock: MockClock) -> None:
    """After 1, 2, 4 and 8 s, in the same lease; the fifth failure is the last, until a person resumes it. Nothing else
    that the worker runs is disturbed."""
    async with world("bad", "good") as at:
        at.farewell_s = 0.0
        at.failing["bad"] = RuntimeError("a bug")
        at.start("one")
        await trio.sleep(60)
        assert at.state("bad") is TaskState.QUARANTINED
        assert at.database.tasks["bad"].why == "RuntimeError: a bug"
        failures = [s for s, event in at.database.events if event.task_id == "bad" and event.kind == "failure"]
        waits = [round(b - a, 1) for a, b in pairwise(failures)]
        assert waits == [1.2, 2.2, 4.2, 8.2]
        assert at.database.tasks["bad"].holder is None
        assert {act.epoch for act in at.orders("good")} == {1}
        del at.failing["bad"]
        await MemoryTasks(at.database).want("bad", Desired.RUNNING, who="anna", why="mended")
        await trio.sleep(3)
        assert at.state("bad") is TaskState.RUNNING


async def test_a_task_that_ends_its_workers_is_quarantined(autojump_clock: MockClock) -> None:
    """Leases that ran out because their workers died count as failures, whoever claims next."""
    async with world("bad") as at:
        for number in range(5):
            at.start(f"w{number}")
            await trio.sleep(36)
            assert at.owners() == {"bad": f"w{number}"}
            at.kill(f"w{number}")
        at.failing["bad"] = RuntimeError("once")
        at.start("last")
        await trio.sleep(40)
        assert at.state("bad") is TaskState.QUARANTINED


async def test_a_configuration_that_cannot_be_used_is_not_tried_twice(autojump_clock: MockClock) -> None:
    """It is quarantined at once: no time mends it."""
    async with world("bad") as at:
        at.failing["bad"] = ConfigError("settings", "key", "nothing", "a key")
        at.start("one")
        await trio.sleep(20)
        assert at.kinds("bad")[-3:] == ["started", "failure", "spent"]


async def test_a_runner_that_ends_unasked_has_failed(autojump_clock: MockClock) -> None:
    """Returning is right only after it was asked to stop."""
    async with world("btc") as at:
        async def ends(seat: Seat) -> None:
            seat.started()

        at.start("one")
        at.managers["one"].runner = ends
        await trio.sleep(2)
        assert "failure" in at.kinds("btc")
        assert at.database.tasks["btc"].state in {TaskState.FAILED, TaskState.RUNNING}


async def test_a_grant_that_nobody_heard_of_is_claimed_again(autojump_clock: MockClock) -> None:
    """The answer to a claim was lost: the worker sees that the task is its own, and runs it without waiting a lease."""
    async with world("btc") as at:
        at.start("one").lost_grants = 1
        await trio.sleep(POLL_S + TERMS.venue_skew_s + TERMS.order_life_s + 1)
        assert at.owners() == {"btc": "one"}
        assert {act.epoch for act in at.orders("btc")} == {2}


@pytest.mark.slow
async def test_old_history_is_deleted_in_batches_while_tasks_run(autojump_clock: MockClock) -> None:
    """At its start and every hour; a database that is away then has time until the next hour."""
    async with world("btc") as at:
        store = MemoryTasks(at.database)
        for number in range(TIDY_ROWS + 1):
            await store.want("btc", Desired.RUNNING, who="anna", why=f"{number}")
        at.clock_ahead_s = 91 * 86_400.0
        await store.want("btc", Desired.RUNNING, who="anna", why="young")
        broken = at.start("one")
        await trio.sleep(30)
        assert at.kinds("btc") == ["wanted_running", "claimed", "started"]
        assert at.managers["one"].counts.pruned == TIDY_ROWS + 2, "those, and when it was added"
        at.clock_ahead_s *= 2
        await trio.sleep(3590 - 60)
        broken.down = True
        await trio.sleep(60)
        broken.down = False
        await trio.sleep(3000)
        assert "wanted_running" in at.kinds("btc")
        await trio.sleep(700)
        assert "wanted_running" not in at.kinds("btc")
        assert at.owners() == {"btc": "one"}


async def test_a_worker_that_was_forgotten_registers_anew(autojump_clock: MockClock) -> None:
    """Its row was deleted while it was silent: without one it could hold nothing."""
    async with world() as at:
        at.start("one")
        await trio.sleep(5)
        del at.database.workers["one"]
        await trio.sleep(2 * POLL_S)
        assert list(at.database.workers) == ["one"]
