"""Reading a drill's database, which the drill itself may have taken away for a moment."""

from __future__ import annotations

from typing import Any

import trio

from dnbot.domain.errors import OperatingError
from dnbot.ports.postgres import PostgresStore

TRIES = 40
PAUSE_S = 0.25


async def read_patiently(store: PostgresStore, sql: str, *arguments: object) -> list[dict[str, Any]]:
    """Rows; an outage of `TRIES` pauses is sat out. Raises the last OperatingError after that."""
    for _ in range(TRIES - 1):
        try:
            return await store.read(sql, *arguments)
        except OperatingError:
            await trio.sleep(PAUSE_S)
    return await store.read(sql, *arguments)
