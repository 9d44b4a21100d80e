"""The clock of a simulation: virtual time that stands still until it jumps to the next deadline."""

from __future__ import annotations

import math
from functools import partial
from operator import attrgetter
from typing import Any

import trio.testing

TURNS_PER_LOOK = 256
"""So many turns of the scheduler pass between two looks at the kernel, which has nothing but Ctrl-C to tell here."""


def still_clock() -> trio.testing.MockClock:
    """A mock clock with autojump that never asks the real one, and nothing of Trio but the next deadline.

    Trio's own reads the real time and multiplies what has passed by its rate, which is 0 here, four thousand times in a
    virtual second; for each jump it counts tasks and sockets, and takes a turn more to find what that jump made due. It
    also asks the kernel in every turn what happened to sockets, of which there are none: while it runs, that is asked
    in every `TURNS_PER_LOOK`th. Every task runs at the time and in the company of others that it would have.
    `tests/lab/test_still_clock.py` compares the two.
    """
    clock = trio.testing.MockClock(autojump_threshold=0)
    vars(clock).update(
        current_time=partial(attrgetter("_virtual_base"), clock), _autojump=partial(_jump, clock),
        start_clock=partial(_start, clock),
    )
    return clock


def _jump(clock: trio.testing.MockClock) -> None:
    """To the next deadline; whoever that wakes runs in this very turn."""
    runner: Any = trio._core._run.GLOBAL_RUN_CONTEXT.runner
    deadline_s = runner.deadlines.next_deadline()
    if math.isinf(deadline_s):
        runner.io_manager.turns = -1  # nobody sleeps: only the kernel can end this
    elif deadline_s > clock.current_time():
        clock.jump(deadline_s - clock.current_time())
        runner.deadlines.expire(clock.current_time())


def _start(clock: trio.testing.MockClock) -> None:
    trio.testing.MockClock.start_clock(clock)
    runner: Any = trio._core._run.GLOBAL_RUN_CONTEXT.runner
    runner.io_manager = _SeldomAsked(runner.io_manager)


class _SeldomAsked:
    """Trio's own way to the kernel, asked for events now and then."""

    def __init__(self, asked: Any) -> None:
        self._asked = asked
        self.turns = 0

    def get_events(self, timeout: float) -> Any:
        self.turns += 1
        if self.turns % TURNS_PER_LOOK:
            return ()
        return self._asked.get_events(timeout)

    def process_events(self, events: Any) -> None:
        if events:
            self._asked.process_events(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._asked, name)
