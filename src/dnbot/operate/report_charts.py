"""Which charts a report has, and what they show; how they are drawn is `report_svg`'s affair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dnbot.domain.units import ZERO
from dnbot.operate.report_data import ExecutionPoint, FundingPayment, Profit, ProfitPoint, Report
from dnbot.operate.report_format import moment, number
from dnbot.operate.report_quality_data import DayTotal
from dnbot.operate.report_svg import (
    Series,
    bar_chart,
    legend,
    line_chart,
    payment_chart,
    scatter_chart,
)

BARS_MAX = 15
DAYS_MIN = 2
"""One day needs no picture."""
STATUSES = (("complete", "s0"), ("partial", "s1"), ("repaired", "s2"), ("failed", "s3"))


def charts_of(report: Report) -> dict[str, str]:
    """Charts by the name of the table that they stand above; one without anything to draw is left out."""
    found = {
        "profit": profit_chart(report.profit_series, report.charted, report.quote),
        "days": days_chart(report.days, report.quote),
        "executions": _executions(report),
        "inventory": _inventory(report),
        "exposure": _delta(report),
        "declined": _declined(report),
        "funding": funding_chart(report.funding, report.charted, report.quote),
    }
    return {name: f"<figure>{chart}</figure>" for name, chart in found.items() if chart}


def profit_chart(series: Sequence[ProfitPoint], extent: tuple[datetime, datetime] | None, quote: str) -> str:
    """Cumulative profit by source, with its caption; nothing where nothing is known."""
    if not series or extent is None:
        return ""
    points = [(extent[0], Profit()), *((point.at, point.profit) for point in series)]
    lines = (
        Series("realised", "s0 strong", [(at, profit.realised_quote) for at, profit in points]),
        Series("spread", "s1", [(at, profit.spread_quote) for at, profit in points]),
        Series("fees", "s3", [(at, -profit.fees_quote) for at, profit in points]),
        Series("funding", "s2", [(at, profit.funding_quote) for at, profit in points]),
    )
    keys = [
        (line.style.split()[0], line.name, f"{number(line.points[-1][1], 2, signed=True)} {quote}") for line in lines
    ]
    return caption("Cumulative profit by source") + legend(keys) + line_chart(
        "Cumulative profit by source", lines, extent, quote
    )


def days_chart(days: Sequence[DayTotal], quote: str) -> str:
    """A bar per day whose profit is known, with a caption; nothing where fewer than `DAYS_MIN` are."""
    known = [(day.day, day.realised_quote) for day in days if day.realised_quote is not None]
    if len(known) < DAYS_MIN:
        return ""
    bars = [(_noon(day), realised, f"{day}: {number(realised, 4, signed=True)} {quote}") for day, realised in known]
    half = timedelta(hours=12)
    title = "Realised profit of each day"
    return caption(title) + payment_chart(title, bars, (bars[0][0] - half, bars[-1][0] + half), quote)


def _noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def _executions(report: Report) -> str:
    points = [point for point in report.executions if point.estimate_net_quote is not None]
    if not points:
        return ""
    styles, quote = dict(STATUSES), report.quote
    drawn = [
        (
            point.estimate_net_quote or ZERO, point.net_quote, styles.get(point.status, "s4"), _spoken(point, quote),
        )
        for point in points
    ]
    counts = Counter(point.status for point in points)
    keys = [(style, name, f"{counts[name]:,}") for name, style in STATUSES if counts[name]]
    older = report.execution_count - len(report.executions)
    more = f"; the newest {len(report.executions):,}, {older:,} older ones are not drawn" if older else ""
    title = f"Net of each execution against its estimate{more}"
    return caption(f"{title}. Above the diagonal it brought more than expected.") + legend(keys) + scatter_chart(
        title, drawn, f"estimate of net before the orders, {quote}", f"outcome, {quote}"
    )


def _spoken(point: ExecutionPoint, quote: str) -> str:
    estimate = number(point.estimate_net_quote or ZERO, 4, signed=True)
    outcome = number(point.net_quote, 4, signed=True)
    name = f"{point.execution_id} {point.pair_name} {point.status} {moment(point.at)} UTC"
    return f"{name}: estimate {estimate}, outcome {outcome} {quote}"


def _inventory(report: Report) -> str:
    if not report.inventory_series or report.charted is None:
        return ""
    series = report.inventory_series
    lines = (
        Series("Gate spot", "s0", [(point.at, point.spot_gate) for point in series]),
        Series("MEXC spot", "s1", [(point.at, point.spot_mexc) for point in series]),
        Series("Gate perpetual", "s3", [(point.at, point.perp_base) for point in series]),
    )
    keys = [(line.style, line.name, f"{number(line.points[-1][1], 6, signed=True)} {report.base}") for line in lines]
    return caption("Inventory, sampled") + legend(keys) + line_chart(
        "Inventory per venue and on the perpetual", lines, report.charted, report.base
    )


def _delta(report: Report) -> str:
    if not report.delta_series or report.charted is None:
        return ""
    base, tolerance = report.base, report.tolerance
    high = Series("highest sampled", "s0", [(point.at, point.high) for point in report.delta_series])
    low = Series("lowest sampled", "s0", [(point.at, point.low) for point in report.delta_series])
    keys = [("s0", "delta, sampled", "")]
    if tolerance is not None:
        keys.append(("bandkey", "tolerated", f"± {number(tolerance.base, 8).rstrip('0').rstrip('.')} {base}"))
    text = caption("Delta, sampled once a second, and the band that is left alone") + legend(keys) + line_chart(
        "Sampled delta and its tolerance", (high, low), report.charted, base,
        band=tolerance.base if tolerance else None,
    )
    peaks = report.delta_between_fills
    if not peaks:
        return text
    bars = [(peak.at, min(peak.delta_base, ZERO), max(peak.delta_base, ZERO)) for peak in peaks]
    return text + caption(
        "Delta after each fill (largest of each stretch of time): one leg is there, the other not yet"
    ) + line_chart("Largest delta after a fill", (), report.charted, base, envelopes=bars)


def _declined(report: Report) -> str:
    counts: Counter[str] = Counter()
    for row in report.declined:
        counts[row.reason] += row.times
    return reasons_chart(counts)


def reasons_chart(counts: Mapping[str, int]) -> str:
    """A bar per reason, the most frequent first."""
    bars = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:BARS_MAX]
    return caption("Declined, by reason") + bar_chart("Declined opportunities by reason", bars) if bars else ""


def funding_chart(rows: Sequence[FundingPayment], extent: tuple[datetime, datetime] | None, quote: str) -> str:
    """A bar per payment, with its caption; nothing where there was none."""
    if not rows or extent is None:
        return ""
    payments = [
        (row.at, row.amount, f"{moment(row.at)} UTC: {number(row.amount, 8, signed=True)} {row.asset}")
        for row in rows
    ]
    return caption("Funding received (up) and paid (down)") + payment_chart(
        "Funding payments", payments, extent, quote
    )


def caption(text: str) -> str:
    """What a picture shows."""
    return f"<figcaption>{text}</figcaption>"

