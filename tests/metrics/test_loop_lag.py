"""What a task that is due has to wait."""

from __future__ import annotations

import trio

from dnbot.metrics.histogram import Histogram
from dnbot.metrics.loop_lag import PERIOD_S, watch_loop


async def test_a_loop_that_was_held_up_shows_it(mock_clock: trio.testing.MockClock) -> None:
    """Once on time, once late by the rest of what stopped the loop."""
    lag = Histogram()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_loop, lag)
        await trio.testing.wait_all_tasks_blocked()
        for jump_s in (PERIOD_S, 4 * PERIOD_S):
            mock_clock.jump(jump_s)
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (lag.count, round(lag.total, 9)) == (2, round(3 * PERIOD_S, 9))
