"""The perpetual in trouble: a rally against a short with little margin."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.scenarios import scenario_of
from dnbot.strategy.states import TradingMode

pytestmark = pytest.mark.slow


async def test_liquidation_near(autojump_clock: Any, lab: Any) -> None:
    """Prices jump by 20 % against a short with little margin: the mode is lowered, and the short does not grow."""
    config = scenario_of("liquidation_near").applied(FakesConfig(seed=1))
    async with lab.stage(config) as on, lab.on(on) as trial:
        await trial.until(
            lambda: any(a.name == "price_jumps" for a in trial.stage.world.faults.activations()), "prices jump", 60
        )
        context = trial.bot.context
        assert context.portfolio.perp_base < 0, (context.current_state, context.mode_why, context.counters.declined)
        await trial.until(lambda: trial.bot.context.mode is not TradingMode.ACTIVE, "the mode is lowered", s_max=20)
        assert trial.bot.context.mode_why.startswith("MARGIN_LOW"), trial.bot.context.mode_why
        short = trial.bot.context.portfolio.perp_base
        await trio.sleep(20)
        assert trial.bot.context.portfolio.perp_base >= short
        assert abs(trial.true_delta()) <= trial.bot.context.tolerance
        assert await trial.end() == 0
        await trial.assert_clean()
