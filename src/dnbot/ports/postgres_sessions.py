"""Connections to the database: the only module with asyncio in it, run by trio-asyncio around asyncpg.

Cancelling asyncpg inside a transaction would leak its connection, so BEGIN, COMMIT, ROLLBACK and release are shielded,
each with a limit, after which the connection is cut; only statements can be cancelled.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg
import attrs
import trio
import trio_asyncio

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.ports.postgres_errors import error_of

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from dnbot.ports.log import EventLog

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

POOL_MIN = 3  # the journal, the executor and one desk never wait for a connection to be made
POOL_MAX = 8
READERS_MAX = 2
CONNECT_S_MAX = 5.0
COMMAND_S_MAX = 5.0
SHIELD_S_MAX = 2.0
SETTINGS = {
    "application_name": "dnbot",
    "timezone": "UTC",
    "synchronous_commit": "on",
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}
READS = {
    "application_name": "dnbot dashboard",
    "default_transaction_read_only": "on",
    "statement_timeout": "2s",
}
MARK = "dnbot.session"
READ_MARK = "select current_setting($1, true)"
Loop: TypeAlias = trio_asyncio.TrioEventLoop
Row = asyncpg.Record
MissingTable = asyncpg.UndefinedTableError

_T = TypeVar("_T")


def aio(function: Callable[..., Awaitable[_T]], loop: Loop | None = None) -> Callable[..., Awaitable[_T]]:
    """A function of asyncio's, to be called from Trio: in that loop, or in the one around."""
    wrapped: Callable[..., Awaitable[_T]] = trio_asyncio.aio_as_trio(function, loop=loop)
    return wrapped


@asynccontextmanager
async def open_loop(log: EventLog | None) -> AsyncGenerator[Loop, None]:
    """An asyncio loop that neither wraps the block's exception in groups nor dies of a background complaint."""
    failure: Exception | None = None
    async with trio_asyncio.open_loop() as loop:
        # The default handler would raise out of the loop; asyncpg complains when a connection is cut under it.
        loop.set_exception_handler(lambda _, context: _complain(log, context))
        try:
            yield loop
        except Exception as error:  # noqa: BLE001 (raised again outside, where no nursery of the loop wraps it)
            failure = error
    if failure is not None:
        raise failure


def _complain(log: EventLog | None, context: dict[str, Any]) -> None:
    if log is not None:
        log.warning("postgres_background", what=str(context.get("message")), error=repr(context.get("exception")))


async def make_pool(dsn: str, *, only_reads: bool) -> Pool:
    """To be called inside asyncio. `only_reads`: few connections, made when needed, which cannot write."""
    least, most = (0, READERS_MAX) if only_reads else (POOL_MIN, POOL_MAX)
    return await asyncpg.create_pool(
        dsn, min_size=least, max_size=most, timeout=CONNECT_S_MAX, command_timeout=COMMAND_S_MAX,
        server_settings={**SETTINGS, **READS} if only_reads else SETTINGS,
        max_inactive_connection_lifetime=0, max_cached_statement_lifetime=0, reset=_keep_session,
    )


async def one_statement(kept: Kept, sql: str, arguments: tuple[object, ...]) -> Row | None:
    """Runs inside asyncio, so that it costs one crossing. When cancelled, asyncpg cancels the statement on the server
    and shields the release; what is not released in time is cut."""
    async with AsyncExitStack() as stack:
        connection = await kept.take()

        async def give_back(failure: type[BaseException] | None, *_: object) -> None:
            await kept.give_back(connection, usable=failure is None)

        stack.push_async_exit(give_back)
        row: Row | None = await connection.fetchrow(sql, *arguments)
    return row


@attrs.define
class Kept:
    """Connections that stay out of their pool between statements: to take one and give it back costs a tenth of a
    commit. They are used inside asyncio alone."""

    pool: Pool
    most: int
    _idle: list[PoolConnectionProxy[asyncpg.Record]] = attrs.field(factory=list)

    async def take(self) -> PoolConnectionProxy[asyncpg.Record]:
        """One that is open; of the pool when none is kept."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            await self.give_back(connection, usable=False)
        return await self.pool.acquire()

    async def give_back(self, connection: PoolConnectionProxy[asyncpg.Record], *, usable: bool) -> None:
        """Keep it when it answered and there is room; else it is the pool's again."""
        if usable and len(self._idle) < self.most:
            self._idle.append(connection)
            return
        if not usable and not connection.is_closed():
            await _in_step(connection)
        await self.pool.release(connection, timeout=SHIELD_S_MAX)

    async def close(self) -> None:
        """The pool, too, which waits for what is out."""
        self.most = 0
        while self._idle:
            await self.give_back(self._idle.pop(), usable=False)
        await self.pool.close()


async def _in_step(connection: PoolConnectionProxy[asyncpg.Record]) -> None:
    """Waits until a cancelled statement is over, and ends what it began: cut off between Parse and Bind, asyncpg leaves
    the server in the middle of a transaction, in which the next one of this connection could not begin."""
    try:
        await connection.execute("select 1", timeout=SHIELD_S_MAX)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()


async def _keep_session(connection: object) -> None:
    """Nothing to reset: no statement here leaves anything behind in the session, and the round trip costs time."""


@asynccontextmanager
async def transaction(connection: Connection, loop: Loop | None = None, **options: Any) -> AsyncGenerator[None, None]:
    """A transaction around the block; options as `asyncpg.Connection.transaction` has them.

    Raises:
        StoreUnreachable: it could not be begun or committed in time; the connection is cut then.
    """
    work = connection.transaction(**options)
    await _shielded(work.start, connection, loop)
    try:
        yield
    except BaseException:
        with trio.move_on_after(SHIELD_S_MAX, shield=True) as scope:
            try:
                await aio(work.rollback, loop)()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                connection.terminate()  # whatever it was in the middle of ends with it
        if scope.cancelled_caught:
            connection.terminate()
        raise
    await _shielded(work.commit, connection, loop)


async def _shielded(step: Callable[[], Awaitable[None]], connection: Connection, loop: Loop | None) -> None:
    with trio.move_on_after(SHIELD_S_MAX, shield=True) as scope:
        await aio(step, loop)()
    if scope.cancelled_caught:
        connection.terminate()
        raise StoreUnreachable(f"the database did not answer in {SHIELD_S_MAX} s")


async def on_one_connection(dsn: str, log: EventLog | None, work: Callable[[Connection], Awaitable[_T]]) -> _T:
    """What that work gives, on a connection and in a loop of its own; errors as `mapped` has them."""
    async with open_loop(log):
        with mapped():
            async with connected(dsn) as connection:
                return await work(connection)


@asynccontextmanager
async def connected(dsn: str) -> AsyncGenerator[Connection, None]:
    """A connection in the loop around, closed with the block; errors as asyncpg has them."""
    connection = await aio(asyncpg.connect)(dsn, timeout=CONNECT_S_MAX)
    try:
        yield connection
    finally:
        with trio.move_on_after(SHIELD_S_MAX, shield=True) as scope:
            await aio(connection.close)(timeout=SHIELD_S_MAX / 2)
        if scope.cancelled_caught:
            connection.terminate()


async def keeps_its_session(first: Connection, second: Connection) -> bool:
    """Whether what `first` leaves in its session is there in its next transaction, and not in one of `second`'s. To be
    called inside asyncio.

    `second` stays in a transaction meanwhile, so that a pooler has another session for `first` then.
    """
    mark = secrets.token_hex(8)
    try:
        await first.execute("select set_config($1, $2, false)", MARK, mark)
        await second.execute("begin")
        if await second.fetchval(READ_MARK, MARK) == mark:
            return False
        await first.execute("begin")
        found = await first.fetchval(READ_MARK, MARK)
        await first.execute("rollback")
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        return False  # what was prepared in a session is not there any more, or somebody else's is
    return bool(found == mark)


@contextmanager
def mapped() -> Generator[None, None, None]:
    """Every foreign error as one of ours: `StoreUnreachable` for what may pass, `InvariantBroken` for our own bugs."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise error_of(error.sqlstate, str(error)) from error
    except asyncpg.ClientConfigurationError as error:
        raise ConfigError("database", "dsn", "unreadable", "postgresql://user:password@host:port/database") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, trio.TooSlowError) as error:
        raise StoreUnreachable(f"{type(error).__name__}: {error}") from error
