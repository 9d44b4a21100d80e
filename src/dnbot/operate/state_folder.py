"""The state folder: whoever can write in it can command the bot, so nobody else can."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from dnbot.domain.errors import ConfigError

if TYPE_CHECKING:
    from dnbot.domain.instrument import Symbol

KEY = "state_dir or $DNBOT_HOME"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def made_private(home: Path) -> None:
    """The folder is there, and a new one is this user's alone.

    One that was there stays as readable as it was, but others may no longer write in it. A group that may write in a
    folder of another owner keeps that right: it is how this user got it.

    Raises:
        ConfigError: it cannot be made, or everybody may write in it and it is not ours to change.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = home.stat()
        mode = stat.S_IMODE(found.st_mode)
        is_ours = found.st_uid == os.geteuid() and not mode & stat.S_ISVTX  # nobody's but the system's, as /tmp
        if is_ours and mode & _OTHERS_WRITE:
            home.chmod(mode & ~_OTHERS_WRITE)
    except OSError as error:
        raise ConfigError(str(home), KEY, error.strerror, "a folder that is there or can be made") from None
    if not is_ours and mode & stat.S_IWOTH:
        raise ConfigError(
            str(home), KEY, f"a folder of uid {found.st_uid} with mode {mode:04o}, in which everybody may write",
            "one in which nobody but the bot writes",
        )


def spill_place(home: Path, symbol: Symbol) -> Path:
    """The spill file of a symbol; there since the first run of this folder that traded it."""
    return home / "spill" / f"{symbol.base}-{symbol.quote}.log"
