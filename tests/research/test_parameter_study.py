"""Studies: what is run, what is not run twice, and that a trial is a backtest."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from trial_kit import BEGIN_NS, ENTRY, HOUR_NS, SETTINGS, cells, figures, splits

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import FakesConfig
from dnbot.lab import processes
from dnbot.research import parameter_study as subject
from dnbot.research.backtest import BacktestOptions, NoFigures, backtest
from dnbot.research.latency import MODELS
from dnbot.research.market_options import MarketOptions
from dnbot.research.parameter_study import Study, StudyOptions, jobs_of, run_study
from dnbot.research.recorded import DataFile
from dnbot.research.source import Span
from dnbot.research.trial import Job, Trial
from dnbot.research.trial_run import Player
from dnbot.research.windows import cut

MARKET = MarketOptions(data="nowhere", symbol="BTC/USDT", latency=MODELS["loopback"])
TWO = cells(**{ENTRY: "3,8"})
FILES = (DataFile(name="f", bytes=1, sha256="ab" * 32, lines=1, first_ns=1, last_ns=2),)


@attrs.frozen
class Recording:
    """Thirty hours of nothing."""

    span: Span = attrs.field(factory=lambda: Span(BEGIN_NS, BEGIN_NS + 30 * HOUR_NS))
    files: tuple[DataFile, ...] = FILES

    def described(self) -> dict[str, str]:
        """One venue."""
        return {"gate_spot": "nothing"}

    def within(self, begin_ns: int, end_ns: int) -> Recording:
        """Less of it."""
        return Recording(Span(begin_ns, end_ns))


def played(_player: Player, job: Job) -> Trial:
    """In place of a backtest: a higher threshold earns more, and one process dies."""
    if job.params["leverage"] == 13:
        os._exit(7)
    return job.done(figures(job.params[ENTRY]), 2.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No recording, no backtest."""
    player = Player(MARKET, Recording(), FakesConfig())  # type: ignore[arg-type]  # what is not asked for here
    monkeypatch.setattr(Player, "of", lambda _market: player)
    monkeypatch.setattr(Player, "play", played)


def study(path: Path, *, of: Any = TWO, **changes: Any) -> tuple[Study, list[str]]:
    """Run one; returns it and what was said."""
    said: list[str] = []
    options = StudyOptions(market=MARKET, settings=SETTINGS, cells=of, evidence=path, **{"at_once": 2, **changes})
    return run_study(options, said.append), said


def test_every_cell_is_run_on_every_window(quick: None, tmp_path: Path) -> None:
    """Each once, told on a line; the comparison is of them all."""
    found, said = study(tmp_path / "e.jsonl")
    assert found.trials_wanted == len(said) == 2 * 6
    assert (found.comparison.best, found.is_partial, found.cells_tried, found.cpu_s) == (1, False, 2, 24.0)
    assert found.best is not None
    assert found.best.name == f"{ENTRY}=8"
    assert all("total +" in line for line in said)
    assert len(found.comparison.choices) == 3


def test_windows_that_splits_share_are_run_once() -> None:
    """With a train window as long as a test window, one split's test is the next one's train."""
    jobs = jobs_of(TWO.cells, splits(3, train_tests=1))
    assert len(jobs) == 2 * 4
    assert len({job.key for job in jobs}) == len(jobs)


@pytest.mark.slow
def test_what_is_there_is_not_run_again(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A space that grew runs what is new alone; what was tried before counts as tried."""
    path = tmp_path / "e.jsonl"
    study(path)
    monkeypatch.setattr(Player, "play", lambda _player, job: job.done(figures(100), 1.0))
    found, said = study(path, of=cells(**{ENTRY: "5,8"}), resume=True)
    assert said[0] == f"12 of 18 trials are in {path} already"
    assert len(said) == 1 + 6
    scores = [cell.train.total for cell in found.comparison.cells if cell.train is not None]
    assert scores == [3, 100, 8]
    smaller, said = study(path, of=cells(**{ENTRY: "3"}), resume=True)
    assert (len(said), smaller.cells_tried, smaller.trials_wanted) == (1, 3, 6)


@pytest.mark.slow
def test_a_trial_that_fails_leaves_the_others_and_is_tried_again(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies is a trial without figures; the study is partial and says why."""
    path, some = tmp_path / "e.jsonl", cells(leverage="2,13")
    found, said = study(path, of=some)
    assert found.is_partial
    assert found.trials_failed == {"its process ended with 7": 6}
    assert sum("FAILED its process ended with 7" in line for line in said) == 6
    assert found.doubts[0] == "6 of 12 trials have no figures (6 failed)"
    assert found.cells_tried == 2
    monkeypatch.setattr(Player, "play", lambda _player, job: job.done(figures(1), 1.0))
    found, said = study(path, of=some, resume=True)
    assert (found.is_partial, len(said)) == (False, 1 + 6)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_leaves_what_was_finished(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the evidence and in the comparison, which says that it was interrupted; no process is left."""
    path, made = tmp_path / "e.jsonl", subject.TrialFile.add

    def interrupted(file: subject.TrialFile, trial: Trial) -> None:
        made(file, trial)
        if len(file.found) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subject.TrialFile, "add", interrupted)
    found, said = study(path)
    assert (found.interrupted, found.is_partial, len(said)) == (True, True, 2)
    assert len(path.read_bytes().splitlines()) == 1 + 3
    assert processes.multiprocessing.active_children() == []
    monkeypatch.undo()


def test_what_cannot_be_is_refused_before_anything_runs(quick: None, tmp_path: Path) -> None:
    """Windows that are too short, an engine that is not installed, an address for this machine."""
    path = tmp_path / "e.jsonl"
    with pytest.raises(ConfigError, match="--splits"):
        study(path, until_s=20.0)
    with pytest.raises(ConfigError, match=r"--engine: ray: found 'no package ray'.*dnbot\[ray\]"):
        study(path, engine="ray")
    with pytest.raises(ConfigError, match="--address"):
        study(path, address="tcp://127.0.0.1:8786")
    assert not path.exists()


def test_a_study_in_sample_and_one_of_less(quick: None, tmp_path: Path) -> None:
    """Without splits nothing is tested, and it is whole all the same; `until_s` uses the beginning alone."""
    found, _ = study(tmp_path / "a.jsonl", splits=0, until_s=7200.0)
    assert not found.is_partial
    assert (found.hours, found.trials_wanted) == (2.0, 2)
    assert any("in sample only" in doubt for doubt in found.doubts)


def test_a_bug_in_a_trial_is_told_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the end of its traceback; what the world did wrong, by its sentence."""
    player = Player(MARKET, Recording(), FakesConfig())  # type: ignore[arg-type]  # what is not asked for here
    job = jobs_of(TWO.cells, splits(1))[0]
    assert "AttributeError" in player.play(job).failure
    monkeypatch.setattr("dnbot.research.trial_run.backtest", _no_figures)
    assert player.play(job).failure == "no figures: the bot did not begin"


def _no_figures(_options: BacktestOptions) -> None:
    raise NoFigures("no figures: the bot did not begin")


@pytest.mark.slow
def test_a_trial_is_a_backtest_of_its_window(recording: Path, tmp_path: Path) -> None:
    """The same trace and the same profit as that backtest, made in another process."""
    market = msgspec.structs.replace(MARKET, data=str(recording), mapped=("mexc_spot=spot,lag_ms=200,offset_bps=-60",))
    some = cells(**{ENTRY: "3,20"})
    options = StudyOptions(
        market=market, settings=SETTINGS, cells=some, evidence=tmp_path / "e.jsonl", splits=1, train_tests=1, at_once=2
    )
    found = run_study(options, lambda _line: None)
    made = {}
    for line in (tmp_path / "e.jsonl").read_bytes().splitlines()[1:]:
        trial = msgspec.json.decode(line, type=Trial)
        made[trial.key] = trial.figures
    test = found.splits[0].test
    assert test is not None
    result = backtest(BacktestOptions(
        cut(market.source(fresh=True), test, market.data), some.cells[1].params, market.latency, market.world(),
    ))
    same = made[some.cells[1].digest, test]
    assert same is not None
    assert (same.trace_hash, same.total, same.fills) == (result.trace_hash, result.profit.total, len(result.fills))
    assert same.total is not None
    assert same.total != Decimal(0)
    assert not found.is_partial
    assert len({figure.trace_hash for figure in made.values() if figure is not None}) >= 3
