"""Histories of funding rates: what a short would have received, and how often that paid for getting in and out.

No price is needed for this, and no decision is made: it is the ground that carries stand on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import StatisticsError, correlation

import msgspec

from dnbot.fakes.replay_bars import read_rates
from dnbot.fakes.replay_files import ReplayError
from dnbot.research.study_words import FUNDING_S, YEAR_S, Charge, StudyDataError

FUNDING = Path("funding")
AHEAD_S = {"gate": 0, "mexc": 10_800}
"""How far the written times are ahead of UTC."""
HORIZONS_DAYS = (1, 7, 30, 90)
MONTH = 90
"""Settlements of thirty days."""
EXPECTED = 3
"""Settlements within the bot's default `carry_hold_hours_max`."""
BPS = 10_000


class FundingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's history; rates in bps of the position's value."""

    name: str
    first: str
    last: str
    settlements: int
    missing: int
    """Settlements between the first and the last that the history does not have."""
    pct_year: float
    """What a short received, simple sum, percent of its value."""
    by_year: dict[str, float]
    """The same of each calendar year with at least `MONTH` settlements, scaled to a whole one."""
    negative_share: float
    worst_bps: float
    best_bps: float
    worst_month_bps: float
    """The least that thirty days brought."""
    best_month_bps: float
    persistence: float | None
    """Correlation of the last rate times three, which the bot expects of a day, with the three that came."""
    pays: dict[str, dict[str, float]]
    """By what getting in and out costs (bps): by days of holding, the share of beginnings for which funding paid it."""


def history(path: Path, venue: str) -> tuple[Charge, ...]:
    """A file of one contract, by UTC. Raises StudyDataError for times that are no settlement's."""
    try:
        rates = read_rates(path)
    except (ReplayError, OSError) as problem:
        raise StudyDataError(str(problem)) from None
    found = [
        Charge(round(at_s) - AHEAD_S[venue], rate) for at_s, rate in zip(rates.times_s, rates.rates, strict=True)
    ]
    for charge in found:
        if charge.at_s % FUNDING_S:
            raise StudyDataError(
                f"{path}: {moment(charge.at_s)} UTC is no settlement of every eight hours; times of {venue} are taken "
                f"to be {AHEAD_S[venue] // 3600} h ahead of UTC"
            )
    if any(after.at_s <= before.at_s for before, after in pairwise(found)):
        raise StudyDataError(f"{path}: its times do not rise")
    return tuple(found)


def moment(at_s: int) -> str:
    """UTC, to the minute."""
    return f"{datetime.fromtimestamp(at_s, tz=UTC):%Y-%m-%d %H:%M}"


def figures_of(name: str, charges: Sequence[Charge], costs_bps: Sequence[Decimal]) -> FundingFigures:
    """What one history says."""
    rates = [float(charge.rate) * BPS for charge in charges]
    expected = (charges[-1].at_s - charges[0].at_s) // FUNDING_S + 1
    months = windows(charges, MONTH)
    return FundingFigures(
        name=name, first=moment(charges[0].at_s), last=moment(charges[-1].at_s), settlements=len(charges),
        missing=expected - len(charges), pct_year=yearly(rates), by_year=by_year(charges),
        negative_share=sum(rate < 0 for rate in rates) / len(rates), worst_bps=min(rates), best_bps=max(rates),
        worst_month_bps=min(months, default=0.0), best_month_bps=max(months, default=0.0),
        persistence=persistence(charges),
        pays={f"{cost:g}": {str(days): paid(charges, days, float(cost)) for days in HORIZONS_DAYS}
              for cost in costs_bps},
    )


def yearly(rates_bps: Sequence[float]) -> float:
    """Percent a year, of rates that are charged every eight hours."""
    return sum(rates_bps) / len(rates_bps) * YEAR_S / FUNDING_S / 100


def by_year(charges: Sequence[Charge]) -> dict[str, float]:
    """Percent of each calendar year of which there is a month at least, scaled to a whole one."""
    years: dict[str, list[float]] = {}
    for charge in charges:
        years.setdefault(moment(charge.at_s)[:4], []).append(float(charge.rate) * BPS)
    return {year: yearly(rates) for year, rates in years.items() if len(rates) >= MONTH}


def windows(charges: Sequence[Charge], count: int) -> list[float]:
    """What each run of `count` settlements brought, bps; runs with a missing one are left out."""
    sums = list(accumulate((float(charge.rate) * BPS for charge in charges), initial=0.0))
    return [
        sums[at + count] - sums[at] for at in range(len(charges) - count + 1)
        if charges[at + count - 1].at_s - charges[at].at_s == (count - 1) * FUNDING_S
    ]


def paid(charges: Sequence[Charge], days: int, cost_bps: float) -> float:
    """Of all beginnings, the share in which the funding of so many days was at least the cost."""
    found = windows(charges, days * 3)
    return sum(value >= cost_bps for value in found) / len(found) if found else 0.0


def persistence(charges: Sequence[Charge]) -> float | None:
    """How well a rate tells the next day's; None when one of the two never changes."""
    pairs = [
        (float(charges[at].rate) * EXPECTED, sum(float(charge.rate) for charge in charges[at + 1 : at + 1 + EXPECTED]))
        for at in range(len(charges) - EXPECTED)
        if charges[at + EXPECTED].at_s - charges[at].at_s == EXPECTED * FUNDING_S
    ]
    try:
        return correlation(*zip(*pairs, strict=True))
    except (StatisticsError, TypeError):
        return None


def agreement(first: Sequence[Charge], second: Sequence[Charge], later_s: int = 0) -> float | None:
    """Correlation of two histories over the settlements that both have, the second one moved by `later_s`."""
    other = {charge.at_s + later_s: float(charge.rate) for charge in second}
    both = [(float(charge.rate), other[charge.at_s]) for charge in first if charge.at_s in other]
    try:
        return correlation(*zip(*both, strict=True))
    except (StatisticsError, TypeError):
        return None
