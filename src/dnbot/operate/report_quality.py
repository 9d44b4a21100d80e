"""From the database to the quality of execution, and to what each venue and day came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from dnbot.domain.units import ZERO, bps, divide
from dnbot.operate import report_quality_queries as queries
from dnbot.operate.report_data import FeeTotal, FundingPayment, Profit
from dnbot.operate.report_quality_data import (
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
PLACES = 4
"""Of basis points."""
_NS_PER_MS = Decimal(1_000_000)


async def read_quality(ask: Ask, head: int, fills: int) -> Quality:
    """Edges, slippage, times, fill ratios and markouts of the period; `fills` is how many it has."""
    newest = (head, queries.FILLS_MAX)
    return Quality(
        edges=tuple(_edge(row) for row in await ask(queries.EDGES)),
        legs=tuple(_leg(row) for row in await ask(queries.LEGS, *newest)),
        stages=tuple(_stage(row) for row in await ask(queries.STAGES, queries.ORDERS_MAX)),
        ratios=tuple(FillRatio(**row) for row in await ask(queries.RATIOS)),
        markouts=tuple(_markout(row) for row in await ask(queries.MARKOUTS, *newest)),
        left_out=max(0, fills - queries.FILLS_MAX),
    )


def _edge(row: Row) -> EdgeTotal:
    return EdgeTotal(
        pair_name=row["pair_name"], count=row["count"], bought_quote=row["bought"],
        estimated_bps=round(divide(row["weighted"], row["bought"]), PLACES),
        realised_bps=round(bps(row["net"], row["bought"]), PLACES),
    )


def _leg(row: Row) -> LegQuality:
    return LegQuality(
        venue=row["venue"], side=row["side"], fills=row["fills"],
        inside_limit_bps=round(bps(row["inside"], row["value"]), PLACES), sampled=row["sampled"],
        slippage_bps=_per_value(row["lost"], row["sampled_value"]),
    )


def _markout(row: Row) -> Markout:
    return Markout(
        pair_name=row["pair_name"], venue=row["venue"], side=row["side"], fills=row["fills"], after_s=row["after_s"],
        sampled=row["sampled"], moved_bps=_per_value(row["moved"], row["sampled_value"]),
    )


def _per_value(part: Decimal | None, value: Decimal | None) -> Decimal | None:
    return None if part is None or not value else round(bps(part, value), PLACES)


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
