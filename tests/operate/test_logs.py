"""`dnbot logs`: every line once, in order, across rotations; what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.operate.logs import LOG_FILE, LogReader, Wanted
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import FileSink

BASE_NS = 1_800_000_000 * 10**9


class Clock:
    """Goes on by a second with each line."""

    def __init__(self) -> None:
        self.lines = 0

    def now_ns(self) -> int:
        self.lines += 1
        return BASE_NS + self.lines * 10**9


def written(folder: Path, *, bytes_max: int = 10**6) -> EventLog:
    """A log in that state folder."""
    return EventLog(Clock(), [FileSink(folder / LOG_FILE, bytes_max=bytes_max)])  # type: ignore[arg-type]


def numbers(lines: list[str]) -> list[int]:
    """The `n` of lines that were asked for as JSON."""
    return [json.loads(line)["data"]["n"] for line in lines]


@pytest.mark.parametrize("bytes_max", [10**6, 400, 1])
def test_lines_are_shown_once_and_in_order_across_rotations(tmp_path: Path, bytes_max: int) -> None:
    """As many of the newest as are wanted, whatever files they are in."""
    log = written(tmp_path, bytes_max=bytes_max)
    for n in range(7):
        log.info("n", n=n)
        log.flush_now()
    log.close()
    path = tmp_path / LOG_FILE
    assert numbers(LogReader(path, Wanted(as_json=True)).newest()) == list(range(7))
    assert numbers(LogReader(path, Wanted(as_json=True, last=3)).newest()) == [4, 5, 6]
    assert numbers(LogReader(path, Wanted(as_json=True, last=0)).newest()) == list(range(7))


def test_level_event_and_age_choose(tmp_path: Path) -> None:
    """From a level up, of some events, and nothing older; together they all hold."""
    log = written(tmp_path)
    for n, tell in enumerate((log.debug, log.info, log.warning, log.error, log.critical)):
        tell("odd" if n % 2 else "even", n=n)
    log.close()
    path = tmp_path / LOG_FILE

    def found(**wanted: object) -> list[int]:
        return numbers(LogReader(path, Wanted(as_json=True, **wanted)).newest())  # type: ignore[arg-type]

    assert found() == [1, 2, 3, 4]
    assert found(level="debug") == [0, 1, 2, 3, 4]
    assert found(level="error") == [3, 4]
    assert found(events=("even",)) == [2, 4]
    assert found(events=("even", "odd"), level="warning") == [2, 3, 4]
    assert found(since_ns=BASE_NS + 4 * 10**9) == [3, 4]


def test_what_is_no_line_is_counted_and_left_out(tmp_path: Path) -> None:
    """A line that a crash cut, and others' text; a last line without its end is not there yet."""
    log = written(tmp_path)
    log.info("n", n=1)
    log.close()
    path = tmp_path / LOG_FILE
    with path.open("ab") as file:
        file.write(b'{"ts_ns":1,"level":"info","eve\nhello\n\xff\n{"ts_ns":1,"level":"loud","event":"x","data":{}}\n')
        file.write(b'{"ts_ns":1,"level":"info","event":"n","data":{"n":2}}')
    reader = LogReader(path, Wanted(as_json=True))
    assert numbers(reader.newest()) == [1]
    assert reader.unreadable == 4
    with path.open("ab") as file:
        file.write(b"\n")
    assert numbers(list(reader._more())) == [2]


@pytest.mark.parametrize("bytes_max", [10**6, 60, 150])
async def test_what_comes_is_followed_across_rotations(
    tmp_path: Path, bytes_max: int, autojump_clock: MockClock
) -> None:
    """Each line once, although files change their names between two looks."""
    log = written(tmp_path, bytes_max=bytes_max)
    log.info("n", n=0)
    log.flush_now()
    reader = LogReader(tmp_path / LOG_FILE, Wanted(as_json=True))
    assert numbers(reader.newest()) == [0]
    seen: list[str] = []

    async def look() -> None:
        async for line in reader.coming():
            seen.append(line)  # noqa: PERF401 (it does not end)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        for n in range(1, 6):
            log.info("n", n=n)
            log.flush_now()
            await trio.sleep(0.05)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    log.close()
    assert numbers(seen) == [1, 2, 3, 4, 5]


def test_without_a_log_the_file_is_named(tmp_path: Path) -> None:
    """Nobody ran here."""
    with pytest.raises(ConfigError, match=r"dnbot\.jsonl"):
        LogReader(tmp_path / LOG_FILE, Wanted()).newest()


def test_the_command_prints_text_or_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readable by default; a missing log is a sentence and the exit code of a configuration."""
    monkeypatch.setenv("DNBOT_HOME", str(tmp_path))
    missing = CliRunner().invoke(commands, ["logs"])
    assert (missing.exit_code, "no such file" in missing.output) == (2, True)
    log = EventLog(VirtualClock(BASE_NS), [FileSink(tmp_path / LOG_FILE)])
    log.append("warning", "feed_stale", {"venue": "mexc"}, BASE_NS)
    log.close()
    shown = CliRunner().invoke(commands, ["logs", "--level", "warning"])
    assert shown.output == "2027-01-15T08:00:00.000Z WARNING  feed_stale venue=mexc\n"
    raw = CliRunner().invoke(commands, ["logs", "--json", "--last", "0"])
    assert json.loads(raw.output)["event"] == "feed_stale"
    old = CliRunner().invoke(commands, ["logs", "--since", "1s"])
    assert old.exit_code == 0
