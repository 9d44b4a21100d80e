"""`dnbot dashboard`, and what `--web` of `dnbot run` makes of the settings."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from dnbot.config import Settings
from dnbot.config.rules import check_settings
from dnbot.operate.command_words import JSON
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import json_text
from dnbot.operate.run import state_dir
from dnbot.web.places import link_of


@click.command("dashboard")
@CONFIG_OF_BOT
@JSON
def dashboard_command(config: Path | None, as_json: bool) -> None:
    """Print the address of the dashboard, with a login in it where the state folder has the token."""
    link = link_of(state_dir(settings_of(config)))
    click.echo(json_text({"url": link}) if as_json else link)


def with_listen(settings: Settings, listen: str | None) -> Settings:
    """The settings with another address of the dashboard; raises ConfigError for one that no file may have."""
    if listen is None:
        return settings
    changed = msgspec.structs.replace(settings, web=msgspec.structs.replace(settings.web, listen=listen))
    check_settings("command line, --web", changed)
    return changed
