"""One seed gives one run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from dnbot.fakes.config import FakesConfig
from dnbot.lab.repeat import trace_of

ALONE = """
from decimal import Decimal
from dnbot.domain.instrument import Symbol
from dnbot.lab.repeat import trace_of
from dnbot.strategy.parameters import StrategyParameters
junk = [object() for _ in range({junk})]
params = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(1500),
    round_trips_per_minute_max=240, max_daily_loss_quote=Decimal(500),
)
print(trace_of(1, params, duration_s=4.0))
"""


@pytest.mark.slow
def test_one_seed_twice_is_one_trace(lab: Any) -> None:
    """Records, requests, log lines and their virtual times are the same twice in one process, and differ by seed."""
    first = trace_of(1, lab.params, duration_s=4.0)
    assert trace_of(1, lab.params, duration_s=4.0) == first
    assert trace_of(2, lab.params, duration_s=4.0, config=FakesConfig(seed=1)) != first, "the schedule is part of it"


@pytest.mark.slow
def test_one_seed_is_one_trace_in_every_process() -> None:
    """Another hash seed and another heap change nothing."""
    traces = []
    for hash_seed, junk in (("1", 10), ("2", 5000)):
        done = subprocess.run(
            [sys.executable, "-c", ALONE.format(junk=junk)], env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        traces.append(done.stdout.strip())
    assert len(traces[0]) == 64
    assert traces[0] == traces[1]
