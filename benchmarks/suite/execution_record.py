"""Target 12: everything of one execution (trade, orders, fills, positions, ledger, metrics) in one transaction.

The comparison calls the same SQL function with the same document, made in the same way, by bare asyncpg on asyncio.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dnbot.ports import postgres_queries as queries
from dnbot.ports import postgres_rows as rows
from suite.database import BOOK, NUMBERS_OF_EPOCH, beside_asyncpg, timed_ms
from suite.executions import Done, executions

if TYPE_CHECKING:
    import asyncpg

    from dnbot.ports.postgres import PostgresStore
    from suite.figures import Figures
    from suite.measuring import Effort
    from suite.target import Target

RECORDS = 100


def measure(effort: Effort) -> list[Target]:
    """See `beside_asyncpg`."""
    return [beside_asyncpg("12 execution record, p50", RECORDS, effort, _ours, _theirs, limit_ms=1.0)]


async def _ours(times: int, store: PostgresStore, epoch: int) -> Figures:
    done = executions(epoch, times)
    for one in done:
        await store.commit_intents(one.intents, execution_id=one.execution_id, opportunity=one.opportunity)

    def call(one: Done) -> Callable[[], Awaitable[object]]:
        return lambda: store.append(one.records)

    return await timed_ms([call(one) for one in done])


async def _theirs(times: int, connection: asyncpg.Connection[asyncpg.Record], epoch: int, after: int) -> Figures:
    done = executions(epoch, times)
    for number, one in enumerate(done, 1):
        document = rows.intents_document(one.intents, one.execution_id, one.opportunity)
        await connection.fetchrow(
            queries.COMMIT_INTENTS, str(BOOK), epoch, epoch * NUMBERS_OF_EPOCH + number, document
        )
    calls = []
    for one in done:
        calls.append(_append(connection, epoch, after, one))
        after += len(one.records)
    return await timed_ms(calls)


def _append(
    connection: asyncpg.Connection[asyncpg.Record], epoch: int, after: int, one: Done
) -> Callable[[], Awaitable[object]]:
    return lambda: connection.fetchrow(
        queries.APPEND_RECORDS, str(BOOK), epoch, after, len(one.records), rows.records_document(one.records, after)
    )
