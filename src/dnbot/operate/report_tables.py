"""A report as tables: the same ones on the terminal and on the page."""

from __future__ import annotations

from dnbot.domain.units import ZERO
from dnbot.operate import report_quality_tables as quality
from dnbot.operate.paper_words import PAPER
from dnbot.operate.report_data import BEGINNING, Moment, PairTotal, Profit, Report
from dnbot.operate.report_executions import total_of
from dnbot.operate.report_format import Column, Figure, Kind, Table, count_of, duration, exact, moment

EXECUTIONS_LISTED = 50
INCIDENTS_LISTED = 50
FUNDING_LISTED = 50
_NET_NOTE = (
    "An execution's net is of its own fills; profit by source matches every buy with a sell, first in, first out, so "
    "the two differ while inventory is carried. Estimates were made before the orders and are booked nowhere; the last "
    "two sums are of the pairs that have one."
)


def tables_of(report: Report) -> tuple[Table, ...]:
    """Every table, most important first."""
    return (
        profit(report.profit, report.quote, _profit_note(report)),
        quality.days(report.days, report.profit, report.quote), executions(report), quality.edges(report),
        inventory(report), exposure(report), quality.venues(report), fees(report), funding(report),
        quality.slippage(report), quality.ratios(report), quality.latency(report), quality.markouts(report),
        declined(report), incidents(report), ledger(report), checks(report),
    )


def headline(report: Report) -> list[str]:
    """What the report is about, in a few lines."""
    lines = [
        f"{report.symbol}, from {_since(report)} to {moment(report.until)} UTC",
        f"{count_of(len(report.runs), 'run')} of this book; the newest began {moment(report.runs[-1].started_at)} UTC"
        if report.runs else f"nothing was ever recorded for {report.symbol} in this database",
    ]
    if any(run.mode == "paper" for run in report.runs):
        lines.insert(0, f"{PAPER}: the venues' own prices, a pretended account")
    if report.charted is not None:
        first, last = report.charted
        lines.append(f"recorded in it: {moment(first)} to {moment(last)} UTC ({duration(last - first)})")
    elif report.runs:
        lines.append("nothing was recorded in this period")
    return lines


def _since(report: Report) -> str:
    return "the beginning" if report.since <= BEGINNING else f"{moment(report.since)} UTC"


def _profit_note(report: Report) -> str:
    began = report.profit_from
    start = f" ({moment(began)} UTC)" if began is not None and began > BEGINNING else ""
    return f"{report.profit_note}{start}" if report.profit_note else ""


def profit(found: Profit, quote: str, note: str) -> Table:
    """Where the profit comes from."""
    return Table(
        "profit", "Profit by source",
        (Column("source", wraps=True), Column("amount", Kind.QUOTE, quote, signed=True), Column("every digit")),
        (
            ("spread (fills matched first in, first out, before fees)", found.spread_quote, exact(found.spread_quote)),
            ("fees", -found.fees_quote, exact(-found.fees_quote)),
            ("funding", found.funding_quote, exact(found.funding_quote)),
        ),
        total=("realised", found.realised_quote, exact(found.realised_quote)),
        note=note,
    )


def executions(report: Report) -> Table:
    """What was executed, by pair."""
    quote, base = report.quote, report.base
    columns = (
        Column("pair"), Column("all", Kind.COUNT), Column("complete", Kind.COUNT), Column("partial", Kind.COUNT),
        Column("repaired", Kind.COUNT), Column("failed", Kind.COUNT), Column("traded", Kind.BASE, base),
        Column("gross", Kind.QUOTE, quote, signed=True), Column("fees", Kind.QUOTE, quote),
        Column("net", Kind.QUOTE, quote, signed=True), Column("estimate of net", Kind.QUOTE, quote, signed=True),
        Column("net - estimate", Kind.QUOTE, quote, signed=True),
    )
    notes = [_NET_NOTE]
    if report.unclosed:
        notes.append(f"{report.unclosed} more were committed, and their orders then refused or never sent.")
    if report.unclosed_live:
        notes.append(f"{report.unclosed_live} are not closed, and orders of theirs may have been sent.")
    return Table(
        "executions", "Executions by pair", columns, tuple(_pair_row(pair) for pair in report.pairs),
        total=_pair_total(report.pairs) if report.pairs else None, note=" ".join(notes),
        empty="no execution ended in this period",
    )


def _pair_row(pair: PairTotal) -> tuple[object, ...]:
    return (
        pair.pair_name, pair.count, pair.complete, pair.partial, pair.repaired, pair.failed, pair.traded_base,
        pair.gross_quote, pair.fees_quote, pair.net_quote, pair.estimate_net_quote, pair.against_estimate_quote,
    )


def _pair_total(pairs: tuple[PairTotal, ...]) -> tuple[object, ...]:
    """The estimate, and the difference from it, are of the pairs that have one."""
    differences = [pair.against_estimate_quote for pair in pairs if pair.against_estimate_quote is not None]
    estimates = [pair.estimate_net_quote for pair in pairs if pair.estimate_net_quote is not None]
    figures = _pair_row(total_of(pairs))[:-2]
    return (*figures, sum(estimates, ZERO) if estimates else None, sum(differences, ZERO) if differences else None)


def inventory(report: Report) -> Table:
    """What is held at the end."""
    held = report.inventory
    columns = (
        Column("holding"), Column("amount", Kind.BASE, signed=True), Column("unit"), Column("as of, UTC", Kind.TIME),
    )
    if held is None:
        return Table("inventory", "Inventory now", columns, (), empty="nothing is known")
    base, quote, at = report.base, report.quote, held.sampled_at
    return Table(
        "inventory", "Inventory now", columns,
        (
            ("Gate spot", held.spot_gate, base, report.until),
            ("MEXC spot", held.spot_mexc, base, report.until),
            ("Gate perpetual", held.perp_base, base, report.until),
            ("under way between exchanges", held.under_way_base, base, report.until),
            ("delta (all of these)", held.delta_base, base, report.until),
            ("traded, opposite side still to come", held.open_legs_base, base, report.until),
            ("equity, as sampled", Figure(held.equity_quote, Kind.QUOTE), quote, at),
            ("mark price, as sampled", Figure(held.mark, Kind.QUOTE), f"{quote} per {base}", at),
            (
                "liquidation price, as sampled", Figure(held.liquidation_price, Kind.QUOTE), f"{quote} per {base}", at,
            ),
        ),
    )


def exposure(report: Report) -> Table:
    """How far and how long the position was not hedged."""
    base, tolerance = report.base, report.tolerance
    tolerated: tuple[object, ...] = ("tolerated delta", None, base, None)
    if tolerance is not None:
        tolerated = (f"tolerated delta ({tolerance.source})", tolerance.base, base, None)
    return Table(
        "exposure", "Delta and naked time",
        (Column("what", wraps=True), Column("worst", Kind.BASE), Column("unit"), Column("when, UTC", Kind.TIME)),
        (
            ("delta, sampled once a second", *_of(report.delta_sampled_worst, base)),
            ("delta after a fill (between the legs of a pair)", *_of(report.delta_between_fills_worst, base)),
            ("naked time, outcomes known", Figure(report.naked_ms_worst_definite, Kind.MS), "ms", None),
            ("naked time, an outcome was unknown", Figure(report.naked_ms_worst_ambiguous, Kind.MS), "ms", None),
            tolerated,
        ),
    )


def _of(moment_of: Moment | None, base: str) -> tuple[object, ...]:
    return (None, base, None) if moment_of is None else (moment_of.delta_base, base, moment_of.at)


def fees(report: Report) -> Table:
    """What the venues took."""
    quote = report.quote
    rows = tuple(
        (fee.venue, fee.asset, fee.fills, fee.turnover_quote, fee.amount, fee.quote) for fee in report.fees
    )
    return Table(
        "fees", "Fees by venue and asset",
        (
            Column("venue"), Column("fee asset"), Column("fills", Kind.COUNT),
            Column("turnover", Kind.QUOTE, quote), Column("fees", Kind.NATIVE, "native"),
            Column("worth", Kind.QUOTE, quote),
        ),
        rows,
        total=("all", "", report.fills, report.turnover_quote, None, report.profit.fees_quote) if rows else None,
        note=_third_coins(report),
        empty="no fill in this period",
    )


def _third_coins(report: Report) -> str:
    unpriced = sorted({fee.asset for fee in report.fees if fee.unpriced})
    return f"Some fees in {', '.join(unpriced)} had no known price and are worth more than shown." if unpriced else ""


def funding(report: Report) -> Table:
    """What was really paid or received."""
    newest = report.funding[-FUNDING_LISTED:][::-1]
    left_out = len(report.funding) - len(newest)
    return Table(
        "funding", "Funding payments",
        (Column("at, UTC", Kind.TIME), Column("venue"), Column("amount", Kind.NATIVE, signed=True), Column("asset")),
        tuple((row.at, row.venue, row.amount, row.asset) for row in newest),
        total=("all", "", report.profit.funding_quote, report.quote) if newest else None,
        note=f"{left_out} older ones are in the sum and in the CSV." if left_out else "",
        empty="none was paid in this period",
    )


def declined(report: Report) -> Table:
    """Why edges above their requirement were not traded."""
    rows = tuple((row.reason, row.pair_name, row.times, row.edge_bps_best or None) for row in report.declined)
    taken = ", ".join(f"{count} {outcome}" for outcome, count in report.taken.items()) or "none taken"
    return Table(
        "declined", "Declined opportunities by reason",
        (Column("reason"), Column("pair"), Column("times", Kind.COUNT), Column("best edge", Kind.BPS, "bps")),
        rows,
        total=("all", "", sum(row.times for row in report.declined), None) if rows else None,
        note=f"Beside them: {taken}. An opportunity that stays for a second is counted at each change of a book.",
        empty=f"none was declined ({taken})",
    )


def incidents(report: Report) -> Table:
    """Starts, states of trouble, changes of the mode, alerts."""
    listed = report.incidents[:INCIDENTS_LISTED]
    counts = ", ".join(f"{count} {what}" for what, count in report.incident_counts.items())
    return Table(
        "incidents", "Incidents",
        (Column("at, UTC", Kind.TIME), Column("kind"), Column("what", wraps=True), Column("why", wraps=True)),
        tuple((one.at, one.kind, one.what, one.why) for one in listed),
        note=f"In this period: {counts}." if counts else "",
        empty="no start, no recovery, no rebalancing, no change of mode, no alert",
    )


_LEDGER_ROWS = (
    ("opening", "opening"), ("trades", "trades"), ("fees", "fees"), ("pnl", "profit of the perpetual"),
    ("funding", "funding"), ("transfers", "transfers"), ("adjusted", "adjustments"),
    ("balance", "balance (all of these)"), ("reported", "venue's last word"), ("difference", "venue less ledger, then"),
)


def ledger(report: Report) -> Table:
    """All-time entries, one column per venue and asset: together they must make what the venue holds."""
    lines = report.ledger
    rows: list[tuple[object, ...]] = [(head, *(getattr(line, part) for line in lines)) for part, head in _LEDGER_ROWS]
    rows.append(("reported at, UTC", *(line.reported_at for line in lines)))
    return Table(
        "ledger", "Ledger per venue and asset, all-time",
        (Column("entries"), *(Column(line.venue, Kind.NATIVE, line.asset) for line in lines)),
        tuple(rows) if lines else (),
        empty="the ledger has no entry",
    )


def checks(report: Report) -> Table:
    """Which promises hold."""
    return Table(
        "checks", "Checks",
        (Column("check"), Column("holds"), Column("found", wraps=True)),
        tuple((check.name, "yes" if check.holds else "NO", check.text) for check in report.checks),
        empty="there is nothing to check",
    )
