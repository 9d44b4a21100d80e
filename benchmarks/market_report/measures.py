"""What is measured of a series: moments, quantiles, histograms and autocorrelation."""

from __future__ import annotations

import math
import statistics


def deviation(values: list[float]) -> float:
    """Standard deviation, 0 for a constant."""
    return statistics.pstdev(values)


def kurtosis(values: list[float]) -> float:
    """3 for a normal distribution, more for heavier tails."""
    mean, spread = statistics.fmean(values), deviation(values)
    return sum((value - mean) ** 4 for value in values) / len(values) / spread**4 if spread else 0.0


def autocorrelation(values: list[float], lags: list[int]) -> list[float]:
    """At each lag, in samples."""
    mean = statistics.fmean(values)
    gone = [value - mean for value in values]
    whole = sum(value * value for value in gone) or 1.0
    return [sum(a * b for a, b in zip(gone, gone[lag:], strict=False)) / whole for lag in lags]


def histogram(values: list[float], low: float, high: float, bins: int) -> list[float]:
    """Density per unit over equal bins; what is outside counts for the total and is not shown."""
    counts = [0] * bins
    for value in values:
        place = math.floor((value - low) / (high - low) * bins)
        if 0 <= place < bins:
            counts[place] += 1
    return [count / len(values) / ((high - low) / bins) for count in counts]


def quantiles(values: list[float], parts: tuple[float, ...]) -> list[float]:
    """Values below which those parts lie."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(part * len(ordered)))] for part in parts]


def tidy(value: float) -> float:
    """Four significant digits: what a picture or table can show."""
    return float(f"{value:.4g}")
