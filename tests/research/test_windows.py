"""Walk-forward windows never let a test be seen in training, and a cut recording is the same recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import ReplayConfig
from dnbot.research.bars import BarData
from dnbot.research.opening import source_at
from dnbot.research.source import Span
from dnbot.research.windows import WINDOW_S_MIN, Window, cut, walk_forward

LEAST_NS = round(WINDOW_S_MIN * 1e9)
counts = st.integers(1, 12)


@given(st.integers(0, 10**18), counts, counts, st.integers(0, 10**12), st.booleans())
def test_no_split_sees_its_future(begin_ns: int, splits: int, train_tests: int, more_ns: int, anchored: bool) -> None:
    """A train window ends where its test begins, tests follow each other to the end, and train windows are as told."""
    span = Span(begin_ns, begin_ns + LEAST_NS * (splits + train_tests) + more_ns)
    found = walk_forward(span, splits, train_tests, "here", anchored=anchored)
    assert len(found) == splits
    tests = [split.test for split in found if split.test is not None]
    assert [split.train.end_ns for split in found] == [test.begin_ns for test in tests]
    assert [test.end_ns for test in tests[:-1]] == [test.begin_ns for test in tests[1:]]
    length = tests[0].end_ns - tests[0].begin_ns
    assert {test.end_ns - test.begin_ns for test in tests} == {length}
    assert 0 <= span.end_ns - tests[-1].end_ns < splits + train_tests
    assert found[0].train == Window(begin_ns, begin_ns + train_tests * length)
    moves = 0 if anchored else length
    assert [split.train.begin_ns for split in found] == [begin_ns + number * moves for number in range(splits)]


@given(counts, counts)
def test_windows_that_are_too_short_are_refused(splits: int, train_tests: int) -> None:
    """With where the data are, their span, what was asked for, the least, and how many windows there is room for."""
    span = Span(0, LEAST_NS * (splits + train_tests) - splits - train_tests)
    asked = f"--splits {splits} --train-tests {train_tests} "
    said = rf"^--data here: span: .*{asked}.*at least 6 s each.*room for \d+ in all"
    with pytest.raises(ConfigError, match=said):
        walk_forward(span, splits, train_tests, "here")


def test_without_splits_everything_is_one_train_window() -> None:
    """And nothing is a test; too little of it is refused as well."""
    (split,) = walk_forward(Span(5, 5 + LEAST_NS), 0, 2, "here")
    assert (split.train, split.test, split.windows) == (Window(5, 5 + LEAST_NS), None, (split.train,))
    said = r"1970-01-01T00:00:00 to 00:00:0\d UTC \(6\.0 s\), cut by one window.*for none"
    with pytest.raises(ConfigError, match=said):
        walk_forward(Span(0, LEAST_NS - 1), 0, 2, "here")


@pytest.mark.slow
def test_a_part_of_a_capture_has_the_same_files_and_books(recording: Path) -> None:
    """Only the span differs; the whole of it is the source itself."""
    source = source_at(recording, "BTC/USDT")
    span = source.span
    part = cut(source, Window(span.begin_ns + 10**9, span.end_ns - 10**9), "here")
    assert part.span == Span(span.begin_ns + 10**9, span.end_ns - 10**9)
    assert (part.files, part.described()) == (source.files, source.described())
    assert cut(source, Window(span.begin_ns, span.end_ns), "here") is source


def test_a_part_of_bars_begins_later_in_recorded_time(tmp_path: Path) -> None:
    """A second of the span is `speed` recorded seconds; the length of the window is virtual."""
    begin = datetime(2024, 3, 1, tzinfo=UTC)
    rows = "\n".join(f"{(begin + n * timedelta(hours=8)).isoformat()},60000,60100,59900,60050" for n in range(30))
    (tmp_path / "BTC_USDT-8h-futures.csv").write_text(f"date,open,high,low,close\n{rows}\n")
    source = source_at(tmp_path, "BTC/USDT", replay=ReplayConfig(speed=480.0))
    begin_ns = source.span.begin_ns
    part = cut(source, Window(begin_ns + 60 * 10**9, begin_ns + 90 * 10**9), "here")
    assert isinstance(part, BarData)
    assert part.replay.begin is not None
    assert part.replay.begin == begin + timedelta(hours=8)
    assert part.span == Span(begin_ns + 28_800 * 10**9, begin_ns + 28_830 * 10**9)


def test_a_recording_that_cannot_be_cut_is_refused() -> None:
    """Before anything runs, with what can be."""

    class Whole:
        span = Span(0, 10**12)

    source: Any = Whole()
    assert cut(source, Window(0, 10**12), "here") is source
    with pytest.raises(ConfigError, match="played whole"):
        cut(source, Window(0, 10**11), "here")
