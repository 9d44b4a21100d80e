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
ROUNDING = 1e-12
"""Relative size of what the sums may be off by; a variation below it is none."""


@attrs.define
class Moments:
    """Sums over samples `now` and over the steps `before -> now`, from which everything else follows."""

    samples: int = 0
    now: float = 0.0
    now_squared: float = 0.0
    steps: int = 0
    step_before: float = 0.0
    step_now: float = 0.0
    step_before_squared: float = 0.0
    step_now_squared: float = 0.0
    step_product: float = 0.0

    def add(self, now: float, before: float | None, sign: int = 1) -> None:
        """Count one sample in (`sign` 1) or out (-1); `before` is None where no step leads to it."""
        self.samples += sign
        self.now += sign * now
        self.now_squared += sign * now * now
        if before is not None:
            self.steps += sign
            self.step_before += sign * before
            self.step_now += sign * now
            self.step_before_squared += sign * before * before
            self.step_now_squared += sign * now * now
            self.step_product += sign * before * now

    @property
    def mean(self) -> float:
        """Mean of the samples; there must be one."""
        return self.now / self.samples

    @property
    def sd(self) -> float:
        """Standard deviation of the samples; 0 for fewer than two."""
        n = self.samples
        return math.sqrt(max(0.0, (self.now_squared - self.now**2 / n) / (n - 1))) if n > 1 else 0.0

    def reversion(self) -> Reversion | None:
        """The regression of `now` on `before`; None when `before` does not vary. At least three steps."""
        n = self.steps
        sxx = self.step_before_squared - self.step_before**2 / n
        if sxx <= self.step_before_squared * ROUNDING:
            return None
        sxy = self.step_product - self.step_before * self.step_now / n
        syy = self.step_now_squared - self.step_now**2 / n
        phi = sxy / sxx
        deviation = math.sqrt(max(0.0, syy - phi * sxy) / (n - 2) / sxx)
        if deviation <= ROUNDING:
            return Reversion(phi, -math.inf if phi < 1 - ROUNDING else math.inf)
        return Reversion(phi, (phi - 1) / deviation)


@attrs.frozen
class Reversion:
    """The fitted slope of a series on its own past, and the t-statistic of `phi - 1`."""

    phi: float
    t_statistic: float


@attrs.frozen
class Summary:
    """What a window says: it changes with its samples, once per step, and not with every value."""

    mean: float
    sd: float
    half_life_s: float | None
    samples: int = 0

    def z_score(self, value: float) -> float:
        """How many deviations a value stands from the mean; 0 without a deviation."""
        return (value - self.mean) / self.sd if self.sd > 0 else 0.0


@attrs.define
class RollingStatistics:
    """Mean, deviation, z-score and half-life over the last `window_s` seconds, one sample per `step_s`.

    A value costs the same however long the window is.
    """

    window_s: float = 3600.0
    step_s: float = 1.0
    gap_s: float = 10.0
    samples_min: int = 30
    """Fewer steps than this give no half-life; at least 3."""
    _points: deque[tuple[float, float | None]] = attrs.field(factory=deque)
    """(value, value one step before; None after a gap), oldest first."""
    _moments: Moments = attrs.field(factory=Moments)
    _last: float | None = None
    """The newest value; it is the sample of the next grid point."""
    _last_s: float = 0.0
    _grid: int = 0
    """Number of the last grid point that was passed."""
    _next_s: float = -math.inf
    """The next one; before the first value, and where a gap may be shorter than a step, none is counted on."""
    _previous: float | None = None
    _evicted: int = 0
    _summary: Summary | None = None
    """Of the samples as they are; None: to be computed."""

    @property
    def samples(self) -> int:
        """Grid points in the window."""
        return len(self._points)

    def observe(self, value: float, now_s: float) -> Summary:
        """Take one value; times must not go back (an earlier one counts as now). The same as `summary()` afterwards."""
        if self._summary is not None and self._last_s <= now_s < self._next_s:  # as nearly always
            self._last, self._last_s = value, now_s
            return self._summary
        now_s = max(now_s, self._last_s)
        grid = int(now_s // self.step_s)
        if self._last is None:
            self._grid = grid
        elif now_s - self._last_s > self.gap_s:
            self._previous = None
            self._grid = grid
        elif grid > self._grid:
            for _ in range(grid - self._grid):
                self._sample(self._last)
            self._grid = grid
        self._last, self._last_s = value, now_s
        if self.gap_s >= self.step_s:
            self._next_s = (self._grid + 1) * self.step_s
        return self.summary()

    def summary(self) -> Summary:
        """Mean (the newest value while the window is empty), deviation (0 for fewer than two samples), half-life."""
        if not self._points:
            return Summary(self._last or 0.0, 0.0, None)
        if self._summary is None:
            self._summary = Summary(
                self._moments.mean, self._moments.sd, self._half_life_s(), len(self._points)
            )
        return self._summary

    def z_score(self) -> float:
        """How many deviations the newest value stands from the mean; 0 without a deviation."""
        return self.summary().z_score(self._last) if self._last is not None else 0.0

    def _half_life_s(self) -> float | None:
        """Seconds in which a departure halves, or None: too few samples, or no reversion that chance cannot explain."""
        if self._moments.steps < self.samples_min:
            return None
        fit = self._moments.reversion()
        if fit is None or fit.t_statistic > DICKEY_FULLER_1_PERCENT:
            return None
        if fit.phi <= 0.5:
            return self.step_s  # it halves within a step: the grid cannot say more
        return self.step_s * math.log(2) / -math.log(fit.phi)

    def _sample(self, value: float) -> None:
        self._summary = None
        self._points.append((value, self._previous))
        self._moments.add(value, self._previous)
        self._previous = value
        if len(self._points) > self.window_s / self.step_s:
            old, before = self._points.popleft()
            self._moments.add(old, before, -1)
            self._evicted += 1
            if self._evicted >= len(self._points):
                self._recount()

    def _recount(self) -> None:
        """Add up afresh once per window, so that rounding errors cannot pile up."""
        self._moments = Moments()
        for value, before in self._points:
            self._moments.add(value, before)
        self._evicted = 0
