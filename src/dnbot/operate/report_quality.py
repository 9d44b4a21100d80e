"""From the database to the quality of execution, and to what each venue and day came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from dnbot.domain.units import ZERO, bps
from dnbot.operate import report_quality_queries as queries
from dnbot.operate.report_data import FeeTotal, FundingPayment, Profit
from dnbot.operate.report_quality_data import (
    BPS_PLACES,
    DayTotal,
    EdgeTotal,
    FillRatio,
    LegQuality,
    Markout,
    Quality,
    StageTime,
    VenueTotal,
)

Row = dict[str, Any]
Ask = Callable[..., Awaitable[list[Row]]]
"""Runs a query of the period with the arguments after the period's."""
_NS_PER_MS = Decimal(1_000_000)


async def read_quality(ask: Ask, head: int, fills: int, edges: tuple[EdgeTotal, ...]) -> Quality:
    """Slippage, times, fill ratios and markouts of the period beside its edges; `fills` is how many it has."""
    newest = (head, queries.FILLS_MAX)
    return Quality(
        edges=edges,
        legs=tuple(_leg(row) for row in await ask(queries.LEGS, *newest)),
        stages=tuple(_stage(row) for row in await ask(queries.STAGES, queries.ORDERS_MAX)),
        ratios=tuple(FillRatio(**row) for row in await ask(queries.RATIOS)),
        markouts=tuple(_markout(row) for row in await ask(queries.MARKOUTS, *newest)),
        left_out=max(0, fills - queries.FILLS_MAX),
    )


def _leg(row: Row) -> LegQuality:
    return LegQuality(
        venue=row["venue"], side=row["side"], fills=row["fills"],
        inside_limit_bps=round(bps(row["inside"], row["value"]), BPS_PLACES), sampled=row["sampled"],
        slippage_bps=_per_value(row["lost"], row["sampled_value"]),
    )


def _markout(row: Row) -> Markout:
    return Markout(
        pair_name=row["pair_name"], venue=row["venue"], side=row["side"], fills=row["fills"], after_s=row["after_s"],
        sampled=row["sampled"], moved_bps=_per_value(row["moved"], row["sampled_value"]),
    )


def _per_value(part: Decimal | None, value: Decimal | None) -> Decimal | None:
    return None if part is None or not value else round(bps(part, value), BPS_PLACES)


def _stage(row: Row) -> StageTime:
    p50, p90, p99 = (Decimal(ns) / _NS_PER_MS for ns in row["percentiles"])
    return StageTime(
        stage=row["stage"], count=row["count"], p50_ms=p50, p90_ms=p90, p99_ms=p99, max_ms=row["most"] / _NS_PER_MS
    )


# --- venues and days --------------------------------------------------------------------------------------------------
def venue_totals(
    rows: Iterable[Row], fees: Iterable[FeeTotal], funding: Iterable[FundingPayment], quote: str
) -> tuple[VenueTotal, ...]:
    """Rows of `VENUES` with the fees and the funding of the same period; also of a venue that had one of them alone."""
    totals = {row["venue"]: VenueTotal(**row) for row in rows}
    taken, paid = dict[str, Decimal](), dict[str, Decimal]()
    for fee in fees:
        taken[fee.venue] = taken.get(fee.venue, ZERO) + fee.quote
    for payment in funding:
        if payment.asset == quote:
            paid[payment.venue] = paid.get(payment.venue, ZERO) + payment.amount
    return tuple(
        msgspec.structs.replace(
            totals.get(venue, VenueTotal(venue=venue)), fees_quote=taken.get(venue, ZERO),
            funding_quote=paid.get(venue, ZERO),
        )
        for venue in sorted({*totals, *taken, *paid})
    )


def day_totals(cumulative: Mapping[str, Profit], executions: Mapping[str, int]) -> tuple[DayTotal, ...]:
    """From the profit up to the last sample of each day to what each day added; days in order."""
    found, before = [], Profit()
    for day in sorted({*cumulative, *executions}):
        total = DayTotal(day=day, executions=executions.get(day, 0))
        if day in cumulative:
            now = cumulative[day]
            added = Profit(
                now.spread_quote - before.spread_quote, now.fees_quote - before.fees_quote,
                now.funding_quote - before.funding_quote,
            )
            total = DayTotal(
                day=day, executions=total.executions, spread_quote=added.spread_quote, fees_quote=added.fees_quote,
                funding_quote=added.funding_quote, realised_quote=added.realised_quote,
            )
            before = now
        found.append(total)
    return tuple(found)
