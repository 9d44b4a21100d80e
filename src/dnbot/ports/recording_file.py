"""One segment of a recording: an MCAP file, written chunk by chunk and read record by record. Hides mcap and zstandard.

Source: MCAP specification 0 (Header, Schema, Channel, Message, Chunk, Message Index, Data End, summary, Footer). A
chunk is compressed with zstd and carries the CRC of what is in it, so a file without an end is readable to its last
whole one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import attrs
from mcap.writer import CompressionType, IndexType, Writer

PROFILE = "dnbot.record"
LIBRARY = "dnbot"
CHUNK_BYTES = 1024 * 1024
"""Of uncompressed messages; a chunk is also closed by every `flush`."""
MODE = 0o600
_MESSAGE_BYTES = 31 + 16
"""A message's own head, and its line in the index."""
_CHUNK_BYTES_MORE = 160
"""A chunk's head, and its line in the summary without the channels."""
_CHANNEL_BYTES = 15 + 10 + 10
"""A channel's share of a chunk's indexes, of their line in the summary, and of the statistics."""


@attrs.frozen
class Topic:
    """What a message is filed under; `about` is kept with it in the file."""

    name: str
    about: dict[str, str] = attrs.field(hash=False, factory=dict)


@attrs.frozen
class MessageSchema:
    """How to read a message: a protobuf descriptor set, which any MCAP tool understands, or nothing but a name."""

    name: str
    descriptor_set: bytes = b""
    encoding: str = "protobuf"
    """Of the messages."""


class _Sink:
    """The file below the library: counts and hashes what it is given."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class SegmentWriter:
    """Writes a new file. Every method raises OSError when the disk does not take it; then only `abandon` is left."""

    def __init__(self, path: Path, topics: Sequence[Topic], schema: MessageSchema) -> None:
        """All topics are registered at once: they are in the first chunk, whichever others a reader leaves out."""
        self._sink = _Sink(path)
        self._writer = Writer(
            cast("IO[Any]", self._sink), chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD,
            index_types=IndexType.CHUNK | IndexType.MESSAGE, enable_crcs=True, enable_data_crcs=True,
        )
        self._writer.start(profile=PROFILE, library=LIBRARY)
        described = schema.encoding if schema.descriptor_set else ""
        schema_id = self._writer.register_schema(schema.name, described, schema.descriptor_set)
        self._channels = {
            topic.name: self._writer.register_channel(topic.name, schema.encoding, schema_id, topic.about)
            for topic in topics
        }
        self._fixed = fixed_bytes(topics, schema)
        self._chunks = 1
        self._pending = 0
        self.messages = 0

    @property
    def bytes_max(self) -> int:
        """The file is not larger than this when it is finished now, without another message."""
        ends = self._chunks * (_CHUNK_BYTES_MORE + _CHANNEL_BYTES * len(self._channels))
        return self._sink.size + self._pending + self._fixed + ends

    def append(self, topic: str, log_ns: int, sequence: int, data: bytes) -> None:
        """Add one message; it is on the disk after `flush`."""
        self._writer.add_message(
            channel_id=self._channels[topic], log_time=log_ns, publish_time=log_ns, sequence=sequence, data=data
        )
        self.messages += 1
        self._pending += len(data) + _MESSAGE_BYTES
        if self._pending > CHUNK_BYTES:  # the library has closed a chunk, at the latest now
            self._chunks += 1

    def flush(self) -> None:
        """Close the chunk and have the disk keep it."""
        self._writer.flush()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._chunks += 1
        self._pending = 0
        os.fdatasync(self._sink.descriptor)

    def finish(self) -> tuple[int, str]:
        """Write indexes and end; returns size in bytes and SHA-256 in hex of the whole file."""
        self._writer.finish()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        os.fsync(self._sink.descriptor)
        self._sink.close()
        return self._sink.size, self._sink.digest.hexdigest()

    def abandon(self) -> None:
        """Let go of a file that the disk does not take any more."""
        self._sink.close()


def fixed_bytes(topics: Sequence[Topic], schema: MessageSchema) -> int:
    """What a segment without messages is at most: schema and topics, which its summary repeats, and its two ends."""
    return 2 * (len(schema.descriptor_set) + sum(_topic_bytes(topic) for topic in topics)) + 1024


def message_bytes(data: bytes) -> int:
    """What one more message adds to a segment at most: before compression, with its index and a chunk's end."""
    return len(data) + _MESSAGE_BYTES


def _topic_bytes(topic: Topic) -> int:
    return len(topic.name) + sum(len(name) + len(value) + 8 for name, value in topic.about.items()) + 64
