"""Buckets: every observation is in exactly one, and the bounds are those that Prometheus is told."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from dnbot.metrics.histogram import SECONDS, Histogram, log_linear

DURATIONS = st.lists(st.floats(0, 100) | st.sampled_from(SECONDS))


def test_a_decade_has_four_linear_steps() -> None:
    """Bounds are the floats of their decimals, ascending, from a microsecond to ten seconds."""
    assert log_linear(-2, 0) == (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0)
    assert (SECONDS[0], SECONDS[-1], len(SECONDS)) == (1e-6, 10.0, 29)
    assert all(below < above for below, above in pairwise(SECONDS))


@given(DURATIONS)
def test_each_bound_has_what_is_at_most_it(durations: list[float]) -> None:
    """A duration that equals a bound counts for it; those above the last are in the bucket without a bound."""
    told = Histogram()
    for seconds in durations:
        told.observe(seconds)
    below = list(accumulate(told.counts))
    assert below[:-1] == [sum(seconds <= bound for seconds in durations) for bound in SECONDS]
    assert told.count == below[-1] == len(durations)
    assert told.total == sum(durations)


def test_a_duration_below_zero_counts_as_zero() -> None:
    """Stamps of two tasks may be the wrong way round; a sum that fell would look like a restart."""
    told = Histogram()
    told.observe(2.0)
    told.observe(-1.0)
    assert (told.count, told.total, told.counts[0]) == (2, 2.0, 1)
