"""`dnbot alerts` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from dnbot.config import load_settings
from dnbot.operate.alerts import alerts_text, list_alerts, try_services
from dnbot.operate.command_words import JSON
from dnbot.operate.console import json_text
from dnbot.operate.control_client import Outcome
from dnbot.operate.report import parse_since
from dnbot.resources import config_dir


@click.command("alerts")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML; default: the demo.")
@click.option("--since", default="24h", show_default=True, help="A stretch of time up to now: 30m, 24h, 7d, or all.")
@JSON
@click.option("--test", "trial", is_flag=True, help="Send a notice to every configured service instead.")
def alerts_command(config: Path | None, since: str, as_json: bool, trial: bool) -> None:
    """List what is open at the running bot and what is stored; a bot need not run."""
    settings = load_settings(config or config_dir() / "demo.toml")
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
