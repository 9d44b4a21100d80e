"""A drill that a person ends: what it has begun is cleared away, and who asked for the end is known."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import trio


async def until_interrupted(work: Callable[[], Awaitable[None]]) -> str:
    """Do it, or cancel it at SIGINT or SIGTERM; returns the signal's name, empty when none came."""
    interrupted = ""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                nonlocal interrupted
                async for number in signals:
                    interrupted = signal.Signals(number).name
                    nursery.cancel_scope.cancel()

            nursery.start_soon(obey)
            await work()
            nursery.cancel_scope.cancel()
    return interrupted
