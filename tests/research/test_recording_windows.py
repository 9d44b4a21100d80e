"""Windows of our own recordings: on the time line of the whole, with nothing of what lies behind, and studied."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from recorded_live import Lived, live_and_record
from recordings import EPOCH_NS, Taped
from trial_kit import ENTRY

from dnbot.cli import commands
from dnbot.config import load_settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Venue
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.mirror_words import BookLost, BookTold, Told
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.words import Entry
from dnbot.research import recorded_look, recordings
from dnbot.research.backtest import BacktestOptions, backtest
from dnbot.research.latency import MODELS
from dnbot.research.opening import source_at
from dnbot.research.recordings import RecordingData
from dnbot.research.source import Span
from dnbot.research.trial import Trial, settings_digest
from dnbot.research.windows import Window, cut
from dnbot.resources import config_dir

S = 10**9
STEP_NS = 2 * S
PARAMS = load_settings(config_dir() / "demo.toml").strategy
LIVE_S = 20.0


@pytest.fixture(scope="module")
def data(taped: Taped) -> RecordingData:
    """Nine seconds, with a cut of Gate's connections in the middle."""
    return RecordingData.of(taped.folder, "BTC/USDT")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A live run that was recorded, whose connections to Gate were cut once."""
    return live_and_record(tmp_path_factory.mktemp("lived") / "recording", PARAMS, LIVE_S, cut_at_s=4.0)


def seconds(first_s: float, last_s: float) -> tuple[int, int]:
    """So many seconds from the recording's beginning, on its clock."""
    return EPOCH_NS + round(first_s * S), EPOCH_NS + round(last_s * S)


def told_between(data: RecordingData, begin_ns: int, end_ns: int) -> list[tuple[int, Told]]:
    """What it tells behind one moment and until another."""
    return [(at_ns, told) for at_ns, told in data.told() if begin_ns < at_ns <= end_ns]


def gap_of(data: RecordingData) -> tuple[int, int]:
    """The first in which Gate's spot book was not known."""
    (gap,) = (gap for gap in data.looked.gaps if gap.venue is Venue.GATE_SPOT)
    assert gap.to_ns is not None
    return gap.from_ns, gap.to_ns


# --- a part


def test_a_part_tells_what_the_whole_tells_there(data: RecordingData) -> None:
    """Every word at its moment, none behind the end; the beginning is the very one that was asked for."""
    begin_ns, end_ns = seconds(2.0, 7.0)
    part = data.within(begin_ns, end_ns)
    assert part.span == Span(begin_ns, end_ns)
    assert (part.files, part.looked.terms) == (data.files, data.looked.terms)
    inside = told_between(data, begin_ns, end_ns)
    assert len(inside) > 100
    assert told_between(part, begin_ns, end_ns) == inside
    assert max(at_ns for at_ns, _ in part.told()) <= end_ns
    assert sum(part.looked.books.values()) == sum(isinstance(told, BookTold) for _, told in inside)


def test_a_part_begins_at_the_prices_of_its_beginning(data: RecordingData) -> None:
    """The mean of the spot mids as they were told last before it, and the rates too."""
    begin_ns, end_ns = seconds(3.0, 8.0)
    part = data.within(begin_ns, end_ns)
    newest = {told.venue: told for at_ns, told in data.told() if at_ns <= begin_ns and isinstance(told, BookTold)}
    mids = [(newest[venue].bids[0][0] + newest[venue].asks[0][0]) / 2 for venue in ("gate_spot", "mexc_spot")]
    assert part.looked.price == sum(mids, Decimal(0)) / 2
    assert part.looked.price != data.looked.price
    assert part.looked.rates.mark != data.looked.rates.mark


def test_parts_side_by_side_are_the_whole(data: RecordingData) -> None:
    """Nothing comes twice, nothing is missing: what is trained on is never tested on."""
    begin_ns, end_ns = data.span.begin_ns, data.span.end_ns
    middle_ns = (begin_ns + end_ns) // 2
    first, second = data.within(begin_ns, middle_ns), data.within(middle_ns, end_ns)
    halves = told_between(first, begin_ns, middle_ns) + told_between(second, middle_ns, end_ns)
    assert halves == told_between(data, begin_ns, end_ns)


def test_a_step_of_the_wall_clock_moves_no_part(data: RecordingData, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time line is that of the recorder's start, wherever a part begins."""
    plain = recordings.entries

    def stepped(*arguments: Any, **more: Any) -> Iterator[Entry]:
        for entry in plain(*arguments, **more):
            late_ns = STEP_NS if entry.monotonic_ns > data_begin_ns + 2 * S else 0
            yield msgspec.structs.replace(entry, received_ns=entry.received_ns + late_ns)

    data_begin_ns = next(iter(plain(recorded_look.wanted_of(PARAMS.symbol, 0), data.folder))).monotonic_ns
    monkeypatch.setattr(recordings, "entries", stepped)
    monkeypatch.setattr(recorded_look, "entries", stepped)
    whole = RecordingData.of(data.folder, "BTC/USDT")
    assert whole.span == data.span
    begin_ns, end_ns = seconds(3.0, 7.0)
    assert told_between(whole.within(begin_ns, end_ns), begin_ns, end_ns) == told_between(data, begin_ns, end_ns)


def test_a_part_that_begins_in_a_gap_begins_behind_it(data: RecordingData) -> None:
    """When the book is whole again; the gap is none of its own."""
    from_ns, to_ns = gap_of(data)
    part = data.within((from_ns + to_ns) // 2, to_ns + 3 * S)
    assert part.span.end_ns == to_ns + 3 * S
    assert to_ns <= part.span.begin_ns < to_ns + S
    assert Venue.GATE_SPOT not in {gap.venue for gap in part.looked.gaps}
    around = data.within(from_ns - S, to_ns + S)
    assert {told.venue for _, told in around.told() if isinstance(told, BookLost)} >= {"gate_spot"}
    assert [gap.to_ns for gap in around.looked.gaps if gap.venue is Venue.GATE_SPOT] == [to_ns]


def test_a_part_inside_a_gap_cannot_be_played(data: RecordingData) -> None:
    """What is missing is named, with the folder; a study names the window too."""
    from_ns, to_ns = gap_of(data)
    with pytest.raises(ReplayError, match=r"recording: at no moment everything of BTC/USDT.*the book of GATEIO_SPOT"):
        data.within(from_ns + 1, to_ns - 1)
    with pytest.raises(ConfigError, match=r"^--data there: window: .*2\d{3}-.* UTC .*the book of GATEIO_SPOT"):
        cut(data, Window(from_ns + 1, to_ns - 1), "there")


def test_a_window_of_which_too_little_is_known_is_refused(data: RecordingData) -> None:
    """The bot would be asked to leave before it has come."""
    _, to_ns = gap_of(data)
    with pytest.raises(ConfigError, match=r"^--data there: window: .*known for [23]\.\d s.*at least 6 s"):
        cut(data, Window(to_ns - S // 100, to_ns + 3 * S), "there")


# --- a study


def swept(folder: Path, evidence: Path, *more: str) -> Any:
    """`dnbot sweep-params` with the demo as it is and another threshold."""
    return CliRunner().invoke(commands, [
        "sweep-params", "--data", str(folder), "--param", f"{ENTRY}=5", "--latency-model", "loopback",
        "--evidence", str(evidence), "--jobs", "2", *more,
    ])  # fmt: skip


def test_a_recording_that_is_too_short_for_the_splits_is_refused(taped: Taped, tmp_path: Path) -> None:
    """By its folder and span, with how many windows there is room for; nothing ran."""
    ended = swept(taped.folder, tmp_path / "e.jsonl", "--splits", "3")
    assert ended.exit_code == 2, ended.output
    said = " ".join(ended.output.split())
    begin = datetime.fromtimestamp(EPOCH_NS / S, UTC)
    assert f"--data {taped.folder}: span: " in said
    assert f"{begin:%Y-%m-%dT%H:%M}" in said
    assert "--splits 3 --train-tests 2 into windows of 1.8 s" in said
    assert "room for 1 in all" in said
    assert not (tmp_path / "e.jsonl").exists()


@pytest.mark.slow
def test_a_recording_is_studied_by_windows(lived: Lived, tmp_path: Path) -> None:
    """Train and test, each a backtest of its window with the same trace; what was chosen is judged in the test."""
    evidence = tmp_path / "e.jsonl"
    ended = swept(lived.folder, evidence, "--splits", "1", "--train-tests", "2", "--json", str(tmp_path / "s.json"))
    assert ended.exit_code == 0, ended.output
    trials = [msgspec.json.decode(line, type=Trial) for line in evidence.read_bytes().splitlines()[1:]]
    assert not [trial.failure for trial in trials if trial.figures is None]
    train, test = sorted({trial.window for trial in trials})
    source = source_at(lived.folder, "BTC/USDT")
    assert (train.begin_ns, train.end_ns) == (source.span.begin_ns, test.begin_ns)
    assert train.seconds == pytest.approx(2 * test.seconds)
    assert len(trials) == 2 * 2
    configured = {trial.window: trial.figures for trial in trials if trial.digest == settings_digest(PARAMS)}
    result = backtest(BacktestOptions(cut(source, test, "there"), PARAMS, MODELS["loopback"], FakesConfig()))
    same, other = configured[test], configured[train]
    assert same is not None
    assert other is not None
    assert (same.trace_hash, same.total, same.fills) == (result.trace_hash, result.profit.total, len(result.fills))
    assert result.fills
    assert other.trace_hash != same.trace_hash
