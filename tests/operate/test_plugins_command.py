"""`dnbot plugins` and `dnbot alerts --test` with the packages of examples/, and a program that registers its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugin_packages import EXAMPLES, install, visible, write

from dnbot.cli import commands

TEXT = """
mode = "sim"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.02"
max_order_notional_quote = "500"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that names both examples, which are installed."""
    visible(monkeypatch, tmp_path / "site")
    for package in EXAMPLES.iterdir():
        install(package, tmp_path / "site")
    path = tmp_path / "plugins.toml"
    path.write_text(TEXT + f"""
[[plugins.load]]
kind = "alerts"
name = "file"
options = {{ path = "{tmp_path / "notices.jsonl"}" }}
[[plugins.load]]
kind = "analytics"
name = "capture"
""")
    return path


def run(*words: str, code: int = 0) -> str:
    """A command's output."""
    done = CliRunner().invoke(commands, words)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_what_is_installed_is_listed(config: Path, tmp_path: Path) -> None:
    """With its package, and whether a run would load it; nothing of it is imported."""
    write(tmp_path / "site", "dangerous", "raise SystemExit('imported')", alerts="loud:Channel")
    text = run("plugins", "list", "--config", str(config))
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "alerts file loaded by a run dnbot-alerts-file 1.0.0 (dnbot_alerts_file:FileChannel)",
        "alerts loud not named dangerous 0.1 (dangerous:Channel)",
        "analytics capture loaded by a run dnbot-analytics-capture 1.0.0 (dnbot_analytics_capture:Capture)",
        "execution maker-first not named dnbot-execution-maker-first 1.0.0 (dnbot_execution_maker_first:MakerFirst)",
        "strategies calm not named dnbot-strategy-calm 1.0.0 (dnbot_strategy_calm:Calm)",
        "venues example not named dnbot-venue-example 1.0.0 (dnbot_venue_example:Example)",
    ]
    found = json.loads(run("plugins", "list", "--json", "--config", str(config)))
    assert [one["is_named"] for one in found] == [True, False, True, False, False, False]


def test_without_a_package_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And which kinds there could be; a configuration without plugins has none to check."""
    (tmp_path / "none.toml").write_text(TEXT)
    there = ("--config", str(tmp_path / "none.toml"))
    kinds = "alerts, analytics, execution, strategies, venues"
    assert run("plugins", "list", *there) == f"no package has a plugin; kinds: {kinds}\n"
    assert run("plugins", "check", *there) == "the configuration names no plugin\n"


@pytest.mark.slow
@pytest.mark.e2e
def test_what_is_named_is_loaded_as_a_run_does(config: Path) -> None:
    """Each in its process: what it adds, or why it is off, and then the exit code is 1."""
    first, second = run("plugins", "check", "--config", str(config)).splitlines()
    assert " ".join(first.split()) == "alerts file ready (dnbot-alerts-file 1.0.0)"
    assert " ".join(second.split()) == (
        "analytics capture ready; adds captured, %, missed, bps (dnbot-analytics-capture 1.0.0)"
    )
    config.write_text(config.read_text().replace("path =", "place ="))
    text = run("plugins", "check", "--config", str(config), code=1)
    assert "off: cannot be loaded: ValueError: options are { path =" in text
    found = json.loads(run("plugins", "check", "--json", "--config", str(config), code=1))
    assert [(one["plugin"]["name"], one["plugin"]["state"]) for one in found] == [("file", "off"), ("capture", "ready")]


@pytest.mark.slow
def test_one_that_is_not_installed_is_a_mistake_of_the_file(config: Path) -> None:
    """Named with those that are, by check and by the trial of the alerts; nothing is started."""
    config.write_text(config.read_text().replace('"file"', '"fax"'))
    for words in (("plugins", "check"), ("alerts", "--test"), ("run", "--web", "off")):
        text = run(*words, "--config", str(config), code=2)
        assert "plugins.load.0: alerts plugin: found 'fax'; allowed: file" in text


@pytest.mark.slow
@pytest.mark.e2e
def test_a_channel_is_tried_as_a_service_is(config: Path, tmp_path: Path) -> None:
    """Named by its plugin; without a configured service it is the only one."""
    assert run("alerts", "--test", "--config", str(config)) == "plugin file: told\n"
    (line,) = (tmp_path / "notices.jsonl").read_text().splitlines()
    assert json.loads(line)["notice"]["title"] == "dnbot: a trial"
    config.write_text(config.read_text().replace("notices.jsonl", "gone/notices.jsonl"))
    text = run("alerts", "--test", "--config", str(config), code=1)
    assert text.startswith("plugin file: NOT told\nplugin file: cannot be loaded: FileNotFoundError")
