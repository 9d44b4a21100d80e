"""What only the database can get wrong: transactions across tables, lost answers, cancellation, silence."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import pytest
import trio
import trio.testing

from dnbot.domain.errors import ConfigError, InvariantBroken, StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import OpportunityTaken, OrderChanged, PortfolioSaved, RowBooked
from dnbot.domain.order import Order, OrderStatus
from dnbot.domain.position import EntryKind, Portfolio
from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames
from dnbot.ports import postgres, postgres_sessions
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_migrate import migrate

pytestmark = pytest.mark.slow

IDLE_IN_TRANSACTION = (
    "select count(*) as n from pg_stat_activity"
    " where state like 'idle in%' and datname = current_database() and pid <> pg_backend_pid()"
)


class Loss:
    """Breaks the connection once, around the next call of one SQL function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.function, self.done_first = "", False
        self.original = postgres.one_statement
        monkeypatch.setattr(postgres, "one_statement", self.statement)

    def answer_of(self, function: str) -> None:
        """The server does it; nobody hears."""
        self.function, self.done_first = function, True

    def request_of(self, function: str) -> None:
        """The server never hears."""
        self.function, self.done_first = function, False

    async def statement(self, pool: Any, sql: str, arguments: tuple[object, ...]) -> Any:
        """Stands in for the real one."""
        if not self.function or self.function not in sql:
            return await self.original(pool, sql, arguments)
        self.function = ""
        if self.done_first:
            await self.original(pool, sql, arguments)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def begin(store: Any, words: Any) -> int:
    """Start an incarnation with plausible settings."""
    epoch: int = await store.begin_run(words.symbol, version="1.0", settings="", started_at_ns=words.start_ns)
    return epoch


async def count(store: Any, table: str) -> int:
    """The rows of one table."""
    (row,) = await store.read(f"select count(*) as n from {table}")  # noqa: S608 (names of our own tables)
    n: int = row["n"]
    return n


async def test_a_closed_execution_is_written_to_three_tables_at_once(database: str, words: Any) -> None:
    """Trade record, position and performance metrics carry the same transaction id."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        await store.commit_intents([words.intent(epoch, 1, execution_id="x1-1")], execution_id="x1-1", opportunity=None)
        await store.append([words.closed("x1-1")])
        rows = await store.read(
            "select 'trade' as what, xmin::text as id, net_quote as value from trade_executions"
            " union all select 'position', xmin::text, delta_base from position_snapshots where execution_id = 'x1-1'"
            " union all select name, xmin::text, value from performance_metrics where execution_id = 'x1-1'"
        )
        assert len({row["id"] for row in rows}) == 1
        assert {row["what"]: row["value"] for row in rows} == {
            "trade": Decimal("0.20"), "position": 0, "execution_net_quote": Decimal("0.20"),
            "execution_against_estimate_quote": Decimal("0.05"), "execution_duration_ms": 250, "execution_naked_ms": 40,
        }


async def test_a_closed_execution_that_fails_leaves_none_of_the_three(database: str, words: Any) -> None:
    """A record that cannot be stored behind it takes trade record, position and metrics back."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        impossible = words.closed("x1-2", status="wonderful")
        with pytest.raises(InvariantBroken):
            await store.append([words.closed("x1-1"), impossible])
        assert await count(store, "trade_executions where status <> 'open'") == 0
        assert await count(store, "position_snapshots") + await count(store, "performance_metrics") == 0


async def test_opportunities_taken_and_declined_are_read_as_one(database: str, words: Any) -> None:
    """The view shows the evidence from its commit on, then that it was taken, and declined ones with their reason."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        opportunity = words.opportunity("o1-7")
        await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=opportunity)
        query = "select outcome, reason, pair_name, count, net_quote from arbitrage_opportunities order by outcome desc"
        (committed,) = await store.read(query)
        assert (committed["outcome"], committed["net_quote"]) == ("committed", Decimal("0.1"))
        taken = OpportunityTaken(execution_id="x1-1", opportunity=opportunity, at_ns=words.start_ns)
        await store.append([taken, *words.one_of_each()])
        first, second = await store.read(query)
        assert (first["outcome"], first["count"]) == ("taken", 1)
        assert (second["outcome"], second["reason"], second["count"]) == ("declined", "LOT", 2)
        (evidence,) = await store.read("select * from opportunities_taken")
        assert evidence["book_ids"] == '{"MEXC_SPOT": 13, "GATEIO_SPOT": 12}'
        assert (evidence["edge_bps"], evidence["confidence"]) == (Decimal("4.5"), 0.9)


async def test_a_listing_is_kept_as_read(database: str, words: Any) -> None:
    """An instrument's figures stand in its listing; the other venues of the symbol wait for theirs."""
    async with open_postgres_store(database) as store:
        await begin(store, words)
        await store.append(words.one_of_each())
        rows = await store.read("select venue, multiplier, tick_size, tradable from symbols order by venue")
        assert [row["venue"] for row in rows] == ["GATEIO_FUTURES", "GATEIO_SPOT", "MEXC_SPOT"]
        assert (rows[0]["multiplier"], rows[0]["tick_size"], rows[0]["tradable"]) == (
            Decimal("0.0001"), Decimal("0.1"), True
        )
        assert rows[1]["tick_size"] is None


async def test_a_fill_is_tied_to_its_order(database: str, words: Any) -> None:
    """A fill finds our order by our id, or by the venue's when that is all it says; a stranger's stays alone."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        intent = words.intent(epoch, 1)
        await store.commit_intents([intent], execution_id="x1-1", opportunity=None)
        order = Order(intent=intent, status=OrderStatus.OPEN, venue_order_id="9001")
        ours = words.booked("1", "x1-1", client_order_id=intent.client_order_id)
        stranger = words.booked("3", venue_order_id="77")
        await store.append([OrderChanged(order, 1), ours, words.booked("2"), stranger])
        rows = await store.read("select trade_id, order_id, execution_id from fills order by trade_id")
        assert [row["order_id"] for row in rows] == [intent.client_order_id, intent.client_order_id, None]
        assert rows[0]["execution_id"] == "x1-1"


async def test_funding_payments_are_the_funding_rows_of_the_ledger(database: str, words: Any) -> None:
    """Only entries of kind funding are shown, with their exact amounts."""
    async with open_postgres_store(database) as store:
        await begin(store, words)
        await store.append([RowBooked(tuple(words.entry(kind.value, "0.25", kind) for kind in EntryKind), 1)])
        rows = await store.read("select entry_id, amount from funding_payments")
        assert rows == [{"entry_id": "funding", "amount": Decimal("0.25")}]


async def test_a_commit_whose_answer_is_lost_is_looked_up(
    database: str, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection breaks after the commit, the intents are found and the call succeeds; otherwise it fails."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        lose = Loss(monkeypatch)
        lose.answer_of("commit_intents")
        await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        lose.request_of("commit_intents")
        with pytest.raises(StoreUnreachable):
            await store.commit_intents([words.intent(epoch, 2)], execution_id="x1-1", opportunity=None)
        lose.answer_of("commit_intents")
        with pytest.raises(InvariantBroken):  # found in the database, but from another call
            await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        assert [order.intent for order in await store.orders_of(words.symbol)] == [words.intent(epoch, 1)]


async def test_an_append_whose_answer_is_lost_is_not_repeated(
    database: str, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again with more records behind, what had been written is not written twice, and the rest follows."""
    async with open_postgres_store(database) as store:
        await begin(store, words)
        lose = Loss(monkeypatch)
        batch = words.one_of_each()
        for how in (lose.request_of, lose.answer_of):
            how("append_records")
            with pytest.raises(StoreUnreachable):
                await store.append(batch)
        await store.append([*batch, words.booked("1")])
        await store.append([words.booked("2")])
        assert await count(store, "state_transitions") == 1
        assert await count(store, "alerts") == 1
        assert await count(store, "performance_metrics") == 2
        assert await count(store, "fills") == 2


async def test_appends_whose_answers_are_lost_one_after_the_other(
    database: str, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is done and not heard of; so is its second try, which has more behind it; the third is told both."""
    loss = Loss(monkeypatch)
    async with open_postgres_store(database) as store:
        await begin(store, words)
        batch = [*words.one_of_each()]
        for number in range(2):
            loss.answer_of("append_records")
            with pytest.raises(StoreUnreachable):
                await store.append(batch)
            batch = [*batch, words.booked(f"more-{number}")]
        await store.append(batch)
        assert await count(store, "state_transitions") == 1
        assert await count(store, "fills") == 2
        assert await count(store, "alerts") == 1


async def test_somebody_elses_records_are_noticed(database: str, words: Any, sql: Any) -> None:
    """If the book's number moves under a running incarnation, it stops instead of writing beside the other."""
    async with open_postgres_store(database) as store:
        await begin(store, words)
        await store.append([words.booked("1")])
        await sql("update books set sequence = sequence + 1")
        with pytest.raises(InvariantBroken):
            await store.append([words.booked("2")])
        assert await count(store, "fills") == 1


async def test_a_database_that_refuses_is_unreachable_and_heals(
    database: str, words: Any, sql: Any, admin: Any
) -> None:
    """With its connections ended and new ones refused every call raises StoreUnreachable; afterwards all goes on."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        (row,) = await sql("select current_database() as name")
        name = row["name"]
        await admin(f"update pg_database set datallowconn = false where datname = '{name}'")  # noqa: S608 (our own)
        await admin(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")  # noqa: S608
        for call in (
            store.ping(), store.append([words.booked("1")]), store.load(words.symbol),
            store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None),
        ):
            with pytest.raises(StoreUnreachable):
                await call
        await admin(f"update pg_database set datallowconn = true where datname = '{name}'")  # noqa: S608 (our own)
        await store.ping()
        await store.append([words.booked("1")])
        assert await count(store, "fills") == 1


async def test_a_server_that_cannot_write_fails_the_ping(database: str, words: Any, sql: Any) -> None:
    """A read-only database answers queries, and the ping tells the truth about writes."""
    async with open_postgres_store(database) as store:
        await store.ping()
    await sql("do $$ begin execute format('alter database %I set default_transaction_read_only = on',"
              " current_database()); end $$")
    async with open_postgres_store(database) as store:
        assert (await store.load(words.symbol)).portfolio is None
        with pytest.raises(StoreUnreachable):
            await store.ping()


async def test_a_commit_that_cannot_get_its_lock_gives_up(database: str, words: Any) -> None:
    """Held up by somebody's lock, a commit fails within its limit, and stores nothing when the lock is gone."""
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        async with store._transacting() as connection:
            await postgres_sessions.aio(connection.execute)("select from books for update")
            began_s = trio.current_time()
            with pytest.raises(StoreUnreachable):
                await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
            assert trio.current_time() - began_s < postgres.COMMIT_INTENTS_S_MAX + postgres_sessions.SHIELD_S_MAX
        await store.append([words.booked("1")])
        assert await store.orders_of(words.symbol) == ()


async def test_random_cancels_leak_nothing_and_tear_nothing(database: str, words: Any) -> None:
    """Calls cancelled at random moments leave no open transaction, no lost connection and no half batch."""
    chance = random.Random(7)
    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        cancelled = 0

        async def one(number: int) -> None:
            nonlocal cancelled
            with trio.move_on_after(chance.random() * chance.choice((0.01, 0.04, 1.0))) as scope:
                intents = [words.intent(epoch, 2 * number), words.intent(epoch, 2 * number + 1)]
                await store.commit_intents(intents, execution_id=f"x1-{number}", opportunity=None)
                await store.append([words.booked(str(number)), PortfolioSaved(Portfolio(symbol=words.symbol), 1)])
                await store.load(words.symbol)
            cancelled += scope.cancelled_caught

        for start in range(0, 120, 6):
            async with trio.open_nursery() as nursery:
                for number in range(start, start + 6):
                    nursery.start_soon(one, number)
        assert 20 < cancelled < 120
        (row,) = await store.read(IDLE_IN_TRANSACTION)
        assert row["n"] == 0
        torn = await store.read(
            "select (select count(*) from fills) - (select count(distinct trade_id) from ledger_entries) as fills,"
            " (select count(*) from (select from order_intents group by created_at_ns / 2 having count(*) <> 2) x)"
            " as pairs,"
            " (select count(*) from order_intents) - (select count(*) from orders) as orders"
        )
        assert torn == [{"fills": 0, "pairs": 0, "orders": 0}]
        async with trio.open_nursery() as nursery:  # every connection of the pool still works
            for _ in range(postgres_sessions.POOL_MAX * 2):
                nursery.start_soon(store.ping)


async def test_tasks_outside_the_block_may_use_the_store(database: str, words: Any) -> None:
    """A task of a nursery opened before the store calls it all the same."""
    async with trio.open_nursery() as nursery, open_postgres_store(database) as store:
        done = trio.Event()

        async def child() -> None:
            await store.ping()
            assert (await store.load(words.symbol)).portfolio is None
            done.set()

        nursery.start_soon(child)
        await done.wait()


async def test_an_error_inside_the_block_arrives_as_it_is(database: str) -> None:
    """What the block raises is not wrapped into the groups of asyncio's nurseries."""
    with pytest.raises(ZeroDivisionError):
        async with open_postgres_store(database):
            raise ZeroDivisionError


async def test_no_database_is_unreachable(tmp_path: Any) -> None:
    """A socket that is not there is StoreUnreachable, and an unreadable address a matter of configuration."""
    for dsn, error in ((f"postgresql://dnbot@/x?host={tmp_path}", StoreUnreachable), ("mysql://x", ConfigError)):
        with pytest.raises(error):
            async with open_postgres_store(dsn):
                pytest.fail("opened")
        with pytest.raises(error):
            await migrate(dsn)


@pytest.mark.parametrize(("patience_s", "begun"), [
    (60.0, ["commit_intents"]), (0.0, ["commit_intents", "append_records"]),
])
async def test_an_append_gives_way_to_intents_that_are_being_committed(
    database: str, words: Any, monkeypatch: pytest.MonkeyPatch, patience_s: float, begun: list[str]
) -> None:
    """The records of a decision wait until its orders may leave, and no longer than they must."""
    original, functions, answered = postgres.one_statement, list[str](), asyncio.Event()
    monkeypatch.setattr(postgres, "GIVES_WAY_S_MAX", patience_s)

    async def statement(kept: Any, sql: str, arguments: tuple[object, ...]) -> Any:
        functions.append(sql.partition("(")[0].split()[-1])
        if "commit_intents" in sql:
            await answered.wait()
        return await original(kept, sql, arguments)

    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        monkeypatch.setattr(postgres, "one_statement", statement)
        commit = partial(store.commit_intents, [words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, words.one_of_each())
            nursery.start_soon(commit)
            await until(lambda: len(functions) == len(begun))
            await trio.testing.wait_all_tasks_blocked()
            assert functions == begun
            answered.set()
        assert functions == ["commit_intents", "append_records"]


async def test_an_append_gives_way_to_orders_that_leave(
    database: str, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written just after a commit waits until its orders have left; what is written later waits for nothing."""
    slept_s: list[float] = []
    sleep_until = trio.sleep_until

    async def noted(at_s: float) -> None:
        slept_s.append(at_s - trio.current_time())
        await sleep_until(trio.current_time())

    async with open_postgres_store(database) as store:
        epoch = await begin(store, words)
        monkeypatch.setattr(postgres, "LEAVE_S", 3600.0)
        monkeypatch.setattr(postgres, "GIVES_WAY_S_MAX", 0.01)
        await store.append(words.one_of_each()[:1])
        assert slept_s == []
        monkeypatch.setattr(trio, "sleep_until", noted)
        await store.commit_intents([words.intent(epoch, 1)], execution_id="x1-1", opportunity=None)
        await store.append(words.one_of_each()[:1])
        assert max(slept_s) == pytest.approx(3600.0, abs=60.0)
        monkeypatch.setattr(postgres, "LEAVE_S", 0.0)
        slept_s.clear()
        await store.append(words.one_of_each()[:1])
        assert slept_s == []


async def until(is_so: Callable[[], bool]) -> None:
    """Other tasks have their turns until it is so."""
    while not is_so():
        await trio.lowlevel.checkpoint()


async def test_statements_keep_their_connection_until_it_is_gone(database: str, words: Any) -> None:
    """The server sees one session of a store that asks one thing after the other, and another after that was ended."""
    session = "select pg_backend_pid() as pid"
    async with open_postgres_store(database) as store, open_postgres_store(database) as other:
        pids = {(await store.call(session))["pid"] for _ in range(3)}
        assert len(pids) == 1
        await other.call("select pg_terminate_backend($1)", *pids)
        with suppress(StoreUnreachable):  # when the end of the session was not heard yet
            await store.call(session)
        assert (await store.call(session))["pid"] not in pids


async def test_readers_keep_no_connection_from_each_other(database: str) -> None:
    """A store that only reads has few: each is the pool's again after a statement."""
    async with open_postgres_store(database, only_reads=True) as store:
        for _ in range(3):
            await store.call("select 1 as one")
        with trio.fail_after(10):
            async with store.reading() as one, store.reading() as other:
                assert one is not other


async def test_a_database_has_one_name_for_the_second_spot_venue(database: str, words: Any, sql: Any) -> None:
    """It takes one before its first run; rows have it and words do not; whoever opens it later reads it there."""
    names = VenueNames("EXAMPLE")
    async with open_postgres_store(database) as store:
        await store.take_names(names)
        epoch = await begin(store, words)
        await store.commit_intents([words.intent(epoch, 1, venue=Venue.MEXC_SPOT)], execution_id="", opportunity=None)
        await store.append(words.one_of_each())
        with pytest.raises(ConfigError, match="the ledger of EXAMPLE_SPOT, and this run trades MEXC_SPOT"):
            await store.take_names(AS_THEY_ARE)
    async with open_postgres_store(database) as store:
        assert store.names == names
        assert {order.intent.venue for order in await store.orders_of(words.symbol)} >= {Venue.MEXC_SPOT}
        (mine,) = await store.read("select venue from order_intents where venue = $1", "MEXC_SPOT")
        (theirs,) = await store.read_as_written("select venue from order_intents where venue = 'MEXC_SPOT'")
        assert (mine["venue"], theirs["venue"]) == ("MEXC_SPOT", "EXAMPLE_SPOT")
    tables = await sql("select table_name as name from information_schema.tables where table_schema = 'public'")
    for table in tables:
        rows = await sql(f"select t::text as row from \"{table['name']}\" t")  # noqa: S608 (names of our own tables)
        assert [row for row in rows if "MEXC" in row["row"]] == [], table


async def test_a_database_with_a_ledger_of_mexc_takes_no_other_name(database: str, words: Any) -> None:
    """Its rows would be booked to an exchange that never saw them."""
    async with open_postgres_store(database) as store:
        await store.take_names(AS_THEY_ARE)
        await begin(store, words)
        with pytest.raises(ConfigError, match="the ledger of MEXC_SPOT, and this run trades EXAMPLE_SPOT"):
            await store.take_names(VenueNames("EXAMPLE"))
