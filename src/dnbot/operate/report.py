"""`dnbot report`: reach the database (start it, or join the running one), read one period, write what was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import msgspec

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.units import plain
from dnbot.operate.command_words import stretch_of
from dnbot.operate.output_files import made_folder, need_writable, write_file
from dnbot.operate.progress import ProgressLine
from dnbot.operate.report_csv import write_csv
from dnbot.operate.report_data import BEGINNING, Report
from dnbot.operate.report_executions import total_of
from dnbot.operate.report_html import html_of
from dnbot.operate.report_read import read_report
from dnbot.operate.report_text import text_of
from dnbot.operate.run import database_dsn, state_dir
from dnbot.operate.second_spot import names_of
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import DATABASE, SOCKET_NAME, USER
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore, open_postgres_store


@attrs.frozen
class ReportOptions:
    """What the command line asks for."""

    since: timedelta | None = timedelta(hours=24)
    """None: from the beginning of the book."""
    html: Path | None = None
    csv: Path | None = None
    json: Path | None = None
    """`-`: on standard output."""

    @property
    def prints_json(self) -> bool:
        """Whether the figures take the place of the text."""
        return self.json == Path("-")


def parse_since(text: str) -> timedelta | None:
    """Read `90s`, `30m`, `24h`, `7d` or `all`; raises ValueError for anything else."""
    if text == "all":
        return None
    try:
        return stretch_of(text)
    except ValueError as error:
        raise ValueError(f"{error}, or all") from None


async def report_on(settings: Settings, options: ReportOptions) -> str:
    """Write the files that were asked for, and return the text for the terminal.

    Raises:
        ConfigError: a file cannot be written, there is no database yet, or its schema is not this version's.
        StoreUnreachable: it cannot be reached; the sentence says what to do.
    """
    files = {"--html": options.html, "--json": None if options.prints_json else options.json}
    for option, file in files.items():
        if file is not None:
            need_writable(file, option)
    if options.csv is not None:
        made_folder(options.csv, "--csv")
    async with opened_store(settings) as store:
        now_ns = SystemClock().now_ns()
        until = BEGINNING + timedelta(microseconds=now_ns // 1000)
        since = until - options.since if options.since is not None else BEGINNING
        symbol = settings.strategy.symbol
        line = ProgressLine()
        report = await read_report(store.read, symbol, since=since, until=until, tell=line.tell)
        line.tell("")
        written = await write_csv(options.csv, store.read_as_written, report) if options.csv is not None else []
    named = names_of(settings).text
    figures = named(msgspec.json.format(json_of(report), indent=2).decode())
    if options.json is not None and not options.prints_json:
        written.append(write_file(options.json, figures + "\n", "--json"))
    if options.html is not None:
        written.append(write_file(options.html, named(html_of(report)), "--html"))
    if options.prints_json:
        return figures
    return "\n".join([named(text_of(report)), *(f"written: {path}" for path in written)]).rstrip("\n")


# --- the database -----------------------------------------------------------------------------------------------------
@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[PostgresStore]:
    """The configured database; errors as `reached_dsn`."""
    async with reached_dsn(settings) as dsn, open_postgres_store(dsn, log=EventLog(SystemClock(), [])) as store:
        yield store


@asynccontextmanager
async def reached_dsn(settings: Settings) -> AsyncIterator[str]:
    """How to reach the configured database; an embedded one is the running server, else our own within the block.

    Raises:
        ConfigError: there is none.
        StoreUnreachable: another process has it, and it cannot be reached from here.
    """
    log = EventLog(SystemClock(), [])
    home = state_dir(settings)
    if settings.database.dsn_env:
        async with database_dsn(settings, home, log, SecretRegistry()) as dsn:
            yield dsn
        return
    folder = home / "postgres"
    if not (folder / "postgres" / "PG_VERSION").exists():
        raise ConfigError(
            str(home), "database", "none", "a state folder in which `dnbot run` has been (set DNBOT_HOME or --config)"
        )
    running = await _running(folder, log)
    if running is not None:
        yield running
        return
    try:
        async with database_dsn(settings, home, log, SecretRegistry()) as dsn:
            yield dsn
    except ConfigError as error:
        if error.key != "state folder":
            raise
        raise StoreUnreachable(
            f"the database in {folder} is in use by another process, whose socket cannot be reached from here; "
            "run this as the user that runs the bot, or stop the bot first"
        ) from None


async def _running(folder: Path, log: EventLog) -> str | None:
    """The address of a server that runs on this state folder and answers; nothing is ever written there."""
    try:
        host = Path((folder / "postgres.socket").read_text())
        exists = (host / SOCKET_NAME).exists()
    except OSError:
        return None
    if not exists:
        return None
    dsn = f"postgresql://{USER}@/{DATABASE}?host={quote(str(host), safe='')}"
    try:
        async with open_postgres_store(dsn, log=log) as store:
            await store.read("select 1")
    except StoreUnreachable:
        return None
    return dsn


# --- JSON -------------------------------------------------------------------------------------------------------------
def json_of(report: Report) -> bytes:
    """Everything in a report, money as strings with every digit, times in UTC."""
    found = exact_builtins(report)
    found["executions_total"] = {
        name: exact_builtins(getattr(total_of(report.pairs), name))
        for name in ("count", "traded_base", "gross_quote", "fees_quote", "net_quote")
    }
    return msgspec.json.encode(found)


def _properties(kind: type) -> list[str]:
    return [name for name, member in vars(kind).items() if isinstance(member, property)]


def exact_builtins(value: Any) -> Any:
    """A result as JSON has it, with its properties: money as strings with every digit, times in UTC."""
    match value:
        case Decimal():
            return plain(value)
        case msgspec.Struct():
            names = (*value.__struct_fields__, *_properties(type(value)))
            return {name: exact_builtins(getattr(value, name)) for name in names}
        case dict():
            return {name: exact_builtins(inner) for name, inner in value.items()}
        case list() | tuple():
            return [exact_builtins(inner) for inner in value]
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case _:
            return value
