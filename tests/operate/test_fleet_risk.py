"""The limits of a fleet at one worker: what it reads reaches every bot, and what it cannot read any more refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio
from trio.testing import MockClock

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import FleetRiskTold
from dnbot.fleet.life import TaskState
from dnbot.fleet.risk import FleetLimits
from dnbot.operate.fleet_risk import HOLDS_S, LOOK_EVERY_S, FleetRiskWatch, risk_of
from dnbot.ports.channels import Pipe, pipe
from dnbot.ports.clock import VirtualClock
from dnbot.ports.fleet_risk import MemoryFleetRisk, Sample
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink

SETTINGS = """
mode = "live"
[strategy]
symbol = "BTC/USDT"
base_position_size = "2"
max_position_multiplier = "1.5"
max_order_notional_quote = "500"
max_daily_loss_quote = "50"
leverage = 2
"""


def sample(name: str = "btc", **changes: Any) -> Sample:
    """One base unit on each leg at 100."""
    given: dict[str, Any] = {
        "symbol": Symbol("BTC", "USDT"), "state": TaskState.RUNNING, "settings": SETTINGS, "began": True, "age_s": 1.0,
        "spot_base": Decimal(1), "perp_base": Decimal(-1), "mark": Decimal(100), "equity_quote": Decimal(990),
        "day_equity_quote": Decimal(1000),
    }
    return Sample(task_id=name, **(given | changes))


@attrs.define
class Bot:
    """As much of a bot as is told something."""

    inbox: Pipe[FleetRiskTold] = attrs.field(factory=lambda: pipe(8))
    told: list[FleetRiskTold] = attrs.field(factory=list)

    @property
    def channels(self) -> Bot:
        """Where its inbox is."""
        return self

    def tell(self, event: FleetRiskTold) -> None:
        """As `Bot.tell`."""
        self.told.append(event)

    @property
    def may(self) -> bool:
        """Whether it may take new risk now."""
        newest = self.told[-1]
        return not newest.denial and trio.current_time() <= newest.valid_until_s


@attrs.define
class Away(MemoryFleetRisk):
    """A store that may be away."""

    down: bool = False

    async def limits(self) -> FleetLimits:
        """See `FleetRiskStore`."""
        if self.down:
            raise StoreUnreachable("down")
        return await super().limits()


def watch_of(store: MemoryFleetRisk) -> FleetRiskWatch:
    """A watch that logs into memory."""
    return FleetRiskWatch(store, EventLog(VirtualClock(0), [MemorySink()]))


def test_bounds_are_those_of_a_task_s_own_settings() -> None:
    """What is old counts as three base units of both legs, half of one as margin, and the loss that may be."""
    risk = risk_of(FleetLimits(), (sample(age_s=100.0),))
    assert [figure.total for figure in risk.figures] == [600, 150, 50]
    unreadable = risk_of(FleetLimits(gross_quote_max=Decimal(10**9)), (sample(age_s=100.0, settings="x ="),))
    assert "unknown: btc" in unreadable.denial
    assert risk_of(FleetLimits(gross_quote_max=Decimal(10**9)), (sample(settings="x ="),)).denial == ""


async def test_bots_are_told_when_a_limit_is_set_reached_and_left(autojump_clock: MockClock) -> None:
    """Each within one look: no limit, one that is reached, one that is raised; every bot of the worker."""
    store = MemoryFleetRisk(given=(sample(), sample("eth")))
    watch, bots = watch_of(store), (Bot(), Bot())
    async with watch.looking(), trio.open_nursery() as nursery:
        for bot in bots:
            nursery.start_soon(watch.tell, bot)
        await trio.sleep(0.1)
        assert all(bot.may for bot in bots)
        store.newest = FleetLimits(gross_quote_max=Decimal(400))
        await trio.sleep(LOOK_EVERY_S)
        assert not any(bot.may for bot in bots)
        assert bots[0].told[-1].denial == "gross exposure of the fleet is 400.00, the limit 400"
        store.newest = FleetLimits(gross_quote_max=Decimal(401))
        await trio.sleep(LOOK_EVERY_S)
        assert all(bot.may for bot in bots)
        store.given = (sample(), msgspec.structs.replace(sample("eth"), age_s=16.0))
        await trio.sleep(LOOK_EVERY_S)
        assert not any(bot.may for bot in bots), "a task that is not seen any more counts as at its limit"
        nursery.cancel_scope.cancel()


async def test_what_cannot_be_read_any_more_refuses(autojump_clock: MockClock) -> None:
    """A database that is away: what was read holds for a while from when it was asked for, and no longer."""
    store = Away()
    watch, bot = watch_of(store), Bot()
    async with watch.looking(), trio.open_nursery() as nursery:
        nursery.start_soon(watch.tell, bot)
        await trio.sleep(10)
        assert bot.may
        store.down = True
        await trio.sleep(HOLDS_S - LOOK_EVERY_S - 0.1)
        assert bot.may
        await trio.sleep(LOOK_EVERY_S + 0.2)
        assert not bot.may
        store.down = False
        await trio.sleep(LOOK_EVERY_S + 0.1)
        assert bot.may
        nursery.cancel_scope.cancel()


async def test_a_bot_that_is_told_before_anything_was_read_may_not(autojump_clock: MockClock) -> None:
    """A worker whose first look fails has nothing to say that would hold."""
    watch, bot = watch_of(Away(down=True)), Bot()
    async with watch.looking(), trio.open_nursery() as nursery:
        nursery.start_soon(watch.tell, bot)
        await trio.sleep(5)
        assert not bot.may
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("full", [5, 8])
async def test_a_busy_inbox_is_left_to_the_venues(autojump_clock: MockClock, full: int) -> None:
    """More than half full, nothing is told; the next look tells it."""
    watch, bot = watch_of(MemoryFleetRisk()), Bot()
    for _ in range(full):
        bot.inbox.send.send_nowait(FleetRiskTold(denial="", valid_until_s=0.0))
    async with watch.looking(), trio.open_nursery() as nursery:
        nursery.start_soon(watch.tell, bot)
        await trio.sleep(1)
        assert not bot.told
        while bot.inbox.receive.statistics().current_buffer_used:
            bot.inbox.receive.receive_nowait()
        await trio.sleep(LOOK_EVERY_S)
        assert bot.may
        nursery.cancel_scope.cancel()
