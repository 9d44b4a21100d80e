"""The clock of a simulation tells the time of Trio's own mock clock."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from dnbot.lab.still_clock import still_clock


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
