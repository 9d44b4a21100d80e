"""The evidence of a crash sweep: what the JSON file holds, and the lines that a person reads."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.lab.sweep_run import Crash


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A crash after which something did not hold, and how to see it again."""

    crash: Crash
    replay: str


class SagaReport(msgspec.Struct, frozen=True, kw_only=True):
    """One saga's evidence. `checkpoints` is what an instrument counted in a run without any crash or copy."""

    saga: str
    seed: int
    manner: str
    every: int = 1
    """Crashed at each so manyth checkpoint; 1 is all."""
    code: str
    """A hash over the source that was swept."""
    trace: str
    """The tap's hash over the run without a crash."""
    checkpoints: int
    crashes: int = 0
    """So many places are done, in the order of the steps."""
    done: bool = False
    rest_s_max: float = 0.0
    """The longest virtual time from a crash to a second life at rest."""
    failures: tuple[Failure, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong with the sweep itself, or without any crash."""

    @property
    def passed(self) -> bool:
        """Whether every checkpoint was crashed at, and all held."""
        return self.done and not self.failures and not self.problems

    def with_crash(self, crash: Crash, replay: str) -> SagaReport:
        """With the next place done."""
        failures = (Failure(crash=crash, replay=replay),) if crash.wrong else ()
        return msgspec.structs.replace(
            self, crashes=self.crashes + 1, rest_s_max=max(self.rest_s_max, crash.rest_s or 0.0),
            failures=self.failures + failures,
        )

    def is_begun_of(self, fresh: SagaReport) -> bool:
        """Whether this is the same sweep, of the same code, further on."""
        mine = (self.saga, self.seed, self.manner, self.every, self.code, self.trace, self.checkpoints)
        return mine == (
            fresh.saga, fresh.seed, fresh.manner, fresh.every, fresh.code, fresh.trace, fresh.checkpoints
        )


class Report(msgspec.Struct):
    """What the JSON file holds."""

    sagas: list[SagaReport] = []

    def of(self, saga: str, seed: int, manner: str) -> SagaReport | None:
        """What is known of a sweep."""
        return next((r for r in self.sagas if (r.saga, r.seed, r.manner) == (saga, seed, manner)), None)

    def put(self, found: SagaReport) -> None:
        """Take what is known of a sweep now, in the place of what was known of it."""
        old = self.of(found.saga, found.seed, found.manner)
        if old is None:
            self.sagas.append(found)
        else:
            self.sagas[self.sagas.index(old)] = found


def read_report(path: Path) -> Report:
    """What an earlier sweep wrote; nothing when there is no file.

    Raises:
        ConfigError: it is no such file.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError:
        return Report()
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(str(path), "--resume", str(error), "the evidence of a crash sweep") from error


def write_report(path: Path, report: Report) -> None:
    """Put it in the file's place, whole."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    beside.replace(path)


def line_of(found: SagaReport) -> str:
    """One line per saga, and one per failure."""
    head = (
        f"{'ok  ' if found.passed else 'FAIL'} {found.saga:<17} {found.checkpoints:>5} checkpoints, "
        f"{found.crashes:>5} crashes, {len(found.failures)} failed, at rest within {found.rest_s_max} s"
    )
    failures = [f"\n     {failure.replay}\n       {words_of(failure.crash)}" for failure in found.failures]
    return head + "".join(f"\n     {problem}" for problem in found.problems) + "".join(failures)


def words_of(crash: Crash) -> str:
    """Where it was, and what came of it."""
    outcome = "; ".join(crash.wrong) or "all held"
    return f"step {crash.step} at {crash.at_s} s, {crash.task}: {outcome}"
