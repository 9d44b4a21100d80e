"""What the crash sweep is made of: the evidence, the held file, and what the command refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.domain.pair import Pair
from dnbot.lab.disk import Disk, HeldMedium
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.sweep import Sweep, SweepOptions, run_sweep
from dnbot.lab.sweep_report import Report, SagaReport, line_of, read_report, write_report
from dnbot.lab.sweep_run import Crash, Play, Played
from dnbot.lab.sweep_sagas import SAGAS, Saga
from dnbot.lab.world import stage
from dnbot.ports.spill import MemoryMedium, open_spill

BEGUN = SagaReport(saga="rebalance", seed=1, manner="kill", code="c", trace="t", checkpoints=3)
CRASH = Crash(step=0, power_cut=False, task="journal", at_s=2.0, prefix="p", rest_s=1.5)


def test_every_saga_that_must_survive_a_crash_is_there() -> None:
    """Establishing, each of the six pairs, rebalancing with and without a database, recovery, both ways to stop."""
    others = {"establish", "rebalance", "rebalance_alone", "recovery", "shutdown_hold", "shutdown_flatten"}
    assert set(SAGAS) == others | {pair.name.lower() for pair in Pair}


def test_a_report_passes_when_every_place_is_done_and_held() -> None:
    """Neither one that is only begun, nor one with a failure or a problem."""
    held = BEGUN.with_crash(CRASH, "again")
    assert (held.crashes, held.rest_s_max, held.passed) == (1, 1.5, False)
    done = Report([held])
    done.put(SagaReport(**{name: getattr(held, name) for name in held.__struct_fields__} | {"done": True}))
    assert [found.passed for found in done.sagas] == [True]
    wrong = Crash(step=1, power_cut=False, task="", at_s=0.0, prefix="", wrong=("delta is 1",))
    failed = held.with_crash(wrong, "./dnbot drill crashes --at 1")
    assert not failed.passed
    assert "./dnbot drill crashes --at 1" in line_of(failed)
    assert "delta is 1" in line_of(failed)


def test_evidence_is_read_as_it_was_written(tmp_path: Path) -> None:
    """No file is nothing yet; another file is refused."""
    path = tmp_path / "crashes.json"
    assert read_report(path) == Report()
    write_report(path, Report([BEGUN]))
    assert read_report(path).of("rebalance", 1, "kill") == BEGUN
    path.write_text("[]")
    with pytest.raises(ConfigError, match="evidence of a crash sweep"):
        read_report(path)


def test_a_dead_process_writes_no_file() -> None:
    """What was written before is there; the file can no more be grown, replaced or emptied."""
    disk = MemoryMedium(content=b"before")
    held = HeldMedium(disk, [])
    held.append(b", and after")
    held.revoked = True
    for call in (held.append, held.replace, held.set_aside):
        with pytest.raises(OSError, match="dead"):
            call(b"")
    with pytest.raises(OSError, match="dead"):
        open_spill(held)
    assert disk.content == b"before, and after"


async def test_a_crash_takes_the_file_away(autojump_clock: Any) -> None:
    """With the network and the database; the next life has it."""
    async with stage() as on:
        disk = Disk()
        dead, alive = Incarnation.on(on, disk), Incarnation.on(on, disk, number=2)
        dead.crash()
        with pytest.raises(OSError, match="dead"):
            dead.spill.append(b"late")
        alive.spill.append(b"first")
        assert disk.spill.content == b"first"


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        (SweepOptions(sagas=["rebalance", "tea"]), "shutdown_flatten"),
        (SweepOptions(resume=True), "a sweep has begun"),
        (SweepOptions(at=3), "one --saga"),
        (SweepOptions(sagas=["rebalance"], at=3), "power-cut"),
    ],
)
def test_what_cannot_be_swept_is_refused(options: SweepOptions, allowed: str) -> None:
    """An unknown saga, nothing to resume, a step of everything."""
    with pytest.raises(ConfigError, match=allowed):
        run_sweep(options, lambda _line: None)


def test_the_command_refuses_in_one_sentence() -> None:
    """Exit code 2, with what is allowed."""
    result = CliRunner().invoke(commands, ["drill", "crashes", "--saga", "tea"])
    assert result.exit_code == 2
    assert "tea" in result.output
    assert "shutdown_flatten" in result.output


@pytest.mark.slow
def test_one_crash_is_played_from_the_beginning() -> None:
    """`--at` needs no copy and says what came of it; a step that the saga has not is refused."""
    said: list[str] = []
    options = SweepOptions(sagas=["rebalance"], manner="kill", at=45)
    assert run_sweep(options, said.append) == 0
    assert said[0].startswith("rebalance step 45 at 2.")
    assert "all held" in said[0]
    with pytest.raises(ConfigError, match="there is no 5000"):
        run_sweep(SweepOptions(sagas=["rebalance"], manner="kill", at=5000), said.append)


@pytest.mark.slow
def test_a_sweep_that_is_not_the_saga_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that is missing, a run that differs, and a crash of which the beginning differs, are all told."""

    def other(saga: Saga, seed: int, *, told: Callable[[Crash], None], **_rest: object) -> Played:
        told(CRASH)
        played = Play(saga, seed).run()
        assert isinstance(played, Played)
        return Played(prefixes=played.prefixes, hash="another", wrong=())

    monkeypatch.setattr("dnbot.lab.sweep.sweep", other)
    report = Sweep(SAGAS["rebalance"], 1, "both", every=1000).run()
    assert [problem.partition(":")[0] for problem in report.problems] == ["two runs", "1 crashes at 2 places"]
    assert report.failures[0].crash.wrong == ("what was before it is not what the saga does",)
    assert not report.passed
