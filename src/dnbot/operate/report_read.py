"""From the database to a `Report`: every figure is summed from rows of one moment, pinned by the book's sequence."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import msgspec

from dnbot import __version__
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO
from dnbot.operate import report_queries as queries
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_checks import checks_of
from dnbot.operate.report_data import (
    BEGINNING,
    DeclinedTotal,
    DeltaPoint,
    Inventory,
    InventoryPoint,
    LedgerLine,
    Moment,
    Report,
    Run,
    Tolerance,
)
from dnbot.operate.report_executions import Executions, read_executions
from dnbot.operate.report_incidents import read_incidents
from dnbot.operate.report_profit import Bound, profit_between, profit_days, profit_series, start_of
from dnbot.operate.report_quality import read_quality, venue_totals
from dnbot.operate.report_quality_queries import VENUES
from dnbot.operate.report_reader import Read, Reader, Row, portfolio_of
from dnbot.operate.report_shipments import changes_of_delta

BUCKETS = 300
"""Points of a chart at most: one per pixel or two."""
UNTIL_HEAD = timedelta(days=1)
"""Added where the book's sequence is the real bound: rows booked while the report began belong to its fold."""


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
    start = await start_of(reader)
    tell("profit")
    report = await _with_profit(reader, report, portfolio, start, executions.by_day)
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
async def _with_profit(
    reader: Reader, report: Report, portfolio: Portfolio, start: Bound, executions: dict[str, int]
) -> Report:
    """The realised profit at the end is the fold of all fills; at the start it is what was sampled then, or nothing."""
    end = Bound(reader.until + UNTIL_HEAD, portfolio.realised_quote)
    found = await profit_between(reader, start, end)
    venues = await reader.read(VENUES, str(reader.symbol), start.at, end.at, reader.head)
    return msgspec.structs.replace(
        report,
        profit=found.profit,
        profit_from=start.at,
        profit_note=start.note,
        fees=found.fees,
        fills=found.fills,
        turnover_quote=found.turnover_quote,
        funding=found.payments,
        venues=venue_totals(venues, found.fees, found.payments, report.quote),
        days=await profit_days(reader, found, executions),
    )


# --- delta, opportunities ----------------------------------------------------------------------------------
def _mode(run: Row) -> str:
    """Of one run, as its settings say."""
    return str(recorded_settings(run).get("mode", ""))


def recorded_settings(run: Row) -> dict[str, Any]:
    """As they were recorded; empty when they were not."""
    return msgspec.json.decode(run["settings"], type=dict[str, Any]) if run["settings"].startswith("{") else {}


async def _tolerance(reader: Reader, runs: list[Row]) -> Tolerance | None:
    """The setting of the newest run; else one contract lot, from the listing, or from what was traded."""
    settings = recorded_settings(runs[-1]) if runs else {}
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
async def _with_series(reader: Reader, report: Report, portfolio: Portfolio, start: Bound) -> Report:
    extent = (await reader.ask(queries.EXTENT))[0]
    if extent["first"] is None or extent["last"] is None:
        return report
    first, last = extent["first"], extent["last"]
    clipped = attrs.evolve(reader, since=first - timedelta(microseconds=1))
    bucket_s = max((last - first).total_seconds() / BUCKETS, 0.001)
    peaks = await _delta_peaks(clipped, portfolio, bucket_s)
    deltas = await clipped.ask(queries.DELTA_SERIES, bucket_s)
    inventory = await clipped.ask(queries.INVENTORY_SERIES, bucket_s)
    worst = await reader.ask(queries.DELTA_SAMPLED)
    return msgspec.structs.replace(
        report,
        charted=(first, last),
        profit_series=await profit_series(clipped, start, report.profit, bucket_s),
        inventory_series=tuple(
            InventoryPoint(row["at"], row["spot_gate"], row["spot_mexc"], row["perp_base"]) for row in inventory
        ),
        delta_series=tuple(DeltaPoint(row["at"], row["low"], row["high"]) for row in deltas),
        delta_between_fills=tuple(peaks),
        delta_between_fills_worst=max(peaks, key=lambda moment: abs(moment.delta_base), default=None),
        delta_sampled_worst=Moment(worst[0]["at"], worst[0]["delta_base"]) if worst else None,
    )


async def _delta_peaks(reader: Reader, portfolio: Portfolio, bucket_s: float) -> list[Moment]:
    """The worst delta after a fill of each stretch of time."""
    shipped = await changes_of_delta(reader, portfolio)
    sequences, amounts = [sequence for sequence, _ in shipped], [amount for _, amount in shipped]
    rows = await reader.ask(queries.DELTA_PEAKS, reader.head, portfolio.delta, sequences, amounts, bucket_s)
    return [Moment(row["at"], row["delta"]) for row in rows]
