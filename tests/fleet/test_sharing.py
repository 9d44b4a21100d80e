"""The plan of who holds what: judged by what comes of it when every worker does its own part, round after round."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fleet.sharing import Bearer, Load, Plan, share_out

ROUNDS_MAX = 60


@st.composite
def fleets(draw: st.DrawFn, *, weight_max: int = 4) -> tuple[list[Bearer], list[Load]]:
    """Workers and tasks; some tasks are held, by workers that live or by one that is gone; nobody is too full."""
    workers = [
        Bearer(f"w{n}", draw(st.integers(1, 8)), draw(st.booleans()) and draw(st.booleans()))
        for n in range(draw(st.integers(1, 4)))
    ]
    rooms = {worker.worker_id: worker.capacity for worker in workers} | {"gone": 100}
    loads = []
    for number in range(draw(st.integers(0, 14))):
        weight, holder = draw(st.integers(1, weight_max)), draw(st.sampled_from([None, *rooms]))
        if holder is not None and rooms[holder] < weight:
            holder = None
        if holder is not None:
            rooms[holder] -= weight
        loads.append(Load(f"t{number}", weight, draw(st.integers(0, 2)), holder))
    return workers, loads


def follow(loads: Sequence[Load], plan: Plan) -> list[Load]:
    """What is held after everybody did its part."""
    moves = plan.claims | dict.fromkeys(plan.gives_up)
    return [attrs.evolve(load, holder=moves.get(load.task_id, load.holder)) for load in loads]


def settled(workers: Sequence[Bearer], loads: Sequence[Load]) -> tuple[list[Load], int]:
    """The fleet once nothing changes any more, and how many tasks were given up on the way."""
    moved, now = 0, list(loads)
    for _ in range(ROUNDS_MAX):
        plan = share_out(workers, now)
        if not plan.claims and not plan.gives_up:
            return now, moved
        moved += len(plan.gives_up)
        now = follow(now, plan)
    raise AssertionError(f"it never rests: {workers} {loads}")


def weights(workers: Sequence[Bearer], loads: Sequence[Load]) -> dict[str, int]:
    """How much each worker holds."""
    return {
        worker.worker_id: sum(load.weight for load in loads if load.holder == worker.worker_id) for worker in workers
    }


@given(fleets())
def test_a_plan_never_takes_a_held_task_nor_fills_a_worker_above_its_capacity(
    fleet: tuple[list[Bearer], list[Load]],
) -> None:
    """Claims are of free tasks, each by one worker that is not draining; what is given up is its holder's own."""
    workers, loads = fleet
    plan, by_name = share_out(workers, loads), {load.task_id: load for load in loads}
    assert all(by_name[task].holder is None for task in plan.claims)
    assert all(by_name[task].holder == worker for task, worker in plan.gives_up.items())
    claimed = [task for worker in workers for task in plan.claims_of(worker.worker_id)]
    assert sorted(claimed) == sorted(plan.claims)
    # even if nobody gives anything up, which takes its time
    for worker in workers:
        after = [load for load in follow(loads, attrs.evolve(plan, gives_up={})) if load.holder == worker.worker_id]
        assert sum(load.weight for load in after) <= worker.capacity
        assert not (worker.draining and plan.claims_of(worker.worker_id))


@given(fleets(), st.randoms(use_true_random=False))
def test_everybody_computes_the_same_plan(fleet: tuple[list[Bearer], list[Load]], random: object) -> None:
    """It does not depend on the order of rows."""
    workers, loads = fleet
    shuffled_workers, shuffled_loads = workers[:], loads[:]
    random.shuffle(shuffled_workers)  # type: ignore[attr-defined]
    random.shuffle(shuffled_loads)  # type: ignore[attr-defined]
    assert share_out(shuffled_workers, shuffled_loads) == share_out(workers, loads)


@given(fleets())
def test_the_fleet_comes_to_rest(fleet: tuple[list[Bearer], list[Load]]) -> None:
    """After some rounds nothing moves any more, nobody is above capacity, and who drains holds nothing."""
    workers, loads = fleet
    rest, _ = settled(workers, loads)
    held = weights(workers, rest)
    assert all(held[worker.worker_id] <= (0 if worker.draining else worker.capacity) for worker in workers)


@given(fleets())
def test_everything_is_held_when_there_is_room(fleet: tuple[list[Bearer], list[Load]]) -> None:
    """Where the rest of the capacity is at least one heaviest task less one per worker, no task is free."""
    workers, loads = fleet
    working = [worker for worker in workers if not worker.draining]
    loads = [load for load in loads if load.holder != "gone"]
    spare = sum(worker.capacity for worker in working) - sum(load.weight for load in loads)
    heaviest = max((load.weight for load in loads), default=1)
    if spare >= len(working) * (heaviest - 1) and working:
        rest, _ = settled(workers, loads)
        assert [load for load in rest if load.holder is None] == []


@given(fleets(weight_max=1))
def test_less_important_tasks_make_room(fleet: tuple[list[Bearer], list[Load]]) -> None:
    """At rest no free task is more important than one that is held by a worker that works."""
    workers, loads = fleet
    rest, _ = settled(workers, loads)
    names = {worker.worker_id for worker in workers}
    free = [load.priority for load in rest if load.holder is None]
    held = [load.priority for load in rest if load.holder in names]
    if free and held:
        assert max(free) <= min(held)


@given(fleets(weight_max=1))
def test_a_balance_moves_no_more_than_it_needs(fleet: tuple[list[Bearer], list[Load]]) -> None:
    """Equal tasks, equal workers, nothing free: as many move as are above the even share, and then shares are even."""
    workers, loads = fleet
    equal = [Bearer(worker.worker_id, 20) for worker in workers]
    names = {worker.worker_id for worker in workers}
    loads = [load for load in loads if load.holder in names]
    before = weights(equal, loads)
    even = -(-len(loads) // len(equal))
    rest, moved = settled(equal, loads)
    after = weights(equal, rest)
    assert max(after.values()) - min(after.values()) <= 1
    low = len(loads) // len(equal)
    above, below = sum(max(0, n - even) for n in before.values()), sum(max(0, low - n) for n in before.values())
    assert moved == max(above, below)


def test_a_new_worker_takes_its_share_one_task_at_a_time() -> None:
    """From the fullest, the least important first; when the shares are even nothing moves."""
    workers = [Bearer("a", 4), Bearer("b", 4)]
    loads = [Load(f"t{n}", priority=n, holder="a") for n in range(4)]
    first = share_out(workers, loads)
    assert (first.claims, first.gives_up) == ({}, {"t0": "a"})
    second = share_out(workers, follow(loads, first))
    assert (second.claims, second.gives_up) == ({"t0": "b"}, {})
    rest, moved = settled(workers, loads)
    assert (weights(workers, rest), moved) == ({"a": 2, "b": 2}, 2)


def test_what_does_not_fit_is_told() -> None:
    """A task heavier than any worker, or one too many, stays free and is named."""
    plan = share_out([Bearer("a", 2)], [Load("big", 3), Load("one"), Load("two"), Load("three")])
    assert plan.claims == {"one": "a", "three": "a"}
    assert plan.unplaced == ("big", "two")
