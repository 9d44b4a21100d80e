"""The schema in a real database: migrations, partitions, and what every table promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import msgspec
import pytest
import trio
import trio_asyncio
from trio_asyncio import aio_as_trio

from dnbot.config import DatabaseSettings, Settings
from dnbot.domain.errors import ConfigError, InvariantBroken, StoreUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import BalancesSampled, BookTopSampled, PortfolioSaved
from dnbot.domain.position import Portfolio
from dnbot.ports import postgres_queries as queries
from dnbot.ports.migrations import read_migrations
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_migrate import migrate, status
from dnbot.resources import db_dir
from dnbot.strategy.parameters import StrategyParameters

pytestmark = pytest.mark.slow

DAY_NS = 86_400 * 10**9
ALL = tuple(f"{migration.version:04d}_{migration.name}" for migration in read_migrations(db_dir()))
TABLES = """
alerts arbitrage_opportunities balance_snapshots book_ticker_snapshots exchanges fills funding_payments
funding_rate_snapshots ledger_entries order_intents orders performance_metrics portfolio_snapshots position_snapshots
runs schema_migrations state_transitions symbols trade_executions trading_modes
""".split()


async def test_migrating_twice_changes_nothing(postgres_server: Any) -> None:
    """The first call applies all in order, the second none; the status tells what is pending before and after."""
    dsn = postgres_server.fresh()
    assert (await status(dsn)).pending == ALL
    assert await migrate(dsn) == ALL
    assert await migrate(dsn) == ()
    assert await status(dsn) == type(await status(dsn))(applied=ALL, pending=())


async def test_two_migrate_at_once(postgres_server: Any) -> None:
    """The second waits for the first and finds nothing to do."""
    dsn = postgres_server.fresh()
    results: list[tuple[str, ...]] = []

    async def one() -> None:
        results.append(await migrate(dsn))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)
    assert sorted(results) == [(), ALL]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update schema_migrations set checksum = 'x' where version = 2", "may not change"),
        ("insert into schema_migrations (version, name, checksum) values (9999, 'future', 'x')", "newer dnbot"),
        ("delete from schema_migrations where version = 1", "before later ones"),
    ],
)
async def test_a_strange_schema_is_refused(database: str, sql: Any, change: str, told: str) -> None:
    """A changed file, a newer database and a hole in its history are refused by migrate, status and the store."""
    await sql(change)
    with pytest.raises(ConfigError, match=told):
        await migrate(database)
    with pytest.raises(ConfigError, match=told):
        await status(database)
    with pytest.raises(ConfigError, match=told):
        async with open_postgres_store(database):
            pytest.fail("opened")


async def test_an_empty_database_must_be_migrated_first(postgres_server: Any) -> None:
    """The store names what is missing instead of failing at its first statement."""
    with pytest.raises(ConfigError, match="0001_foundation"):
        async with open_postgres_store(postgres_server.fresh()):
            pytest.fail("opened")


async def test_a_failing_migration_leaves_no_trace(
    postgres_server: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those before it stay applied, its own statements are undone, and it is tried again once mended."""
    (tmp_path / "0001_good.sql").write_text("create table good (i int);")
    (tmp_path / "0002_bad.sql").write_text("create table half (i int); select 1 / 0;")
    monkeypatch.setattr("dnbot.ports.postgres_migrate.db_dir", lambda: tmp_path)
    dsn = postgres_server.fresh()
    with pytest.raises(InvariantBroken, match="division by zero"):
        await migrate(dsn)
    assert await status(dsn) == type(await status(dsn))(applied=("0001_good",), pending=("0002_bad",))
    (tmp_path / "0002_bad.sql").write_text("create table half (i int);")
    assert await migrate(dsn) == ("0002_bad",)


async def test_the_tables_are_there_and_money_is_numeric(database: str, sql: Any) -> None:
    """Every table that reports rely on exists; no amount, price, quantity, fee or figure in quote is a float."""
    rows = await sql("select table_name from information_schema.tables where table_schema = 'public'")
    assert {*TABLES} <= {row["table_name"] for row in rows}
    floats = await sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        " and data_type in ('double precision', 'real', 'money') and column_name !~ '(_bps|_risk|confidence)$'"
    )
    assert floats == []


async def test_times_know_their_zone(database: str, sql: Any) -> None:
    """No column is a timestamp without time zone."""
    rows = await sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        " and data_type = 'timestamp without time zone'"
    )
    assert rows == []


async def test_every_table_hangs_together(database: str, sql: Any) -> None:
    """Every table but the roots, the bookkeeping and the samples refers to another by a foreign key."""
    alone = await sql(
        "select relname from pg_class c where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
        " and relname not in (select name from time_series)"
        " and not exists (select from pg_constraint where conrelid = c.oid and contype = 'f') order by relname"
    )
    assert [row["relname"] for row in alone] == [
        "books", "budgets", "exchanges", "fleet_limits", "pings", "schema_migrations", "time_series", "workers"
    ]


async def test_a_run_makes_the_partitions_of_its_days(database: str, words: Any) -> None:
    """From the day before its start to three days after; samples go to their day."""
    async with open_postgres_store(database) as store:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns)
        await store.append(words.one_of_each())
        assert await parts(store) == [
            "20260920", "20260921", "20260922", "20260923", "20260924", "default"
        ]
        rows = await store.read("select tableoid::regclass::text as part from book_ticker_snapshots")
        assert rows == [{"part": "book_ticker_snapshots_20260921"}]
        plan = await store.read(
            "explain select * from book_ticker_snapshots where at = '2026-09-21 12:00Z'"
        )
        assert not any("20260922" in row["QUERY PLAN"] for row in plan)


async def test_tidying_makes_coming_days_and_drops_old_ones(database: str, words: Any) -> None:
    """Days wholly past retention are dropped with their rows; the coming three are there, however often it is asked."""
    async with open_postgres_store(database) as store:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns)
        await store.append(words.one_of_each())
        for _ in range(2):
            await store.keep_tidy(now_ns=words.start_ns + 3 * DAY_NS, retention_days=2)
            assert await parts(store) == [
                "20260922", "20260923", "20260924", "20260925", "20260926", "20260927", "default"
            ]
        for table in (
            "funding_rate_snapshots", "position_snapshots", "balance_snapshots", "book_ticker_snapshots",
            "performance_metrics", "opportunities_declined",
        ):
            assert await store.read(f"select at from {table}") == []  # noqa: S608 (names of our own tables)
        assert len(await store.read("select at from state_transitions")) == 1


async def test_a_sample_of_a_day_without_partition_is_kept_and_moved(database: str, words: Any) -> None:
    """It lands in the default partition, is found there, goes to its day once there is one, and grows old with it."""
    async with open_postgres_store(database) as store:
        start_ns = words.start_ns - 30 * DAY_NS
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=start_ns)
        await store.append(words.one_of_each())
        query = "select tableoid::regclass::text as part from balance_snapshots"
        assert await store.read(query) == [{"part": "balance_snapshots_default"}]
        await store.keep_tidy(now_ns=words.start_ns, retention_days=7)
        assert await store.read(query) == [{"part": "balance_snapshots_20260921"}]
        indexes = await store.read(
            "select amname from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam"
            " where indrelid = 'balance_snapshots_20260921'::regclass order by amname"
        )
        assert [row["amname"] for row in indexes] == ["brin", "btree"]  # codespell:ignore brin
        await store.keep_tidy(now_ns=words.start_ns + 9 * DAY_NS, retention_days=7)
        assert await store.read(query) == []


async def test_two_bots_may_tidy_at_once(database: str, words: Any) -> None:
    """Tidying while another tidies, records and begins a run disturbs none of them."""
    async with open_postgres_store(database) as store, open_postgres_store(database) as other:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns)

        async def record() -> None:
            for number in range(30):
                await store.append([*words.one_of_each(), words.booked(str(number))])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(record)
            for tidying in (store, other):
                for day in (40, 45, 50):
                    now_ns = words.start_ns + day * DAY_NS
                    nursery.start_soon(partial(tidying.keep_tidy, now_ns=now_ns, retention_days=60))
            begin = partial(other.begin_run, version="1", settings="", started_at_ns=words.start_ns + 55 * DAY_NS)
            nursery.start_soon(begin, Symbol("ETH", "USDT"))
        assert len(await store.fills_of(words.symbol)) == 30
        assert {"20261031", "20261105", "20261110", "20261115"} <= {*await parts(store)}


async def test_a_clock_that_is_ahead_drops_nothing(database: str, words: Any) -> None:
    """Days are everybody's: those of the caller are made, and what is past is so by the database's clock."""
    async with open_postgres_store(database) as store:
        now_ns = (await store.read(queries.NOW))[0]["ns"]
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=now_ns)
        await store.append([BalancesSampled(Venue.GATE_SPOT, "USDT", Decimal(1), Decimal(1), now_ns)])
        days = await parts(store)
        await store.keep_tidy(now_ns=now_ns + 60 * DAY_NS, retention_days=14)
        assert len(await store.read("select at from balance_snapshots")) == 1
        after = await parts(store)
        assert {*days} < {*after}
        assert len(after) == len(days) + 5


async def test_days_are_kept_as_long_as_any_symbol_wants(database: str, words: Any) -> None:
    """Of what newest runs asked for the longest counts, whoever tidies; an older run of the symbol no longer does."""
    now_ns = words.start_ns + 5 * DAY_NS
    query = "select at from balance_snapshots"
    async with open_postgres_store(database) as store, open_postgres_store(database) as other:
        await store.begin_run(words.symbol, version="1", settings=kept_for(30), started_at_ns=words.start_ns)
        await store.append(words.one_of_each())
        await other.begin_run(Symbol("ETH", "USDT"), version="1", settings=kept_for(1), started_at_ns=now_ns)
        await other.keep_tidy(now_ns=now_ns, retention_days=1)
        assert len(await store.read(query)) == 1
        await store.begin_run(words.symbol, version="1", settings=kept_for(2), started_at_ns=now_ns)
        await other.keep_tidy(now_ns=now_ns, retention_days=1)
        assert await store.read(query) == []


@pytest.mark.parametrize(("sampled_days_ago", "kept"), [(40, 0), (20, 1)])
async def test_a_symbol_that_is_traded_no_more_keeps_nobodys_days(
    database: str, sampled_days_ago: int, kept: int
) -> None:
    """What its newest run asked for counts from that run's start, or from its newest book, not for ever."""
    one = Decimal(1)
    async with open_postgres_store(database) as store, open_postgres_store(database) as other:
        now_ns = (await store.read(queries.NOW))[0]["ns"]
        began_ns, sampled_ns = now_ns - 50 * DAY_NS, now_ns - sampled_days_ago * DAY_NS
        await other.begin_run(Symbol("ETH", "USDT"), version="1", settings=kept_for(30), started_at_ns=began_ns)
        book = BookTopSampled(
            venue=Venue.GATE_SPOT, bid=one, bid_quantity=one, ask=one, ask_quantity=one, update_id=7, at_ns=sampled_ns
        )
        await other.append([book])
        await store.begin_run(Symbol("BTC", "USDT"), version="1", settings=kept_for(7), started_at_ns=now_ns)
        await store.append([BalancesSampled(Venue.GATE_SPOT, "USDT", one, one, now_ns - 15 * DAY_NS)])
        await store.keep_tidy(now_ns=now_ns, retention_days=7)
        assert len(await store.read("select at from balance_snapshots")) == kept


async def test_a_sample_that_is_being_written_while_its_day_is_made_goes_there(database: str, words: Any) -> None:
    """One that was written to the default partition and not committed yet is waited for, and moved with the others."""
    async with open_postgres_store(database) as store, other_session(database) as execute:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns - 30 * DAY_NS)
        await execute("begin")
        await execute(
            "insert into balance_snapshots (at, symbol, venue, epoch, asset, reported, ledger)"
            " values ('2026-09-21 12:00Z', 'BTC/USDT', 'GATEIO_SPOT', 1, 'USDT', 1, 1)"
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(store.keep_tidy, now_ns=words.start_ns, retention_days=7))
            await until_somebody_waits(store)
            await execute("commit")
        rows = await store.read("select tableoid::regclass::text as part from balance_snapshots")
        assert rows == [{"part": "balance_snapshots_20260921"}]


async def test_a_sample_that_is_written_while_its_day_is_made_goes_there(database: str, words: Any) -> None:
    """An append that comes while the day is made waits, and is no sample of the default partition then."""
    async with open_postgres_store(database) as store, other_session(database) as execute:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns - 30 * DAY_NS)
        await execute("begin")
        await execute("select make_partitions('balance_snapshots', '2026-09-21 12:00Z', 3)")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, words.one_of_each())
            await until_somebody_waits(store)
            await execute("commit")
        rows = await store.read("select tableoid::regclass::text as part from balance_snapshots")
        assert rows == [{"part": "balance_snapshots_20260921"}]


async def test_samples_do_not_wait_for_a_day_that_waits_for_a_dump(database: str, words: Any) -> None:
    """A dump reads the default partitions for as long as it takes; who makes days gives up at once, and tries again."""
    async with open_postgres_store(database) as store, other_session(database) as execute:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns)
        await execute("begin")
        await execute("lock table balance_snapshots_default in access share mode")

        async def tidy() -> None:
            while True:
                with pytest.raises(StoreUnreachable):
                    await store.keep_tidy(now_ns=words.start_ns + DAY_NS, retention_days=60)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(tidy)
            await until_somebody_waits(store)
            with trio.fail_after(1):  # a lock is waited for twice as long
                await store.append(words.one_of_each())
            nursery.cancel_scope.cancel()
        await execute("rollback")
        await store.keep_tidy(now_ns=words.start_ns + DAY_NS, retention_days=60)
        assert "20260925" in await parts(store)


async def test_old_portfolios_are_dropped_and_the_newest_kept(database: str, words: Any) -> None:
    """Tidying keeps the newest fifty."""
    async with open_postgres_store(database) as store:
        await store.begin_run(words.symbol, version="1", settings="", started_at_ns=words.start_ns)
        for number in range(53):
            await store.append([PortfolioSaved(Portfolio(symbol=words.symbol, fills=number), 1)])
        await store.keep_tidy(now_ns=words.start_ns, retention_days=7)
        assert len(await store.read("select 1 from portfolio_snapshots")) == 50
        state = await store.load(words.symbol)
        assert state.portfolio is not None
        assert state.portfolio.fills == 52


async def test_without_timescaledb_series_are_partitions(database: str, sql: Any) -> None:
    """The registry tells how each series is cut into days; without the extension all are partitioned tables."""
    (row,) = await sql("select has_timescaledb() as there")
    expected = "hypertable" if row["there"] else "partitions"
    rows = await sql("select name, kind from time_series order by name")
    assert {row["kind"] for row in rows} == {expected}
    assert len(rows) == 6


async def test_with_timescaledb_series_are_hypertables(database: str, sql: Any) -> None:
    """Where the extension says that it is there, a series is made and tidied by its functions (stand-ins here)."""
    for statement in (
        "create table calls (what text)",
        "create or replace function has_timescaledb() returns boolean language sql as 'select true'",
        "create function by_range(name, width interval) returns text language sql as 'select $1 || width'",
        (
            "create function create_hypertable(t regclass, d text) returns void language sql as"
            " $$ insert into calls values ('create ' || t || ' ' || d) $$"
        ),
        (
            "create function drop_chunks(t regclass, older_than timestamptz) returns setof text language sql as"
            " $$ insert into calls values ('drop ' || t || ' ' || (older_than at time zone 'UTC')) returning what $$"
        ),
        "select create_time_series('probe', 'symbol text not null, value exact')",
        "select make_partitions('probe', '2026-09-21 12:00Z', 3)",
        "select tidy_time_series('probe', '2026-09-21 12:00Z', 2)",
    ):
        await sql(statement)
    assert [row["what"] for row in await sql("select what from calls")] == [
        "create probe at1 day", "drop probe 2026-09-19 12:00:00"
    ]
    assert await sql("select kind from time_series where name = 'probe'") == [{"kind": "hypertable"}]
    assert await sql("select from pg_inherits where inhparent = 'probe'::regclass") == []


def kept_for(days: int) -> str:
    """What a run with this retention records of its settings."""
    params = StrategyParameters(
        symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.01"), max_order_notional_quote=Decimal(100)
    )
    settings = Settings(strategy=params, database=DatabaseSettings(retention_days=days))
    return msgspec.json.encode(settings).decode()


@asynccontextmanager
async def other_session(dsn: str) -> AsyncGenerator[Callable[[str], Awaitable[Any]], None]:
    """Runs statements of somebody else, one after the other in one session."""
    async with trio_asyncio.open_loop() as loop:
        connection = await aio_as_trio(asyncpg.connect)(dsn)
        try:
            yield aio_as_trio(connection.execute, loop=loop)
        finally:
            with trio.move_on_after(5, shield=True):
                await aio_as_trio(connection.close)()


async def until_somebody_waits(store: Any) -> None:
    """Until a session of this database waits for a table that another one has."""
    waiting = (
        "select 1 from pg_locks where not granted and locktype = 'relation'"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    with trio.fail_after(20):
        while not await store.read(waiting):
            await trio.lowlevel.checkpoint()


async def parts(store: Any) -> list[str]:
    """The last words of the names of one series' partitions, the same for all series."""
    rows = await store.read(
        "select inhparent::regclass::text as series, inhrelid::regclass::text as part"
        " from pg_inherits i join time_series t on t.name = inhparent::regclass::text order by part"
    )
    by_series: dict[str, list[str]] = {}
    for row in rows:
        by_series.setdefault(row["series"], []).append(row["part"].removeprefix(row["series"] + "_"))
    assert len({tuple(names) for names in by_series.values()}) == 1
    return next(iter(by_series.values()))
