"""The clock of a simulation: virtual time that stands still until it jumps to the next deadline."""

from __future__ import annotations

import math
from functools import partial
from operator import attrgetter

import trio.testing


def still_clock() -> trio.testing.MockClock:
    """A mock clock with autojump that never asks the real one, and nothing of Trio but the next deadline.

    Trio's own reads the real time and multiplies what has passed by its rate, which is 0 here, four thousand times in a
    virtual second; and for each jump it counts tasks and sockets. `tests/lab/test_still_clock.py` compares the two.
    """
    clock = trio.testing.MockClock(autojump_threshold=0)
    vars(clock).update(current_time=partial(attrgetter("_virtual_base"), clock), _autojump=partial(_jump, clock))
    return clock


def _jump(clock: trio.testing.MockClock) -> None:
    deadline_s = trio._core._run.GLOBAL_RUN_CONTEXT.runner.deadlines.next_deadline()
    if math.isfinite(deadline_s) and deadline_s > clock.current_time():
        clock.jump(deadline_s - clock.current_time())
