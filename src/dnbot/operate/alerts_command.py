"""`dnbot alerts` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from dnbot.operate.alerts import alerts_text, list_alerts, try_services
from dnbot.operate.command_words import JSON
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import json_text
from dnbot.operate.control_client import Outcome
from dnbot.operate.report import parse_since


@click.command("alerts")
@CONFIG_OF_BOT
@click.option("--since", default="24h", show_default=True, help="A stretch of time up to now: 30m, 24h, 7d, or all.")
@JSON
@click.option("--test", "trial", is_flag=True, help="Send a notice to every configured service instead.")
def alerts_command(config: Path | None, since: str, as_json: bool, trial: bool) -> None:
    """List what is open at the running bot and what is stored; a bot need not run."""
    settings = settings_of(config)
    if trial:
        text, code = trio.run(try_services, settings)
        click.echo(json_text(Outcome(text, code)) if as_json else text, err=not as_json and code != 0)
        sys.exit(code)
    try:
        length = parse_since(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    found = trio.run(list_alerts, settings, length)
    click.echo(json_text(found) if as_json else alerts_text(found))
