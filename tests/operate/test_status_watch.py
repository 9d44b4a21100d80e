"""What a run remembers, and what it shows where it was started."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio

from dnbot.domain.messages import Alert, ExecutionClosed, MetricSampled, ModeChanged, StateChanged
from dnbot.operate.face import PlainFace
from dnbot.operate.screen import Screen, face_for, is_picture
from dnbot.operate.status import Status, market_line, tree_lines
from dnbot.operate.watch import ALERTS_KEPT, EXECUTIONS_KEPT, WARNING_CHARACTERS_MAX, WARNINGS_KEPT, Watch
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog

pytestmark = pytest.mark.slow


def alert(number: int) -> Alert:
    """An alert that says its number."""
    return Alert(level="info", key=str(number), text=f"number {number}", at_ns=number)


def closed(number: int) -> ExecutionClosed:
    """An execution with its number as id."""
    return ExecutionClosed(
        execution_id=str(number), pair_name="P", purpose="entry", status="complete", bought=Decimal(1), sold=Decimal(1),
        gross_quote=Decimal(0), fees_quote=Decimal(0), net_quote=Decimal(0), estimate_net_quote=Decimal(0),
        residual_base=Decimal(0), started_at_ns=0, ended_at_ns=0, naked_ms=0, ambiguous=False, delta_base=Decimal(0),
        spot_base=Decimal(0), perp_base=Decimal(0),
    )


def test_only_the_newest_are_remembered() -> None:
    """Alerts, executions and warnings are bounded, newest last."""
    watch = Watch()
    for number in range(100):
        watch.take(alert(number))
        watch.take(closed(number))
        watch.take(MetricSampled("x", 1.0, 0))
    assert [a.key for a in watch.alerts] == [str(n) for n in range(100 - ALERTS_KEPT, 100)]
    assert [e.execution_id for e in watch.executions] == [str(n) for n in range(100 - EXECUTIONS_KEPT, 100)]


async def test_whoever_waits_is_woken_by_state_and_mode_alone(autojump_clock: trio.testing.MockClock) -> None:
    """A change of state or mode wakes; an alert does not."""
    watch, woken = Watch(), []
    mode = ModeChanged(from_mode="ACTIVE", to_mode="HALTED", why="w", by="b", at_ns=1)
    state = StateChanged(sequence=1, from_state="A", to_state="B", trigger="T", why="", at_ns=1)

    async def wait() -> None:
        await watch.moved()
        woken.append(trio.current_time())

    for record, wakes in ((alert(1), False), (mode, True), (state, True)):
        woken.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            watch.take(record)
            await trio.testing.wait_all_tasks_blocked()
            assert bool(woken) is wakes, record
            nursery.cancel_scope.cancel()
    assert watch.mode_changed is mode


async def test_warnings_of_the_log_are_remembered_redacted_and_short(autojump_clock: trio.testing.MockClock) -> None:
    """Lines from warning up, without the alerts that are shown as such; no more than a few, none endless."""
    watch = Watch()
    log = EventLog(VirtualClock(0), [watch])
    for number in range(20):
        log.info("fine", n=number)
        log.warning("child_failed", n=number, what="x" * 1000)
        log.warning("alert", text="shown elsewhere")
    log.flush_now()
    assert len(watch.warnings) == WARNINGS_KEPT
    assert all(line.startswith("child_failed n=") for line in watch.warnings)
    assert all(len(line) <= WARNING_CHARACTERS_MAX for line in watch.warnings)


async def test_an_alert_is_remembered_though_the_database_is_away(autojump_clock: Any, manned: Any) -> None:
    """What tells of a lost store is seen by people even when it cannot be stored."""
    async with manned() as bot:
        bot.store.down = True
        with trio.move_on_after(30):
            while not any(one.key == "store" for one in bot.watch.alerts):
                await bot.watch.moved()
        assert any(one.key == "store" for one in bot.report().alerts)
        bot.store.down = False


async def test_this_run_is_told_apart_from_the_ledger(autojump_clock: Any, manned: Any) -> None:
    """Profit of this run is what came since its start, in each part."""
    async with manned(runs=False) as bot:
        assert bot.report().this_run.realised_quote == 0
        fields = {"spread_quote": Decimal(7), "fees_quote": Decimal(3), "funding_quote": Decimal(1)}
        portfolio = msgspec.structs.replace(bot.bot.context.portfolio, **fields)
        bot.bot.strategist.context = msgspec.structs.replace(bot.bot.context, portfolio=portfolio)
        run = bot.report().this_run
        assert (run.spread_quote, run.fees_quote, run.funding_quote, run.realised_quote) == (7, 3, 1, 5)


def test_a_simulated_market_is_called_so() -> None:
    """In sim the line says NOT A REAL MARKET with its figures; live has no such line."""
    assert "NOT A REAL MARKET" in market_line("sim", {"name": "lively", "deviation_bps": 45})
    assert "deviation_bps 45" in market_line("sim", {"name": "lively", "deviation_bps": 45})
    assert market_line("live", {"name": "live"}) == ""
    assert market_line("paper", {"name": "paper", "note": "so it is"}) == "PAPER, NO REAL TRADE: so it is"


async def test_the_tree_shows_every_task_below_its_parent() -> None:
    """Children are indented below their parent, in the order of their names."""
    task = trio.lowlevel.current_task()
    async with trio.open_nursery() as nursery:
        for name in ("b", "a"):
            nursery.start_soon(trio.sleep_forever, name=name)
        lines = tree_lines(task)
        assert [line.strip() for line in lines[1:]] == ["a", "b"]
        assert all(line.startswith("  ") for line in lines[1:])
        nursery.cancel_scope.cancel()


# --- faces


async def test_plain_lines_come_once_a_second(
    lively: Status, autojump_clock: trio.testing.MockClock
) -> None:
    """One status line a second, whatever it is written to; sentences at once."""
    stream = io.StringIO()
    face = PlainFace(stream)
    face.say("hello\nthere\x1b[2J")
    with trio.move_on_after(3.5):
        await face.run(lambda: lively)  # type: ignore[arg-type]  # any callable that gives a status will do here
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["hello", "there\\x1b[2J"]
    assert len(lines) == 5
    assert all(line.startswith("MONITORING_SPREADS") for line in lines[2:])


def test_a_pager_that_nobody_scrolls_never_stops_the_bot() -> None:
    """A full pipe loses lines and counts them; a closed one is not written to again."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        face = PlainFace(stream)
        for _ in range(2000):
            face.say("x" * 100)
        assert face.lost > 0
        os.close(reader)
        face.say("into the void")
        assert face.gone
        face.say("again")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal of 100 columns and 30 rows: the person's, and the program's."""
    person, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    yield person, program
    for descriptor in (person, program):
        with suppress(OSError):
            os.close(descriptor)


def reopened(program: int) -> int:
    """The program's end with a description of its own, as `face_for` opens it."""
    return os.open(os.ttyname(program), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)


async def test_on_a_terminal_the_picture_is_drawn_and_given_back(lively: Status, terminal: tuple[int, int]) -> None:
    """Frames with the state come, a sentence appears, and at the end the cursor is shown again."""
    person, program = terminal
    screen = Screen(reopened(program))
    screen.say("[bold]a sentence[/]")
    read = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(screen.run, lambda: lively)
        with trio.fail_after(60):
            while b"MONITORING_SPREADS" not in read or b"a sentence" not in read:
                await trio.lowlevel.wait_readable(person)
                read += os.read(person, 65536)
        nursery.cancel_scope.cancel()
    os.set_blocking(person, False)
    with suppress(BlockingIOError):
        while chunk := os.read(person, 65536):
            read += chunk
    assert b"[bold]a sentence[/]" in read
    assert read.rindex(b"\x1b[?25h") > read.rindex(b"\x1b[?25l")
    assert os.get_blocking(program)  # the shell's own description is as it was


async def test_a_terminal_that_stands_still_stops_nobody(lively: Status, terminal: tuple[int, int]) -> None:
    """With nobody reading, other tasks go on, and the end comes within its deadline."""
    _, program = terminal
    screen = Screen(reopened(program))
    termios.tcflow(program, termios.TCOOFF)  # what Ctrl-S does
    beats = 0
    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(screen.run, lambda: lively)
        for _ in range(50):
            await trio.testing.wait_all_tasks_blocked(0.001)
            beats += 1
        assert screen.frames == 0
        nursery.cancel_scope.cancel()
    assert beats == 50
    assert trio.current_time() - began_s < 60


async def test_a_terminal_that_is_gone_ends_the_picture_only(lively: Status, terminal: tuple[int, int]) -> None:
    """A hung-up terminal makes `run` return; nothing is raised."""
    person, program = terminal
    screen = Screen(reopened(program))
    os.close(person)
    with trio.fail_after(60):
        await screen.run(lambda: lively)  # type: ignore[arg-type]  # any callable that gives a status will do here


def test_a_picture_is_for_terminals(terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines for a pipe, a dumb terminal and on request; the picture otherwise."""
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(face_for(io.StringIO(), plain=False), PlainFace)
    with open(os.dup(terminal[1]), "w", encoding="utf-8") as stream:
        assert is_picture(stream, plain=False)
        assert not is_picture(stream, plain=True)
        screen = face_for(stream, plain=False)
        assert isinstance(screen, Screen)
        os.close(screen.descriptor)
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(face_for(stream, plain=False), PlainFace)
