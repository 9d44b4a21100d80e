"""A whole bot in memory under its monitors, with a notifier that keeps what people would be told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio

from dnbot.lab.drills_alerts_stage import Watched, watched_bot


@pytest.fixture
def watched(autojump_clock: trio.testing.MockClock) -> Callable[..., AbstractAsyncContextManager[Watched]]:
    """A bot that holds its position in a still market, past the monitors' grace; keyword arguments are thresholds."""
    return watched_bot
