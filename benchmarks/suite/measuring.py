"""Contenders in turn, round by round, so that a noisy minute meets them all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from suite.figures import Figures, Rounds, quantile
from suite.kept import Kept

ROUNDS_MIN = 5


@attrs.frozen
class Effort:
    """How long to measure. `share` scales every number of repetitions; figures of less than 1 are for a trial only."""

    rounds: int = ROUNDS_MIN
    share: float = 1.0
    sizes: Mapping[str, int] = attrs.field(factory=dict)
    """What was asked for by name: `sequences`, `rows`, `seconds`."""
    recordings: Path | None = None
    """A folder of recorded books."""
    kept: Kept = attrs.field(factory=Kept)
    """What long measurements have done before, and do now."""

    def times(self, repetitions: int) -> int:
        """So many repetitions at this effort; at least one."""
        return max(1, round(repetitions * self.share))

    def size(self, name: str, *, full: int, trial: int) -> int:
        """As large as was asked for by that name; else `full`, or `trial` in a trial."""
        return self.sizes.get(name) or (full if self.share >= 1 else trial)


def interleaved(rounds: int, contenders: Mapping[str, Callable[[], Figures]]) -> Rounds:
    """Every contender once per round; another one begins each time, and garbage of one is not collected by the next."""
    names = list(contenders)
    found: dict[str, list[Figures]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            found[name].append(contenders[name]())
    return Rounds(found)


def clock_ns() -> float:
    """What two readings of the clock, one after the other, are apart: part of every figure of `each_us`."""
    samples = []
    for _ in range(2_000):
        began = time.perf_counter_ns()
        samples.append(time.perf_counter_ns() - began)
    return quantile(samples, 0.5)


def each_us(call: Callable[[int], object], times: int) -> Figures:
    """µs of one call: `p50` and `p99` of `times` calls, each with its number, the clock's own cost subtracted.

    A tenth as many calls before them warm up; they have the numbers that follow, negated.
    """
    for number in range(1, times // 10 + 1):
        call(-number)
    own_ns = clock_ns()
    samples: list[float] = []
    note, now = samples.append, time.perf_counter_ns
    for number in range(times):
        began = now()
        call(number)
        note(now() - began)
    return {
        "p50": max(0.0, quantile(samples, 0.5) - own_ns) / 1000,
        "p99": max(0.0, quantile(samples, 0.99) - own_ns) / 1000,
    }
