"""The whole bot under the harness: it trades a spread that a test opens, and its books close."""

from __future__ import annotations

from decimal import Decimal

import pytest
import trio

from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState
from dnbot.testing import FakeExchanges, HarnessError, RunningBot, ScriptedMarket, running_bot

pytestmark = pytest.mark.slow


async def test_it_trades_the_spread_that_was_opened(
    bot: RunningBot, fake_exchanges: FakeExchanges, market_script: ScriptedMarket
) -> None:
    """It hedges itself, waits while nothing can be earned, trades when MEXC is dear, and can account for all of it."""
    view = await bot.until("MONITORING_SPREADS")
    assert (view.state, bot.state) == ("MONITORING_SPREADS", StrategyState.MONITORING_SPREADS)
    assert fake_exchanges.positions_of()["BTC/USDT"].base == Decimal("-0.06")
    quiet = len(fake_exchanges.orders_of())
    await trio.sleep(10)
    assert len(fake_exchanges.orders_of()) == quiet

    market_script.offset("mexc", 45)
    await bot.until_true(lambda view: view.spread_quote > 0, what="a trade")
    sold = [order for order in fake_exchanges.orders_of(venue="mexc") if order.side == "sell" and order.filled]
    assert sold
    assert bot.view.executions > view.executions

    market_script.offset("mexc", 0)
    await trio.sleep(5)
    assert await bot.stop() == 0
    await bot.assert_books_close()
    assert not fake_exchanges.orders_of(open_only=True)
    assert (await bot.verdict())["open_orders_final"] == 0
    assert await bot.stop() == 0, "a second stop says the same"


async def test_waiting_for_what_does_not_come(bot: RunningBot, market_script: ScriptedMarket) -> None:
    """The error tells the state and the newest lines of the log; a state that does not exist is said at once."""
    with pytest.raises(HarnessError, match=r"EXECUTING_ARBITRAGE: not within 3 s; state \w+; newest lines: \["):
        await bot.until(StrategyState.EXECUTING_ARBITRAGE, s_max=3)
    with pytest.raises(ValueError, match="state 'RICH' is unknown"):
        await bot.until("RICH")
    await bot.stop()
    with pytest.raises(HarnessError, match=r"it ended, \[0\]"):
        await bot.until("MONITORING_SPREADS")


async def test_books_that_do_not_close_are_noticed(
    bot: RunningBot, fake_exchanges: FakeExchanges, market_script: ScriptedMarket
) -> None:
    """Money that the venue gave away and the bot does not know of fails the check."""
    await bot.until("MONITORING_SPREADS")
    await bot.stop()
    await bot.assert_books_close()
    fake_exchanges.stage.world.exchange.deposit(fake_exchanges.uid, "mexc_spot", "USDT", Decimal("0.01"))
    with pytest.raises(AssertionError, match="unexplained"):
        await bot.assert_books_close()


async def test_what_broke_the_bot_is_not_swallowed(
    fake_exchanges: FakeExchanges, bot_parameters: StrategyParameters, market_script: ScriptedMarket
) -> None:
    """A bug in the bot is raised by `stop`, or at the end of the block by itself."""
    for asks in (True, False):
        with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
            async with running_bot(fake_exchanges, bot_parameters) as bot:
                bot.bot.strategist.publish = lambda context: 1 / 0
                await trio.sleep(5)
                if asks:
                    await bot.stop()


async def test_without_a_pulse_a_still_market_is_a_dead_one(bot: RunningBot, market_script: ScriptedMarket) -> None:
    """The fixture gives the market a pulse; when that stops, the bot takes the silence for a failure."""
    await bot.until("MONITORING_SPREADS")
    market_script.pulse(0)
    await bot.until("ERROR_RECOVERY")
