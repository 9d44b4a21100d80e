"""Loggers, each in a process of its own: a message with three fields to a file, timed per call and to the last line.

What they write differs: ours and structlog write the fields as JSON, NautilusTrader, stdlib and picologging format them
into a text, as their users do. structlog is set up as its page on performance says; `structlog, bare` also drops its
processors, and encodes with msgspec into a large buffer.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import tempfile
import time
from collections import deque
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import msgspec

from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import Credentials, Secret, SecretRegistry
from dnbot.ports.log import LINES_MAX, EventLog
from dnbot.ports.log_sinks import FileSink
from dnbot.ports.redaction import Redactor
from suite.figures import quantile
from suite.measuring import clock_ns

BURST = 100
IDLE_S = 0.001
FLOOD = 50_000
"""Lines logged before ours are written out: less than the ring holds. The bot's own drain also pauses in between."""
END_S_MAX = 60.0
TEXT = "quoted venue=%s price=%s update=%s"


class Quoted(msgspec.Struct, frozen=True, gc=False):
    """A declared event of three fields."""

    venue: str
    price: float
    update: int


@attrs.frozen
class Session:
    """A logger at work: `log(number)`, `settle` in idle moments, `finish` until everything is written."""

    log: Callable[[int], object]
    finish: Callable[[], object]
    settle: Callable[[], object] = lambda: None


def run(contender: str, calls: int, lines: int) -> dict[str, float]:
    """`p50` and `p99` of one call in µs, and `rate` in lines a second until the last of `lines` is in the file.

    Raises:
        RuntimeError: lines are missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = (CONTENDERS | FLOORS)[contender](Path(folder))
        called = _timed_calls(session, calls)
        session.settle()
        arrived = _Arrived(Path(folder))
        arrived.wait_for(calls)
        began_s = time.perf_counter()
        for first in range(0, lines, FLOOD):
            for number in range(first, min(first + FLOOD, lines)):
                session.log(number)
            session.settle()
        session.finish()
        arrived.wait_for(calls + lines)
        return {**called, "rate": lines / (time.perf_counter() - began_s)}


def losses() -> dict[str, float]:
    """Lines that ours lost below the ring's limit, and those above it that were lost without being counted."""
    with tempfile.TemporaryDirectory() as folder:
        log = _event_log(Path(folder))
        for number in range(LINES_MAX):
            log.info("quoted", venue="GATEIO_SPOT", price=60_000.1, update=number)
        below = log.statistics().dropped
        over = 1_000
        for number in range(over):
            log.info("quoted", venue="GATEIO_SPOT", price=60_000.1, update=number)
        log.close()
        written = sum(b'"event":"quoted"' in line for line in (Path(folder) / "log").read_bytes().splitlines())
        return {"below": LINES_MAX - written + below, "uncounted": over - (log.statistics().dropped - below)}


def _timed_calls(session: Session, calls: int) -> dict[str, float]:
    own_ns, now = clock_ns(), time.perf_counter_ns
    samples: list[float] = []
    for first in range(0, calls, BURST):
        for number in range(first, min(first + BURST, calls)):
            began = now()
            session.log(number)
            samples.append(now() - began)
        session.settle()
        time.sleep(IDLE_S)
    return {f"p{share:.0f}": max(0.0, quantile(samples, share / 100) - own_ns) / 1000 for share in (50, 99)}


@attrs.define
class _Arrived:
    """Counts the benchmark's lines in the one file of a folder, reading each byte once."""

    folder: Path
    lines: int = 0
    _read: int = 0

    def wait_for(self, lines: int) -> None:
        """Return when so many are there. Raises RuntimeError when they do not come."""
        until_s = time.perf_counter() + END_S_MAX
        while True:
            self._count()
            if self.lines >= lines:
                return
            if time.perf_counter() > until_s:
                raise RuntimeError(f"{self.lines} of {lines} lines arrived")
            time.sleep(IDLE_S)

    def _count(self) -> None:
        for path in self.folder.iterdir():
            with path.open("rb") as file:
                file.seek(self._read)
                whole, _, _ = file.read().rpartition(b"\n")
            self.lines += whole.count(b"GATEIO_SPOT")
            self._read += len(whole)


# --- ours
def _event_log(folder: Path) -> EventLog:
    secrets = SecretRegistry()
    secrets.add_credentials(Credentials(key=Secret("k" * 32), secret=Secret("s" * 64)))
    return EventLog(SystemClock(), [FileSink(folder / "log", bytes_max=2**40)], Redactor(secrets))


def _declared(folder: Path) -> Session:
    log = _event_log(folder)
    write = log.log
    return Session(lambda number: write(Quoted("GATEIO_SPOT", 60_000.1, number)), log.close, log.flush_now)


def _free(folder: Path) -> Session:
    log = _event_log(folder)
    info = log.info
    return Session(
        lambda number: info("quoted", venue="GATEIO_SPOT", price=60_000.1, update=number), log.close, log.flush_now
    )


# --- theirs
def _nautilus(folder: Path) -> Session:
    component = import_module("nautilus_trader.common.component")
    enums = import_module("nautilus_trader.common.enums")
    guard = [component.init_logging(
        level_stdout=enums.LogLevel.ERROR, level_file=enums.LogLevel.INFO, directory=str(folder), file_name="log",
    )]
    info = component.Logger("bench").info
    return Session(
        lambda number: info(f"quoted venue=GATEIO_SPOT price={60_000.1} update={number}"), guard.clear,
        component.flush_logger,
    )


def _stdlib(folder: Path) -> Session:
    return _queued(logging, logging.handlers, folder)


def _picologging(folder: Path) -> Session:
    return _queued(import_module("picologging"), import_module("picologging.handlers"), folder)


def _queued(library: Any, handlers: Any, folder: Path) -> Session:
    lines: queue.SimpleQueue[object] | queue.Queue[object] = queue.Queue(-1)
    sink = library.FileHandler(str(folder / "log"))
    sink.setFormatter(library.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    listener = handlers.QueueListener(lines, sink)
    logger = library.getLogger("bench")
    logger.setLevel(library.INFO)
    logger.propagate = False
    logger.addHandler(handlers.QueueHandler(lines))
    listener.start()
    return Session(lambda number: logger.info(TEXT, "GATEIO_SPOT", 60_000.1, number), listener.stop)


def _structlog(folder: Path) -> Session:
    structlog, orjson = import_module("structlog"), import_module("orjson")
    file = (folder / "log").open("wb")
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file),
    )
    return _structlog_session(structlog, file)


def _structlog_bare(folder: Path) -> Session:
    structlog = import_module("structlog")
    file = (folder / "log").open("wb", buffering=2**20)
    encode, now_ns = msgspec.json.Encoder().encode, SystemClock().now_ns

    def render(_: object, level: str, event: dict[str, object]) -> bytes:
        event["level"], event["ts"] = level, now_ns()
        return encode(event)

    class Buffered:
        """Lines to a file that is not flushed after each."""

        def msg(self, line: bytes) -> None:
            file.write(line + b"\n")

        info = msg

    structlog.configure(
        cache_logger_on_first_use=True, wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[render], logger_factory=lambda *_: Buffered(),
    )
    return _structlog_session(structlog, file)


def _structlog_session(structlog: Any, file: BinaryIO) -> Session:
    info = structlog.get_logger().bind().info
    return Session(
        lambda number: info("quoted", venue="GATEIO_SPOT", price=60_000.1, update=number), file.close, file.flush
    )


# --- nobody's: what any of them has to do
def _bare_declared(folder: Path) -> Session:
    keep, now_ns = _bare(folder)
    return Session(lambda number: keep.add((now_ns(), Quoted("GATEIO_SPOT", 60_000.1, number))), keep.end, keep.write)


def _bare_free(folder: Path) -> Session:
    keep, now_ns = _bare(folder)

    def info(event: str, **fields: object) -> None:
        keep.add((now_ns(), event, fields))

    return Session(
        lambda number: info("quoted", venue="GATEIO_SPOT", price=60_000.1, update=number), keep.end, keep.write
    )


@attrs.frozen
class _Bare:
    """A list in memory that is encoded and written at once."""

    file: BinaryIO
    add: Callable[[object], None]
    waiting: deque[object]
    encode: Callable[[object], bytes]

    def write(self) -> None:
        self.file.write(self.encode(self.waiting))
        self.file.flush()
        self.waiting.clear()

    def end(self) -> None:
        self.write()
        self.file.close()


def _bare(folder: Path) -> tuple[_Bare, Callable[[], int]]:
    waiting: deque[object] = deque()
    encode = msgspec.json.Encoder().encode_lines
    return _Bare((folder / "log").open("wb"), waiting.append, waiting, encode), time.time_ns


CONTENDERS: dict[str, Callable[[Path], Session]] = {
    "declared event": _declared,
    "free keywords": _free,
    "nautilus_trader": _nautilus,
    "stdlib": _stdlib,
    "structlog": _structlog,
    "structlog, bare": _structlog_bare,
    "picologging": _picologging,
}
OURS = ("declared event", "free keywords")
FLOORS: dict[str, Callable[[Path], Session]] = {"bare declared event": _bare_declared, "bare free keywords": _bare_free}
FLOOR_OF = "clock, container, msgspec, file"
"""What a line of Python that keeps and writes the same takes, without levels, limits, masking, rotation."""
