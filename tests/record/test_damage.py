"""Whatever happens to the files is found and named; what was whole before it is still read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recordings import frame, write

from dnbot.ports.recording_reader import MAGIC
from dnbot.record.manifest import FILE
from dnbot.record.reading import Wanted, entries
from dnbot.record.verifying import Verdict, verify
from dnbot.record.words import RecordingDamaged

CLOSED, PART = "00000001.mcap", "00000001.mcap.part"
CHUNK_MARK = b"\x04\0\0\0zstd"
FRAMES = [frame(number) for number in range(1, 7)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three chunks of two frames, closed, and the same left by a kill."""
    home = tmp_path_factory.mktemp("small")
    batches = [FRAMES[:2], FRAMES[2:4], FRAMES[4:]]
    write(home / "closed", *batches)
    write(home / "killed", *batches, close=False)
    return home


def altered(source: Path, target: Path, name: str, content: bytes) -> Path:
    """A copy in which one file holds something else; copied once, because it is asked for often."""
    if not target.exists():
        shutil.copytree(source, target)
    (target / name).write_bytes(content)
    return target


def read(folder: Path) -> tuple[list[int], RecordingDamaged | None]:
    """The numbers of all entries that are given, and the error that ended it."""
    found: list[int] = []
    try:
        for entry in entries(Wanted(), folder):
            assert entry == FRAMES[entry.number - 1]
            found.append(entry.number)
    except RecordingDamaged as damaged:
        return found, damaged
    return found, None


def names(found: Verdict) -> set[str]:
    """The files of the damage."""
    return {finding.file for finding in found.findings if finding.damage}


def flipped(content: bytes, at: int) -> bytes:
    """One bit is another."""
    return content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]


def spots(content: bytes) -> list[int]:
    """Every tenth byte, and all of a chunk's head with its lengths."""
    chunk = content.find(CHUNK_MARK) - 37
    return sorted({*range(0, len(content), 10), *range(chunk, chunk + 60)})


def test_both_are_read_whole(small: Path) -> None:
    """A recorder that was killed after a flush has lost nothing; verify says so, and that it is no damage."""
    assert read(small / "closed") == ([1, 2, 3, 4, 5, 6], None)
    assert read(small / "killed") == ([1, 2, 3, 4, 5, 6], None)
    assert verify(small / "closed").findings == ()
    (finding,) = verify(small / "killed").findings
    assert (finding.file, finding.damage) == (PART, False)
    assert "a writer was killed" in finding.what


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_a_closed_segment_is_named(small: Path, tmp_path: Path) -> None:
    """With the file, nearly always with an offset at or before it; no entry that was not written is ever given."""
    content = (small / "closed" / CLOSED).read_bytes()
    with_offset = 0
    positions = spots(content)
    for at in positions:
        folder = altered(small / "closed", tmp_path / "x", CLOSED, flipped(content, at))
        found = verify(folder)
        assert names(found) == {CLOSED}, at
        with_offset += any(finding.offset is not None and finding.offset <= at for finding in found.findings)
        read(folder)
    assert with_offset > 0.9 * len(positions)


@pytest.mark.slow
def test_a_flipped_bit_in_a_segment_without_end_is_named(small: Path, tmp_path: Path) -> None:
    """Where it is not the tail, which a kill may have torn, it is damage; in the tail it is named as torn."""
    content = (small / "killed" / PART).read_bytes()
    tail = content.rfind(CHUNK_MARK) - 37
    for at in spots(content):
        found = verify(altered(small / "killed", tmp_path / "x", PART, flipped(content, at)))
        assert {finding.file for finding in found.findings} == {PART}, at
        assert any(finding.offset is not None and finding.offset <= at for finding in found.findings), at
        if at < tail:
            assert names(found) == {PART}, at


@pytest.mark.slow
def test_a_file_cut_anywhere_in_its_last_chunk_gives_what_came_before(small: Path, tmp_path: Path) -> None:
    """At every byte: the frames of the earlier chunks, and those of the last once it is whole."""
    content = (small / "killed" / PART).read_bytes()
    begin = content.rfind(CHUNK_MARK) - 37
    seen = set()
    for size in range(begin, len(content)):
        folder = altered(small / "killed", tmp_path / "x", PART, content[:size])
        found, damaged = read(folder)
        assert damaged is None
        seen.add(tuple(found))
        verdict = verify(folder)
        assert verdict.is_good
        assert verdict.entries == len(found)
        assert verdict.findings[0].offset is not None
        assert begin <= verdict.findings[0].offset <= size
    assert seen == {(1, 2, 3, 4), (1, 2, 3, 4, 5, 6)}


def test_a_closed_segment_that_was_cut_is_damaged(small: Path, tmp_path: Path) -> None:
    """Wherever: it had an end once. Reading says so, after what is whole."""
    content = (small / "closed" / CLOSED).read_bytes()
    for size in range(0, len(content), 41):
        folder = altered(small / "closed", tmp_path / "x", CLOSED, content[:size])
        found, damaged = read(folder)
        assert damaged is not None
        assert (damaged.path.name, found) == (CLOSED, [1, 2, 3, 4, 5, 6][: len(found)])
        assert names(verify(folder)) == {CLOSED}


def test_a_flipped_bit_in_the_manifest_is_named(small: Path, tmp_path: Path) -> None:
    """With the offset of the line; a last line that is not whole is a crash's, and then the segment is not closed."""
    content = (small / "closed" / FILE).read_bytes()
    for at in [*range(0, len(content), 5), len(content) - 1]:
        found = verify(altered(small / "closed", tmp_path / "x", FILE, flipped(content, at)))
        assert found.findings[0].file == FILE, at
        assert found.findings[0].offset is not None
        assert found.findings[0].offset <= at
        assert found.findings[0].damage or at == len(content) - 1


@pytest.mark.parametrize(("name", "what"), [("strange.txt", "does not know"), ("00000002.mcap", "does not know")])
def test_a_file_that_nobody_wrote_is_named(small: Path, tmp_path: Path, name: str, what: str) -> None:
    """Another segment, or anything else."""
    (finding,) = verify(altered(small / "closed", tmp_path / "x", name, MAGIC)).findings
    assert (finding.file, finding.damage, what in finding.what) == (name, True, True)


def test_a_segment_that_is_missing_is_named(small: Path, tmp_path: Path) -> None:
    """The manifest tells that it was there."""
    shutil.copytree(small / "closed", tmp_path / "x")
    (tmp_path / "x" / CLOSED).unlink()
    (finding,) = verify(tmp_path / "x").findings
    assert (finding.file, finding.damage, finding.what) == (CLOSED, True, "it is missing")


def test_a_hole_in_the_numbers_is_damage(tmp_path: Path) -> None:
    """Without a word on a loss, an entry that is not there is missing; nothing may be lost in silence."""
    write(tmp_path / "x", [FRAMES[0], FRAMES[2]])
    (finding,) = verify(tmp_path / "x").findings
    assert finding.damage
    assert finding.what == "entry 3 follows 1, and 0 are told to be lost"


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    """A folder without a manifest, and a manifest of something else."""
    with pytest.raises(RecordingDamaged, match="not a recording"):
        list(entries(Wanted(), tmp_path))
    (tmp_path / FILE).write_bytes(b"{}\n")
    with pytest.raises(RecordingDamaged, match=r"manifest.jsonl: at byte 0: a line that is not as it was written"):
        list(entries(Wanted(), tmp_path))
