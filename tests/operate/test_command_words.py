"""Every command that shows something has JSON; moments are UTC; colours are for terminals; a shell can complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dnbot import __version__
from dnbot.cli import commands
from dnbot.operate import control_commands
from dnbot.operate.command_words import moment_of
from dnbot.operate.control_client import Outcome
from dnbot.operate.status import Status
from dnbot.operate.terminal import print_status

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WITHOUT_JSON = {
    "run": "a picture while it lasts; its figures are JSON with --summary",
    "new-config": "it writes a file for people, TOML",
    "fakes": "its one line is JSON",
    "db dump": "it writes a file",
    "db restore": "it fills a database",
    "completion": "it prints a script",
    "worker": "it runs until it is ended; what it holds is in `fleet status --json`",
}


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Name and command, those inside groups too."""
    left = list(commands.commands.items())
    while left:
        name, command = left.pop()
        if isinstance(command, click.Group):
            left += [(f"{name} {inner}", one) for inner, one in command.commands.items()]
        else:
            yield name, command


def test_every_command_that_shows_something_has_json() -> None:
    """All but those that are named here with a reason."""
    without = {name for name, command in every_command() if not _options(command) & {"--json"}}
    assert without == set(WITHOUT_JSON)
    assert "--summary" in _options(dict(every_command())["run"])


def _options(command: click.Command) -> set[str]:
    return {text for parameter in command.params for text in parameter.opts}


def test_version_as_json() -> None:
    """The version alone."""
    assert json.loads(CliRunner().invoke(commands, ["version", "--json"]).output) == {"version": __version__}


@pytest.mark.parametrize("line", ["pause --why x", "resume --why x", "reduce", "flatten", "stop"])
@pytest.mark.parametrize("code", [0, 1])
def test_commands_to_a_bot_answer_as_json(line: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and exit code, on standard output also when it was refused."""

    async def answer(_home: Path, _request: object) -> Outcome:
        return Outcome("done so", code)

    monkeypatch.setattr(control_commands, "command", answer)
    result = CliRunner().invoke(commands, [*line.split(), "--json"])
    assert (result.exit_code, result.stderr) == (code, "")
    assert json.loads(result.stdout) == {"text": "done so", "exit_code": code}


@pytest.mark.parametrize(("text", "found"), [
    ("2026-11-28", "2026-11-28T00:00:00"), ("2026-11-28T14:30", "2026-11-28T14:30:00"),
    ("2026-11-28T14:30:01Z", "2026-11-28T14:30:01"), ("2026-11-28 14:30", "2026-11-28T14:30:00"),
    ("30m", "2026-11-29T11:30:00"), ("1d", "2026-11-28T12:00:00"),
])
def test_moments(text: str, found: str) -> None:
    """A day, a time of day, or how long ago; always UTC."""
    assert moment_of(text, NOW) == datetime.fromisoformat(found).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", [
    "", "yesterday", "2026-13-01", "2026-11-28T14:00+01:00", "0m", "-1h", "١h", "1000000d",
])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With what is allowed; another time zone is not read as UTC."""
    with pytest.raises(ValueError, match=r"neither a moment in UTC such as .* such as 24h, at most 36500d"):
        moment_of(text, NOW)


@pytest.mark.parametrize("line", [
    "trades --from", "orders --to", "report --since", "alerts --since", "analyze funding --since", "record --duration",
])
def test_a_stretch_that_no_calendar_has_is_refused(line: str) -> None:
    """Begun so long ago, nothing would be a date."""
    told = CliRunner().invoke(commands, [*line.split(), "1000000d"])
    assert told.exit_code == 2
    assert "at most 36500d" in " ".join(told.stderr.split())


COLOUR = re.compile(r"\x1b\[[0-9;]*(3|4|9)[0-9]")


def test_colours_are_for_terminals_that_want_them(
    lively: Status, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file gets none; a terminal does, but not with NO_COLOR."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_status(lively)
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    print_status(lively)
    assert COLOUR.search(capsys.readouterr().out)
    monkeypatch.setenv("NO_COLOR", "1")
    print_status(lively)
    assert not COLOUR.search(capsys.readouterr().out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str) -> None:
    """It names the command and asks it."""
    result = CliRunner().invoke(commands, ["completion", shell])
    assert result.exit_code == 0
    assert f"_DNBOT_COMPLETE={shell}_complete" in result.output


@pytest.mark.e2e
@pytest.mark.slow
def test_bash_completes_commands_options_and_choices(tmp_path: Path) -> None:
    """A real bash, the printed script, and a `dnbot` on its path."""
    script = CliRunner().invoke(commands, ["completion", "bash"]).output
    shim = tmp_path / "dnbot"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m dnbot "$@"\n')
    shim.chmod(0o755)
    ask = "COMPREPLY=(); _dnbot_completion {} && printf '%s ' \"${{COMPREPLY[@]}}\" && echo"
    lines = [
        script,
        "COMP_WORDS=(dnbot tr); COMP_CWORD=1; " + ask.format("dnbot"),
        "COMP_WORDS=(dnbot orders --op); COMP_CWORD=2; " + ask.format("dnbot"),
        "COMP_WORDS=(dnbot completion f); COMP_CWORD=2; " + ask.format("dnbot"),
    ]
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60,
        env={"PATH": path, "PYTHONPATH": str(ROOT / "src")},
    )
    assert ended.stdout.splitlines() == ["trades transfers ", "--open ", "fish "]
