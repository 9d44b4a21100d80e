"""A sweep at the price of one prefix: at each step the process forks, and the copy's bot dies there.

The parent plays the saga as if nothing happened. A copy is the same world at the same step, to the last byte, so it
needs no run up to there; it ends with its verdict in a pipe, inside `trio.run`. A copy that says nothing, uses more
than `CPU_S_MAX` or is not done after `WAIT_S_MAX` has failed: it can never be missing from the count. On Linux, in a
process with one thread. `tests/lab/sweep` compares copies with runs from the beginning.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import select
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import attrs
import msgspec
import trio

from dnbot.lab.sweep_copy import go_on_as_a_copy, may_be_copied
from dnbot.lab.sweep_run import Crash, MakeLife, Play, Played, a_life
from dnbot.lab.sweep_sagas import Saga, SagaStuck

CPU_S_MAX = 60
"""A copy usually needs a quarter of a second; one that spins says where it was, and ends."""
WAIT_S_MAX = 900.0
"""Seconds of the real clock after which the parent kills a copy: long, for there may be little CPU for it."""
CHUNK = 65536


class CopyFailed(Exception):
    """Inside a copy: what it was made for did not come to its end."""


@attrs.define(eq=False)
class Forks:
    """Copies that run, at most `at_once`. `told` gets each verdict, in the order of the steps."""

    at_once: int
    told: Callable[[Crash], None]
    cpu_s_max: int = CPU_S_MAX
    wait_s_max: float = WAIT_S_MAX
    inside: Copy | None = None
    """In a copy: itself."""
    _running: deque[tuple[Copy, int]] = attrs.field(factory=deque)

    def fork(self, play: Play, step: int, *, power_cut: bool) -> None:
        """Make a copy whose bot dies before this step; never returns in a copy before its bot is dead."""
        while len(self._running) >= self.at_once:
            self._await_oldest()
        ours, theirs = os.pipe()
        go_on, chance = go_on_as_a_copy(), random.getstate()
        began_s = time.monotonic()  # noqa: TID251 (the copy's limit is one of the machine)
        pid = os.fork()
        if pid:
            os.close(theirs)
            self._running.append((Copy(pid, ours, step, power_cut, began_s), ours))
            return
        self.inside = copy = Copy(0, theirs, step, power_cut, began_s)
        try:
            os.close(ours)
            go_on()
            random.setstate(chance)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGXCPU, copy.spins)
            resource.setrlimit(resource.RLIMIT_CPU, (self.cpu_s_max, self.cpu_s_max + 5))
            play.crash(step, power_cut=power_cut)
        except trio.Cancelled:  # nothing here awaits
            raise
        except BaseException:  # noqa: BLE001 (every copy ends with a verdict)
            copy.fail(traceback.format_exc())

    def judged(self, crash: Crash) -> None:
        """End this copy with its verdict."""
        assert self.inside is not None
        self.inside.say(crash)

    def drain(self) -> None:
        """Wait for every copy."""
        while self._running:
            self._await_oldest()

    def kill(self) -> None:
        """End every copy."""
        for copy, pipe in self._running:
            copy.kill()
            os.close(pipe)
        self._running.clear()

    def _await_oldest(self) -> None:
        copy, pipe = self._running.popleft()
        said = _read_all(pipe, copy.began_s + self.wait_s_max)
        os.close(pipe)
        if said is None:
            copy.kill()
            self.told(copy.unfinished(f"its process was killed after {self.wait_s_max} s"))
            return
        _, status = os.waitpid(copy.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        try:
            self.told(msgspec.json.decode(said, type=Crash))
        except msgspec.MsgspecError:
            self.told(copy.unfinished(f"its process ended with {code} and no verdict"))


@attrs.frozen
class Copy:
    """One copy of this process: seen from outside, with its `pid`; or itself, with 0."""

    pid: int
    pipe: int
    step: int
    power_cut: bool
    began_s: float

    def say(self, crash: Crash) -> NoReturn:
        """From inside: end with a verdict; nothing else of the process that this came from may happen here."""
        try:
            left = memoryview(msgspec.json.encode(crash))
            while left:
                left = left[os.write(self.pipe, left) :]
        finally:
            os._exit(0)

    def fail(self, why: str) -> NoReturn:
        """From inside: end without having come to a verdict."""
        self.say(self.unfinished(why))

    def spins(self, _signal: int, frame: FrameType | None) -> None:
        """From inside: the CPU time is used up."""
        where = "".join(traceback.format_stack(frame)[-6:])
        self.fail(f"it used up its CPU time at {trio.current_time():.3f} virtual seconds: {where}")

    def unfinished(self, why: str) -> Crash:
        """A crash of which no more is known."""
        return Crash(step=self.step, power_cut=self.power_cut, task="", at_s=0.0, prefix="", wrong=(why[-2000:],))

    def kill(self) -> None:
        """From outside: end it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _read_all(pipe: int, until_s: float) -> bytes | None:
    """What a copy said before it ended; None when it has not ended by then."""
    said, poll = b"", select.poll()
    poll.register(pipe, select.POLLIN)
    while (left_s := until_s - time.monotonic()) > 0:  # noqa: TID251 (see `began_s`)
        if poll.poll(left_s * 1000):
            chunk = os.read(pipe, CHUNK)
            if not chunk:
                return said
            said += chunk
    return None


def sweep(
    saga: Saga, seed: int, *, power_cuts: tuple[bool, ...], at_once: int, told: Callable[[Crash], None],
    make_life: MakeLife = a_life, chosen: Callable[[int, bool], bool] = lambda _step, _cut: True,
    cpu_s_max: int = CPU_S_MAX, wait_s_max: float = WAIT_S_MAX,
) -> Played:
    """Crash before every step of a saga that is `chosen`, in each manner; returns the run that did not crash.

    Raises:
        SagaStuck: the saga does not come to its end by itself, or this process cannot be copied.
    """
    if threading.active_count() > 1 or not may_be_copied():
        raise SagaStuck("only a process with one thread on Linux can be copied: run the sweep in one of its own")
    forks = Forks(at_once, told, cpu_s_max, wait_s_max)

    def at(play: Play, step: int) -> None:
        for power_cut in power_cuts:
            if forks.inside is None and chosen(step, power_cut):
                forks.fork(play, step, power_cut=power_cut)

    play = Play(saga, seed, make_life, at, forks.judged)
    gc.collect()
    gc.freeze()
    try:
        result = play.run()
        if forks.inside is not None:
            raise CopyFailed("the copy's run ended, and its bot was never judged")
        assert isinstance(result, Played)  # in the parent nothing dies
        forks.drain()
        return result
    except BaseException:
        if forks.inside is not None:
            forks.inside.fail(traceback.format_exc())
        raise
    finally:
        forks.kill()
        gc.unfreeze()
        sys.stdout.flush()
