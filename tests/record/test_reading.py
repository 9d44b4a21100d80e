"""Folders that are read while a recorder writes to them, and such as crashes left: nothing is lost, little is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from recordings import EPOCH_NS, MARKETS, frame, write

from dnbot.cli import commands
from dnbot.record.cutting import cut
from dnbot.record.folder import Limits
from dnbot.record.manifest import ManifestFile, Removed
from dnbot.record.reading import Wanted, entries, segment_files
from dnbot.record.words import Entry, RecordingDamaged, RecordingFailed
from dnbot.record.writing import RecordingWriter

S = 10**9
LIMITS = Limits(segment_s=2)
"""Twenty frames of the kit a segment."""


@pytest.fixture
def writer(tmp_path: Path) -> RecordingWriter:
    """Of a folder `x` with two closed segments and one that is being written, sixty frames in all."""
    made = RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS, limits=LIMITS)
    made.write([frame(number) for number in range(1, 61)])
    return made


def numbers(found: list[Entry]) -> list[int]:
    """Of these entries."""
    return [one.number for one in found]


# --- while a recorder writes


@pytest.mark.parametrize("lead_in", [False, True])
def test_a_segment_that_is_closed_while_others_are_read_is_read_under_its_other_name(
    writer: RecordingWriter, lead_in: bool
) -> None:
    """It has lost its `.part` when its turn comes."""
    reading = entries(Wanted(lead_in=lead_in), writer.folder)
    first = next(reading)
    writer.close()
    assert numbers([first, *reading]) == list(range(1, 61))


def test_the_size_of_a_segment_that_is_closed_meanwhile_is_told(writer: RecordingWriter) -> None:
    """As of any other; one that was removed has none."""
    oldest, *_, newest = segment_files(writer.folder)
    writer.close()
    assert newest.size == (writer.folder / "00000003.mcap").stat().st_size
    oldest.path.unlink()
    assert oldest.size == 0


def test_a_segment_that_is_removed_while_others_are_read_is_named(writer: RecordingWriter) -> None:
    """Whoever wants it hears why it is gone; whoever does not reads on."""
    reading, later = entries(Wanted(), writer.folder), entries(Wanted(since_ns=EPOCH_NS + 5 * S), writer.folder)
    next(reading)
    next(later)
    (writer.folder / "00000002.mcap").unlink()
    with pytest.raises(RecordingDamaged, match=r"00000002\.mcap: it is gone.*to make room"):
        list(reading)
    assert numbers(list(later))[-1] == 60
    writer.abandon()


def removing(folder: Path) -> None:
    """What a recorder does to its oldest segment in a full folder."""
    manifest = ManifestFile(folder)
    manifest.add(Removed("00000001.mcap"))
    manifest.close()
    (folder / "00000001.mcap").unlink()


def test_a_cut_of_what_is_removed_meanwhile_is_refused(writer: RecordingWriter, tmp_path: Path) -> None:
    """By the recording's name; it was to be copied between two readings."""
    writer.close()
    left = [sum(file.size for file in segment_files(writer.folder)) - 8 * 3]

    def told(bytes_read: int) -> None:
        before, left[0] = left[0], left[0] - bytes_read
        if before > 0 >= left[0]:
            removing(writer.folder)

    with pytest.raises(RecordingFailed, match=r"x: fewer entries at the second reading"):
        cut(writer.folder, tmp_path / "cut", 0, EPOCH_NS + 60 * S, by="test", at_ns=EPOCH_NS, told=told)


# --- after crashes


def crashed(folder: Path) -> Path:
    """A segment that a crash left on the first day; three closed ones of later; another that a crash left."""
    write(folder, [frame(number) for number in range(1, 6)], close=False)
    write(folder, [frame(number) for number in range(6, 66)], limits=LIMITS)
    write(folder, [frame(number) for number in range(66, 71)], close=False)
    return folder


@pytest.mark.parametrize(("since_s", "first"), [
    (0.1, 1), (0.3, 1), (0.6, 1), (1.0, 1), (2.6, 6), (5.0, 26), (6.6, 46), (7.0, 46), (7.1, 46),
])  # fmt: skip
def test_a_lead_in_is_of_the_segment_and_the_one_before_whatever_crashed_earlier(
    tmp_path: Path, since_s: float, first: int
) -> None:
    """Of the first day nothing is read again on the seventh."""
    folder, since_ns = crashed(tmp_path / "x"), EPOCH_NS + round(since_s * S)
    found = list(entries(Wanted(since_ns=since_ns, lead_in=True), folder))
    leading = [one for one in found if one.lead_in]
    assert numbers(leading) == [number for number in range(first, 71) if number < round(since_s * 10)]
    assert found[len(leading) :] == list(entries(Wanted(since_ns=since_ns), folder))


def test_a_clock_that_was_set_back_after_a_crash_hides_nothing(tmp_path: Path) -> None:
    """What is later by its own clock is given with a lead-in as without."""
    write(tmp_path / "x", [frame(number, at_s=20 + number) for number in range(1, 6)], close=False)
    write(tmp_path / "x", [frame(number, at_s=number) for number in range(6, 12)])
    wanted = Wanted(since_ns=EPOCH_NS + 10 * S)
    led = entries(Wanted(since_ns=wanted.since_ns, lead_in=True), tmp_path / "x")
    assert [one for one in led if not one.lead_in] == list(entries(wanted, tmp_path / "x"))


def test_a_cut_repeats_little_whatever_crashed_earlier(tmp_path: Path) -> None:
    """As `record cut` says."""
    made = cut(
        crashed(tmp_path / "x"), tmp_path / "cut", EPOCH_NS + 5 * S, EPOCH_NS + 6 * S, by="test", at_ns=EPOCH_NS
    )
    assert (made.entries, made.lead_in) == (10, 24)
    assert CliRunner().invoke(commands, ["record", "verify", str(tmp_path / "cut")]).exit_code == 0
