"""Performance: profit by source and day, how far it fell, and how well each pair was executed.

Profit is that of the report: fees and funding are sums of rows of the ledger, the spread is what the fold of the fills
realised beside them. Quote units unless named otherwise.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.instrument import Symbol
from dnbot.domain.units import ZERO, divide
from dnbot.operate import reading_queries, report_queries
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_data import PairTotal, Profit, ProfitPoint
from dnbot.operate.report_executions import Executions, read_executions
from dnbot.operate.report_profit import Bound, PeriodProfit, profit_between, profit_days, profit_series, start_of
from dnbot.operate.report_quality_data import DayTotal, EdgeTotal
from dnbot.operate.report_read import BUCKETS, UNTIL_HEAD
from dnbot.operate.report_reader import Read, Row, portfolio_of
from dnbot.research.analysis import queries
from dnbot.research.analysis.words import (
    DAY,
    PLACES,
    Asked,
    Coverage,
    Period,
    asked_of,
    per_ten_thousand,
    read_coverage,
    share_pct,
)

RATIO_DAYS_MIN = 20
"""Fewer whole days say nothing of how even a profit is."""
_NS_PER_MS = Decimal(1_000_000)


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """The largest fall of a sampled figure below what it had been before, inside the period; quote units."""

    quote: Decimal
    peak_quote: Decimal
    at: datetime
    """Where it was lowest."""

    @property
    def pct(self) -> Decimal | None:
        """Of the peak; None where that is not above zero."""
        return share_pct(self.quote, self.peak_quote) if self.peak_quote > 0 else None


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds; each figure is one that was measured, not an interpolation."""

    p50_ms: Decimal
    p90_ms: Decimal
    p99_ms: Decimal
    max_ms: Decimal


class PairPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """Closed executions of one pair (or of building and leaving the position), summed from their own fills."""

    total: PairTotal
    edge: EdgeTotal | None
    """Of the complete ones that had an estimate: estimated and realised edge."""
    lasted: Times
    """From the start of an execution to its end."""
    naked: Times
    """How long delta was outside its tolerance during one."""
    naked_executions: int
    naked_ms: int
    """Of all together."""
    naked_ms_worst_definite: int
    naked_ms_worst_ambiguous: int
    """The same while an order's outcome was unknown."""

    @property
    def hit_rate_pct(self) -> Decimal | None:
        """Executions whose net is above zero, of all."""
        return share_pct(Decimal(self.total.winning), Decimal(self.total.count))

    @property
    def net_bps(self) -> Decimal | None:
        """Net of the complete ones, with a buy and an estimate, per value bought."""
        return None if self.edge is None else self.edge.realised_bps

    @property
    def against_estimate_bps(self) -> Decimal | None:
        """Realised less estimated edge; None where no complete one had an estimate."""
        return None if self.edge is None else self.edge.realised_bps - self.edge.estimated_bps


class Evenness(msgspec.Struct, frozen=True, kw_only=True):
    """Realised profit of whole days (UTC) that were sampled, quote units; nothing is annualised."""

    days: int
    mean_quote: Decimal
    sd_quote: Decimal
    worst_quote: Decimal
    best_quote: Decimal
    losing_days: int
    ratio: Decimal | None
    """Mean by deviation; None for fewer than `RATIO_DAYS_MIN` days, or without any deviation."""


class EquityPoint(msgspec.Struct, frozen=True):
    """Equity as sampled: all balances at the venues' mids, the perpetual at its mark."""

    at: datetime
    equity_quote: Decimal


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """`dnbot analyze performance`: one symbol over one period."""

    symbol: str
    base: str
    quote: str
    period: Period
    coverage: Coverage
    profit: Profit | None
    """None: what was realised at one of the ends is no longer known; `notes` says of which."""
    counted: Period | None
    """Between which moments profit is counted."""
    notes: tuple[str, ...] = ()
    fills: int = 0
    turnover_quote: Decimal = ZERO
    days: tuple[DayTotal, ...] = ()
    evenness: Evenness | None = None
    equity_fall: Fall | None = None
    """Deposits, withdrawals and prices of what is held are in it."""
    realised_fall: Fall | None = None
    pairs: tuple[PairPerformance, ...] = ()
    profit_series: tuple[ProfitPoint, ...] = ()
    equity_series: tuple[EquityPoint, ...] = ()

    @property
    def profit_bps(self) -> Decimal | None:
        """Realised profit per turnover."""
        return None if self.profit is None else per_ten_thousand(self.profit.realised_quote, self.turnover_quote)


async def analyze_performance(read: Read, symbol: Symbol, period: Period, *, tell: Tell = nothing) -> Performance:
    """What was earned over the period, and how.

    Raises:
        ConfigError: the period is none, or the database has never heard of the symbol.
        StoreUnreachable: it did not answer.
    """
    asked = await asked_of(read, symbol, period, tell)
    reader = asked.reader
    coverage = await read_coverage(asked)
    executions = await read_executions(reader.ask, tell)
    found = Performance(
        symbol=str(symbol), base=symbol.base, quote=symbol.quote, period=asked.period, coverage=coverage,
        profit=None, counted=None,
        pairs=pairs_of(executions, await reader.ask(queries.PAIR_TIMES)),
        equity_fall=await _fall(asked, coverage, queries.FALL_OF_EQUITY),
        realised_fall=await _fall(asked, coverage, queries.FALL_OF_REALISED),
        equity_series=await _equity(asked, coverage),
    )
    return await _with_profit(asked, found, executions)


# --- profit
async def _with_profit(asked: Asked, found: Performance, executions: Executions) -> Performance:
    start, end = await start_of(asked.reader), await _end(asked)
    notes = tuple(bound.note for bound in (start, end) if bound is not None and bound.note)
    if end is None or end.at < start.at:
        lost = "what was realised at the end of the period is no longer known: profit is not told"
        return msgspec.structs.replace(found, notes=(lost,))
    profit = await profit_between(asked.reader, start, end)
    reader = attrs.evolve(asked.reader, until=min(end.at, asked.period.until))
    days = await profit_days(reader, profit, executions.by_day)
    return msgspec.structs.replace(
        found,
        profit=profit.profit, counted=Period(start.at, reader.until), notes=notes, fills=profit.fills,
        turnover_quote=profit.turnover_quote, days=days, evenness=evenness_of(whole_days(days, asked.period)),
        profit_series=await _series(asked, found.coverage, profit),
    )


async def _end(asked: Asked) -> Bound | None:
    """The fold of everything when nothing was booked later, else what was sampled at the end; None: nothing was."""
    portfolio = await portfolio_of(asked.reader)
    newest = (await asked.read(queries.NEWEST_BOOKED, str(asked.symbol)))[0]["at"]
    if newest is None or newest <= asked.period.until:
        return Bound(asked.period.until + UNTIL_HEAD, portfolio.realised_quote if portfolio is not None else ZERO)
    sample = await asked.reader.one(report_queries.START_SAMPLE, asked.period.until)
    if sample is None:
        return None
    return Bound(sample["at"], sample["realised_quote"], "to the last sample at or before the end")


async def _series(asked: Asked, coverage: Coverage, found: PeriodProfit) -> tuple[ProfitPoint, ...]:
    if coverage.first is None or coverage.last is None:
        return ()
    reader = attrs.evolve(asked.reader, since=coverage.first - timedelta(microseconds=1))
    return await profit_series(reader, found.start, found.profit, _bucket_s(coverage.first, coverage.last))


async def _equity(asked: Asked, coverage: Coverage) -> tuple[EquityPoint, ...]:
    if coverage.first is None or coverage.last is None:
        return ()
    first, last = coverage.first - timedelta(seconds=1), coverage.last
    rows = await asked.ask(reading_queries.EQUITY, Period(first, last), max(1.0, _bucket_s(first, last)))
    return tuple(EquityPoint(row["at"], row["equity_quote"]) for row in rows)


def _bucket_s(first: datetime, last: datetime) -> float:
    return max((last - first).total_seconds() / BUCKETS, 0.001)


def whole_days(days: Iterable[DayTotal], period: Period) -> list[Decimal]:
    """Realised profit of the days that lie wholly in the period and were sampled, as was the day before each: what was
    earned on a day without samples is part of the next one.
    """
    known = {datetime.fromisoformat(f"{day.day}T00:00:00+00:00"): day.realised_quote for day in days}
    return [
        realised for begin, realised in sorted(known.items())
        if realised is not None and known.get(begin - DAY) is not None
        and period.since <= begin and begin + DAY <= period.until
    ]


def evenness_of(realised: list[Decimal]) -> Evenness | None:
    """Of whole days; None of none."""
    if not realised:
        return None
    mean = divide(sum(realised, ZERO), Decimal(len(realised)))
    sd = statistics.stdev(realised) if len(realised) > 1 else ZERO
    return Evenness(
        days=len(realised), mean_quote=round(mean, 8), sd_quote=round(sd, 8), worst_quote=min(realised),
        best_quote=max(realised), losing_days=sum(day < 0 for day in realised),
        ratio=round(divide(mean, sd), PLACES) if sd and len(realised) >= RATIO_DAYS_MIN else None,
    )


# --- falls
async def _fall(asked: Asked, coverage: Coverage, sql: str) -> Fall | None:
    """The largest of all days, each of which knows the highest value before it."""
    if coverage.first is None or coverage.last is None:
        return None
    within = Period(coverage.first - timedelta(microseconds=1), coverage.last)
    peak: Decimal | None = None
    worst: Fall | None = None
    for day in within.pieces(DAY):
        for row in await asked.ask(sql, day, peak):
            peak = row["peak_after"]
            fall = Fall(quote=row["peak"] - row["value"], peak_quote=row["peak"], at=row["at"])
            worst = fall if worst is None or fall.quote > worst.quote else worst
    return worst


# --- pairs
def pairs_of(executions: Executions, times: Iterable[Row]) -> tuple[PairPerformance, ...]:
    """Sums of fills beside the times of the same executions, in the order of the former."""
    edges = {edge.pair_name: edge for edge in executions.edges}
    rows = {row["pair_name"]: row for row in times}
    return tuple(
        _pair(total, edges.get(total.pair_name), rows[total.pair_name])
        for total in executions.pairs if total.pair_name in rows
    )


def _pair(total: PairTotal, edge: EdgeTotal | None, row: Row) -> PairPerformance:
    lasted, naked = row["lasted_ns"], row["naked_ms_percentiles"]
    worst = max(row["naked_ms_worst_definite"], row["naked_ms_worst_ambiguous"])
    return PairPerformance(
        total=total, edge=edge, lasted=_times([*lasted, row["lasted_ns_most"]], _NS_PER_MS),
        naked=_times([*naked, worst], Decimal(1)), naked_executions=row["naked_executions"],
        naked_ms=int(row["naked_ms"]), naked_ms_worst_definite=row["naked_ms_worst_definite"],
        naked_ms_worst_ambiguous=row["naked_ms_worst_ambiguous"],
    )


def _times(measured: list[int], per_ms: Decimal) -> Times:
    p50, p90, p99, most = (Decimal(value) / per_ms for value in measured)
    return Times(p50_ms=p50, p90_ms=p90, p99_ms=p99, max_ms=most)
