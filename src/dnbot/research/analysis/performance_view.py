"""Performance as tables and charts."""

from __future__ import annotations

from datetime import datetime, timedelta

from dnbot.operate import report_quality_tables, report_tables
from dnbot.operate.report_charts import caption, days_chart, profit_chart
from dnbot.operate.report_data import BEGINNING
from dnbot.operate.report_format import Column, Figure, Kind, Table, count_of, moment, number
from dnbot.operate.report_read import BUCKETS
from dnbot.operate.report_svg import legend, line_chart
from dnbot.research.analysis.performance import RATIO_DAYS_MIN, Fall, PairPerformance, Performance, Times
from dnbot.research.analysis.view import View, coverage_text, period_text, unbroken

_UNKNOWN = "what was realised at the ends of this period is not known"


def performance_view(found: Performance) -> View:
    """In the order in which they are read."""
    return View(
        "performance", found.symbol,
        (period_text(found.symbol, found.period), coverage_text(found.coverage), *_counted(found)),
        (*_profit(found), _risk(found), _pairs(found), _times(found)),
        {
            "profit": profit_chart(found.profit_series, _extent(found), found.quote),
            "days": days_chart(found.days, found.quote),
            "risk": _equity(found),
        },
    )


def _counted(found: Performance) -> list[str]:
    notes = [f"profit {note}" if note.startswith(("counted", "to the")) else note for note in found.notes]
    if found.counted is not None and notes:
        since = "the beginning" if found.counted.since <= BEGINNING else f"{moment(found.counted.since)} UTC"
        notes[-1] += f" (from {since} to {moment(found.counted.until)} UTC)"
    return notes


def _profit(found: Performance) -> tuple[Table, ...]:
    if found.profit is None:
        return (Table("profit", "Profit by source", (Column("source"),), (), empty=_UNKNOWN),)
    per_turnover = found.profit_bps
    note = f"{count_of(found.fills, 'fill')}, turnover {number(found.turnover_quote, 2)} {found.quote}" + (
        f": {number(per_turnover, 2, signed=True)} bps of it were realised." if per_turnover is not None else "."
    )
    return (
        report_tables.profit(found.profit, found.quote, note),
        report_quality_tables.days(found.days, found.profit, found.quote),
    )


def _risk(found: Performance) -> Table:
    quote = found.quote
    rows: list[tuple[object, ...]] = [
        _fall("largest fall of equity, as sampled", found.equity_fall, quote),
        _fall("largest fall of realised profit", found.realised_fall, quote),
    ]
    even = found.evenness
    if even is not None:
        rows += [
            ("whole days that were sampled", Figure(even.days, Kind.COUNT), "days", None, None),
            ("losing ones", Figure(even.losing_days, Kind.COUNT), "days", None, None),
            ("mean of a day", even.mean_quote, quote, None, None),
            ("deviation of a day", even.sd_quote, quote, None, None),
            ("worst day", even.worst_quote, quote, None, None),
            ("best day", even.best_quote, quote, None, None),
            ("mean by deviation, of days, not annualised", Figure(even.ratio, Kind.BPS, signed=True), "", None, None),
        ]
    days = even.days if even is not None else 0
    note = "Equity holds deposits, withdrawals and the prices of what is held." + (
        f" How even the profit is takes {RATIO_DAYS_MIN} whole days; there {'is' if days == 1 else 'are'} {days}."
        if days < RATIO_DAYS_MIN else ""
    )
    columns = (
        Column("what", wraps=True), Column("figure", Kind.QUOTE, signed=True), Column("unit"),
        Column("of the peak", Kind.BPS, "%"), Column("lowest at, UTC", Kind.TIME),
    )
    return Table("risk", "Falls and evenness", columns, tuple(rows), note=note)


def _fall(name: str, fall: Fall | None, quote: str) -> tuple[object, ...]:
    if fall is None:
        return name, None, quote, None, None
    return name, -fall.quote, quote, fall.pct, fall.at if fall.quote else None


def _pairs(found: Performance) -> Table:
    quote = found.quote
    columns = (
        Column("pair"), Column("all", Kind.COUNT), Column("complete", Kind.COUNT), Column("with profit", Kind.BPS, "%"),
        Column("gross", Kind.QUOTE, quote, signed=True), Column("fees", Kind.QUOTE, quote),
        Column("net", Kind.QUOTE, quote, signed=True), Column("estimate of net", Kind.QUOTE, quote, signed=True),
        Column("edge estimated", Kind.BPS, "bps", signed=True), Column("realised", Kind.BPS, "bps", signed=True),
        Column("realised - estimated", Kind.BPS, "bps", signed=True),
    )
    return Table(
        "pairs", "Executions by pair", columns, tuple(_pair_row(pair) for pair in found.pairs),
        note="Net is of each execution's own fills. The estimate of a carry's net also holds the funding and the way "
        "out that it expected, which no execution can bring; edges are of the two legs alone, of complete executions, "
        "per value bought.",
        empty="no execution ended in this period",
    )


def _pair_row(pair: PairPerformance) -> tuple[object, ...]:
    total, edge = pair.total, pair.edge
    return (
        total.pair_name, total.count, total.complete, pair.hit_rate_pct, total.gross_quote, total.fees_quote,
        total.net_quote, total.estimate_net_quote, edge.estimated_bps if edge is not None else None,
        edge.realised_bps if edge is not None else None, pair.against_estimate_bps,
    )


def _times(found: Performance) -> Table:
    heads = ("p50", "p90", "p99", "longest")
    columns = (
        Column("pair"), *(Column(f"lasted {head}", Kind.MS, "ms") for head in heads),
        Column("naked ones", Kind.COUNT), *(Column(f"naked {head}", Kind.MS, "ms") for head in heads[:3]),
        Column("worst, outcomes known", Kind.MS, "ms"), Column("worst, an outcome unknown", Kind.MS, "ms"),
        Column("naked together", Kind.MS, "ms"),
    )
    rows = tuple(
        (
            pair.total.pair_name, *_four(pair.lasted), pair.naked_executions, *_four(pair.naked)[:3],
            pair.naked_ms_worst_definite, pair.naked_ms_worst_ambiguous, pair.naked_ms,
        )
        for pair in found.pairs
    )
    return Table("times", "How long executions lasted, and how long delta was naked", columns, rows,
                 note="Percentiles are of all executions, also of those that were never naked; each was measured.",
                 empty="no execution ended in this period")


def _four(times: Times) -> tuple[object, ...]:
    return times.p50_ms, times.p90_ms, times.p99_ms, times.max_ms


# --- charts
def _extent(found: Performance) -> tuple[datetime, datetime] | None:
    first, last = found.coverage.first, found.coverage.last
    return None if first is None or last is None else (first, last)


def _equity(found: Performance) -> str:
    extent = _extent(found)
    if len(found.equity_series) < 2 or extent is None:
        return ""
    start = found.equity_series[0].equity_quote
    points = [(point.at, point.equity_quote - start) for point in found.equity_series]
    lines = unbroken("equity", "s0", points, max(3 * (extent[1] - extent[0]) / BUCKETS, timedelta(seconds=10)))
    title = "Equity since it was first sampled in the period"
    keys = [("s0", "equity", f"{number(lines[-1].points[-1][1], 2, signed=True)} {found.quote}")]
    return caption(title) + legend(keys) + line_chart(title, lines, extent, found.quote)
