"""`dnbot record cut`: a stretch of a recording as a recording of its own, that can be read from its first frame on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.record.folder import Limits
from dnbot.record.reading import Told, Wanted, entries, nothing
from dnbot.record.words import Entry, Market, RecordingFailed
from dnbot.record.writing import RecordingWriter

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
    markets: set[Market] = set()
    count = 0
    for entry in entries(wanted, folder, told=told):
        count += 1
        markets |= set() if entry.market is None else {entry.market}
    if not count:
        raise ConfigError(str(folder), "from, to", f"nothing between {since_ns} and {until_ns}", "a stretch it holds")
    writer = RecordingWriter(
        out, sorted(markets, key=lambda market: market.name), by=by, at_ns=at_ns, limits=Limits(bytes_max=UNBOUNDED)
    )
    try:
        again = entries(attrs.evolve(wanted, lead_in=True), folder, told=told)
        of_markets = (one for one in again if one.market is None or one.market in markets)
        lead_in = _copy(of_markets, folder, writer, count)
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return CutMade(out=str(out), entries=count, lead_in=lead_in)


def _copy(found: Iterator[Entry], folder: Path, writer: RecordingWriter, count: int) -> int:
    """Write up to `count` entries, and what leads in, which is counted. More may have come since they were counted."""
    main = lead = 0
    batch: list[Entry] = []
    while main < count:
        entry = next(found, None)
        if entry is None:
            why = "a recorder removed a segment meanwhile, to make room"
            raise RecordingFailed(f"{folder}: fewer entries at the second reading than at the first: {why}")
        main, lead = main + (not entry.lead_in), lead + entry.lead_in
        batch.append(entry)
        if len(batch) >= BATCH:
            writer.write(batch)
            batch.clear()
    writer.write(batch)
    return lead
