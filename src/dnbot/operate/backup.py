"""`dnbot db dump` and `db restore`: the whole database as one file of PostgreSQL's own format, and back.

The dump is one snapshot: a bot may run meanwhile. It goes only into a database without tables, so that no ledger is
ever mixed with another. The programs are those of the embedded server's package, whatever the system has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import attrs
import trio

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.operate.control_socket import only_bot_of
from dnbot.operate.database_place import programs_environment
from dnbot.operate.output_files import writing
from dnbot.operate.report import reached_dsn
from dnbot.operate.run import database_dsn, state_dir
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.postgres_binaries import clean_environment, find_binaries
from dnbot.ports.postgres_migrate import migrate

PRIVATE = 0o600
SAID_MAX = 600
"""Characters of the program's own last words."""
TABLES_SQL = "select count(*) from pg_tables where schemaname = 'public'"
HOLDS_SQL = (
    "select (select count(*) from runs) || ' runs, ' || (select count(*) from fills) || ' fills, newest run began ' || "
    "coalesce((select to_char(max(started_at), 'YYYY-MM-DD HH24:MI:SS UTC') from runs), 'never')"
)


@attrs.frozen
class _Database:
    """One that PostgreSQL's programs connect to."""

    dsn: str = attrs.field(repr=False)
    is_external: bool

    @property
    def environment(self) -> dict[str, str]:
        """What they inherit. The embedded one is whole in its address: what the user has set is about another."""
        return programs_environment() if self.is_external else clean_environment()


async def dump_database(settings: Settings, file: Path) -> str:
    """Write the database to a new file that only its owner can read; says what is in it.

    Raises:
        ConfigError: there is no database, or the file exists already or cannot be written.
        StoreUnreachable: it cannot be reached, or the program failed.
    """
    _refuse_existing(file)
    with _private_part(file) as part:
        async with reached_dsn(settings) as dsn:
            database = _Database(dsn, is_external=bool(settings.database.dsn_env))
            await _run("pg_dump", database, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
            listed = await _run("pg_restore", None, "--list", str(part))
            with writing(file, "file"):
                part.rename(file)
            holds = await _asked(database, HOLDS_SQL)
    tables = sum(" TABLE DATA " in line for line in listed.splitlines())
    return f"wrote {file}: {tables} tables, {holds}"


async def restore_database(settings: Settings, file: Path) -> str:
    """Fill the configured database, which must have no tables, and bring it to this version; says what it holds.

    Raises:
        ConfigError: a bot runs there, the database is not empty, or the file is no dump.
        StoreUnreachable: it cannot be reached, or the program failed; nothing of the file is then in the database.
    """
    _need_file(file)
    home, log = state_dir(settings), EventLog(SystemClock(), [])
    with only_bot_of(home):
        await _run("pg_restore", None, "--list", str(file))
        async with database_dsn(settings, home, log, SecretRegistry()) as dsn:
            database = _Database(dsn, is_external=bool(settings.database.dsn_env))
            tables = await _asked(database, TABLES_SQL)
            if tables != "0":
                allowed = "an empty database: name another state_dir, or another database in the variable of dsn_env"
                raise ConfigError(str(home), "database", f"{tables} tables", allowed)
            options = "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"
            await _run("pg_restore", database, *options, str(file))
            applied = await migrate(dsn, log=log)
            holds = await _asked(database, HOLDS_SQL)
    newer = f"; applied {', '.join(applied)}" if applied else ""
    return f"restored {file}: {holds}{newer}"


@contextmanager
def _private_part(file: Path) -> Iterator[Path]:
    """Where a file grows that its owner alone can read; gone at the end, unless it became the file."""
    part = file.with_name(f"{file.name}.part")
    with writing(file, "file"):
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _need_file(file: Path) -> None:
    allowed = "a file that `dnbot db dump` wrote"
    with writing(file, "file", allowed):
        is_there = file.is_file()
    if not is_there:
        raise ConfigError(str(file), "file", "nothing", allowed)


def _refuse_existing(file: Path) -> None:
    with writing(file, "file"):
        is_there, has_folder = file.exists(), file.absolute().parent.is_dir()
    if is_there:
        raise ConfigError(str(file), "file", "a file that is there already", "a file that does not exist yet")
    if not has_folder:
        raise ConfigError(str(file), "file", "no folder to write it in", "a file in a folder that exists")


async def _asked(database: _Database, sql: str) -> str:
    """One value, of whatever version the schema is: a dump may be needed because it is an older one."""
    return (await _run("psql", database, "--no-psqlrc", "--tuples-only", "--no-align", f"--command={sql}")).strip()


async def _run(program: str, database: _Database | None, *options: str) -> str:
    """Run one of PostgreSQL's programs; a password reaches it through its environment, which no other user can read.

    Raises:
        StoreUnreachable: it failed, with its last words.
    """
    environment = clean_environment() if database is None else database.environment
    command = [find_binaries().path(program), *options]
    if database is not None:
        address, password = without_password(database.dsn)
        command += [f"--dbname={address}", "--no-password"]  # nobody may be there to be asked
        if password:
            environment["PGPASSWORD"] = password
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, env=environment)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-SAID_MAX:]
        raise StoreUnreachable(f"{program} failed with {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def without_password(dsn: str) -> tuple[str, str]:
    """A connection string of URI form, and the password that was in it, before the host or among the options."""
    parts = urlsplit(dsn)
    options = parts.query.split("&") if parts.query else []
    passwords = [unquote(option.partition("=")[2]) for option in options if option.startswith("password=")]
    user, has_one, written = parts.netloc.rpartition("@")[0].partition(":")
    netloc = parts.netloc
    if has_one:
        passwords.append(unquote(written))
        netloc = f"{user}@{parts.netloc.rpartition('@')[2]}"
    query = "&".join(option for option in options if not option.startswith("password="))
    return urlunsplit(parts._replace(netloc=netloc, query=query)), passwords[0] if passwords else ""
