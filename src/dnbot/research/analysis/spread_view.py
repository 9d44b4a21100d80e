"""Spread as tables and charts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from dnbot.domain.pair import PAIRS, PairKind
from dnbot.domain.units import ZERO, plain
from dnbot.operate.report_charts import caption
from dnbot.operate.report_format import Column, Kind, Table, moment, number
from dnbot.operate.report_svg import bar_chart, legend, line_chart
from dnbot.research.analysis.spread import Bin, PairSpread, Spread, SpreadFigures
from dnbot.research.analysis.taker_fees import fees_text
from dnbot.research.analysis.view import View, hour_table, hours_column, in_hours, period_text, unbroken
from dnbot.research.analysis.words import HOUR, per_ten_thousand, share_pct

_KINDS = {
    PairKind.SPOT_SPOT: "spot-spot", PairKind.CARRY_OPEN: "opening a carry", PairKind.CARRY_CLOSE: "closing a carry",
}
_HOURS_NOTE = "Means of the samples of each hour of the clock over all days; a dash: never sampled."


def spread_view(found: Spread) -> View:
    """In the order in which they are read."""
    lines = [period_text(found.symbol, found.period), _sampled(found), fees_text(found.fees), _threshold(found)]
    return View(
        "spread", found.symbol, tuple(lines),
        (_distribution(found), _above(found), _hours(found), _hours_above(found)),
        {"distribution": _bins(found), "hours": _by_hour(found)},
    )


def _sampled(found: Spread) -> str:
    if found.first is None or found.last is None:
        return "no book was sampled in this period: the bot did not run, or its samples are no longer kept"
    return f"sampled: {moment(found.first)} to {moment(found.last)} UTC, how much of it is told by pair"


def _threshold(found: Spread) -> str:
    if found.threshold_bps is None:
        return "no threshold is known: --threshold-bps gives one"
    return f"threshold: {number(found.threshold_bps, 2)} bps net ({found.threshold_source})"


def _name(pair: PairSpread) -> str:
    return pair.pair_name if pair.is_net else f"{pair.pair_name} (gross)"


def _distribution(found: Spread) -> Table:
    shares = list(found.pairs[0].percentiles_bps) if found.pairs else []
    bps = [
        Column(name, Kind.BPS, "bps", signed=True) for name in
        ("mean", "mean gross", "lowest", *(f"{float(share):.0%}" for share in shares), "highest")
    ]
    return Table(
        "distribution", "Edge at the best prices", (Column("pair"), Column("samples", Kind.COUNT), *bps,
                                                    Column("deviation", Kind.BPS, "bps")),
        tuple(
            (
                _name(pair), pair.figures.samples, pair.figures.mean_bps, pair.figures.gross_mean_bps,
                pair.figures.low_bps, *pair.percentiles_bps.values(), pair.figures.high_bps, pair.sd_bps,
            )
            for pair in found.pairs
        ),
        note="Net of both taker fees, unless gross is said. Percentiles are samples, rounded to 0.1 bps. It is the "
        "edge of what the best levels hold; what funding and the way out of a carry are worth is not in it.",
        empty="nothing was sampled in this period",
    )


def _above(found: Spread) -> Table:
    return Table(
        "above", "Time at or above the threshold",
        (
            Column("pair"), hours_column(), Column("of the period", Kind.BPS, "%"), Column("above", Kind.BPS, "min"),
            Column("of what was observed", Kind.BPS, "%"), Column("half-life", Kind.BPS, "s"),
        ),
        tuple(_above_row(pair, found) for pair in found.pairs),
        note="Half-life: how soon a departure from the mean halves; a dash where chance explains what was seen, or "
        "too little was.",
        empty="nothing was sampled in this period",
    )


def _above_row(pair: PairSpread, found: Spread) -> tuple[object, ...]:
    figures = pair.figures
    return (
        _name(pair), in_hours(figures.observed_s), share_pct(figures.observed_s, found.period.length_s),
        None if figures.above_s is None else figures.above_s / 60, figures.above_pct, pair.half_life_s,
    )


def _hours(found: Spread) -> Table:
    columns = [hours_column(), *(Column(_name(pair), Kind.BPS, "bps", signed=True) for pair in found.pairs)]
    rows: dict[int, tuple[object, ...]] = {
        hour: (
            _longest(found, hour),
            *(_mean(pair.by_hour_of_day.get(hour)) for pair in found.pairs),
        )
        for hour in sorted({hour for pair in found.pairs for hour in pair.by_hour_of_day})
    }
    return hour_table("hours", "Mean edge by hour of the day", columns, rows, found.period, _HOURS_NOTE)


def _hours_above(found: Spread) -> Table:
    judged = [pair for pair in found.pairs if pair.figures.above_s is not None]
    columns = [Column(pair.pair_name, Kind.BPS, "%") for pair in judged]
    rows: dict[int, tuple[object, ...]] = {
        hour: tuple(
            figures.above_pct if (figures := pair.by_hour_of_day.get(hour)) is not None else None for pair in judged
        )
        for hour in sorted({hour for pair in judged for hour in pair.by_hour_of_day})
    }
    note = "Of the time that was observed in each hour."
    title = "Time at or above the threshold by hour of the day"
    return hour_table("hours-above", title, columns, rows, found.period, note)


def _longest(found: Spread, hour: int) -> object:
    """Of the pair that was observed longest."""
    return in_hours(max(
        figures.observed_s for pair in found.pairs if (figures := pair.by_hour_of_day.get(hour)) is not None
    ))


def _mean(figures: SpreadFigures | None) -> object:
    return None if figures is None else figures.mean_bps


# --- charts
def _by_hour(found: Spread) -> str:
    """Two pairs of a kind a picture; gaps stay gaps."""
    parts = []
    for kind, words in _KINDS.items():
        pairs = [pair for pair in found.pairs if PAIRS[pair.pair_name].kind is kind]
        if not any(len(pair.hours) > 1 for pair in pairs):
            continue
        styled = list(zip(pairs, ("s0", "s1"), strict=False))
        lines = [line for pair, style in styled for line in unbroken(_name(pair), style, _means(pair), 1.5 * HOUR)]
        keys = [
            (style, _name(pair), f"{number(pair.figures.mean_bps, 2, signed=True)} bps on average")
            for pair, style in styled
        ]
        title = f"Mean edge of each hour, {words}"
        parts.append(caption(title) + legend(keys) + line_chart(title, lines, _extent(found), "bps"))
    return "".join(parts)


def _means(pair: PairSpread) -> list[tuple[datetime, Decimal]]:
    return [(hour.at + HOUR / 2, hour.figures.mean_bps) for hour in pair.hours]


def _extent(found: Spread) -> tuple[datetime, datetime]:
    return found.first or found.period.since, found.last or found.period.until


def _bins(found: Spread) -> str:
    parts = []
    for pair in found.pairs:
        title = f"{_name(pair)}: share of the observed time in each range of the edge, bps"
        bars = [(_range(one), _basis_points(one, pair)) for one in pair.bins]
        parts.append(caption(title) + bar_chart(title, bars, lambda share: f"{share / 100:.2f} %"))
    return "".join(parts)


def _basis_points(one: Bin, pair: PairSpread) -> int:
    """Of the observed time, as bars have whole lengths."""
    return round(per_ten_thousand(one.observed_s, pair.figures.observed_s) or ZERO)


def _range(one: Bin) -> str:
    low, high = ("" if end is None else plain(end) for end in (one.low_bps, one.high_bps))
    return f"below {high}" if not low else f"from {low} up" if not high else f"{low} to {high}"
