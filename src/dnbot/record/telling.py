"""`dnbot record info`: what a recording holds."""

from __future__ import annotations

from pathlib import Path

import attrs
import msgspec

from dnbot.record.reading import Told, Wanted, entries, nothing, segment_files
from dnbot.record.words import ENDED, Answer, Entry, Event, Frame, Kind, What, lost_of


class Held(msgspec.Struct, kw_only=True):
    """Entries of one market and kind; bytes before compression, of the frames and bodies alone; wall clock, ns."""

    market: str
    kind: Kind
    entries: int = 0
    bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which a market (or, of a loss by the recorder, any) was not whole begins here."""

    at_ns: int
    market: str
    what: What
    text: str


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """One recording."""

    folder: str
    segments: int
    bytes_on_disk: int
    first_ns: int | None
    last_ns: int | None
    recorders: tuple[str, ...]
    """What each recorder that began told of itself, JSON."""
    dropped: int
    """Entries that were lost because the disk was too slow."""
    gaps: tuple[Gap, ...]
    held: tuple[Held, ...]


@attrs.define
class _Count:
    held: dict[tuple[str, Kind], Held] = attrs.field(factory=dict)
    gaps: list[Gap] = attrs.field(factory=list)
    recorders: list[str] = attrs.field(factory=list)
    dropped: int = 0
    _lost: int = -1
    """The number of the newest event, when that tells of a lost book."""

    def add(self, entry: Entry) -> None:
        name = "recorder" if entry.market is None else entry.market.name
        kind = Kind.EVENT if isinstance(entry, Event) else entry.kind
        held = self.held.setdefault((name, kind), Held(market=name, kind=kind, first_ns=entry.received_ns))
        held.entries += 1
        held.bytes += _carried(entry)
        held.last_ns = max(held.last_ns, entry.received_ns)
        held.first_ns = min(held.first_ns, entry.received_ns)
        self.dropped += lost_of(entry)
        if isinstance(entry, Event):
            if entry.what is What.STARTED:
                self.recorders.append(entry.text)
            self._gap(entry, name)

    def _gap(self, event: Event, name: str) -> None:
        is_end = event.what is What.DISCONNECTED and event.text == ENDED
        if is_end and self._lost == event.number - 1:
            self.gaps.pop()  # nobody lost the book: the feed says so of its end, just before
        elif not is_end and event.what in {What.BOOK_LOST, What.DROPPED, What.DISCONNECTED}:
            self._lost = event.number if event.what is What.BOOK_LOST else -1
            self.gaps.append(Gap(at_ns=event.received_ns, market=name, what=event.what, text=event.text))


def _carried(entry: Entry) -> int:
    match entry:
        case Frame(payload=carried) | Answer(body=carried):
            return len(carried)
        case Event():
            return 0


def info(folder: Path, wanted: Wanted, told: Told = nothing) -> Info:
    """Read a recording whole and count. Raises RecordingDamaged."""
    files = segment_files(folder)
    size = sum(file.size for file in files)
    count = _Count()
    for entry in entries(wanted, folder, told=told):
        count.add(entry)
    rows = count.held.values()
    return Info(
        folder=str(folder), segments=len(files), bytes_on_disk=size, recorders=tuple(count.recorders),
        first_ns=min((row.first_ns for row in rows), default=None),
        last_ns=max((row.last_ns for row in rows), default=None),
        dropped=count.dropped, gaps=tuple(count.gaps),
        held=tuple(sorted(rows, key=lambda row: (row.market, row.kind.value))),
    )
