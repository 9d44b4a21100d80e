"""What the container drill waits for: a condition, a bot that runs, pairs that end by the database inside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.lab.drills_engine import Container
from dnbot.lab.drills_repetition import STEADY
from dnbot.lab.drills_stage import SYMBOL
from dnbot.ports.embedded_postgres import DATABASE, SOCKET_NAME, SOCKET_NOTE, USER
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore, open_postgres_store

STARTED_S_MAX = 120.0
TRADES_S_MAX = 90.0
PAIRS_LEAST = 5


async def until(holds: Callable[[], Awaitable[Any]], limit_s: float, what: str, pause_s: float = 0.5) -> None:
    """Wait for a condition; raises RuntimeError when it did not come true in time."""
    with trio.move_on_after(limit_s):
        while not await holds():  # noqa: ASYNC110 (another process sets no event)
            await trio.sleep(pause_s)
        return
    raise RuntimeError(f"{what} within {limit_s:.0f} s")


@attrs.frozen
class Onlooker:
    """Looks into containers from this side."""

    log: EventLog

    async def bot_runs(self, container: Container, *, other_than: int = 0) -> int:
        """The process id of its bot, once it has one, and it is not `other_than`."""
        found = 0

        async def runs() -> bool:
            nonlocal found
            found = await container.bot_pid() or 0
            return found not in (0, other_than)

        try:
            await until(runs, STARTED_S_MAX, f"no bot runs in {container.name}")
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {(await container.log())[-500:]}") from None
        return found

    async def trades(self, container: Container, since_ns: int) -> float:
        """Seconds until so many pairs have ended since then, by the database inside."""
        began_s = trio.current_time()
        pid = await self.bot_runs(container)

        async def enough() -> bool:
            if _socket_of(container, pid) is None:
                return False
            with suppress(OperatingError, ConfigError):  # the server is starting, or the tables are being made
                async with self.store(container, pid) as store:
                    return int((await store.read(STEADY, str(SYMBOL), since_ns))[0]["n"]) >= PAIRS_LEAST
            return False

        try:
            await until(enough, TRADES_S_MAX, f"fewer than {PAIRS_LEAST} pairs")
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {(await container.log())[-500:]}") from None
        return round(trio.current_time() - began_s, 2)

    @asynccontextmanager
    async def store(self, container: Container, pid: int) -> AsyncGenerator[PostgresStore, None]:
        """The database inside a container that has no network: through the root of a process of its."""
        folder = _socket_of(container, pid)
        if folder is None:
            raise RuntimeError("the database's socket is not there")
        dsn = f"postgresql://{USER}@/{DATABASE}?host={quote(folder, safe='')}"
        async with open_postgres_store(dsn, log=self.log, only_reads=True) as store:
            yield store


def _socket_of(container: Container, pid: int) -> str | None:
    """The folder of the database's socket as this side reaches it; None while there is none."""
    try:
        inside = (container.home / "postgres" / SOCKET_NOTE).read_text()
    except OSError:
        return None
    folder = Path(f"/proc/{pid}/root{inside}")
    return str(folder) if inside and (folder / SOCKET_NAME).exists() else None
