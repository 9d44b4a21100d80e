"""Opportunities: edges above their requirement; which were taken, which declined, why, and what they seemed worth.

A refusal is recorded at most once a second per pair and reason, with the number of its repeats. Refusals of one pair
that follow one another within five seconds are one *episode*: an opportunity that stayed. Its reason and its estimate
are those of its best moment. **Every amount here is an estimate** made before any order: nobody says that the orders
would have been filled, and the same funds cannot pay for all episodes. An episode after which the same pair was taken
within five seconds is counted, but its estimate is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from dnbot.domain.instrument import Symbol
from dnbot.domain.pair import PAIRS
from dnbot.domain.units import ZERO
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_reader import Read, Row
from dnbot.research.analysis import queries
from dnbot.research.analysis.words import DAY, HOUR, Asked, Coverage, Period, asked_of, hour_of, read_coverage

Key = TypeVar("Key")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Opportunities whose legs were sent."""

    count: int = 0
    given_up: int = 0
    """Committed, and then not sent after all; not in `count`."""
    estimate_quote: Decimal = ZERO
    """What the decisions expected of those that were sent; what they brought is told by `performance`."""


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes of declined opportunities."""

    episodes: int = 0
    refusals: int = 0
    """How often it was declined in them: at each change of a book."""
    then_taken: int = 0
    """Episodes after which the same pair was taken."""
    without_estimate: int = 0
    """Of the others, those in which no quantity was estimated."""
    estimate_quote: Decimal = ZERO
    """Best estimates of the others added up."""
    edge_bps_best: float | None = None
    """Net of both fees, at the probe quantity."""
    lasted_s: Decimal = ZERO
    """Between the first and the last refusal, all episodes together."""
    longest_s: Decimal = ZERO


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Both of one pair, one hour, or all."""

    taken: Taken = Taken()
    missed: Missed = Missed()

    @property
    def seen(self) -> int:
        """Taken ones, and episodes of others."""
        return self.taken.count + self.missed.episodes - self.missed.then_taken


class OpportunityHour(msgspec.Struct, frozen=True):
    """One hour of the clock that was sampled, or in which something was seen."""

    at: datetime
    observed_s: Decimal
    counted: Counted


class HourOfDay(msgspec.Struct, frozen=True):
    """The same hour (UTC) of all days."""

    observed_s: Decimal
    counted: Counted


class Opportunities(msgspec.Struct, frozen=True, kw_only=True):
    """`dnbot analyze opportunities`: one symbol over one period."""

    symbol: str
    quote: str
    period: Period
    coverage: Coverage
    """Of the hours: declined opportunities are kept as long as samples are, taken ones for ever."""
    declined_kept_since: datetime | None = None
    """The oldest sample of the period, when something was taken before it: what was declined then is dropped."""
    total: Counted = Counted()
    pairs: dict[str, Counted] = {}
    reasons: dict[str, Missed] = {}
    """By the reason of each episode's best moment."""
    hours: tuple[OpportunityHour, ...] = ()
    by_hour_of_day: dict[int, HourOfDay] = {}


async def analyze_opportunities(read: Read, symbol: Symbol, period: Period, *, tell: Tell = nothing) -> Opportunities:
    """What was seen over the period, and what came of it.

    Raises:
        ConfigError: the period is none, or the database has never heard of the symbol.
        StoreUnreachable: it did not answer.
    """
    asked = await asked_of(read, symbol, period, tell)
    coverage = await read_coverage(asked)
    taken, missed = await _rows(asked)
    observed = {hour.at: hour.observed_s for hour in coverage.hours}
    hours = _by(lambda row: row["hour"], taken, missed, observed)
    pairs = _by(lambda row: row["pair_name"], taken, missed, ())
    oldest = coverage.first
    return Opportunities(
        symbol=str(symbol), quote=symbol.quote, period=asked.period, coverage=coverage,
        declined_kept_since=oldest if oldest and any(row["hour"] + HOUR < oldest for row in taken) else None,
        total=_by(lambda _: "all", taken, missed, ["all"])["all"],
        pairs={name: pairs[name] for name in PAIRS if name in pairs},
        reasons={
            reason: counted.missed for reason, counted in _by(lambda row: row["reason"], (), missed, ()).items()
        },
        hours=tuple(OpportunityHour(at, observed.get(at, ZERO), hours[at]) for at in sorted(hours)),
        by_hour_of_day=_hours_of_day(taken, missed, observed),
    )


async def _rows(asked: Asked) -> tuple[list[Row], list[Row]]:
    taken, missed = list[Row](), list[Row]()
    for day in asked.period.pieces(DAY):
        taken += await asked.ask(queries.TAKEN_BY_HOUR, day)
        missed += await asked.ask(queries.DECLINED_EPISODES, day, list(PAIRS))
    return taken, missed


def _by(
    key: Callable[[Row], Key], taken: Iterable[Row], missed: Iterable[Row], known: Iterable[Key]
) -> dict[Key, Counted]:
    """Rows added up by key; `known` keys are there in any case."""
    found = dict.fromkeys(known, Counted())
    for row in taken:
        before = found.get(key(row), Counted())
        found[key(row)] = msgspec.structs.replace(before, taken=with_taken(before.taken, row))
    for row in missed:
        before = found.get(key(row), Counted())
        found[key(row)] = msgspec.structs.replace(before, missed=with_missed(before.missed, row))
    return found


def _hours_of_day(
    taken: Iterable[Row], missed: Iterable[Row], observed: Mapping[datetime, Decimal]
) -> dict[int, HourOfDay]:
    counted = _by(lambda row: hour_of(row["hour"]), taken, missed, {hour_of(at) for at in observed})
    seconds: dict[int, Decimal] = {}
    for at, observed_s in observed.items():
        seconds[hour_of(at)] = seconds.get(hour_of(at), ZERO) + observed_s
    return {hour: HourOfDay(seconds.get(hour, ZERO), counted[hour]) for hour in sorted(counted)}


def with_taken(taken: Taken, row: Row) -> Taken:
    """One more row of `TAKEN_BY_HOUR`."""
    return Taken(
        count=taken.count + row["taken"], given_up=taken.given_up + row["given_up"],
        estimate_quote=taken.estimate_quote + row["estimate_quote"],
    )


def with_missed(missed: Missed, row: Row) -> Missed:
    """One more row of `DECLINED_EPISODES`."""
    best = row["edge_bps_best"]
    return Missed(
        episodes=missed.episodes + row["episodes"],
        refusals=missed.refusals + row["times"],
        then_taken=missed.then_taken + row["then_taken"],
        without_estimate=missed.without_estimate + row["without_estimate"],
        estimate_quote=missed.estimate_quote + row["estimate_quote"],
        edge_bps_best=best if missed.edge_bps_best is None else max(missed.edge_bps_best, best),
        lasted_s=missed.lasted_s + row["lasted_s"],
        longest_s=max(missed.longest_s, row["longest_s"]),
    )
