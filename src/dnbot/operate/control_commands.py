"""`dnbot pause`, `resume`, `reduce`, `flatten` and `stop` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell
from dnbot.operate.control_client import command
from dnbot.operate.control_words import Leave, Pause, Reduce, Request, Resume
from dnbot.operate.run import state_dir

_WHY = click.option("--why", "--reason", "why", required=True, help="The reason; it is recorded with your name.")


@click.command()
@CONFIG_OF_BOT
@_WHY
def pause(config: Path | None, why: str) -> None:
    """Take no new risk (ACTIVE to REDUCING); what is open may still be undone and is kept hedged."""
    _tell(config, Pause(why))


@click.command()
@CONFIG_OF_BOT
@_WHY
@click.option("--force", is_flag=True, help="Also out of HALTED.")
def resume(config: Path | None, why: str, force: bool) -> None:
    """Trade again (to ACTIVE)."""
    _tell(config, Resume(why, force))


@click.command()
@CONFIG_OF_BOT
def reduce(config: Path | None) -> None:
    """Pause without a reason, when there is no time for one."""
    _tell(config, Reduce())


@click.command()
@CONFIG_OF_BOT
@click.option("--why", "--reason", "why", default="flatten", help="The reason; it is recorded with your name.")
@click.option("--now", is_flag=True, help="Shorten the deadline of a shutdown that is under way.")
def flatten(config: Path | None, why: str, now: bool) -> None:
    """Sell the inventory, buy the short back, end. Costs fees and spread; waits for the end."""
    _tell(config, Leave(why, flatten=True, hurry=now))


@click.command()
@CONFIG_OF_BOT
@click.option("--why", "--reason", "why", default="stop", help="The reason; it is recorded with your name.")
@click.option("--now", is_flag=True, help="Shorten the deadline of a shutdown that is under way.")
def stop(config: Path | None, why: str, now: bool) -> None:
    """Settle, cancel, end, and hold or flatten as configured; waits for the end."""
    _tell(config, Leave(why, hurry=now))


def _tell(config: Path | None, request: Request) -> None:
    """Send a request to the running bot; print its answer and end with the exit code that says the same."""
    outcome = trio.run(command, state_dir(settings_of(config)), request)
    tell(outcome.text, err=outcome.exit_code != 0)
    sys.exit(outcome.exit_code)


CONTROL_COMMANDS = (pause, resume, reduce, flatten, stop)
