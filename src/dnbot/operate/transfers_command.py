"""`dnbot transfers` on the command line."""

from __future__ import annotations

from pathlib import Path

import click
import trio

from dnbot.operate.command_words import JSON
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.transfers import json_of_plan, plan_for
from dnbot.operate.transfers_text import plan_text


@click.group("transfers")
def transfers_command() -> None:
    """Funds that a person may move between the venues; dnbot itself never withdraws."""


@transfers_command.command("plan")
@CONFIG_OF_BOT
@JSON
def plan_command(config: Path | None, as_json: bool) -> None:
    """Say what to move so that inventory, quote and margin are at their targets. Moves nothing."""
    found = trio.run(plan_for, settings_of(config))
    if as_json:
        tell_json(json_of_plan(found))
    else:
        tell(plan_text(found))
