"""An alarm wakes its sleeper when, in whose company and with what outcome a cancel scope's deadline would."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from dnbot.fakes.alarm import Alarm, sleep_until
from dnbot.lab.world import deterministic

Sleep = Callable[[float], Awaitable[object]]
SLEEPS: tuple[Sleep, ...] = (trio.sleep_until, sleep_until)


async def naps(sleep: Sleep, seed: int) -> list[tuple[float, int]]:
    """When each of a few tasks woke, in order: many at the same moment, some behind a deadline of the same moment."""
    woken: list[tuple[float, int]] = []

    async def napper(number: int) -> None:
        rng = random.Random(f"{seed}:{number}")
        for _ in range(20):
            at_s = trio.current_time() + rng.choice((-1.0, 0.0, 0.5, 0.5, 1.0, 1.5))
            with trio.move_on_at(trio.current_time() + rng.choice((0.5, 1.0, 5.0))) as scope:
                await sleep(at_s)
            woken.append((trio.current_time(), -number if scope.cancelled_caught else number))

    async with trio.open_nursery() as nursery:
        for number in range(1, 6):
            nursery.start_soon(napper, number)
    return woken


@pytest.mark.parametrize("seed", range(5))
def test_sleepers_wake_as_with_trios_own_sleep(seed: int) -> None:
    """The same moments, the same order among equals, the same winner where both deadlines are one."""
    runs = []
    for sleep in SLEEPS:
        deterministic(seed)
        runs.append(trio.run(naps, sleep, seed, clock=MockClock(autojump_threshold=0)))
    assert runs[0] == runs[1]
    assert any(number < 0 for _, number in runs[0])


@pytest.mark.parametrize("sleep", SLEEPS)
def test_a_scope_that_ends_at_the_same_moment_wins(sleep: Sleep) -> None:
    """What was slept for counts as late, as with nested scopes."""

    async def main() -> bool:
        with trio.move_on_at(1.0) as scope:
            await sleep(1.0)
        return scope.cancelled_caught

    assert trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_it_can_be_moved_and_woken_while_somebody_waits(autojump_clock: MockClock) -> None:
    """Later, earlier, and at once; with nobody there neither does anything."""
    alarm, woken_s = Alarm(), []
    alarm.move(5.0)
    alarm.wake()

    async def wait() -> None:
        await alarm.wait(trio.current_time() + 10.0)
        woken_s.append(trio.current_time())

    for moves, expected in (((20.0,), 20.0), ((20.0, 3.0), 3.0), ((), 0.0)):
        async with trio.open_nursery() as nursery:
            begun_s = trio.current_time()
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            for to_s in moves:
                alarm.move(begun_s + to_s)
            if not moves:
                alarm.wake()
        assert woken_s.pop() - begun_s == pytest.approx(expected)


async def test_one_waits_at_a_time(autojump_clock: MockClock) -> None:
    """The second is told so, and the first still waits."""
    alarm = Alarm()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alarm.wait)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await alarm.wait()
        alarm.wake()


async def test_nothing_is_left_among_the_deadlines(autojump_clock: MockClock) -> None:
    """Neither of one that was cancelled, nor of thousands of moves, after which Trio counts its heap."""
    deadlines, alarm = trio._core._run.GLOBAL_RUN_CONTEXT.runner.deadlines, Alarm()
    before = deadlines._active
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alarm.wait, 1e6)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(5_000):
            alarm.move(1e6 + number % 7)
        await trio.sleep(1.0)
        assert deadlines._active <= before + 1
        nursery.cancel_scope.cancel()
    assert deadlines._active == before
    with trio.move_on_after(5.0) as scope:
        await alarm.wait(trio.current_time() + 1.0)
    assert not scope.cancelled_caught
