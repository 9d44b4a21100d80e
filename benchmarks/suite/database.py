"""A PostgreSQL in a process beside the benchmark, bare asyncpg on it, and what its disk takes to keep a page."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import asyncpg
import attrs
import trio

from dnbot.domain.instrument import Symbol
from dnbot.ports import postgres_queries as queries
from dnbot.ports import postgres_rows as rows
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_sessions import SETTINGS
from suite.children import serving
from suite.figures import Figures, quantile
from suite.measuring import Effort, interleaved
from suite.profiles import profiled, unprofiled
from suite.target import Target

T = TypeVar("T")

PAGE_BYTES = 8192
WARM_UP = 10
NUMBERS_OF_EPOCH = 1_000_000_000
BOOK = Symbol("BTC", "USDT")
"""Of all contenders: each begins a run of its own, which ends the one before."""


@attrs.frozen
class Database:
    """Where it listens, and the folder that it keeps its data in."""

    dsn: str
    folder: Path


Ours = Callable[[int, PostgresStore, int], Awaitable[Figures]]
"""Measures so many calls of the bot's store, in the epoch that it began."""
Theirs = Callable[[int, "asyncpg.Connection[asyncpg.Record]", int, int], Awaitable[Figures]]
"""The same of one bare connection, with the epoch that it began and the last number of a record."""


def beside_asyncpg(name: str, times: int, effort: Effort, ours: Ours, theirs: Theirs, *, limit_ms: float) -> Target:
    """The p50 of so many calls against its limit and bare asyncpg; the disk's share in the detail."""
    counted = effort.times(times)
    called = WARM_UP + counted
    with database() as found:
        rounds = interleaved(
            effort.rounds,
            {
                "ours": lambda: with_store(found.dsn, partial(ours, called)),
                "asyncpg": lambda: with_asyncpg(found.dsn, partial(theirs, called)),
                "fsync": lambda: fsync_us(found.folder, counted),
            },
        )
    return Target(
        name, "ms", rounds.median("ours", "p50"), limit=limit_ms, factor=1 / 1.6,
        beside="bare asyncpg", comparison=rounds.median("asyncpg", "p50"),
        detail=f"p99 {rounds.median('ours', 'p99'):.2f} ms; rounds {rounds.spread('ours', 'p50')}",
        floor=rounds.median("fsync", "p50") / 1000, floor_of="8 kB to the disk",
        again=partial(_again, partial(ours, called)),
    )


def _again(work: Callable[[PostgresStore, int], Awaitable[Figures]]) -> None:
    with unprofiled(), database() as found:
        with_store(found.dsn, work)


@contextmanager
def database(core: int | None = None) -> Iterator[Database]:
    """A new database with the present schema, on that core alone if one is named; it is gone after the block."""
    with TemporaryDirectory() as folder, serving("database:serve", folder, core=core) as dsn:
        yield Database(dsn, Path(folder))


def serve(folder: str) -> None:
    """The server's process."""
    trio.run(_serve, Path(folder) / "db")


async def _serve(folder: Path) -> None:
    async with embedded_postgres(folder, EventLog(SystemClock(), [])) as server:
        await migrate(server.dsn)
        print(json.dumps(server.dsn), flush=True)
        async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
            while await stdin.receive_some():
                pass


def fsync_us(folder: Path, times: int) -> Figures:
    """µs to write a page and have it on the disk: no durable commit can be quicker."""
    samples = []
    path = folder / "page"
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            began_ns = time.perf_counter_ns()
            file.seek(0)
            file.write(os.urandom(PAGE_BYTES))
            os.fdatasync(file.fileno())
            samples.append((time.perf_counter_ns() - began_ns) / 1000)
    path.unlink()
    return {"p50": quantile(samples, 0.5)}


def with_store(dsn: str, work: Callable[[PostgresStore, int], Awaitable[T]]) -> T:
    """What `work` measures with the bot's store and the epoch that it began."""

    async def main() -> T:
        async with open_postgres_store(dsn) as store:
            began_ns = SystemClock().now_ns()
            epoch = await store.begin_run(BOOK, version="bench", settings="{}", started_at_ns=began_ns)
            return await work(store, epoch)

    return trio.run(main)


def with_asyncpg(
    dsn: str, work: Callable[[asyncpg.Connection[asyncpg.Record], int, int], Awaitable[T]]
) -> T:
    """What `work` measures with one bare connection, the epoch that it began, and the last number of a record."""

    async def main() -> T:
        connection = await asyncpg.connect(dsn, server_settings=SETTINGS)
        try:
            began_ns = SystemClock().now_ns()
            row = await connection.fetchrow(
                queries.BEGIN_RUN, BOOK.base, BOOK.quote, "bench", "{}", rows.instant(began_ns), began_ns
            )
            assert row is not None
            return await work(connection, row["o_epoch"], row["o_sequence"])
        finally:
            await connection.close()

    return asyncio.run(main())


async def timed_ms(calls: Sequence[Callable[[], Awaitable[object]]]) -> Figures:
    """ms of each call, after WARM_UP that do not count: `p50` and `p99`. A profile counts nothing but the calls."""
    samples = []
    with profiled():
        for call in calls:
            began_ns = time.perf_counter_ns()
            await call()
            samples.append((time.perf_counter_ns() - began_ns) / 1e6)
    counted = samples[WARM_UP:]
    return {"p50": quantile(counted, 0.5), "p99": quantile(counted, 0.99)}
