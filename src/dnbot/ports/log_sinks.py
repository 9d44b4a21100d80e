"""Where log lines end: a file that rotates, a terminal that may be stuck, a list in memory."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

import msgspec

from dnbot.ports.redaction import Redactor, escape_text

Level = Literal["debug", "info", "warning", "error", "critical"]
RANK: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
FILE_BYTES_MAX = 64 * 1024 * 1024
FILES_MAX = 8
TERMINAL_CHUNK_BYTES = 4096  # PIPE_BUF: a pipe that polls as writable takes this much without blocking
VALUE_CHARACTERS_MAX = 2000
CUT = " ..."
_WORD_AT_THE_END = re.compile(r"(?<=[\s\"',;&?()<>\[\]{}])[^\s\"',;&?()<>\[\]{}]{1,512}\Z")


class Line(msgspec.Struct, gc=False):
    """One entry: wall time, level, name of the event, and its fields (a struct or a dict)."""

    ts_ns: int
    level: Level
    event: str
    data: msgspec.Struct | dict[str, object]


class Sink(Protocol):
    """Takes batches, in order. Raises OSError when it cannot; the batch is then counted as lost."""

    def write(self, lines: Sequence[Line], encoded: bytes) -> None:
        """`encoded` holds the same lines as JSON, one per line, already redacted."""
        ...

    def close(self) -> None: ...


class FileSink:
    """Appends JSON lines to a file of mode 0600; at `bytes_max` it becomes `.1`, and the oldest of `files_max` goes."""

    def __init__(self, path: Path, *, bytes_max: int = FILE_BYTES_MAX, files_max: int = FILES_MAX) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._files_max = files_max
        self.rotations = 0
        self._descriptor = -1
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def write(self, lines: Sequence[Line], encoded: bytes) -> None:
        if self._descriptor < 0:
            self._open()  # an earlier rotation failed half-way
        if self._size and self._size + len(encoded) > self._bytes_max:
            self._rotate()
        view = memoryview(encoded)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._size += len(encoded)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files_max - 1, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1) if number > 1 else self._path
            if newer.exists():
                newer.replace(older)
        if self._files_max == 1:
            self._path.unlink(missing_ok=True)
        self._open()
        self.rotations += 1

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class TerminalSink:
    """Readable text for a person. A terminal or pipe that does not take it loses lines, and never stops the bot."""

    def __init__(self, stream: TextIO, redactor: Redactor, *, level_min: Level = "info") -> None:
        self._stream = stream
        self._redactor = redactor
        self._rank_min = RANK[level_min]
        try:
            self._descriptor: int | None = stream.fileno()
        except OSError:  # io.UnsupportedOperation: a stream in memory, which never blocks
            self._descriptor = None
        self.lost = 0

    def write(self, lines: Sequence[Line], encoded: bytes) -> None:
        shown = [render(line) for line in lines if RANK[line.level] >= self._rank_min]
        if not shown:
            return
        text = self._redactor.redact(("\n".join(shown) + "\n").encode("utf-8", "backslashreplace"))
        if self._descriptor is None:
            self._stream.write(text.decode())
            return
        if not self._write_without_blocking(self._descriptor, text):
            self.lost += 1

    def close(self) -> None:
        """The stream belongs to the caller."""

    def _write_without_blocking(self, descriptor: int, text: bytes) -> bool:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        view = memoryview(text)
        while view:
            if not any(event & select.POLLOUT for _, event in poll.poll(0)):
                return False
            view = view[os.write(descriptor, view[:TERMINAL_CHUNK_BYTES]) :]
        return True


class MemorySink:
    """Keeps what was written, decoded, for tests and for whoever shows the newest lines."""

    def __init__(self) -> None:
        self.encoded = b""
        self.lines: list[dict[str, Any]] = []

    def write(self, lines: Sequence[Line], encoded: bytes) -> None:
        self.encoded += encoded
        self.lines.extend(msgspec.json.decode(line) for line in encoded.splitlines())

    def close(self) -> None:
        """Nothing to release."""

    def named(self, event: str) -> list[dict[str, Any]]:
        """The fields of each line of that name, in order."""
        return [line["data"] for line in self.lines if line["event"] == event]


def render(line: Line) -> str:
    """`2026-01-31T12:00:00.123Z INFO     order_sent venue=gateio price=1.5`, with every unsafe character visible."""
    moment = datetime.fromtimestamp(line.ts_ns // 1_000_000_000, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{line.ts_ns // 1_000_000 % 1000:03d}Z"
    fields = msgspec.structs.asdict(line.data) if isinstance(line.data, msgspec.Struct) else line.data
    words = [f"{name}={_shown(value)}" for name, value in fields.items()]
    return escape_text(" ".join([stamp, f"{line.level.upper():<8}", line.event, *words]))


def plain(value: object) -> str:
    """How a value that JSON does not know is written: never longer than VALUE_CHARACTERS_MAX.

    A word at the cut is left out whole, because the begin of a secret is not known for one; not one longer than any.
    """
    text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    if len(text) <= VALUE_CHARACTERS_MAX:
        return text
    cut = _WORD_AT_THE_END.sub("", text[: VALUE_CHARACTERS_MAX - len(CUT)])
    return f"{cut}{CUT}"


def _shown(value: object) -> str:
    text = plain(value)
    return f'"{text}"' if " " in text else text
