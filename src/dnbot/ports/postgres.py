"""The store in PostgreSQL. Every write is one call of one SQL function: one round trip, one transaction."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import trio

from dnbot.domain.errors import ConfigError, InvariantBroken, StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Record
from dnbot.domain.order import OrderIntent
from dnbot.domain.pair import Opportunity
from dnbot.domain.records import CRASH_WINDOW_S, REPAIR_WINDOW_S, TRANSFER_WINDOW_S
from dnbot.domain.transfer import Transfer
from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames, names_of
from dnbot.fleet.words import Lease
from dnbot.ports import migrations
from dnbot.ports import postgres_queries as queries
from dnbot.ports import postgres_rows as rows
from dnbot.ports.postgres_errors import SequenceMoved, TryAgain
from dnbot.ports.postgres_migrate import applied
from dnbot.ports.postgres_reports import Reports
from dnbot.ports.postgres_sessions import (
    COMMAND_S_MAX,
    CONNECT_S_MAX,
    SHIELD_S_MAX,
    Kept,
    Loop,
    aio,
    make_pool,
    mapped,
    one_statement,
    open_loop,
    transaction,
)
from dnbot.ports.record_numbers import RecordNumbers
from dnbot.ports.store import StoredState
from dnbot.ports.store_rebuild import PORTFOLIOS_KEPT, SEEN_MAX
from dnbot.resources import db_dir

if TYPE_CHECKING:
    from dnbot.ports.log import EventLog
    from dnbot.ports.postgres_sessions import Connection, Row

KEPT_MAX = 2  # connections that an intent and a record need not ask the pool for
GIVES_WAY_S_MAX = 0.05  # so long an append waits for intents that are being committed, and for their orders to leave
LEAVE_S = 0.005  # in which orders leave that were committed
COMMIT_INTENTS_S_MAX = 1.0  # an intent expires sooner: a later answer would come for an order that may not leave
TIDY_S_MAX = 60.0
ATTEMPTS = 3  # for a deadlock or serialisation failure: the server has undone everything
JOINED_COMMITS = 500_000_000  # of the thousand million numbers that an epoch has


@asynccontextmanager
async def open_postgres_store(
    dsn: str, *, log: EventLog | None = None, only_reads: bool = False, mask: Callable[[str], str] = str
) -> AsyncGenerator[PostgresStore, None]:
    """A store on a migrated database. Its tasks may live anywhere inside this block; connections end with it.

    `only_reads`: few connections, made when needed, that cannot write and give up early: for whoever looks on.
    `mask` takes the secrets out of whatever holds words of others before it is written.

    Raises:
        ConfigError: the schema is not this version's (run `migrate`), or the DSN cannot be read.
        StoreUnreachable: the database is.
    """
    known = migrations.read_migrations(db_dir())
    async with open_loop(log) as loop:
        with mapped():
            pool = await aio(make_pool, loop)(dsn, only_reads=only_reads)
        store = PostgresStore(Kept(pool, 0 if only_reads else KEPT_MAX), loop, mask)
        try:
            async with store.reading() as connection:
                missing = migrations.status_of(known, await applied(connection)).pending
            if missing:
                raise ConfigError("database", "schema", f"without {', '.join(missing)}", "the present schema: migrate")
            store.names = names_of([row["venue"] for row in await store.read(queries.EXCHANGES)])
            yield store
        finally:
            await store.aclose()


@attrs.define
class PostgresStore(Reports):
    """One bot's store. After `begin_run` it writes for that incarnation alone, and no longer once a newer one began.

    A database has one name for the second spot venue, from before its first run: what is written bears it, and what is
    read back has the role's own (`dnbot.domain.venue_names`).
    """

    _kept: Kept
    _loop: Loop
    _mask: Callable[[str], str] = str
    names: VenueNames = AS_THEY_ARE
    _symbol: Symbol | None = None
    _epoch: int = 0
    _commits: int = 0
    _numbers: RecordNumbers = attrs.field(factory=RecordNumbers)
    _appending: trio.Lock = attrs.field(factory=trio.Lock)
    _committing: int = 0
    _calm: trio.Event | None = None
    """Set when the intents that are being committed now are; None while there are none."""
    _committed_s: float = float("-inf")
    _held: Lease | None = None

    def of_task(self, lease: Lease) -> PostgresStore:
        """The store of a bot that runs on a lease, on the same connections. It begins only while the lease stands."""
        return PostgresStore(self._kept, self._loop, self._mask, held=lease)

    async def begin_run(self, symbol: Symbol, *, version: str, settings: str, started_at_ns: int) -> int:
        """See `Store`. An answer that is lost costs one epoch, which then never writes.

        On a lease the start is by the clock of this database: of two workers whose own clocks differ one could begin,
        be forgotten by a failover, and the other have the same epoch, and so client order ids, again.

        Raises:
            LeaseLost: it is the store of a task whose lease does not stand.
        """
        if self._held is not None:
            started_at_ns = (await self.read(queries.NOW))[0]["ns"]
        started_at = rows.instant(started_at_ns)
        arguments = (symbol.base, symbol.quote, version, self._mask(settings), started_at, started_at_ns)
        if self._held is None:
            row = await self._call(queries.BEGIN_RUN, *arguments)
        else:
            lease = (self._held.task_id, self._held.holder, self._held.epoch)
            row = await self._call(queries.BEGIN_TASK_RUN, *lease, *arguments)
        assert row is not None
        self._symbol, self._epoch = symbol, row["o_epoch"]
        self._numbers.restart(row["o_sequence"])
        return self._epoch

    async def join_run(self, symbol: Symbol) -> int:
        """Commit intents beside the incarnation that has the book, under its epoch, which is returned; for drills.

        Nobody is fenced off. Commits are numbered from where no incarnation gets to.
        """
        found = await self.read(queries.EPOCH, str(symbol))
        if not found:
            raise InvariantBroken(f"{symbol}: no incarnation has begun")
        self._symbol, self._epoch = symbol, found[0]["epoch"]
        self._commits = max(self._commits, JOINED_COMMITS)
        return self._epoch

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """See `Store`. When the answer is lost, the intents are looked up before it is called a failure."""
        book = self._book()
        self._commits += 1
        number = self._epoch * 1_000_000_000 + self._commits
        document = self.names.text(rows.intents_document(intents, execution_id, opportunity))
        try:
            with self._first():
                await self._call(
                    queries.COMMIT_INTENTS, book, self._epoch, number, document, limit_s=COMMIT_INTENTS_S_MAX
                )
        except StoreUnreachable:
            names = [intent.client_order_id for intent in intents]
            found = await self._call(queries.WAS_COMMITTED, names, number, limit_s=COMMIT_INTENTS_S_MAX)
            if found is None or found[0] != len(names):
                raise

    async def commit_transfer(self, transfer: Transfer) -> None:
        """See `Store`. A commit whose answer is lost is a failure: nothing is asked for, whatever is stored."""
        document = self.names.text(rows.transfer_document(transfer))
        await self._call(queries.COMMIT_TRANSFER, self._book(), self._epoch, document, limit_s=COMMIT_INTENTS_S_MAX)

    async def append(self, records: Sequence[Record]) -> None:
        """See `Store`. Calls follow one another.

        After a failure whose outcome is unknown, records are not written twice if the next call starts with the same
        ones, as that of a journal which tries again does.
        """
        async with self._appending:  # it takes a turn: who was woken with us has begun to commit
            with trio.move_on_after(GIVES_WAY_S_MAX):
                while self._calm is not None or trio.current_time() < self._committed_s + LEAVE_S:
                    if self._calm is not None:
                        await self._calm.wait()
                    else:
                        await trio.sleep_until(self._committed_s + LEAVE_S)
            left = tuple(records)
            while left := await self._without_known(left):
                try:
                    await self._append(left)
                except SequenceMoved:
                    if self._numbers.is_sure:
                        raise
                else:
                    return

    @contextmanager
    def _first(self) -> Generator[None, None, None]:
        """A commit in this block holds orders up, an append nobody, and beside one a commit takes three times as long:
        the records of a decision wait until its orders have left."""
        self._committing += 1
        calm = self._calm = trio.Event() if self._calm is None else self._calm
        try:
            yield
        finally:
            self._committing -= 1
            self._committed_s = trio.current_time()
            if not self._committing:
                self._calm = None
                calm.set()

    async def _append(self, records: tuple[Record, ...]) -> None:
        after = self._numbers.sequence
        document = self.names.text(self._mask(rows.records_document(records, after)))
        try:
            await self._call(queries.APPEND_RECORDS, self._book(), self._epoch, after, len(records), document)
        except InvariantBroken:
            raise
        except BaseException:
            self._numbers.unanswered(records)
            raise
        self._numbers.written(records)

    async def _without_known(self, records: tuple[Record, ...]) -> tuple[Record, ...]:
        if self._numbers.is_sure:
            return records
        row = await self._call(queries.SEQUENCE, self._book())
        assert row is not None
        return self._numbers.without_known(records, row[0])

    async def halt(self, symbol: Symbol, *, who: str, why: str, at_ns: int) -> None:
        """See `Halts`."""
        told = self.names.text(self._mask(why))
        await self._call(queries.HALT, symbol.base, symbol.quote, who, told, rows.instant(at_ns), at_ns)

    async def load(self, symbol: Symbol) -> StoredState:
        """See `Store`. `opened` names the venues with an opening entry, of whatever amount."""
        book = str(symbol)
        async with self.reading() as connection:
            fetch = self._fetching(connection)
            saved = await fetch(queries.PORTFOLIO, book)
            after = saved[0]["sequence"] if saved else 0
            found = rows.StoredRows(
                saved=saved,
                fills_after=await fetch(queries.FILLS_AFTER, book, after),
                entries_after=await fetch(queries.ENTRIES_AFTER, book, after),
                mode=await fetch(queries.MODE, book),
                unsettled=await fetch(queries.UNSETTLED, book),
                seen=await fetch(queries.SEEN, book, SEEN_MAX),
                repairs=await fetch(queries.REPAIRS, book, REPAIR_WINDOW_S * 10**9),
                transfers=await fetch(queries.TRANSFERS, book, TRANSFER_WINDOW_S * 10**9),
                crashes=await fetch(queries.CRASHES, book, CRASH_WINDOW_S * 10**9),
                newest=await fetch(queries.NEWEST, book),
            )
        return rows.state_of(symbol, found)

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows of one query, for reports and checks, in a transaction that cannot write."""
        names = self.names
        async with self.reading() as connection:
            return await self._fetching(connection)(names.text(sql), *map(names.value, arguments))

    async def read_as_written(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """The same for what people are shown: arguments and rows have the database's names, whatever the query has."""
        async with self.reading() as connection:
            return [dict(row) for row in await aio(connection.fetch, self._loop)(self.names.text(sql), *arguments)]

    async def take_names(self, names: VenueNames) -> None:
        """Have the second spot venue called so; an empty database still takes any name.

        Raises:
            ConfigError: it has another one, and books under it.
        """
        if names == self.names:
            return
        before, after = self.names.second_spot, names.second_spot
        if await self._call(queries.RENAME_SECOND_SPOT, before, after, after.partition("_")[0].lower()) is None:
            found = f"the ledger of {before}, and this run trades {after}"
            raise ConfigError("database", "second_spot.venue", found, "a state folder or database of its own")
        self.names = names

    def _fetching(self, connection: Connection) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
        """Rows with the role's own name in them."""

        async def fetch(sql: str, *arguments: object) -> list[dict[str, Any]]:
            found = await aio(connection.fetch, self._loop)(sql, *arguments)
            names = self.names
            if not names.exchange:
                return [dict(row) for row in found]
            return [{name: names.value(value) for name, value in row.items()} for row in found]

        return fetch

    async def call(self, sql: str, *arguments: object) -> dict[str, Any]:
        """The row of one statement that is its own transaction; empty without one."""
        row = await self._call(sql, *arguments)
        return {} if row is None else dict(row)

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` whenever a channel is notified, until cancelled. It takes one connection.

        Raises:
            StoreUnreachable: the connection ended; one that hangs is not noticed.
        """
        ended = trio.Event()
        with mapped():
            async with self._lease() as connection:
                connection.add_termination_listener(lambda _: ended.set())
                callback = partial(_hear, heard)
                await aio(connection.add_listener, self._loop)(channel, callback)
                try:
                    heard()  # what was notified until now was not heard
                    await ended.wait()
                finally:
                    if not ended.is_set():
                        connection.terminate()  # it listens, which no other use of it expects
        raise StoreUnreachable("the connection that listens has ended")

    async def ping(self) -> None:
        """See `Store`. It writes: a full disk or a read-only server is found out."""
        await self._call(queries.PING)

    async def keep_tidy(self, *, now_ns: int, retention_days: int) -> None:
        """See `Store`. One transaction per table, so that appends between them need not wait long."""
        now = rows.instant(now_ns)
        for row in await self.read(queries.SERIES):
            async with self._transacting() as connection:
                execute = aio(connection.execute, self._loop)
                await execute(f"set local statement_timeout = '{TIDY_S_MAX}s'")
                await execute(queries.TIDY, row["name"], now, retention_days, timeout=TIDY_S_MAX)
        await self._call(queries.KEEP_PORTFOLIOS, PORTFOLIOS_KEPT)

    async def aclose(self) -> None:
        """See `Store`. What does not close in time is cut."""
        with trio.move_on_after(SHIELD_S_MAX, shield=True) as scope, mapped():
            await aio(self._kept.close, self._loop)()
        if scope.cancelled_caught:
            self._kept.pool.terminate()

    def _book(self) -> str:
        if self._symbol is None:
            raise InvariantBroken("begin_run comes before any other write")
        return str(self._symbol)

    async def _call(self, sql: str, *arguments: object, limit_s: float = COMMAND_S_MAX) -> Row | None:
        """One statement that is its own transaction; repeated when the server undid it because of another one."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._call_once(sql, arguments, limit_s)
            except TryAgain:
                continue
        return await self._call_once(sql, arguments, limit_s)

    async def _call_once(self, sql: str, arguments: tuple[object, ...], limit_s: float) -> Row | None:
        with mapped(), trio.fail_after(limit_s):
            return await aio(one_statement, self._loop)(self._kept, sql, arguments)

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection whose queries all see the same moment, and which cannot write."""
        return self._transacting(isolation="repeatable_read", readonly=True)

    @asynccontextmanager
    async def _transacting(self, **options: Any) -> AsyncGenerator[Connection, None]:
        with mapped():
            async with self._lease() as connection, transaction(connection, self._loop, **options):
                yield connection

    @asynccontextmanager
    async def _lease(self) -> AsyncGenerator[Connection, None]:
        connection = await aio(self._kept.pool.acquire, self._loop)(timeout=CONNECT_S_MAX)
        try:
            yield connection
        finally:
            with trio.move_on_after(SHIELD_S_MAX, shield=True) as scope:
                await aio(self._kept.pool.release, self._loop)(connection)
            if scope.cancelled_caught:
                connection.terminate()


def _hear(heard: Callable[[], None], *_: object) -> None:
    heard()
