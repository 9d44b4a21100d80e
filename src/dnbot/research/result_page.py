"""A backtest's result as one page that needs nothing else: the look, tables and charts of `dnbot report`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from html import escape

from dnbot.domain.instrument import Venue
from dnbot.operate.report_format import number
from dnbot.operate.report_html import page_html, sections_html
from dnbot.operate.report_svg import Series, legend, line_chart, payment_chart
from dnbot.research.result import Result
from dnbot.research.result_tables import headline, moment_of, tables_of

POINTS_MAX = 2_000
_BPS = Decimal(10_000)
_OTHERS = ((Venue.GATE_FUTURES, "s3", "Gate perpetual"), (Venue.MEXC_SPOT, "s1", "MEXC spot"))


def page_of(result: Result) -> str:
    """The whole page. Every text in it that came from elsewhere is escaped."""
    title = f"dnbot backtest {result.symbol} {moment_of(result.begin_ns):%Y-%m-%d %H:%M:%S} UTC"
    charts = {"profit": _equity(result) + _basis(result), "executions": _executions(result)}
    foot = (f"Recorded prices, no market of today. dnbot {result.version}",)
    return page_html(title, title, headline(result), sections_html(tables_of(result), charts), foot=foot)


def _extent(result: Result) -> tuple[datetime, datetime]:
    return moment_of(result.begin_ns), moment_of(result.begin_ns + round(max(result.virtual_s, 1.0) * 1e9))


def _thinned(points: list[tuple[datetime, Decimal]]) -> list[tuple[datetime, Decimal]]:
    step = -(-len(points) // POINTS_MAX) or 1
    return points[::step] + (points[-1:] if points and (len(points) - 1) % step else [])


def _figure(caption: str, chart: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{chart}</figure>"


def _equity(result: Result) -> str:
    known = [(moment_of(one.at_ns), one.equity) for one in result.moments if one.equity is not None]
    if not known:
        return ""
    first = known[0][1]
    points = _thinned([(at, equity - first) for at, equity in known])
    title = "Equity since it was first known, sampled once a second"
    line = Series("equity", "s0", points, is_step=False)
    keys = legend([("s0", "equity", f"{number(points[-1][1], 2, signed=True)} quote")])
    return _figure(title, keys + line_chart(title, (line,), _extent(result), "quote"))


def _basis(result: Result) -> str:
    lines = []
    for venue, style, name in _OTHERS:
        points = [
            (moment_of(one.at_ns), (one.mids[venue.value] / one.mids[Venue.GATE_SPOT.value] - 1) * _BPS)
            for one in result.moments if {venue.value, Venue.GATE_SPOT.value} <= one.mids.keys()
        ]
        lines.append(Series(name, style, _thinned(points), is_step=False))
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    title = "Basis: middles above that of Gate spot"
    keys = legend([(line.style, line.name, f"{number(line.points[-1][1], 2, signed=True)} bps") for line in lines])
    return _figure(title, keys + line_chart(title, lines, _extent(result), "bps"))


def _executions(result: Result) -> str:
    if not result.executions:
        return ""
    bars = [
        (moment_of(one.ended_at_ns), one.net_quote,
         f"{one.execution_id} {one.pair_name} {one.status}: {number(one.net_quote, 4, signed=True)} quote")
        for one in result.executions
    ]
    title = "Net of each execution"
    return _figure(title, payment_chart(title, bars, _extent(result), "quote"))
