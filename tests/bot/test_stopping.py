"""Stopping in the middle of something settles it first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.messages import SetMode
from dnbot.domain.order import Purpose
from dnbot.fakes.faults import Fault
from dnbot.ports.latch import UNWRITTEN
from dnbot.strategy.states import StrategyState, TradingMode

pytestmark = pytest.mark.slow


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


async def test_flatten_leaves_only_what_cannot_be_traded(autojump_clock: Any, lab: Any) -> None:
    """With `flatten` what is left on each spot venue is below its minimum order, and the perpetual hedges just that."""
    async with lab.trading() as trial:
        assert await trial.end("flatten") == 0
        await trial.assert_clean()
        assert_flat(trial)


def assert_flat(trial: Any) -> None:
    """What the venues have is too little to be traded."""
    audit = trial.stage.audit()
    left = [Decimal(audit["balances"][venue].get("BTC", "0")) for venue in ("gate_spot", "mexc_spot")]
    assert all(base * 60_000 < 6 for base in left), left
    (position,) = audit["positions"].values()
    assert abs(Decimal(position["size"])) <= 2


async def test_a_second_stop_only_shortens(autojump_clock: Any, lab: Any) -> None:
    """Two Stops end as clean as one."""
    async with lab.trading() as trial:
        trial.bot.stop("first")
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_a_halt_that_was_not_written_halts_the_next_start(autojump_clock: Any, lab: Any) -> None:
    """A limit halts while the database is away, and then the bot is stopped: 75, though the venues are verified, and
    the next start is halted for that reason, whatever its database has."""
    async with lab.trading() as trial:
        await trial.until(
            lambda: trial.state is StrategyState.MONITORING_SPREADS and not trial.bot.context.unsettled, "it rests"
        )
        trial.store.down = True
        trial.bot.tell(SetMode("HALTED", "DAILY_LOSS: 600", "latch"))
        assert await trial.end() == 75
        assert trial.bot.context.exit_code == 0, "the machine itself ended cleanly"
        modes = trial.store.database.books[lab.symbol].modes
        assert modes == []
        async with lab.on(trial.stage, trial.store, latch=trial.bot.parts.latch) as again:
            await again.until(lambda: bool(modes), "the mode is recorded")
            assert again.bot.context.mode is TradingMode.HALTED
            assert [(m.to_mode, m.by, m.why) for m in modes] == [("HALTED", "latch", f"DAILY_LOSS: 600 {UNWRITTEN}")]


async def test_an_end_without_the_database_is_not_clean(autojump_clock: Any, lab: Any) -> None:
    """Records are lost, so it is not 0; a mode that was ACTIVE all along latches nothing."""
    async with lab.trading() as trial:
        await trial.until(
            lambda: trial.state is StrategyState.MONITORING_SPREADS and not trial.bot.context.unsettled, "it rests"
        )
        trial.store.down = True
        assert await trial.end() == 75
        assert not trial.bot.parts.latch.is_set()


async def test_a_flatten_that_a_venue_did_not_let_end_is_not_begun_anew_by_a_supervisor(
    autojump_clock: Any, lab: Any
) -> None:
    """What is left stays hedged and is told; 75 is started again, and that start buys nothing."""
    async with lab.trading() as trial:
        await trial.until(
            lambda: trial.state is StrategyState.MONITORING_SPREADS and not trial.bot.context.unsettled, "it rests"
        )
        trial.stage.world.faults.switch_on(Fault("symbol_suspended", venue="mexc_spot", for_s=60.0))
        assert await trial.end("flatten") == 75
        assert trial.bot.context.mode is TradingMode.ACTIVE, "neutral: nothing but the wish for an end halts"
        assert [halt.reason for halt in trial.bot.parts.latch.halts] == ["stopped by operator: the test is over"]


async def test_what_was_flattened_without_the_database_stays_flat(autojump_clock: Any, lab: Any) -> None:
    """75, and with that a supervisor starts again: the next start is halted, and does not buy the position back."""
    async with lab.trading() as trial:
        await trial.until(
            lambda: trial.state is StrategyState.MONITORING_SPREADS and not trial.bot.context.unsettled, "it rests"
        )
        trial.store.down = True
        assert await trial.end("flatten") == 75
        assert_flat(trial)
        parts = trial.bot.parts
        assert [halt.reason for halt in parts.latch.halts] == ["stopped by operator: the test is over"]
        async with lab.on(trial.stage, trial.store, latch=parts.latch, spill=parts.spill) as again:
            await again.until(lambda: again.bot.context.mode is TradingMode.HALTED, "it is halted")
            await trio.sleep(20)
            orders = again.bot.context.orders.newest_first()
            assert [order for order in orders if order.intent.purpose is Purpose.ESTABLISH] == []
            assert_flat(again)
