"""A venue's clock jumps while the bot runs: it is measured again at the first refusal, and trading goes on there."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.fakes.config import FakesConfig
from dnbot.strategy.states import TradingMode

pytestmark = pytest.mark.slow


def orders_at(trial: Any, venue: str) -> list[Any]:
    """Filled orders of ours, as the venue knows them."""
    return [order for order in trial.stage.audit()["orders"] if order["venue"] == venue and order["filled"] != "0"]


GATE, MEXC = ("gate_spot", "gate_futures"), ("mexc_spot",)


@pytest.mark.parametrize(
    ("moved", "venue"), [(GATE, "gate_spot"), (GATE, "gate_futures"), (MEXC, "mexc_spot")]
)  # Gate's futures have no clock of their own to ask for: one exchange, one clock
async def test_a_venue_that_jumps_ahead_is_traded_on_again(
    autojump_clock: Any, lab: Any, moved: tuple[str, ...], venue: str
) -> None:
    """0.9 s is beyond the life of an order: without a new measurement every create would be refused as expired."""
    lively = FakesConfig(seed=1, deviation_bps=60, half_life_s=4.0)  # so lively that prices leave MEXC's band at times
    async with lab.trading(lively, api_error_limit_per_minute=10_000) as trial:
        trial.stage.world.clock.skew_ns.update(dict.fromkeys(moved, 900_000_000))
        before = len(orders_at(trial, venue))
        await trial.until(lambda: len(orders_at(trial, venue)) >= before + 2, "two more orders are filled there", 90)
        assert trial.bot.context.mode is TradingMode.ACTIVE
        reasons = [order.reason for order in trial.bot.context.orders.values()]
        refused = [why for why in reasons if why.startswith(("REQUEST_EXPIRED", "700003"))]
        assert 1 <= len(refused) <= 4, "a refusal or two, and then the clock is known"
        assert await trial.end() == 0
        await trial.assert_clean()
