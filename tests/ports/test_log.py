"""The log: order, limits, redaction at the last hop, and nothing that can stop the bot."""

from __future__ import annotations

import base64
import io
import logging
import os
import pty
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.ports.clock import SystemClock, VirtualClock
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.log import ERRORS_EXTRA, EventLog, stdlib_logging
from dnbot.ports.log_sinks import FileSink, Line, MemorySink, TerminalSink
from dnbot.ports.redaction import Redactor

CANARY = "canary/Sec+ret=0123456789"


class OrderSent(msgspec.Struct, gc=False):
    """A declared event."""

    venue: str
    price: Decimal


def log_with(
    *secrets: str, lines_max: int = 1000, clock: SystemClock | VirtualClock | None = None
) -> tuple[EventLog, MemorySink]:
    """A log that writes to memory and knows those secrets."""
    registry, sink = SecretRegistry(), MemorySink()
    for secret in secrets:
        registry.add(Secret(secret))
    return EventLog(clock or SystemClock(), [sink], Redactor(registry), lines_max=lines_max), sink


def text_of(*lines: Line, secrets: Sequence[str] = ()) -> str:
    """What a terminal shows for those lines."""
    registry, stream = SecretRegistry(), io.StringIO()
    for secret in secrets:
        registry.add(Secret(secret))
    TerminalSink(stream, Redactor(registry), level_min="debug").write(lines, b"")
    return stream.getvalue()


async def test_events_are_written_in_order_with_time_level_and_fields(autojump_clock: MockClock) -> None:
    """Declared and free events share one shape, in the order of the calls; decimals are exact strings."""
    log, sink = log_with(clock=VirtualClock(10**18))
    log.log(OrderSent("gate", Decimal("1.10")))
    await trio.sleep(1)
    log.warning("feed_stale", venue="mexc", age_ms=5.5)
    log.flush_now()
    assert sink.lines == [
        {"ts_ns": 10**18, "level": "info", "event": "OrderSent", "data": {"venue": "gate", "price": "1.10"}},
        {"ts_ns": 10**18 + 10**9, "level": "warning", "event": "feed_stale", "data": {"venue": "mexc", "age_ms": 5.5}},
    ]
    assert log.statistics().written == 2


async def test_drain_writes_soon_and_flushes_when_cancelled(autojump_clock: MockClock) -> None:
    """The task writes within its period, and what is pending when it is cancelled is still written."""
    log, sink = log_with(clock=VirtualClock(0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.drain)
        await trio.sleep(1.05)
        log.info("first")
        await trio.sleep(0.1)
        assert sink.named("first") == [{}]
        log.info("last")
        nursery.cancel_scope.cancel()
    assert sink.named("last") == [{}]


def test_full_ring_drops_and_counts_and_says_so() -> None:
    """Above the limit lines are dropped and counted, errors are kept longer, and the log itself tells."""
    log, sink = log_with(lines_max=10)
    for number in range(30):
        log.info("n", number=number)
        log.log(OrderSent("gate", Decimal(number)))
    log.error("bad")
    log.flush_now()
    assert [line["event"] for line in sink.lines] == ["n", "OrderSent"] * 5 + ["bad", "log_lines_dropped"]
    assert sink.named("log_lines_dropped") == [{"lines": 50, "limit": 10}]
    assert log.statistics().dropped == 50


def test_the_least_important_lines_are_dropped_first() -> None:
    """Debug lines above three quarters, the others above the limit; errors a little later, critical lines never."""
    log, sink = log_with(lines_max=100)
    for number in range(80):
        log.debug("debug", number=number)
    for level in ("info", "warning"):
        for number in range(20):
            log.append(level, level, {"number": number})
    for number in range(ERRORS_EXTRA + 5):
        log.error("error", number=number)
    for number in range(50):
        log.critical("critical", number=number)
    assert log.statistics().dropped == 5 + 15 + 5
    log.flush_now()
    kept = {name: len(sink.named(name)) for name in ("debug", "info", "warning", "error", "critical")}
    assert kept == {"debug": 75, "info": 20, "warning": 5, "error": ERRORS_EXTRA, "critical": 50}


def test_nothing_is_lost_below_the_limit() -> None:
    """As many lines as the ring holds are all written."""
    log, sink = log_with(lines_max=5000)
    for number in range(5000):
        log.info("n", number=number)
    log.flush_now()
    assert [line["data"]["number"] for line in sink.lines] == list(range(5000))


@pytest.mark.parametrize(
    "form", [CANARY, quote(CANARY, safe=""), base64.b64encode(f"user:{CANARY}".encode()).decode(), repr(CANARY)]
)
def test_known_secret_is_removed_in_every_form(form: str) -> None:
    """Planted in a field, a name, an exception or a struct, in any encoding, the secret reaches no sink."""
    log, sink = log_with(CANARY)
    log.info("x", url=f"wss://host/ws?listenKey={form}&x=1", nested=[{form: 1}], error=ValueError(form))
    log.log(OrderSent(form, Decimal(1)))
    log.info(form, secret=Secret(CANARY))
    log.flush_now()
    shown = text_of(Line(0, "info", form, {"a": form}), secrets=[CANARY])
    for text in (sink.encoded.decode(), shown):
        assert form not in text
        assert "0123456789" not in text
        assert "***" in text
    assert log.statistics().redactions >= 4


@pytest.mark.parametrize(
    "text",
    [
        "{'KEY': 'LEAK', 'SIGN': 'LEAK', 'Timestamp': '1'}",
        "[(b'KEY', b'LEAK'), (b'X-MEXC-APIKEY', b'LEAK')]",
        "x-mexc-apikey: LEAK",
        "GET /api/v3/order?symbol=BTCUSDT&signature=LEAK HTTP/1.1",
        "wss://wbs-api.mexc.com/ws?listenKey=LEAK",
        '{"listenKey":"LEAK"}',
        "KEY: LEAK\r\nSIGN: LEAK",
        "postgresql://dnbot:LEAK@localhost:5432/dnbot",
        "host=x password=LEAK dbname=y",
        "password='LEAK'",
    ],
)
def test_unknown_secret_is_removed_by_its_name(text: str) -> None:
    """What follows the name of a secret is removed although nobody registered it, in JSON and in text."""
    log, sink = log_with()
    log.info("x", text=text)
    log.flush_now()
    assert "LEAK" not in sink.encoded.decode()
    assert "LEAK" not in text_of(Line(0, "info", "x", {"text": text}))
    assert len(sink.lines) == 1, "the line is still valid JSON"


def test_ordinary_words_are_not_removed() -> None:
    """Names that merely contain the words of secrets stay readable."""
    log, sink = log_with()
    log.info("alert", key="feed-stale-gateio", design="a", monkey="b", url="https://api.gateio.ws/api/v4/spot/time")
    log.flush_now()
    assert sink.named("alert") == [
        {"key": "feed-stale-gateio", "design": "a", "monkey": "b", "url": "https://api.gateio.ws/api/v4/spot/time"}
    ]


@given(st.text(max_size=50), st.text(max_size=20))
def test_whatever_text_comes_from_outside_stays_one_line(text: str, name: str) -> None:
    """No text breaks the line, moves the cursor or re-orders the screen; in JSON it survives unchanged."""
    log, sink = log_with()
    log.info(name, text=text, number=1)
    log.flush_now()
    encodable = text.encode(errors="ignore").decode() == text and name.encode(errors="ignore").decode() == name
    assert len(sink.lines) == 1
    if encodable and "***" not in sink.encoded.decode():
        assert sink.lines[0]["data"]["text"] == text
    for shown in (text_of(Line(0, "info", name, {"text": text})), sink.encoded.decode()):
        assert shown.count("\n") == 1
        assert shown.endswith("\n")
        body = shown[:-1]
        assert not [char for char in body if char < " " or "\x7f" <= char <= "\x9f" or char in "\u202e\u2066\u2028"]


def test_terminal_escape_is_shown_not_obeyed() -> None:
    """An escape sequence from a venue is printed as characters."""
    assert "\\x1b[31mred\\x0a2026 ERROR fake" in text_of(Line(0, "info", "x", {"text": "\x1b[31mred\n2026 ERROR fake"}))


def test_text_form_is_readable() -> None:
    """Time in UTC with milliseconds, level, event and fields, values with spaces quoted."""
    line = Line(
        1_767_268_800_123_456_789, "warning", "feed_stale", {"venue": "mexc", "why": "no data", "x": Decimal("1.50")}
    )
    assert text_of(line) == '2026-01-01T12:00:00.123Z WARNING  feed_stale venue=mexc why="no data" x=1.50\n'


@pytest.mark.parametrize(
    "value", [10**40, "\ud800", object(), {1: {2}}, float("nan"), b"\xff", ValueError("v"), [[[]]] * 3]
)
def test_value_that_json_does_not_know_costs_nobody_their_line(value: object) -> None:
    """A strange value is written somehow, and its neighbours in the batch as usual."""
    log, sink = log_with()
    log.info("before")
    log.info("strange", value=value)
    log.info("after")
    log.flush_now()
    assert [line["event"].strip("'") for line in sink.lines] == ["before", "strange", "after"]


def test_file_is_private_appended_and_rotated(tmp_path: Path) -> None:
    """The file has mode 0600, survives a restart, and turns over by size into a bounded number of files."""
    path = tmp_path / "logs" / "bot.jsonl"
    for run in range(2):
        log = EventLog(SystemClock(), [FileSink(path)])
        log.info("started", run=run)
        log.close()
    assert [msgspec.json.decode(line)["data"]["run"] for line in path.read_bytes().splitlines()] == [0, 1]
    assert path.stat().st_mode & 0o777 == 0o600
    sink = FileSink(path, bytes_max=500, files_max=3)
    log = EventLog(SystemClock(), [sink])
    for number in range(40):
        log.info("n", number=number)
        log.flush_now()
    log.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["bot.jsonl", "bot.jsonl.1", "bot.jsonl.2"]
    assert all(file.stat().st_size <= 500 for file in path.parent.iterdir())
    newest = path.read_bytes().splitlines()[-1]
    assert msgspec.json.decode(newest)["data"]["number"] == 39
    assert sink.rotations > 3


def test_sink_that_fails_is_counted_and_others_go_on() -> None:
    """A full disk loses the file's lines, counted, and neither raises nor silences the other sinks."""

    class FullDisk:
        def write(self, lines: Sequence[Line], encoded: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            """Nothing."""

    memory = MemorySink()
    log = EventLog(SystemClock(), [FullDisk(), memory])
    log.info("x")
    log.flush_now()
    assert memory.named("x") == [{}]
    assert log.statistics().lost_by_sinks == 1


def test_stuck_pipe_loses_lines_instead_of_stopping_us() -> None:
    """A terminal whose reader has stopped takes what fits; the rest is counted, and the call returns."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        sink = TerminalSink(stream, Redactor(SecretRegistry()))
        for _ in range(100):
            sink.write([Line(0, "info", "x", {"text": "y" * 5000})], b"")
        assert sink.lost > 0
        os.close(reader)
        lost = sink.lost
        sink.write([Line(0, "info", "x", {})], b"")
        assert sink.lost == lost + 1


def test_terminal_shows_from_its_level_up() -> None:
    """Lines below the level are not shown on a real terminal device either."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        sink = TerminalSink(stream, Redactor(SecretRegistry()), level_min="warning")
        sink.write([Line(0, "info", "quiet", {}), Line(0, "error", "loud", {})], b"")
        assert os.read(leader, 1000) == b"1970-01-01T00:00:00.000Z ERROR    loud\r\n"
    os.close(leader)


def test_stdlib_logging_is_routed_redacted_and_restored() -> None:
    """Library records come in with level, name and trace; outside the block everything is as before."""
    log, sink = log_with(CANARY)
    handlers_before = logging.getLogger().handlers[:]
    with stdlib_logging(log):
        logging.getLogger("asyncio").warning("lost %s", CANARY)
        logging.getLogger("asyncio").info("chatter")
        logging.getLogger("bad").error("%d", "not a number")
        try:
            raise ValueError(CANARY)
        except ValueError:
            logging.getLogger("x").exception("failed")
    log.flush_now()
    assert logging.getLogger().handlers == handlers_before
    first, second, third = sink.named("library")
    assert first == {"logger": "asyncio", "text": "lost ***"}
    assert "not a number" in second["text"]
    assert "ValueError: ***" in third["trace"]
    assert [line["level"] for line in sink.lines] == ["warning", "error", "error"]


def test_library_record_outside_trio_has_a_time() -> None:
    """With a virtual clock, a record from outside trio carries its own time instead of failing."""
    log, sink = log_with(clock=VirtualClock(0))
    with stdlib_logging(log):
        logging.getLogger("x").warning("early")
    log.flush_now()
    assert sink.lines[0]["ts_ns"] > 10**18


def test_calls_after_close_are_dropped_and_counted() -> None:
    """Closing writes the rest; later calls neither raise nor grow anything."""
    log, sink = log_with()
    log.info("x")
    log.close()
    log.error("late")
    assert sink.named("x") == [{}]
    assert (log.statistics().dropped, log.statistics().pending) == (1, 0)


@pytest.mark.parametrize("before", range(1960, 2001))
def test_the_begin_of_a_secret_does_not_stand_at_a_cut(before: int) -> None:
    """Wherever a long text ends: the word that does not fit is left out whole."""
    registry, sink = SecretRegistry(), MemorySink()
    registry.add(Secret(CANARY))
    log = EventLog(SystemClock(), [sink], Redactor(registry))
    log.warning("x", error=ValueError("y" * (before - 13) + " " + CANARY + " and more" * 10))
    log.flush_now()
    assert CANARY[:4] not in str(sink.lines)


def test_a_number_behind_a_name_leaves_json() -> None:
    """A coin called KEY: its amount is masked as a text; in a text of ours quotes stay escaped."""
    sink = MemorySink()
    log = EventLog(SystemClock(), [sink])
    held = {"KEY": 5, "SIGN": [1, 2], "password": {"a": None}, "apikey": None}
    log.append("warning", "x", {"held": held, "text": '{"KEY":5,"password":7}', "pair": ["KEY", 12]}, 0)
    log.flush_now()
    assert sink.named("x") == [{
        "held": {"KEY": "***", "SIGN": [1, 2], "password": {"a": None}, "apikey": "***"},
        "text": '{"KEY":***,"password":***}', "pair": ["KEY", "***"],
    }]
