"""A plan of transfers for a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.units import plain
from dnbot.operate.report_format import Column, Figure, Kind, Table, moment
from dnbot.operate.report_text import table_text
from dnbot.operate.transfers import TransfersPlanned, room_of, shares_of, warnings_of
from dnbot.strategy.transfer_plan import Move, TransferPlan

NEVER = "Nothing was moved, and nothing will be: dnbot cannot withdraw. A person makes transfers, at the venues."
DECLARED = (
    "A move between the spot venues that the running bot was told of stays hedged on its way. Should an exchange name\n"
    "other amounts, declare what will really leave and arrive."
)
STOPPED = (
    "A move from or to the perpetual's wallet cannot be declared: the bot books what it finds at its start, and\n"
    "counts what left a spot venue as a loss of that day (max_daily_loss_quote)."
)


def plan_text(found: TransfersPlanned, config: Path | None = None) -> str:
    """The plan for a person who gave this configuration file."""
    plan, symbol = found.plan, found.settings.strategy.symbol
    as_of = f"{moment(found.sampled_at)} UTC" if found.sampled_at else "an unknown time"
    parts = [f"{symbol}, balances and prices as of {as_of}", table_text(_moves_table(plan, symbol.quote))]
    if plan.unplanned:
        rows = tuple((one.asset, one.source.value, one.target.value, one.amount, one.why) for one in plan.unplanned)
        columns = (Column("asset"), Column("from"), Column("to"), Column("off by", Kind.NATIVE), Column("why not"))
        parts.append(table_text(Table("unplanned", "Off target, not planned", columns, rows)))
    parts.append(table_text(_change_table(plan, symbol.base, symbol.quote)))
    parts += [f"warning: {text}" for text in warnings_of(found)]
    parts.append(NEVER)
    if plan.moves:
        parts.append(_how_text(plan.moves, config))
    return "\n\n".join(parts)


def _how_text(moves: tuple[Move, ...], config: Path | None) -> str:
    """What the bot is told before each move, and why."""
    lines, reasons = ["Before each step, and one step after the other:"], dict[str, None]()
    where = [] if config is None else ["--config", str(config)]
    for number, move in enumerate(moves, 1):
        if {move.source, move.target} == set(SPOT_VENUES):
            told, why = shlex.join(["dnbot", "transfers", "declare", *where, *_declared(move, number)]), DECLARED
        else:
            told, why = f"{shlex.join(['dnbot', 'stop', *where])}  (and start it when this has arrived)", STOPPED
        lines.append(f"  {number}  {told}")
        reasons[why] = None
    return "\n".join([*lines, *reasons])


def _declared(move: Move, number: int) -> list[str]:
    """The options of `transfers declare` that say so."""
    return [
        "--from", move.source.value.lower(), "--to", move.target.value.lower(), "--asset", move.asset,
        "--leaves", plain(move.amount), "--arrives", plain(move.arrives), "--why", f"step {number} of transfers plan",
    ]


def _moves_table(plan: TransferPlan, quote: str) -> Table:
    columns = (
        Column("step", Kind.COUNT), Column("asset"), Column("from"), Column("to"), Column("network"),
        Column("amount", Kind.NATIVE), Column("fee", Kind.NATIVE), Column("arrives", Kind.NATIVE),
        Column("cost", Kind.QUOTE, quote), Column("why"),
    )
    rows = tuple(
        (
            number, move.asset, move.source.value, move.target.value, move.network, move.amount, move.fee,
            move.arrives, move.cost_quote, move.why,
        )
        for number, move in enumerate(plan.moves, 1)
    )
    total = (None, "all", "", "", "", None, None, None, plan.cost_quote, "") if rows else None
    note = "One after the other: a later step may need what an earlier one brings." if len(rows) > 1 else ""
    empty = "none" if plan.unplanned else "none: everything is near its target"
    return Table("moves", "Transfers", columns, rows, total=total, note=note, empty=empty)


def _change_table(plan: TransferPlan, base: str, quote: str) -> Table:
    before, after = plan.before, plan.after
    columns = (Column("what"), Column("now", Kind.NATIVE), Column("then", Kind.NATIVE), Column("unit"))
    rows: list[tuple[object, ...]] = [
        (venue.value, amount, after.of(venue, asset), asset) for (venue, asset), amount in before.balances.items()
    ]
    if plan.margin_low_quote is not None and before.unrealised_quote is not None:
        equity = [holdings.of(Venue.GATE_FUTURES, quote) + before.unrealised_quote for holdings in (before, after)]
        rows.append(("equity of the perpetual", *equity, quote))
        low, high = (Figure(bound, Kind.QUOTE) for bound in (plan.margin_low_quote, plan.margin_high_quote))
        rows += [("  should be at least", low, None, quote), ("  and at most", high, None, quote)]
    for name, room in room_of(before, base, quote).items():
        rows.append((f"can be traded {name}", room, room_of(after, base, quote)[name], base))
    for name, share in shares_of(before, base, quote).items():
        rows.append((f"share of all equity {name}", f"{share:.4f}", f"{shares_of(after, base, quote)[name]:.4f}", ""))
    return Table("change", "What it changes", columns, tuple(rows))
