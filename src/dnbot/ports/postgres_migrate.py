"""The schema of a database: what it has, and bringing it to this version's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from dnbot.domain.errors import ConfigError
from dnbot.ports import migrations
from dnbot.ports import postgres_queries as queries
from dnbot.ports.postgres_sessions import (
    CONNECT_S_MAX,
    MissingTable,
    aio,
    connected,
    keeps_its_session,
    on_one_connection,
    transaction,
)
from dnbot.resources import db_dir

if TYPE_CHECKING:
    from dnbot.ports.log import EventLog
    from dnbot.ports.postgres_sessions import Connection

MIGRATE_LOCK_S_MAX = 30.0
_MIGRATION_LOCK = 0x646E626F74  # "dnbot"


async def migrate(dsn: str, *, log: EventLog | None = None, any_pooler: bool = False) -> tuple[str, ...]:
    """Bring a database to this version's schema and return the names of the migrations applied now, in order.

    Under an advisory lock, one transaction each: a second caller waits, then finds nothing to do.
    `any_pooler`: for who ends trading, which may not fail for the way to the database, and looks for no pooler in it.

    Raises:
        ConfigError: the database is newer, an applied file was changed, the DSN cannot be read, or it leads to a pooler
            that lends sessions for a transaction alone.
        StoreUnreachable: the database is; migrations before the failing one stay applied.
    """
    known = migrations.read_migrations(db_dir())

    async def work(connection: Connection) -> tuple[str, ...]:
        if not any_pooler:
            await _refuse_lent_sessions(dsn, connection)
        await aio(connection.execute)(f"set lock_timeout = '{MIGRATE_LOCK_S_MAX}s'")
        await aio(connection.execute)(f"select pg_advisory_lock({_MIGRATION_LOCK})")
        await aio(connection.execute)(migrations.CREATE_TABLE)
        left = migrations.pending(known, await applied(connection))
        for migration in left:
            async with transaction(connection):
                await aio(connection.execute)(migration.sql)
                await aio(connection.execute)(
                    "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
                    migration.version, migration.name, migration.checksum,
                )
        return tuple(f"{migration.version:04d}_{migration.name}" for migration in left)

    return await on_one_connection(dsn, log, work)


async def _refuse_lent_sessions(dsn: str, connection: Connection) -> None:
    """The lock below, the settings of a store and what it listens to last as long as a session, or are of no use."""
    with trio.fail_after(CONNECT_S_MAX):
        async with connected(dsn) as second:
            if await aio(keeps_its_session)(connection, second):
                return
    raise ConfigError(
        "database", "database.dsn_env", "a pooler that gives each transaction another session",
        "a direct connection to PostgreSQL, or a pooler whose sessions last as long as a connection (PgBouncer: "
        "pool_mode = session); for a fleet the variable of its database as well",
    )


async def status(dsn: str, *, log: EventLog | None = None) -> migrations.MigrationStatus:
    """Which migrations a database has and lacks; changes nothing. Raises as `migrate` does."""
    known = migrations.read_migrations(db_dir())

    async def work(connection: Connection) -> migrations.MigrationStatus:
        return migrations.status_of(known, await applied(connection))

    return await on_one_connection(dsn, log, work)


async def applied(connection: Connection) -> list[migrations.Applied]:
    """Those that it says to have."""
    try:
        found = await aio(connection.fetch)(queries.APPLIED)
    except MissingTable:
        return []
    return [migrations.Applied(*row.values()) for row in found]
