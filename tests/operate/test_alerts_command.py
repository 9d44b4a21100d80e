"""`dnbot alerts` in words: what is open, how telling goes, what is stored; nothing of a text acts on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.monitor.book import OpenAlert
from dnbot.operate import alerts, alerts_command
from dnbot.operate.alert_words import AlertsStanding
from dnbot.operate.alerts import AlertList, StoredAlert, alerts_text

OPEN = OpenAlert(level="critical", key="naked", text="long\x1b[2J", since_ns=10**9, last_ns=10**9, told="critical")
STORED = StoredAlert(at=datetime(2026, 11, 29, 18, 0, 1, tzinfo=UTC), level="info", key="naked", text="resolved\x07")


def test_everything_is_said_in_lines() -> None:
    """Open alerts with their age and whether people know, counts of notices, stored rows; control signs are visible."""
    standing = AlertsStanding(open=(OPEN,), services=2, sent=3, failed=1, dropped=4, waiting=5, heartbeats=6)
    text = alerts_text(AlertList(now_ns=43 * 10**9, standing=standing, stored=(STORED,)))
    assert text.splitlines() == [
        "open:",
        "  critical  naked for 42 s, told as critical: long\\x1b[2J",
        "2 services: 3 notices told, 1 not, 4 dropped, 5 waiting; heartbeats 6",
        "stored:",
        "  2026-11-29 18:00:01Z  info      naked: resolved\\x07",
    ]


def test_without_a_bot_and_without_alerts() -> None:
    """It says what is not known, and what there is none of."""
    assert alerts_text(AlertList(now_ns=0, standing=None, stored=())).splitlines() == [
        "no bot runs here: what is open is not known", "stored: none",
    ]
    quiet = alerts_text(AlertList(now_ns=0, standing=AlertsStanding(), stored=())).splitlines()
    assert quiet[0] == "open: none"
    assert quiet[1].endswith("heartbeats not configured")


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """--since is read, --json has the same, and a stretch that is none is refused."""
    asked: list[Any] = []

    async def listed(_settings: Any, since: Any) -> AlertList:
        asked.append(since)
        return AlertList(now_ns=7, standing=None, stored=(STORED,))

    monkeypatch.setattr(alerts_command, "list_alerts", listed)
    shown = CliRunner().invoke(commands, ["alerts", "--since", "2h", "--json"])
    assert shown.exit_code == 0, shown.output
    assert asked[0].total_seconds() == 7200
    assert msgspec.json.decode(shown.output, type=AlertList).stored == (STORED,)
    assert CliRunner().invoke(commands, ["alerts", "--since", "soon"]).exit_code == 2


def test_services_are_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """--test names each service by its number and ends with 1 when one was not told; without services with 2."""
    sent: list[Any] = []

    class Tried:
        services = 2

        def __init__(self, urls: Any) -> None:
            assert [url.reveal() for url in urls] == ["json://one.example", "json://two.example"]

        async def send(self, message: Any) -> list[int]:
            sent.append(message)
            return [1]

        async def aclose(self) -> None:
            pass

    monkeypatch.setattr(alerts, "AppriseProcess", Tried)
    monkeypatch.setenv("ALERT_URLS", "json://one.example json://two.example")
    config = tmp_path / "alerts.toml"
    config.write_text(
        'mode = "sim"\n[strategy]\nsymbol = "BTC/USDT"\nbase_position_size = "0.02"\nmax_order_notional_quote = "500"\n'
        '[alerts]\nurls = "ALERT_URLS"\n'
    )
    tried = CliRunner().invoke(commands, ["alerts", "--test", "--config", str(config)])
    assert tried.exit_code == 1
    assert tried.output.splitlines() == ["service 1: told", "service 2: NOT told"]
    assert sent[0].to == [0, 1]
    assert CliRunner().invoke(commands, ["alerts", "--test"]).exit_code == 2
