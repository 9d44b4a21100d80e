"""Which charts a report has, and what they show; how they are drawn is `report_svg`'s affair."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from dnbot.domain.units import ZERO
from dnbot.operate.report_data import ExecutionPoint, Profit, Report
from dnbot.operate.report_format import moment, number
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
        "profit": _profit(report),
        "days": _days(report),
        "executions": _executions(report),
        "inventory": _inventory(report),
        "exposure": _delta(report),
        "declined": _declined(report),
        "funding": _funding(report),
    }
    return {name: f"<figure>{chart}</figure>" for name, chart in found.items() if chart}


def _profit(report: Report) -> str:
    if not report.profit_series or report.charted is None:
        return ""
    start, quote = (report.charted[0], Profit()), report.quote
    points = [start, *((point.at, point.profit) for point in report.profit_series)]
    lines = (
        Series("realised", "s0 strong", [(at, profit.realised_quote) for at, profit in points]),
        Series("spread", "s1", [(at, profit.spread_quote) for at, profit in points]),
        Series("fees", "s3", [(at, -profit.fees_quote) for at, profit in points]),
        Series("funding", "s2", [(at, profit.funding_quote) for at, profit in points]),
    )
    keys = [
        (line.style.split()[0], line.name, f"{number(line.points[-1][1], 2, signed=True)} {quote}") for line in lines
    ]
    return _caption("Cumulative profit by source") + legend(keys) + line_chart(
        "Cumulative profit by source", lines, report.charted, quote
    )


def _days(report: Report) -> str:
    known = [(day.day, day.realised_quote) for day in report.days if day.realised_quote is not None]
    if len(known) < DAYS_MIN:
        return ""
    bars = [
        (_noon(day), realised, f"{day}: {number(realised, 4, signed=True)} {report.quote}") for day, realised in known
    ]
    half = timedelta(hours=12)
    title = "Realised profit of each day"
    return _caption(title) + payment_chart(title, bars, (bars[0][0] - half, bars[-1][0] + half), report.quote)


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
    return _caption(f"{title}. Above the diagonal it brought more than expected.") + legend(keys) + scatter_chart(
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
    return _caption("Inventory, sampled") + legend(keys) + line_chart(
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
    text = _caption("Delta, sampled once a second, and the band that is left alone") + legend(keys) + line_chart(
        "Sampled delta and its tolerance", (high, low), report.charted, base,
        band=tolerance.base if tolerance else None,
    )
    peaks = report.delta_between_fills
    if not peaks:
        return text
    bars = [(peak.at, min(peak.delta_base, ZERO), max(peak.delta_base, ZERO)) for peak in peaks]
    return text + _caption(
        "Delta after each fill (largest of each stretch of time): one leg is there, the other not yet"
    ) + line_chart("Largest delta after a fill", (), report.charted, base, envelopes=bars)


def _declined(report: Report) -> str:
    counts: Counter[str] = Counter()
    for row in report.declined:
        counts[row.reason] += row.times
    bars = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:BARS_MAX]
    return _caption("Declined, by reason") + bar_chart("Declined opportunities by reason", bars) if bars else ""


def _funding(report: Report) -> str:
    if not report.funding or report.charted is None:
        return ""
    payments = [
        (row.at, row.amount, f"{moment(row.at)} UTC: {number(row.amount, 8, signed=True)} {row.asset}")
        for row in report.funding
    ]
    return _caption("Funding received (up) and paid (down)") + payment_chart(
        "Funding payments", payments, report.charted, report.quote
    )


def _caption(text: str) -> str:
    return f"<figcaption>{text}</figcaption>"

