"""From the database to a `Report`: every figure is summed from rows of one moment, pinned by the book's sequence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import msgspec

from dnbot import __version__
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill
from dnbot.domain.position import LedgerEntry, Portfolio
from dnbot.domain.units import ZERO
from dnbot.operate import report_queries as queries
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_checks import checks_of
from dnbot.operate.report_data import (
    BEGINNING,
    DeclinedTotal,
    DeltaPoint,
    FeeTotal,
    FundingPayment,
    Inventory,
    InventoryPoint,
    LedgerLine,
    Moment,
    Profit,
    ProfitPoint,
    Report,
    Run,
    Tolerance,
)
from dnbot.operate.report_executions import Executions, read_executions
from dnbot.operate.report_incidents import read_incidents
from dnbot.operate.report_quality import day_totals, read_quality, venue_totals
from dnbot.operate.report_quality_data import DayTotal
from dnbot.operate.report_quality_queries import VENUES
from dnbot.ports.postgres_rows import entry_of, fill_of
from dnbot.ports.store_rebuild import rebuilt

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]
"""`PostgresStore.read`."""

BUCKETS = 300
"""Points of a chart at most: one per pixel or two."""
UNTIL_HEAD = timedelta(days=1)
"""Added where the book's sequence is the real bound: rows booked while the report began belong to its fold."""


@attrs.frozen
class Start:
    """Where a period's profit begins to count."""

    at: datetime
    realised_quote: Decimal
    note: str


@attrs.frozen
class Reader:
    """One report's questions about one symbol, later than `since`, at or before `until`."""

    read: Read
    symbol: Symbol
    since: datetime
    until: datetime
    head: int
    """The book's sequence when the report began: what is booked later is left out."""

    async def ask(self, sql: str, *more: object) -> list[Row]:
        """The rows of one period query."""
        return await self.read(sql, str(self.symbol), self.since, self.until, *more)

    async def one(self, sql: str, *arguments: object) -> Row | None:
        """The first row of a query."""
        found = await self.read(sql, str(self.symbol), *arguments)
        return found[0] if found else None


async def read_report(
    read: Read, symbol: Symbol, *, since: datetime, until: datetime, tell: Tell = nothing
) -> Report:
    """Everything that a report says. A symbol that was never traded here gives an empty report.

    Raises:
        StoreUnreachable: the database did not answer.
    """
    report = Report(
        symbol=str(symbol), base=symbol.base, quote=symbol.quote, since=since, until=until, made_at=until,
        version=__version__,
    )
    book = await read(queries.SYMBOL, str(symbol))
    if not book:
        return report
    reader = Reader(read, symbol, since, until, book[0]["sequence"])
    runs = await read(queries.RUNS, str(symbol), until)
    portfolio = await portfolio_of(reader) or Portfolio(symbol=symbol)
    executions = await read_executions(reader.ask, tell)
    report = msgspec.structs.replace(
        report,
        runs=tuple(Run(row["epoch"], row["version"], row["started_at"], _mode(row)) for row in runs),
        pairs=executions.pairs,
        executions=executions.newest,
        execution_count=executions.count,
        unclosed=executions.unclosed,
        unclosed_live=executions.unclosed_live,
        naked_ms_worst_definite=executions.naked_ms_worst_definite,
        naked_ms_worst_ambiguous=executions.naked_ms_worst_ambiguous,
        tolerance=await _tolerance(reader, runs),
        inventory=await _inventory(reader, portfolio),
        declined=await _declined(reader),
        taken={row["outcome"]: row["times"] for row in await reader.ask(queries.TAKEN)},
    )
    start = await _start(reader)
    tell("profit")
    report = await _with_profit(reader, report, portfolio, start)
    report = msgspec.structs.replace(report, days=await _days(reader, report, start, executions.by_day))
    incidents, counts = await read_incidents(reader.ask, runs, since)
    report = msgspec.structs.replace(report, incidents=incidents, incident_counts=counts)
    tell("ledger")
    report = await _with_ledger(reader, report, portfolio, executions)
    tell("quality of execution")
    quality = await read_quality(reader.ask, reader.head, report.fills, executions.edges)
    if portfolio.reserve_set_bps is not None:
        quality = msgspec.structs.replace(
            quality, reserve_set_bps=portfolio.reserve_set_bps, reserve_bps=portfolio.reserve_bps
        )
    report = msgspec.structs.replace(report, quality=quality)
    tell("charts")
    return await _with_series(reader, report, portfolio, start)


async def portfolio_of(reader: Reader) -> Portfolio | None:
    """The fold of everything up to the head: the newest saved portfolio, and the rows after it."""
    saved = await reader.one(queries.SNAPSHOT, reader.head)
    after = saved["sequence"] if saved else 0
    symbol = str(reader.symbol)
    fills = await reader.read(queries.FILLS_BETWEEN, symbol, after, reader.head)
    entries = await reader.read(queries.ENTRIES_BETWEEN, symbol, after, reader.head)
    later: list[tuple[int, Fill | LedgerEntry]] = [
        *((row["sequence"], fill_of(row)) for row in fills), *((row["sequence"], entry_of(row)) for row in entries),
    ]
    portfolio = msgspec.json.decode(saved["portfolio"], type=Portfolio) if saved else None
    return rebuilt(reader.symbol, portfolio, [item for _, item in sorted(later, key=lambda pair: pair[0])])


async def _inventory(reader: Reader, portfolio: Portfolio) -> Inventory:
    sample = await reader.one(queries.NEWEST_SAMPLE, reader.until) or {}
    base = reader.symbol.base
    return Inventory(
        spot_gate=portfolio.balance(Venue.GATE_SPOT, base),
        spot_mexc=portfolio.balance(Venue.MEXC_SPOT, base),
        perp_base=portfolio.perp_base,
        delta_base=portfolio.delta,
        under_way_base=portfolio.under_way(base),
        open_legs_base=sum((leg.quantity * leg.side.sign for leg in portfolio.legs), ZERO),
        sampled_at=sample.get("at"),
        mark=sample.get("mark"),
        liquidation_price=sample.get("liquidation_price"),
        equity_quote=sample.get("equity_quote"),
    )


# --- profit by source -------------------------------------------------------------------------------------------------
async def _with_profit(reader: Reader, report: Report, portfolio: Portfolio, start: Start) -> Report:
    """Fees and funding are sums of rows; the spread is what the matched fills realised beside them.

    The realised profit at the end is the fold of all fills; at the start it is what was sampled then, or nothing.
    """
    window = (str(reader.symbol), start.at, reader.until + UNTIL_HEAD, reader.head)
    fees = tuple(FeeTotal(**row) for row in await reader.read(queries.FEES, *window))
    rows = await reader.read(queries.FUNDING, *window)
    venues = await reader.read(VENUES, *window)
    payments = tuple(
        FundingPayment(row["at"], row["venue"], row["asset"], row["amount"], row["entry_id"]) for row in rows
    )
    fees_quote = sum((fee.quote for fee in fees), ZERO)
    funding_quote = sum((row["amount"] for row in rows), ZERO)
    spread = portfolio.realised_quote - start.realised_quote + fees_quote - funding_quote
    return msgspec.structs.replace(
        report,
        profit=Profit(spread, fees_quote, funding_quote),
        profit_from=start.at,
        profit_note=start.note,
        fees=fees,
        fills=sum(fee.fills for fee in fees),
        turnover_quote=sum((fee.turnover_quote for fee in fees), ZERO),
        funding=payments,
        venues=venue_totals(venues, fees, payments, report.quote),
    )


async def _days(reader: Reader, report: Report, start: Start, executions: dict[str, int]) -> tuple[DayTotal, ...]:
    """The days of the period; together they make its profit, to the last digit."""
    window = attrs.evolve(reader, since=start.at)
    rows = await window.ask(queries.PROFIT_DAYS)
    cumulative = {row["day"]: _profit_at(row, start) for row in rows}
    if rows:
        cumulative[rows[-1]["day"]] = report.profit
    return day_totals(cumulative, executions)


def _profit_at(row: Row, start: Start) -> Profit:
    """The period's profit up to one sample."""
    return Profit(row["realised"] - start.realised_quote + row["fees"] - row["funding"], row["fees"], row["funding"])


async def _start(reader: Reader) -> Start:
    sample = await reader.one(queries.START_SAMPLE, reader.since)
    if sample is not None:
        return Start(sample["at"], sample["realised_quote"], "counted from the last sample at or before the start")
    booked = await reader.one(queries.ANYTHING_BOOKED, reader.since)
    if booked is None or not booked["booked"]:
        return Start(BEGINNING, ZERO, "nothing was booked before: this is all of the book's profit")
    sample = await reader.one(queries.FIRST_SAMPLE_AFTER, reader.since)
    if sample is not None:
        return Start(sample["at"], sample["realised_quote"], "counted from the first sample that is still kept")
    return Start(BEGINNING, ZERO, "nothing is known of the profit before: all of the book's spread is shown here")


# --- delta, opportunities ----------------------------------------------------------------------------------
def _mode(run: Row) -> str:
    """Of one run, as its settings say."""
    return str(_settings(run).get("mode", ""))


def _settings(run: Row) -> dict[str, Any]:
    """As they were recorded; empty when they were not."""
    return msgspec.json.decode(run["settings"], type=dict[str, Any]) if run["settings"].startswith("{") else {}


async def _tolerance(reader: Reader, runs: list[Row]) -> Tolerance | None:
    """The setting of the newest run; else one contract lot, from the listing, or from what was traded."""
    settings = _settings(runs[-1]) if runs else {}
    set_to = settings.get("strategy", {}).get("delta_tolerance_base")
    if set_to is not None:
        return Tolerance(Decimal(set_to), "set")
    listing = await reader.one(queries.TOLERANCE)
    if listing is not None and listing["lot_size"] is not None:
        return Tolerance(listing["lot_size"], "one contract lot")
    found = await reader.read(queries.PERP_QUANTITIES, str(reader.symbol), reader.head)
    step = greatest_common_step([row["quantity"] for row in found])
    return None if step is None else Tolerance(step, "one contract lot, as seen in the perpetual's fills")


def greatest_common_step(quantities: list[Decimal]) -> Decimal | None:
    """The largest step of which every quantity is a multiple; None of nothing."""
    step: Decimal | None = None
    for quantity in quantities:
        other = quantity
        while step is not None and other != 0:
            step, other = other, step % other
        step = quantity if step is None else step
    return step


async def _declined(reader: Reader) -> tuple[DeclinedTotal, ...]:
    rows = await reader.ask(queries.DECLINED)
    return tuple(DeclinedTotal(row["reason"], row["pair_name"], row["times"], row["edge_bps_best"]) for row in rows)


# --- ledger and checks ------------------------------------------------------------------------------------------------
async def _with_ledger(reader: Reader, report: Report, portfolio: Portfolio, executions: Executions) -> Report:
    reported = {
        (row["venue"], row["asset"]): row
        for row in await reader.read(queries.REPORTED, str(reader.symbol), reader.until)
    }
    ledger = tuple(
        _ledger_line(row, reported.get((row["venue"], row["asset"])))
        for row in await reader.read(queries.LEDGER, str(reader.symbol), reader.head)
    )
    unexplained = await reader.read(queries.FILLS_AGAINST_ENTRIES, str(reader.symbol), reader.head)
    all_time = await reader.read(
        queries.FEES, str(reader.symbol), BEGINNING, reader.until + UNTIL_HEAD, reader.head
    )
    checks = checks_of(portfolio, ledger, unexplained, all_time, executions)
    return msgspec.structs.replace(report, ledger=ledger, checks=checks)


def _ledger_line(row: Row, reported: Row | None) -> LedgerLine:
    if reported is None:
        return LedgerLine(**row)
    return LedgerLine(
        **row, reported=reported["reported"], reported_at=reported["at"],
        difference=reported["reported"] - reported["ledger"],
    )


# --- charts -----------------------------------------------------------------------------------------------------------
async def _with_series(reader: Reader, report: Report, portfolio: Portfolio, start: Start) -> Report:
    extent = (await reader.ask(queries.EXTENT))[0]
    if extent["first"] is None or extent["last"] is None:
        return report
    first, last = extent["first"], extent["last"]
    clipped = attrs.evolve(reader, since=first - timedelta(microseconds=1))
    bucket_s = max((last - first).total_seconds() / BUCKETS, 0.001)
    peaks = [
        Moment(row["at"], row["delta"])
        for row in await clipped.ask(queries.DELTA_PEAKS, reader.head, portfolio.delta, bucket_s)
    ]
    deltas = await clipped.ask(queries.DELTA_SERIES, bucket_s)
    inventory = await clipped.ask(queries.INVENTORY_SERIES, bucket_s)
    worst = await reader.ask(queries.DELTA_SAMPLED)
    return msgspec.structs.replace(
        report,
        charted=(first, last),
        profit_series=await _profit_series(clipped, report, start, bucket_s),
        inventory_series=tuple(
            InventoryPoint(row["at"], row["spot_gate"], row["spot_mexc"], row["perp_base"]) for row in inventory
        ),
        delta_series=tuple(DeltaPoint(row["at"], row["low"], row["high"]) for row in deltas),
        delta_between_fills=tuple(peaks),
        delta_between_fills_worst=max(peaks, key=lambda moment: abs(moment.delta_base), default=None),
        delta_sampled_worst=Moment(worst[0]["at"], worst[0]["delta_base"]) if worst else None,
    )


async def _profit_series(reader: Reader, report: Report, start: Start, bucket_s: float) -> tuple[ProfitPoint, ...]:
    """From the samples, with the sums of the fees and funding rows until then; the last point is the period's total."""
    window = attrs.evolve(reader, since=start.at)
    points = [
        ProfitPoint(row["at"], _profit_at(row, start))
        for row in await window.ask(queries.PROFIT_SERIES, bucket_s)
    ]
    return (*points, ProfitPoint(points[-1].at, report.profit)) if points else ()
