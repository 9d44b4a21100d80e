"""The log: a call appends to a bounded ring; one trio task writes batches.

A call costs less than a microsecond and never waits; when the ring fills up, lines are dropped and counted, the least
important level first, and critical ones never. Secrets are removed from the finished bytes, after every formatter,
because that is the only place nothing can go round.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
import msgspec
import trio

from dnbot.ports.clock import Clock
from dnbot.ports.log_sinks import Level, Line, Sink, plain
from dnbot.ports.redaction import Redactor, escape_json

LINES_MAX = 65_536
BATCH_LINES = 1_000
PERIOD_S = 0.1
FLUSH_S_MAX = 2.0
DEBUG_SHARE = 0.75
"""Of the ring's limit: debug lines above it are dropped, so that a flood of them takes no other level's room."""
ERRORS_EXTRA = 1_024
"""Errors are kept so far above the limit. Critical lines, which nothing writes in numbers, are kept always."""
_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)  # UnicodeError is a ValueError


@attrs.frozen
class LogStatistics:
    """Counters since start, in lines except where named otherwise."""

    pending: int
    written: int
    written_bytes: int
    dropped: int
    lost_by_sinks: int
    redactions: int


class EventLog:
    """Typed events and free ones, in the order of the calls.

    Resource handling: run `drain` in a nursery that outlives the others; call `close` last. Safe to append to from
    other threads. Nothing raised by a sink reaches a caller: the batch is counted as lost by that sink.
    """

    def __init__(
        self,
        clock: Clock,
        sinks: Sequence[Sink],
        redactor: Redactor | None = None,
        *,
        lines_max: int = LINES_MAX,
        period_s: float = PERIOD_S,
    ) -> None:
        self._now_ns = clock.now_ns
        self._sinks = tuple(sinks)
        self._redactor = redactor or Redactor()
        self._ring: deque[Line] = deque()
        self._lines_max = lines_max
        self._roomy = int(lines_max * DEBUG_SHARE)
        self._period_s = period_s
        self._encoder = msgspec.json.Encoder(enc_hook=plain)
        self._written = self._written_bytes = self._dropped = self._lost = 0
        self._dropped_told = 0

    def log(self, event: msgspec.Struct, level: Level = "info") -> None:
        """Appends a declared event; its class name is the event's name."""
        if len(self._ring) >= self._roomy and not self._has_room(level):
            return
        self._ring.append(Line(self._now_ns(), level, type(event).__name__, event))

    def debug(self, event: str, /, **fields: object) -> None:
        """Appends a free event."""
        self.append("debug", event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Appends a free event."""
        self.append("info", event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Appends a free event."""
        self.append("warning", event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Appends a free event; when the ring is full, errors are kept a little longer."""
        self.append("error", event, fields)

    def critical(self, event: str, /, **fields: object) -> None:
        """Appends a free event that is never dropped: for what a person has to act on."""
        self.append("critical", event, fields)

    def append(self, level: Level, event: str, fields: dict[str, object], ts_ns: int | None = None) -> None:
        """Appends a free event whose fields are already a dict, which then belongs to the log; now, or at `ts_ns`."""
        if len(self._ring) >= self._roomy and not self._has_room(level):
            return
        self._ring.append(Line(self._now_ns() if ts_ns is None else ts_ns, level, event, fields))

    async def drain(self) -> None:
        """Writes what comes, until cancelled; then what is left, for at most FLUSH_S_MAX seconds."""
        try:
            while True:
                await self._write_all()
                await trio.sleep(self._period_s)
        finally:
            with trio.move_on_after(FLUSH_S_MAX, shield=True):
                await self._write_all()

    def flush_now(self) -> None:
        """Writes everything that is pending, without a checkpoint: for tests and for the last moment."""
        while self._write_batch():
            pass

    def close(self) -> None:
        """Writes the rest and closes the sinks. Calls after it are dropped and counted."""
        self.flush_now()
        self._lines_max = self._roomy = 0
        for sink in self._sinks:
            sink.close()
        self._sinks = ()

    def statistics(self) -> LogStatistics:
        """Counters for monitors and tests."""
        return LogStatistics(
            pending=len(self._ring),
            written=self._written,
            written_bytes=self._written_bytes,
            dropped=self._dropped,
            lost_by_sinks=self._lost,
            redactions=self._redactor.redactions,
        )

    def _has_room(self, level: Level) -> bool:
        """Whether a line of this level is kept by a ring that is no longer roomy; counts it when not."""
        pending, kept = len(self._ring), False
        if self._sinks:
            match level:
                case "debug":
                    kept = pending < self._roomy
                case "info" | "warning":
                    kept = pending < self._lines_max
                case "error":
                    kept = pending < self._lines_max + ERRORS_EXTRA
                case "critical":
                    kept = True
        self._dropped += not kept
        return kept

    async def _write_all(self) -> None:
        while self._write_batch():
            await trio.lowlevel.checkpoint()

    def _write_batch(self) -> bool:
        """Writes up to BATCH_LINES lines to every sink; False when there were none."""
        ring = self._ring
        lines = [ring.popleft() for _ in range(min(len(ring), BATCH_LINES))]
        if not lines:
            return False
        if self._dropped > self._dropped_told:
            lost = self._dropped - self._dropped_told
            self._dropped_told = self._dropped
            lines.append(
                Line(lines[-1].ts_ns, "warning", "log_lines_dropped", {"lines": lost, "limit": self._lines_max})
            )
        encoded = self._encode(lines)
        for sink in self._sinks:
            try:
                sink.write(lines, encoded)
            except OSError:  # a full disk must not stop trading; monitors watch the counter
                self._lost += len(lines)
        self._written += len(lines)
        self._written_bytes += len(encoded)
        return True

    def _encode(self, lines: Sequence[Line]) -> bytes:
        try:
            encoded = self._encoder.encode_lines(lines)
        except _UNENCODABLE:
            encoded = b"".join(self._encode_one(line) for line in lines)
        return escape_json(self._redactor.redact(encoded))

    def _encode_one(self, line: Line) -> bytes:
        try:
            encoded = self._encoder.encode(line)
        except _UNENCODABLE as error:
            instead: dict[str, object] = {"unencodable": ascii(line.data)[:2000], "why": ascii(error)[:200]}
            encoded = self._encoder.encode(Line(line.ts_ns, line.level, ascii(line.event), instead))
        return encoded + b"\n"


class StdlibHandler(logging.Handler):
    """Brings what libraries write to stdlib `logging` into the log, as events named `library`."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name, "text": _message(record)}
        if record.exc_info:
            fields["trace"] = logging.Formatter().formatException(record.exc_info)
        try:
            self._log.append(_level(record.levelno), "library", fields)
        except RuntimeError:  # virtual time does not exist outside trio, where threads and start-up code are
            self._log.append(_level(record.levelno), "library", fields, round(record.created * 1e9))


@contextmanager
def stdlib_logging(log: EventLog, level: Level = "warning") -> Iterator[None]:
    """Inside the block the root logger of stdlib `logging` writes to the log, from that level up; then as before."""
    root, handler = logging.getLogger(), StdlibHandler(log)
    before_level, before_handlers = root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.handlers[:] = before_handlers
        root.setLevel(before_level)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError) as error:  # a library's own mistake in its format
        return f"{record.msg!r} % {record.args!r} ({error})"


def _level(number: int) -> Level:
    if number >= logging.CRITICAL:
        return "critical"
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
