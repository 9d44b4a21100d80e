"""Recordings read back: typed entries in the order of receipt, of one folder or of several. This is what backtests use.

    for entry in entries(Wanted(since_ns=..., kinds={Kind.BOOK, Kind.SNAPSHOT}), folder): ...
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import IO

import attrs
import msgspec

from dnbot.domain.instrument import Symbol, Venue
from dnbot.ports.recording_file import Topic
from dnbot.ports.recording_reader import SegmentDamaged, SegmentTorn, read_segment
from dnbot.record.manifest import PART, Segment, read_manifest
from dnbot.record.schema import Decoder
from dnbot.record.words import ANSWERS, Entry, Event, Kind, RecordingDamaged

_LEADING = {Kind.BOOK, *ANSWERS}
Told = Callable[[int], None]
"""Hears how many more bytes of the files were worked off."""


def nothing(_bytes: int) -> None:
    """For whoever shows no progress."""


@attrs.frozen(kw_only=True)
class Wanted:
    """Which entries are given; empty sets stand for all. Events of the recorder itself pass every venue and symbol."""

    since_ns: int = 0
    """Wall clock, Unix nanoseconds: entries at or after it."""
    until_ns: int | None = None
    """Entries before it."""
    venues: frozenset[Venue] = frozenset()
    symbols: frozenset[Symbol] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    lead_in: bool = False
    """First, marked `lead_in`, what came before and is needed to know the books at `since_ns`: books, answers and
    events of the segment that holds it and of the one before."""

    def takes(self, decoder: Decoder, topic: Topic) -> bool:
        """Whether entries of a topic can be wanted."""
        market, kind = decoder.filed(topic)
        if self.kinds and kind not in self.kinds:
            return False
        if market is None:
            return True
        return (not self.venues or market.venue in self.venues) and (not self.symbols or market.symbol in self.symbols)


@attrs.frozen
class SegmentFile:
    """A segment that is there, as far as the manifest tells."""

    segment: Segment
    path: Path
    """When it was listed."""

    @property
    def is_open_ended(self) -> bool:
        """Whether it may lack an end: it is being written, or a crash left it."""
        return self.segment.closed is None

    @property
    def size(self) -> int:
        """Bytes on the disk now; none of one that was removed since it was listed."""
        try:
            with self.open() as content:
                return os.fstat(content.fileno()).st_size
        except FileNotFoundError:
            return 0

    def open(self) -> BufferedReader:
        """Its content, under the name that it has now: a recorder takes `.part` off when it closes a segment."""
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            return self.path.with_name(self.segment.name).open("rb")

    def unreadable(self, error: OSError) -> RecordingDamaged:
        """What to raise when it cannot be opened or read."""
        gone = "it is gone since reading began: a recorder removes the oldest segment to make room"
        is_gone = isinstance(error, FileNotFoundError)
        return RecordingDamaged(self.path, None, gone if is_gone else error.strerror or str(error))


def segment_files(folder: Path) -> list[SegmentFile]:
    """The segments of a folder in order; those that the manifest names and that are missing are left out.

    Raises:
        RecordingDamaged: the manifest cannot be read.
    """
    found: list[SegmentFile] = []
    for segment in read_manifest(folder).segments():
        paths = (folder / segment.name, folder / (segment.name + PART))
        path = next((path for path in paths if path.exists()), None)
        if path is not None and not segment.removed:
            found.append(SegmentFile(segment, path))
    return found


def entries(wanted: Wanted, *folders: Path, told: Told = nothing) -> Iterator[Entry]:
    """Entries in the order of receipt: as written within a folder, by wall clock between folders.

    A segment that is being written, or that a crash left, is read to its last whole chunk. A folder may be recorded to
    meanwhile; what comes after the call is not seen.

    Raises:
        RecordingDamaged: at the first thing that is not as it was written. What was given before it is good.
    """
    of_one = _with_lead_in if wanted.lead_in else _of_folder
    streams = [of_one(wanted, folder, told) for folder in folders]
    if len(streams) == 1:
        yield from streams[0]
    else:
        yield from heapq.merge(*streams, key=lambda entry: entry.received_ns)


def _of_folder(wanted: Wanted, folder: Path, told: Told) -> Iterator[Entry]:
    for file in segment_files(folder):
        if _has_any(file, wanted):
            yield from entries_of(file, wanted, told)
        else:
            told(file.size)


def _with_lead_in(wanted: Wanted, folder: Path, told: Told) -> Iterator[Entry]:
    files = segment_files(folder)
    begin, has_begun = max(0, _holding(files, wanted.since_ns) - 1), False
    for at, file in enumerate(files):
        leads = at >= begin
        if not _has_any(file, attrs.evolve(wanted, since_ns=0) if leads else wanted):
            told(file.size)
            continue
        for entry in entries_of(file, attrs.evolve(wanted, lead_in=leads), told):
            if not entry.lead_in and entry.received_ns >= wanted.since_ns:
                has_begun = True
                yield entry
            elif not has_begun and (isinstance(entry, Event) or entry.kind in _LEADING):
                yield msgspec.structs.replace(entry, lead_in=True)


def _holding(files: Sequence[SegmentFile], at_ns: int) -> int:
    """The first segment in which a moment may lie; their number when it lies behind all of them.

    One that a crash left has not told its end: it was over when a later one began, as far as that is told.
    """
    closed = [(at, file.segment.closed) for at, file in enumerate(files)]
    begun = max((at for at, told in closed if told is not None and told.first_ns <= at_ns), default=0)
    holding = (at for at, told in closed if (at >= begun if told is None else told.last_ns >= at_ns))
    return next(holding, len(files))


def _may_reach(file: SegmentFile, at_ns: int) -> bool:
    """Whether a segment may hold something of that moment or later; one that is not closed has not told."""
    closed = file.segment.closed
    return closed is None or closed.last_ns >= at_ns


def _has_any(file: SegmentFile, wanted: Wanted) -> bool:
    """Whether a segment's times can be wanted."""
    closed = file.segment.closed
    begins_in_time = closed is None or wanted.until_ns is None or closed.first_ns < wanted.until_ns
    return begins_in_time and _may_reach(file, wanted.since_ns)


def entries_of(file: SegmentFile, wanted: Wanted, told: Told = nothing) -> Iterator[Entry]:
    """Entries of one segment; see `entries`. With `lead_in` all up to `until_ns`, what is repeated in it too."""
    try:
        for _offset, entry in checked_entries(file.path, wanted, told, file.open):
            yield entry
    except SegmentTorn as torn:
        if not file.is_open_ended:
            raise RecordingDamaged(torn.path, torn.offset, torn.what) from None
    except SegmentDamaged as damaged:
        raise RecordingDamaged(damaged.path, damaged.offset, damaged.what) from None
    except OSError as error:
        raise file.unreadable(error) from None


def checked_entries(
    path: Path, wanted: Wanted, told: Told = nothing, opened: Callable[[], IO[bytes]] | None = None
) -> Iterator[tuple[int, Entry]]:
    """Entries of one file with the offset of their chunk. `opened`: see `read_segment`.

    Raises:
        SegmentDamaged, SegmentTorn, OSError: as `read_segment`; an entry that cannot be read is damage.
    """
    decoder = Decoder()
    since_ns = 0 if wanted.lead_in else wanted.since_ns
    for stored in read_segment(
        path, wanted=partial(wanted.takes, decoder), since_ns=since_ns, until_ns=wanted.until_ns, told=told,
        opened=opened,
    ):
        try:
            entry = decoder.decode(stored.topic, stored.log_ns, stored.data)
        except ValueError as error:
            raise SegmentDamaged(path, stored.offset, f"an entry of {stored.topic.name}: {error}") from None
        if wanted.lead_in or not entry.lead_in:
            yield stored.offset, entry
