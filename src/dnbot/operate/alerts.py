"""`dnbot alerts`: what is open at the running bot, and what the database has; and a trial of the services."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import trio

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.monitor.book import OpenAlert
from dnbot.operate import report_queries as queries
from dnbot.operate.alert_places import load_alert_secrets
from dnbot.operate.alert_words import AlertsStanding
from dnbot.operate.control_client import NoBot, ask_status
from dnbot.operate.plugin_channels import with_channels
from dnbot.operate.plugin_registry import PluginRegistry
from dnbot.operate.plugin_set import PluginSet, plugins_of
from dnbot.operate.report import opened_store
from dnbot.operate.report_data import BEGINNING
from dnbot.operate.run import state_dir
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.notifier import AppriseProcess, Message
from dnbot.ports.redaction import escape_text

STORED_MAX = 1_000
EXIT_UNTOLD = 1


class StoredAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the database. An alert that is over has a second one at level info that begins with `resolved`."""

    at: datetime
    level: str
    key: str
    text: str


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell."""

    now_ns: int
    standing: AlertsStanding | None
    """Of the running bot; None: none runs here."""
    stored: tuple[StoredAlert, ...]
    """Newest last, at most `STORED_MAX`."""


async def list_alerts(settings: Settings, since: timedelta | None) -> AlertList:
    """Ask the bot of this state folder, if one runs, and the database.

    Raises:
        ConfigError: there is no database yet.
        StoreUnreachable: it cannot be reached.
    """
    now_ns = SystemClock().now_ns()
    try:
        standing = (await ask_status(state_dir(settings), False)).standing
    except NoBot:
        standing = None
    until = BEGINNING + timedelta(microseconds=now_ns // 1000)
    begin = BEGINNING if since is None else until - since
    async with opened_store(settings) as store:
        rows = await store.read_as_written(queries.ALERTS, str(settings.strategy.symbol), begin, until, STORED_MAX)
    return AlertList(now_ns=now_ns, standing=standing, stored=tuple(map(_stored, reversed(rows))))


def _stored(row: dict[str, Any]) -> StoredAlert:
    return StoredAlert(at=row["at"], level=row["level"], key=row["key"], text=row["text"])


async def try_services(settings: Settings) -> tuple[str, int]:
    """Send one notice to every service; what came of each, and the exit code.

    Raises:
        ConfigError: no service and no plugin is configured, its variable is empty, or a plugin is not installed.
    """
    registry = SecretRegistry()
    secrets = load_alert_secrets(settings, registry)
    plugins = plugins_of(settings, PluginRegistry(), registry, EventLog(SystemClock(), []))
    channels = PluginSet(plugins.of_kind("alerts"))
    if not (secrets.services or channels.hosts):
        allowed = "the NAME of a variable with the services' URLs, or a plugin of kind alerts in plugins.load"
        raise ConfigError("settings", "alerts.urls", "nothing", allowed)
    notifier = with_channels(AppriseProcess(secrets.services), channels.hosts)
    everybody = list(range(notifier.services))
    body = f"a trial of the alerts of {settings.strategy.symbol}, {settings.mode}: nothing is wrong"
    try:
        await channels.start()
        failed = await notifier.send(Message(level="info", title="dnbot: a trial", body=body, to=everybody))
    finally:
        await channels.aclose()
        with trio.CancelScope(shield=True):
            await notifier.aclose()
    names = [f"service {number + 1}" for number in range(len(secrets.services))]
    names += [f"plugin {host.use.name}" for host in channels.hosts]
    lines = [f"{name}: {'NOT told' if number in failed else 'told'}" for number, name in enumerate(names)]
    lines += [f"plugin {host.use.name}: {host.last_fault}" for host in channels.hosts if host.last_fault]
    return "\n".join(lines), EXIT_UNTOLD if failed else 0


def alerts_text(found: AlertList) -> str:
    """For a person."""
    if found.standing is None:
        lines = ["no bot runs here: what is open is not known"]
    elif found.standing.open:
        lines = ["open:", *(_open_line(one, found.now_ns) for one in found.standing.open)]
    else:
        lines = ["open: none"]
    if found.standing is not None:
        told = found.standing
        lines.append(
            f"{told.services} services: {told.sent} notices told, {told.failed} not, {told.dropped} dropped, "
            f"{told.waiting} waiting; heartbeats {'not configured' if told.heartbeats is None else told.heartbeats}"
        )
    lines += ["stored:" if found.stored else "stored: none"]
    lines += [
        f"  {one.at:%Y-%m-%d %H:%M:%S}Z  {one.level:<9} {escape_text(one.key)}: {escape_text(one.text)}"
        for one in found.stored
    ]
    return "\n".join(lines)


def _open_line(one: OpenAlert, now_ns: int) -> str:
    seconds = Decimal(max(0, now_ns - one.since_ns)) / 10**9
    told = f"told as {one.told}" if one.told else "not told"
    return f"  {one.level:<9} {escape_text(one.key)} for {seconds:.0f} s, {told}: {escape_text(one.text)}"
