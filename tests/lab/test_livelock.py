"""A moment of virtual time that does not end is found, and ends the run instead of the patience of who waits for it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.config.reading import load_settings
from dnbot.lab.livelock import Livelock
from dnbot.lab.mishaps import Mishaps
from dnbot.lab.schedule import Mishap, Schedule
from dnbot.lab.simulation import simulate
from dnbot.lab.still_clock import still_clock
from dnbot.resources import config_dir


def test_turns_without_time_are_counted_and_told_once() -> None:
    """A burst is no livelock; a task that never lets time pass is one."""
    told: list[str] = []
    scope = trio.CancelScope()

    def found(text: str) -> None:
        told.append(text)
        scope.cancel()

    async def main() -> None:
        for _ in range(5):
            for _ in range(90):
                await trio.lowlevel.checkpoint()
            await trio.sleep(1.0)
        assert told == []
        with scope:
            while True:
                await trio.lowlevel.checkpoint()
        await trio.sleep(1.0)

    watch = Livelock(found, turns_max=100)
    trio.run(main, clock=still_clock(), instruments=[watch])
    assert told == ["at 5.000000 s the clock did not move for 100 turns of the scheduler"]
    assert watch.most >= 100


@pytest.mark.slow
def test_a_run_that_hangs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends there, names the moment, and counts as a violation."""

    async def spin(_self: Mishaps, _mishap: Mishap) -> bool:
        while True:
            await trio.lowlevel.checkpoint()

    monkeypatch.setattr(Mishaps, "_clock_steps", spin)
    step = Mishap(key="a", kind="wall_clock_steps", at_s=3.0, for_s=1.0, amount=400)
    params: Any = load_settings(config_dir() / "demo.toml").strategy
    run = simulate(Schedule(seed=1, heal_s=6.0, order_path="rest", mishaps=(step,)), params, 10.0)
    assert {violation["invariant"] for violation in run.violations} == {"I17"}
    assert "did not move" in run.violations[0]["text"]
    assert (run.ended, run.virtual_s) == ("livelock", 3.0)
