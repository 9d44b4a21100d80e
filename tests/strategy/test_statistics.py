"""Rolling statistics against the same figures taken from the whole series at once."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.strategy.statistics import Moments, RollingStatistics, Summary

EVENTS = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.0, 3.0)), min_size=1, max_size=60)


def on_grid(events: list[tuple[float, float]], window: int) -> list[float]:
    """The value that stood at each whole second, newest last."""
    samples: list[float] = []
    now, last = 0.0, None
    for value, wait in events:
        later = now + wait
        if last is not None:
            samples += [last] * (math.floor(later) - math.floor(now))
        now, last = later, value
    return samples[-window:]


@given(EVENTS)
def test_mean_and_deviation_are_those_of_the_window(events: list[tuple[float, float]]) -> None:
    """One sample per second, the last 20 of them, whatever the rhythm of the events."""
    rolling, now = RollingStatistics(window_s=20, step_s=1), 0.0
    for value, wait in events:
        now += wait
        rolling.observe(value, now)
    samples = on_grid(events, 20)
    assert rolling.samples == len(samples)
    assert rolling.summary().mean == pytest.approx(statistics.fmean(samples) if samples else events[-1][0], abs=1e-9)
    assert rolling.summary().sd == pytest.approx(statistics.stdev(samples) if len(samples) > 1 else 0.0, abs=1e-6)


def test_an_hour_of_large_numbers_leaves_no_rounding_behind() -> None:
    """Sums are taken afresh once per window: after large values have left it, small ones count exactly."""
    rolling = RollingStatistics(window_s=60, step_s=1)
    for second in range(3600):
        rolling.observe(1e9 + second if second < 3000 else float(second % 2), float(second))
    assert rolling.samples == 60
    assert rolling.summary().mean == 0.5
    assert rolling.summary().sd == pytest.approx(statistics.stdev([0.0, 1.0] * 30))


def test_it_knows_nothing_before_the_first_value() -> None:
    """Zeros, and no half-life."""
    rolling = RollingStatistics()
    assert (rolling.samples, rolling.summary(), rolling.z_score()) == (0, Summary(0.0, 0.0, None), 0.0)


def test_z_score_counts_deviations_from_the_mean() -> None:
    """Samples 0 and 2, now at 4: mean 1, deviation sqrt 2."""
    rolling = RollingStatistics()
    for second, value in enumerate((0.0, 2.0, 4.0)):
        rolling.observe(value, float(second))
    assert rolling.z_score() == pytest.approx(3 / math.sqrt(2))


def test_time_does_not_go_back() -> None:
    """A value stamped earlier than the last one counts as now."""
    rolling = RollingStatistics()
    rolling.observe(1.0, 10.0)
    rolling.observe(5.0, 3.0)
    rolling.observe(9.0, 11.0)
    assert (rolling.samples, rolling.summary().mean) == (1, 5.0)


def test_a_long_silence_is_a_gap() -> None:
    """Nothing is filled in, and no step leads across it."""
    rolling = RollingStatistics(gap_s=10)
    for now in (0.0, 1.0, 2.0, 100.0, 101.0, 102.0):
        rolling.observe(now, now)
    assert rolling.samples == 4
    assert [before for _, before in rolling._points] == [None, 0.0, None, 100.0]


def follow(phi: float, count: int, seed: int = 1) -> RollingStatistics:
    """A series with this much memory per second, shocked by unit normal noise."""
    rng, value = random.Random(seed), 0.0
    rolling = RollingStatistics(window_s=count)
    for second in range(count + 1):
        rolling.observe(value, float(second))
        value = phi * value + rng.gauss(0, 1)
    return rolling


@pytest.mark.parametrize("half_life_s", [2.0, 10.0, 60.0])
def test_the_half_life_of_a_reverting_series_is_found(half_life_s: float) -> None:
    """Within a third, from an hour of samples."""
    found = follow(2 ** (-1 / half_life_s), 3600).summary().half_life_s
    assert found is not None
    assert half_life_s / 1.34 < found < half_life_s * 1.34


def test_a_random_walk_does_not_revert() -> None:
    """Although its fitted slope is below one, chance explains that: one in a hundred is taken for reverting."""
    found = [follow(1.0, 500, seed).summary().half_life_s for seed in range(60)]
    assert len([half_life for half_life in found if half_life is not None]) <= 2


def test_what_forgets_within_a_step_has_the_half_life_of_a_step() -> None:
    """The grid cannot say more."""
    assert follow(0.0, 300).summary().half_life_s == 1.0


def test_few_samples_and_constant_series_have_no_half_life() -> None:
    """29 steps are too few, and a constant shows no reversion."""
    assert follow(0.0, 30).summary().half_life_s is None
    constant = RollingStatistics()
    for second in range(100):
        constant.observe(1.0, float(second))
    assert constant.summary().half_life_s is None


def test_a_perfect_fit_is_certain() -> None:
    """Without errors, a slope below one reverts for sure, any other never does."""
    for slope, expected in ((0.5, -math.inf), (1.0, math.inf)):
        moments = Moments()
        for before in (0.0, 2.0, 4.0, -2.0):
            moments.add(slope * before, before)
        fit = moments.reversion()
        assert fit is not None
        assert (fit.phi, fit.t_statistic) == (slope, expected)


def test_a_gap_may_be_shorter_than_a_step() -> None:
    """Then it is one although no grid point was passed: nothing is inferred across it."""
    found = {}
    for gap_s in (0.3, 10.0):
        rolling = RollingStatistics(gap_s=gap_s, samples_min=3)
        for second in range(60):
            rolling.observe(float(second % 2), second + 0.95)
            rolling.observe(float(second % 2), second + 1.05)
        found[gap_s] = (rolling.samples, rolling.summary().half_life_s)
    assert found == {0.3: (60, None), 10.0: (60, 1.0)}
