"""Outcomes judged: percentages of the capital per year, falls, what they consist of, and how far chance goes.

Floats: what is judged here was booked elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.research.study_words import Outcome, Series

BLOCK_MOMENTS = 21
"""A week of eight-hour bars: funding and basis of one day resemble those of the next."""
RESAMPLES = 2000
CENTRAL = 0.90
POINTS = 100
"""Of a curve that is drawn."""
DAY_MOMENTS, WEEK_MOMENTS = 3, 21
TRACE = 0.0005
"""Of the capital: less than this is none (at its last moment every case holds nothing)."""


class Interval(msgspec.Struct, frozen=True):
    """Where `CENTRAL` of the resampled figures lie."""

    low: float
    high: float


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One case of one series; all but counts are percent of the capital, those per year named so."""

    series: str
    case: str
    profit_pct_year: float
    interval: Interval
    spread_pct_year: float
    fees_pct_year: float
    funding_pct_year: float
    drawdown_pct: float
    """The worst fall of the equity below an earlier one."""
    opened: int
    closed: int
    shifted: int
    missed: int
    used_share: float
    """Mean value of the inventory as a share of the whole band's: so much of the capital was in use."""
    slippage_bps_median: float | None
    """Of entries: estimated less realised."""
    curve: tuple[tuple[int, float], ...]
    """(UTC second, gained so far); empty where it is not drawn."""


class Summed(msgspec.Struct, frozen=True, kw_only=True):
    """One case over all series of a set: medians, and the range of the profit; percent of the capital per year."""

    case: str
    profit_median: float
    profit_least: float
    profit_most: float
    fees_median: float
    funding_median: float
    drawdown_most: float
    """Percent, not per year."""
    executions_per_year: float
    """Mean over the series; the way in and the way out not counted."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One case beside the same capital that was hedged at the first moment and left alone; percent per year."""

    series: str
    case: str
    base_pct_year: float
    """What the base position alone brings of this case's capital."""
    trades_pct_year: float
    """What its decisions add to that."""
    hedged_pct_year: float
    """What the same capital brings when all of it is hedged from the first moment on."""
    trades_own_pct_year: float | None
    """What its decisions add, of the capital that they used; None when they used none."""
    idle_pct_year: float | None
    """What the idle capital would have to earn elsewhere for the case to be as good as that; None: none was idle."""
    more_pct_year: float
    """The case less that."""
    interval: Interval
    """Of `more_pct_year`."""


class Climb(msgspec.Struct, frozen=True, kw_only=True):
    """What the price of a series did to a short, percent."""

    series: str
    day_pct: float
    """The largest rise within a day, from a close to the highest price traded."""
    week_pct: float
    whole_pct: float
    """The highest price over the first one."""


def judged(outcome: Outcome, seed: int, *, with_curve: bool) -> Judged:
    """What an outcome comes to."""
    capital = float(outcome.capital_quote)
    gained = [float(step.equity_quote) / capital * 100 for step in outcome.steps]
    per_year = 100 / capital / outcome.years
    slipped = [float(one) for one in outcome.slippage_bps]
    return Judged(
        series=outcome.series,
        case=outcome.case,
        profit_pct_year=float(outcome.profit_quote) * per_year,
        interval=resampled(changes(gained), outcome.years, seed),
        spread_pct_year=float(outcome.spread_quote) * per_year,
        fees_pct_year=float(outcome.fees_quote) * per_year,
        funding_pct_year=float(outcome.funding_quote) * per_year,
        drawdown_pct=drawdown(gained),
        opened=outcome.opened,
        closed=outcome.closed,
        shifted=outcome.shifted,
        missed=outcome.missed,
        used_share=used_share(outcome),
        slippage_bps_median=median(slipped) if slipped else None,
        curve=thinned(list(zip((step.at_s for step in outcome.steps), gained, strict=True))) if with_curve else (),
    )


def summed(case: str, found: Sequence[Judged], years: Sequence[float]) -> Summed:
    """What the series of a set say together of one case.

    Args:
        years: lengths of the series, in the order of `found`.
    """
    profits = [one.profit_pct_year for one in found]
    executions = [(one.opened + one.closed + one.shifted) / length for one, length in zip(found, years, strict=True)]
    return Summed(
        case=case, profit_median=median(profits), profit_least=min(profits), profit_most=max(profits),
        fees_median=median(one.fees_pct_year for one in found),
        funding_median=median(one.funding_pct_year for one in found),
        drawdown_most=max(one.drawdown_pct for one in found), executions_per_year=sum(executions) / len(executions),
    )


def used_share(outcome: Outcome) -> float:
    """How much of the capital was in use, by the value of what was held."""
    held = sum(step.held_base * step.price for step in outcome.steps)
    return float(held / sum(outcome.band_base * step.price for step in outcome.steps))


def changes(values: Sequence[float]) -> list[float]:
    """From each value to the next, the first from zero."""
    return [after - before for before, after in pairwise((0.0, *values))]


def drawdown(values: Sequence[float]) -> float:
    """The worst fall below an earlier value; the first one is compared with zero."""
    tops = accumulate(values, max, initial=0.0)
    return max((top - value for top, value in zip(tops, (0.0, *values), strict=True)), default=0.0)


def resampled(parts: Sequence[float], years: float, seed: int) -> Interval:
    """A yearly sum of `parts`, if the blocks of a week had come in another order and some of them twice.

    A circular block bootstrap: blocks begin anywhere, and the end goes on at the beginning. It tells how much of a
    figure is the luck of these weeks; it knows nothing of weeks that are not among them.
    """
    rng = random.Random(seed)
    count, block = len(parts), min(BLOCK_MOMENTS, len(parts))
    sums = list(accumulate((*parts, *parts[:block]), initial=0.0))
    blocks = [sums[start + block] - sums[start] for start in range(count)]
    wanted = max(1, round(count / block))
    scale = count / (wanted * block) / years
    totals = sorted(scale * sum(rng.choices(blocks, k=wanted)) for _ in range(RESAMPLES))
    outside = round(RESAMPLES * (1 - CENTRAL) / 2)
    return Interval(totals[outside], totals[-1 - outside])


def thinned(points: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """At most about `POINTS` of them, the last one among them."""
    step = -(-len(points) // POINTS) or 1
    kept = points[::step]
    return tuple(kept if (len(points) - 1) % step == 0 else [*kept, points[-1]])


def compared(traded: Outcome, hedged: Outcome, seed: int) -> Compared:
    """What deciding was worth.

    Args:
        hedged: the base position alone, of the same size and on the same series.
    """
    capital, years = float(traded.capital_quote), traded.years
    base = float(hedged.profit_quote) / capital / years * 100
    added = float(traded.profit_quote) / capital / years * 100 - base
    used = used_share(traded)
    own, idle = used - used_share(hedged) * float(hedged.band_base / traded.band_base), 1 - used
    shares = [
        changes([float(step.equity_quote) / float(one.capital_quote) * 100 for step in one.steps])
        for one in (traded, hedged)
    ]
    more = [a - b for a, b in zip(*shares, strict=True)]
    return Compared(
        series=traded.series, case=traded.case, base_pct_year=base,
        trades_pct_year=added, hedged_pct_year=float(hedged.profit_quote) / float(hedged.capital_quote) / years * 100,
        trades_own_pct_year=added / own if own > TRACE else None,
        idle_pct_year=-sum(more) / years / idle if idle > TRACE else None,
        more_pct_year=sum(more) / years, interval=resampled(more, years, seed),
    )


def climb_of(series: Series) -> Climb:
    """How far the price ran away from a short."""
    closes = [float(moment.seen[Venue.GATE_FUTURES]) for moment in series.moments]
    highs = [float(moment.high) for moment in series.moments]

    def within(moments: int) -> float:
        return max(
            (max(highs[at + 1 : at + 1 + moments]) / close - 1) * 100 for at, close in enumerate(closes[:-1])
        )

    return Climb(
        series=series.name, day_pct=within(DAY_MOMENTS), week_pct=within(WEEK_MOMENTS),
        whole_pct=(max(highs[1:]) / closes[0] - 1) * 100,
    )


class Sighted(msgspec.Struct, frozen=True, kw_only=True):
    """What the moments of two spot venues say of SPOT_SPOT."""

    series: str
    moments: int
    largest_bps: float
    """The largest distance between the two prices, either way, before fees."""
    p99_bps: float
    above: dict[str, int]
    """By gross distance in bps: in how many moments it was seen."""
    share_max: float
    """With 95 % confidence, the distance of the first of `above` was there for a smaller share of the time."""


def sighted(series: Series, needed_bps: Sequence[float]) -> Sighted:
    """How often the two spot prices were as far apart as a trade needs. Moments are taken as independent looks."""
    gate, mexc = Venue.GATE_SPOT, Venue.MEXC_SPOT
    apart = sorted(abs(float(one.seen[gate] / one.seen[mexc]) - 1) * 10_000 for one in series.moments)
    above = {f"{needed:g}": sum(value >= needed for value in apart) for needed in needed_bps}
    count = next(iter(above.values()))
    return Sighted(
        series=series.name, moments=len(apart), largest_bps=apart[-1], p99_bps=apart[int(0.99 * (len(apart) - 1))],
        above=above, share_max=upper_share(count, len(apart)),
    )


def upper_share(seen: int, looks: int, doubt: float = 0.05) -> float:
    """The share that would have shown itself more often than `seen` times in all but `doubt` of such samples.

    Clopper and Pearson's upper limit, found by halving; 3 / looks when nothing was seen.
    """
    low, high = seen / looks, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(seen, looks, middle) > doubt else (low, middle)
    return high


def _at_most(seen: int, looks: int, share: float) -> float:
    """The probability of at most `seen` hits."""
    term = (1 - share) ** looks
    total = term
    for hits in range(1, seen + 1):
        term *= (looks - hits + 1) / hits * share / (1 - share)
        total += term
    return total
