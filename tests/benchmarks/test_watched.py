"""What it costs to be watched: observations are kept with their time and told apart by phase; each verdict can fail."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from suite import watched as subject
from suite.watched import Phases, free_ports, keeping, targets, within

from dnbot.metrics.stages import Stages

PHASES = Phases(alone=[(0.0, 10.0), (20.0, 30.0)], watched=[(10.0, 20.0), (30.0, 40.0)], pictures=400, scrapes=20)


def observed(alone: float, watched: float) -> list[tuple[float, float]]:
    """Ten observations in each phase."""
    return [(at_s + tenth, watched if at_s in (10, 30) else alone) for at_s in (0, 10, 20, 30) for tenth in range(10)]


@pytest.mark.parametrize(
    ("sent", "burst", "lost", "met"),
    [
        ((0.005, 0.0054), (0.001, 0.001), 0, [True, True, True]),
        ((0.005, 0.0056), (0.001, 0.001), 0, [False, True, True]),
        ((0.005, 0.005), (0.001, 0.0012), 0, [True, False, True]),
        ((0.005, 0.005), (0.001, 0.001), 1, [True, True, False]),
    ],
)
def test_each_verdict_can_fail(
    sent: tuple[float, float], burst: tuple[float, float], lost: int, met: list[bool]
) -> None:
    """More than a tenth longer, or anything lost."""
    found = targets(PHASES, {"sent": observed(*sent), "burst": observed(*burst)}, lost)
    assert [target.met for target in found] == met
    assert "20 dashboards" in found[0].detail


def test_between_the_phases_nothing_counts() -> None:
    """Nor before and after them."""
    times = [(-1.0, 1.0), (0.0, 2.0), (9.99, 3.0), (10.0, 4.0), (31.0, 5.0)]
    assert within(times, PHASES.alone) == [2.0, 3.0]
    assert within(times, PHASES.watched) == [4.0, 5.0]


def test_observations_are_kept_and_still_counted() -> None:
    """In the histograms of whoever makes `Stages` meanwhile, and of nobody else."""
    kept: dict[str, list[tuple[float, float]]] = {"sent": [], "burst": []}
    with keeping(kept):
        stages = Stages()
    before_s = time.monotonic()  # noqa: TID251 (the benchmark's own clock)
    stages.until["sent"].observe(0.25)
    for bursts in stages.bursts.values():
        bursts.observe(0.5)
    assert [seconds for _, seconds in kept["sent"]] == [0.25]
    assert [seconds for _, seconds in kept["burst"]] == [0.5] * len(stages.bursts)
    assert kept["sent"][0][0] >= before_s
    assert stages.until["sent"].count == 1
    Stages().until["sent"].observe(1.0)
    assert len(kept["sent"]) == 1


def test_observations_are_written_down_when_the_run_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which it does by an exit code."""
    def run(*_arguments: object, **_more: object) -> None:
        Stages().until["sent"].observe(0.5)
        raise SystemExit(0)

    monkeypatch.setattr(subject.commands, "main", run)
    subject.trade(1, 2, str(tmp_path / "summary.json"), str(tmp_path / "kept.json"))
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert [seconds for _, seconds in kept["sent"]] == [0.5]


def test_what_the_database_does_not_have_is_missing() -> None:
    """In the words of a report's JSON."""
    report = {"executions_total": {"count": 7}, "fills": 20}
    assert subject.missing({"executions": 7, "fills": 20}, report) == 0
    assert subject.missing({"executions": 9, "fills": 21}, report) == 3


def test_ports_differ() -> None:
    """Two that were free a moment ago."""
    assert len(set(free_ports(2))) == 2
