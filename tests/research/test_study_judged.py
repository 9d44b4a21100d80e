"""Outcomes judged: falls, intervals, comparisons and limits by hand."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from study_series import flat, series

from dnbot.research.study_judged import (
    changes,
    climb_of,
    compared,
    drawdown,
    judged,
    resampled,
    sighted,
    summed,
    thinned,
    upper_share,
)
from dnbot.research.study_words import Outcome, Step


def outcome(*equities: str, capital: str = "1000", years: float = 0.5) -> Outcome:
    """Gains at moments; the last is the profit, all of it funding but for 1 of fees."""
    steps = tuple(Step(number, Decimal(text), Decimal(10), Decimal(1)) for number, text in enumerate(equities))
    return Outcome(
        series="s", case="c", spread_quote=Decimal(0), fees_quote=Decimal(1),
        funding_quote=Decimal(equities[-1]) + 1, opened=3, closed=2, shifted=1, missed=0,
        slippage_bps=(Decimal(1), Decimal(3)), steps=steps, band_base=Decimal(20), capital_quote=Decimal(capital),
        years=years,
    )


def test_an_outcome_in_percent_of_its_capital_a_year() -> None:
    """10 of 1,000 in half a year is 2 % a year."""
    found = judged(outcome("1", "12", "7", "10"), 1, with_curve=True)
    assert found.profit_pct_year == pytest.approx(2)
    assert found.fees_pct_year == pytest.approx(0.2)
    assert found.funding_pct_year == pytest.approx(2.2)
    assert found.drawdown_pct == pytest.approx(0.5)
    assert found.used_share == 0.5
    assert found.slippage_bps_median == 2
    assert [value for _, value in found.curve] == pytest.approx([0.1, 1.2, 0.7, 1.0])
    assert judged(outcome("1", "2"), 1, with_curve=False).curve == ()


@pytest.mark.parametrize(
    ("values", "fall"), [([], 0), ([1, 2, 3], 0), ([-2, 1], 2), ([3, 1, 4, 0, 5], 4), ([1, -1], 2)]
)
def test_a_fall_is_measured_from_the_highest_value_before(values: list[float], fall: float) -> None:
    """From nothing, too: a loss at the first moment is one."""
    assert drawdown(values) == fall


def test_resampling_keeps_what_does_not_vary() -> None:
    """Equal parts give the same sum in any order; none gives none."""
    found = resampled([0.01] * 100, 2.0, 1)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_an_interval_holds_the_mean_and_widens_with_the_noise() -> None:
    """And its seed is its only chance."""
    rng = random.Random(3)
    quiet = [0.01 + rng.gauss(0, 0.01) for _ in range(600)]
    loud = [one * 10 - 0.09 for one in quiet]
    narrow, wide = resampled(quiet, 1.0, 1), resampled(loud, 1.0, 1)
    assert narrow.low < sum(quiet) < narrow.high
    assert wide.low < sum(loud) < wide.high
    assert wide.high - wide.low == pytest.approx(10 * (narrow.high - narrow.low))
    assert resampled(quiet, 1.0, 1) == narrow != resampled(quiet, 1.0, 2)


def test_blocks_keep_what_belongs_together() -> None:
    """Weeks that pay and weeks that cost vary a sum more than the same parts in a row without order would."""
    weekly = [(1.0 if number // 21 % 2 else -1.0) for number in range(21 * 40)]
    mixed = random.Random(1).sample(weekly, len(weekly))
    wide, narrow = resampled(weekly, 1.0, 1), resampled(mixed, 1.0, 1)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_deciding_is_compared_with_the_same_capital_at_work() -> None:
    """Per moment, each in percent of its own capital."""
    traded, hedged = outcome("3", "6", "12", capital="3000"), outcome("2", "4", "6", capital="1000")
    found = compared(traded, hedged, 1)
    assert found.base_pct_year == pytest.approx(6 / 3000 / 0.5 * 100)
    assert found.trades_pct_year == pytest.approx(6 / 3000 / 0.5 * 100)
    assert found.hedged_pct_year == pytest.approx(1.2)
    assert found.more_pct_year == pytest.approx(12 / 3000 * 200 - 1.2)
    assert found.interval.low <= found.more_pct_year <= found.interval.high
    # Both hold the same here, and half of the band: decisions used nothing of their own, and half lay idle.
    assert found.trades_own_pct_year is None
    assert found.idle_pct_year == pytest.approx(-2 * found.more_pct_year)
    small = msgspec.structs.replace(hedged, band_base=Decimal(10), steps=tuple(
        Step(step.at_s, step.equity_quote, Decimal(4), step.price) for step in hedged.steps
    ))
    # It holds 4 of its band of 10, a fifth of the other's band of 20, which holds 10: three tenths are for decisions.
    assert compared(traded, small, 1).trades_own_pct_year == pytest.approx(found.trades_pct_year / 0.3)


def test_a_set_is_summed() -> None:
    """Medians, and from the least to the most."""
    found = [judged(outcome(text), 1, with_curve=False) for text in ("1", "4", "2")]
    told = summed("c", found, [0.5, 0.5, 1.0])
    assert (told.profit_least, told.profit_median, told.profit_most) == pytest.approx((0.2, 0.4, 0.8))
    assert told.executions_per_year == pytest.approx((12 + 12 + 6) / 3)
    assert told.drawdown_most == 0


def test_a_short_is_told_how_far_its_price_ran() -> None:
    """To the highest price inside later bars; the bar that ends at the first moment is past."""
    market = series([(price, price, price) for price in ("100", "110", "90", "95", "200")], ["0"] * 5)
    moments = [msgspec.structs.replace(one, high=one.high + 5) for one in market.moments]
    found = climb_of(msgspec.structs.replace(market, moments=tuple(moments)))
    assert found.whole_pct == pytest.approx(105)
    assert found.day_pct == pytest.approx((205 / 90 - 1) * 100)
    assert found.week_pct == pytest.approx((205 / 90 - 1) * 100)


def test_distances_of_two_spot_prices_are_counted() -> None:
    """Either way; the share that was seen, and the one that cannot be excluded."""
    closes = [("100", "100", "100")] * 98 + [("100", "100", "100.40"), ("100.20", "100", "100")]
    found = sighted(series(closes, ["0"] * 100), (29.0, 10.0, 50.0))
    assert found.above == {"29": 1, "10": 2, "50": 0}
    assert found.largest_bps == pytest.approx(39.84, abs=0.01)
    assert found.p99_bps == pytest.approx(20.0, abs=0.01)
    assert 0.01 < found.share_max < 0.06


def test_never_seen_is_not_never_there() -> None:
    """The rule of three; and the exact limit for one in a hundred."""
    assert upper_share(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert upper_share(1, 100) == pytest.approx(0.0466, abs=0.0005)
    assert upper_share(0, 10) == pytest.approx(1 - 0.05 ** (1 / 10))


def test_a_curve_keeps_its_end() -> None:
    """However few points are left."""
    points = [(number, float(number)) for number in range(1000)]
    kept = thinned(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert len(kept) <= 152
    assert changes([1.0, 3.0]) == [1.0, 2.0]
    assert flat(2, "0").years == pytest.approx(8 / 24 / 365.25)
