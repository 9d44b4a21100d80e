"""What a value of `[journal]` may not be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dnbot.config.settings import Settings

MIB_LEAST, MIB_MOST = 16, 1024 * 1024

Found = tuple[str, object, str]


def journal(settings: Settings) -> Iterator[Found]:
    """A folder, and room for a few minutes."""
    told = settings.journal
    if "\0" in told.folder or (told.folder and Path(told.folder).is_file()):
        yield "journal.folder", told.folder, "a folder, or a path where one can be made"
    if not MIB_LEAST <= told.mib_max <= MIB_MOST:
        yield "journal.mib_max", told.mib_max, f"MiB, {MIB_LEAST} to {MIB_MOST}"
