"""Weeks without a fill, or without a bot: venues list trades for a month and orders for a week, and ours are older.

Clocks are put forward instead of being waited for: the bot's wall clock and the venues', by the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import Alert, SetMode
from dnbot.domain.order import OrderStatus
from dnbot.fakes.config import FakesConfig
from dnbot.strategy.states import StrategyState

pytestmark = pytest.mark.slow

DAY_NS = 86_400 * 10**9
CALM = FakesConfig(seed=1, funding_interval_s=10_000 * 86_400, funding_first_after_s=None)
"""No funding: what is tested is an account that nothing happens in."""


def later(stage: Any, days: float) -> None:
    """Put every clock forward."""
    stage.clock.skew_ns += round(days * DAY_NS)
    stage.world.clock.epoch_ns += round(days * DAY_NS)


def alerts(trial: Any, key: str) -> list[Alert]:
    """Those that were recorded under keys that begin so, by all incarnations."""
    return [alert for alert in trial.store.database.books[trial.bot.context.params.symbol].alerts
            if alert.key.startswith(key)]


async def until_read(trial: Any) -> None:
    """Every account is read whole again, after now."""
    now_s = trio.current_time()
    await trial.until(
        lambda: all(trial.bot.context.accounts[venue].read_s > now_s for venue in VENUES), "three accounts are read", 60
    )


def order_at_mexc(trial: Any) -> Any:
    """The order of ours there that is under way, or None."""
    orders = trial.store.database.books[trial.bot.context.params.symbol].orders.values()
    return next((order for order in orders if order.intent.venue is Venue.MEXC_SPOT and not order.is_settled), None)


def filled_at_mexc(trial: Any, name: str) -> Decimal:
    """What the venue says of an order: base units, zero for one that it does not know."""
    return sum((Decimal(o["filled"]) for o in trial.stage.audit()["orders"] if o["client_id"] == name), Decimal(0))


async def dead_with_an_order_at_mexc(trial: Any, *, arrives: bool) -> str:
    """The bot trades, and dies with an order for MEXC committed; it is filled there, or never gets there. Its id."""
    await trial.until_trades(2)
    await trial.until(lambda: order_at_mexc(trial) is not None, "an order for MEXC is committed", poll_s=0.0001)
    name: str = order_at_mexc(trial).intent.client_order_id
    if arrives:
        await trial.until(lambda: filled_at_mexc(trial, name) > 0, "it is filled", poll_s=0.0001)
    trial.crash()
    assert not order_at_mexc(trial).is_settled
    assert (filled_at_mexc(trial, name) > 0) is arrives
    return name


async def test_a_month_without_a_fill_leaves_accounts_readable(autojump_clock: Any, lab: Any) -> None:
    """What was read completely yesterday need not be asked for again: the window of trades moves without fills."""
    async with lab.stage(CALM) as on, lab.on(on) as trial:
        await trial.until_trades(2)
        trial.bot.tell(SetMode("HALTED", "nothing shall be traded"))
        await trial.until(lambda: not trial.bot.context.unsettled, "nothing is under way")
        fills = len(on.world.exchange.trades("mexc_spot", on.world.config.accounts[0].uid))
        for _ in range(33):
            later(on, 1)
            await until_read(trial)
        await trial.until(lambda: trial.bot.context.current_state is not StrategyState.ERROR_RECOVERY, "recovered")
        assert len(on.world.exchange.trades("mexc_spot", on.world.config.accounts[0].uid)) == fills
        assert alerts(trial, "unread:") == []
        trial.bot.tell(SetMode("ACTIVE", "again"))
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_a_bot_that_was_away_for_longer_than_trades_are_listed_starts(autojump_clock: Any, lab: Any) -> None:
    """It reads what there is, tells what it cannot know, and trades: nothing had happened meanwhile."""
    async with lab.stage(CALM) as on:
        async with lab.on(on) as first:
            await first.until_trades(2)
            assert await first.end() == 0
        later(on, 40)
        async with lab.on(on, first.store) as second:
            await second.until_trades(1)
            unread = alerts(second, "unread:")
            assert {alert.key for alert in unread} == {"unread:MEXC_SPOT", "unread:GATEIO_SPOT"}
            assert "known up to 40.0 days ago" in unread[0].text
            assert await second.end() == 0
            await second.assert_clean()


@pytest.mark.parametrize(("arrives", "end"), [(True, OrderStatus.FILLED), (False, OrderStatus.NO_EFFECT)])
async def test_an_order_of_eight_days_ago_is_resolved(
    autojump_clock: Any, lab: Any, arrives: bool, end: OrderStatus
) -> None:
    """MEXC lists ended orders for a week and trades for a month: the trades decide, and every residual is zero."""
    async with lab.stage(CALM) as on, lab.on(on) as first:
        name = await dead_with_an_order_at_mexc(first, arrives=arrives)
        later(on, 8)
        async with lab.on(on, first.store) as second:
            await second.until(lambda: second.bot.context.orders[name].is_settled, "it is resolved", 60)
            assert second.bot.context.orders[name].status is end
            await second.until_trades(1)
            assert alerts(second, "forgotten:") == []
            assert await second.end() == 0
            await second.assert_clean()


async def test_an_order_of_forty_days_ago_is_given_up_by_name(autojump_clock: Any, lab: Any) -> None:
    """Nothing tells of it any more but what the accounts hold: that is booked, as unexplained, and delta is hedged."""
    async with lab.stage(CALM) as on, lab.on(on) as first:
        name = await dead_with_an_order_at_mexc(first, arrives=True)
        later(on, 40)
        async with lab.on(on, first.store) as second:
            await second.until_trades(1, 60)
            (told,) = alerts(second, f"forgotten:{name}")
            assert told.level == "critical"
            assert {alert.key for alert in alerts(second, "adjusted:MEXC")} == {
                "adjusted:MEXC_SPOT:BTC", "adjusted:MEXC_SPOT:USDT"
            }
            assert await second.end() == 0
            verdict = await second.verdict()
            left = [value for assets in verdict["ledger_residual"].values() for value in assets.values()]
            assert set(left) == {"0"}
            tolerance = second.bot.context.tolerance
            assert tolerance is not None
            assert abs(second.true_delta()) <= tolerance
