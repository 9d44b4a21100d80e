"""A run that is busy for ever at one moment of virtual time: tasks that wake each other, or ask a clock that stands."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

TURNS_MAX = 100_000
"""Turns of the scheduler at one moment; the busiest bursts of the swarm need a few hundred."""


@attrs.define(eq=False)
class Livelock(trio.abc.Instrument):
    """Calls `found` once, with a text, when the clock has not moved for `turns_max` turns."""

    found: Callable[[str], None]
    turns_max: int = TURNS_MAX
    most: int = 0
    """The most turns that any moment took."""
    _at_s: float = -1.0
    _turns: int = 0

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 (its name is Trio's)
        """One turn is over. See `trio.abc.Instrument`."""
        now_s = trio.current_time()
        if now_s != self._at_s:
            self._at_s, self._turns = now_s, 0
            return
        self._turns += 1
        self.most = max(self.most, self._turns)
        if self._turns == self.turns_max:
            self.found(f"at {now_s:.6f} s the clock did not move for {self.turns_max} turns of the scheduler")
