"""Which configuration a command takes when none is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dnbot.cli import commands

BEGINS = {"run", "backtest", "check", "record", "simulate", "sweep-params", "task add"}
"""Commands that begin something: the file is named where it begins."""


def with_config(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Option]]:
    """Every command that has --config, by its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from with_config(command, f"{prefix}{name} ")
        for option in command.params:
            if isinstance(option, click.Option) and option.name == "config":
                yield f"{prefix}{name}", option


def test_commands_that_look_or_order_take_the_variable_and_those_that_begin_do_not() -> None:
    """A hurried kill finds the bot; nothing begins to trade because of a variable that was forgotten."""
    taken = {name: option.envvar for name, option in with_config(commands)}
    assert {"kill", "sweep", "status", "resume", "db dump", "alerts", "dashboard", "run", "check"} <= set(taken)
    assert {name: variable for name, variable in taken.items() if variable != "DNBOT_CONFIG"} == dict.fromkeys(BEGINS)


@pytest.mark.parametrize("words", [["status"], ["kill", "--reason", "x"], ["db", "status"]])
def test_the_file_of_the_variable_is_read(words: list[str], tmp_path: Path) -> None:
    """A mistake in it is told with its name."""
    file = tmp_path / "live.toml"
    file.write_text('profile = "careful"\n[strategy]\nsymbol = "BTC/USDT"\nbase_position_size = "1"\n'
                    'max_order_notional_quote = "1"\n')
    done = CliRunner().invoke(commands, words, env={"DNBOT_CONFIG": str(file)})
    assert done.exit_code == 2
    assert f"{file}: profile: found 'careful'" in done.output
