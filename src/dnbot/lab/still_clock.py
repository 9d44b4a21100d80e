"""The clock of a simulation: virtual time that stands still until it jumps to the next deadline."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import trio.testing


def still_clock() -> trio.testing.MockClock:
    """A mock clock with autojump that never asks the real one.

    Trio's own reads the real time and multiplies what has passed by its rate, which is 0 here, four thousand times in a
    virtual second.
    """
    clock = trio.testing.MockClock(autojump_threshold=0)
    vars(clock)["current_time"] = partial(attrgetter("_virtual_base"), clock)
    return clock
