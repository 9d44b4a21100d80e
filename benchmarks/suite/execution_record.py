"""Target 12: everything of one execution (trade, orders, fills, positions, ledger, metrics) in one transaction.

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
from suite.intents_commit import NUMBERS_OF_EPOCH
from suite.measuring import Effort, interleaved
from suite.target import Target

if TYPE_CHECKING:
    import asyncpg

    from dnbot.ports.postgres import PostgresStore
    from suite.figures import Figures

RECORDS = 100


def measure(effort: Effort) -> list[Target]:
    """The p50 against its limit and bare asyncpg; the disk's share in the detail."""
    times = WARM_UP + effort.times(RECORDS)
    with database() as found:
        rounds = interleaved(
            effort.rounds,
            {
                "ours": lambda: with_store(found.dsn, partial(_ours, times)),
                "asyncpg": lambda: with_asyncpg(found.dsn, partial(_theirs, times)),
                "fsync": lambda: fsync_us(found.folder, effort.times(RECORDS)),
            },
        )
    return [
        Target(
            "12 execution record, p50", "ms", rounds.median("ours", "p50"), limit=1.0, factor=1 / 1.6,
            beside="bare asyncpg", comparison=rounds.median("asyncpg", "p50"),
            detail=f"p99 {rounds.median('ours', 'p99'):.2f} ms; rounds {rounds.spread('ours', 'p50')}; "
            f"8 kB to the disk, p50 {rounds.median('fsync', 'p50'):.0f} us",
            again=partial(again, times),
        )
    ]


def again(times: int) -> None:
    """Ours once more."""
    with database() as found:
        with_store(found.dsn, partial(_ours, times))


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
