"""From `[journal]` and `--journal` to whoever writes down each step of the machine: nobody where no folder is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trio

from dnbot import __version__
from dnbot.config import Settings
from dnbot.operate.masking import Mask
from dnbot.operate.monitoring import Monitors
from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.tasks.strategist import Keep, nobody_keeps

if TYPE_CHECKING:
    from dnbot.record.step_writing import StepJournal

MIB = 1024 * 1024
FINISH_S_MAX = 3.0
"""A disk that hangs must not hold the end of a run."""


def journal_folder(settings: Settings, named: Path | None, home: Path) -> Path | None:
    """Where the journal is written: as the command line names it, or the configuration, there relative to `home`."""
    if named is not None:
        return named.resolve()
    return home / settings.journal.folder if settings.journal.folder else None


def journal_of(
    settings: Settings, folder: Path | None, source: Callable[[], str], clock: Clock, mask: Mask, monitors: Monitors,
    log: EventLog,
) -> StepJournal | None:
    """A journal in that folder, not yet written to. `source`: of what decides, for whoever replays it.

    Raises:
        ConfigError: the folder holds something else, or another run writes there.
        RecordingDamaged, RecordingFailed: what it holds, or the disk, cannot be used.
    """
    if folder is None:
        return None
    from dnbot.record.folder import SEGMENT_BYTES, Limits
    from dnbot.record.step_words import Head
    from dnbot.record.step_writing import StepFolder, StepJournal, StepPages

    def failed(error: Exception) -> None:
        what = f"{type(error).__name__}: {error}"
        log.error("journal_ended", what=what)
        monitors.alert("warning", "journal", f"the journal has ended, and the run goes on without it: {what}")

    began_ns, bytes_max = clock.now_ns(), settings.journal.mib_max * MIB
    head = Head(
        version=__version__, source=source(), mode=settings.mode, symbol=str(settings.strategy.symbol),
        settings=msgspec.json.encode(settings).decode(), began_ns=began_ns,
    )
    limits = Limits(bytes_max=bytes_max, segment_bytes=min(SEGMENT_BYTES, bytes_max // 4))
    written = StepFolder(folder, by=f"dnbot {__version__}", at_ns=began_ns, limits=limits)
    return StepJournal(written, StepPages(head, mask), failed)


def keep_of(journal: StepJournal | None) -> Keep:
    """Who sees the steps of a run."""
    return nobody_keeps if journal is None else journal.note


@asynccontextmanager
async def journalling(journal: StepJournal | None) -> AsyncIterator[None]:
    """Inside it steps are written; at the end, those that are left."""
    if journal is None:
        yield
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run, name="steps")
        try:
            yield
        finally:
            with trio.move_on_after(FINISH_S_MAX, shield=True):
                await journal.finish()
