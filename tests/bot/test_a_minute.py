"""One minute of the lively market, and what a second incarnation makes of it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.fakes.config import FakesConfig


@pytest.mark.slow
async def test_a_minute_of_trading_closes_its_books(autojump_clock: Any, lab: Any) -> None:
    """In a minute every ordinary state is visited, ten round trips are made, and the ledger explains every digit."""
    async with lab.trading() as trial:
        await trio.sleep_until(60.0)
        assert await trial.end() == 0
        await trial.assert_clean()
        verdict = await trial.verdict()
        assert verdict["round_trips"] >= 10
        assert trial.bot.context.counters.faults == 0
        assert trial.bot.context.portfolio.funding_quote != 0, "the settlement inside the minute is booked"
        visited = set(trial.bot.context.counters.states)
        assert visited >= {
            "INITIALIZING", "ESTABLISHING_DELTA_NEUTRAL", "DELTA_NEUTRAL_ACTIVE", "MONITORING_SPREADS",
            "PREPARING_ARBITRAGE", "EXECUTING_ARBITRAGE", "SHUTDOWN",
        }
        ids = trial.creates()
        assert len(ids) == len(set(ids)), "a client id was on the wire twice"


@pytest.mark.slow
async def test_the_next_incarnation_continues(autojump_clock: Any, lab: Any) -> None:
    """`restart_with_position`: the same world and store again: no false position, no second opening, no adjustment."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        async with lab.on(on) as first:
            await first.until_trades(4)
            assert await first.end() == 0
            before = first.bot.context.portfolio
        async with lab.on(on, first.store) as second:
            start = second.bot.context.portfolio
            assert (start.balances, start.perp_base, start.perp_cost) == (
                before.balances, before.perp_base, before.perp_cost
            )
            await second.until_trades(2)
            assert second.bot.context.epoch > first.bot.context.epoch
            assert "ERROR_RECOVERY" not in second.bot.context.counters.states
            assert await second.end() == 0
            await second.assert_clean()
            names = first.sent() + second.sent()
            assert len(names) == len(set(names))
