"""A venue's own clock that is wrong, or that runs at another pace."""

from __future__ import annotations

import trio

from .faults_kinds import Undo, WorldStrike


def skew_clock(strike: WorldStrike) -> Undo:
    """A venue's own clock is ahead (negative: behind)."""
    strike.struck()
    return _move_clocks(strike, round(strike.number("ahead_ms") * 1_000_000))


def drift_clock(strike: WorldStrike) -> Undo:
    """A venue's own clock runs fast (negative: slow); when the fault ends it is right again at once."""
    strike.struck()
    scope, undone = trio.CancelScope(), list[Undo]()

    async def run() -> None:
        with scope:
            while True:
                await trio.sleep(1)
                undone.append(_move_clocks(strike, round(strike.number("ms_per_s") * 1_000_000)))

    strike.engine.spawn(run)

    def undo() -> None:
        scope.cancel()
        for back in undone:
            back()

    return undo


def _move_clocks(strike: WorldStrike, by_ns: int) -> Undo:
    skew, venues = strike.engine.clock.skew_ns, strike.armed.venues

    def move(by_ns: int) -> None:
        for venue in venues:
            skew[venue] = skew.get(venue, 0) + by_ns

    move(by_ns)
    return lambda: move(-by_ns)
