"""A whole bot in memory with its control channel, and statuses to draw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio
from trio.testing import memory_stream_pair

from dnbot.bot import Bot
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import ModeChanged
from dnbot.fakes.config import FakesConfig
from dnbot.lab.world import Stage, stage
from dnbot.operate.commanding import Commander
from dnbot.operate.control import ControlServer
from dnbot.operate.control_client import talk
from dnbot.operate.control_words import Reply, Request
from dnbot.operate.status import Reporter, RunFacts, Status
from dnbot.operate.watch import Watch
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState

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
async def _manned(*, runs: bool = True) -> AsyncIterator[Manned]:
    async with stage(FakesConfig(market="calibrated")) as scene, trio.open_nursery() as nursery:
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
