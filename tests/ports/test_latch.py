"""The latch file: durable, never lost between a person who halts and one who lifts, and never read as nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.ports.latch import CLEARED_NAME, NEWER, UNREADABLE, UNWRITTEN, FileLatch, Halt, MemoryLatch

FIRST = Halt(who="ann", reason="first", at_ns=1_800_000_000_000_000_000)
SECOND = Halt(who="bob", reason="second\nline", at_ns=1_800_000_001_000_000_000)


@pytest.fixture
def latch(tmp_path: Path) -> FileLatch:
    """Of a state folder that does not exist yet."""
    return FileLatch.of(tmp_path / "home")


def test_a_halt_is_seen_by_the_next_process(latch: FileLatch) -> None:
    """With who, why and when; a second one is the newest, and the first stays in the file."""
    assert (latch.is_set(), latch.newest()) == (False, None)
    latch.set(FIRST)
    again = FileLatch(latch.path)
    assert (again.is_set(), again.newest()) == (True, FIRST)
    assert FIRST.why == "killed by ann at 2027-01-15 08:00:00 UTC: first"
    again.set(SECOND)
    assert latch.newest() == SECOND
    assert latch.path.read_bytes().count(b'"who"') == 2
    assert latch.path.stat().st_mode & 0o777 == 0o600


def test_a_mode_of_the_bots_own_keeps_its_reason(latch: FileLatch) -> None:
    """It is nobody's kill; a line from before there were such halts is one."""
    latch.set(Halt(who="latch", reason="DAILY_LOSS: 600", at_ns=1, unwritten=True))
    found = FileLatch(latch.path).newest()
    assert found is not None
    assert (found.who, found.unwritten, found.why) == ("latch", True, f"DAILY_LOSS: 600 {UNWRITTEN}")
    latch.path.write_bytes(b'{"who":"ann","reason":"first","at_ns":1800000000000000000}\n')
    assert latch.newest() == FIRST


def test_it_is_synced_with_its_folder_before_it_counts(latch: FileLatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's bytes first, then its name."""
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    latch.set(FIRST)
    assert synced == ["halt.latch", "home"]


@pytest.mark.parametrize("content", [b"", b'{"who":"a', b"\xff\xfe", b"[]\n"])
def test_what_cannot_be_read_halts_all_the_same(latch: FileLatch, content: bytes) -> None:
    """That it is there is enough."""
    latch.path.parent.mkdir()
    latch.path.write_bytes(content)
    assert (latch.is_set(), latch.newest()) == (True, UNREADABLE)
    latch.set(FIRST)
    assert latch.newest() == FIRST, "behind a torn line begins a line of its own"
    assert latch.clear(FIRST) == ""


def test_a_file_that_may_not_be_looked_at_halts(tmp_path: Path) -> None:
    """A path that is no folder's child, as for a folder without permission: set, and unreadable."""
    (tmp_path / "file").touch()
    latch = FileLatch(tmp_path / "file" / "halt.latch")
    assert (latch.is_set(), latch.newest()) == (True, UNREADABLE)
    with pytest.raises(ConfigError, match="latch"):
        latch.set(FIRST)


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_only_what_was_seen_is_lifted(latch: FileLatch, kind: str) -> None:
    """A newer halt stays, and so does its reason; what was lifted can be read beside it."""
    memory = MemoryLatch()
    it = latch if kind == "file" else memory

    def halt(one: Halt) -> None:
        latch.set(one) if kind == "file" else memory.halts.append(one)

    halt(FIRST)
    halt(SECOND)
    assert it.clear(FIRST) == NEWER
    assert it.newest() == SECOND
    assert it.clear(SECOND) == ""
    assert (it.is_set(), it.newest()) == (False, None)
    assert it.clear(None) == ""
    if kind == "file":
        assert FileLatch(latch.path.with_name(CLEARED_NAME)).newest() == SECOND


def test_a_halt_that_arrives_while_another_is_lifted_is_put_back(
    latch: FileLatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written into the file in the instant before it lost its name."""
    latch.set(FIRST)
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        monkeypatch.undo()
        latch.set(SECOND)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert latch.clear(FIRST) == NEWER
    assert latch.newest() == SECOND


def test_a_halt_written_to_a_file_that_lost_its_name_is_written_again(
    latch: FileLatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was lifted between the opening and the writing."""
    latch.set(FIRST)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        monkeypatch.undo()
        latch.path.unlink()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    latch.set(SECOND)
    assert latch.newest() == SECOND


def test_a_file_that_cannot_be_taken_away_stays(latch: FileLatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The halt stands, and the answer says why; whoever asked goes on running."""
    latch.set(FIRST)

    def replace(path: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", replace)
    assert "Permission denied" in latch.clear(FIRST)
    assert latch.is_set()
