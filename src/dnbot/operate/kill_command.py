"""`dnbot kill` and `dnbot sweep` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.kill import KillOptions, kill
from dnbot.operate.kill_text import text_of
from dnbot.operate.second_spot import names_of
from dnbot.ports.credentials import SecretRegistry

_OPTIONS = (
    CONFIG_OF_BOT,
    click.option("--why", "--reason", "reason", required=True, help="The reason; it is recorded with your name."),
    click.option("--flatten", is_flag=True, help="Then sell the inventory and buy the short back, in capped slices."),
    click.option("--end-hung", is_flag=True, help="SIGKILL the bot of this folder if it does not answer; no worker."),
    click.option("--json", "as_json", is_flag=True, help="The report, as JSON."),
)


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("kill")
@_with_options
def kill_command(config: Path | None, as_json: bool, **wanted: Any) -> None:
    """Halt, cancel every order of ours at every venue, prove it. Works without the bot when it hangs or is gone."""
    _kill(config, as_json, KillOptions(**wanted, registry=_registry()))


@click.command("sweep")
@_with_options
def sweep_command(config: Path | None, as_json: bool, **wanted: Any) -> None:
    """As kill, from keys and configuration alone: no bot is asked."""
    _kill(config, as_json, KillOptions(**wanted, ask_bot=False, registry=_registry()))


def _kill(config: Path | None, as_json: bool, options: KillOptions) -> None:
    settings = settings_of(config)
    found, names = trio.run(kill, settings, options), names_of(settings)
    if as_json:
        tell_json(msgspec.Raw(names.data(msgspec.json.encode(found))))
    else:
        tell(names.text(text_of(found)), err=found.exit_code != 0)
    sys.exit(found.exit_code)


def _registry() -> SecretRegistry:
    return click.get_current_context().ensure_object(SecretRegistry)
