"""How late the event loop is: what a task that is due waits, because others have their turn or the machine is busy."""

from __future__ import annotations

import trio

from dnbot.metrics.histogram import Histogram

PERIOD_S = 0.05


async def watch_loop(lag: Histogram) -> None:
    """Never returns; every 50 ms one observation of how late it was."""
    while True:
        due_s = trio.current_time() + PERIOD_S
        await trio.sleep_until(due_s)
        lag.observe(trio.current_time() - due_s)
