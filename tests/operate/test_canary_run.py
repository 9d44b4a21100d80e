"""`dnbot run` as a canary, as a process: the mode is lowered, told, and lowered again after a crash that lost it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from dnbot.config import load_settings
from dnbot.operate import backup
from dnbot.operate.report import reached_dsn

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
CONFIG = """\
mode = "sim"
profile = "canary"
[canary]
pairs_max = 1
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.003"
establish_slice_base = "0.003"
max_position_multiplier = "2"
max_order_notional_quote = "100"
max_daily_loss_quote = "20"
"""
LOST = (
    "with gone as (delete from trading_modes returning to_mode || ' by ' || changed_by as what) "
    "select string_agg(what, ', ') from gone"
)
"""A crash just before the mode was written down."""
ENTRIES = "select count(*) from order_intents where purpose = 'entry'"


def until_reduced(config: Path) -> list[str]:
    """Run until a status line says REDUCING, then end it cleanly; everything that it printed."""
    command = [sys.executable, "-P", "-m", "dnbot", "run", "--plain", "--web", "off", "--config", str(config)]
    command += ["--duration", "60s"]
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as bot:
        assert bot.stdout is not None
        for line in bot.stdout:
            if "REDUCING delta" in line and not any("REDUCING delta" in before for before in said):
                bot.terminate()  # once: a second time would shorten the deadline of the shutdown
            said.append(line)
    assert bot.returncode == 0, "".join(said[-20:])
    return said


def test_a_run_stops_after_its_pairs_and_a_crash_does_not_free_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The banner says so; the mode is REDUCING by `canary`, with an alert; and when that was lost before it was
    written, the next start lowers it before any entry."""
    config = tmp_path / "canary.toml"
    config.write_text(CONFIG)
    monkeypatch.setenv("DNBOT_HOME", str(tmp_path / "home"))

    async def ask(sql: str) -> str:
        async with reached_dsn(load_settings(config)) as dsn:
            return await backup._asked(backup._Database(dsn, is_external=False), sql)

    said = "".join(until_reduced(config))
    assert "a person must resume after 1 pairs" in said
    assert "critical key=mode:reducing" in said
    assert trio.run(ask, LOST) == "REDUCING by canary"
    before = trio.run(ask, ENTRIES)
    until_reduced(config)
    assert trio.run(ask, LOST) == "REDUCING by canary"
    assert trio.run(ask, ENTRIES) == before
