"""`dnbot pause`, `resume`, `reduce`, `flatten` and `stop` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from dnbot.operate.command_words import JSON, WHY
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.control_client import command
from dnbot.operate.control_words import Leave, Pause, Reduce, Request, Resume
from dnbot.operate.run import state_dir


@click.command()
@CONFIG_OF_BOT
@WHY
@JSON
def pause(config: Path | None, why: str, as_json: bool) -> None:
    """Take no new risk (ACTIVE to REDUCING); what is open may still be undone and is kept hedged."""
    tell_bot(config, Pause(why), as_json)


@click.command()
@CONFIG_OF_BOT
@WHY
@click.option("--force", is_flag=True, help="Also out of HALTED.")
@JSON
def resume(config: Path | None, why: str, force: bool, as_json: bool) -> None:
    """Trade again (to ACTIVE)."""
    tell_bot(config, Resume(why, force), as_json)


@click.command()
@CONFIG_OF_BOT
@JSON
def reduce(config: Path | None, as_json: bool) -> None:
    """Pause without a reason, when there is no time for one."""
    tell_bot(config, Reduce(), as_json)


@click.command()
@CONFIG_OF_BOT
@click.option("--why", "--reason", "why", default="flatten", help="The reason; it is recorded with your name.")
@click.option("--now", is_flag=True, help="Shorten the deadline of a shutdown that is under way.")
@JSON
def flatten(config: Path | None, why: str, now: bool, as_json: bool) -> None:
    """Sell the inventory, buy the short back, end. Costs fees and spread; waits for the end."""
    tell_bot(config, Leave(why, flatten=True, hurry=now), as_json)


@click.command()
@CONFIG_OF_BOT
@click.option("--why", "--reason", "why", default="stop", help="The reason; it is recorded with your name.")
@click.option("--now", is_flag=True, help="Shorten the deadline of a shutdown that is under way.")
@JSON
def stop(config: Path | None, why: str, now: bool, as_json: bool) -> None:
    """Settle, cancel, end, and hold or flatten as configured; waits for the end."""
    tell_bot(config, Leave(why, hurry=now), as_json)


def tell_bot(config: Path | None, request: Request, as_json: bool) -> None:
    """Send a request to the running bot; print its answer and end with the exit code that says the same."""
    outcome = trio.run(command, state_dir(settings_of(config)), request)
    if as_json:
        tell_json(outcome)
    else:
        tell(outcome.text, err=outcome.exit_code != 0)
    sys.exit(outcome.exit_code)
