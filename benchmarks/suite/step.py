"""Target 5, second half, and 7b: one step of the machine on news from the market, on an opportunity, and one edge.

The machine is brought up on the bench of its tests. `step` is pure: every call starts from the same context. But what
follows from a book is kept with it (`dnbot.domain.derived`), so each call is given a book that nothing was asked of.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import ExecutePair, Signal
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import step
from dnbot.strategy.states import StrategyState, Trigger
from dnbot.strategy.turn import Turn
from suite.figures import Figures
from suite.measuring import Effort, each_us, interleaved
from suite.target import Target

KIT = Path(__file__).resolve().parents[2] / "tests" / "strategy"
CALLS, CALLS_OF_OPPORTUNITY = 10_000, 2_000
SIGNALS = 16
LIMITS_US = (
    ("5 step() of the machine, a signal, p50", "step", "p50", 20.0, "copies"),
    ("5 the bare transition, p50", "edge", "p50", 1.5, "copy"),
    ("7b opportunity -> both intents decided, p50", "opportunity", "p50", 150.0, ""),
    ("7b opportunity -> both intents decided, p99", "opportunity", "p99", 500.0, ""),
)
"""Name, what is called, which figure of it, limit, its floor."""
FLOORS = {"copy": "a copy of the context", "copies": "two copies of the context", "": ""}


def measure(effort: Effort) -> list[Target]:
    """Nothing else computes the same, so the limits alone count."""
    bench = monitoring()
    context = bench.context
    quiet = [_signal(bench, 60_000 + number % 3) for number in range(SIGNALS)]
    rich = _signal(bench, 60_200)
    assert any(isinstance(c, ExecutePair) for c in step(context, rich).commands), "no opportunity"
    few = effort.times(CALLS_OF_OPPORTUNITY)
    calls: dict[str, Callable[[], Figures]] = {
        "step": partial(_stepping, context, quiet, effort.times(CALLS)),
        "opportunity": partial(_stepping, context, [rich], few),
        "copy": partial(each_us, lambda number: replace(context, events=number), effort.times(CALLS)),
        "copies": partial(
            each_us, lambda number: replace(replace(context, events=number), market=rich.market), effort.times(CALLS)
        ),
        "edge": partial(each_us, lambda _: Turn(context).fire(Trigger.MARKET_STALE, "bench"), effort.times(CALLS)),
    }
    rounds = interleaved(effort.rounds, calls)
    return [
        Target(
            name, "us", rounds.median(contender, figure), limit=limit,
            floor=rounds.median(floor, figure) if floor else None, floor_of=FLOORS[floor],
            detail=f"rounds {rounds.spread(contender, figure)}", again=calls[contender],
        )
        for name, contender, figure, limit, floor in LIMITS_US
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


def _signal(bench: Any, mexc_mid: int) -> Signal:
    """News of MEXC's book, a tenth of a second after the context."""
    bench.books[Venue.MEXC_SPOT] = bench.book(Venue.MEXC_SPOT, mexc_mid)
    signal: Signal = bench.market_signal()
    return signal


def _stepping(context: StrategyContext, signals: Sequence[Signal], times: int) -> Figures:
    """One after the other, each as if it had just come; the warm-up takes the last ones."""
    events = [_new(signals[number % len(signals)]) for number in range(times + times // 10)]
    return each_us(lambda number: step(context, events[number]), times)


def _new(signal: Signal) -> Signal:
    market = signal.market
    books = {**market.books, Venue.MEXC_SPOT: replace(market.books[Venue.MEXC_SPOT])}
    return replace(signal, market=replace(market, books=books))
