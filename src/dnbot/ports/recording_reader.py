"""A segment read back: every record is checked, and whatever does not hold is named with its offset."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol, TypeVar

import attrs
import zstandard
from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, DataEnd, Footer, Header, Message, MessageIndex, Schema
from mcap.stream_reader import breakup_chunk

from dnbot.ports.recording_file import LIBRARY, PROFILE, Topic

MAGIC = struct.pack("<8B", 137, 77, 67, 65, 80, 48, 13, 10)
RECORD_BYTES_MAX = 256 * 1024 * 1024
_HEAD = struct.Struct("<BQ")
_CHUNK_MARK = b"\x04\0\0\0zstd"
_CHUNK_MARK_AT = _HEAD.size + 28
_SUMMARY = {
    Opcode.SCHEMA, Opcode.CHANNEL, Opcode.STATISTICS, Opcode.CHUNK_INDEX, Opcode.SUMMARY_OFFSET,
}
CHUNK_MESSAGES_BYTES_MAX = RECORD_BYTES_MAX
_UNREADABLE = (
    McapError, zstandard.ZstdError, ValueError, struct.error, KeyError, IndexError, MemoryError, OverflowError,
)


_R_co = TypeVar("_R_co", bound="_Record", covariant=True)


class SegmentDamaged(Exception):
    """Bytes that cannot be as they were written. `offset` is that of the record, from the file's beginning."""

    def __init__(self, path: Path, offset: int, what: str) -> None:
        super().__init__(f"{path}: at byte {offset}: {what}")
        self.path, self.offset, self.what = path, offset, what


class SegmentTorn(SegmentDamaged):
    """The file ends within a record, or without the end that a closed one has: what came before is whole."""


@attrs.frozen
class Stored:
    """A message as it is in the file; `offset` is that of its chunk."""

    topic: Topic
    log_ns: int
    sequence: int
    data: bytes
    offset: int


def read_segment(
    path: Path, *, wanted: Callable[[Topic], bool] = lambda _topic: True, since_ns: int = 0,
    until_ns: int | None = None, told: Callable[[int], None] = lambda _bytes: None,
    opened: Callable[[], IO[bytes]] | None = None,
) -> Iterator[Stored]:
    """Messages in the order in which they were written, of wanted topics, `since_ns` <= log time < `until_ns`.

    Chunks outside those times are passed over without being read. `told` hears how many more bytes were worked off.
    `opened` opens the file where that may have another name by now; `path` is how it is named in errors.

    Raises:
        SegmentTorn: the file has no end. Everything whole was given.
        SegmentDamaged: the content cannot be what was written.
        OSError: the file cannot be read.
    """
    with path.open("rb") if opened is None else opened() as file:
        yield from _Walk(path, file, wanted, since_ns, until_ns, told).messages()


@attrs.define
class _Walk:
    path: Path
    file: IO[bytes]
    wanted: Callable[[Topic], bool]
    since_ns: int
    until_ns: int | None
    told: Callable[[int], None]
    _topics: dict[int, Topic] = attrs.field(factory=dict)
    _indexed: dict[int, list[tuple[int, int]]] | None = attrs.field(factory=dict)
    """What the indexes after the newest chunk must say, as far as they have not said it; None: it was passed over."""
    _crc: int = 0
    _data_end: int = -1

    def messages(self) -> Iterator[Stored]:
        size = os.fstat(self.file.fileno()).st_size
        offset = len(MAGIC)
        if (magic := self.file.read(offset)) != MAGIC[: len(magic)]:
            raise SegmentDamaged(self.path, 0, "not the beginning of an MCAP file")
        if size < offset:
            raise SegmentTorn(self.path, 0, "the file ends within its first bytes")
        self._crc = zlib.crc32(magic)
        while True:
            opcode, content = self._record(offset, size)
            end = offset + _HEAD.size + len(content)
            try:
                if opcode == Opcode.FOOTER:
                    self._check_end(offset, end, size, content)
                    self.told(size - offset)
                    return
                yield from self._read(opcode, content, offset)
            except _UNREADABLE as error:
                raise SegmentDamaged(self.path, offset, f"{type(error).__name__}: {error}"[:200]) from None
            self.told(end - offset)
            offset = end

    def _record(self, offset: int, size: int) -> tuple[int, bytes]:
        head = self.file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise self._torn(offset, size, f"the file ends after {len(head)} bytes of a record's head")
        opcode, length = _HEAD.unpack(head)
        if offset + _HEAD.size + length > size:
            raise self._torn(offset, size, f"the file ends within a record of {length} bytes")
        if length > RECORD_BYTES_MAX:
            raise SegmentDamaged(self.path, offset, f"a record of {length} bytes")
        content = self.file.read(length)
        if len(content) < length:
            raise SegmentTorn(self.path, offset, "the file was cut while it was read")
        if self._data_end < 0 and opcode != Opcode.DATA_END:
            self._crc = zlib.crc32(content, zlib.crc32(head, self._crc))
        return opcode, content

    def _torn(self, offset: int, size: int, what: str) -> SegmentDamaged:
        """The end of a file whose writer was killed; unless whole chunks follow: then the length itself is wrong."""
        self.file.seek(offset)
        rest = self.file.read(size - offset)
        at = rest.find(_CHUNK_MARK, _CHUNK_MARK_AT + 1)
        while at >= 0:
            begin = at - _CHUNK_MARK_AT
            if begin > 0 and _is_whole_chunk(rest[begin:]):
                return SegmentDamaged(self.path, offset, f"a record that is no longer whole, before others ({what})")
            at = rest.find(_CHUNK_MARK, at + 1)
        return SegmentTorn(self.path, offset, what)

    def _read(self, opcode: int, content: bytes, offset: int) -> Iterator[Stored]:
        if opcode == Opcode.CHUNK:
            yield from self._chunk(_parsed(Chunk, content), offset)
        elif opcode == Opcode.MESSAGE_INDEX:
            index = _parsed(MessageIndex, content)
            if self._indexed is not None and self._indexed.pop(index.channel_id, None) != index.records:
                raise ValueError(f"the index of channel {index.channel_id} is not that of its chunk")
        elif opcode == Opcode.HEADER:
            header = _parsed(Header, content)
            if (header.profile, header.library) != (PROFILE, LIBRARY):
                raise ValueError(f"a file of profile {header.profile!r}, not of a recording")
        elif opcode == Opcode.DATA_END:
            self._data_end = offset
            if self._indexed or _parsed(DataEnd, content).data_section_crc != self._crc:
                raise ValueError("the checksum of everything before it does not hold")
        elif self._data_end < 0 or opcode not in _SUMMARY:
            raise ValueError(f"a record of kind {opcode} has no place here")

    def _chunk(self, chunk: Chunk, offset: int) -> Iterator[Stored]:
        if self._indexed:
            raise ValueError(f"the indexes of channels {sorted(self._indexed)} are missing before it")
        first, last = chunk.message_start_time, chunk.message_end_time
        is_outside = last < self.since_ns or (self.until_ns is not None and first >= self.until_ns)
        if is_outside and self._topics:
            self._indexed = None
            return
        messages = self._messages(chunk)
        indexed: dict[int, list[tuple[int, int]]] = {}
        for message, at in messages:
            indexed.setdefault(message.channel_id, []).append((message.log_time, at))
        self._indexed = indexed
        times = [message.log_time for message, _ in messages]
        if times and (min(times), max(times)) != (first, last):
            raise ValueError("its times are not those of its messages")
        for message, _ in messages:
            topic = self._topics[message.channel_id]
            late = self.until_ns is not None and message.log_time >= self.until_ns
            if message.log_time >= self.since_ns and not late and self.wanted(topic):
                yield Stored(topic, message.log_time, message.sequence, message.data, offset)

    def _messages(self, chunk: Chunk) -> list[tuple[Message, int]]:
        _check_sizes(chunk)
        found: list[tuple[Message, int]] = []
        at = 0
        for record in breakup_chunk(chunk, validate_crc=True):
            if isinstance(record, Channel):
                self._topics[record.id] = Topic(record.topic, record.metadata)
                at += _HEAD.size + _channel_bytes(record)
            elif isinstance(record, Message):
                found.append((record, at))
                at += _HEAD.size + 22 + len(record.data)
            elif isinstance(record, Schema):
                at += _HEAD.size + 14 + len(record.name.encode()) + len(record.encoding.encode()) + len(record.data)
        return found

    def _check_end(self, offset: int, end: int, size: int, content: bytes) -> None:
        footer = _parsed(Footer, content)
        if self._data_end < 0:
            raise ValueError("the end of a file whose data have none")
        if not self._data_end < footer.summary_start <= offset:
            raise ValueError("its summary is elsewhere")
        self.file.seek(footer.summary_start)
        summary = self.file.read(offset + _HEAD.size + len(content) - 4 - footer.summary_start)
        if zlib.crc32(summary) != footer.summary_crc:
            what = "the checksum of the summary that begins here does not hold"
            raise SegmentDamaged(self.path, footer.summary_start, what)
        self.file.seek(end)
        magic = self.file.read()
        if magic != MAGIC and MAGIC.startswith(magic):
            raise SegmentTorn(self.path, end, "the file ends within its last bytes")
        if magic != MAGIC or end + len(MAGIC) != size:
            raise ValueError("the file does not end where it says")


class _Record(Protocol):
    def write(self, stream: RecordBuilder) -> None: ...


class _Kind(Protocol[_R_co]):
    @staticmethod
    def read(stream: ReadDataStream) -> _R_co: ...


def _parsed(kind: _Kind[_R_co], content: bytes) -> _R_co:
    """A record that says nothing else when it is written again: the library does not notice what is too short."""
    record = kind.read(ReadDataStream(io.BytesIO(content)))
    builder = RecordBuilder()
    record.write(builder)
    if builder.end()[_HEAD.size :] != content:  # type: ignore[no-untyped-call]  # the library leaves it untyped
        raise ValueError("its lengths do not fit each other")
    return record


def _check_sizes(chunk: Chunk) -> None:
    """Before anything is decompressed: a wrong length must not ask for all memory."""
    if chunk.compression != "zstd":
        raise ValueError(f"compressed with {chunk.compression!r}, not zstd")
    size = chunk.uncompressed_size
    if size > CHUNK_MESSAGES_BYTES_MAX or zstandard.frame_content_size(chunk.data) != size:
        raise ValueError(f"{size} uncompressed bytes are not those of its content")


def _channel_bytes(channel: Channel) -> int:
    about = sum(len(name.encode()) + len(value.encode()) + 8 for name, value in channel.metadata.items())
    return 16 + len(channel.topic.encode()) + len(channel.message_encoding.encode()) + about


def _is_whole_chunk(data: bytes) -> bool:
    opcode, length = _HEAD.unpack_from(data)
    if opcode != Opcode.CHUNK or _HEAD.size + length > len(data):
        return False
    try:
        chunk = _parsed(Chunk, data[_HEAD.size : _HEAD.size + length])
        _check_sizes(chunk)
        breakup_chunk(chunk, validate_crc=True)
    except _UNREADABLE:
        return False
    return True
