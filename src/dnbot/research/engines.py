"""Who makes the trials: processes of this machine, or a scheduler of several that somebody else wrote.

Dask and Ray are imported when they are named, and never else: they are the extras `dask` and `ray`. They carry errands
and bring trials back; what a trial is, and which are still to be made, they know nothing of. Whoever reaches a
scheduler can run code on its machines, and neither encrypts by itself: use them inside a network of your own.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from multiprocessing.connection import Connection
from typing import Any, Protocol

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.lab.processes import NoAnswer, in_processes
from dnbot.research.trial import Job, Trial
from dnbot.research.trial_process import run_apart
from dnbot.research.trial_run import Errand, Player, hang_s

ENGINES = ("local", "dask", "ray")
LOOPBACK = "127.0.0.1"


class Engine(Protocol):
    """Trials as they end, in any order. Closing the iterator ends those that run."""

    def trials(self, jobs: Sequence[Job]) -> Generator[Trial, None, None]:
        """One for each job."""
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
                yield job.failed(f"{answer}") if isinstance(answer, NoAnswer) else _trial(answer)

    def _do(self, answer: Connection, job: Job) -> None:
        answer.send_bytes(msgspec.json.encode(self.player.play(job)))


@attrs.frozen(eq=False)
class DaskEngine:
    """A Dask cluster at an address, or one of this machine on loopback that lives as long as the study."""

    distributed: Any
    errand: Callable[[Job], Errand]
    at_once: int
    address: str

    def trials(self, jobs: Sequence[Job]) -> Generator[Trial, None, None]:
        """See `Engine`."""
        with self._cluster() as place, self.distributed.Client(place) as client:
            waiting = {
                client.submit(run_apart, msgspec.json.encode(self.errand(job)), hang_s(jobs), pure=False): job
                for job in jobs
            }
            for future in self.distributed.as_completed(waiting):
                error = future.exception()
                yield waiting[future].failed(f"{error}") if error is not None else _trial(future.result())

    def _cluster(self) -> Any:
        if self.address:
            return nullcontext(self.address)
        return self.distributed.LocalCluster(
            n_workers=self.at_once, threads_per_worker=1, host=LOOPBACK, dashboard_address=None, silence_logs=50,
        )


@attrs.frozen(eq=False)
class RayEngine:
    """A Ray cluster at an address, or one of this machine that lives as long as the study."""

    ray: Any
    errand: Callable[[Job], Errand]
    at_once: int
    address: str

    def trials(self, jobs: Sequence[Job]) -> Generator[Trial, None, None]:
        """See `Engine`."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it tells its makers of each start unless it is told not to
        here = {} if self.address else {"num_cpus": self.at_once, "include_dashboard": False}
        self.ray.init(address=self.address or "local", log_to_driver=False, **here)
        try:
            apart = self.ray.remote(run_apart)
            waiting = {apart.remote(msgspec.json.encode(self.errand(job)), hang_s(jobs)): job for job in jobs}
            while waiting:
                (ended, *_), _ = self.ray.wait(list(waiting), num_returns=1)
                yield self._trial(ended, waiting.pop(ended))
        finally:
            self.ray.shutdown()

    def _trial(self, ended: Any, job: Job) -> Trial:
        try:
            return _trial(self.ray.get(ended))
        except (self.ray.exceptions.RayError, RuntimeError) as error:
            return job.failed(f"{error}")


def engine_of(name: str, player: Player, errand: Callable[[Job], Errand], at_once: int, address: str) -> Engine:
    """The engine of that name; `address` is that of a cluster, empty for this machine.

    Raises:
        ConfigError: its package is not installed, or an address for the engine that has none.
    """
    if name == "local":
        if address:
            raise ConfigError("--address", "engine", "local", "dask or ray: local is this machine")
        return LocalEngine(player, at_once)
    if name == "dask":
        return DaskEngine(_package("distributed", name), errand, at_once, address)
    return RayEngine(_package("ray", name), errand, at_once, address)


def _package(package: str, extra: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        allowed = f"local, or {extra} once it is installed: pip install 'dnbot[{extra}]'"
        raise ConfigError("--engine", extra, f"no package {package}", allowed) from None


def _trial(answer: bytes) -> Trial:
    return msgspec.json.decode(answer, type=Trial)
