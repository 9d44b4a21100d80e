"""The command as people meet it: its answers, its exit codes, and that a mistake never shows a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dnbot import __version__
from dnbot.cli import commands
from dnbot.config import parse_settings
from dnbot.domain.errors import ConfigError, InvariantBroken, StoreUnreachable, VenueUnreachable

ROOT = Path(__file__).resolve().parents[1]
WAIT_S_MAX = 60.0
LIVE = """
mode = "live"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.02"
max_order_notional_quote = "500"
max_daily_loss_quote = "50"
"""
SECRET = "b5c2f0d1a7"


def dnbot(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dnbot", *arguments], env=environment(home, **variables), cwd=home,
        capture_output=True, text=True, timeout=WAIT_S_MAX, stdin=subprocess.DEVNULL,
    )


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's variables without any key, with the checkout on the path and a state folder of the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATE_", "MEXC_", "DNBOT_"))}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "DNBOT_HOME": str(home / "state"), **variables}


def write(folder: Path, text: str, name: str = "some.toml") -> Path:
    """A configuration in a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- in this process --------------------------------------------------------------------------------------------------
def test_version_and_help_answer() -> None:
    """`version` prints the version; the help of every command and group explains it."""
    assert CliRunner().invoke(commands, ["version"]).output == f"dnbot {__version__}\n"
    assert "Gate" in CliRunner().invoke(commands, ["-h"]).output
    for name, command in commands.commands.items():
        result = CliRunner().invoke(commands, [name, "--help"])
        assert result.exit_code == 0
        assert command.help
        assert command.help.splitlines()[0][:40] in result.output
        inner = command.commands if isinstance(command, click.Group) else {}
        assert [one.name for one in inner.values() if not one.help] == []


@pytest.mark.parametrize("line", ["nonsense", "run --nonsense", "new-config --mode live2", "pause"])
def test_a_misused_command_exits_2(line: str) -> None:
    """Unknown commands, options and choices, and a missing reason, are refused with a hint."""
    result = CliRunner().invoke(commands, line.split())
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("text", ["", "0", "-5s", "5x", "1d", "nan", "inf", "1e99h", "60 s s", "s", "0.0m"])
def test_a_bad_duration_exits_2(text: str) -> None:
    """Only a positive, finite length of time is one, and the sentence shows how it is written."""
    result = CliRunner().invoke(commands, ["run", "--duration", text])
    assert result.exit_code == 2
    assert "is not a duration such as 60s, 10m or 2h" in result.stderr


def test_a_summary_that_cannot_be_written_is_found_before_the_run(tmp_path: Path) -> None:
    """At the end of a long run it would be too late."""
    file = tmp_path / "file"
    file.touch()
    runner = CliRunner(env={"DNBOT_HOME": str(tmp_path / "state")})
    result = runner.invoke(commands, ["run", "--summary", str(file / "s.json")])
    assert result.exit_code == 2
    assert "--summary" in result.stderr


def test_a_state_folder_that_cannot_be_made_exits_2(tmp_path: Path) -> None:
    """`$DNBOT_HOME` below a file is named with the reason."""
    file = tmp_path / "file"
    file.touch()
    result = CliRunner(env={"DNBOT_HOME": str(file / "home")}).invoke(commands, ["run"])
    assert result.exit_code == 2
    assert "$DNBOT_HOME: found 'Not a directory'" in result.stderr


@pytest.mark.parametrize("mode", ["sim", "live"])
def test_new_config_writes_a_file_that_is_valid(mode: str, tmp_path: Path) -> None:
    """Printed and written text are the same; an existing file is never overwritten."""
    printed = CliRunner().invoke(commands, ["new-config", "--mode", mode])
    assert printed.exit_code == 0
    assert parse_settings("printed", printed.output).mode == mode
    path = tmp_path / "new.toml"
    assert CliRunner().invoke(commands, ["new-config", "--mode", mode, "--output", str(path)]).exit_code == 0
    assert path.read_text(encoding="utf-8") == printed.output
    again = CliRunner().invoke(commands, ["new-config", "--mode", mode, "--output", str(path)])
    assert again.exit_code == 2
    assert "File exists" in again.stderr


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ConfigError("a.toml", "mode", "x", "sim"), 2),
        (VenueUnreachable("GATEIO_SPOT", "no answer"), 75),
        (StoreUnreachable("no answer"), 75),
        (BaseExceptionGroup("nursery", [ExceptionGroup("inner", [ConfigError("a", "b", "c", "d")])]), 2),
    ],
)
def test_our_own_errors_are_a_sentence_and_an_exit_code(error: BaseException, exit_code: int) -> None:
    """A mistake of the operator is 2, a world that does not answer is 75, also when a nursery wrapped them."""
    result = CliRunner().invoke(_failing(error), ["fail"])
    assert result.exit_code == exit_code
    assert result.stderr.startswith("dnbot: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [InvariantBroken("delta is a lie"), ExceptionGroup("both", [ConfigError("a", "b", "c", "d"), KeyError("bug")])],
)
def test_a_bug_is_not_dressed_up(error: Exception) -> None:
    """A broken invariant, alone or beside one of our errors, is raised as it is."""
    result = CliRunner().invoke(_failing(error), ["fail"])
    assert result.exception is error


def _failing(error: BaseException) -> click.Group:
    """The command group with one command more, which fails in this way."""
    group = type(commands)(name="dnbot")

    @group.command()
    def fail() -> None:
        raise error

    return group


# --- as a process -----------------------------------------------------------------------------------------------------
@pytest.mark.e2e
@pytest.mark.slow
def test_a_broken_file_shows_no_traceback(tmp_path: Path) -> None:
    """The real command ends with 2 and one sentence on standard error, nothing on standard output."""
    path = write(tmp_path, LIVE.replace('"0.02"', "0.02"))
    for command in ("run", "check"):
        ended = dnbot(tmp_path, command, "--config", str(path))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"dnbot: {path}: strategy.base_position_size: found 0.02; allowed: ")
        assert ended.stderr.count("\n") == 1


def test_live_needs_keys_that_only_their_owner_can_read(tmp_path: Path) -> None:
    """Without a key, with both forms of it, and with a key file that others can read, `check` ends with 2."""
    path = write(tmp_path, LIVE)
    key = write(tmp_path, SECRET, "key")
    key.chmod(0o644)
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "GATE_API_KEY: found 'nothing'"),
        ({"GATE_API_KEY_FILE": str(tmp_path / "none")}, "No such file"),
        ({"GATE_API_KEY_FILE": str(key)}, "mode: found '0644'; allowed: 0400 or 0600"),
        ({"GATE_API_KEY": SECRET, "GATE_API_KEY_FILE": str(key)}, "one of the two"),
        ({"GATE_API_KEY": SECRET, "GATE_API_SECRET": SECRET}, "MEXC_API_KEY: found 'nothing'"),
    ]
    parts = ("KEY", "SECRET", "KEY_FILE", "SECRET_FILE")
    names = [f"{venue}_API_{part}" for venue in ("GATE", "MEXC") for part in parts]
    for variables, words in cases:
        runner = CliRunner(env={**dict.fromkeys(names), **variables})
        ended = runner.invoke(commands, ["check", "--config", str(path)])
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert words in ended.stderr
        assert SECRET not in ended.stderr


@pytest.mark.e2e
@pytest.mark.slow
def test_live_does_not_run_with_a_key_file_that_others_can_read(tmp_path: Path) -> None:
    """The real `run` ends with 2 and no traceback, and does not repeat what the file holds."""
    key = write(tmp_path, SECRET, "key")
    key.chmod(0o644)
    ended = dnbot(tmp_path, "run", "--config", str(write(tmp_path, LIVE)), GATE_API_KEY_FILE=str(key))
    assert ended.returncode == 2
    assert "mode: found '0644'; allowed: 0400 or 0600" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout


@pytest.mark.e2e
@pytest.mark.slow
def test_check_reports_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The demo passes; the report names every pair; no state folder comes to be."""
    ended = dnbot(tmp_path, "check")
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in ("GATE_TO_MEXC", "MEXC_TO_GATE", "OPEN_GATE", "OPEN_MEXC", "CLOSE_GATE", "CLOSE_MEXC"):
        assert f"\n{name} " in ended.stdout
    assert "may cost at most" in ended.stdout
    assert "liquid pairs will rarely or never trade" in ended.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.slow
def test_status_without_a_bot_says_so(tmp_path: Path) -> None:
    """Nobody runs here: a sentence and an exit code of its own, for `status` and for a command alike."""
    ended = dnbot(tmp_path, "status")
    assert ended.returncode == 69
    assert ended.stderr.startswith("dnbot: no bot runs here (")
    assert "Traceback" not in ended.stderr
    runner = CliRunner(env={"DNBOT_HOME": str(tmp_path / "state")})
    for command in (["pause", "--why", "test"], ["stop"], ["flatten"]):
        result = runner.invoke(commands, command)
        assert result.exit_code == 69
        assert "no bot runs here" in result.stderr


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A running `dnbot fakes` with its state in the test's folder; ended with the test."""
    child = subprocess.Popen(
        [sys.executable, "-m", "dnbot", "fakes", "--state", str(tmp_path / "fakes"), "--seed", "3"],
        env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    yield child
    if child.poll() is None:
        child.kill()
    child.communicate(timeout=WAIT_S_MAX)


@pytest.mark.e2e
@pytest.mark.slow
def test_fakes_announce_themselves_and_end_on_sigterm(fakes: subprocess.Popen[str], tmp_path: Path) -> None:
    """One JSON line with addresses and a key; SIGTERM ends them cleanly and leaves the audit; check can ask them."""
    assert fakes.stdout is not None
    line = fakes.stdout.readline()
    address = json.loads(line)
    assert address["gate_rest"].startswith("http://127.0.0.1:")
    assert {"gate_ws_spot", "gate_ws_futures", "mexc_rest", "mexc_ws", "key", "secret", "uid"} <= set(address)
    assert address["market"]["real"] is False
    announced = write(tmp_path, line, "fakes.json")
    config = write(
        tmp_path, LIVE.replace('"live"', '"sim"') + f'[fakes]\naddress_file = "{announced}"\n', "sim.toml"
    )
    asked = dnbot(tmp_path, "check", "--config", str(config))
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "asked of the fake exchanges of address_file" in asked.stdout
    fakes.send_signal(signal.SIGTERM)
    rest, errors = fakes.communicate(timeout=WAIT_S_MAX)
    assert (fakes.returncode, rest, errors) == (0, "", "")
    audit = json.loads((tmp_path / "fakes" / "audit.json").read_text(encoding="utf-8"))
    assert audit["open_orders"] == []
    assert {entry["method"] for entry in audit["requests"]["tail"]} == {"GET"}
