"""The tables of a backtest's result, for the terminal and for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from dnbot.domain.messages import ExecutionClosed
from dnbot.domain.units import plain
from dnbot.operate.report_format import Column, Figure, Kind, Table
from dnbot.research.latency import KINDS, LatencyModel
from dnbot.research.recorded import DataFile
from dnbot.research.result import Result

NS_PER_S = 1_000_000_000


def moment_of(at_ns: int) -> datetime:
    """UTC."""
    return datetime.fromtimestamp(at_ns / NS_PER_S, tz=UTC)


def tables_of(result: Result) -> tuple[Table, ...]:
    """In the order in which they are read."""
    return (
        _profit(result), _risk(result), _executions(result), _declined(result),
        shown_table(result.shown, result.fees), latency_table(result.latency), data_table(result.data),
        assumptions_table(result.assumptions),
    )


def headline(result: Result) -> tuple[str, ...]:
    """What the figures are of, and whether they are of all of it."""
    books = " real time" + (", with books that an earlier run had read" if result.from_disk else "")
    state = f"PARTIAL: {result.ended}" if result.partial else result.ended
    lines = [
        f"{result.symbol}, {moment_of(result.begin_ns):%Y-%m-%d %H:%M:%S} UTC, {result.virtual_s:,.1f} s: {state}",
        f"hash {result.trace_hash[:16]}, seed {result.seed}, source {result.source}, latency {result.latency.name}",
        f"{result.cpu_s:.1f} s of one core, {result.wall_s:.1f} s of real time: {result.speed:.1f} times{books}",
    ]
    if not result.mode.startswith("ACTIVE"):
        lines.append(f"the trading mode was lowered, and nobody raised it: {result.mode}")
    return tuple(lines)


def _profit(result: Result) -> Table:
    profit = result.profit
    rows = (
        ("spread", profit.spread, "price differences of matched buys and sells, before fees"),
        ("fees", -profit.fees, "valued at the fill"),
        ("funding", profit.funding, "rows of the venue's account book"),
        ("realised", profit.realised, "spread, fees and funding"),
        ("slippage", profit.slippage, "outcome less estimate; a part of the above"),
        ("total", profit.total, "with what is held at the last books: what the account gained"),
    )
    return Table(
        "profit", "Profit by the ledger",
        (Column("what"), Column("amount", Kind.QUOTE, "quote", signed=True), Column("is", wraps=True)), rows,
    )


def _risk(result: Result) -> Table:
    quote, base, ms = Kind.QUOTE, Kind.BASE, Kind.MS
    rows = (
        ("worst fall of the equity, quote", Figure(result.drawdown, quote)),
        ("worst delta, base", Figure(result.delta_worst_base, base)),
        *((f"worst naked time, {name}, ms", Figure(worst, ms)) for name, worst in result.naked_ms_worst.items()),
        ("naked time of all executions, ms", Figure(result.naked_ms, ms)),
        ("opportunities seen", Figure(result.opportunities_seen, Kind.COUNT)),
        ("fills", Figure(len(result.fills), Kind.COUNT)),
        ("round trips", Figure(result.round_trips, Kind.COUNT)),
        ("not explained by the ledger", result.unexplained or "nothing"),
        ("levels held against the recording", "none: run with --check-lookahead" if result.levels_checked is None
         else Figure(result.levels_checked, Kind.COUNT)),
    )
    return Table("risk", "Risk and checks", (Column("what"), Column("figure", Kind.NATIVE)), rows)


def _executions(result: Result) -> Table:
    counts = Counter(_key(one) for one in result.executions)
    net = {key: sum(one.net_quote for one in result.executions if _key(one) == key) for key in counts}
    rows = tuple((*key, count, net[key]) for key, count in sorted(counts.items()))
    columns = (
        Column("pair"), Column("purpose"), Column("status"), Column("executions", Kind.COUNT),
        Column("net", Kind.QUOTE, "quote", signed=True),
    )
    return Table("executions", "Executions", columns, rows, note="Net is of each execution's own fills.")


def _key(one: ExecutionClosed) -> tuple[str, str, str]:
    return one.pair_name, one.purpose, one.status


def _declined(result: Result) -> Table:
    rows = tuple(sorted(result.declined.items(), key=lambda item: (-item[1], item[0])))
    return Table("declined", "Declined, by reason", (Column("reason"), Column("times", Kind.COUNT)), rows)


def shown_table(shown: Mapping[str, str], fees: Mapping[str, tuple[Decimal, Decimal]]) -> Table:
    """What each venue showed, and its fees; `fees` are maker and taker, fractions."""
    told = {venue: f"maker {plain(10_000 * maker)}, taker {plain(10_000 * taker)} bps"
            for venue, (maker, taker) in fees.items()}
    rows = tuple((name, text, told.get(name, "")) for name, text in shown.items())
    return Table("shown", "What was shown", (Column("venue"), Column("shows", wraps=True), Column("fees")), rows)


def latency_table(model: LatencyModel) -> Table:
    """The delays of a model."""
    rows = tuple(
        (venue, kind, delays.of(kind).median_ms, delays.of(kind).p99_ms)
        for venue, delays in model.venues.items() for kind in KINDS
    )
    columns = (Column("venue"), Column("message"), Column("median", Kind.BPS, "ms"), Column("p99", Kind.BPS, "ms"))
    return Table("latency", f"Latency model {model.name}, one way", columns, rows)


def data_table(files: Sequence[DataFile]) -> Table:
    """What was read."""
    rows = tuple((file.name, file.lines, file.bytes, file.sha256[:16]) for file in files)
    columns = (Column("file"), Column("lines", Kind.COUNT), Column("bytes", Kind.COUNT), Column("SHA-256 begins"))
    return Table("data", "Data", columns, rows)


def assumptions_table(assumptions: Sequence[str]) -> Table:
    """What a backtest takes for granted."""
    rows = tuple((text,) for text in assumptions)
    return Table("assumptions", "Assumptions", (Column("what is assumed", wraps=True),), rows)
