"""`dnbot db`: migrations of the configured database, embedded or not."""

from __future__ import annotations

from dnbot.config import Settings
from dnbot.operate.report import reached_dsn
from dnbot.operate.run import database_dsn, state_dir
from dnbot.operate.state_folder import made_private
from dnbot.ports import postgres
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog


async def migrate_database(settings: Settings) -> str:
    """Apply what is missing; says what was applied."""
    log = EventLog(SystemClock(), [])
    home = state_dir(settings)
    made_private(home)
    async with database_dsn(settings, home, log, SecretRegistry()) as dsn:
        applied = await postgres.migrate(dsn, log=log)
    return "\n".join(f"applied {name}" for name in applied) or "nothing to apply"


async def database_status(settings: Settings) -> str:
    """One line per migration: applied, or pending; a bot may be running meanwhile."""
    async with reached_dsn(settings) as dsn:
        found = await postgres.status(dsn, log=EventLog(SystemClock(), []))
    return "\n".join([*(f"applied  {name}" for name in found.applied), *(f"pending  {name}" for name in found.pending)])
