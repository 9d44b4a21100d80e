"""The clock of a simulation tells the time of Trio's own mock clock."""

from __future__ import annotations

import random
import signal

import pytest
import trio
import trio.testing

from dnbot.lab.still_clock import TURNS_PER_LOOK, still_clock
from dnbot.lab.world import deterministic


async def naps() -> list[float]:
    """The time before, between and after some sleep."""
    told = [trio.current_time()]
    for nap_s in (0.25, 3600.0, 0.0):
        await trio.sleep(nap_s)
        told.append(trio.current_time())
    return told


def test_it_jumps_to_deadlines_and_stands_still_between_them() -> None:
    """As the mock clock of Trio does."""
    told = trio.run(naps, clock=still_clock())
    assert told == trio.run(naps, clock=trio.testing.MockClock(autojump_threshold=0)) == [0.0, 0.25, 3600.25, 3600.25]


def test_it_never_asks_the_real_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to multiply what it says by 0."""
    clock = still_clock()
    monkeypatch.setattr(clock, "_real_clock", None)
    clock.jump(2.0)
    assert clock.current_time() == 2.0


async def crowd(seed: int) -> list[tuple[float, int, int]]:
    """Each step of tasks that sleep, wait for each other and take turns, in order: many at the same moment."""
    steps: list[tuple[float, int, int]] = []
    events = [trio.Event() for _ in range(200)]

    async def member(number: int) -> None:
        rng = random.Random(f"{seed}:{number}")
        for step in range(30):
            events[rng.randrange(len(events))].set()
            with trio.move_on_after(rng.choice((0.1, 0.2, 0.3))):
                await events[rng.randrange(len(events))].wait()
            await trio.sleep(rng.choice((0.0, 0.1, 0.1, 0.3)))
            steps.append((trio.current_time(), number, step))

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(member, number)
    return steps


@pytest.mark.parametrize("seed", range(3))
def test_who_runs_in_which_order_is_as_with_trios_mock_clock(seed: int) -> None:
    """A turn less for each jump changes neither the time nor the company in which a task runs."""
    runs = []
    for clock in (still_clock(), trio.testing.MockClock(autojump_threshold=0)):
        deterministic(seed)
        runs.append(trio.run(crowd, seed, clock=clock))
    assert runs[0] == runs[1]
    assert len({at_s for at_s, _, _ in runs[0]}) < len(runs[0])


@trio.lowlevel.enable_ki_protection
def interrupt() -> None:
    """Ctrl-C, where Trio keeps it for later."""
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_ends_a_run_soon() -> None:
    """The kernel is seldom asked, and asked: a task that is blocked hears of it, while others go on sleeping."""
    slept = 0

    async def sleeper() -> None:
        nonlocal slept
        interrupt()
        for slept in range(10 * TURNS_PER_LOOK):  # noqa: B007 (told to the test)
            await trio.sleep(1.0)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper)

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        trio.run(main, clock=still_clock())
    assert slept <= 2 * TURNS_PER_LOOK
