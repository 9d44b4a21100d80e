"""`dnbot plugins` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
import trio

from dnbot.config import Settings
from dnbot.operate.command_words import JSON
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.plugin_registry import Installed, PluginRegistry
from dnbot.operate.plugin_set import plugins_of
from dnbot.operate.plugin_words import READY, PluginStatus
from dnbot.operate.plugins import PROTOCOLS
from dnbot.operate.second_spot import KIND as VENUES
from dnbot.operate.second_spot import second_spot_of
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog

EXIT_NOT_READY = 1


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that is installed."""

    plugin: Installed
    is_named: bool
    """The configuration names it, so that a run loads it."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was loaded, or could not be."""

    plugin: PluginStatus
    columns: tuple[str, ...]
    """Titles of what it adds to the trades."""


@click.group("plugins")
def plugins_command() -> None:
    """Code of others that a run works with: what is installed, and whether it can be loaded; docs/extending.md."""


@plugins_command.command("list")
@CONFIG_OF_BOT
@JSON
def list_command(config: Path | None, as_json: bool) -> None:
    """List what is installed, and what of it the configuration names. Imports nothing of it."""
    found = listed(settings_of(config))
    if as_json:
        tell_json(found)
        return
    lines = [
        f"{one.plugin.kind:<10} {one.plugin.name:<20} {'loaded by a run' if one.is_named else 'not named':<16} "
        f"{one.plugin.package} ({one.plugin.reference})"
        for one in found
    ]
    tell("\n".join(lines) or f"no package has a plugin; kinds: {', '.join(PROTOCOLS)}")


@plugins_command.command("check")
@CONFIG_OF_BOT
@JSON
def check_command(config: Path | None, as_json: bool) -> None:
    """Load every plugin that the configuration names as a run does, say what came of it, and end it again."""
    found = trio.run(checked, settings_of(config), click.get_current_context().ensure_object(SecretRegistry))
    if as_json:
        tell_json(found)
    else:
        tell("\n".join(map(_line, found)) or "the configuration names no plugin")
    sys.exit(0 if all(one.plugin.state == READY for one in found) else EXIT_NOT_READY)


def listed(settings: Settings) -> list[Listed]:
    """Every plugin that is installed."""
    named = {(use.kind, use.name) for use in settings.plugins.load} | {(VENUES, settings.second_spot.venue)}
    return [Listed(plugin=one, is_named=(one.kind, one.name) in named) for one in PluginRegistry().installed()]


async def checked(settings: Settings, secrets: SecretRegistry) -> list[Checked]:
    """Load what the settings name, each in its own process, and end it; that of a venue is loaded here.

    Raises:
        ConfigError: one is not installed, or its variable is empty; the one of a venue cannot be loaded.
    """
    second = [Checked(plugin=status, columns=()) for status in second_spot_of(settings).standing()]
    plugins = plugins_of(settings, PluginRegistry(), secrets, EventLog(SystemClock(), []))
    try:
        await plugins.start()
        return second + [
            Checked(plugin=host.status, columns=tuple(column.title for column in host.columns))
            for host in plugins.hosts
        ]
    finally:
        await plugins.aclose()


def _line(one: Checked) -> str:
    plugin = one.plugin
    what = f"off: {plugin.last_fault}" if plugin.last_fault else plugin.state
    adds = f"; adds {', '.join(one.columns)}" if one.columns else ""
    return f"{plugin.kind:<10} {plugin.name:<20} {what}{adds} ({plugin.package})"
