"""A whole bot in memory under its monitors, with a notifier that keeps what people would be told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.bot import Bot
from dnbot.config.settings import AlertSettings, Settings
from dnbot.domain.instrument import Symbol
from dnbot.domain.records import Alert
from dnbot.fakes.config import FakesConfig
from dnbot.monitor.thresholds import MonitorSettings
from dnbot.operate.alert_places import AlertSecrets, monitors_of
from dnbot.operate.commanding import Commander
from dnbot.operate.monitoring import Monitors
from dnbot.operate.sampling import MachineFigures, Sampler
from dnbot.operate.status import Reporter, RunFacts
from dnbot.operate.watch import Watch
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.notifier import Message
from dnbot.ports.redaction import Redactor
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState
from dnbot.testing.memory import FakeExchanges, fake_exchanges

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(
    symbol=SYMBOL,
    base_position_size=Decimal("0.02"),
    establish_slice_base=Decimal("0.02"),
    max_order_notional_quote=Decimal(1500),
    arbitrage_entry_threshold_bps=Decimal(200),
    max_daily_loss_quote=Decimal(5000),
)
"""A position that is built at once, and a market on which nothing pays."""


PULSE_S = 0.8
"""How often the still market says something: below `market_age_ms_max`, and as seldom as that allows."""


@attrs.define
class Ears:
    """A notifier: what people are told, and when."""

    services: int = 1
    deaf: bool = False
    stuck: bool = False
    heard: list[tuple[float, Message]] = attrs.field(factory=list)

    async def send(self, message: Message) -> list[int]:
        """Keep it."""
        if self.stuck:
            await trio.sleep_forever()
        if self.deaf:
            return message.to
        if message.to:
            self.heard.append((trio.current_time(), message))
        return []

    async def aclose(self) -> None:
        """Nothing to let go."""

    def lines(self, since_s: float = 0.0) -> list[tuple[float, str]]:
        """Every line of every notice, with its time."""
        return [(at_s, line) for at_s, told in self.heard if at_s >= since_s for line in told.body.splitlines()]


@attrs.define(repr=False)  # a whole world hangs on it
class Watched:
    """A bot, its world, its monitors and whoever they talk to."""

    fakes: FakeExchanges
    store: MemoryStore
    bot: Bot
    monitors: Monitors
    ears: Ears
    machine: dict[str, MachineFigures]
    """`now`: what the operating system says."""
    ended: trio.Event = attrs.field(factory=trio.Event)

    async def until(self, holds: Callable[[], bool], what: str, s_max: float = 30.0) -> None:
        """Wait until something holds."""
        with trio.move_on_after(s_max):
            while not holds():  # noqa: ASYNC110 (whatever it is, it has no event)
                await trio.sleep(0.05)
        assert holds(), f"{what}: {self.ears.lines()}; open: {list(self.monitors.book.open)}"

    async def hear(self, words: str, s_max: float = 30.0, *, since_s: float = 0.0) -> float:
        """Wait until people were told a line with these words, once; returns when."""
        def found() -> list[float]:
            return [at_s for at_s, line in self.ears.lines(since_s) if words in line]

        await self.until(lambda: bool(found()), f"nobody heard {words!r}", s_max)
        (at_s,) = found()
        return at_s

    def stored(self) -> list[Alert]:
        """Alerts in the database, oldest first."""
        return list(self.store.database.books[SYMBOL].alerts)


async def _run(watched: Watched) -> None:
    async with watched.monitors.telling_the_end():
        await watched.bot.run()
    watched.ended.set()


@asynccontextmanager
async def _watched(
    config: FakesConfig | None = None, params: dict[str, Any] | None = None, window_s: float = 300.0, **limits: Any
) -> AsyncIterator[Watched]:
    config = config or FakesConfig(market="scripted", symbols=("BTC/USDT",))
    async with fake_exchanges(config) as fakes, trio.open_nursery() as nursery:
        if fakes.stage.world.script is not None:
            fakes.market.pulse(PULSE_S)
        store, watch, ears, log = MemoryStore(), Watch(), Ears(), fakes.stage.log
        settings = Settings(
            strategy=msgspec.structs.replace(PARAMS, **(params or {})), monitors=MonitorSettings(**limits),
            alerts=AlertSettings(),
        )
        monitors = monitors_of(settings, AlertSecrets(), watch, Redactor(SecretRegistry()), log, ears)
        bot = await fakes.stage.bot(settings.strategy, store, witness=monitors.witness)
        bot.strategist.publish = watch.show
        machine = {"now": MachineFigures(50_000.0, 180.0, 4.0)}
        clock = fakes.stage.clock
        facts = RunFacts(version="test", mode="sim", market="", home="nowhere", pid=1, began_ns=clock.now_ns())
        commander = Commander(bot, watch, Reporter(bot, watch, clock, log, facts), log)
        sampler = Sampler(bot, log, lambda: machine["now"], settings.monitors, window_s)
        monitors.attach(sampler, commander.answer, None)
        watched = Watched(fakes, store, bot, monitors, ears, machine)
        nursery.start_soon(monitors.run, name="monitors")
        nursery.start_soon(_run, watched, name="bot")
        ready = StrategyState.MONITORING_SPREADS
        await watched.until(lambda: bot.context.current_state is ready, "the bot is ready", 60.0)
        await trio.sleep(settings.monitors.grace_ms / 1000)
        yield watched
        nursery.cancel_scope.cancel()


@pytest.fixture
def watched(autojump_clock: trio.testing.MockClock) -> Callable[..., AbstractAsyncContextManager[Watched]]:
    """A bot that holds its position in a still market, past the monitors' grace; keyword arguments are thresholds."""
    return _watched
