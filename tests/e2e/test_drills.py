"""One short repetition of two drills: the bot as a process, on fakes over TLS, with a database of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dnbot.domain.errors import ConfigError
from dnbot.lab.drills import EXIT_PASSED, DrillOptions, Report, run_drills
from dnbot.ports.postgres_binaries import find_binaries, run_as_allowed_user

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def why_not() -> str:
    """Why the database cannot run here, or nothing."""
    try:
        find_binaries()
        run_as_allowed_user()
    except ConfigError as error:
        return str(error)
    return ""


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
