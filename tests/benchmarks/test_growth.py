"""Curves of cost: where the knee is said to be, what a frame's stages are, and that each verdict can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from suite import deep_books, frames, growth
from suite.growth import knee, targets
from suite.kept import Kept
from suite.measuring import Effort
from suite.staged import Stages

from dnbot.domain.instrument import Venue

RATES = (1_000, 2_000, 10_000, 20_000)


def points(**series: tuple[float, ...]) -> list[dict[str, float]]:
    """A calm curve over `RATES`, but for these figures."""
    return [
        {
            "load": rate, "offered": rate, "handled": rate, "cpu": 0.3, "whole p99": 100.0, "rss_mb": 60.0, "held": 0.0,
            **{name.replace("_", " "): values[number] for name, values in series.items()},
        }
        for number, rate in enumerate(RATES)
    ]


@pytest.mark.parametrize(("series", "number", "why"), [
    ({"handled": (1_000, 2_000, 9_900, 19_700)}, 3, "only 98% of the frames"),
    ({"cpu": (0.2, 0.3, 0.9, 1.0)}, 2, "the core is 90% busy"),
    ({"whole_p99": (100, 100, 1_000, 1_001)}, 3, "10 times that at a tenth"),
    ({"whole_p99": (100, 5_000, 1_000, 1_000)}, None, ""),
])
def test_a_knee_is_where_a_rule_is_broken_first(series: Any, number: int | None, why: str) -> None:
    """Frames left behind, a busy core, waits beside those at a tenth of the load; nothing else."""
    found = knee(points(**series))
    assert (found[0] if found else None) == number
    assert why in (found[1] if found else "")


def test_what_lies_before_the_knee_counts() -> None:
    """The last point before it, all of them without one, nothing when the first is beyond."""
    levels = [{"load": 20, "us": 10.0}, {"load": 500, "us": 15.1}]
    rate, symbols, depth = targets({"rate": points(), "symbols": points(cpu=(0.2, 0.95, 1, 1)), "levels": levels})
    assert (rate.measured, rate.met) == (20_000, True)
    assert (symbols.measured, symbols.met) == (1_000, True)
    assert "the knee is at 2,000: the core is 95% busy" in symbols.detail
    assert not depth.met
    beyond = points(cpu=(0.95, 1, 1, 1))
    assert [target.met for target in targets({"rate": beyond, "symbols": beyond, "levels": levels})] == [False] * 3


def test_a_frame_s_wait_counts_from_when_it_was_due() -> None:
    """In the socket, in its book, until the decision of its burst; the earliest frame was not late."""
    stages = Stages(gap_ns=1_000_000, warm_up_s=0.0)
    for read_us, folded_us in ((100, 110), (1_100, 1_105), (4_100, 4_150)):
        stages.folded(Venue.GATE_SPOT, read_us * 1000, folded_us * 1000)
    stages.note(5_000_000, [])
    stages.note(5_000_000, [1])
    told = stages.stages_us()
    assert told["socket"] == pytest.approx([0, 0, 2_000])
    assert told["book"] == pytest.approx([10, 5, 50])
    assert told["decision"] == pytest.approx([4_890, 3_895, 850])
    assert told["whole"] == pytest.approx([4_900, 3_900, 2_900])
    stages.note(6_000_000, [2])
    assert len(stages.stages_us()["book"]) == 3
    stages.warm_up_s = 0.002
    assert stages.stages_us()["socket"] == pytest.approx([2_000])


@pytest.mark.slow
def test_points_that_were_kept_are_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted curve goes on where it was; each point is kept as it is found."""
    measured: list[tuple[int, float]] = []

    def told(*arguments: Any) -> dict[str, float]:
        measured.append(arguments[-2:])
        if len(measured) == 3:
            raise RuntimeError("interrupted")
        return dict.fromkeys(growth.FIGURES, float(len(measured)))

    @contextmanager
    def listening() -> Iterator[Any]:
        yield {"plain": 1}, tmp_path

    monkeypatch.setattr(growth, "_told", told)
    monkeypatch.setattr(growth, "listening", listening)
    path = tmp_path / "out.json"
    with pytest.raises(RuntimeError, match="interrupted"):
        growth.listened(Effort(rounds=1, share=0.01, kept=Kept(path, "a", True)))
    curves = growth.listened(Effort(rounds=1, share=0.01, kept=Kept(path, "a", True)))
    assert measured == [(1, 1_000), (1, 10_000), (1, 100_000), (1, 100_000), (1, 300), (5, 300)]
    assert [point["load"] for point in curves["rate"]] == [1_000, 10_000, 100_000]
    assert [(point["load"], point["offered"]) for point in curves["symbols"]] == [(1, 300), (5, 1_500)]
    again = growth.listened(Effort(rounds=1, share=0.01, kept=Kept(path, "a", True)))
    assert again == curves
    assert len(measured) == 6


@pytest.mark.parametrize("levels", [20, 500])
def test_frames_of_a_deep_book_change_all_of_it(levels: int) -> None:
    """Every level of a side comes to be changed, none beyond, and the book stays sound."""
    kept = {Decimal(price) for price, _ in frames.snapshot(levels)[0]}
    assert deep_books.touched(levels, levels) == kept
    assert deep_books.frame_us(levels, 40)["us"] > 0
