"""Opportunities as tables and charts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from dnbot.operate.report_charts import caption, reasons_chart
from dnbot.operate.report_format import Column, Kind, Table, moment
from dnbot.operate.report_svg import payment_chart
from dnbot.research.analysis.opportunities import Counted, Missed, Opportunities
from dnbot.research.analysis.view import View, coverage_text, hour_table, hours_column, in_hours, period_text
from dnbot.research.analysis.words import HOUR

_ESTIMATE = (
    "Estimates are what a decision expected before any order: nobody says that the orders would have been filled, and "
    "the same funds cannot pay for all of them. They are booked nowhere."
)


def opportunities_view(found: Opportunities) -> View:
    """In the order in which they are read."""
    lines = [period_text(found.symbol, found.period), coverage_text(found.coverage)]
    if found.declined_kept_since is not None:
        lines.append(f"declined ones are kept since {moment(found.declined_kept_since)} UTC, taken ones for ever")
    reasons = {reason: missed.episodes for reason, missed in found.reasons.items()}
    return View(
        "opportunities", found.symbol, tuple(lines), (_pairs(found), _reasons(found), _hours(found)),
        {"reasons": reasons_chart(reasons), "hours": _by_hour(found)},
    )


def _pairs(found: Opportunities) -> Table:
    quote = found.quote
    columns = (
        Column("pair"), Column("seen", Kind.COUNT), Column("taken", Kind.COUNT),
        Column("estimate of taken", Kind.QUOTE, quote, signed=True), Column("given up", Kind.COUNT),
        *_missed_heads(quote),
    )
    total = ("all", *_counted(found.total)) if found.pairs else None
    rows = tuple((name, *_counted(counted)) for name, counted in found.pairs.items())
    return Table(
        "pairs", "Opportunities by pair", columns, rows, total=total,
        note=f"Declined: refusals of one pair within five seconds of one another are one that stayed. Seen: taken, and "
        f"declined and not taken within five seconds. {_ESTIMATE} What was taken is judged by analyze performance.",
        empty="none was seen in this period",
    )


def _missed_heads(quote: str) -> tuple[Column, ...]:
    return (
        Column("declined", Kind.COUNT), Column("refusals", Kind.COUNT), Column("then taken", Kind.COUNT),
        Column("estimate of the others", Kind.QUOTE, quote, signed=True), Column("not estimated", Kind.COUNT),
        Column("best edge", Kind.BPS, "bps", signed=True), Column("stayed", Kind.BPS, "s on average"),
        Column("longest", Kind.BPS, "s"),
    )


def _counted(counted: Counted) -> tuple[object, ...]:
    taken = counted.taken
    return (counted.seen, taken.count, taken.estimate_quote, taken.given_up, *_missed(counted.missed))


def _missed(missed: Missed) -> tuple[object, ...]:
    stayed = missed.lasted_s / missed.episodes if missed.episodes else None
    estimated = missed.episodes - missed.then_taken - missed.without_estimate
    return (
        missed.episodes, missed.refusals, missed.then_taken, missed.estimate_quote if estimated else None,
        missed.without_estimate, missed.edge_bps_best, stayed, missed.longest_s if missed.episodes else None,
    )


def _reasons(found: Opportunities) -> Table:
    ordered = sorted(found.reasons.items(), key=lambda item: (-item[1].episodes, item[0]))
    return Table(
        "reasons", "Declined by reason", (Column("reason"), *_missed_heads(found.quote)),
        tuple((reason, *_missed(missed)) for reason, missed in ordered),
        note="The reason of the moment at which the estimate was best.", empty="none was declined in this period",
    )


def _hours(found: Opportunities) -> Table:
    columns = (
        hours_column(), Column("seen", Kind.COUNT), Column("taken", Kind.COUNT), Column("declined", Kind.COUNT),
        Column("seen", Kind.BPS, "per hour"),
    )
    rows = {hour: _hour_row(one.observed_s, one.counted) for hour, one in found.by_hour_of_day.items()}
    note = "Per hour that was observed; a dash: never sampled."
    return hour_table("hours", "Opportunities by hour of the day", columns, rows, found.period, note)


def _hour_row(observed_s: Decimal, counted: Counted) -> tuple[object, ...]:
    per_hour = counted.seen * 3600 / observed_s if observed_s else None
    return in_hours(observed_s), counted.seen, counted.taken.count, counted.missed.episodes, per_hour


def _by_hour(found: Opportunities) -> str:
    """Only hours that were sampled have a bar, if of no height."""
    if len(found.hours) < 2:
        return ""
    bars = [(hour.at + HOUR / 2, Decimal(hour.counted.seen), _spoken(hour.at, hour.counted)) for hour in found.hours]
    extent = (bars[0][0] - timedelta(minutes=30), bars[-1][0] + timedelta(minutes=30))
    title = "Opportunities seen in each hour that was sampled"
    return caption(title) + payment_chart(title, bars, extent, "opportunities")


def _spoken(at: datetime, counted: Counted) -> str:
    return f"{moment(at)} UTC: {counted.taken.count} taken, {counted.missed.episodes} declined"
