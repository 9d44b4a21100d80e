"""What every store of shared rate budgets promises; each test runs on the one in memory and on PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from dnbot.fleet.budgets import BudgetAsk, BudgetGrant
from dnbot.ports.budgets import BudgetStore
from dnbot.ports.memory_budgets import MemoryBudgets, MemoryBudgetsDatabase
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_budgets import PostgresBudgets

SHIFT = """
with paused as (update budgets set paused_until = paused_until - $1::float8 * interval '1 second'),
    wanted as (update budget_holders set wants_until = wants_until - $1::float8 * interval '1 second')
update budget_grants set ends_at = ends_at - $1::float8 * interval '1 second'
"""
WINDOW_S, KEEP_S, FLOOR_S = 10.0, 3.0, 60.0


@attrs.define
class Place:
    """A store of budgets, and a way to let its clock go on."""

    budgets: BudgetStore
    later: Callable[[float], Awaitable[Any]]
    numbers: dict[str, int] = attrs.field(factory=dict)

    async def ask(
        self, worker: str, wanted: int, held: int = 0, *, spent: int = 0, **changes: Any
    ) -> BudgetGrant | None:
        """One ask of a worker, and its answer."""
        self.numbers[worker] = self.numbers.get(worker, 0) + 1
        given: dict[str, Any] = {
            "budget": "b", "number": self.numbers[worker], "capacity": 160, "window_ms": round(WINDOW_S * 1000),
            "keep_ms": round(KEEP_S * 1000), "floor_ms": round(FLOOR_S * 1000), "held": held, "wanted": wanted,
            "spent": spent,
        }
        found = await self.budgets.lease(worker, [BudgetAsk(**(given | changes))])
        return found[0] if found else None

    async def tokens(self, worker: str, wanted: int, held: int = 0, **changes: Any) -> int:
        """What an ask is answered with."""
        found = await self.ask(worker, wanted, held, **changes)
        assert found is not None
        return found.tokens


OpenPlace = Callable[[], Any]


@asynccontextmanager
async def open_memory() -> Any:
    """The one in memory."""
    now = [1000.0]

    async def later(seconds: float) -> None:
        now[0] += seconds

    yield Place(MemoryBudgets(MemoryBudgetsDatabase(lambda: now[0])), later)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest) -> OpenPlace:
    """Opens a store of budgets; runs the test for each implementation."""
    if request.param == "memory":
        return open_memory
    server = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def open_postgres() -> Any:
        async with open_postgres_store(await server.migrated()) as store:
            yield Place(PostgresBudgets(store), lambda seconds: store.call(SHIFT, seconds))

    return open_postgres


async def test_one_worker_gets_all_but_a_floor(place: OpenPlace) -> None:
    """What it wants, up to the capacity less the floor of one to come; never less than its own floor."""
    async with place() as at:
        assert await at.ask("one", 1000) == BudgetGrant(budget="b", tokens=150, floor=10, pause_ms=0)
        assert await at.tokens("one", 3, held=3) == 10


async def test_a_second_worker_gets_its_floor_at_once_and_its_share_when_the_first_gave_way(place: OpenPlace) -> None:
    """The first is told at its next ask to do with less, and lowers itself at the one after; what it did not spend is
    free at once, and what it did a window later."""
    async with place() as at:
        assert await at.tokens("one", 1000) == 150
        assert await at.tokens("two", 1000) == 10
        assert await at.tokens("one", 1000, held=150) == 75
        assert await at.tokens("two", 1000, held=10) == 10, "the first may spend 150 until its grant ends"
        assert await at.tokens("one", 1000, held=75, spent=100) == 75
        assert await at.tokens("two", 1000, held=10) == 50
        await at.later(WINDOW_S - 0.5)
        assert await at.tokens("two", 1000, held=50) == 50
        await at.later(1)
        assert await at.tokens("two", 1000, held=50) == 75


async def test_what_is_held_still_counts_as_long_as_it_may_be_spent(place: OpenPlace) -> None:
    """A worker that lowers itself keeps what it holds until the end of the grant, whatever it is answered."""
    async with place() as at:
        assert await at.tokens("one", 150) == 150
        assert await at.tokens("one", 20, held=100) == 20
        assert await at.tokens("two", 1000) == 160 - 100 - 10
        await at.later(KEEP_S + WINDOW_S - 0.5)
        assert await at.tokens("two", 1000, held=50) == 50
        await at.later(1)
        assert await at.tokens("two", 1000, held=50) == 140


async def test_what_is_not_held_any_more_is_free_but_for_what_was_spent(place: OpenPlace) -> None:
    """Until a window later."""
    async with place() as at:
        assert await at.tokens("one", 150) == 150
        assert await at.tokens("one", 20, held=20, spent=110) == 20
        assert await at.tokens("two", 1000) == 40
        await at.later(WINDOW_S - 0.5)
        assert await at.tokens("two", 1000, held=40) == 40
        await at.later(1)
        assert await at.tokens("two", 1000, held=40) == 130


async def test_a_dead_worker_keeps_its_floor_for_a_while_and_the_rest_for_less(place: OpenPlace) -> None:
    """Grants end by themselves: what was leased for seconds soon, the floor when no bot of it can live any more."""
    async with place() as at:
        assert await at.tokens("dead", 1000) == 150
        await at.later(KEEP_S + WINDOW_S + 0.5)
        assert await at.tokens("two", 1000) == 160 - 10 - 10
        await at.later(FLOOR_S)
        assert await at.tokens("two", 1000, held=140) == 150


async def test_who_is_done_frees_everything(place: OpenPlace) -> None:
    """A window later nothing of it counts, its floor neither; before then what it spent."""
    async with place() as at:
        assert await at.tokens("one", 1000) == 150
        assert await at.tokens("one", 0, spent=90) == 0
        assert await at.tokens("two", 1000) == 60
        await at.later(WINDOW_S + 0.5)
        assert await at.tokens("two", 1000, held=60) == 150


async def test_an_ask_that_arrives_late_changes_nothing(place: OpenPlace) -> None:
    """It gets no answer, and frees nothing of what a later one was granted."""
    async with place() as at:
        assert await at.tokens("one", 150) == 150
        assert await at.ask("one", 10, held=10, number=1) is None
        await at.later(WINDOW_S - 0.5)
        assert await at.tokens("one", 150, held=150) == 150
        assert await at.tokens("two", 1000) == 10


async def test_a_pause_is_told_to_all_and_ends(place: OpenPlace) -> None:
    """A venue told one worker to stop: the others hear for how long still; a shorter one does not end it sooner."""
    async with place() as at:
        await at.ask("one", 10, pause_ms=5000)
        await at.ask("one", 10, pause_ms=100)
        found = await at.ask("two", 10)
        assert found is not None
        assert 4000 < found.pause_ms <= 5000
        await at.later(6)
        found = await at.ask("two", 10)
        assert found is not None
        assert found.pause_ms == 0


async def test_the_lowest_capacity_counts(place: OpenPlace) -> None:
    """Workers that disagree about what a venue allows keep to the least of it; one that is alone decides."""
    async with place() as at:
        assert await at.tokens("one", 1000, capacity=320) == 300
        assert await at.tokens("two", 1000, capacity=160) == 0, "it is all out"
        assert await at.tokens("one", 1000, held=300, capacity=320) <= 160
        await at.later(FLOOR_S + WINDOW_S + 1)
        assert await at.tokens("three", 1000, capacity=320) == 300


async def test_many_asks_are_settled_together_in_any_order(place: OpenPlace) -> None:
    """Two workers that name the same budgets in opposite order do not wait for each other."""
    async with place() as at:
        names = [f"b{number}" for number in range(20)]

        async def ask(worker: str, budgets: list[str]) -> None:
            for number in range(1, 6):
                asks = [
                    BudgetAsk(
                        budget=name, number=number, capacity=160, window_ms=1000, keep_ms=3000, floor_ms=9000, held=0,
                        wanted=40, spent=0,
                    )
                    for name in budgets
                ]
                found = await at.budgets.lease(worker, asks)
                assert {grant.budget for grant in found} == set(names)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "one", names)
            nursery.start_soon(ask, "two", names[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_both_settle_alike(postgres_server: Any, seed: int) -> None:
    """A hundred asks of four workers, some late, some after a while: the database answers as the memory does, and what
    counts is never more than the capacity."""
    chance = random.Random(seed)
    async with open_memory() as memory, open_postgres_store(await postgres_server.migrated()) as store:
        database = Place(PostgresBudgets(store), lambda seconds: store.call(SHIFT, seconds))
        held = dict.fromkeys("abcd", 0)
        for step in range(100):
            worker, wanted = chance.choice("abcd"), chance.choice([0, 1, 20, 80, 1000])
            held[worker] = min(held[worker], wanted)
            changes: dict[str, Any] = {"spent": chance.choice([0, held[worker], 40])}
            if chance.random() < 0.1:
                changes["number"] = 1
            found = [await one.ask(worker, wanted, held[worker], **changes) for one in (memory, database)]
            assert found[0] == found[1], f"step {step}"
            if found[0] is not None:
                held[worker] = found[0].tokens
            holders = memory.budgets.database.budgets["b"].holders.values()
            assert sum(max(holder.ends_s, default=0) for holder in holders) <= 160
            # never on the edge of an end: the real clock goes on beside
            wait_s = chance.choice([0.0, 1.0, 4.5, 12.5])
            await memory.later(wait_s)
            await database.later(wait_s)
