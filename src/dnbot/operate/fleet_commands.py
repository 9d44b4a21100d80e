"""`dnbot task ...` and `dnbot fleet ...` on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import trio

from dnbot.config.rules import check_to_trade
from dnbot.domain.errors import ConfigError
from dnbot.domain.units import ZERO
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired
from dnbot.fleet.risk import FleetRisk
from dnbot.fleet.words import NewTask, Picture, Task
from dnbot.operate import fleet_text
from dnbot.operate.command_words import JSON, WHY
from dnbot.operate.console import tell, tell_json
from dnbot.operate.control import name_of
from dnbot.operate.fleet_risk import risk_now
from dnbot.operate.task_settings import accounts_of, task_settings
from dnbot.operate.worker import fleet_dsn
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.fleet_risk import PostgresFleetRisk
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.ports.tasks import TaskStore

DSN_ENV = "DNBOT_FLEET_DSN"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_T = TypeVar("_T")
DSN = click.option(
    "--dsn-env", default=DSN_ENV, show_default=True, help="The variable with the connection string of the fleet."
)
_TASK = click.argument("task_id", metavar="TASK")


@click.group("task")
def task_group() -> None:
    """Tasks of the fleet: each is one bot on one symbol, run by whichever worker holds it."""


@task_group.command("add")
@_TASK
@click.option("--config", required=True, type=click.Path(path_type=Path, dir_okay=False), help="TOML; it is copied.")
@click.option("--weight", type=click.IntRange(1), default=1, show_default=True, help="Of a worker's capacity.")
@click.option("--priority", type=int, default=0, show_default=True, help="Higher ones are held first.")
@JSON
@DSN
def add(task_id: str, config: Path, weight: int, priority: int, as_json: bool, dsn_env: str) -> None:
    """Add a task; a worker takes it at once. Its symbol and its accounts may belong to no other task."""
    if not _NAME.fullmatch(task_id):
        raise ConfigError("command line", "TASK", task_id, "up to 40 of a-z, 0-9, - and _")
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(config), "file", str(error), "a readable TOML file") from None
    settings = task_settings(str(config), text, dsn_env, LeaseTerms())
    check_to_trade(str(config), settings)
    new = NewTask(
        task_id=task_id, symbol=settings.strategy.symbol, settings=text, accounts=accounts_of(settings), weight=weight,
        priority=priority,
    )
    _on_fleet(dsn_env, lambda tasks: tasks.add(new, who=_who()))
    text = f"added {task_id}: {new.symbol}, mode {settings.mode}, on {', '.join(new.accounts)}"
    _tell({"added": task_id, "symbol": str(new.symbol), "accounts": new.accounts}, text, as_json)


@task_group.command("list")
@JSON
@DSN
def list_(as_json: bool, dsn_env: str) -> None:
    """All tasks, and who holds them."""
    tasks = _on_fleet(dsn_env, lambda fleet: fleet.picture(), only_reads=True).tasks
    _tell(list(map(fleet_text.task_dict, tasks)), fleet_text.tasks_text(tasks), as_json)


@task_group.command()
@_TASK
@JSON
@DSN
def show(task_id: str, as_json: bool, dsn_env: str) -> None:
    """One task: its state, its lease, and what its bot last said of itself."""
    found = _on_fleet(dsn_env, lambda tasks: tasks.details(task_id), only_reads=True)
    _tell(fleet_text.details_dict(found), fleet_text.details_text(found), as_json)


@task_group.command()
@_TASK
@WHY
@JSON
@DSN
def pause(task_id: str, why: str, as_json: bool, dsn_env: str) -> None:
    """Take no new risk; its bot goes on and keeps the hedge."""
    _want(task_id, Desired.PAUSED, why, as_json, dsn_env)


@task_group.command()
@_TASK
@WHY
@JSON
@DSN
def resume(task_id: str, why: str, as_json: bool, dsn_env: str) -> None:
    """Run it again: after a pause, a stop or a quarantine. A halt of its bot stays."""
    _want(task_id, Desired.RUNNING, why, as_json, dsn_env)


@task_group.command()
@_TASK
@WHY
@JSON
@DSN
def stop(task_id: str, why: str, as_json: bool, dsn_env: str) -> None:
    """End its bot cleanly, as its shutdown_policy says, and run it no more."""
    _want(task_id, Desired.STOPPED, why, as_json, dsn_env)


@task_group.command()
@_TASK
@JSON
@DSN
def remove(task_id: str, as_json: bool, dsn_env: str) -> None:
    """Forget a task that is stopped; its history, and everything that was traded, stay."""
    _on_fleet(dsn_env, lambda tasks: tasks.remove(task_id, who=_who()))
    _tell({"removed": task_id}, f"removed {task_id}", as_json)


@task_group.command()
@_TASK
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@JSON
@DSN
def history(task_id: str, last: int, as_json: bool, dsn_env: str) -> None:
    """What happened to a task, and who did it; also of one that was removed."""
    found = _on_fleet(dsn_env, lambda tasks: tasks.history(task_id, last), only_reads=True)
    _tell(list(map(fleet_text.event_dict, found)), fleet_text.history_text(found), as_json)


@click.group("fleet")
def fleet_group() -> None:
    """The fleet as a whole."""


@fleet_group.command()
@JSON
@DSN
def status(as_json: bool, dsn_env: str) -> None:
    """Workers, tasks, leases, which task nobody holds, and where the fleet stands against its limits."""

    async def both(store: PostgresStore) -> tuple[Picture, FleetRisk]:
        return await PostgresTasks(store).picture(), await risk_now(PostgresFleetRisk(store))

    found, risk = _on_database(dsn_env, both, only_reads=True)
    document = fleet_text.fleet_dict(found) | {"risk": fleet_text.risk_dict(risk)}
    _tell(document, "\n\n".join([fleet_text.fleet_text(found), fleet_text.risk_text(risk)]), as_json)


@fleet_group.group("limits")
def limits_group() -> None:
    """Limits over all tasks together: when one is reached none of them takes new risk, and hedges go on."""


@limits_group.command("show")
@JSON
@DSN
def show_limits(as_json: bool, dsn_env: str) -> None:
    """The limits, and what the tasks have together by their newest samples."""
    risk = _on_database(dsn_env, lambda store: risk_now(PostgresFleetRisk(store)), only_reads=True)
    _tell(fleet_text.risk_dict(risk), fleet_text.risk_text(risk), as_json)


def _quote(_context: click.Context, option: click.Parameter, value: str | None) -> Decimal | None:
    """A positive number; `none` becomes 0, which stands for no limit; None: not named."""
    if value is None or value == "none":
        return None if value is None else ZERO
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = ZERO
    if not (number.is_finite() and number > 0):
        raise ConfigError("command line", f"--{option.name}".replace("_", "-"), value, "a number above 0, or none")
    return number


@limits_group.command("set")
@click.option("--gross", callback=_quote, metavar="QUOTE|none",
              help="Most quote units of both legs of all positions, at the mark; or none.")
@click.option("--margin", callback=_quote, metavar="QUOTE|none",
              help="Most quote units of margin that perpetual positions use; or none.")
@click.option("--day-loss", callback=_quote, metavar="QUOTE|none",
              help="Most quote units that equity may be below its first of the day; or none.")
@WHY
@JSON
@DSN
def set_limits(
    gross: Decimal | None, margin: Decimal | None, day_loss: Decimal | None, why: str, as_json: bool, dsn_env: str
) -> None:
    """Set the limits that are named and leave the others; every worker knows them within seconds."""
    given = {"gross_quote_max": gross, "margin_quote_max": margin, "day_loss_quote_max": day_loss}
    changes = {name: value or None for name, value in given.items() if value is not None}
    if not changes:
        raise ConfigError("command line", "limits", "none", "--gross, --margin or --day-loss, each a number or none")

    async def change(store: PostgresStore) -> FleetRisk:
        limits = PostgresFleetRisk(store)
        await limits.set_limits(msgspec.structs.replace(await limits.limits(), **changes), who=_who(), why=why)
        return await risk_now(limits)

    risk = _on_database(dsn_env, change)
    _tell(fleet_text.risk_dict(risk), fleet_text.risk_text(risk), as_json)


def _want(task_id: str, desired: Desired, why: str, as_json: bool, dsn_env: str) -> None:
    task: Task = _on_fleet(dsn_env, lambda tasks: tasks.want(task_id, desired, who=_who(), why=why))
    who = f"its holder {task.holder} is told" if task.is_held else "nobody holds it"
    text = f"{task_id} is to be {desired.value}; it is {task.state.value}, and {who}"
    _tell(fleet_text.task_dict(task), text, as_json)


def _on_fleet(dsn_env: str, ask: Callable[[TaskStore], Awaitable[_T]], *, only_reads: bool = False) -> _T:
    return _on_database(dsn_env, lambda store: ask(PostgresTasks(store)), only_reads=only_reads)


def _on_database(dsn_env: str, ask: Callable[[PostgresStore], Awaitable[_T]], *, only_reads: bool = False) -> _T:
    """Who only looks leaves the schema as it is: workers of an older version may run on it, and could not start again.

    Who writes migrates first, so that nobody who stops a task in a hurry must do that before; workers refuse a pooler.
    """

    async def answer() -> _T:
        dsn = fleet_dsn(dsn_env, registry())
        if not only_reads:
            await migrate(dsn, any_pooler=True)
        async with open_postgres_store(dsn, only_reads=only_reads) as store:
            return await ask(store)

    return trio.run(answer)


def _tell(document: Any, text: str, as_json: bool) -> None:
    if as_json:
        tell_json(document)
    else:
        tell(text)


def registry() -> SecretRegistry:
    """The secrets of this process, which a traceback at its end must not show."""
    return click.get_current_context().ensure_object(SecretRegistry)


def _who() -> str:
    return name_of(os.geteuid())
