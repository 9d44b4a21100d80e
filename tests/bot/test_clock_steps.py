"""A venue's clock jumps while the bot runs: it is measured again at the first refusal, and trading goes on there."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.fakes.config import FakesConfig
from dnbot.strategy.states import TradingMode


def orders_at(trial: Any, venue: str) -> list[Any]:
    """Filled orders of ours, as the venue knows them."""
    return [order for order in trial.stage.audit()["orders"] if order["venue"] == venue and order["filled"] != "0"]


@pytest.mark.parametrize("venue", ["gate_spot", "gate_futures", "mexc_spot"])
async def test_a_venue_that_jumps_ahead_is_traded_on_again(autojump_clock: Any, lab: Any, venue: str) -> None:
    """0.9 s is beyond the life of an order: without a new measurement every create would be refused as expired."""
    async with lab.trading(FakesConfig(seed=1, deviation_bps=60, half_life_s=4.0)) as trial:
        trial.stage.world.clock.skew_ns[venue] = 900_000_000
        before = len(orders_at(trial, venue))
        await trial.until(lambda: len(orders_at(trial, venue)) >= before + 2, "two more orders are filled there", 90)
        assert trial.bot.context.mode is TradingMode.ACTIVE
        refused = [note for note in trial.notes() if note.method == "POST" and note.status >= 400]
        assert len(refused) <= 3, "a refusal or two, and then the clock is known"
        assert await trial.end() == 0
        await trial.assert_clean()
