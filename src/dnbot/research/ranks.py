"""Whether two figures put the same things in the same order. Floats: they are compared, never booked."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import correlation

PAIRS_MIN = 5


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's; None with fewer than five pairs, or where all of one figure are equal."""
    if len(pairs) < PAIRS_MIN or any(len({pair[side] for pair in pairs}) < 2 for side in (0, 1)):
        return None
    return correlation(_ranks([pair[0] for pair in pairs]), _ranks([pair[1] for pair in pairs]))


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1 for the least; equal ones share the middle of their ranks."""
    return [sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2
            for value in values]
