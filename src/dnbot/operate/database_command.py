"""`dnbot db`: the schema, its state, a dump and the way back."""

from __future__ import annotations

from pathlib import Path

import click
import trio

from dnbot.operate.backup import dump_database, restore_database
from dnbot.operate.command_words import JSON
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.database import database_status, migrate_database

__all__ = ["database_command"]


@click.group("db")
def database_command() -> None:
    """The database: embedded unless the configuration names another."""


@database_command.command()
@CONFIG_OF_BOT
@JSON
def migrate(config: Path | None, as_json: bool) -> None:
    """Apply the migrations that are missing; `run` does the same."""
    applied = trio.run(migrate_database, settings_of(config))
    text = "\n".join(f"applied {name}" for name in applied) or "nothing to apply"
    if as_json:
        tell_json({"applied": applied})
    else:
        tell(text)


@database_command.command("status")
@CONFIG_OF_BOT
@JSON
def db_status(config: Path | None, as_json: bool) -> None:
    """List the migrations that are applied and pending."""
    found = trio.run(database_status, settings_of(config))
    parts = {"applied": list(found.applied), "pending": list(found.pending)}
    text = "\n".join(f"{what}  {name}" for what, names in parts.items() for name in names)
    if as_json:
        tell_json(parts)
    else:
        tell(text)


@database_command.command()
@CONFIG_OF_BOT
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def dump(config: Path | None, file: Path) -> None:
    """Write the whole database to a new FILE, one consistent moment of it; a bot may be running meanwhile."""
    click.echo(trio.run(dump_database, settings_of(config), file))


@database_command.command()
@CONFIG_OF_BOT
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def restore(config: Path | None, file: Path) -> None:
    """Fill an empty database (a new state folder, or a new external one) from a FILE that `db dump` wrote."""
    click.echo(trio.run(restore_database, settings_of(config), file))
