"""The state folder is nobody else's to write in."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.operate import state_folder
from dnbot.operate.control_socket import only_bot_of
from dnbot.operate.state_folder import made_private


def mode_of(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_one_is_ours_alone(tmp_path: Path) -> None:
    """Whatever the umask leaves; the lock and whoever else makes it first do the same."""
    before = os.umask(0)
    try:
        made_private(tmp_path / "one")
        with only_bot_of(tmp_path / "two"):
            pass
    finally:
        os.umask(before)
    assert (mode_of(tmp_path / "one"), mode_of(tmp_path / "two")) == (0o700, 0o700)


@pytest.mark.parametrize(("found", "left"), [(0o777, 0o755), (0o775, 0o755), (0o750, 0o750), (0o700, 0o700)])
def test_others_lose_the_right_to_write_and_no_other(tmp_path: Path, found: int, left: int) -> None:
    """Who ships the log may still read it."""
    tmp_path.chmod(found)
    made_private(tmp_path)
    assert mode_of(tmp_path) == left


def test_a_folder_of_everybody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One like /tmp is left as it is, and so is another user's; a group that let us in is not refused."""
    tmp_path.chmod(0o1777)
    with pytest.raises(ConfigError, match="everybody may write"):
        made_private(tmp_path)
    assert mode_of(tmp_path) == 0o1777
    monkeypatch.setattr(state_folder.os, "geteuid", lambda: 4_000_000)
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="0777"):
        made_private(tmp_path)
    tmp_path.chmod(0o2775)
    made_private(tmp_path)
    assert mode_of(tmp_path) == 0o2775


def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can be made"):
        made_private(tmp_path / "file" / "home")
