"""What a command imports before it works: its own room and those below, and not the whole house."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from suite.first_quote import IMPORTED

from dnbot.cli import ELSEWHERE, commands
from dnbot.operate.command_table import CommandTable
from dnbot.operate.completion_command import completion_command

ROOT = Path(__file__).resolve().parents[1]
COMPLETION = "dnbot.operate.completion_command:completion_command"
UNUSED = ("dnbot.fakes", "dnbot.lab", "dnbot.record", "dnbot.research", "dnbot.testing")
"""Rooms that a run on a real exchange never enters; a run on fakes starts them as a process."""
RUN = """
import json, sys, trio
from click.testing import CliRunner
trio.run = lambda *arguments: 0  # the loop itself
from dnbot.cli import commands
done = CliRunner().invoke(commands, sys.argv[1:])
assert done.exit_code == 0, done.output
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] == "dnbot")))
"""
IMPORT = """
import json, sys
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] == "dnbot")))
"""


def imported(home: Path, code: str, *arguments: str) -> list[str]:
    """The modules of dnbot that a new process has imported in the end."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "DNBOT_HOME": str(home / "state")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=variables, cwd=home, capture_output=True, text=True,
        timeout=60, check=True, stdin=subprocess.DEVNULL,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def rooms_of(modules: list[str]) -> set[str]:
    """Package and room of each module."""
    return {".".join(name.split(".")[:2]) for name in modules}


@pytest.mark.slow
def test_a_run_imports_no_room_that_it_does_not_enter(tmp_path: Path) -> None:
    """Neither the laboratory nor research, the recorder or the fakes; and the benchmark of a start imports the same."""
    found = imported(tmp_path, RUN, "run")
    assert {"dnbot.operate", "dnbot.web", "dnbot.bot"} <= rooms_of(found)
    assert not rooms_of(found) & set(UNUSED)
    assert imported(tmp_path, IMPORT, *IMPORTED) == found


@pytest.mark.slow
def test_the_names_of_commands_are_known_without_their_modules(tmp_path: Path) -> None:
    """The version is told without a database, a bot or a dashboard."""
    found = imported(tmp_path, RUN, "version")
    assert not rooms_of(found) & {*UNUSED, "dnbot.bot", "dnbot.tasks", "dnbot.web"}
    assert set(ELSEWHERE) <= set(commands.commands)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_command_is_where_the_table_says(name: str) -> None:
    """Under the name that it is called by."""
    assert commands.commands[name].name == name


@pytest.mark.parametrize("place", [
    COMPLETION, "dnbot.operate.completion_command:nothing", "dnbot.operate.completion_command:SHELLS",
])
def test_what_is_no_command_of_that_name_is_refused(place: str) -> None:
    """A command of another name, nothing, and something else."""
    with pytest.raises(TypeError, match="not the command 'other'"):
        CommandTable({"other": place})["other"]


def test_a_table_is_a_mapping_whose_commands_may_be_replaced_and_removed() -> None:
    """As click and its extensions take it to be."""
    table = CommandTable({"completion": COMPLETION, "gone": "no.such:thing"})
    assert list(table) == ["completion", "gone"]
    assert table["completion"] is completion_command
    table["more"] = another = click.Command("more")
    assert (table["more"], len(table)) == (another, 3)
    del table["gone"]
    assert "gone" not in table
    table["completion"] = another
    assert dict(table) == {"completion": another, "more": another}
    with pytest.raises(KeyError):
        del table["gone"]
    with pytest.raises(KeyError):
        table["gone"]
