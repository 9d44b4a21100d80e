"""Options that the commands which play a recording share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from dnbot.ports.clock import SystemClock
from dnbot.research.command_options import market_options


def begin_of(text: str) -> tuple[Result, datetime | None]:
    """What `--from` is read as."""
    given: dict[str, Any] = {}
    command = click.command()(market_options(lambda **wanted: given.update(wanted)))
    return CliRunner().invoke(command, ["--data", "x", "--from", text]), given.get("begin")


@pytest.mark.parametrize(("text", "begin"), [
    ("2026-11-29T14:00", datetime(2026, 11, 29, 14, tzinfo=UTC)),
    ("2026-11-29T14:00Z", datetime(2026, 11, 29, 14, tzinfo=UTC)),
    ("2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
    ("2026-11-29 14:00:30", datetime(2026, 11, 29, 14, 0, 30, tzinfo=UTC)),
    ("2026-11-29T14:00:30.250", datetime(2026, 11, 29, 14, 0, 30, 250_000, tzinfo=UTC)),
])  # fmt: skip
def test_a_beginning_is_a_moment_as_other_commands_take_it(text: str, begin: datetime) -> None:
    """As their documents write it, to the minute too, in UTC."""
    assert begin_of(text)[1] == begin


def test_a_beginning_may_be_so_long_ago() -> None:
    """As for `dnbot record cut`."""
    begin = begin_of("24h")[1]
    assert begin is not None
    assert abs(SystemClock().now_ns() / 1e9 - begin.timestamp() - 24 * 3600) < 300


def test_what_is_no_moment_is_refused() -> None:
    """With what is one."""
    ended, begin = begin_of("yesterday")
    assert (ended.exit_code, begin) == (2, None)
    assert "'yesterday' is neither a moment in UTC such as 2026-11-29T14:00" in " ".join(ended.output.split())
