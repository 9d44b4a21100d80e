"""`dnbot drill crashes`: for each saga, a crash before every step of the bot's tasks, a restart, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.lab.sweep_forks import sweep
from dnbot.lab.sweep_run import Crash, MakeLife, Play, Played, a_life, crash_at
from dnbot.lab.sweep_sagas import SAGAS, Saga, SagaStuck

EXIT_PASSED, EXIT_FAILED = 0, 1
MANNERS = {"power-cut": (True,), "kill": (False,), "both": (True, False)}
"""What a crash does to bytes under way: a power cut loses them, of a killed process the kernel delivers them."""


@attrs.frozen
class SweepOptions:
    """What the command line asks for."""

    sagas: Sequence[str] = ()
    manner: str = "both"
    seed: int = 1
    at_once: int = 2
    at: int | None = None
    """One step of one saga, played without any copy of the process."""
    json: Path | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A crash after which something did not hold, and how to see it again."""

    crash: Crash
    replay: str


class SagaReport(msgspec.Struct, frozen=True, kw_only=True):
    """One saga's evidence. `checkpoints` is what an instrument counted in a run without any crash or copy."""

    saga: str
    seed: int
    manner: str
    checkpoints: int
    crashes: int
    rest_s_max: float
    """The longest virtual time from a crash to a second life at rest."""
    failures: tuple[Failure, ...]
    problems: tuple[str, ...]
    """What is wrong with the sweep itself, or without any crash."""

    @property
    def passed(self) -> bool:
        """Whether every checkpoint was crashed at, and all held."""
        return not self.failures and not self.problems


class Report(msgspec.Struct):
    """What the JSON file holds."""

    sagas: list[SagaReport] = []


def sweep_saga(
    saga: Saga, *, seed: int, manner: str, at_once: int = 1, make_life: MakeLife = a_life
) -> SagaReport:
    """Count a saga's checkpoints without a crash, then crash at each of them; the two runs must be one.

    Raises:
        SagaStuck: the saga does not come to its end without a crash.
    """
    alone = Play(saga, seed, make_life).run()
    assert isinstance(alone, Played)
    crashes: list[Crash] = []
    swept = sweep(
        saga, seed, power_cuts=MANNERS[manner], at_once=at_once, told=crashes.append, make_life=make_life
    )
    problems = [f"without a crash: {wrong}" for wrong in alone.wrong]
    if swept != alone:
        problems.append(f"two runs: {alone.steps} steps, {alone.hash[:12]}; {swept.steps} steps, {swept.hash[:12]}")
    expected = [(step, cut) for step in range(alone.steps) for cut in MANNERS[manner]]
    if [(crash.step, crash.power_cut) for crash in crashes] != expected:
        problems.append(f"{len(crashes)} crashes at {len(expected)} places")
    return SagaReport(
        saga=saga.name, seed=seed, manner=manner, checkpoints=alone.steps, crashes=len(crashes),
        rest_s_max=max((crash.rest_s for crash in crashes if crash.rest_s is not None), default=0.0),
        failures=tuple(Failure(crash=crash, replay=_replay(saga, seed, crash)) for crash in crashes if crash.wrong),
        problems=tuple(problems),
    )


def run_sweep(options: SweepOptions, say: Callable[[str], None]) -> int:
    """Sweep the sagas that are asked for; 0 when all held at every checkpoint, 1 when not.

    Raises:
        ConfigError: a saga is unknown, or a step is asked of other than one saga in one manner.
    """
    if unknown := [name for name in options.sagas if name not in SAGAS]:
        raise ConfigError("drill crashes", "--saga", ", ".join(unknown), ", ".join(SAGAS))
    chosen = [saga for name, saga in SAGAS.items() if not options.sagas or name in options.sagas]
    if options.at is not None:
        if len(chosen) != 1 or options.manner == "both":
            raise ConfigError("drill crashes", "--at", str(options.at), "with one --saga, and --manner power-cut | kill")
        return _one(chosen[0], options, options.at, say)
    report = Report()
    for saga in chosen:
        try:
            found = sweep_saga(saga, seed=options.seed, manner=options.manner, at_once=options.at_once)
        except SagaStuck as error:
            raise ConfigError("drill crashes", saga.name, str(error), "a saga that ends by itself") from error
        report.sagas.append(found)
        if options.json is not None:
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
        say(line_of(found))
    return EXIT_PASSED if all(found.passed for found in report.sagas) else EXIT_FAILED


def line_of(found: SagaReport) -> str:
    """One line per saga, and one per failure."""
    head = (
        f"{'ok  ' if found.passed else 'FAIL'} {found.saga:<17} {found.checkpoints:>5} checkpoints, "
        f"{found.crashes:>5} crashes, {len(found.failures)} failed, at rest within {found.rest_s_max} s"
    )
    failures = [f"\n     {failure.replay}\n       {_words(failure.crash)}" for failure in found.failures]
    return head + "".join(f"\n     {problem}" for problem in found.problems) + "".join(failures)


def _one(saga: Saga, options: SweepOptions, step: int, say: Callable[[str], None]) -> int:
    try:
        crash = crash_at(saga, options.seed, step, power_cut=MANNERS[options.manner][0])
    except SagaStuck as error:
        raise ConfigError("drill crashes", "--at", str(step), str(error)) from error
    say(f"{saga.name} {_words(crash)}\n  tap {crash.prefix}, at rest after {crash.rest_s} s")
    return EXIT_FAILED if crash.wrong else EXIT_PASSED


def _words(crash: Crash) -> str:
    outcome = "; ".join(crash.wrong) or "all held"
    return f"step {crash.step} at {crash.at_s} s, {crash.task}: {outcome}"


def _replay(saga: Saga, seed: int, crash: Crash) -> str:
    manner = "power-cut" if crash.power_cut else "kill"
    return f"./dnbot drill crashes --saga {saga.name} --seed {seed} --manner {manner} --at {crash.step}"
