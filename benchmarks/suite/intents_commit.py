"""Target 8: both legs' intents with their evidence, durable after one round trip.

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

COMMITS = 200


def measure(effort: Effort) -> list[Target]:
    """See `beside_asyncpg`."""
    return [beside_asyncpg("8 commit of both intents, p50", COMMITS, effort, _ours, _theirs, limit_ms=0.7)]


async def _ours(commits: int, store: PostgresStore, epoch: int) -> Figures:
    def call(done: Done) -> Callable[[], Awaitable[object]]:
        return lambda: store.commit_intents(
            done.intents, execution_id=done.execution_id, opportunity=done.opportunity
        )

    return await timed_ms([call(done) for done in executions(epoch, commits)])


async def _theirs(commits: int, connection: asyncpg.Connection[asyncpg.Record], epoch: int, _: int) -> Figures:
    def call(number: int, done: Done) -> Callable[[], Awaitable[object]]:
        return lambda: connection.fetchrow(
            queries.COMMIT_INTENTS, str(BOOK), epoch, epoch * NUMBERS_OF_EPOCH + number,
            rows.intents_document(done.intents, done.execution_id, done.opportunity),
        )

    return await timed_ms([call(n, done) for n, done in enumerate(executions(epoch, commits), 1)])
