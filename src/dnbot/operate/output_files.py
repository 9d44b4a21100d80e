"""Files that a person asked for. What cannot be written is told by option and path, before the work where it can be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dnbot.domain.errors import ConfigError

ALLOWED = "a file that can be written"


@contextmanager
def writing(path: Path, option: str, allowed: str = ALLOWED) -> Iterator[None]:
    """Around whatever touches the file: what the system refuses is a ConfigError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(str(path), option, error.strerror or str(error), allowed) from None


def made_folder(folder: Path, option: str) -> None:
    """Make it; raises ConfigError where no folder can be."""
    with writing(folder, option, "a folder that can be made or written"):
        folder.mkdir(parents=True, exist_ok=True)


def need_writable(path: Path, option: str) -> None:
    """Find out now whether a file can be written there: at the end of a run it is too late. Its folder is made, and
    a file that is there stays as it is.

    Raises:
        ConfigError: it cannot.
    """
    with writing(path, option):
        if path.is_file() or path.is_dir():
            os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
        elif not path.exists():  # devices and pipes are not tried: to open one can wait, or be taken for the whole
            place = path.resolve()
            place.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
            place.unlink()


def write_file(path: Path, text: str, option: str) -> Path:
    """Write it, in a folder that is made; the path. Raises ConfigError where it cannot be."""
    with writing(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path
