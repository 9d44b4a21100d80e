"""The verdict on one repetition: named checks, each a pure function of the evidence; an empty text is a pass."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from dnbot.domain.instrument import VENUES, Venue
from dnbot.lab.drills_evidence import MULTIPLIER, VENUE_OF, Evidence, Intent, bot_creates, foreign_open, own_open
from dnbot.lab.drills_stage import WIRE_NAMES

READS = {
    Venue.GATE_SPOT: tuple(f"/api/v4/spot/{what}" for what in ("accounts", "orders", "my_trades")),
    Venue.GATE_FUTURES: tuple(f"/api/v4/futures/usdt/{what}" for what in ("accounts", "orders", "my_trades_timerange")),
    Venue.MEXC_SPOT: tuple(f"/api/v3/{what}" for what in ("account", "openOrders", "myTrades")),
}
"""Balances, open orders and trades: what a recovery reads of each venue before it sends anything new."""
CLOCK_MS = 2
"""Rounding between the database's clock and the fakes', which are the machine's."""
_BACK = ("RECONCILED", "INVENTORY_OUT_OF_BAND")


def intent_first(evidence: Evidence, since: int) -> str:
    """Every create of ours had a committed intent before it was on the wire, equal in venue, side, size and price."""
    orders = evidence.orders()
    for request in evidence.wire.creates(since):
        name = request["client_id"]
        intent, order = evidence.intents.get(name), orders.get(name)
        if intent is None:
            return f"{name} was on the wire and has no intent"
        if name not in evidence.spilled:
            if intent.committed_ms is None:
                return f"{name} was on the wire and its intent was never committed"
            if intent.committed_ms > request["time_ms"] + CLOCK_MS:
                return f"{name} was on the wire at {request['time_ms']}, its intent committed at {intent.committed_ms}"
        if order is not None and (difference := _difference(intent, order)):
            return f"{name}: {difference}"
    return ""


def _difference(intent: Intent, order: dict[str, Any]) -> str:
    unit = MULTIPLIER if intent.venue is Venue.GATE_FUTURES else Decimal(1)
    theirs = (order["venue"], order["side"], abs(Decimal(order["quantity"])) * unit, Decimal(order["price"]))
    ours = (WIRE_NAMES[intent.venue], intent.side, intent.quantity, intent.price)
    return "" if ours == theirs else f"committed {ours}, on the wire {theirs}"


def one_shot(evidence: Evidence) -> str:
    """No client id was twice in a create, over the whole stage."""
    twice = [name for name, n in Counter(r["client_id"] for r in evidence.wire.creates()).items() if n > 1]
    return f"twice on the wire: {twice}" if twice else ""


def own_gone(evidence: Evidence) -> str:
    """No order of ours is open."""
    left = own_open(evidence.audit)
    return f"still open: {left}" if left else ""


def foreign_alive(evidence: Evidence, foreign: dict[str, Venue]) -> str:
    """Every foreign order is open."""
    missing = sorted(set(foreign) - set(foreign_open(evidence.audit)))
    return f"foreign orders are gone: {missing}" if missing else ""


def rested(evidence: Evidence, names: list[str], fault_ms: int) -> dict[Venue, int]:
    """How many of these orders lived at each venue when the fault struck."""
    orders = evidence.orders()
    found = dict.fromkeys(VENUES, 0)
    for name in names:
        order = orders[name]
        found[VENUE_OF[order["venue"]]] += order["status"] == "open" or ended_ms(evidence, order) >= fault_ms
    return found


def ended_ms(evidence: Evidence, order: dict[str, Any]) -> int:
    """When an order last changed, by the machine's clock: the venue's own may have been moved."""
    return int(order["update_ms"]) - evidence.skews.get(VENUE_OF[order["venue"]], 0)


def faults_after(evidence: Evidence, fault_ms: int, tick_ms: int = 100) -> list[dict[str, Any]]:
    """Fault edges in the database; their times are those of the machine's last tick."""
    return [row for row in evidence.transitions if row["trigger"] == "FAULT" and row["at_ms"] >= fault_ms - tick_ms]


def reads_after_faults(evidence: Evidence, fault_ms: int, names: list[str]) -> str:
    """After each Fault: lists, balances and trades of every venue were read, ours were cancelled, the machine said
    RECONCILED, and only then the next order that takes risk left."""
    for fault in faults_after(evidence, fault_ms):
        after_ms = fault["at_ms"]
        risky = _first_risky(evidence, lambda intent, at=after_ms: intent.created_ns // 1_000_000 > at)
        if risky is None:
            continue
        if trouble := missing_before(evidence, after_ms, risky, names):
            return f"after the Fault at {after_ms} ({fault['why'][:80]}): {trouble}"
        created_ms = evidence.intents[risky["client_id"]].created_ns // 1_000_000
        back = [t for t in evidence.transitions if t["sequence"] > fault["sequence"] and t["trigger"] in _BACK]
        if not back or back[0]["at_ms"] > created_ms:
            return f"{risky['client_id']} was decided before the machine had reconciled"
    return ""


def reads_after_restart(evidence: Evidence, epoch: int, started_ms: int, names: list[str]) -> str:
    """The new incarnation read lists, balances and trades of every venue, and cancelled ours, before its first create.

    A create of an earlier epoch after its successor began would be a fence that does not hold.
    """
    creates = [r for r in bot_creates(evidence.wire, 0) if evidence.intents[r["client_id"]].epoch == epoch]
    stale = [
        r["client_id"] for r in bot_creates(evidence.wire, 0)
        if r["time_ms"] > started_ms and evidence.intents[r["client_id"]].epoch < epoch
    ]
    if stale:
        return f"orders of an earlier epoch left after epoch {epoch} began: {stale}"
    if not creates:
        return "the new incarnation sent nothing"
    return missing_before(evidence, started_ms, creates[0], names)


def quiet_after_stop(evidence: Evidence, fault_ms: int) -> str:
    """After the Stop nothing new was decided but what finishes what is open, and the accounts were read to the end."""
    stops = [row for row in evidence.transitions if row["trigger"] == "STOP" and row["at_ms"] >= fault_ms - 100]
    if not stops:
        return "no STOP edge in the database"
    at_ms = stops[0]["at_ms"]
    risky = _first_risky(evidence, lambda intent: intent.created_ns // 1_000_000 > at_ms)
    if risky is not None:
        return f"{risky['client_id']} was decided after the Stop"
    end = {"number": evidence.wire.next, "time_ms": 1 << 62}
    return missing_before(evidence, at_ms, end, [])


def _first_risky(evidence: Evidence, wanted: Any) -> dict[str, Any] | None:
    for request in bot_creates(evidence.wire, 0):
        intent = evidence.intents.get(request["client_id"])
        if intent is not None and intent.takes_risk and wanted(intent):
            return request
    return None


def missing_before(evidence: Evidence, after_ms: int, create: dict[str, Any], names: list[str]) -> str:
    """Which reads, and which ends of our resting orders, are missing between a moment and a create."""
    between = [r for r in evidence.wire.requests if r["time_ms"] >= after_ms and r["number"] < create["number"]]
    for venue, paths in READS.items():
        seen = {r["path"] for r in between if r["venue"] == WIRE_NAMES[venue] and r["method"] == "GET"}
        if missing := [path for path in paths if path not in seen]:
            return f"{create.get('client_id', 'the end')} came before {WIRE_NAMES[venue]} was read: {missing}"
    orders = evidence.orders()
    for name in names:
        order = orders[name]
        if order["status"] == "open" or ended_ms(evidence, order) > create["time_ms"]:
            return f"{create['client_id']} came before our resting order {name} was gone"
    return ""
