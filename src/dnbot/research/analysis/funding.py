"""Funding: what the perpetual's account book says was received and paid, beside what was forecast before it.

A payment is a row of the venue's own book: positive was received, negative was paid. A forecast is the venue's last
estimate of the rate before a settlement, times what was held then: forecast = -position x mark x rate, for the short
receives when the rate is positive. Forecasts exist where the bot sampled them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Symbol
from dnbot.domain.units import ZERO, divide
from dnbot.operate import report_queries
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_data import FundingPayment
from dnbot.operate.report_reader import Read
from dnbot.research.analysis import queries
from dnbot.research.analysis.words import (
    DAY,
    HUNDRED,
    PLACES,
    Asked,
    Coverage,
    Period,
    asked_of,
    per_ten_thousand,
    read_coverage,
)

BOOKED_WITHIN = timedelta(minutes=10)
"""A payment belongs to the nearest settlement that is no further away."""
ESTIMATED_WITHIN = timedelta(hours=1)
"""Before the day of a settlement: an older estimate says nothing about it."""
YEAR_S = 365 * 86_400


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """One time at which funding was due, as it was forecast."""

    at: datetime
    sampled_at: datetime
    """Of the last forecast before it."""
    rate: Decimal
    """Forecast; a fraction per interval."""
    interval_s: int
    mark: Decimal | None
    """Quote per base, beside the forecast."""
    perp_base: Decimal | None
    """What was held, sampled within the last minute before it; negative is short. None: not sampled."""

    @property
    def notional_quote(self) -> Decimal | None:
        """Size of the position; None where it, or the mark, is unknown."""
        return None if self.perp_base is None or self.mark is None else abs(self.perp_base) * self.mark

    @property
    def forecast_quote(self) -> Decimal | None:
        """What was to come, positive to be received."""
        return None if self.perp_base is None or self.mark is None else -self.perp_base * self.mark * self.rate


class FundingOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement with its payments, or payments of which no settlement was sampled."""

    settlement: Settlement | None
    payments: tuple[FundingPayment, ...] = ()

    @property
    def at(self) -> datetime:
        """When it was due, else when it was paid."""
        return self.settlement.at if self.settlement is not None else self.payments[0].at

    @property
    def paid_quote(self) -> Decimal:
        """By the venue's book; positive was received."""
        return sum((payment.amount for payment in self.payments), ZERO)

    @property
    def rate_bps(self) -> Decimal | None:
        """What was really received per size of the position; None where that is unknown or none."""
        notional = self.settlement.notional_quote if self.settlement is not None else None
        return None if not self.payments or not notional else per_ten_thousand(self.paid_quote, notional)

    @property
    def against_forecast_quote(self) -> Decimal | None:
        """Received less forecast; None without one of them."""
        forecast = self.settlement.forecast_quote if self.settlement is not None else None
        return None if forecast is None or not self.payments else self.paid_quote - forecast


class IntervalFunding(msgspec.Struct, frozen=True, kw_only=True):
    """Settlements of one interval's length whose position and mark were sampled, and which were paid."""

    interval_s: int
    settlements: int
    paid_quote: Decimal
    forecast_quote: Decimal
    notional_quote: Decimal
    """Sizes of the position added up."""

    @property
    def rate_bps(self) -> Decimal | None:
        """Received per size and interval."""
        return per_ten_thousand(self.paid_quote, self.notional_quote)

    @property
    def forecast_bps(self) -> Decimal | None:
        """Forecast per size and interval."""
        return per_ten_thousand(self.forecast_quote, self.notional_quote)

    @property
    def yearly_pct(self) -> Decimal | None:
        """Received per size of the position, as if a year of 365 days went on like this; not compounded."""
        return yearly_pct((self,))


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """`dnbot analyze funding`: one symbol over one period. Quote units."""

    symbol: str
    quote: str
    period: Period
    coverage: Coverage
    """Of forecasts and positions; payments are of the ledger and always complete."""
    received_quote: Decimal = ZERO
    paid_quote: Decimal = ZERO
    """Below zero."""
    payments: int = 0
    yearly_pct: Decimal | None = None
    """Of all intervals together; see `IntervalFunding`."""
    intervals: tuple[IntervalFunding, ...] = ()
    outcomes: tuple[FundingOutcome, ...] = ()
    missing: tuple[Settlement, ...] = ()
    """Due on a position that was sampled, and no row of the venue's book is there ten minutes later."""

    @property
    def net_quote(self) -> Decimal:
        """Received and paid."""
        return self.received_quote + self.paid_quote


async def analyze_funding(read: Read, symbol: Symbol, period: Period, *, tell: Tell = nothing) -> Funding:
    """What was received and paid over the period, and what had been forecast.

    Raises:
        ConfigError: the period is none, or the database has never heard of the symbol.
        StoreUnreachable: it did not answer.
    """
    asked = await asked_of(read, symbol, period, tell)
    coverage = await read_coverage(asked)
    rows = await asked.ask(report_queries.FUNDING, asked.period, asked.head)
    payments = [FundingPayment(row["at"], row["venue"], row["asset"], row["amount"], row["entry_id"]) for row in rows]
    settlements = await _settlements(asked, coverage)
    outcomes = matched(settlements, payments)
    intervals = intervals_of(outcomes)
    return Funding(
        symbol=str(symbol), quote=symbol.quote, period=asked.period, coverage=coverage,
        received_quote=sum((payment.amount for payment in payments if payment.amount > 0), ZERO),
        paid_quote=sum((payment.amount for payment in payments if payment.amount < 0), ZERO),
        payments=len(payments), yearly_pct=yearly_pct(intervals), intervals=intervals, outcomes=outcomes,
        missing=tuple(
            one.settlement for one in outcomes
            if one.settlement is not None and not one.payments and one.settlement.forecast_quote
            and one.settlement.at + BOOKED_WITHIN <= asked.period.until
        ),
    )


async def _settlements(asked: Asked, coverage: Coverage) -> list[Settlement]:
    """Where something was sampled: before that nothing is known."""
    if coverage.first is None:
        return []
    since = max(asked.period.since, coverage.first - ESTIMATED_WITHIN)
    days = Period(since, asked.period.until).pieces(DAY)
    return [
        Settlement(**row) for day in days
        for row in await asked.ask(queries.SETTLEMENTS, day, day.since - ESTIMATED_WITHIN)
    ]


def matched(settlements: Iterable[Settlement], payments: Iterable[FundingPayment]) -> tuple[FundingOutcome, ...]:
    """Each payment at the nearest settlement within `BOOKED_WITHIN`, or by itself; in order of time."""
    by_time = {settlement.at: settlement for settlement in settlements}
    found: dict[datetime, list[FundingPayment]] = {at: [] for at in by_time}
    for payment in payments:
        nearest = min(by_time, key=lambda at: (abs(at - payment.at), at), default=payment.at)
        at = nearest if abs(nearest - payment.at) <= BOOKED_WITHIN else payment.at
        found.setdefault(at, []).append(payment)
    return tuple(
        FundingOutcome(settlement=by_time.get(at), payments=tuple(found[at])) for at in sorted(found)
    )


def intervals_of(outcomes: Iterable[FundingOutcome]) -> tuple[IntervalFunding, ...]:
    """Of the outcomes whose forecast and payment are both known, by the length of the interval."""
    found: dict[int, IntervalFunding] = {}
    for outcome in outcomes:
        settlement = outcome.settlement
        if settlement is None or not outcome.payments:
            continue
        notional, forecast = settlement.notional_quote, settlement.forecast_quote
        if notional is None or forecast is None or not notional:
            continue
        before = found.get(settlement.interval_s) or IntervalFunding(
            interval_s=settlement.interval_s, settlements=0, paid_quote=ZERO, forecast_quote=ZERO, notional_quote=ZERO
        )
        found[settlement.interval_s] = IntervalFunding(
            interval_s=settlement.interval_s, settlements=before.settlements + 1,
            paid_quote=before.paid_quote + outcome.paid_quote, forecast_quote=before.forecast_quote + forecast,
            notional_quote=before.notional_quote + notional,
        )
    return tuple(found[interval_s] for interval_s in sorted(found))


def yearly_pct(intervals: Iterable[IntervalFunding]) -> Decimal | None:
    """Received per size of the position and time, of all intervals, over 365 days; None where nothing is known."""
    known = tuple(intervals)
    held = sum((one.notional_quote * one.interval_s for one in known), ZERO)
    if not held:
        return None
    received = sum((one.paid_quote for one in known), ZERO)
    return round(divide(received * HUNDRED * YEAR_S, held), PLACES)
