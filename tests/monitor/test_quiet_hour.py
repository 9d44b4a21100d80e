"""When nothing is wrong, people hear nothing: for an hour of a still market, and for a minute of a wild one."""

from __future__ import annotations

from decimal import Decimal

import pytest
import trio

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.script_words import SetPulse
from dnbot.lab.drills_alerts_stage import watched_bot
from dnbot.lab.still_clock import still_clock
from dnbot.monitor.thresholds import MonitorSettings

pytestmark = pytest.mark.slow


def test_a_quiet_hour_tells_nothing() -> None:
    """No alert of any level is raised, told or stored, and every look succeeds. The market says something every 3 s."""
    async def hour() -> None:
        async with watched_bot(params={"market_age_ms_max": 4_000, "balance_age_ms_max": 300_000}) as here:
            here.market(SetPulse(every_s=3.0))
            await trio.sleep(3_600.0)
            assert (here.ears.lines(), here.stored(), here.monitors.errors) == ([], [], 0)
            assert here.monitors.book.open == {}
            assert here.monitors.is_well()
            assert here.bot.context.counters.faults == 0

    trio.run(hour, clock=still_clock())


def test_a_wild_minute_tells_nothing() -> None:
    """Trading as the demo trades: a hundred pairs, and none of them is odd to the trade monitor."""
    params = {"arbitrage_entry_threshold_bps": Decimal(3), "round_trips_per_minute_max": 240,
              "consecutive_loss_limit": 20}
    assert MonitorSettings().orders_min < 100

    async def minute() -> None:
        async with watched_bot(FakesConfig(market="lively", symbols=("BTC/USDT",)), params=params) as here:
            await trio.sleep(60.0)
            assert here.bot.context.counters.executions > 100
            assert (here.ears.lines(), here.stored(), here.monitors.errors) == ([], [], 0)
            figures = here.monitors._trades.figures(trio.current_time())
            assert figures.orders > 200
            assert figures.drift_pairs == 100
            assert [found for found in figures.anomalies if found.times] == []

    trio.run(minute, clock=still_clock())
