"""How sure a ratio of two quantiles is, when what was observed differs from stretch to stretch.

Observations of one stretch share its weather (a checkpoint of the database, a busy disk), so that to draw single ones
anew would claim more than is known: whole pairs of stretches that followed each other are drawn.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import attrs

Pair = tuple[Sequence[float], Sequence[float]]
"""Seconds observed in two stretches that followed each other: with, and without."""
DRAWS = 2_000
CONFIDENCE = 0.9


@attrs.frozen
class _Side:
    """All observations of one kind, the longest first, each with the number of its pair."""

    observed: list[tuple[float, int]]
    sizes: list[int]

    @classmethod
    def of(cls, stretches: Sequence[Sequence[float]]) -> _Side:
        observed = sorted(
            ((seconds, number) for number, stretch in enumerate(stretches) for seconds in stretch), reverse=True
        )
        return cls(observed, [len(stretch) for stretch in stretches])

    def quantile(self, share: float, times: Sequence[int]) -> float:
        """As `figures.quantile`, with each pair's observations counted so many times."""
        whole = sum(size * count for size, count in zip(self.sizes, times, strict=True))
        above = whole - math.ceil(share * whole)
        for seconds, number in self.observed:
            above -= times[number]
            if above < 0:
                return seconds
        raise ValueError("no observation was drawn")


def ratio_interval(pairs: Sequence[Pair], share: float, *, seed: int = 1) -> tuple[float, float]:
    """Between what that quantile of the first over that of the second lies, with a confidence of nine in ten.

    Raises:
        ValueError: there are fewer than two pairs, or a pair without observations.
    """
    if len(pairs) < 2 or any(not side for pair in pairs for side in pair):
        raise ValueError(f"no interval of {len(pairs)} pairs: at least two, with observations on both sides")
    chance = random.Random(seed)
    first, second = (_Side.of([pair[side] for pair in pairs]) for side in (0, 1))
    ratios = []
    for _ in range(DRAWS):
        times = [0] * len(pairs)
        for number in chance.choices(range(len(pairs)), k=len(pairs)):
            times[number] += 1
        ratios.append(first.quantile(share, times) / second.quantile(share, times))
    ratios.sort()
    tail = round((1 - CONFIDENCE) / 2 * DRAWS)
    return ratios[tail], ratios[-tail - 1]
