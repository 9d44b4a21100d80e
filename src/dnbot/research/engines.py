"""Who makes the trials: processes of this machine, or a scheduler of several that somebody else wrote.

Dask and Ray are the extras `dask` and `ray`; a program of its own imports them (`scheduler_process.py`), when they are
named, and never else. They carry errands and bring trials back: what a trial is, and which are still to be made, they
know nothing of. Whoever reaches a scheduler can run code on its machines, and neither encrypts by itself: use them
inside a network of your own.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from typing import IO, Protocol

import attrs
import msgspec

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.lab.processes import NoAnswer, in_processes
from dnbot.research.apart import LAST_WORDS
from dnbot.research.trial import Job, Trial
from dnbot.research.trial_run import Errand, Player, hang_s

PACKAGES = {"dask": "distributed", "ray": "ray"}
"""What an engine's program imports."""
PROGRAM = "dnbot.research.scheduler_process"
END_S_MAX = 30.0


class SchedulerEnded(OperatingError):
    """The program that speaks to a scheduler ended before all trials were there; its last words say why."""


class Engine(Protocol):
    """Makes trials."""

    def trials(self, jobs: Sequence[Job]) -> Generator[Trial, None, None]:
        """One for each job, as they end, in any order. Closing the generator ends those that run.

        Raises:
            SchedulerEnded: what carries the jobs is gone.
        """
        ...


@attrs.frozen(eq=False)
class LocalEngine:
    """A process per trial, so many at a time, each forked from this one: the recording is looked at once."""

    player: Player
    at_once: int

    def trials(self, jobs: Sequence[Job]) -> Generator[Trial, None, None]:
        """See `Engine`."""
        with closing(in_processes(jobs, self._do, at_once=self.at_once, hang_s=hang_s(jobs))) as ended:
            for job, answer in ended:
                if isinstance(answer, NoAnswer):
                    yield job.failed(f"{answer}")
                else:
                    yield msgspec.json.decode(answer, type=Trial)

    def _do(self, answer: Connection, job: Job) -> None:
        answer.send_bytes(msgspec.json.encode(self.player.play(job)))


class Answer(msgspec.Struct, frozen=True):
    """A line of the program: which job, and its trial or what went wrong."""

    number: int
    trial: Trial | None = None
    failure: str = ""


@attrs.frozen(eq=False)
class SchedulerEngine:
    """The cluster at `address`, or (empty) one of this machine that lives as long as the study."""

    name: str
    errand: Callable[[Job], Errand]
    at_once: int
    address: str

    def trials(self, jobs: Sequence[Job]) -> Generator[Trial, None, None]:
        """See `Engine`."""
        if not jobs:
            return
        command = [sys.executable, "-P", "-m", PROGRAM, self.name, str(self.at_once), str(hang_s(jobs)), self.address]
        waiting = dict(enumerate(jobs))
        with tempfile.TemporaryFile() as words, subprocess.Popen(  # noqa: S603 (this interpreter, our own module)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words
        ) as process:
            assert process.stdin is not None  # as asked for above
            assert process.stdout is not None
            try:
                _tell(process.stdin, [self.errand(job) for job in jobs])
                for line in process.stdout:
                    answer = msgspec.json.decode(line, type=Answer)
                    job = waiting.pop(answer.number)
                    yield job.failed(answer.failure) if answer.trial is None else answer.trial
            finally:
                _end(process)
            if waiting:
                words.seek(0)
                said = words.read().decode("utf-8", "replace").strip()[-LAST_WORDS:]
                raise SchedulerEnded(f"{self.name} ended before {len(waiting)} trials were made: {said}")


def _tell(stdin: IO[bytes], errands: Sequence[Errand]) -> None:
    """All of them, a line each. A program that is gone already is found out by its silence."""
    try:
        stdin.write(b"".join(msgspec.json.encode(errand) + b"\n" for errand in errands))
        stdin.close()
    except BrokenPipeError:
        pass


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()


def engine_of(name: str, player: Player, errand: Callable[[Job], Errand], at_once: int, address: str) -> Engine:
    """`local`, `dask` or `ray`; `address` is that of a cluster, empty for this machine.

    Raises:
        ConfigError: its package is not installed, or an address for the engine that has none.
    """
    if name == "local":
        if address:
            raise ConfigError("--address", "engine", "local", "dask or ray: local is this machine")
        return LocalEngine(player, at_once)
    if importlib.util.find_spec(PACKAGES[name]) is None:
        allowed = f"local, or {name} once it is installed: pip install 'dnbot[{name}]'"
        raise ConfigError("--engine", name, f"no package {PACKAGES[name]}", allowed)
    return SchedulerEngine(name, errand, at_once, address)
