"""One short repetition of some drills: the bot as a process, on fakes over TLS, with a database of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from postgres_here import why_not

from dnbot.lab.drills import EXIT_PASSED, DrillOptions, Report, chaos, run_drills

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
async def test_a_killed_bot_and_a_killed_session(tmp_path: Path) -> None:
    """After SIGKILL, and after a private socket was cut: intents first, reads before creates, own orders gone, foreign
    ones alive, the books closed to the last digit, trading again, and no process left."""
    lines: list[str] = []
    path = tmp_path / "drill.json"
    options = DrillOptions(only=("sigkill", "private_kill"), repeat=1, seed=1, json=path)
    assert await run_drills(options, lines.append) == EXIT_PASSED, "\n".join(lines)
    report = msgspec.json.decode(path.read_bytes(), type=Report)
    assert [(result.fault, result.passed) for result in report.results] == [("sigkill", True), ("private_kill", True)]
    for result in report.results:
        assert all(count >= 3 for count in result.resting.values()), result
        assert result.trading_again_s is not None
    assert "1/1" in lines[-1]


@pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
async def test_a_line_that_is_cut_and_a_disk_that_cannot_be_filled(tmp_path: Path) -> None:
    """The bot trades through a proxy, and again after all connections of one line were reset; what cannot be done here
    is counted as skipped, and fails nothing."""
    lines: list[str] = []
    path = tmp_path / "drill.json"
    lane = chaos(on_small_disk=False)
    options = DrillOptions(lane, only=("proxy_cut", "database_disk_full"), repeat=1, seed=1, json=path)
    assert await run_drills(options, lines.append) == EXIT_PASSED, "\n".join(lines)
    report = msgspec.json.decode(path.read_bytes(), type=Report)
    cut, full = sorted(report.results, key=lambda result: bool(result.skipped))
    assert (cut.fault, cut.passed, full.fault, full.passed) == ("proxy_cut", True, "database_disk_full", False)
    assert isinstance(cut.detail["cut"], int)
    assert cut.detail["cut"] > 0
    assert lines[-1].endswith("skipped 1: database_disk_full 1: no disk of its own for the database")
