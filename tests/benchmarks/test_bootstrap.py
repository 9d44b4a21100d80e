"""How sure a ratio of quantiles is: as wide as the stretches differ, and about where the ratio is."""

from __future__ import annotations

import random

import pytest
from suite import bootstrap as subject
from suite.bootstrap import Pair, ratio_interval
from suite.figures import quantile


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to see what they say."""
    monkeypatch.setattr(subject, "DRAWS", 300)


def pairs(count: int, each: int, *, times: float, spread: float, seed: int = 1) -> list[Pair]:
    """Stretches with weather of their own, which both sides share; the first side is `times` as long."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        weather = chance.lognormvariate(0.0, spread)
        second = [weather * chance.expovariate(1.0) for _ in range(each)]
        found.append(([times * weather * chance.expovariate(1.0) for _ in range(each)], second))
    return found


def test_the_interval_is_about_the_ratio() -> None:
    """Many observations of a steady world say nearly exactly how far apart the two are."""
    low, high = ratio_interval(pairs(30, 400, times=1.5, spread=0.0), 0.99)
    assert 1.3 < low < 1.5 < high < 1.75


def test_few_observations_say_little() -> None:
    """A tenth of them make it wider; twelve pairs that differ cannot exclude a tenth more or less."""
    (low, high), (wide_low, wide_high) = (
        ratio_interval(pairs(30, each, times=1.0, spread=0.2), 0.99) for each in (400, 40)
    )
    assert wide_high - wide_low > 1.5 * (high - low)
    low, high = ratio_interval(pairs(12, 40, times=1.0, spread=0.2), 0.99)
    assert low < 0.9
    assert high > 1.1


@pytest.mark.slow
def test_nine_of_ten_intervals_hold_the_truth() -> None:
    """Of sixty worlds whose ratio is known: about as many as that, and never all."""
    held = 0
    for seed in range(60):
        low, high = ratio_interval(pairs(12, 40, times=1.2, spread=0.3, seed=seed), 0.9)
        held += low <= 1.2 <= high
    assert 52 <= held < 60


def test_equal_stretches_leave_no_doubt() -> None:
    """And the quantile is that of the figures: whichever pairs are drawn, it is the same."""
    stretch = [float(number) for number in range(1, 101)]
    found = ratio_interval([(stretch, [2 * one for one in stretch])] * 5, 0.99)
    assert found == (0.5, 0.5)
    assert quantile(stretch, 0.99) / quantile([2 * one for one in stretch], 0.99) == 0.5


def test_the_same_observations_give_the_same_interval() -> None:
    """Its chance is its own, and another seed is another one."""
    some = pairs(10, 50, times=1.0, spread=0.2)
    assert ratio_interval(some, 0.99) == ratio_interval(some, 0.99) != ratio_interval(some, 0.99, seed=2)


@pytest.mark.parametrize("some", [[], [([1.0], [1.0])], [([1.0], [1.0]), ([], [1.0])]])
def test_what_says_nothing_is_refused(some: list[Pair]) -> None:
    """One pair, or one without observations."""
    with pytest.raises(ValueError, match="no interval"):
        ratio_interval(some, 0.99)
