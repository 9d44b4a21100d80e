"""`dnbot drill crashes`: for each saga, a crash before every step of the bot's tasks, a restart, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.lab.source import source_digest
from dnbot.lab.sweep_forks import sweep
from dnbot.lab.sweep_report import Report, SagaReport, line_of, read_report, words_of, write_report
from dnbot.lab.sweep_run import Crash, MakeLife, Play, Played, a_life, crash_at
from dnbot.lab.sweep_sagas import SAGAS, Saga, SagaStuck

EXIT_PASSED, EXIT_FAILED = 0, 1
MANNERS = {"power-cut": (True,), "kill": (False,), "both": (True, False)}
"""What a crash does to bytes under way: a power cut loses them, of a killed process the kernel delivers them."""
KEPT_EVERY = 50
"""After so many crashes the evidence is written."""


@attrs.frozen
class SweepOptions:
    """What the command line asks for."""

    sagas: Sequence[str] = ()
    manner: str = "both"
    seed: int = 1
    at_once: int = 1
    at: int | None = None
    """One step of one saga, played without any copy of the process."""
    json: Path | None = None
    resume: bool = False


@attrs.define
class Sweep:
    """One saga's sweep as it goes on. `kept` is called with what is known so far."""

    saga: Saga
    seed: int
    manner: str
    at_once: int = 1
    make_life: MakeLife = a_life
    every: int = 1
    """Crash at each so manyth step alone; a report of such a sweep says so, and is no proof."""
    kept: Callable[[SagaReport], None] = lambda _report: None

    def run(self, before: SagaReport | None = None) -> SagaReport:
        """Count the checkpoints without a crash, then crash at each; `before` is what an earlier sweep had done.

        Raises:
            SagaStuck: the saga does not come to its end without a crash.
        """
        alone = Play(self.saga, self.seed, self.make_life).run()
        assert isinstance(alone, Played)
        report = SagaReport(
            saga=self.saga.name, seed=self.seed, manner=self.manner, every=self.every, code=code_digest(),
            trace=alone.hash, checkpoints=alone.steps,
            problems=tuple(f"without a crash: {wrong}" for wrong in alone.wrong),
        )
        if before is not None and before.is_begun_of(report):
            report = before
        places = [(step, cut) for step in range(0, alone.steps, self.every) for cut in MANNERS[self.manner]]
        left = places[report.crashes :]
        crashes: list[Crash] = []

        def told(crash: Crash) -> None:
            nonlocal report
            crashes.append(self._checked(crash, alone))
            report = report.with_crash(crashes[-1], self._replay(crash))
            if len(crashes) % KEPT_EVERY == 0:
                self.kept(report)

        wanted = set(left)
        again = sweep(
            self.saga, self.seed, power_cuts=MANNERS[self.manner], at_once=self.at_once, told=told,
            make_life=self.make_life, chosen=lambda step, cut: (step, cut) in wanted,
        ) if left else alone
        problems = list(report.problems)
        if again != alone:
            problems.append(f"two runs: {alone.steps} steps, {alone.hash[:12]}; {again.steps} steps, {again.hash[:12]}")
        if [(crash.step, crash.power_cut) for crash in crashes] != left:
            problems.append(f"{len(crashes)} crashes at {len(left)} places")
        return msgspec.structs.replace(report, problems=tuple(problems), done=True)

    def _checked(self, crash: Crash, alone: Played) -> Crash:
        """A crash is one of this saga when all before it was the same to the last byte."""
        if crash.prefix in {"", alone.prefixes[crash.step]}:
            return crash
        return msgspec.structs.replace(crash, wrong=(*crash.wrong, "what was before it is not what the saga does"))

    def _replay(self, crash: Crash) -> str:
        manner = "power-cut" if crash.power_cut else "kill"
        return f"./dnbot drill crashes --saga {self.saga.name} --seed {self.seed} --manner {manner} --at {crash.step}"


def run_sweep(options: SweepOptions, say: Callable[[str], None]) -> int:
    """Sweep the sagas that are asked for; 0 when all held at every checkpoint, 1 when not.

    Raises:
        ConfigError: a saga is unknown, a step is asked of other than one saga in one manner, a saga does not end, or
            there is nothing to resume from.
    """
    if unknown := [name for name in options.sagas if name not in SAGAS]:
        raise ConfigError("drill crashes", "--saga", ", ".join(unknown), ", ".join(SAGAS))
    if options.resume and options.json is None:
        raise ConfigError("drill crashes", "--resume", "no --json", "the file that a sweep has begun")
    chosen = [saga for name, saga in SAGAS.items() if not options.sagas or name in options.sagas]
    if options.at is not None:
        if len(chosen) != 1 or options.manner == "both":
            allowed = "with one --saga, and --manner power-cut | kill"
            raise ConfigError("drill crashes", "--at", str(options.at), allowed)
        return _one(chosen[0], options, options.at, say)
    report = read_report(options.json) if options.resume and options.json is not None else Report()
    results = []
    for saga in chosen:
        def kept(found: SagaReport) -> None:
            report.put(found)
            if options.json is not None:
                write_report(options.json, report)

        try:
            job = Sweep(saga, options.seed, options.manner, options.at_once, kept=kept)
            found = job.run(report.of(saga.name, options.seed, options.manner))
        except SagaStuck as error:
            raise ConfigError("drill crashes", saga.name, str(error), "a saga that ends by itself") from error
        kept(found)
        results.append(found)
        say(line_of(found))
    return EXIT_PASSED if all(found.passed for found in results) else EXIT_FAILED


def code_digest() -> str:
    """What was swept: a digest of every module that a sweep can reach."""
    return source_digest(("dnbot.lab.sweep",)).hex()[:16]


def _one(saga: Saga, options: SweepOptions, step: int, say: Callable[[str], None]) -> int:
    try:
        crash = crash_at(saga, options.seed, step, power_cut=MANNERS[options.manner][0])
    except SagaStuck as error:
        raise ConfigError("drill crashes", "--at", str(step), str(error)) from error
    say(f"{saga.name} {words_of(crash)}\n  tap {crash.prefix}, then {crash.end[:16]}; at rest after {crash.rest_s} s")
    return EXIT_FAILED if crash.wrong else EXIT_PASSED


