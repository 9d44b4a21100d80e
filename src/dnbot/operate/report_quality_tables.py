"""Days, venues and the quality of execution as tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dnbot.domain.units import bps
from dnbot.operate.report_data import Profit, Report
from dnbot.operate.report_format import Column, Kind, Table, number
from dnbot.operate.report_quality_data import DayTotal, Markout, Quality, VenueTotal

NO_SAMPLE = "no data"
_DAY_PARTS = ("spread_quote", "fees_quote", "funding_quote", "realised_quote")


def days(found: Sequence[DayTotal], profit: Profit, quote: str) -> Table:
    """Profit and executions of each day; `profit` is what they make together."""
    rows = tuple(_day_row(day) for day in found)
    total = (
        "all", sum(day.executions for day in found), profit.spread_quote, -profit.fees_quote, profit.funding_quote,
        profit.realised_quote,
    )
    return Table(
        "days", "Profit by day",
        (
            Column("day, UTC"), Column("executions", Kind.COUNT), Column("spread", Kind.QUOTE, quote, signed=True),
            Column("fees", Kind.QUOTE, quote, signed=True), Column("funding", Kind.QUOTE, quote, signed=True),
            Column("realised", Kind.QUOTE, quote, signed=True),
        ),
        rows, total=total if rows else None,
        note="A day reaches to its last sample; what came after it is part of the next day." if len(rows) > 1 else "",
        empty="nothing was sampled in this period",
    )


def _day_row(day: DayTotal) -> tuple[object, ...]:
    spread, fees, funding, realised = (getattr(day, name) for name in _DAY_PARTS)
    return day.day, day.executions, spread, None if fees is None else -fees, funding, realised


def venues(report: Report) -> Table:
    """What was traded where, and what it cost there."""
    base, quote = report.base, report.quote
    columns = (
        Column("venue"), Column("fills", Kind.COUNT), Column("turnover", Kind.QUOTE, quote),
        Column("bought", Kind.BASE, base), Column("at", Kind.QUOTE, quote), Column("sold", Kind.BASE, base),
        Column("at", Kind.QUOTE, quote), Column("fees", Kind.QUOTE, quote), Column("fees", Kind.BPS, "bps"),
        Column("funding", Kind.QUOTE, quote, signed=True),
    )
    return Table(
        "venues", "By venue", columns, tuple(_venue_row(one) for one in report.venues), empty="no fill in this period",
        note="Fees and funding belong to a venue. A spread lies between two of them and is told by pair.",
    )


def _venue_row(one: VenueTotal) -> tuple[object, ...]:
    return (
        one.venue, one.fills, one.turnover_quote, one.bought_base, _mean(one.bought_quote, one.bought_base),
        one.sold_base, _mean(one.sold_quote, one.sold_base), one.fees_quote,
        bps(one.fees_quote, one.turnover_quote) if one.turnover_quote else None, one.funding_quote,
    )


def _mean(value: Decimal, quantity: Decimal) -> Decimal | None:
    return value / quantity if quantity else None


def edges(report: Report) -> Table:
    """Estimated against realised edge."""
    columns = (
        Column("pair"), Column("complete", Kind.COUNT), Column("bought", Kind.QUOTE, report.quote),
        Column("estimated", Kind.BPS, "bps", signed=True), Column("realised", Kind.BPS, "bps", signed=True),
        Column("realised - estimated", Kind.BPS, "bps", signed=True),
    )
    rows = tuple(
        (
            one.pair_name, one.count, one.bought_quote, one.estimated_bps, one.realised_bps,
            one.realised_bps - one.estimated_bps,
        )
        for one in report.quality.edges
    )
    return Table(
        "edges", "Edge: estimated and realised", columns, rows, empty="no complete execution has an estimate",
        note="Net of both fees, per value bought; of executions that were complete." + _reserve(report.quality),
    )


def _reserve(quality: Quality) -> str:
    if quality.reserve_bps is None or quality.reserve_set_bps is None:
        return ""
    setting = f"slippage_reserve_bps is {quality.reserve_set_bps}"
    return f" Entries reserve {number(quality.reserve_bps, 2)} bps for being worse than estimated; {setting}."


def slippage(report: Report) -> Table:
    """Prices of fills against the limit, and against the book."""
    columns = (
        Column("venue"), Column("side"), Column("fills", Kind.COUNT), Column("inside the limit by", Kind.BPS, "bps"),
        Column("slippage", Kind.BPS, "bps", signed=True), Column("with a sample", Kind.COUNT),
    )
    rows = tuple(
        (
            one.venue, one.side, one.fills, one.inside_limit_bps,
            NO_SAMPLE if one.slippage_bps is None else one.slippage_bps, one.sampled,
        )
        for one in report.quality.legs
    )
    return Table(
        "slippage", "Slippage per leg", columns, rows, empty="no order of ours traded",
        note="Slippage: worse (+) than the best price that was sampled less than two seconds before the order."
        + _left_out(report),
    )


def latency(report: Report) -> Table:
    """How long each stage took."""
    columns = (
        Column("stage"), Column("times", Kind.COUNT), Column("median", Kind.BPS, "ms"), Column("90 %", Kind.BPS, "ms"),
        Column("99 %", Kind.BPS, "ms"), Column("longest", Kind.BPS, "ms"),
    )
    rows = tuple(
        (one.stage, one.count, one.p50_ms, one.p90_ms, one.p99_ms, one.max_ms) for one in report.quality.stages
    )
    return Table("latency", "Latency by stage", columns, rows, empty="no order in this period")


def ratios(report: Report) -> Table:
    """What came of the orders."""
    columns = (
        Column("venue"), Column("purpose"), Column("orders", Kind.COUNT), Column("filled", Kind.COUNT),
        Column("in part", Kind.COUNT), Column("not", Kind.COUNT), Column("ordered", Kind.BASE, report.base),
        Column("filled", Kind.BASE, report.base), Column("ratio", Kind.BPS, "%"),
    )
    rows = tuple(
        (
            one.venue, one.purpose, one.orders, one.filled_wholly, one.filled_partly,
            one.orders - one.filled_wholly - one.filled_partly, one.ordered_base, one.filled_base,
            100 * one.filled_base / one.ordered_base,
        )
        for one in report.quality.ratios
    )
    return Table("ratios", "Fill ratio", columns, rows, empty="no order in this period")


def markouts(report: Report) -> Table:
    """Where the market went after our fills."""
    groups: dict[tuple[str, str, str], dict[int, Markout]] = {}
    for one in report.quality.markouts:
        groups.setdefault((one.pair_name, one.venue, one.side), {})[one.after_s] = one
    horizons = sorted({one.after_s for one in report.quality.markouts})
    columns = [Column("pair"), Column("venue"), Column("side"), Column("fills", Kind.COUNT)]
    for after_s in horizons:
        columns += [Column(f"after {after_s} s", Kind.BPS, "bps", signed=True), Column("samples", Kind.COUNT)]
    rows = []
    for names, found in groups.items():
        cells: list[object] = [*names, next(iter(found.values())).fills]
        for after_s in horizons:
            moved = found[after_s].moved_bps
            cells += [NO_SAMPLE if moved is None else moved, found[after_s].sampled]
        rows.append(tuple(cells))
    return Table(
        "markouts", "Markouts", tuple(columns), tuple(rows), empty="no fill of an execution in this period",
        note="How far the venue's sampled mid went our way (+) from the price of the fill." + _left_out(report),
    )


def _left_out(report: Report) -> str:
    count = report.quality.left_out
    return f" Of the newest fills; {count:,} older ones are left out." if count else ""
