"""A folder of segments that is added to: when a segment ends, what goes when the folder is full, and in which order.

What the entries are is told by a `Filing`. Nothing here awaits, so that whoever records can have it done in a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import attrs

from dnbot.domain.errors import ConfigError
from dnbot.ports.recording_file import MessageSchema, SegmentWriter, Topic, fixed_bytes, message_bytes
from dnbot.record.manifest import (
    FILE,
    PART,
    Begun,
    Closed,
    ManifestFile,
    Opened,
    Removed,
    Sealed,
    Segment,
    read_manifest,
    sync_folder,
)
from dnbot.record.words import RecordingFailed, RecordingFull

NS_PER_S = 1_000_000_000
SEGMENT_S = 600.0
SEGMENT_BYTES = 64 * 1024 * 1024
BYTES_MAX = 10 * 1024**3
BYTES_MAX_LEAST = 1024 * 1024
MANIFEST_BYTES = 4096
"""Room for the lines that the steps with one segment add."""


@attrs.frozen
class Limits:
    """How large a segment and the folder may be. `keep_oldest`: end, rather than remove the oldest segment."""

    segment_s: float = SEGMENT_S
    segment_bytes: int = SEGMENT_BYTES
    bytes_max: int = BYTES_MAX
    keep_oldest: bool = False

    def __attrs_post_init__(self) -> None:
        if self.bytes_max < BYTES_MAX_LEAST:
            raise ConfigError("recording", "max-bytes", self.bytes_max, f"{BYTES_MAX_LEAST} or more")
        if not 0 < self.segment_bytes <= self.bytes_max // 4:
            raise ConfigError("recording", "segment-bytes", self.segment_bytes, "up to a quarter of max-bytes")
        if not self.segment_s > 0:
            raise ConfigError("recording", "segment-s", self.segment_s, "more than 0")


@attrs.define
class _Open:
    """The segment that is being written."""

    name: str
    file: SegmentWriter
    began_ns: int
    first_ns: int = 0
    last_ns: int = 0


class Filed(Protocol):
    """What every entry has, whatever else it holds."""

    @property
    def number(self) -> int:
        """Its place in the order in which entries came."""
        ...

    @property
    def received_ns(self) -> int:
        """Wall clock, Unix nanoseconds."""
        ...

    @property
    def monotonic_ns(self) -> int:
        """Monotonic clock."""
        ...

    @property
    def lead_in(self) -> bool:
        """Whether it is repeated from before."""
        ...


E = TypeVar("E", bound=Filed)


def _nothing(_entry: Filed) -> None:
    """No entry is repeated."""


@attrs.frozen
class Filing(Generic[E]):
    """How entries of one kind lie in segments."""

    topics: Sequence[Topic]
    schema: MessageSchema
    topic_of: Callable[[E], str]
    encode: Callable[[E], bytes]
    repeated: Callable[[E], tuple[Hashable, E] | None] = _nothing
    """What of an entry every later segment begins with, until another one has its key; None: nothing."""


class SegmentFolder(Generic[E]):
    """Adds entries to a folder. After any error but ConfigError only `abandon` is left.

    `opened` counts segments that were begun; a recorder has whole books asked for when it grows.
    """

    def __init__(
        self, folder: Path, filing: Filing[E], *, by: str, at_ns: int, limits: Limits | None = None,
    ) -> None:
        """Make or go on with a folder, and finish what a crash left half done.

        Raises:
            ConfigError: the folder holds something else, or another process writes to it.
            RecordingDamaged, RecordingFailed: its manifest, or the disk, cannot be used.
        """
        self.folder, self.opened, self.removed = folder, 0, 0
        self._limits = limits or Limits()
        self._filing = filing
        self._standing: dict[Hashable, E] = {}
        self._open: _Open | None = None
        self._manifest = _begin(folder)
        try:
            self._kept = self._recover()
            self._manifest.add(Begun(by=by, at_ns=at_ns))
        except OSError as error:
            self._manifest.close()
            raise self._failed(error) from None
        except BaseException:
            self._manifest.close()
            raise

    @property
    def bytes_max(self) -> int:
        """What is on the disk is not more than this."""
        now = self._open.file.bytes_max if self._open is not None else 0
        return sum(size for _, size in self._kept) + self._manifest.size + MANIFEST_BYTES + now

    def write(self, entries: Sequence[E]) -> None:
        """Add these entries; when it returns, the disk has them.

        Raises:
            RecordingFailed: the disk did not take them.
            RecordingFull: there is no room, and nothing may be removed.
        """
        try:
            for entry in entries:
                self._write(entry)
            if self._open is not None:
                self._open.file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close the segment and let go of the folder. Raises RecordingFailed."""
        try:
            self._close_segment()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._manifest.close()

    def abandon(self) -> None:
        """Let go of the folder as a crash would leave it."""
        if self._open is not None:
            self._open.file.abandon()
            self._open = None
        with suppress(OSError):
            self._manifest.close()

    # --- segments -----------------------------------------------------------------------------------------------------
    def _write(self, entry: E) -> None:
        data = self._filing.encode(entry)
        if self._open is not None and self._is_over(self._open, entry):
            self._close_segment()
        self._make_room(message_bytes(data))
        if self._open is None:
            self._open_segment(entry)
        self._append(entry, data)
        if (repeated := self._filing.repeated(entry)) is not None:
            self._standing[repeated[0]] = repeated[1]

    def _append(self, entry: E, data: bytes) -> None:
        assert self._open is not None
        segment = self._open
        segment.file.append(self._filing.topic_of(entry), entry.received_ns, entry.number % 2**32, data)
        if not entry.lead_in:
            segment.first_ns = min(segment.first_ns, entry.received_ns) if segment.first_ns else entry.received_ns
            segment.last_ns = max(segment.last_ns, entry.received_ns)

    def _is_over(self, segment: _Open, entry: E) -> bool:
        lasted_s = (entry.monotonic_ns - segment.began_ns) / NS_PER_S
        is_large = segment.file.bytes_max >= self._limits.segment_bytes
        return not entry.lead_in and (is_large or lasted_s >= self._limits.segment_s)

    def _open_segment(self, first: E) -> None:
        self.opened += 1
        name = f"{self._next:08d}.mcap"
        self._next += 1
        self._manifest.add(Opened(name))
        file = SegmentWriter(self.folder / (name + PART), self._filing.topics, self._filing.schema)
        self._open = _Open(name, file, first.monotonic_ns)
        sync_folder(self.folder)
        for repeated in self._standing.values():
            self._append(repeated, self._filing.encode(repeated))

    def _close_segment(self) -> None:
        segment, self._open = self._open, None
        if segment is None:
            return
        size, sha256 = segment.file.finish()
        self._kept.append((segment.name, size))
        self._manifest.add(Closed(
            name=segment.name, bytes=size, sha256=sha256, entries=segment.file.messages, first_ns=segment.first_ns,
            last_ns=segment.last_ns,
        ))
        (self.folder / (segment.name + PART)).rename(self.folder / segment.name)
        sync_folder(self.folder)

    # --- room ---------------------------------------------------------------------------------------------------------
    def _make_room(self, wanted: int) -> None:
        while self.bytes_max + self._opening_bytes() + wanted > self._limits.bytes_max:
            if self._limits.keep_oldest:
                self._close_segment()
                raise RecordingFull(f"{self.folder}: holds {self.bytes_max} bytes of {self._limits.bytes_max}")
            if not self._kept:
                if self._open is None or not self._open.file.messages:
                    raise RecordingFull(f"{self.folder}: one entry of {wanted} bytes is more than may be kept")
                self._close_segment()
            self._remove(self._kept.pop(0)[0])

    def _opening_bytes(self) -> int:
        """What has to fit before the next entry, when a segment must be begun for it."""
        if self._open is not None:
            return 0
        filing = self._filing
        return fixed_bytes(filing.topics, filing.schema) + sum(
            message_bytes(filing.encode(repeated)) for repeated in self._standing.values()
        )

    def _remove(self, name: str) -> None:
        self._manifest.add(Removed(name))
        for path in (self.folder / name, self.folder / (name + PART)):
            path.unlink(missing_ok=True)
        sync_folder(self.folder)
        self.removed += 1

    # --- what was left ------------------------------------------------------------------------------------------------
    def _recover(self) -> list[tuple[str, int]]:
        found = read_manifest(self.folder)
        if found.torn_at is not None:
            self._manifest.cut_to(found.torn_at)
        segments = found.segments()
        self._next = len(segments) + 1
        kept: list[tuple[str, int]] = []
        for segment in segments:
            path = self.folder / segment.name
            part = self.folder / (segment.name + PART)
            if segment.removed:
                path.unlink(missing_ok=True)
                part.unlink(missing_ok=True)
            elif segment.closed is not None:
                if part.exists():
                    part.rename(path)
                kept.append((segment.name, segment.closed.bytes))
            elif part.exists():
                kept.append((segment.name, self._seal(segment, part)))
            elif segment.sealed is None:
                self._manifest.add(Removed(segment.name))  # it was about to be begun, and was not
        sync_folder(self.folder)
        return kept

    def _seal(self, segment: Segment, part: Path) -> int:
        if segment.sealed is not None:
            return segment.sealed.bytes
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = part.stat().st_size
        self._manifest.add(Sealed(name=segment.name, bytes=size, sha256=sha256))
        return size

    def _failed(self, error: OSError) -> RecordingFailed:
        return RecordingFailed(f"{self.folder}: {error.strerror or error}")


def _begin(folder: Path) -> ManifestFile:
    """The folder's manifest, held. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / FILE).exists() and any(folder.iterdir()):
            found = "files that are no recording"
            raise ConfigError(str(folder), "out", found, "a new or empty folder, or a recording")
        return ManifestFile(folder)
    except BlockingIOError:
        raise ConfigError(str(folder), "out", "a folder that is being recorded to", "one recorder a folder") from None
    except OSError as error:
        raise ConfigError(str(folder), "out", error.strerror, "a folder that can be written to") from None
