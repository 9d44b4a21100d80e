"""Rolling statistics of one series in event time: mean, deviation, and how fast it comes back to its mean.

Events arrive irregularly, so the series is read on a regular grid of `step_s`: the last value before each grid point
counts, a quiet market repeats its value, and a silence longer than `gap_s` is a gap that nothing is inferred across.
Half-life: `x(k+1) = a + phi x(k)` fitted by least squares, `half_life = step ln 2 / -ln phi`, and only when a
Dickey-Fuller test rejects a random walk (which would also show `phi < 1`, by chance).
Source: Dickey & Fuller 1979, test with a constant; 1 % point for large samples.
"""

from __future__ import annotations

import math
from collections import deque

import attrs

DICKEY_FULLER_1_PERCENT = -3.43


@attrs.define
class RollingStatistics:
    """Mean, deviation, z-score and half-life over the last `window_s` seconds, one sample per `step_s`."""

    window_s: float = 3600.0
    step_s: float = 1.0
    gap_s: float = 10.0
    samples_min: int = 30
    """Below this no half-life is given."""
    _points: deque[tuple[float, float | None]] = attrs.field(factory=deque)
    """(value, value one step before; None after a gap), oldest first."""
    _last: float | None = None
    """The newest value; it is the sample of the next grid point."""
    _last_s: float = 0.0
    _grid: int = 0
    """Number of the last grid point that was passed."""
    _previous: float | None = None
    _sum: float = 0.0
    _squares: float = 0.0
    _evicted: int = 0

    @property
    def samples(self) -> int:
        """Grid points in the window."""
        return len(self._points)

    def observe(self, value: float, now_s: float) -> None:
        """Take one value; times must not go back (an earlier one counts as now)."""
        grid = math.floor(max(now_s, self._last_s) / self.step_s)
        if self._last is None:
            self._grid = grid
        elif now_s - self._last_s > self.gap_s:
            self._previous = None
            self._grid = grid
        else:
            for _ in range(grid - self._grid):
                self._sample(self._last)
            self._grid = grid
        self._last, self._last_s = value, max(now_s, self._last_s)

    @property
    def mean(self) -> float:
        """Mean of the window; the newest value while the window is empty."""
        if not self._points:
            return self._last or 0.0
        return self._sum / len(self._points)

    @property
    def sd(self) -> float:
        """Standard deviation of the window; 0 while it holds fewer than two samples."""
        n = len(self._points)
        if n < 2:
            return 0.0
        return math.sqrt(max(0.0, (self._squares - self._sum**2 / n) / (n - 1)))

    @property
    def z_score(self) -> float:
        """How many deviations the newest value stands from the mean; 0 without a deviation."""
        sd = self.sd
        return (self._last - self.mean) / sd if sd > 0 and self._last is not None else 0.0

    def half_life_s(self) -> float | None:
        """Seconds in which a departure halves, or None: too few samples, or no reversion that chance cannot explain."""
        pairs = [(before, now) for now, before in self._points if before is not None]
        if len(pairs) < self.samples_min:
            return None
        fit = fit_reversion(pairs)
        if fit is None or fit.t_statistic > DICKEY_FULLER_1_PERCENT:
            return None
        if fit.phi <= 0.5:
            return self.step_s  # it halves within a step: the grid cannot say more
        return self.step_s * math.log(2) / -math.log(fit.phi)

    def _sample(self, value: float) -> None:
        self._points.append((value, self._previous))
        self._previous = value
        self._sum += value
        self._squares += value * value
        if len(self._points) > self.window_s / self.step_s:
            old, _ = self._points.popleft()
            self._sum -= old
            self._squares -= old * old
            self._evicted += 1
        if self._evicted >= len(self._points):
            self._recount()

    def _recount(self) -> None:
        """Add up afresh once per window, so that rounding errors cannot pile up."""
        self._sum = math.fsum(value for value, _ in self._points)
        self._squares = math.fsum(value * value for value, _ in self._points)
        self._evicted = 0


@attrs.frozen
class Reversion:
    """The fitted slope of a series on its own past, and the t-statistic of `phi - 1`."""

    phi: float
    t_statistic: float


def fit_reversion(pairs: list[tuple[float, float]]) -> Reversion | None:
    """Regress `now` on `before`; None when `before` does not vary. At least three pairs."""
    n = len(pairs)
    mean_before = math.fsum(before for before, _ in pairs) / n
    mean_now = math.fsum(now for _, now in pairs) / n
    sxx = math.fsum((before - mean_before) ** 2 for before, _ in pairs)
    sxy = math.fsum((before - mean_before) * (now - mean_now) for before, now in pairs)
    if sxx <= 0:
        return None
    phi = sxy / sxx
    errors = math.fsum(((now - mean_now) - phi * (before - mean_before)) ** 2 for before, now in pairs)
    deviation = math.sqrt(errors / (n - 2) / sxx)
    if deviation == 0:
        return Reversion(phi, -math.inf if phi < 1 else math.inf)
    return Reversion(phi, (phi - 1) / deviation)
