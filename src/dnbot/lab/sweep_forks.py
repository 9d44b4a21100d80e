"""A sweep at the price of one prefix: at each step the process forks, and the copy's bot dies there.

The parent plays the saga as if nothing happened. A copy is the same world at the same step, to the last byte, so it
needs no run up to there; it ends with its verdict in a pipe, inside `trio.run`, whose end would change the registrations
of the selector that all copies share. Where there is `os.fork`, in a process with one thread.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable

import attrs
import msgspec
from trio._core._run import GLOBAL_RUN_CONTEXT

from dnbot.lab.sweep_run import Crash, MakeLife, Play, Played, a_life
from dnbot.lab.sweep_sagas import Saga, SagaStuck

CHILD_S_MAX = 120
"""Seconds of the real clock after which a copy that says nothing is killed."""


@attrs.define(eq=False)
class Forks:
    """Copies that run, at most `at_once`. `told` gets each verdict, in the order of the steps."""

    at_once: int
    told: Callable[[Crash], None]
    inside: int | None = None
    """In a copy: where its verdict goes."""
    _running: deque[tuple[int, int, int, bool]] = attrs.field(factory=deque)

    def fork(self, play: Play, step: int, *, power_cut: bool) -> None:
        """Make a copy whose bot dies before this step."""
        while len(self._running) >= self.at_once:
            self._await_oldest()
        ours, theirs = os.pipe()
        running, chance = dict(GLOBAL_RUN_CONTEXT.__dict__), random.getstate()  # noqa: TID251 (see `deterministic`)
        pid = os.fork()
        if pid:
            os.close(theirs)
            self._running.append((pid, ours, step, power_cut))
            return
        # A copy is to go on with the run: trio-asyncio makes it forget that, and Python gives it chance of its own.
        GLOBAL_RUN_CONTEXT.__dict__.update(running)
        random.setstate(chance)  # noqa: TID251
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.alarm(CHILD_S_MAX)
        os.close(ours)
        self.inside = theirs
        play.crash(step, power_cut=power_cut)

    def say(self, crash: Crash) -> None:
        """End this copy with its verdict; nothing else of the process that it came from may happen in it."""
        assert self.inside is not None
        with os.fdopen(self.inside, "wb") as out:
            out.write(msgspec.json.encode(crash))
        os._exit(0)

    def drain(self) -> None:
        """Wait for every copy."""
        while self._running:
            self._await_oldest()

    def kill(self) -> None:
        """End every copy."""
        for pid, pipe, _, _ in self._running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(pipe)
        self._running.clear()

    def _await_oldest(self) -> None:
        pid, pipe, step, power_cut = self._running.popleft()
        with os.fdopen(pipe, "rb") as verdict:
            said = verdict.read()
        _, status = os.waitpid(pid, 0)
        if said:
            self.told(msgspec.json.decode(said, type=Crash))
        else:
            code = os.waitstatus_to_exitcode(status)
            self.told(_unfinished(step, power_cut, f"its process ended with {code} and said nothing"))


def sweep(
    saga: Saga, seed: int, *, power_cuts: tuple[bool, ...], at_once: int, told: Callable[[Crash], None],
    make_life: MakeLife = a_life,
) -> Played:
    """Crash before every step of a saga, in each manner; returns the run that did not crash.

    Raises:
        SagaStuck: the saga does not come to its end by itself, or this process has threads and cannot be copied.
    """
    if threading.active_count() > 1:
        raise SagaStuck("a process with threads cannot be copied: run the sweep in one of its own")
    forks = Forks(at_once, told)

    def at(play: Play, step: int) -> None:
        for power_cut in power_cuts:
            if forks.inside is None:
                forks.fork(play, step, power_cut=power_cut)

    play = Play(saga, seed, make_life, at, forks.say)
    gc.collect()
    gc.freeze()
    try:
        result = play.run()
    except BaseException:
        if forks.inside is not None:
            traceback.print_exc()
            os._exit(1)
        forks.kill()
        raise
    finally:
        gc.unfreeze()
    assert isinstance(result, Played)  # in the parent nothing dies
    forks.drain()
    return result


def _unfinished(step: int, power_cut: bool, why: str) -> Crash:
    return Crash(step=step, power_cut=power_cut, task="", at_s=0.0, prefix="", wrong=(why,))
