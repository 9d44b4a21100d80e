"""Intents that the database could not take, in a local file: for ways out, this counts as committed.

One record a line, `crc32 length json`, appended and synced before the first byte of the order leaves. Records go when
the database has them. The file and its twin in memory stand below the same code, so a simulation runs all of it.
"""

from __future__ import annotations

import fcntl
import os
from binascii import crc32
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import attrs
import msgspec

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.order import OrderIntent

BYTES_MAX = 4 * 1024 * 1024
"""About 8,000 intents. Reached only when repairs fail for hours; then they are refused, as without a file."""
MODE = 0o600

_decode = msgspec.json.Decoder(OrderIntent).decode


class Medium(Protocol):
    """Where the bytes are. What returned is durable; every method raises OSError when it could not be done."""

    def read(self) -> bytes:
        """Everything that was written."""
        ...

    def append(self, data: bytes) -> None:
        """Add bytes. After a failure, or a crash inside, any part of them may be there."""
        ...

    def replace(self, data: bytes) -> None:
        """Put these bytes in place of all others. After a failure, or a crash inside, the old or the new are there."""
        ...

    def set_aside(self, data: bytes) -> str:
        """Keep a copy of damaged content for a person, and say where."""
        ...

    def close(self) -> None:
        """Let go; what was written stays."""
        ...


@attrs.define
class Spill:
    """Committed intents that the database does not have yet, oldest first. Open it with `open_spill`."""

    medium: Medium
    torn_bytes: int = 0
    """What the last process left unfinished at the end: its order never left."""
    damaged: str = ""
    """Where a copy of the file is in which some record, not the last, could not be read; empty for a sound file."""
    _pending: dict[str, OrderIntent] = attrs.field(factory=dict)
    _bytes: int = 0
    _unsound: bool = False

    @property
    def pending(self) -> tuple[OrderIntent, ...]:
        """What the database still has to take."""
        return tuple(self._pending.values())

    def put(self, intents: Sequence[OrderIntent]) -> None:
        """Make intents durable; one that is there already is left as it is.

        It blocks for one write and one fsync of a few hundred bytes. That is not bounded by us: a disk that stalls
        stalls the caller, which measures and reports it.

        Raises:
            StoreUnreachable: the file is full or cannot be written; nothing of this call counts as committed.
        """
        new = [intent for intent in intents if intent.client_order_id not in self._pending]
        data = b"".join(map(_line, new))
        if self._bytes + len(data) > BYTES_MAX:
            raise StoreUnreachable(f"the spill file is full: {len(self._pending)} intents")
        try:
            if self._unsound:
                self._rewrite(self._pending.values())
            self.medium.append(data)
        except OSError as error:
            self._unsound = True  # half a record may be at the end, and nothing may follow it
            with suppress(OSError):
                self._rewrite(self._pending.values())
            raise StoreUnreachable(f"the spill file cannot be written: {error.strerror}") from error
        self._bytes += len(data)
        self._pending.update((intent.client_order_id, intent) for intent in new)

    def forget(self, names: Collection[str]) -> None:
        """The database has these now.

        Raises:
            StoreUnreachable: the file cannot be written; then nothing is forgotten.
        """
        left = {name: intent for name, intent in self._pending.items() if name not in names}
        if len(left) == len(self._pending):
            return
        try:
            self._rewrite(left.values())
        except OSError as error:
            raise StoreUnreachable(f"the spill file cannot be shortened: {error.strerror}") from error
        self._pending = left

    def close(self) -> None:
        """Let go of the file; the records stay."""
        self.medium.close()

    def _rewrite(self, intents: Iterable[OrderIntent]) -> None:
        data = b"".join(map(_line, intents))
        self.medium.replace(data)
        self._bytes, self._unsound = len(data), False


def open_spill(medium: Medium) -> Spill:
    """Read what an earlier process left. An unfinished end is cut off; of a damaged file a copy is kept.

    A record that cannot be read is an order that may have left: it expired long ago, and its fills are found in the
    trades that every start reads, so the others are used without it.

    Raises:
        OSError: it cannot be read, or not be mended.
    """
    data = medium.read()
    *lines, rest = data.split(b"\n")
    intents = [_intent(line) for line in lines]
    spill = Spill(medium, torn_bytes=len(rest))
    if intents and intents[-1] is None:
        spill.torn_bytes += len(lines[-1]) + 1
        intents.pop()
    if None in intents:
        spill.damaged = medium.set_aside(data)
    spill._pending = {intent.client_order_id: intent for intent in intents if intent is not None}
    if spill.torn_bytes or spill.damaged:
        spill._rewrite(spill._pending.values())
    spill._bytes = sum(len(_line(intent)) for intent in spill._pending.values())
    return spill


def spill_file(path: Path) -> Spill:
    """The spill in a file, made when it is not there.

    Raises:
        ConfigError: another process has it, or it cannot be opened, read or written.
    """
    try:
        return open_spill(FileMedium(path))
    except OSError as error:
        raise ConfigError(str(path), "spill file", error.strerror, "a file that this user can write") from error


def _line(intent: OrderIntent) -> bytes:
    body = msgspec.json.encode(intent)
    return b"%08x %d %b\n" % (crc32(body), len(body), body)


def _intent(line: bytes) -> OrderIntent | None:
    """The intent of a line, or None when the line is not what was written."""
    checksum, _, rest = line.partition(b" ")
    length, _, body = rest.partition(b" ")
    if length != b"%d" % len(body) or checksum != b"%08x" % crc32(body):
        return None
    try:
        return _decode(body)
    except msgspec.MsgspecError:
        return None


@attrs.define
class MemoryMedium:
    """The file's twin for simulations: keep the object, and a restarted bot finds its content."""

    content: bytes = b""
    aside: list[bytes] = attrs.field(factory=list)
    fails_after_bytes: int | None = None
    """When set, a write puts down so many bytes and then fails; a replacement fails whole."""
    syncs: int = 0

    def read(self) -> bytes:
        """See `Medium`."""
        return self.content

    def append(self, data: bytes) -> None:
        """See `Medium`."""
        if self.fails_after_bytes is not None:
            self.content += data[: self.fails_after_bytes]
            raise OSError(28, "No space left on device")
        self.content += data
        self.syncs += 1

    def replace(self, data: bytes) -> None:
        """See `Medium`."""
        if self.fails_after_bytes is not None:
            raise OSError(28, "No space left on device")
        self.content = data
        self.syncs += 1

    def set_aside(self, data: bytes) -> str:
        """See `Medium`."""
        self.aside.append(data)
        return f"copy {len(self.aside)}"

    def close(self) -> None:
        """See `Medium`."""


class FileMedium:
    """A file that only its owner may read, locked against a second bot for as long as it is open."""

    def __init__(self, path: Path) -> None:
        """Open or create it.

        Raises:
            ConfigError: another process has it.
            OSError: it cannot be opened.
        """
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._descriptor = self._open(path)
            os.fchmod(self._descriptor, MODE)
            self._sync_folder()
        except BlockingIOError:
            os.close(self._lock)
            raise ConfigError(str(path), "spill file", "open in another process", "one bot per state folder") from None
        except OSError:
            os.close(self._lock)
            raise

    def read(self) -> bytes:
        """See `Medium`."""
        return self._path.read_bytes()

    def append(self, data: bytes) -> None:
        """See `Medium`."""
        _write_all(self._descriptor, data)
        os.fsync(self._descriptor)

    def replace(self, data: bytes) -> None:
        """See `Medium`. Emptied in place; otherwise a new file takes the old one's name."""
        if not data:
            os.ftruncate(self._descriptor, 0)
            os.fsync(self._descriptor)
            return
        beside = self._path.with_name(self._path.name + ".new")
        beside.unlink(missing_ok=True)
        descriptor = self._open(beside)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
            beside.replace(self._path)
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._sync_folder()

    def set_aside(self, data: bytes) -> str:
        """See `Medium`. Named by its checksum, so that one damage makes one copy."""
        copy = self._path.with_name(f"{self._path.name}.damaged-{crc32(data):08x}")
        copy.unlink(missing_ok=True)
        descriptor = self._open(copy)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return str(copy)

    def close(self) -> None:
        """See `Medium`."""
        os.close(self._descriptor)
        os.close(self._lock)

    def _open(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)

    def _sync_folder(self) -> None:
        """A file's name is durable when its folder is."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
