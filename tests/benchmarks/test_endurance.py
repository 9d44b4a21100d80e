"""Half an hour of full feeds: what is counted, what is kept of an interrupted run, and that each verdict can fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from suite import endurance, frames
from suite.endurance import Counted, growth_pct, run, targets
from suite.kept import Kept

from dnbot.domain.instrument import Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.units import ZERO

QUIET = {
    "stretch": 1, "frames": 10.0, "judged": 5.0, "stale": 0.0, "oldest_ms": 3.0, "p50_us": 20.0, "p99_us": 50.0,
    "p99.9_us": 90.0, "rss_mb": 60.0, "held_s": 0.0,
}


def minutes(**series: list[float]) -> list[dict[str, float]]:
    """Quiet minutes but for these figures, as many as the longest says."""
    count = max(len(values) for values in series.values())
    return [{**QUIET, **{name: values[n] for name, values in series.items()}} for n in range(count)]


def test_a_quiet_half_hour_meets_everything() -> None:
    """Also when it grows a little at its begin."""
    assert all(target.met for target in targets(minutes(rss_mb=[50.0, 60.0, 60.0, 60.5])))


@pytest.mark.parametrize(("number", "series"), [
    (0, {"stale": [0, 1, 0, 0]}), (1, {"p99_us": [50, 50, 60, 60]}), (2, {"rss_mb": [50, 60, 61, 63]}),
    (3, {"rss_mb": [201, 201]}),
])
def test_each_verdict_fails_on_its_own(number: int, series: dict[str, list[float]]) -> None:
    """A stale market, slower decisions, growing memory, too much memory."""
    assert [target.met for target in targets(minutes(**series))] == [place != number for place in range(4)]


def test_memory_grows_within_a_stretch_and_not_from_one_to_the_next() -> None:
    """A new process begins small."""
    assert growth_pct([50, 60, 60, 63]) == pytest.approx(5)
    two = minutes(rss_mb=[60, 60, 60, 50, 50, 50], stretch=[1, 1, 1, 2, 2, 2])
    assert targets(two)[2].measured == 0


def market(frame: int) -> MarketView:
    """One book, after so many frames."""
    book = BookView(
        venue=Venue.GATE_SPOT, bids=((ZERO, ZERO),), asks=((ZERO, ZERO),), update_id=frames.FIRST_ID + frame,
        venue_ms=0, received_s=0.0,
    )
    return MarketView(books={Venue.GATE_SPOT: book})


def test_a_book_is_as_old_as_its_frame_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the server's schedule, whenever it was read; a minute begins with nothing."""
    now_ns = 0
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now_ns)
    counted = Counted(rate=100.0)
    for at_ms, frame in ((10, 1), (510, 51), (1_601, 60), (2_400, 220)):
        now_ns = at_ms * 1_000_000
        counted.judged(market(frame))
    assert (counted.judged_count, counted.stale) == (4, 1)
    assert counted.oldest_ns == pytest.approx(1.001e9)
    counted.judged(market(60))
    assert counted.stale == 2
    counted.minute()
    assert (counted.judged_count, counted.stale, counted.oldest_ns) == (0, 0, 0.0)


def test_waits_are_counted_in_classes_and_told_by_their_upper_end() -> None:
    """Of a hundred the 50th and the 99th; what is beyond all classes counts in the last."""
    counted = Counted()
    counted.note(200_000, [200_000 - us * 1000 for us in range(100)])
    told = counted.minute()
    assert (told["frames"], told["p50_us"], told["p99_us"]) == (100, 50, 99)
    counted.note(10**12, [0])
    assert counted.minute()["p99_us"] == endurance.CLASSES
    assert counted.minute()["frames"] == 0


def test_minutes_that_were_kept_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing runs in a stretch of its own; each minute is kept when it ends."""
    asked: list[int] = []

    def ends_early(*arguments: Any) -> Iterator[dict[str, float]]:
        asked.append(arguments[-1])
        yield {"rss_mb": 1.0}
        yield {"rss_mb": 2.0}
        raise RuntimeError("interrupted")

    @contextmanager
    def listening() -> Iterator[Any]:
        yield {"plain": 1}, tmp_path

    monkeypatch.setattr(endurance, "lines", ends_early)
    monkeypatch.setattr(endurance, "listening", listening)
    path = tmp_path / "out.json"
    for _ in range(2):
        with pytest.raises(RuntimeError, match="interrupted"):
            run(300, 60.0, Kept(path, "a", False))
    assert asked == [5, 3]
    found = msgspec.json.decode(path.read_bytes())["kept"]["endurance"]["minutes"]
    assert [(minute["stretch"], minute["rss_mb"]) for minute in found] == [(1, 1.0), (1, 2.0), (2, 1.0), (2, 2.0)]
    assert len(run(240, 60.0, Kept(path, "a", False))) == 4
