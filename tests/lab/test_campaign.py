"""Campaigns: a process per seed, evidence that a later run goes on from, verdicts and figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnbot.config.reading import load_settings
from dnbot.domain.errors import ConfigError
from dnbot.lab import campaign as subject
from dnbot.lab.campaign import CampaignOptions, Evidence, run_campaign, summarised
from dnbot.lab.schedule import Schedule
from dnbot.lab.simulation import Run
from dnbot.lab.source import source_digest
from dnbot.resources import config_dir

PARAMS = load_settings(config_dir() / "demo.toml").strategy
BAD = 3


def made(seed: int, **changes: Any) -> Run:
    """A run without any simulation."""
    run = subject.lost(seed, "")
    run.violations, run.trace_hash, run.executions, run.virtual_s, run.cpu_s = [], f"{seed:064}", 30, 600.0, 10.0
    run.naked = {"definite": seed / 1000, "ambiguous": 0.0}
    for name, value in changes.items():
        setattr(run, name, value)
    return run


def simulated(schedule: Schedule, *_: Any) -> Run:
    """In place of the real one: one seed breaks an invariant, one process dies."""
    if schedule.seed == 13:
        os._exit(7)
    wrong = [{"invariant": "I6", "at_s": 1.0, "text": "naked"}]
    return made(schedule.seed, violations=wrong if schedule.seed == BAD else [], last_events=["an event"])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real simulation."""
    monkeypatch.setattr(subject, "simulate", simulated)


def campaign(*seeds: int, **changes: Any) -> tuple[int, list[str]]:
    """Run one; returns the exit code and what was said."""
    said: list[str] = []
    options = CampaignOptions(seeds=seeds, run_s=600.0, params=PARAMS, **{"jobs": 2, **changes})
    return run_campaign(options, said.append), said


@pytest.mark.slow
def test_a_seed_that_fails_is_told_with_the_way_to_see_it_again(quick: None) -> None:
    """The verdict, the violation, what came before it, and a command."""
    code, said = campaign(1, BAD, command="dnbot simulate --minutes 10 --faults swarm")
    text = "\n".join(said)
    assert code == 1
    assert "FAILED I6" in text
    assert "1.000000 s  I6  naked" in text
    assert "an event" in text
    assert f"again: dnbot simulate --minutes 10 --faults swarm --seeds {BAD}" in text
    assert campaign(1, 2)[0] == 0


def test_how_far_it_is_is_told_seed_by_seed(quick: None) -> None:
    """From nothing to all of them; then the line is taken away."""
    told: list[str] = []
    options = CampaignOptions(seeds=(1, 2), run_s=600.0, params=PARAMS, jobs=1)
    assert run_campaign(options, lambda _: None, told.append) == 0
    assert [text.partition(",")[0] for text in told] == ["0 of 2 seeds", "1 of 2 seeds", "2 of 2 seeds", ""]


def test_a_process_that_dies_is_a_failure(quick: None) -> None:
    """No answer is no pass."""
    code, said = campaign(13)
    assert code == 1
    assert "its process ended with 7" in "\n".join(said)


@pytest.mark.slow
def test_a_process_that_hangs_is_ended(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its id, and told as a failure."""
    monkeypatch.setattr(subject, "_hang_s", lambda _options: -1.0)
    monkeypatch.setattr(subject, "simulate", lambda *_: os.read(os.pipe()[0], 1))
    code, said = campaign(1)
    assert code == 1
    assert "it hung and was ended" in "\n".join(said)


@pytest.mark.slow
def test_time_that_is_over_begins_no_seed(quick: None) -> None:
    """What was begun ends; the rest is left for another time."""
    code, said = campaign(1, 2, 3, within_s=-1.0)
    assert code == 0
    assert said[-1].startswith("0 runs")


@pytest.mark.slow
def test_a_campaign_goes_on_where_it_stopped(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the file is not run again, and counts."""
    file = tmp_path / "evidence.json"
    campaign(1, 2, json=file)
    monkeypatch.setattr(subject, "_work", lambda answer, schedule, options: answer.send_bytes(
        msgspec.json.encode(made(schedule.seed, executions=schedule.seed * 100))))
    campaign(1, 2, 4, json=file, resume=True)
    evidence = msgspec.json.decode(file.read_bytes(), type=Evidence)
    ran = [run.executions for run in evidence.runs]
    assert [run.seed for run in evidence.runs] == [1, 2, 4]
    assert ran == [30, 30, 400]
    assert evidence.summary["executions"] == 460


@pytest.mark.slow
def test_what_another_source_passed_is_played_again(quick: None, tmp_path: Path) -> None:
    """A pass says nothing of code that came after it."""
    file = tmp_path / "evidence.json"
    campaign(1, 2, json=file)
    evidence = msgspec.json.decode(file.read_bytes(), type=Evidence)
    evidence.runs[0].source = "0" * 12
    file.write_bytes(msgspec.json.encode(evidence))
    code, said = campaign(1, 2, json=file, resume=True)
    assert code == 0
    assert "1 runs" in said[0]
    assert "another source" in said[0]
    assert "1 seeds have passed" in said[1]
    assert [line.split()[1] for line in said if line.startswith("seed")] == ["1"]
    evidence = msgspec.json.decode(file.read_bytes(), type=Evidence)
    assert evidence.summary["sources"] == {source_digest().hex()[:12]: 2}


@pytest.mark.slow
def test_what_failed_is_tried_again(quick: None, tmp_path: Path) -> None:
    """Only what passed counts as done; which source each run had is told."""
    file = tmp_path / "evidence.json"
    assert campaign(1, BAD, json=file)[0] == 1
    code, said = campaign(1, BAD, json=file, resume=True)
    assert code == 1
    assert "1 seeds have passed" in said[0]
    assert [line.split()[1] for line in said if line.startswith("seed")] == [str(BAD)]
    evidence = msgspec.json.decode(file.read_bytes(), type=Evidence)
    assert [run.seed for run in evidence.runs] == [1, BAD]
    assert evidence.summary["sources"] == {source_digest().hex()[:12]: 2}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"run_s": 60.0}, "run_s"),
        ({"faults": "all"}, "faults"),
        ({"params": msgspec.structs.replace(PARAMS, leverage=3)}, "params"),
    ],
)
def test_other_options_do_not_go_on(quick: None, tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    """A file of another campaign is named, and left alone."""
    file = tmp_path / "evidence.json"
    campaign(1, json=file)
    before = file.read_bytes()
    options = {"seeds": (1, 2), "run_s": 600.0, "params": PARAMS, "json": file, "resume": True, **changes}
    with pytest.raises(ConfigError, match=named):
        run_campaign(CampaignOptions(**options), print)
    assert file.read_bytes() == before


def test_resume_needs_a_file_and_a_file_needs_to_be_one(quick: None, tmp_path: Path) -> None:
    """Each mistake is named."""
    with pytest.raises(ConfigError, match="--json"):
        campaign(1, resume=True)
    with pytest.raises(ConfigError, match="--keep"):
        campaign(1, json=tmp_path / "new.json", resume=True, keep=("crash.1",))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match=r"bad\.json"):
        campaign(1, json=tmp_path / "bad.json", resume=True)
    assert campaign(1, json=tmp_path / "new.json", resume=True)[0] == 0


def test_keys_to_keep_are_those_of_the_schedule() -> None:
    """An unknown one is named, with those that there are."""
    with pytest.raises(ConfigError, match=r"--keep.*nothing.1"):
        campaign(1, keep=("nothing.1",))


def test_the_worst_of_all_runs_has_its_seed() -> None:
    """Figures add up, or are the worst, each with where it was seen."""
    runs = [
        made(1, struck={"crash": 2}, by_fault={"crash": {"naked_s": 0.5, "naked_notional": 10.0, "loss": 1.0}}),
        made(2, struck={"crash": 1}, by_fault={"crash": {"naked_s": 0.2, "naked_notional": 30.0, "loss": 0.5}}),
        made(5, idle="nothing happened", loss_worst_quote="7.5"),
    ]
    found = summarised(runs)
    assert (found["runs"], found["failed"], found["idle"], found["distinct_hashes"]) == (3, [], [5], 3)
    assert found["naked_worst"]["definite"] == (0.005, 5)
    assert found["loss_worst"] == (7.5, 5)
    assert found["struck"] == {"crash": 3}
    assert found["by_fault"]["crash"] == {"runs": 2, "naked_s": (0.5, 1), "naked_notional": (30.0, 2), "loss": (1.0, 1)}
    assert found["virtual_per_cpu"] == 60.0
    assert "fault crash" in found["never"]


def test_a_long_campaign_has_to_have_seen_everything(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With enough seeds, what was never seen fails it."""
    monkeypatch.setattr(subject, "SOMETIMES_SEEDS_MIN", 2)
    code, said = campaign(1, 2)
    assert code == 1
    assert "never seen:" in said[-1]
