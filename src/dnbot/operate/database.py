"""`dnbot db`: migrations of the configured database, embedded or not."""

from __future__ import annotations

from dnbot.config import Settings
from dnbot.operate.report import reached_dsn
from dnbot.operate.run import database_dsn, state_dir
from dnbot.operate.state_folder import made_private
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.migrations import MigrationStatus
from dnbot.ports.postgres_migrate import migrate, status


async def migrate_database(settings: Settings) -> list[str]:
    """Apply what is missing; returns what was applied."""
    log = EventLog(SystemClock(), [])
    home = state_dir(settings)
    made_private(home)
    async with database_dsn(settings, home, log, SecretRegistry()) as dsn:
        return list(await migrate(dsn, log=log))


async def database_status(settings: Settings) -> MigrationStatus:
    """Which migrations are applied and pending; a bot may be running meanwhile."""
    async with reached_dsn(settings) as dsn:
        return await status(dsn, log=EventLog(SystemClock(), []))
