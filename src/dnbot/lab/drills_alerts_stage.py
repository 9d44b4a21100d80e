"""What the alert drill stands on: a whole bot in memory under its monitors, and ears that keep what people are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import trio

from dnbot.bot import Bot
from dnbot.config.settings import AlertSettings, Settings
from dnbot.domain.instrument import VENUES, Symbol
from dnbot.domain.messages import SetMode
from dnbot.domain.records import Alert
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults_text import parse_fault
from dnbot.fakes.script_words import Command, SetPulse
from dnbot.lab.world import Stage, stage
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
from dnbot.strategy.states import StrategyState, TradingMode

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
STILL = FakesConfig(market="scripted", symbols=("BTC/USDT",))
PULSE_S = 0.8
"""How often the still market says something: below `market_age_ms_max`, and as seldom as that allows."""
LOOK_S = 0.05
READY_S_MAX = 60.0


class DrillStuck(Exception):
    """Something that a drill waits for did not come."""


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

    stage: Stage
    store: MemoryStore
    bot: Bot
    monitors: Monitors
    ears: Ears
    machine: dict[str, MachineFigures]
    """`now`: what the operating system says."""
    ended: trio.Event = attrs.field(factory=trio.Event)

    # --- what the world does
    def fault(self, text: str) -> Callable[[], None]:
        """Switch a fault on, in the words of `--fault`; returns what ends it."""
        faults = self.stage.world.faults
        key = faults.switch_on(parse_fault(text))
        return lambda: faults.switch_off(key)

    def market(self, *commands: Command) -> None:
        """Have the scripted market do this now."""
        assert self.stage.world.script is not None
        self.stage.world.script.apply(*commands)

    def struck(self, name: str) -> int:
        """How often faults of this name have struck."""
        return sum(strike.name == name for strike in self.stage.world.faults.activations())

    def rate_left(self) -> float:
        """What is left of the rate budget that is nearest its end, a share."""
        bot = self.bot
        lines = [lines[venue].line for venue in VENUES for lines in (bot.feeds, bot.sessions, bot.desks)]
        return min(budget.statistics().share_left for line in lines for budget in line.budgets.values())

    # --- what is waited for
    async def until(self, holds: Callable[[], bool], what: str, s_max: float = 30.0) -> None:
        """Wait until something holds; DrillStuck when it does not in time."""
        with trio.move_on_after(s_max):
            while not holds():  # noqa: ASYNC110 (whatever it is, it has no event)
                await trio.sleep(LOOK_S)
        if not holds():
            raise DrillStuck(f"not within {s_max:.0f} s: {what}; open: {list(self.monitors.book.open)}")

    async def hear(self, words: str, s_max: float = 30.0, *, since_s: float = 0.0) -> float:
        """Wait until people were told a line with these words; returns when they first were."""
        def found() -> list[float]:
            return [at_s for at_s, line in self.ears.lines(since_s) if words in line]

        await self.until(lambda: bool(found()), f"people hear {words!r}", s_max)
        return found()[0]

    async def resume(self) -> None:
        """A person looks into it and raises the trading mode again."""
        self.bot.tell(SetMode("ACTIVE", "the trouble is over", "somebody"))
        await self.until(lambda: self.bot.context.mode is TradingMode.ACTIVE, "the mode is ACTIVE")

    def stored(self) -> list[Alert]:
        """Alerts in the database, oldest first."""
        return list(self.store.database.books[SYMBOL].alerts)


async def _run(watched: Watched) -> None:
    async with watched.monitors.telling_the_end():
        await watched.bot.run()
    watched.ended.set()


@asynccontextmanager
async def watched_bot(
    config: FakesConfig | None = None, params: Mapping[str, Any] | None = None, window_s: float = 300.0,
    quiet_s: float | None = None, **limits: Any,
) -> AsyncIterator[Watched]:
    """A bot that holds its position in a still market, past the monitors' grace; `limits` are their thresholds.

    Raises:
        DrillStuck: the bot does not get so far.
    """
    async with stage(config or STILL) as on, trio.open_nursery() as nursery:
        if on.world.script is not None:
            on.world.script.apply(SetPulse(every_s=PULSE_S))
        store, watch, ears = MemoryStore(), Watch(), Ears()
        settings = Settings(
            strategy=msgspec.structs.replace(PARAMS, **(params or {})), monitors=MonitorSettings(**limits),
            alerts=AlertSettings(),
        )
        monitors = monitors_of(settings, AlertSecrets(), watch, Redactor(SecretRegistry()), on.log, ears)
        if quiet_s is not None:
            monitors.book.rules = msgspec.structs.replace(monitors.book.rules, quiet_s=quiet_s)
        bot = await on.bot(settings.strategy, store, witness=monitors.witness)
        bot.strategist.publish = watch.show
        machine = {"now": MachineFigures(50_000.0, 180.0, 4.0)}
        facts = RunFacts(version="drill", mode="sim", market="", home="nowhere", pid=1, began_ns=on.clock.now_ns())
        commander = Commander(bot, watch, Reporter(bot, watch, on.clock, on.log, facts), on.log)
        sampler = Sampler(bot, on.log, lambda: machine["now"], settings.monitors, window_s)
        monitors.attach(sampler, commander.answer, None)
        watched = Watched(on, store, bot, monitors, ears, machine)
        nursery.start_soon(monitors.run, name="monitors")
        nursery.start_soon(_run, watched, name="bot")
        ready = StrategyState.MONITORING_SPREADS
        await watched.until(lambda: bot.context.current_state is ready, "the bot is ready", READY_S_MAX)
        await trio.sleep(settings.monitors.grace_ms / 1000)
        yield watched
        nursery.cancel_scope.cancel()
