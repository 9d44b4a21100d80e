"""Counts of durations in fixed buckets. One observation is one search in a table, and allocates no container."""

from __future__ import annotations

from bisect import bisect_left

_STEPS = ("1", "2.5", "5", "7.5")
"""Four linear steps to each decade."""


def log_linear(first: int, last: int) -> tuple[float, ...]:
    """Upper bounds from 10**first to 10**last, both included; each is the float nearest to its decimal."""
    bounds = [float(f"{step}e{decade}") for decade in range(first, last) for step in _STEPS]
    return (*bounds, float(f"1e{last}"))


SECONDS = log_linear(-6, 1)
"""1 microsecond to 10 seconds: from one step of a hot path to a venue that hardly answers."""


class Histogram:
    """How many observations were at most each bound. `counts` has one more: those above the last bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        """Sum of all observations, seconds."""

    def observe(self, seconds: float) -> None:
        """Count one duration. One below zero counts as zero: two clocks were read, and the sum must never fall."""
        if seconds > 0:
            self.counts[bisect_left(self.bounds, seconds)] += 1
            self.total += seconds
        else:
            self.counts[0] += 1

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)
