"""Arithmetic on measured samples: quantiles and medians of rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import attrs

Figures = Mapping[str, float]
"""What one round of one contender gave: figure -> value."""


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0..1] of all samples do not exceed. Raises ValueError for none."""
    if not samples or not 0 < share <= 1:
        raise ValueError(f"no quantile {share} of {len(samples)} samples")
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


def shown(value: float) -> str:
    """Three digits, or all of a whole number with its thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


@attrs.frozen
class Rounds:
    """What each contender gave in each round, in the order of the rounds."""

    by_contender: Mapping[str, Sequence[Figures]]

    def values(self, contender: str, figure: str) -> list[float]:
        """One figure of one contender, round by round. Raises KeyError for a figure that was not measured."""
        return [figures[figure] for figures in self.by_contender[contender]]

    def median(self, contender: str, figure: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.values(contender, figure))

    def spread(self, contender: str, figure: str) -> str:
        """`lowest..highest` of the rounds, three digits."""
        values = self.values(contender, figure)
        return f"{shown(min(values))}..{shown(max(values))}"
