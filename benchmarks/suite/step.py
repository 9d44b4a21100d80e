"""Target 5, second half, and 7b: one step of the machine on news from the market, on an opportunity, and one edge.

The machine is brought up on the bench of its tests. `step` is pure: every call starts from the same context.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from dnbot.domain.messages import ExecutePair, InboxEvent
from dnbot.strategy.machine import step
from dnbot.strategy.states import StrategyState, Trigger
from dnbot.strategy.turn import Turn
from suite.measuring import Effort, each_us, interleaved
from suite.target import Target

KIT = Path(__file__).resolve().parents[2] / "tests" / "strategy"
CALLS, CALLS_OF_OPPORTUNITY = 10_000, 2_000
SIGNALS = 16
LIMITS_US = (
    ("5 step() of the machine, a signal, p50", "step", "p50", 20.0),
    ("5 the bare transition, p50", "edge", "p50", 1.5),
    ("7b opportunity -> both intents decided, p50", "opportunity", "p50", 150.0),
    ("7b opportunity -> both intents decided, p99", "opportunity", "p99", 500.0),
)
"""Name, what is called, which figure of it, limit."""


def measure(effort: Effort) -> list[Target]:
    """Nothing else computes the same, so the limits alone count."""
    bench = monitoring()
    context = bench.context
    quiet = [_signal(bench, 60_000 + number % 3) for number in range(SIGNALS)]
    rich = _signal(bench, 60_200)
    assert any(isinstance(c, ExecutePair) for c in step(context, rich).commands), "no opportunity"
    few = effort.times(CALLS_OF_OPPORTUNITY)
    calls: dict[str, tuple[Callable[[int], object], int]] = {
        "step": (lambda number: step(context, quiet[number % SIGNALS]), effort.times(CALLS)),
        "opportunity": (lambda _: step(context, rich), few),
        "edge": (lambda _: Turn(context).fire(Trigger.MARKET_STALE, "bench"), effort.times(CALLS)),
    }
    rounds = interleaved(
        effort.rounds, {name: partial(each_us, call, times) for name, (call, times) in calls.items()}
    )
    return [
        Target(
            name, "us", rounds.median(contender, figure), limit=limit,
            detail=f"rounds {rounds.spread(contender, figure)}", again=partial(each_us, *calls[contender]),
        )
        for name, contender, figure, limit in LIMITS_US
    ]


def monitoring() -> Any:
    """The machine in MONITORING_SPREADS, with everything read and fresh."""
    sys.path.insert(0, str(KIT))
    try:
        bench = import_module("machine_kit").Bench().boot()
    finally:
        sys.path.remove(str(KIT))
    bench.quiet(1)
    assert bench.state is StrategyState.MONITORING_SPREADS, bench.state
    return bench


def _signal(bench: Any, mexc_mid: int) -> InboxEvent:
    """News of MEXC's book, a tenth of a second after the context."""
    venue = next(venue for venue in bench.books if venue.value == "MEXC_SPOT")
    bench.books[venue] = bench.book(venue, mexc_mid)
    signal: InboxEvent = bench.market_signal()
    return signal
