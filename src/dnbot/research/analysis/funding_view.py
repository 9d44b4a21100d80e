"""Funding as tables and charts."""

from __future__ import annotations

from datetime import timedelta

from dnbot.domain.units import TEN_THOUSAND, ZERO
from dnbot.operate.report_charts import caption, funding_chart
from dnbot.operate.report_format import Column, Figure, Kind, Table, count_of, moment
from dnbot.operate.report_svg import scatter_chart
from dnbot.research.analysis.funding import Funding, FundingOutcome, Settlement
from dnbot.research.analysis.view import View, coverage_text, period_text

LISTED = 50


def funding_view(found: Funding) -> View:
    """In the order in which they are read."""
    payments = [payment for outcome in found.outcomes for payment in outcome.payments]
    first, last = (found.outcomes[0].at, found.outcomes[-1].at) if found.outcomes else (None, None)
    air = timedelta(hours=1)
    extent = None if first is None or last is None else (first - air, last + air)
    return View(
        "funding", found.symbol, (period_text(found.symbol, found.period), coverage_text(found.coverage)),
        (_sums(found), _intervals(found), _outcomes(found), _missing(found)),
        {"sums": funding_chart(payments, extent, found.quote), "outcomes": _forecasts(found)},
    )


def _sums(found: Funding) -> Table:
    quote = found.quote
    rows: tuple[tuple[object, ...], ...] = (
        ("received", found.received_quote, quote),
        ("paid", found.paid_quote, quote),
        ("net", found.net_quote, quote),
        ("payments", Figure(found.payments, Kind.COUNT), ""),
        ("received per size of the position, as a year", Figure(found.yearly_pct, Kind.BPS, signed=True), "%"),
    )
    return Table(
        "sums", "Funding received and paid",
        (Column("what", wraps=True), Column("figure", Kind.QUOTE, signed=True), Column("unit")), rows,
        note="Rows of the venue's own book. The year is 365 days like the intervals whose position was sampled, not "
        "compounded, and no forecast.",
    )


def _intervals(found: Funding) -> Table:
    quote = found.quote
    rows = tuple(
        (
            one.interval_s // 3600 if one.interval_s % 3600 == 0 else None, one.settlements, one.paid_quote,
            one.forecast_quote, one.rate_bps, one.forecast_bps, one.yearly_pct,
        )
        for one in found.intervals
    )
    return Table(
        "intervals", "By length of the interval",
        (
            Column("interval", Kind.COUNT, "h"), Column("settlements", Kind.COUNT),
            Column("received", Kind.QUOTE, quote, signed=True), Column("forecast", Kind.QUOTE, quote, signed=True),
            Column("received", Kind.BPS, "bps", signed=True), Column("forecast", Kind.BPS, "bps", signed=True),
            Column("as a year", Kind.BPS, "%", signed=True),
        ),
        rows, note="Settlements whose position and mark were sampled; bps of the size of the position, per interval.",
        empty="no payment whose position was sampled",
    )


def _outcomes(found: Funding) -> Table:
    newest = found.outcomes[-LISTED:][::-1]
    older = len(found.outcomes) - len(newest)
    quote = found.quote
    return Table(
        "outcomes", "Settlements",
        (
            Column("due, UTC", Kind.TIME), Column("position", Kind.BASE, signed=True),
            Column("forecast", Kind.BPS, "bps", signed=True), Column("forecast", Kind.QUOTE, quote, signed=True),
            Column("received", Kind.QUOTE, quote, signed=True), Column("received", Kind.BPS, "bps", signed=True),
            Column("received - forecast", Kind.QUOTE, quote, signed=True),
        ),
        tuple(_outcome_row(outcome) for outcome in newest),
        note="Forecast: the venue's last rate before the settlement times what was held; a dash: not sampled. "
        "Paid is below zero." + (f" {count_of(older, 'older one')} in the sums and in the JSON." if older else ""),
        empty="none in this period",
    )


def _outcome_row(outcome: FundingOutcome) -> tuple[object, ...]:
    due = outcome.settlement
    return (
        outcome.at, due.perp_base if due else None, _forecast_bps(due) if due else None,
        due.forecast_quote if due else None, outcome.paid_quote if outcome.payments else None, outcome.rate_bps,
        outcome.against_forecast_quote,
    )


def _forecast_bps(due: Settlement) -> object:
    """Of the size of the position as it was: a long one pays what a short one receives."""
    if due.perp_base is None:
        return None
    return due.rate * TEN_THOUSAND * (-1 if due.perp_base > ZERO else 1)


def _missing(found: Funding) -> Table:
    return Table(
        "missing", "Settlements without a payment",
        (Column("due, UTC", Kind.TIME), Column("position", Kind.BASE, signed=True),
         Column("forecast", Kind.QUOTE, found.quote, signed=True)),
        tuple((due.at, due.perp_base, due.forecast_quote) for due in found.missing),
        note="Something was held and a rate was forecast, and ten minutes later the ledger has no row." if found.missing
        else "",
        empty="none: whatever was seen to be due was booked",
    )


def _forecasts(found: Funding) -> str:
    points = [
        (
            outcome.settlement.forecast_quote, outcome.paid_quote, "s0", f"{moment(outcome.at)} UTC",
        )
        for outcome in found.outcomes
        if outcome.settlement is not None and outcome.payments and outcome.settlement.forecast_quote is not None
    ]
    if len(points) < 2:
        return ""
    title = "Each payment against its forecast"
    return caption(f"{title}. Above the diagonal more was received.") + scatter_chart(
        title, points, f"forecast, {found.quote}", f"received, {found.quote}"
    )
