"""The life of a task by commands alone, on a real database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.ports.postgres_migrate import status
from dnbot.resources import db_dir

pytestmark = pytest.mark.slow

CONFIG = """
mode = "live"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.02"
max_order_notional_quote = "500"
max_daily_loss_quote = "50"
"""


def test_limits_are_set_shown_and_taken_away(postgres_server: Any) -> None:
    """What is named is set and the rest stays; `none` takes one away; the fleet's status tells where it stands."""
    dsn = trio.run(postgres_server.migrated)

    def run(*words: str) -> Any:
        return CliRunner().invoke(commands, words, env={"DNBOT_FLEET_DSN": dsn})

    def limits(*words: str) -> list[str | None]:
        return [one["limit"] for one in json.loads(run("fleet", *words, "--json").output)["figures"]]

    assert limits("limits", "show") == [None, None, None]
    assert limits("limits", "set", "--gross", "50000.5", "--day-loss", "500", "--why", "x") == ["50000.5", None, "500"]
    assert limits("limits", "set", "--gross", "none", "--margin", "7", "--why", "x") == [None, "7", "500"]
    assert limits("limits", "show") == [None, "7", "500"]
    assert "below every limit of the fleet" in run("fleet", "limits", "show").output
    assert json.loads(run("fleet", "status", "--json").output)["risk"]["denial"] == ""
    for words, told in (
        (("--gross", "-1"), "--gross: found '-1'; allowed: a number above 0, or none"),
        (("--day-loss", "NaN"), "--day-loss"), ((), "--gross, --margin or --day-loss"),
    ):
        refused = run("fleet", "limits", "set", *words, "--why", "x")
        assert (refused.exit_code, told in refused.output) == (2, True), refused.output


def test_a_task_is_added_seen_stopped_and_removed(postgres_server: Any, tmp_path: Path) -> None:
    """Each command tells what it did; a second task on the same accounts is refused with the other's name."""
    dsn = trio.run(postgres_server.migrated)
    (tmp_path / "btc.toml").write_text(CONFIG)
    (tmp_path / "eth.toml").write_text(CONFIG.replace("BTC", "ETH"))

    def run(*words: str) -> Any:
        return CliRunner().invoke(commands, words, env={"DNBOT_FLEET_DSN": dsn})

    added = run("task", "add", "btc", "--config", str(tmp_path / "btc.toml"), "--weight", "2")
    assert added.output == "added btc: BTC/USDT, mode live, on gate:GATE_API_KEY, mexc:MEXC_API_KEY\n"
    clash = run("task", "add", "eth", "--config", str(tmp_path / "eth.toml"))
    assert clash.exit_code == 2
    assert "account gate:GATE_API_KEY belongs to task btc" in clash.output
    (task,) = json.loads(run("task", "list", "--json").output)
    assert (task["task"], task["weight"], task["state"], task["lease_left_s"]) == ("btc", 2, "created", None)
    assert json.loads(run("fleet", "status", "--json").output)["without_holder"] == ["btc"]
    assert json.loads(run("task", "show", "btc", "--json").output)["settings"] == CONFIG
    assert json.loads(run("task", "pause", "btc", "--why", "x", "--json").output)["desired"] == "paused"
    stopped = run("task", "stop", "btc", "--why", "not yet")
    assert stopped.output == "btc is to be stopped; it is stopped, and nobody holds it\n"
    assert run("task", "remove", "btc").output == "removed btc\n"
    gone = run("task", "show", "btc")
    assert (gone.exit_code, "no such task" in gone.output) == (2, True)
    events = json.loads(run("task", "history", "btc", "--json").output)
    assert [event["kind"] for event in events] == ["added", "wanted_paused", "wanted_stopped", "removed"]
    assert events[2]["text"].endswith(": not yet")


SHOWING = (("task", "list"), ("task", "show", "btc"), ("task", "history", "btc"), ("fleet", "status"),
           ("fleet", "limits", "show"))
WRITING = (("task", "pause", "btc", "--why", "x"), ("task", "remove", "btc"),
           ("fleet", "limits", "set", "--gross", "7", "--why", "x"))


@pytest.mark.parametrize("words", SHOWING)
def test_who_only_looks_leaves_an_older_schema_as_it_is(
    postgres_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A newer version on another machine asks: it says what is missing, and no worker of the older one is refused."""
    dsn, later = _older(postgres_server, tmp_path, monkeypatch)
    refused = CliRunner().invoke(commands, words, env={"DNBOT_FLEET_DSN": dsn})
    assert refused.exit_code == 2, refused.output
    assert f"database: schema: found 'without {later}'; allowed: the present schema: migrate" in refused.output
    assert trio.run(status, dsn).pending == (later,)


@pytest.mark.parametrize("words", WRITING)
def test_who_writes_migrates_first(
    postgres_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Nobody who must stop a task in a hurry is told to migrate before."""
    dsn, _ = _older(postgres_server, tmp_path, monkeypatch)
    CliRunner().invoke(commands, words, env={"DNBOT_FLEET_DSN": dsn})
    assert trio.run(status, dsn).pending == ()


def _older(server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A database of the version before the one that runs, and the migration that this one adds."""
    dsn: str = trio.run(server.migrated)
    newer = shutil.copytree(db_dir(), folder / "db")
    later = f"{len(list(newer.glob('*.sql'))) + 1:04d}_later"
    (newer / f"{later}.sql").write_text("create table later (i int);")
    for module in ("postgres", "postgres_migrate"):
        monkeypatch.setattr(f"dnbot.ports.{module}.db_dir", lambda: newer)
    return dsn, later
