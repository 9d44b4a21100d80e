"""A journal read back: its runs, and of one run contexts and steps in their order; whatever is missing is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec

from dnbot.ports.recording_reader import SegmentDamaged, SegmentTorn, Stored, read_segment
from dnbot.record.reading import SegmentFile, Told, nothing, segment_files
from dnbot.record.step_codec import read_context, read_steps
from dnbot.record.step_words import FORMAT, ContextRead, Head, Page, PageKind, StepRead
from dnbot.record.words import RecordingDamaged

_decode = msgspec.msgpack.Decoder(tuple[int, int, bool, bytes]).decode
_head = msgspec.msgpack.Decoder(Head).decode


@attrs.frozen
class Where:
    """Where a page stands."""

    path: Path
    offset: int

    def damaged(self, what: str) -> RecordingDamaged:
        """It is not as it was written."""
        return RecordingDamaged(self.path, self.offset, what)


@attrs.define
class RunReader:
    """One run of a journal; `number` counts the runs of its folder from 1."""

    folder: Path
    number: int
    head: Head
    files: list[SegmentFile] = attrs.field(repr=False)
    told: Told = nothing
    skipped: int = attrs.field(default=0, init=False)
    """Steps before the first context that is left."""
    lost: int = attrs.field(default=0, init=False)
    """Steps that the run itself could not write."""
    torn: str = attrs.field(default="", init=False)
    """Where and how the run's last segment ends without an end; empty: it was closed."""

    def read(self) -> Iterator[ContextRead | StepRead]:
        """Contexts and steps in their order, from the first context on that is left.

        Raises:
            RecordingDamaged: at the first thing that is not as it was written. What was given before it is good.
        """
        next_number: int | None = None
        self.skipped = self.lost = 0
        for where, page in self._pages():
            try:
                if page.kind is PageKind.HEAD:
                    continue
                if page.kind is PageKind.CONTEXT:
                    context = read_context(page.payload)
                    self._check_context(where, context, next_number)
                    next_number = context.number + 1
                    yield context
                elif next_number is None:
                    self.skipped += len(read_steps(page.payload))
                else:
                    steps = read_steps(page.payload)
                    if page.number != next_number or not steps or steps[0].number != page.number:
                        raise where.damaged(f"event {page.number} follows {next_number - 1}, and none is told as lost")
                    next_number = steps[-1].number + (not steps[-1].kept.failure)
                    yield from steps
            except ValueError as error:
                raise where.damaged(f"a page of {page.kind.value}: {error}") from None

    def _check_context(self, where: Where, found: ContextRead, next_number: int | None) -> None:
        if next_number is None:
            return
        missing = found.number - (next_number - 1)
        if missing != found.lost:
            told = f"and {found.lost} are told as lost"
            raise where.damaged(f"a context after event {found.number} follows event {next_number - 1}, {told}")
        self.lost += missing

    def _pages(self) -> Iterator[tuple[Where, Page]]:
        for file in self.files:
            self.torn = ""
            try:
                yield from _pages_of(file, self.told)
            except SegmentTorn as torn:
                if not file.is_open_ended:
                    raise RecordingDamaged(torn.path, torn.offset, torn.what) from None
                self.torn = f"{torn.path.name}: at byte {torn.offset}: {torn.what}"


def runs_of(folder: Path, told: Told = nothing) -> list[RunReader]:
    """The runs that a journal holds, the oldest first. Each has segments of its own, and a head in front of each.

    Raises:
        RecordingDamaged: the folder or a head cannot be read, or is of another format.
    """
    found: list[RunReader] = []
    for file in segment_files(folder):
        head = _head_of(file)
        if head is None:
            continue
        if not found or found[-1].head != head:
            found.append(RunReader(folder, len(found) + 1, head, [], told))
        found[-1].files.append(file)
    return found


def _head_of(file: SegmentFile) -> Head | None:
    """The head of a segment; None for one that was torn before it was written."""
    try:
        found = next(_pages_of(file, nothing), None)
    except SegmentTorn:
        return None
    if found is None:
        return None
    where, page = found
    if page.kind is not PageKind.HEAD:
        raise where.damaged("a segment that does not begin with the head of a run")
    try:
        head = _head(page.payload)
    except ValueError as error:
        raise where.damaged(f"a head: {error}") from None
    if head.format != FORMAT:
        raise where.damaged(f"a journal of format {head.format}; this version reads {FORMAT}")
    return head


def _pages_of(file: SegmentFile, told: Told) -> Iterator[tuple[Where, Page]]:
    """Raises SegmentTorn at an end that is none, and RecordingDamaged."""
    try:
        for stored in read_segment(file.path, told=told, opened=file.open):
            where = Where(file.path, stored.offset)
            try:
                page = _page(stored)
            except (LookupError, ValueError):
                raise where.damaged(f"a message of {stored.topic.name}, which is no page of a journal") from None
            yield where, page
    except SegmentTorn:
        raise
    except SegmentDamaged as damaged:
        raise RecordingDamaged(damaged.path, damaged.offset, damaged.what) from None
    except OSError as error:
        raise file.unreadable(error) from None


def _page(stored: Stored) -> Page:
    number, monotonic_ns, lead_in, payload = _decode(stored.data)
    return Page(
        number=number, received_ns=stored.log_ns, monotonic_ns=monotonic_ns,
        kind=PageKind(stored.topic.about["kind"]), payload=payload, lead_in=lead_in,
    )
