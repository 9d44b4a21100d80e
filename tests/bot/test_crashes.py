"""A process that dies says nothing more: what the next one finds must be enough."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.fakes.config import FakesConfig

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
