"""A database server for the contract tests: one per session, one fresh database per test that asks for it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import attrs
import pytest
import trio_asyncio
from trio_asyncio import aio_as_trio

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.messages import (
    Alert,
    BalancesSampled,
    BookTopSampled,
    ExecutionClosed,
    FillBooked,
    FundingSampled,
    InstrumentChanged,
    MetricSampled,
    ModeChanged,
    OpportunityDeclined,
    PositionSampled,
    Record,
    StateChanged,
)
from dnbot.domain.order import Fill, OrderIntent, Purpose, Side, client_order_id
from dnbot.domain.pair import Declined, Opportunity, OpportunityRisk, PairEdge, PnlEstimate
from dnbot.domain.position import EntryKind, LedgerEntry, entries_of
from dnbot.domain.venue_names import VenueNames
from dnbot.ports import postgres_binaries as binaries
from dnbot.ports.memory_store import MemoryDatabase, MemoryStore
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate

OpenStore = Callable[[], AbstractAsyncContextManager[MemoryStore | PostgresStore]]
"""Opens another store on the same data, as a restart does."""


@attrs.define
class Server:
    """A running server and the words to reach a database of it."""

    folder: Path
    createdb: str
    process: subprocess.Popen[bytes]
    databases: int = 0
    has_template: bool = False

    def dsn(self, database: str) -> str:
        """The address of one database."""
        return f"postgresql://dnbot@/{database}?host={self.folder}"

    def fresh(self) -> str:
        """The address of a new, empty database."""
        self.databases += 1
        return self._create(f"test_{self.databases}", "template1")

    async def migrated(self) -> str:
        """The address of a new database with the present schema, copied from one that was migrated once."""
        if not self.has_template:
            await migrate(self._create("migrated", "template1"))
            self.has_template = True
        self.databases += 1
        return self._create(f"test_{self.databases}", "migrated")

    def _create(self, name: str, template: str) -> str:
        command = [self.createdb, "-h", str(self.folder), "-U", "dnbot", "-T", template, name]
        subprocess.run(command, check=True, capture_output=True, env=binaries.clean_environment())
        return self.dsn(name)


@pytest.fixture(scope="session")
def postgres_server() -> Generator[Server, None, None]:
    """A PostgreSQL without fsync; skips only where this user may not run one."""
    found = binaries.find_binaries()
    try:
        words = binaries.run_as_allowed_user()
    except ConfigError as error:
        pytest.skip(f"no user namespaces: {error}")
    folder = Path(tempfile.mkdtemp(prefix="dnbot-test-", dir="/tmp"))
    data = folder / "data"
    initdb = [*words, found.path("initdb"), "-D", str(data), "-U", "dnbot", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, env=binaries.clean_environment())
    settings = {"listen_addresses": "", "fsync": "off", "shared_buffers": "32MB", "max_connections": "40", "jit": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    start = [found.path("postgres"), "-D", str(data), "-k", str(folder), *options]
    command = [*words, *binaries.die_with_parent(), *start]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=binaries.clean_environment()
        )
    try:
        ready = [found.path("pg_isready"), "-q", "-h", str(folder)]
        while subprocess.run(ready, env=binaries.clean_environment()).returncode:
            assert process.poll() is None, (folder / "log").read_text()
        yield Server(folder, found.path("createdb"), process)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def database(postgres_server: Server) -> str:
    """A fresh database with the present schema."""
    return await postgres_server.migrated()


async def run_sql(dsn: str, sql: str) -> list[dict[str, Any]]:
    """Runs one statement as somebody else would, on a connection of its own."""
    async with trio_asyncio.open_loop():
        connection = await aio_as_trio(asyncpg.connect)(dsn)
        rows = await aio_as_trio(connection.fetch)(sql)
        await aio_as_trio(connection.close)()
        return [dict(row) for row in rows]


@pytest.fixture
def sql(database: str) -> Callable[[str], Awaitable[list[dict[str, Any]]]]:
    """Runs one statement on the test's database."""
    return partial(run_sql, database)


@pytest.fixture
def admin(postgres_server: Server) -> Callable[[str], Awaitable[list[dict[str, Any]]]]:
    """Runs one statement on the server, outside the test's database."""
    return partial(run_sql, postgres_server.dsn("postgres"))


@pytest.fixture(params=["memory", *(pytest.param(one, marks=pytest.mark.slow) for one in ("postgres", "renamed"))])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """Opens stores on one and the same data; runs the test for each implementation, and for a database in which the
    second spot venue has the name of a plugin's.
    """
    if request.param == "memory":
        database = MemoryDatabase()

        @asynccontextmanager
        async def open_memory() -> AsyncGenerator[MemoryStore, None]:
            yield MemoryStore(database)

        return open_memory
    server: Server = request.getfixturevalue("postgres_server")
    dsns: list[str] = []

    @asynccontextmanager
    async def open_postgres() -> AsyncGenerator[PostgresStore, None]:
        if not dsns:
            dsns.append(await server.migrated())
        async with open_postgres_store(dsns[0]) as store:
            if request.param == "renamed":
                await store.take_names(VenueNames("EXAMPLE"))
            yield store

    return open_postgres


SYMBOL = Symbol("BTC", "USDT")
START_NS = 1_790_000_000_000_000_000  # 2026-09-21, a Monday


class Words:
    """Makes the structs that stores are fed with; what a test does not care about has a plausible value."""

    symbol = SYMBOL
    start_ns = START_NS

    @staticmethod
    def intent(epoch: int, number: int, /, **changes: Any) -> OrderIntent:
        """An intent of that epoch; one with a higher number is younger."""
        given = {
            "client_order_id": client_order_id(epoch, number), "epoch": epoch, "venue": Venue.GATE_SPOT,
            "symbol": SYMBOL, "side": Side.BUY, "quantity": Decimal("0.0125"), "price": Decimal("60123.4"),
            "purpose": Purpose.ENTRY, "execution_id": f"x{epoch}-1", "created_at_ns": START_NS + number,
            "expires_at_ns": START_NS + number + 800_000_000,
        }
        return OrderIntent(**(given | changes))

    @staticmethod
    def fill(trade_id: str, **changes: Any) -> Fill:
        """A spot buy that pays its fee in base."""
        given = {
            "venue": Venue.GATE_SPOT, "symbol": SYMBOL, "trade_id": trade_id, "venue_order_id": "9001",
            "client_order_id": "", "side": Side.BUY, "price": Decimal("60123.4"), "quantity": Decimal("0.0125"),
            "fee": Decimal("0.0000125"), "fee_asset": "BTC", "traded_at_ns": START_NS + 5_000_000,
        }
        return Fill(**(given | changes))

    def booked(self, trade_id: str, execution_id: str = "", **changes: Any) -> FillBooked:
        """The record of such a fill, with its ledger entries."""
        fill = self.fill(trade_id, **changes)
        return FillBooked(fill, entries_of(fill), execution_id, fill.traded_at_ns)

    @staticmethod
    def entry(entry_id: str, amount: str, kind: EntryKind, **changes: Any) -> LedgerEntry:
        """A ledger entry in USDT on Gate spot."""
        given = {"venue": Venue.GATE_SPOT, "asset": "USDT", "at_ns": START_NS}
        return LedgerEntry(entry_id=entry_id, amount=Decimal(amount), kind=kind, **(given | changes))

    @staticmethod
    def opportunity(opportunity_id: str) -> Opportunity:
        """A spot-spot trade with all its evidence."""
        estimate = PnlEstimate(**{name: Decimal("0.1") for name in PnlEstimate.__struct_fields__})
        edge = PairEdge(
            pair_name="GATE_TO_MEXC", edge_bps=4.5, gross_bps=9.5, mean_bps=1.0, sd_bps=0.5, z_score=7.0,
            half_life_s=None, samples=100,
        )
        return Opportunity(
            opportunity_id=opportunity_id, pair_name="GATE_TO_MEXC", purpose=Purpose.ENTRY,
            buy_quantity=Decimal("0.0125"), sell_quantity=Decimal("0.0125"), buy_price_cap=Decimal(60124),
            sell_price_cap=Decimal(60150), edge_bps=Decimal("4.5"), required_bps=Decimal(3),
            inventory_price_bps=Decimal("-0.25"), estimate=estimate, edge=edge,
            risk=OpportunityRisk(confidence=0.9, adverse_move_bps=0.3, depth_risk=0.1, venue_risk=0.2),
            book_ids={Venue.GATE_SPOT: 12, Venue.MEXC_SPOT: 13}, book_ages_ms={Venue.GATE_SPOT: 4},
            found_at_ns=START_NS,
        )

    @staticmethod
    def closed(execution_id: str, **changes: Any) -> ExecutionClosed:
        """A completed pair that earned what was expected, and a little."""
        given = {
            "execution_id": execution_id, "pair_name": "GATE_TO_MEXC", "purpose": "entry", "status": "complete",
            "bought": Decimal("0.0125"), "sold": Decimal("0.0125"), "gross_quote": Decimal("0.31"),
            "fees_quote": Decimal("0.11"), "net_quote": Decimal("0.20"), "estimate_net_quote": Decimal("0.15"),
            "residual_base": Decimal(0), "started_at_ns": START_NS, "ended_at_ns": START_NS + 250_000_000,
            "naked_ms": 40, "ambiguous": False, "delta_base": Decimal(0), "spot_base": Decimal(1),
            "perp_base": Decimal(-1),
        }
        return ExecutionClosed(**(given | changes))

    @staticmethod
    def one_of_each() -> list[Record]:
        """Records of the kinds that only tell: transitions, modes, alerts, samples, an instrument."""
        at, one = START_NS, Decimal(1)
        funding = FundingRate(Venue.GATE_FUTURES, Decimal("0.0001"), 28_800, START_NS // 10**9 + 60)
        mark = MarkPrice(Venue.GATE_FUTURES, Decimal("60130.01"), Decimal("60129.9"), START_NS // 10**6)
        instrument = Instrument(
            venue=Venue.GATE_FUTURES, symbol=SYMBOL, tick_size=Decimal("0.1"), lot_size=Decimal("0.0001"),
            multiplier=Decimal("0.0001"), min_quantity=Decimal("0.0001"),
        )
        return [
            StateChanged(sequence=1, from_state="A", to_state="B", trigger="T", why="because", at_ns=at),
            ModeChanged(from_mode="ACTIVE", to_mode="REDUCING", why="drawdown", by="latch", at_ns=at),
            Alert(level="critical", key="k", text="t", at_ns=at),
            OpportunityDeclined(
                declined=Declined(pair_name="GATE_TO_MEXC", reason="LOT", text="too small", edge_bps=3.5), count=2,
                at_ns=at,
            ),
            BalancesSampled(Venue.GATE_SPOT, "USDT", one, one, at),
            PositionSampled(
                spot_gate=one, spot_mexc=one, perp_base=-one, delta_base=one, mark=None, liquidation_price=None,
                equity_quote=one, realised_quote=one, at_ns=at,
            ),
            FundingSampled(funding, mark, at),
            FundingSampled(funding, None, at),
            BookTopSampled(
                venue=Venue.MEXC_SPOT, bid=one, bid_quantity=one, ask=one, ask_quantity=one, update_id=7, at_ns=at
            ),
            MetricSampled("sharpe", 1.5, at),
            MetricSampled("sortino", float("nan"), at),
            InstrumentChanged(instrument),
        ]


@pytest.fixture
def words() -> Words:
    """Makes structs to store."""
    return Words()
