"""`dnbot record cut`: a stretch of a recording as a recording of its own, that can be read from its first frame on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.record.reading import SegmentFile, Told, Wanted, entries_of, nothing, segment_files
from dnbot.record.telling import markets_of
from dnbot.record.words import Entry, Kind
from dnbot.record.writing import Limits, RecordingWriter

LEAD_IN = {Kind.BOOK, Kind.SNAPSHOT, Kind.INSTRUMENT, Kind.EVENT}
BATCH = 1000
UNBOUNDED = 2**62


class CutMade(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    out: str
    entries: int
    lead_in: int
    """Entries of before, that a reader of books needs: of the segment before the one in which the stretch begins."""


def cut(folder: Path, out: Path, since_ns: int, until_ns: int, *, by: str, at_ns: int, told: Told = nothing) -> CutMade:
    """Copy `since_ns` <= wall clock < `until_ns` to a new folder. Reads the stretch twice.

    Raises:
        ConfigError: `out` is not new, or the stretch is empty.
        RecordingDamaged, RecordingFailed: it cannot be read or written.
    """
    if out.exists():
        raise ConfigError(str(out), "out", "it is there", "a folder that does not exist yet")
    wanted = Wanted(since_ns=since_ns, until_ns=until_ns)
    markets = markets_of(folder, wanted, told)
    if not markets:
        raise ConfigError(str(folder), "from, to", f"nothing between {since_ns} and {until_ns}", "a stretch it holds")
    writer = RecordingWriter(out, markets, by=by, at_ns=at_ns, limits=Limits(bytes_max=UNBOUNDED))
    try:
        made = _copy(_from(segment_files(folder), since_ns), out, writer, since_ns, until_ns, told)
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return made


def _copy(
    files: list[SegmentFile], out: Path, writer: RecordingWriter, since_ns: int, until_ns: int, told: Told
) -> CutMade:
    main = lead = 0
    batch: list[Entry] = []
    for file in files:
        for entry in entries_of(file, Wanted(until_ns=until_ns, lead_in=True), told):
            if entry.lead_in or entry.received_ns < since_ns:
                if main or not _leads(entry):
                    continue
                lead += 1
                entry = msgspec.structs.replace(entry, lead_in=True)
            else:
                main += 1
            batch.append(entry)
            if len(batch) >= BATCH:
                writer.write(batch)
                batch.clear()
    writer.write(batch)
    return CutMade(out=str(out), entries=main, lead_in=lead)


def _leads(entry: Entry) -> bool:
    return getattr(entry, "kind", Kind.EVENT) in LEAD_IN


def _from(files: list[SegmentFile], since_ns: int) -> list[SegmentFile]:
    """From the segment before the first that may hold the beginning: a book asked for at its begin is in there."""
    first = next(
        (at for at, file in enumerate(files) if file.segment.closed is None or file.segment.closed.last_ns >= since_ns),
        len(files),
    )
    return files[max(0, first - 1) :]
