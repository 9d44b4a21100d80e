"""Faults and scenarios as options of `dnbot fakes`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.fakes.faults_catalogue import KINDS
from dnbot.fakes.scenarios_catalogue import SCENARIOS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fault", "nothing"), "no such fault"), (("--scenario", "nothing"), "no such scenario"),
        (("--faults", "/nonexistent.toml"), "No such file"), (("--fault", "listen_keys_die:venue=gate"), "strikes at"),
    ],
)  # fmt: skip
def test_an_impossible_plan_is_one_sentence_and_exit_2(arguments: tuple[str, ...], said: str) -> None:
    """No traceback, whoever finds it, and no process that serves."""
    done = CliRunner().invoke(commands, ["fakes", *arguments])
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_everything_is_listed() -> None:
    """One line for each fault and for each scenario, and nothing is served."""
    for option, names in (("--list-faults", KINDS), ("--list-scenarios", SCENARIOS)):
        done = CliRunner().invoke(commands, ["fakes", option])
        assert done.exit_code == 0
        assert [line.split()[0] for line in done.output.splitlines()] == list(names)
