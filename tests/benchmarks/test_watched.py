"""What it costs to be watched: observations are kept with their time and told apart by phase; each verdict can fail."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import trio
from suite import watched as subject
from suite.watched import (
    CONFIG,
    KEPT,
    SETTLE_S,
    WARM_UP_S,
    Phases,
    free_ports,
    interval_text,
    keeping,
    load_text,
    look,
    paired,
    targets,
    used_share,
    within,
)
from suite.watchers import Seen

from dnbot.config import load_settings
from dnbot.metrics.loop_lag import watch_loop
from dnbot.metrics.stages import Stages
from dnbot.operate import metrics as metrics_room

PHASES = Phases(
    alone=[(0.0, 10.0), (20.0, 30.0)], watched=[(10.0, 20.0), (30.0, 40.0)],
    seen=Seen(opened=40, pictures=400, scrapes=20), looking_s=1.0,
)  # fmt: skip
LOAD = {"lag": [(5.0, 0.001), (15.0, 0.004), (39.0, 0.002), (41.0, 9.0)],
        "cpu": [(1.0, 10.0), (9.0, 12.0), (10.0, 12.0), (15.0, 14.5), (19.0, 16.5), (21.0, 17.0), (29.0, 19.0)]}


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
    found = targets(PHASES, {"sent": observed(*sent), "burst": observed(*burst), **LOAD}, lost)
    assert [target.met for target in found] == met
    assert "20 dashboards (40 opened), which got 400 pictures, and 20 scrapes" in found[0].detail
    ratio = f"{sent[1] / sent[0]:.3f}"
    assert f"the ratio of p99 lies within {ratio} and {ratio} (90%, 2 pairs of phases drawn)" in found[0].detail


def test_what_was_used_is_told_beside() -> None:
    """Of the bot's process by kind of phase, how late its loop was, and what the watchers took themselves."""
    assert used_share(LOAD["cpu"], PHASES.alone) == pytest.approx(4 / 16)
    assert used_share(LOAD["cpu"], PHASES.watched) == pytest.approx(4.5 / 9)
    assert load_text(PHASES, LOAD) == (
        "watched: 50% of a core, loop late p99 4.0 ms, at most 4.0; alone: 25% of a core, loop late p99 1.0 ms, "
        "at most 1.0; the watchers themselves 5%"
    )


def test_neighbouring_phases_are_pairs() -> None:
    """Watched first; a pair in which nothing happened says nothing, and no verdict hangs on it."""
    found = paired([(5.0, 1.0), (15.0, 2.0), (25.0, 3.0), (15.5, 4.0)], PHASES)
    assert found == [([2.0, 4.0], [1.0]), ([], [3.0])]
    assert interval_text(found) == "too few phases to say how sure the ratio is"


async def test_each_pair_begins_with_the_other_kind(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a drift of the machine helps neither; between phases there is time for those who looked to leave."""
    async def ready(_port: int) -> bool:
        return True

    began, lookers = trio.current_time(), []

    async def watch(*_arguments: Any) -> None:
        lookers.append(trio.current_time() - began)
        await trio.sleep_forever()

    monkeypatch.setattr(subject, "is_ready", ready)
    monkeypatch.setattr(subject, "watch", watch)
    monkeypatch.setattr(subject.time, "monotonic", trio.current_time)
    phases = await look(1, 2, 60.0, 15.0)
    step = 15.0 + SETTLE_S
    assert [first - began - WARM_UP_S for first, _ in phases.alone] == pytest.approx([0.0, 3 * step])
    assert [first - began - WARM_UP_S for first, _ in phases.watched] == pytest.approx([step, 2 * step])
    assert lookers == pytest.approx([first - began for first, _ in phases.watched])


def test_the_bot_of_the_benchmark_is_one_that_may_run(tmp_path: Path) -> None:
    """Its configuration is valid, and no limit of rate or loss stops it."""
    path = tmp_path / "bot.toml"
    path.write_text(CONFIG)
    settings = load_settings(path)
    assert (settings.mode, settings.fakes.market) == ("sim", "lively")
    assert settings.strategy.round_trips_per_minute_max == 100_000


def test_between_the_phases_nothing_counts() -> None:
    """Nor before and after them."""
    times = [(-1.0, 1.0), (0.0, 2.0), (9.99, 3.0), (10.0, 4.0), (31.0, 5.0)]
    assert within(times, PHASES.alone) == [2.0, 3.0]
    assert within(times, PHASES.watched) == [4.0, 5.0]


def test_observations_are_kept_and_still_counted() -> None:
    """In the histograms of whoever makes `Stages` meanwhile, and of nobody else."""
    kept: dict[str, list[tuple[float, float]]] = {name: [] for name in KEPT}
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


async def test_how_late_the_loop_is_and_what_was_used_is_kept(autojump_clock: Any) -> None:
    """While somebody keeps it, and the histogram of the bot hears of it too."""
    kept: dict[str, list[tuple[float, float]]] = {name: [] for name in KEPT}
    heard: list[float] = []
    with keeping(kept):
        with trio.move_on_after(1.02):
            await metrics_room.watch_loop(heard.append)
    assert [late_s for _, late_s in kept["lag"]] == heard
    assert len(heard) == len(kept["cpu"]) == 20
    assert metrics_room.watch_loop is watch_loop


def test_observations_are_written_down_when_the_run_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which it does by an exit code."""
    def run(*_arguments: object, **_more: object) -> None:
        Stages().until["sent"].observe(0.5)
        raise SystemExit(0)

    monkeypatch.setattr(subject.commands, "main", run)
    subject.trade(1, 2, str(tmp_path / "summary.json"), str(tmp_path / "kept.json"), "bot.toml")
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
