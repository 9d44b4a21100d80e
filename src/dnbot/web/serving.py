"""What every dashboard does beside its pages: take its port when it is free, and keep a reading pool open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.web.places import Place, tell_address
from dnbot.web.server import PortTaken, WebServer, contained, listeners_at

AGAIN_S = 5.0
"""How often a port that was taken, or a database that was away, is tried again."""


async def keep_listening(
    server: WebServer, place: Place, home: Path, say: Callable[[str], None], *, without: str
) -> None:
    """Serve for ever; while the port is somebody else's say so once, and take it when it is free.

    Args:
        without: what goes on without a dashboard meanwhile, for the person at the terminal.
    """
    told = False
    while True:
        with contained(server.log):
            try:
                async with listeners_at(place.host, place.port) as listeners:
                    tell_address(home, place)
                    server.log.info("web_listens", url=place.url)
                    say(f"dashboard: {place.url}  (`dnbot dashboard` prints a link that logs in)")
                    await server.serve(listeners)
            except (PortTaken, OSError) as error:
                if not told:
                    server.log.warning("web_not_served", why=str(error))
                    say(f"NO DASHBOARD: {error}; {without} runs without it and takes the port when it is free")
                    told = True
        await trio.sleep(AGAIN_S)


async def keep_reading(dsn: str, log: EventLog, use: Callable[[PostgresStore | None], None]) -> None:
    """Keep a pool that may only read open for ever; `use` is told of each one, and of None while there is none."""
    while True:
        with contained(log):
            try:
                async with open_postgres_store(dsn, log=log, only_reads=True) as store:
                    use(store)
                    await trio.sleep_forever()
            except (ConfigError, OperatingError) as error:
                log.warning("web_database", error=str(error))
            finally:
                use(None)
        await trio.sleep(AGAIN_S)
