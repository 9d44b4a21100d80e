"""Workers that share a venue's limit through the database: no window of any length of the venue's holds more requests
than it allows, whatever happens to them; and what one does not need another has.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.bot import Place
from dnbot.domain.errors import OperatingError, StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.operate.budgets import STOCKED_S_MAX, Budgets
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.limiter import Budget, Priority
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_budgets import MemoryBudgets, MemoryBudgetsDatabase
from dnbot.ports.net import Endpoint
from dnbot.ports.signer import CredentialSigner
from dnbot.venues.wire import RequestClass

NORMAL, RESERVED = Priority.NORMAL, Priority.RESERVED
MEXC = Venue.MEXC_SPOT
SCALE = 0.32
CAPACITY = 96
"""Of MEXC's 300 per 10 s at that scale."""
WINDOW_S = 10.0
TTL_S = 30.0
KEPT_S = TTL_S / 2
"""How long a grant of an account lasts."""
PLACES = {MEXC: Place(Endpoint("mexc.example", 443), "wss://mexc.example")}


def signer(key: str) -> CredentialSigner:
    """Of an account of its own."""
    return CredentialSigner(Credentials(Secret(key), Secret("secret"), "1"))


@attrs.define
class Process:
    """A worker: its way to the database, its budgets, and how it is ended."""

    store: MemoryBudgets
    budgets: Budgets
    scope: trio.CancelScope


@attrs.define
class World:
    """The database, workers, and the venue's log of requests: when, of what weight, whose."""

    nursery: trio.Nursery
    database: MemoryBudgetsDatabase = attrs.field(factory=MemoryBudgetsDatabase)
    log: list[tuple[float, int, str]] = attrs.field(factory=list)
    processes: dict[str, Process] = attrs.field(factory=dict)

    def start(self, name: str, *, scale: float = SCALE, address: str = "one") -> Process:
        """A worker without tasks."""
        store = MemoryBudgets(self.database)
        budgets = Budgets(store, name, address, EventLog(VirtualClock(0), [MemorySink()]), TTL_S, scale)
        process = self.processes[name] = Process(store, budgets, trio.CancelScope())
        self.nursery.start_soon(self._run, process)
        return process

    async def _run(self, process: Process) -> None:
        with process.scope:
            async with process.budgets.leased():
                await trio.sleep_forever()

    def kill(self, name: str) -> None:
        """As SIGKILL: it gives nothing back, and nothing of it asks for anything any more."""
        process = self.processes[name]
        process.store.down = True
        process.scope.cancel()

    def task(self, worker: str, task: str, budget: RequestClass = RequestClass.READ, **how: Any) -> None:
        """A bot of that worker that asks for as much as it gets, until the worker dies."""
        self.nursery.start_soon(self._task, worker, task, budget, how)

    async def _task(self, worker: str, task: str, budget: RequestClass, how: dict[str, Any]) -> None:
        process = self.processes[worker]
        with trio.CancelScope() as scope:
            self.nursery.start_soon(self._end_with, process, scope)
            with suppress(OperatingError):
                async with process.budgets.of_task(task, PLACES, {MEXC: signer(task)}) as of:
                    await self._greedy(worker, task, of(MEXC)[budget], **how)

    async def _end_with(self, process: Process, scope: trio.CancelScope) -> None:
        while not process.scope.cancel_called:  # noqa: ASYNC110 (a scope tells nobody)
            await trio.sleep(0.05)
        scope.cancel()

    async def _greedy(
        self, worker: str, task: str, budget: Budget, *, cost: int = 1, pause_s: float = 0.0,
        priority: Priority = NORMAL,
    ) -> None:
        while True:
            await budget.acquire(priority, cost)
            if not self.processes[worker].scope.cancel_called:
                self.log.append((trio.current_time(), cost, f"{worker} {task}"))
            await trio.sleep(pause_s)

    def most(self, since_s: float = 0.0) -> int:
        """The weight of the fullest window."""
        found, begin, total = 0, 0, 0
        for at_s, cost, _ in self.log:
            total += cost
            while self.log[begin][0] <= at_s - WINDOW_S:
                total -= self.log[begin][1]
                begin += 1
            found = max(found, total if at_s >= since_s else 0)
        return found

    def weight(self, who: str, begin_s: float, end_s: float) -> int:
        """What one of them, or all of a worker, sent in a time."""
        return sum(cost for at_s, cost, name in self.log if name.startswith(who) and begin_s < at_s <= end_s)


@asynccontextmanager
async def world() -> AsyncGenerator[World, None]:
    """Everything in it ends with the block."""
    async with trio.open_nursery() as nursery:
        yield World(nursery)
        nursery.cancel_scope.cancel()


async def test_one_worker_has_nearly_all(autojump_clock: MockClock) -> None:
    """Soon after its start a greedy bot sends all that the venue allows but the next worker's floor, for ever."""
    async with world() as at:
        at.start("one")
        at.task("one", "btc", cost=3)
        await trio.sleep(65)
        assert at.weight("one", 5, 65) >= 6 * 0.85 * (CAPACITY - CAPACITY // 16)
        assert at.most() <= CAPACITY


@pytest.mark.slow
async def test_two_workers_share_evenly_and_one_has_what_the_other_leaves(autojump_clock: MockClock) -> None:
    """Two greedy workers get halves within two windows; when one idles the other has nearly all two windows later."""
    async with world() as at:
        at.start("one")
        at.task("one", "btc")
        await trio.sleep(30)
        at.start("two")
        at.task("two", "eth")
        await trio.sleep(90)
        one, two = at.weight("one", 60, 120), at.weight("two", 60, 120)
        assert one + two >= 6 * 0.8 * CAPACITY
        assert abs(one - two) <= 0.15 * (one + two), (one, two)
        at.kill("two")
        await trio.sleep(60)
        assert at.weight("one", 150, 180) >= 3 * 0.75 * CAPACITY
        assert at.most() <= CAPACITY


@pytest.mark.slow
async def test_tasks_of_a_worker_share_one_limit(autojump_clock: MockClock) -> None:
    """Three greedy bots in one process send no more than one would, each its third."""
    async with world() as at:
        at.start("one")
        for task in ("btc", "eth", "sol"):
            at.task("one", task)
        await trio.sleep(100)
        assert at.most() <= CAPACITY
        each = [at.weight(f"one {task}", 20, 100) for task in ("btc", "eth", "sol")]
        assert max(each) - min(each) <= CAPACITY / 3, each


async def test_reads_that_tasks_share_are_one_more_task(autojump_clock: MockClock) -> None:
    """Public reads and a bot's own together send no more than the address may, half each; a worker that ends leaves the
    next one all of it."""
    async with world() as at:
        process = at.start("one")
        at.task("one", "btc")
        at.nursery.start_soon(at._greedy, "one", "feeds", process.budgets.of_feeds(MEXC, PLACES[MEXC].rest))
        await trio.sleep(100)
        assert at.most() <= CAPACITY
        bot, feeds = at.weight("one btc", 20, 100), at.weight("one feeds", 20, 100)
        assert abs(bot - feeds) <= CAPACITY / 3, (bot, feeds)
        process.scope.cancel()
        at.start("two")
        at.task("two", "btc")
        await trio.sleep(60)
        assert at.weight("two", 120, 160) >= 4 * 0.8 * CAPACITY
        assert at.most() <= CAPACITY


async def test_without_a_database_a_worker_keeps_its_floor(autojump_clock: MockClock) -> None:
    """A few seconds after the database went away only the floor is left, and later nothing."""
    async with world() as at:
        process = at.start("one")
        at.task("one", "btc")
        await trio.sleep(30)
        process.store.down = True
        await trio.sleep(45)
        floor = CAPACITY // 16
        assert 2 * floor <= at.weight("one", 45, 75) <= 3 * floor
        await trio.sleep(60)
        assert at.weight("one", 95, 135) == 0


async def test_without_a_database_hedges_go_on_and_entries_do_not(autojump_clock: MockClock) -> None:
    """Of the limit on orders the floor is a hedge's, as long as any bot of the worker may live."""
    async with world() as at:
        process = at.start("one", scale=1.0)
        at.task("one", "btc", RequestClass.CREATE, priority=RESERVED, pause_s=0.7)
        at.task("one", "eth", RequestClass.CREATE, pause_s=0.7)
        await trio.sleep(30)
        process.store.down = True
        await trio.sleep(TTL_S)
        assert at.weight("one btc", 50, 60) >= 7
        assert at.weight("one eth", 50, 60) == 0


async def test_an_account_moves_to_the_next_worker_at_once(autojump_clock: MockClock) -> None:
    """A task that is handed over can hedge on its new worker in that moment, and both together keep to the limit."""
    async with world() as at:
        for name in ("one", "two"):
            at.start(name, scale=1.0)
        async with at.processes["one"].budgets.of_task("btc", PLACES, {MEXC: signer("btc")}) as of:
            await trio.sleep(10)
            spent = 0
            while of(MEXC)[RequestClass.CREATE].try_acquire(RESERVED):
                spent += 1
        began_s = trio.current_time()
        async with at.processes["two"].budgets.of_task("btc", PLACES, {MEXC: signer("btc")}) as of:
            await of(MEXC)[RequestClass.CREATE].acquire(RESERVED)
            assert trio.current_time() - began_s < 1
            while of(MEXC)[RequestClass.CREATE].try_acquire(RESERVED):
                spent += 1
            assert spent + 1 <= 12
            await trio.sleep(3)
            assert of(MEXC)[RequestClass.CREATE].wait_s(NORMAL) == 0


async def test_what_was_spent_counts_when_the_next_task_comes(autojump_clock: MockClock) -> None:
    """A worker whose last task ended and that takes another at once has spent no less for it."""
    async with world() as at:
        at.start("two")
        process = at.start("one")
        async with process.budgets.of_task("btc", PLACES, {MEXC: signer("btc")}) as of:
            with trio.move_on_after(25):
                await at._greedy("one", "btc", of(MEXC)[RequestClass.READ])
        assert at.weight("one", 16, 26) > CAPACITY / 2
        await trio.sleep(1.5)
        at.task("one", "eth")
        at.task("two", "sol")
        await trio.sleep(30)
        assert at.most() <= CAPACITY
        assert not [key for key, pool in process.budgets.pools.items() if not pool.users], "kept for nothing"


@pytest.mark.slow
async def test_another_address_has_limits_of_its_own(autojump_clock: MockClock) -> None:
    """Workers that leave from elsewhere share nothing of an address."""
    async with world() as at:
        for name in ("one", "two"):
            at.start(name, address=name)
            at.task(name, name)
        await trio.sleep(60)
        assert at.weight("one", 20, 60) > 4 * 0.8 * CAPACITY < at.weight("two", 20, 60) * 1.01


async def test_a_refusal_of_the_venue_stops_the_other_worker_too(autojump_clock: MockClock) -> None:
    """Within a second the other learns that the venue said stop, and goes on when the time is over."""
    async with world() as at:
        for name in ("one", "two"):
            at.start(name)
            at.task(name, name)
        await trio.sleep(20)
        (pool,) = [pool for key, pool in at.processes["one"].budgets.pools.items() if " weight " in key]
        pool.limiter.penalise(8)
        await trio.sleep(30)
        assert at.weight("two", 21.3, 27.9) == 0
        assert at.weight("two", 27.9, 45) > 0
        assert at.processes["one"].budgets.penalties == 1


@pytest.mark.slow
async def test_a_task_without_room_says_which_budget_lacks(autojump_clock: MockClock) -> None:
    """More workers than floors: the task fails with the budget's name and what to do, and nothing was sent."""
    async with world() as at:
        for number in range(20):
            at.start(f"w{number}")
            at.task(f"w{number}", f"t{number}")
        await trio.sleep(STOCKED_S_MAX + 20)
        last = at.start("last")
        with pytest.raises(OperatingError, match=r"budget MEXC_SPOT weight of one at mexc\.example:443 .*--address"):
            async with last.budgets.of_task("x", PLACES, {MEXC: signer("x")}):
                pytest.fail("there was none")
        assert at.most() <= CAPACITY


async def spent_around_a_late_answer() -> int:
    """A worker hears late what it was granted, and is cut off; the task's next worker asks meanwhile. How many orders
    both send at one moment."""
    async with world() as at:
        one, two = at.start("one", scale=1.0), at.start("two", scale=1.0)
        one.store.answer_s = KEPT_S + 2

        async def cut_off() -> None:
            await trio.sleep(KEPT_S)
            one.store.down = True

        at.nursery.start_soon(cut_off)
        async with (
            one.budgets.of_task("btc", PLACES, {MEXC: signer("btc")}) as of,
            two.budgets.of_task("btc", PLACES, {MEXC: signer("btc")}) as other,
        ):
            await trio.sleep(3)
            budgets = (of(MEXC)[RequestClass.CREATE], other(MEXC)[RequestClass.CREATE])
            return sum(budget.try_acquire(RESERVED) for _ in range(12) for budget in budgets)


async def test_an_answer_that_comes_late_lengthens_nothing(autojump_clock: MockClock) -> None:
    """What was granted ends here no later than in the database, however long its answer was under way."""
    assert 10 <= await spent_around_a_late_answer() <= 12


async def test_grants_that_count_from_their_answer_are_found(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: they outlast what the database believes."""
    granted = Budgets._granted
    monkeypatch.setattr(
        Budgets, "_granted", lambda self, pool, ask, grant, _s: granted(self, pool, ask, grant, trio.current_time())
    )
    assert await spent_around_a_late_answer() > 12


# --- whatever happens -------------------------------------------------------------------------------------------------
async def mishaps(at: World, seed: int) -> None:
    """A minute and a half of workers that start, die, are cut off, hear no answers or late ones, and calm down."""
    chance, born = random.Random(seed), 0
    while trio.current_time() < 90:
        alive = [name for name, process in at.processes.items() if not process.scope.cancel_called]
        what = chance.choice(["start", "kill", "down", "lost", "slow", "calm", "task"])
        if (what == "start" and len(alive) < 4) or not alive:
            born += 1
            at.start(f"w{born}")
            at.task(f"w{born}", f"t{born}", cost=chance.randint(1, 5))
        elif what == "kill":
            at.kill(chance.choice(alive))
        elif what == "task":
            at.task(chance.choice(alive), f"x{born}-{trio.current_time():.1f}", pause_s=chance.choice([0.0, 0.5]))
        else:
            store = at.processes[chance.choice(alive)].store
            store.down, store.answers_lost = what == "down", what == "lost"
            store.request_s, store.answer_s = (chance.uniform(0, 4), chance.uniform(0, 4)) if what == "slow" else (0, 0)
        await trio.sleep(chance.choice([0.0, 0.5, 2.0, 6.0]))


def fullest_window(seed: int) -> tuple[int, int]:
    """The weight of the fullest window of a run, and how many requests it had."""

    async def main() -> tuple[int, int]:
        async with world() as at:
            await mishaps(at, seed)
            return at.most(), len(at.log)

    return trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.slow
@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_no_window_holds_more_than_the_venue_allows(seed: int) -> None:
    """Whoever dies, is cut off, or hears late or never."""
    most, requests = fullest_window(seed)
    assert most <= CAPACITY
    assert requests > 20


def _found_by(seeds: range) -> bool:
    return any(fullest_window(seed)[0] > CAPACITY for seed in seeds)


@pytest.mark.slow
def test_grants_that_do_not_count_after_their_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: what a worker spent just before its grant's end is given to another at once."""
    ask = Budgets._ask
    monkeypatch.setattr(
        Budgets, "_ask", lambda self, pool, told: msgspec.structs.replace(ask(self, pool, told), window_ms=0)
    )
    assert _found_by(range(12))


@pytest.mark.slow
def test_workers_with_a_limit_each_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: each takes the whole limit for its own."""
    key = Budgets._pool

    def own(self: Budgets, *arguments: Any) -> Any:
        self.address = self.worker_id
        return key(self, *arguments)

    monkeypatch.setattr(Budgets, "_pool", own)
    assert _found_by(range(12))


async def test_what_is_not_answered_is_asked_again(autojump_clock: MockClock) -> None:
    """A database that is away when a task starts is waited for."""
    async with world() as at:
        process = at.start("one")
        process.store.down = True
        at.task("one", "btc")
        await trio.sleep(10)
        assert not at.log
        process.store.down = False
        await trio.sleep(2)
        assert at.log
        process.store.down = True
        with pytest.raises(StoreUnreachable):
            await process.budgets.give_back()

