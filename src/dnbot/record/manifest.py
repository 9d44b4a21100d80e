"""What a recording consists of: `manifest.jsonl`, a line before and after everything that is done to a segment.

A line is `crc32 length json`, synced before the next step. So whatever a crash left half done can be seen: a segment
that was begun and not closed, a rename or a removal that did not happen, a line that is not whole.
"""

from __future__ import annotations

import fcntl
import os
from binascii import crc32
from collections.abc import Callable
from pathlib import Path

import attrs
import msgspec

from dnbot.record.words import RecordingDamaged

FILE = "manifest.jsonl"
FORMAT = 1
PART = ".part"
"""Of a segment that is being written."""


class Begun(msgspec.Struct, frozen=True, tag="begun", kw_only=True):
    """A recorder (or a cut) began to add segments."""

    format: int = FORMAT
    by: str
    at_ns: int


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A segment is about to be written under this name and `.part`."""

    name: str


class Closed(msgspec.Struct, frozen=True, tag="closed", kw_only=True):
    """A segment is whole; it loses its `.part` after this line. Times are wall clock, ns; entries count all in it."""

    name: str
    bytes: int
    sha256: str
    entries: int
    first_ns: int
    last_ns: int


class Sealed(msgspec.Struct, frozen=True, tag="sealed", kw_only=True):
    """A segment that a crash left without an end, as the next recorder found it; it keeps its `.part`."""

    name: str
    bytes: int
    sha256: str


class Removed(msgspec.Struct, frozen=True, tag="removed"):
    """A segment is about to be removed, to make room."""

    name: str


Line = Begun | Opened | Closed | Sealed | Removed
_decode: Callable[[bytes], Line] = msgspec.json.Decoder(Line).decode


@attrs.define
class Segment:
    """One segment as the manifest tells of it."""

    name: str
    closed: Closed | None = None
    sealed: Sealed | None = None
    removed: bool = False


@attrs.define
class Manifest:
    """All lines of one folder, read."""

    folder: Path
    lines: list[Line]
    torn_at: int | None
    """Offset of a last line that is not whole: the recorder was killed while it wrote it."""

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.folder / FILE

    def segments(self) -> list[Segment]:
        """In the order in which they were begun, removed ones too. Raises RecordingDamaged for lines out of order."""
        found: dict[str, Segment] = {}
        for line in self.lines:
            if isinstance(line, Begun):
                continue
            if isinstance(line, Opened):
                if line.name in found:
                    raise RecordingDamaged(self.path, None, f"{line.name} was begun twice")
                found[line.name] = Segment(line.name)
                continue
            segment = found.get(line.name)
            if segment is None or segment.removed:
                raise RecordingDamaged(self.path, None, f"{line.name} is told of and was never begun")
            match line:
                case Closed():
                    segment.closed = line
                case Sealed():
                    segment.sealed = line
                case Removed():
                    segment.removed = True
        return list(found.values())


def read_manifest(folder: Path) -> Manifest:
    """Everything that was written down.

    Raises:
        RecordingDamaged: there is no manifest, or a line of it is not as it was written.
    """
    path = folder / FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordingDamaged(path, None, f"not a recording: {error.strerror}") from None
    lines: list[Line] = []
    offset = 0
    for raw in content.splitlines(keepends=True):
        line = _line_of(raw)
        if line is None:
            if offset + len(raw) == len(content) and not raw.endswith(b"\n"):
                return Manifest(folder, lines, offset)
            raise RecordingDamaged(path, offset, "a line that is not as it was written")
        lines.append(line)
        offset += len(raw)
    if lines and (not isinstance(lines[0], Begun) or lines[0].format != FORMAT):
        raise RecordingDamaged(path, 0, f"not a recording of format {FORMAT}")
    return Manifest(folder, lines, None)


def _line_of(raw: bytes) -> Line | None:
    checksum, _, rest = raw.partition(b" ")
    length, _, json = rest.partition(b" ")
    if not json.endswith(b"\n") or length != b"%d" % (len(json) - 1) or checksum != b"%08x" % crc32(rest):
        return None
    try:
        return _decode(json)
    except msgspec.MsgspecError:
        return None


class ManifestFile:
    """Appends lines; one at a time holds it. Raises OSError when the disk does not take them."""

    def __init__(self, folder: Path) -> None:
        """Raises BlockingIOError while another process writes to this folder."""
        self._descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise
        self.size = os.lseek(self._descriptor, 0, os.SEEK_END)

    def cut_to(self, size: int) -> None:
        """Take away a last line that is not whole."""
        os.ftruncate(self._descriptor, size)
        self.size = os.lseek(self._descriptor, size, os.SEEK_SET)

    def add(self, line: Line) -> None:
        """Have the disk keep one more line."""
        json = msgspec.json.encode(line) + b"\n"
        rest = b"%d " % (len(json) - 1) + json
        view = memoryview(b"%08x " % crc32(rest) + rest)
        self.size += len(view)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """Have the disk keep names that were given or taken."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
