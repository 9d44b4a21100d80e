"""How late the event loop is: what a task that is due waits, because others have their turn or the machine is busy."""

from __future__ import annotations

from collections.abc import Callable

import trio

PERIOD_S = 0.05


async def watch_loop(observe: Callable[[float], None]) -> None:
    """Never returns; every 50 ms it tells how late it was, seconds."""
    while True:
        due_s = trio.current_time() + PERIOD_S
        await trio.sleep_until(due_s)
        observe(trio.current_time() - due_s)
