"""A process that dies says nothing more: what the next one finds must be enough."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.fakes.config import FakesConfig, Listing
from dnbot.fakes.records import GATE_FUTURES
from dnbot.strategy.states import StrategyState

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("later_s", [0.0, 0.002, 0.004, 0.5])
async def test_after_a_crash_the_books_still_close(autojump_clock: Any, lab: Any, later_s: float) -> None:
    """Dead right after a create reached a venue, on the way of its answer, among its fills, or between trades: the
    next incarnation resolves every order, never sends one again, and every residual is zero."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as first:
        await first.until_trades(1)
        seen = len(first.creates())
        await first.until(lambda: len(first.creates()) > seen, "a create reaches a venue", poll_s=0.0002)
        await trio.sleep(later_s)
        first.crash()
        async with lab.on(on, first.store) as second:
            await second.until_trades(1)
            assert await second.end() == 0
            await second.assert_clean()
            ids = second.creates()
            assert len(ids) == len(set(ids))


async def test_a_crash_while_establishing(autojump_clock: Any, lab: Any) -> None:
    """Dead with half of the position built: the next incarnation continues from there, and every residual is zero."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as first:
        await first.until(lambda: len(first.creates()) >= 5, "some slices are placed", poll_s=0.0005)
        first.crash()
        async with lab.on(on, first.store) as second:
            await second.until_trades(1)
            assert await second.end() == 0
            await second.assert_clean()


async def test_a_position_in_a_delisting_is_guarded_and_closed(autojump_clock: Any, lab: Any) -> None:
    """Dead after the contract's end was announced: the next incarnation does not leave the position alone, and closes
    it when it is told to, by what the venue still takes."""
    ends = Listing("BTC/USDT", "delist", 3_600.0, venues=(GATE_FUTURES,), notice_s=3_540.0)
    async with lab.stage(FakesConfig(seed=1, listings=(ends,))) as on, lab.on(on) as first:
        await first.until_trades(1)
        await first.until(
            lambda: not first.bot.context.market.instruments[Venue.GATE_FUTURES].tradable, "the end is announced", 90.0,
            poll_s=0.1,
        )
        first.crash()
        async with lab.on(on, first.store) as second:
            not_yet = {StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY}
            await second.until(lambda: second.state not in not_yet, "it knows its accounts")
            assert second.state is not StrategyState.SHUTDOWN
            assert not second.bot.context.market.instruments[Venue.GATE_FUTURES].tradable
            assert await second.end("flatten") == 0
            await second.assert_clean()
            assert sum(abs(Decimal(p["size"])) for p in second.stage.audit()["positions"].values()) <= 2
