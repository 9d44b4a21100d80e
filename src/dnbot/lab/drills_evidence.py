"""What is known after a fault: the fakes' audit and request log, and the rows of the database. Never the bot's word."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import OrderIntent, is_ours
from dnbot.domain.units import ZERO, plain
from dnbot.lab.drills_orders import is_drill
from dnbot.lab.drills_stage import SYMBOL, WIRE_NAMES, Stage
from dnbot.lab.ledger_check import position_residual, residuals
from dnbot.ports.store import LedgerTotal

VENUE_OF = {name: venue for venue, name in WIRE_NAMES.items()}
MULTIPLIER = Decimal("0.0001")
"""Base units per contract of the fakes' BTC contract."""
TOLERANCE_BASE = MULTIPLIER
"""One contract lot: what may stay unhedged, and what no hedge can improve."""

INTENTS = """
select client_order_id, epoch, venue, side, quantity, price, purpose, created_at_ns,
       expires_at_ns, (extract(epoch from committed_at) * 1000)::bigint as committed_ms
from order_intents where symbol = $1
"""
TRANSITIONS = """
select epoch, sequence, from_state, to_state, trigger, why, at_ns / 1000000 as at_ms
from state_transitions where symbol = $1 and at_ns >= $2 order by sequence
"""
RUNS = "select epoch, version, started_at_ns / 1000000 as started_ms from runs where symbol = $1 order by epoch"
EXECUTIONS = """
select execution_id, pair_name, status, naked_ms, ambiguous, ended_at_ns / 1000000 as ended_ms
from trade_executions where symbol = $1 and ended_at_ns >= $2
"""
TRADES_AFTER = """
select f.venue, i.client_order_id, (extract(epoch from i.committed_at) * 1000)::bigint as committed_ms
from fills f join order_intents i on i.client_order_id = f.order_id
where i.symbol = $1 and i.purpose in ('entry', 'exit') and i.created_at_ns >= $2 and i.committed_at is not null
order by i.committed_at
"""
TRADE_IDS = "select venue || ':' || trade_id as key from fills where symbol = $1"
MODE = "select to_mode, why from trading_modes where symbol = $1 order by sequence desc limit 1"
ENTRIES = "select venue, asset, amount, kind, trade_id, entry_id from ledger_entries where symbol = $1"


@attrs.frozen
class Intent:
    """A row of `order_intents`; times in ms, `committed_ms` None while only the journal has told of it."""

    client_order_id: str
    epoch: int
    venue: Venue
    side: str
    quantity: Decimal
    price: Decimal
    purpose: str
    created_ns: int
    committed_ms: int | None
    expires_ns: int = 0

    @property
    def takes_risk(self) -> bool:
        """Whether it may only be sent when everything is known; the others finish what is open."""
        return self.purpose in {"entry", "exit", "establish"}


@attrs.define
class Wire:
    """The requests that the fakes saw, kept for a whole stage."""

    requests: list[dict[str, Any]] = attrs.field(factory=list)

    @property
    def next(self) -> int:
        """The number of the first request that is not here yet."""
        return int(self.requests[-1]["number"]) + 1 if self.requests else 0

    def creates(self, since: int = 0) -> list[dict[str, Any]]:
        """Creates with our prefix, `client_id` as we know it."""
        found = []
        for request in self.requests:
            name = str(request["client_id"]).removeprefix("t-")
            if request["create"] and request["number"] >= since and is_ours(name):
                found.append(request | {"client_id": name})
        return found


@attrs.frozen
class Evidence:
    """Everything that one repetition is judged by."""

    audit: dict[str, Any]
    intents: dict[str, Intent]
    transitions: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    executions: list[dict[str, Any]]
    wire: Wire
    spilled: dict[str, OrderIntent]
    skews: dict[Venue, int]
    """How far ahead each venue's clock is, ms."""
    mode: tuple[str, str] = ("ACTIVE", "")
    """The trading mode in force, and why; a book without a row is ACTIVE."""

    def orders(self) -> dict[str, dict[str, Any]]:
        """The venues' orders with our prefix, by client id."""
        found = {}
        for order in self.audit["orders"]:
            name = str(order["client_id"]).removeprefix("t-")
            if is_ours(name):
                found[name] = order
        return found


async def gather(
    stage: Stage, wire: Wire, spilled: dict[str, OrderIntent], skews: dict[Venue, int], since_ns: int
) -> Evidence:
    """Read everything; the database after the audit, so that it knows at least as much."""
    wire.requests.extend(await stage.controls.requests(wire.next))
    audit = await stage.controls.ask("audit", deadline_s=30.0)
    rows = await stage.read(INTENTS, str(SYMBOL))
    intents = {row["client_order_id"]: intent_of(row) for row in rows}
    modes = await stage.read(MODE, str(SYMBOL))
    return Evidence(
        audit=audit,
        intents=intents,
        transitions=await stage.read(TRANSITIONS, str(SYMBOL), since_ns),
        runs=await stage.read(RUNS, str(SYMBOL)),
        executions=await stage.read(EXECUTIONS, str(SYMBOL), since_ns),
        wire=wire,
        spilled=spilled,
        skews=dict(skews),
        mode=(modes[0]["to_mode"], modes[0]["why"]) if modes else ("ACTIVE", ""),
    )


def intent_of(row: dict[str, Any]) -> Intent:
    """A row of `INTENTS`."""
    return Intent(
        row["client_order_id"], row["epoch"], Venue(row["venue"]), row["side"], row["quantity"], row["price"],
        row["purpose"], row["created_at_ns"], row["committed_ms"], row["expires_at_ns"],
    )


def read_spill(path: Path) -> dict[str, OrderIntent]:
    """Intents that are in the spill file now; a record that is just being written is left out."""
    found: dict[str, OrderIntent] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return found
    for line in lines:
        try:
            intent = msgspec.json.decode(line.split(b" ", 2)[2], type=OrderIntent)
        except (IndexError, msgspec.MsgspecError):
            continue
        found[intent.client_order_id] = intent
    return found


def own_open(audit: dict[str, Any]) -> list[str]:
    """Client ids of open orders with our prefix."""
    names = [str(order["client_id"]).removeprefix("t-") for order in audit["open_orders"]]
    return [name for name in names if is_ours(name)]


def foreign_open(audit: dict[str, Any]) -> dict[str, str]:
    """Open orders that are not ours: client id to venue."""
    found = {}
    for order in audit["open_orders"]:
        name = str(order["client_id"]).removeprefix("t-")
        if not is_ours(name):
            found[name] = str(order["venue"])
    return found


async def books_left(stage: Stage, evidence: Evidence, limit_s: float) -> dict[str, Any]:
    """What our ledger leaves unexplained of an audit, once the database knows every fill and row that is in it.

    The bot may go on trading: entries of later trades and rows are left out, by the venues' own ids. A funding payment
    that the venue made after the last time that it was asked for them is nobody's to know, and is left out, too.
    """
    found: dict[str, Any] = {}

    async def close() -> bool:
        found.update(await _books_now(stage, evidence))
        left = {value for assets in found["residual"].values() for value in assets.values()}
        return bool(found["all_fills_booked"]) and left == {"0"}

    await stage.until(close, limit_s, pause_s=0.5)
    return found


async def _books_now(stage: Stage, evidence: Evidence) -> dict[str, Any]:
    audit = evidence.audit
    trades = {f"{VENUE_OF[fill['venue']].value}:{fill['trade_id']}" for fill in audit["fills"]}
    rows = {f"{VENUE_OF[row['venue']].value}:row:{row['id']}" for row in audit["ledger"]}
    booked = {row["key"] for row in await stage.read(TRADE_IDS, str(SYMBOL))}
    rows -= {f"{VENUE_OF[row['venue']].value}:row:{row['id']}" for row in _unasked_funding(evidence)}
    sums: dict[tuple[Venue, str], Decimal] = {}
    adjustments = 0
    for entry in await stage.read(ENTRIES, str(SYMBOL)):
        venue = Venue(entry["venue"])
        adjustments += entry["kind"] == "adjustment"
        later = entry["kind"] == "opening" or (
            f"{venue.value}:{entry['trade_id']}" not in trades if entry["trade_id"] is not None
            else ":row:" in entry["entry_id"] and entry["entry_id"] not in rows
        )
        if not later:
            key = (venue, entry["asset"])
            sums[key] = sums.get(key, ZERO) + entry["amount"]
    unknown = _unasked_funding(evidence)
    audit = _without(audit, unknown)
    left = residuals(audit, [LedgerTotal(venue, asset, ZERO, amount, 0) for (venue, asset), amount in sums.items()])
    fills = [f for f in await stage.store.fills_of(SYMBOL) if f"{f.venue.value}:{f.trade_id}" in trades]
    left["GATEIO_FUTURES"]["contracts"] = plain(position_residual(audit, fills, MULTIPLIER))
    return {
        "residual": left, "adjustments": adjustments, "all_fills_booked": trades <= booked,
        "unasked_funding": [row["change"] for row in unknown],
    }


def _unasked_funding(evidence: Evidence) -> list[dict[str, Any]]:
    """Funding rows from after the last reading of the account book that the fakes answered."""
    asked_ms = max(
        (r["time_ms"] for r in evidence.wire.requests if r["path"].endswith("/account_book") and r["status"] == 200),
        default=0,
    )
    return [row for row in evidence.audit["ledger"] if row["type"] == "fund" and int(row["time_ms"]) >= asked_ms]


def _without(audit: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The audit as if these rows had not happened."""
    balances = {venue: dict(assets) for venue, assets in audit["balances"].items()}
    for row in rows:
        assets = balances[row["venue"]]
        assets[row["asset"]] = plain(Decimal(assets[row["asset"]]) - Decimal(row["change"]))
    return audit | {"balances": balances}


def naked_spans(audit: dict[str, Any], base: str, lot: Decimal) -> list[tuple[int, int]]:
    """From when to when delta was beyond one lot, by the venues' own fills; ms. What has no end lasts until the audit.

    Args:
        base: the coin that is held.
        lot: base units of one contract: what may stay unhedged.
    """
    delta, began, found = ZERO, -1, []
    for fill in sorted(audit["fills"], key=lambda fill: int(fill["time_ms"])):
        delta += _moved(fill, base, lot)
        at_ms = int(fill["time_ms"])
        if abs(delta) > lot:
            began = at_ms if began < 0 else began
        elif began >= 0:
            found.append((began, at_ms))
            began = -1
    return [*found, (began, int(audit["time"]))] if began >= 0 else found


def naked_ms(audit: dict[str, Any], since_ms: int) -> int:
    """The longest time, not over at `since_ms`, for which delta was beyond one lot."""
    spans = naked_spans(audit, SYMBOL.base, TOLERANCE_BASE)
    return max((end - began for began, end in spans if end >= since_ms), default=0)


def delta_base(audit: dict[str, Any]) -> Decimal:
    """What is unhedged, in base units, by the venues' own fills."""
    return sum((_moved(fill, SYMBOL.base, MULTIPLIER) for fill in audit["fills"]), ZERO)


def _moved(fill: dict[str, Any], base: str, multiplier: Decimal) -> Decimal:
    sign = 1 if fill["side"] == "buy" else -1
    quantity = Decimal(fill["quantity"]) * sign
    if fill["venue"] == "gate_futures":
        return quantity * multiplier
    fee = Decimal(fill["fee"]) if fill["fee_asset"] == base else ZERO
    return quantity - fee


def bot_creates(wire: Wire, since: int) -> list[dict[str, Any]]:
    """Creates of the bot itself."""
    return [request for request in wire.creates(since) if not is_drill(request["client_id"])]


def venues_of(names: Sequence[str], placed: dict[str, Venue]) -> dict[Venue, int]:
    """How many of these orders are at each venue."""
    return {venue: sum(placed[name] is venue for name in names) for venue in VENUES}
