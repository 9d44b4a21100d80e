"""A whole bot in memory with its control channel, and statuses to draw."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import trio
from trio.testing import memory_stream_pair

from dnbot.bot import Bot
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import ModeChanged
from dnbot.fakes.config import FakesConfig
from dnbot.lab.world import Stage, stage
from dnbot.metrics.exposition import exposition
from dnbot.metrics.measures import Measures
from dnbot.operate.commanding import Commander
from dnbot.operate.control import ControlServer
from dnbot.operate.control_client import talk
from dnbot.operate.control_words import Reply, Request
from dnbot.operate.metrics import FAMILIES, Metrics
from dnbot.operate.metrics_moment import Moment
from dnbot.operate.status import Reporter, RunFacts, Status
from dnbot.operate.watch import Watch
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.process import process_figures
from dnbot.strategy.context import Counters
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState
from dnbot.strategy.view import View
from dnbot.tasks.journal import Journal

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(
    symbol=SYMBOL,
    base_position_size=Decimal("0.02"),
    establish_slice_base=Decimal("0.02"),
    max_order_notional_quote=Decimal(1500),
    round_trips_per_minute_max=240,
    consecutive_loss_limit=1000,
    max_daily_loss_quote=Decimal(5000),
)


@attrs.define
class Manned:
    """A running bot and everything that a person holds of it."""

    stage: Stage
    store: MemoryStore
    bot: Bot
    watch: Watch
    report: Reporter
    server: ControlServer
    nursery: trio.Nursery
    ended: trio.Event = attrs.field(factory=trio.Event)
    code: int | None = None

    async def run(self) -> None:
        """To its end."""
        self.code = await self.bot.run()
        self.ended.set()

    async def ask(self, request: Request) -> Reply:
        """One request over a connection of its own."""
        async with self.connect() as stream:
            return await talk(stream, request)

    def connect(self) -> trio.StapledStream[Any, Any]:
        """A client's end of a new connection."""
        ours, theirs = memory_stream_pair()
        self.nursery.start_soon(self.server.converse, theirs, "tester")
        return ours

    async def until(self, state: StrategyState, s_max: float = 60.0) -> None:
        """Wait for a state."""
        with trio.move_on_after(s_max):
            while self.bot.context.current_state is not state:
                await self.watch.moved()
        assert self.bot.context.current_state is state

    def modes(self) -> list[ModeChanged]:
        """Every recorded change of the mode that is stored by now."""
        return list(self.store.database.books[SYMBOL].modes)


@asynccontextmanager
async def _manned(*, runs: bool = True, market: str = "calibrated") -> AsyncIterator[Manned]:
    async with stage(FakesConfig(market=market)) as scene, trio.open_nursery() as nursery:
        store, watch = MemoryStore(), Watch()
        bot = await scene.bot(PARAMS, store)
        bot.strategist.publish, bot.strategist.witness = watch.show, watch.take
        facts = RunFacts(
            version="test", mode="sim", market="NOT A REAL MARKET", home="nowhere", pid=1, began_ns=scene.clock.now_ns()
        )
        report = Reporter(bot, watch, scene.clock, scene.log, facts)
        server = ControlServer(Commander(bot, watch, report, scene.log).answer, scene.log)
        manned = Manned(scene, store, bot, watch, report, server, nursery)
        if runs:
            nursery.start_soon(manned.run)
        try:
            yield manned
        finally:
            nursery.cancel_scope.cancel()


@pytest.fixture
def manned(autojump_clock: trio.testing.MockClock) -> Callable[..., AbstractAsyncContextManager[Manned]]:
    """A bot that runs in a calibrated market on virtual time, with a control server on memory streams."""
    return _manned


@pytest.fixture(scope="session")
def blank() -> Status:
    """The status of a bot that was built and has not begun: nothing is known yet."""

    async def look() -> Status:
        async with _manned(runs=False) as bot:
            return bot.report()

    return trio.run(look, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.fixture(scope="session")
def lively() -> Status:
    """The status of a bot that trades."""

    async def look() -> Status:
        async with _manned() as bot:
            await bot.until(StrategyState.MONITORING_SPREADS)
            return bot.report()

    return trio.run(look, clock=trio.testing.MockClock(autojump_threshold=0))


@attrs.frozen
class Told:
    """What `/metrics` said of one moment of a bot, and what the bot itself said of it."""

    text: str
    status: Status
    measures: Measures
    counters: Counters
    again: Callable[[View], str]
    """What it would have said of another view."""


async def _told(bot: Manned) -> Told:
    metrics = Metrics(bot.bot, bot.report)
    async with metrics.served([]):
        await trio.sleep(1.01)
        gc.collect()
        bot.bot.parts.log.flush_now()
        text, status, context = (await metrics.page()).decode(), bot.report(), bot.bot.context
    moment = Moment(status, context, bot.bot, metrics.runtime, process_figures())
    lag_s = bot.bot.journal.lag_s()  # which asks a clock that is not there outside trio

    def again(view: View) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "lag_s", lambda _: lag_s)
            changed = msgspec.structs.replace(status, view=view)
            return exposition(FAMILIES, attrs.evolve(moment, status=changed)).decode()

    return Told(text, status, bot.bot.parts.measures, context.counters, again)


@pytest.fixture(scope="session")
def told() -> Told:
    """Of a bot that trades in a lively market."""

    async def look() -> Told:
        async with _manned(market="lively") as bot:
            await trio.sleep(25)
            return await _told(bot)

    return trio.run(look, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.fixture(scope="session")
def told_of_nothing() -> Told:
    """Of a bot that was built and has not begun."""

    async def look() -> Told:
        async with _manned(runs=False) as bot:
            return await _told(bot)

    return trio.run(look, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[PostgresStore, None]:
    """A store on a fresh database, which is that of the state folder `tmp_path`."""
    log = EventLog(SystemClock(), [])
    async with embedded_postgres(tmp_path / "postgres", log) as server:
        await migrate(server.dsn)
        async with open_postgres_store(server.dsn) as opened:
            yield opened
