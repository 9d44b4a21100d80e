"""Profit by source between two moments: fees and funding are sums of rows, the spread is what is left of the fold."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from dnbot.domain.units import ZERO
from dnbot.operate import report_queries as queries
from dnbot.operate.report_data import BEGINNING, FeeTotal, FundingPayment, Profit, ProfitPoint
from dnbot.operate.report_quality import day_totals
from dnbot.operate.report_quality_data import DayTotal
from dnbot.operate.report_reader import Reader, Row


@attrs.frozen
class Bound:
    """Where a period's profit begins or ends to count."""

    at: datetime
    realised_quote: Decimal
    """Of the whole book up to there."""
    note: str = ""


@attrs.frozen
class PeriodProfit:
    """What lies later than `start.at`, at or before the end; quote units."""

    start: Bound
    profit: Profit
    fees: tuple[FeeTotal, ...]
    payments: tuple[FundingPayment, ...]

    @property
    def fills(self) -> int:
        """How many were booked."""
        return sum(fee.fills for fee in self.fees)

    @property
    def turnover_quote(self) -> Decimal:
        """Σ price times quantity of the fills."""
        return sum((fee.turnover_quote for fee in self.fees), ZERO)


async def start_of(reader: Reader) -> Bound:
    """What was sampled at the start of the period, or the nearest that is known."""
    sample = await reader.one(queries.START_SAMPLE, reader.since)
    if sample is not None:
        return Bound(sample["at"], sample["realised_quote"], "counted from the last sample at or before the start")
    booked = await reader.one(queries.ANYTHING_BOOKED, reader.since)
    if booked is None or not booked["booked"]:
        return Bound(BEGINNING, ZERO, "nothing was booked before: this is all of the book's profit")
    sample = await reader.one(queries.FIRST_SAMPLE_AFTER, reader.since)
    if sample is not None:
        return Bound(sample["at"], sample["realised_quote"], "counted from the first sample that is still kept")
    return Bound(BEGINNING, ZERO, "nothing is known of the profit before: all of the book's spread is shown here")


async def profit_between(reader: Reader, start: Bound, end: Bound) -> PeriodProfit:
    """Fees and funding of the rows in between; the spread is what the matched fills realised beside them."""
    window = (str(reader.symbol), start.at, end.at, reader.head)
    fees = tuple(FeeTotal(**row) for row in await reader.read(queries.FEES, *window))
    rows = await reader.read(queries.FUNDING, *window)
    fees_quote = sum((fee.quote for fee in fees), ZERO)
    funding_quote = sum((row["amount"] for row in rows), ZERO)
    spread = end.realised_quote - start.realised_quote + fees_quote - funding_quote
    return PeriodProfit(
        start=start,
        profit=Profit(spread, fees_quote, funding_quote),
        fees=fees,
        payments=tuple(
            FundingPayment(row["at"], row["venue"], row["asset"], row["amount"], row["entry_id"]) for row in rows
        ),
    )


async def profit_days(reader: Reader, found: PeriodProfit, executions: dict[str, int]) -> tuple[DayTotal, ...]:
    """The days of the period; together they make its profit, to the last digit."""
    window = attrs.evolve(reader, since=found.start.at)
    rows = await window.ask(queries.PROFIT_DAYS)
    cumulative = {row["day"]: _profit_at(row, found.start) for row in rows}
    if rows:
        cumulative[rows[-1]["day"]] = found.profit
    return day_totals(cumulative, executions)


async def profit_series(reader: Reader, start: Bound, total: Profit, bucket_s: float) -> tuple[ProfitPoint, ...]:
    """From the samples, with the sums of the fees and funding rows until then; the last point is the period's total."""
    window = attrs.evolve(reader, since=start.at)
    points = [
        ProfitPoint(row["at"], _profit_at(row, start))
        for row in await window.ask(queries.PROFIT_SERIES, bucket_s)
    ]
    return (*points, ProfitPoint(points[-1].at, total)) if points else ()


def _profit_at(row: Row, start: Bound) -> Profit:
    """The period's profit up to one sample."""
    return Profit(row["realised"] - start.realised_quote + row["fees"] - row["funding"], row["fees"], row["funding"])
