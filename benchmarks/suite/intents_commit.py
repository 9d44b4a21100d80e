"""Target 8: both legs' intents with their evidence, durable after one round trip.

The comparison calls the same SQL function with the same document, made in the same way, by bare asyncpg on asyncio.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from dnbot.ports import postgres_queries as queries
from dnbot.ports import postgres_rows as rows
from suite.database import BOOK, WARM_UP, database, fsync_us, timed_ms, with_asyncpg, with_store
from suite.executions import Done, executions
from suite.measuring import Effort, interleaved
from suite.target import Target

if TYPE_CHECKING:
    import asyncpg

    from dnbot.ports.postgres import PostgresStore
    from suite.figures import Figures

COMMITS = 200
NUMBERS_OF_EPOCH = 1_000_000_000



def measure(effort: Effort) -> list[Target]:
    """The p50 against its limit and bare asyncpg; the disk's share in the detail."""
    commits = WARM_UP + effort.times(COMMITS)
    with database() as found:
        rounds = interleaved(
            effort.rounds,
            {
                "ours": lambda: with_store(found.dsn, partial(_ours, commits)),
                "asyncpg": lambda: with_asyncpg(found.dsn, partial(_theirs, commits)),
                "fsync": lambda: fsync_us(found.folder, effort.times(COMMITS)),
            },
        )
    return [
        Target(
            "8 commit of both intents, p50", "ms", rounds.median("ours", "p50"), limit=0.7, factor=1 / 1.6,
            beside="bare asyncpg", comparison=rounds.median("asyncpg", "p50"),
            detail=f"p99 {rounds.median('ours', 'p99'):.2f} ms; rounds {rounds.spread('ours', 'p50')}; "
            f"8 kB to the disk, p50 {rounds.median('fsync', 'p50'):.0f} us",
            again=partial(again, commits),
        )
    ]


def again(commits: int) -> None:
    """Ours once more."""
    with database() as found:
        with_store(found.dsn, partial(_ours, commits))


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
