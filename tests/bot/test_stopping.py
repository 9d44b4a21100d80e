"""Stopping in the middle of something settles it first."""

from __future__ import annotations

from typing import Any

from dnbot.strategy.states import StrategyState


async def test_a_stop_during_execution_settles_and_ends_clean(autojump_clock: Any, lab: Any) -> None:
    """A Stop while both legs are on their way: they are settled, nothing is open, residual zero, exit code 0."""
    async with lab.trading() as trial:
        await trial.until(lambda: trial.state is StrategyState.EXECUTING_ARBITRAGE, "executing", poll_s=0.0005)
        in_flight = [order.intent.client_order_id for order in trial.bot.context.unsettled]
        assert in_flight
        assert await trial.end() == 0
        assert not trial.bot.context.unsettled
        assert all(trial.bot.context.orders[name].is_settled for name in in_flight)
        await trial.assert_clean()


async def test_flatten_leaves_no_inventory(autojump_clock: Any, lab: Any) -> None:
    """With `flatten` the perpetual is closed and what is left on spot is below what the venues trade."""
    async with lab.trading() as trial:
        assert await trial.end("flatten") == 0
        await trial.assert_clean()
        audit = trial.stage.audit()
        assert {position["size"] for position in audit["positions"].values()} == {"0"}


async def test_a_second_stop_only_shortens(autojump_clock: Any, lab: Any) -> None:
    """Two Stops end as clean as one."""
    async with lab.trading() as trial:
        trial.bot.stop("first")
        assert await trial.end() == 0
        await trial.assert_clean()
