"""Target 1: what a log call costs its caller, in bursts of 100 with a millisecond of idleness after each."""

from __future__ import annotations

from functools import partial

from suite.children import call
from suite.log_contenders import CONTENDERS, FLOOR_OF, FLOORS, OURS, run
from suite.measuring import Effort, interleaved
from suite.target import Target

CALLS = 20_000
LIMITS_US = {"declared event": 0.4, "free keywords": 0.7}


def measure(effort: Effort) -> list[Target]:
    """Ours against the limits and against NautilusTrader's logger; the others in the detail."""
    calls = effort.times(CALLS)
    rounds = interleaved(
        effort.rounds, {name: partial(call, "log_contenders:run", name, calls, 1) for name in CONTENDERS | FLOORS}
    )
    others = "; ".join(
        f"{name} {rounds.median(name, 'p50'):.2f} / {rounds.median(name, 'p99'):.2f}" for name in CONTENDERS
    )
    return [
        Target(
            f"1 log call, {name}, p50", "us", rounds.median(name, "p50"), limit=LIMITS_US[name], factor=3.0,
            beside="nautilus_trader", comparison=rounds.median("nautilus_trader", "p50"),
            floor=rounds.median(f"bare {name}", "p50"), floor_of=FLOOR_OF,
            detail=f"p50 / p99 in us: {others}", again=partial(run, name, calls, 1),
        )
        for name in OURS
    ]
