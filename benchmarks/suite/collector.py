"""How long a full garbage collection stops the bot's process, as Python starts it and as the bot leaves it."""

from __future__ import annotations

import gc
import time
from functools import partial
from importlib import import_module

from suite.children import call
from suite.figures import Figures, quantile
from suite.measuring import Effort, interleaved
from suite.target import Target

COLLECTIONS = 20
LIMIT_MS = 1.0


def measure(effort: Effort) -> list[Target]:
    """Each in a process of its own that has imported all of the bot."""
    times = max(2, effort.times(COLLECTIONS))
    rounds = interleaved(
        effort.rounds,
        {
            name: partial(call, "collector:pauses", settled, times)
            for name, settled in (("settled", True), ("not", False))
        },
    )
    own, other = (rounds.median(name, "p50") for name in ("settled", "not"))
    return [
        Target(
            "a full collection of garbage, longest", "ms", rounds.median("settled", "longest"), limit=LIMIT_MS,
            beside="without settling", comparison=rounds.median("not", "longest"),
            detail=f"p50 {own:.3f} ms, without settling {other:.1f} ms; "
            f"{rounds.median('settled', 'objects'):,.0f} objects of the start",
        )
    ]


def pauses(settled: bool, times: int) -> Figures:
    """ms of each of so many full collections."""
    import_module("dnbot.operate.run")
    gc.collect()
    objects = len(gc.get_objects())
    if settled:
        import_module("dnbot.ports.collector").settle()
    samples = []
    for _ in range(times):
        began_ns = time.perf_counter_ns()
        gc.collect()
        samples.append((time.perf_counter_ns() - began_ns) / 1e6)
    return {"longest": max(samples), "p50": quantile(samples, 0.5), "objects": objects}
