"""The panels of the terminal's picture: each a pure function of a `Status` and a width."""

from __future__ import annotations

from dnbot.domain.units import ZERO
from dnbot.operate.status import Status, Traffic
from dnbot.operate.terminal_blocks import Row, Span, columns, fit, frame
from dnbot.operate.terminal_words import (
    UNKNOWN,
    age,
    count,
    delta_bar,
    edge_bar,
    good_or_bad,
    milliseconds,
    money,
    number,
    price,
    safe,
    size,
    venue,
)
from dnbot.strategy.view import View
from dnbot.strategy.view_parts import PairView, VenueView

ALERTS_SHOWN = 4
WARNINGS_SHOWN = 2
EXECUTIONS_SHOWN = 8
DECLINED_SHOWN = 3
SILENT_S = 2.0
"""A machine that showed nothing for so long is stuck, or starved."""
_MODES = {"ACTIVE": "bold green", "REDUCING": "bold black on yellow", "HALTED": "bold white on red"}
_STATES = {"ERROR_RECOVERY": "bold red", "SHUTDOWN": "bold magenta", "REBALANCING_DELTA": "bold yellow"}
_LEVELS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_STATUSES = {"complete": "green", "partial": "yellow", "repaired": "yellow", "failed": "red"}


def head(status: Status, width: int) -> list[Row]:
    """Who runs here, and for a simulated market the sentence that nobody may overlook."""
    run = status.run
    title: Row = (
        (f"dnbot {run.version}", "bold"), (f"  {status.view.symbol}  {run.mode}  epoch {status.view.epoch}", ""),
        (f"  up {age(status.uptime_s)}", "dim"),
    )
    return [fit(title, width), *([fit((safe(run.market, "bold black on yellow"),), width)] if run.market else [])]


def standing(status: Status, width: int) -> list[Row]:
    """State, mode, and delta against its tolerance."""
    return frame("standing", [_state(status), _mode(status), _delta(status.view), _life(status.view)], width)


def _state(status: Status) -> Row:
    view = status.view
    spans: list[Span] = [(view.state, _STATES.get(view.state, "bold")), (f" {age(view.state_age_s)}", "dim")]
    silent_s = (status.at_ns - view.at_ns) / 1e9
    if silent_s > SILENT_S and view.exit_code is None:
        spans.append((f"  THE MACHINE SAYS NOTHING FOR {age(silent_s)}", "bold white on red"))
    if view.exit_code is not None:
        spans.append((f"  ended with exit code {view.exit_code}", "bold"))
    if view.busy:
        spans += [("  ", ""), safe(view.busy, "cyan")]
    return tuple(spans)


def _mode(status: Status) -> Row:
    view = status.view
    since = "since the start" if status.mode_age_s is None else f"for {age(status.mode_age_s)}"
    return (f" {view.mode} ", _MODES.get(view.mode, "bold")), (f" {since}: ", "dim"), safe(view.mode_why)


def _delta(view: View) -> Row:
    unit = view.symbol.partition("/")[0]
    bar = delta_bar(view.delta_base, view.tolerance_base, view.hard_limit_base)
    limits = f"tolerance {size(view.tolerance_base)}, limit {size(view.hard_limit_base)}"
    return (
        ("delta ", ""), (f"{size(view.delta_base, signed=True, places=8)} {unit}", "bold"), (" [", ""), *bar,
        (f"] {limits}, worst {size(view.delta_worst_base)}", "dim"),
    )


def _life(view: View) -> Row:
    ambiguous = f", with an unknown outcome {milliseconds(view.naked_worst_ambiguous_ms)}"
    return (
        (f"naked {milliseconds(view.naked_ms)}", "yellow" if view.naked_ms else "dim"),
        (f" (worst {milliseconds(view.naked_worst_ms)}", "dim"),
        (f"{ambiguous if view.naked_worst_ambiguous_ms else ''})  ", "dim"),
        (f"open orders {view.unsettled}  ", "yellow" if view.unsettled else "dim"),
        (f"faults {count(view.faults)}  ", "yellow" if view.faults else "dim"),
        ("database up", "dim") if view.store_up else ("DATABASE AWAY", "bold red"),
    )


def pairs(status: Status, width: int) -> list[Row]:
    """The six pairs: the edge now, net of fees, against what it must be."""
    view = status.view
    header = ("pair", "edge", "needs", "as", "", "mean", "sd", "z")
    body = columns(header, [_pair(row) for row in view.pairs], width - 4)
    often = sorted(view.declined.items(), key=lambda item: (-item[1], item[0]))[:DECLINED_SHOWN]
    said = ", ".join(f"{reason} {count(times)}" for reason, times in often)
    seen = f"{count(view.opportunities_seen)} seen" + (f", declined: {said}" if said else "")
    return frame("edges, bps", body, width, safe(seen)[0])


def _pair(row: PairView) -> tuple[Span | Row, ...]:
    pays = row.edge_bps is not None and row.required_bps is not None and row.edge_bps >= row.required_bps
    return (
        (row.pair_name, ""), (number(row.edge_bps, signed=True), "bold green" if pays else ""),
        (number(row.required_bps, signed=True), ""), (row.purpose, "dim"), edge_bar(row.edge_bps, row.required_bps),
        (number(row.mean_bps, signed=True), "dim"), (number(row.sd_bps), "dim"),
        (number(row.z_score, signed=True), "dim"),
    )


def holdings(status: Status, width: int) -> list[Row]:
    """Inventory per venue and the perpetual, by our own ledger."""
    view = status.view
    base, _, quote = view.symbol.partition("/")
    rows = [_holding(row) for row in view.venues]
    body = columns(("", base, quote, "bid", "ask", "fee bps"), rows, width - 4)
    spot = size(sum(view.inventory_base.values(), ZERO))
    body.append((("spot ", "dim"), (spot, "bold"), (f" of {size(view.target_base)} {base}", "dim")))
    for shipment in view.shipments:
        amount = f"{size(shipment.under_way or shipment.leaves)} {shipment.asset}"
        where = f"under way to {shipment.target.value}" if shipment.has_left else f"to leave {shipment.source.value}"
        body.append(((f"{shipment.shipment_id} ", "dim"), (amount, "bold"), (f" {where}", "dim")))
    body.append(((f"mark {price(view.mark)}", "dim"),))
    funding = f"funding {number(view.funding_bps, 2, signed=True)} bps in {age(view.funding_in_s)}"
    return frame("inventory", body, width, funding)


def _holding(row: VenueView) -> tuple[Span | Row, ...]:
    held = size(row.base, signed=row.venue == "GATEIO_FUTURES")
    return (
        (venue(row.venue), ""), (held, "bold"), (money(row.quote), ""), (price(row.bid), "dim"),
        (price(row.ask), "dim"), (number(row.taker_bps), "dim"),
    )


def profit(status: Status, width: int) -> list[Row]:
    """Realised profit in its parts, from fills, fees and funding alone."""
    view, run = status.view, status.this_run
    parts = (
        ("spread", run.spread_quote, view.spread_quote), ("fees", -run.fees_quote, -view.fees_quote),
        ("funding", run.funding_quote, view.funding_quote), ("realised", run.realised_quote, view.realised_quote),
    )
    rows: list[tuple[Span | Row, ...]] = []
    for name, ours, whole in parts:
        bold = "bold " if name == "realised" else ""
        rows.append((
            (name, bold), (money(ours, 4, signed=True), bold + good_or_bad(ours)),
            (money(whole, 4, signed=True), bold + good_or_bad(whole)),
        ))
    today = view.equity_day_quote
    change = (f"today {money(today, 2, signed=True)}", good_or_bad(today))
    rows.append((("equity", ""), change, (money(view.equity_quote), "")))
    done = f"{count(view.executions)} executions, {count(view.orders_sent)} orders, {count(view.fills)} fills"
    header = (view.symbol.partition("/")[2], "this run", "whole ledger")
    return frame("profit", columns(header, rows, width - 4), width, done)


def executions(status: Status, width: int) -> list[Row]:
    """The last executions: what was expected, what came of it."""
    rows: list[tuple[Span | Row, ...]] = []
    for row in reversed(status.executions[-EXECUTIONS_SHOWN:]):
        estimate = money(row.estimate_net_quote, 3, signed=True) if row.estimate_net_quote else UNKNOWN
        rows.append((
            (row.pair_name, ""), (size(max(row.bought, row.sold)), ""), (estimate, ""),
            (money(row.net_quote, 3, signed=True), good_or_bad(row.net_quote)),
            (milliseconds(row.naked_ms), "" if row.naked_ms else "dim"),
            (row.status, _STATUSES.get(row.status, "")), (age((status.at_ns - row.ended_at_ns) / 1e9), "dim"),
        ))
    rows += [(("", ""),)] * (EXECUTIONS_SHOWN - len(rows))
    header = ("execution", "size", "estimate", "outcome", "naked", "", "ago")
    return frame("last executions", columns(header, rows, width - 4), width)


def health(status: Status, width: int) -> list[Row]:
    """Per venue: how fresh its words are, and what it took to get them."""
    traffic = {row.venue: row for row in status.traffic}
    rows = [_health_of(row, traffic.get(row.venue)) for row in status.view.venues]
    header = ("", "book", "stream", "account", "read", "clock", "requests", "restarts", "resyncs", "failed")
    queues = status.statistics.queues
    fullest = max(queues, key=lambda queue: queue.waiting / max(1, queue.limit), default=None)
    note = f"fullest queue: {fullest.name} {fullest.waiting} of {fullest.limit}" if fullest else ""
    down = [child.name for child in status.children if not child.running]
    if down and status.view.exit_code is None:
        note = f"RESTARTING: {', '.join(down)}"
    return frame("health since the start", columns(header, rows, width - 4), width, safe(note)[0])


def _health_of(row: VenueView, sent: Traffic | None) -> tuple[Span | Row, ...]:
    account = ("ready", "green") if row.ready else ("reading", "yellow")
    if row.differences:
        account = ("DIFFERS", "bold red")
    if row.problem:
        account = ("REFUSED", "bold red")
    clock = UNKNOWN if row.clock_offset_ms is None else f"{number(row.clock_offset_ms, 0, signed=True)} ms"
    return (
        (venue(row.venue), ""), (milliseconds(row.book_age_ms), "green" if row.book_fresh else "red"),
        ("live", "green") if row.stream_up else ("down", "bold red"), account, (milliseconds(row.read_age_ms), ""),
        (clock, ""), (count(sent.requests) if sent else UNKNOWN, ""), _worrying(sent.reconnects if sent else 0),
        (count(sent.resyncs) if sent else UNKNOWN, ""),
        _worrying(sent.ambiguous + sent.not_sent + sent.throttled + sent.unknown_frames if sent else 0),
    )


def _worrying(value: int) -> Span:
    return count(value), "yellow" if value else "dim"


def alerts(status: Status, width: int) -> list[Row]:
    """The newest alerts, and below them what the log warns of."""
    body: list[Row] = []
    for row in reversed(status.alerts[-ALERTS_SHOWN:]):
        ago = age((status.at_ns - row.at_ns) / 1e9)
        level = (f"{safe(row.level)[0]:<9}", _LEVELS.get(row.level, ""))
        body.append(((f"{ago:>9}  ", "dim"), level, safe(row.text)))
    body += [((" " * 11 + "log      ", "dim"), safe(text, "dim")) for text in status.warnings[-WARNINGS_SHOWN:]]
    if not body:
        body.append((("none", "dim"),))
    return frame("alerts", body, width, f"newest of {len(status.alerts)}" if status.alerts else "")
