"""`dnbot db`: migrations of the configured database, embedded or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dnbot.config import Settings
from dnbot.operate.run import database_dsn, state_dir
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import migrate, migration_status


async def migrate_database(settings: Settings) -> str:
    """Apply what is missing; says what was applied."""
    applied = await _with_dsn(settings, migrate)
    return "\n".join(f"applied {name}" for name in applied) or "nothing to apply"


async def database_status(settings: Settings) -> str:
    """One line per migration."""
    return "\n".join(await _with_dsn(settings, migration_status))


async def _with_dsn(settings: Settings, use: Callable[[str], Awaitable[tuple[str, ...]]]) -> tuple[str, ...]:
    log = EventLog(SystemClock(), [])
    home = state_dir(settings)
    home.mkdir(parents=True, exist_ok=True)
    async with database_dsn(settings, home, log) as dsn:
        return tuple(await use(dsn))
