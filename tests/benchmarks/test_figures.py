"""The arithmetic of `./dnbot bench`: quantiles, rounds, and what counts as met."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suite.figures import Rounds, quantile, shown
from suite.gc import Stops
from suite.target import Target

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


@given(SAMPLES, st.floats(0.01, 1))
def test_a_quantile_is_the_smallest_sample_that_covers_its_share(samples: list[float], share: float) -> None:
    """At least the share lies at or below it, and less than that below."""
    found = quantile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples)
    assert sum(sample < found for sample in samples) < share * len(samples)


@pytest.mark.parametrize(("samples", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_quantile_of_nothing_is_refused(samples: list[float], share: float) -> None:
    """Neither no samples nor a share outside (0, 1] gives a figure."""
    with pytest.raises(ValueError, match="no quantile"):
        quantile(samples, share)


def test_rounds_are_told_by_their_median_and_their_spread() -> None:
    """One wild round changes the spread alone."""
    rounds = Rounds({"ours": [{"us": 3.0}, {"us": 900.0}, {"us": 4.0}]})
    assert rounds.median("ours", "us") == 4.0
    assert rounds.spread("ours", "us") == "3..900"
    with pytest.raises(KeyError):
        rounds.median("ours", "rate")


@pytest.mark.parametrize(("value", "text"), [
    (0.31234, "0.312"), (47.61, "47.6"), (999.7, "1,000"), (1_350_040, "1,350,040"),
])
def test_figures_are_shown_with_three_digits(value: float, text: str) -> None:
    """And large ones whole."""
    assert shown(value) == text


@pytest.mark.parametrize(("unit", "measured", "met"), [
    ("us", 0.4, True), ("us", 0.41, False), ("1/s", 0.4, True), ("1/s", 0.39, False),
])
def test_a_limit_binds_in_the_direction_of_its_unit(unit: str, measured: float, met: bool) -> None:
    """More per second is better; less of everything else."""
    assert Target("x", unit, measured, limit=0.4).met is met


@pytest.mark.parametrize(("unit", "measured", "comparison", "ratio", "met"), [
    ("us", 2.0, 6.0, 3.0, True), ("us", 2.1, 6.0, 6 / 2.1, False),
    ("1/s", 60.0, 20.0, 3.0, True), ("1/s", 59.0, 20.0, 2.95, False),
])
def test_a_ratio_says_how_many_times_better_ours_is(
    unit: str, measured: float, comparison: float, ratio: float, met: bool
) -> None:
    """In both directions, and the factor is asked of it."""
    target = Target("x", unit, measured, factor=3.0, beside="peer", comparison=comparison)
    assert target.ratio == pytest.approx(ratio)
    assert target.met is met


def test_a_target_is_met_only_when_both_halves_are() -> None:
    """A good ratio does not excuse a missed limit, nor the other way round."""
    def target(measured: float, comparison: float) -> Target:
        return Target("x", "us", measured, limit=10, factor=2, beside="peer", comparison=comparison)

    assert target(5, 11).met
    assert not target(11, 100).met
    assert not target(5, 9).met


def test_a_comparison_that_is_missing_is_a_miss() -> None:
    """Nothing is met by not being measured."""
    target = Target("x", "us", 1.0, limit=10, factor=2, beside="peer")
    assert target.ratio is None
    assert not target.met


def test_a_target_has_something_to_reach_and_somebody_to_be_compared_with() -> None:
    """Neither is left out by accident."""
    with pytest.raises(ValueError, match="nothing to reach"):
        Target("x", "us", 1.0)
    with pytest.raises(ValueError, match="comparison with nobody"):
        Target("x", "us", 1.0, factor=2.0)


def test_what_had_to_be_reached_is_told_in_words() -> None:
    """Limits with their unit, factors with the peer; an allowance as what it is."""
    assert Target("x", "us", 1.0, limit=0.4, factor=3, beside="peer").target == "<= 0.4 us, >= 3 x better than peer"
    assert Target("x", "1/s", 1.0, limit=1_000_000).target == ">= 1,000,000 1/s"
    assert Target("x", "1/s", 1.0, factor=0.9, beside="peer").target == ">= 0.9 x peer"
    assert Target("x", "ms", 1.0, factor=1 / 1.6, beside="peer").target == "<= 1.6 x what peer takes"


@pytest.mark.slow
def test_stops_of_the_collector_are_counted_while_it_is_asked() -> None:
    """Every one, those of all generations, and the longest."""
    stops = Stops()
    gc.callbacks.append(stops)
    try:
        gc.collect(0)
        gc.collect()
    finally:
        gc.callbacks.remove(stops)
    gc.collect()
    assert (stops.count, stops.full) == (2, 1)
    assert stops.longest_ns > 0


def test_a_record_holds_everything_that_is_read_from_it() -> None:
    """The keys of `--json`."""
    record = Target("x", "us", 2.0, factor=3.0, beside="peer", comparison=6.0, detail="why").record()
    assert record == {
        "name": "x", "measured": 2.0, "target": ">= 3 x better than peer", "comparison": 6.0, "beside": "peer",
        "ratio": 3.0, "floor": None, "floor_of": "", "met": True, "unit": "us", "detail": "why", "profile": [],
    }
