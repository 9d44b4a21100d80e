"""The folder: rotation, the bound on its size, and a crash between any two steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recordings import EPOCH_NS, MARKETS, frame, write

from dnbot.domain.errors import ConfigError
from dnbot.record.folder import Limits
from dnbot.record.manifest import FILE, Removed, read_manifest
from dnbot.record.reading import Wanted, entries, segment_files
from dnbot.record.verifying import verify
from dnbot.record.words import RecordingFailed, RecordingFull
from dnbot.record.writing import RecordingWriter

SMALL = Limits(bytes_max=1024 * 1024, segment_bytes=100_000)


def folder_bytes(folder: Path) -> int:
    """What the folder takes of the disk."""
    return sum(path.stat().st_size for path in folder.iterdir())


def numbers(folder: Path) -> list[int]:
    """Of all frames that are there."""
    return [entry.number for entry in entries(Wanted(), folder)]


@pytest.mark.slow
def test_a_full_folder_loses_its_oldest_segments(tmp_path: Path) -> None:
    """It is never larger than its bound, not even for a moment; what is left is whole, and reaches to the end."""
    writer = RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS, limits=SMALL)
    largest = 0
    for number in range(1, 121):
        writer.write([frame(number, size=30_000)])
        assert folder_bytes(tmp_path / "x") <= writer.bytes_max <= SMALL.bytes_max
        largest = max(largest, folder_bytes(tmp_path / "x"))
    writer.close()
    assert folder_bytes(tmp_path / "x") <= SMALL.bytes_max
    assert largest > SMALL.bytes_max // 2
    assert writer.removed > 3
    found = numbers(tmp_path / "x")
    assert found == list(range(found[0], 121))
    assert len(found) < 120
    assert verify(tmp_path / "x").findings == ()
    told = [line for line in read_manifest(tmp_path / "x").lines if isinstance(line, Removed)]
    assert len(told) == writer.removed


def test_a_full_folder_can_end_the_recording(tmp_path: Path) -> None:
    """With `keep_oldest` nothing is removed, and everything before the end is whole."""
    limits = Limits(bytes_max=SMALL.bytes_max, segment_bytes=SMALL.segment_bytes, keep_oldest=True)
    writer = RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS, limits=limits)
    number = 0

    def fill() -> None:
        nonlocal number
        while number < 1000:
            writer.write([frame(number + 1, size=30_000)])
            number += 1

    with pytest.raises(RecordingFull, match=r"x: holds \d+ bytes of 1048576"):
        fill()
    writer.abandon()
    assert numbers(tmp_path / "x") == list(range(1, number + 1))
    assert verify(tmp_path / "x").findings == ()


def test_an_entry_larger_than_the_folder_is_refused(tmp_path: Path) -> None:
    """Everything else would have been removed for nothing."""
    writer = RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS, limits=SMALL)
    with pytest.raises(RecordingFull, match="one entry"):
        writer.write([frame(1, size=2 * 1024 * 1024)])
    writer.abandon()


def test_segments_end_by_time_and_by_size(tmp_path: Path) -> None:
    """Frames a tenth of a second apart, 2 s a segment; and 100 kB of incompressible text in segments of 50 kB."""
    write(tmp_path / "time", [frame(number) for number in range(1, 61)], limits=Limits(segment_s=2))
    assert len(segment_files(tmp_path / "time")) == 3
    large = [frame(number, size=10_000) for number in range(1, 11)]
    write(tmp_path / "size", *[[one] for one in large], limits=Limits(segment_bytes=50_000))
    sizes = [file.size for file in segment_files(tmp_path / "size")]
    assert len(sizes) > 1
    assert all(size <= 60_000 for size in sizes)


class Crash(BaseException):
    """The process is dead from here on."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Has the process die at its so-manyth call that changes the disk: before it, or half-way of a write."""

    def arm(at: int) -> list[int]:
        calls = [0]

        def dies(kind: Any, name: str) -> None:
            real = getattr(kind, name)

            def call(*arguments: Any, **named: Any) -> Any:
                calls[0] += 1
                if calls[0] == at and name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                if calls[0] >= at:
                    raise Crash
                return real(*arguments, **named)

            monkeypatch.setattr(kind, name, call)

        for name in ("write", "fsync", "fdatasync"):
            dies(os, name)
        for name in ("rename", "unlink"):
            dies(Path, name)
        return calls

    return arm


def life(folder: Path) -> int:
    """A recording with rotations and removals; returns how many frames were surely on the disk."""
    done, writer = 0, None
    limits = Limits(segment_s=0.15, segment_bytes=2**18, bytes_max=2**20)
    try:
        writer = RecordingWriter(folder, MARKETS[:1], by="test", at_ns=EPOCH_NS, limits=limits)
        for number in range(1, 7):
            writer.write([frame(number, size=350_000)])
            done = number
        writer.close()
    except Crash:
        if writer is not None:
            writer.abandon()  # as the system does: it closes what was open
        return done
    return 1000 + done


@pytest.mark.slow
def test_a_crash_before_any_step_is_seen_and_costs_nothing(
    tmp_path: Path, dying: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verify finds a crash and no damage, every frame whose write returned is there, and the next recorder goes on."""
    seen = set()
    for at in range(1, 1000):
        folder = tmp_path / f"{at}"
        with monkeypatch.context():
            dying(at)
            done = life(folder)
            monkeypatch.undo()
        if done > 1000:
            break
        found = verify(folder)
        assert found.is_good, (at, found)
        seen |= {finding.what.partition(":")[0] for finding in found.findings}
        left = numbers(folder)
        assert left[-1:] >= [done] if done else True
        assert left == list(range(left[0], left[-1] + 1)) if left else True
        write(folder, [frame(left[-1] + 1 if left else 1)])
        again = verify(folder)
        assert again.is_good, (at, again)
        assert len(numbers(folder)) == len(left) + 1
    assert at > 40
    about = {"about to be begun", "about to be removed", "about to be given its name"}
    assert {*about, "its last line is not whole"} <= seen


def test_a_recording_goes_on_in_its_folder(tmp_path: Path) -> None:
    """Numbers of files go on; what a kill left is kept, sealed by its checksum, and not written to again."""
    write(tmp_path / "x", [frame(1)], close=False)
    before = (tmp_path / "x" / "00000001.mcap.part").read_bytes()
    write(tmp_path / "x", [frame(2)])
    assert numbers(tmp_path / "x") == [1, 2]
    assert (tmp_path / "x" / "00000001.mcap.part").read_bytes() == before
    (finding,) = verify(tmp_path / "x").findings
    assert not finding.damage
    (tmp_path / "x" / "00000001.mcap.part").write_bytes(before[:-1])
    assert not verify(tmp_path / "x").is_good


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    """A second recorder is refused, and a folder of other things."""
    writer = RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS)
    with pytest.raises(ConfigError, match="being recorded to"):
        RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS)
    writer.close()
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "letter.txt").touch()
    with pytest.raises(ConfigError, match="files that are no recording"):
        RecordingWriter(tmp_path / "y", MARKETS[:1], by="test", at_ns=EPOCH_NS)
    assert not (tmp_path / "y" / FILE).exists()


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder and the system's own words."""
    writer = RecordingWriter(tmp_path / "x", MARKETS[:1], by="test", at_ns=EPOCH_NS)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RecordingFailed, match=r"x: No space left on device"):
        writer.write([frame(1)])
    monkeypatch.undo()
    writer.abandon()


@pytest.mark.parametrize("limits", [
    {"bytes_max": 1000}, {"segment_bytes": 0}, {"segment_bytes": 2**30, "bytes_max": 2**31}, {"segment_s": 0},
])
def test_limits_that_cannot_be_kept_are_refused(limits: dict[str, Any]) -> None:
    """A folder must hold several segments, or its oldest is all of it."""
    with pytest.raises(ConfigError):
        Limits(**limits)
