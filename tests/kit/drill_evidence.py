"""Sound evidence of a drill, which tests of its judge then spoil: what a judge says of it is what is under test."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dnbot.domain.instrument import Venue
from dnbot.lab import drills_checks as checks
from dnbot.lab.drills_evidence import Evidence, Intent, Wire
from dnbot.lab.drills_stage import WIRE_NAMES

T = 1_800_000_000_000
"""When the fault struck, ms."""
BEFORE, AFTER, REST = "dnb-2-1-b", "dnb-2-2-b", "dnb-1-9-drill"


def request(number: int, at_ms: int, venue: str, method: str, path: str, name: str = "") -> dict[str, Any]:
    """One line of the fakes' request log."""
    wire_name = f"t-{name}" if name and venue != "mexc_spot" else name
    return {
        "number": number, "time_ms": at_ms, "venue": venue, "method": method, "path": path, "client_id": wire_name,
        "status": 200, "create": method == "POST",
    }


def intent(name: str, created_ms: int, **changes: Any) -> Intent:
    """A Gate spot buy of 0.01, committed 2 ms after its decision."""
    fields: dict[str, Any] = {
        "client_order_id": name, "epoch": int(name.split("-")[1]), "venue": Venue.GATE_SPOT, "side": "buy",
        "quantity": Decimal("0.01"), "price": Decimal(60_000), "purpose": "entry", "created_ns": created_ms * 1_000_000,
        "committed_ms": created_ms + 2, "expires_ns": (created_ms + 1_500) * 1_000_000,
    }
    return Intent(**(fields | changes))


def order(name: str, **changes: Any) -> dict[str, Any]:
    """The same order as the venue tells it."""
    fields: dict[str, Any] = {
        "venue": "gate_spot", "client_id": f"t-{name}", "side": "buy", "quantity": "0.01", "price": "60000",
        "status": "finished", "create_ms": T - 200, "update_ms": T + 100,
    }
    return fields | changes


def sound() -> Evidence:
    """A pair, a fault, a whole recovery that cancels what rested, and a pair again."""
    log = [request(0, T - 200, "gate_spot", "POST", "/api/v4/spot/orders", REST)]
    log.append(request(1, T - 100, "gate_spot", "POST", "/api/v4/spot/orders", BEFORE))
    for venue, paths in checks.READS.items():
        log += [request(len(log) + n, T + 50, WIRE_NAMES[venue], "GET", path) for n, path in enumerate(paths)]
    log.append(request(len(log), T + 1_000, "gate_spot", "POST", "/api/v4/spot/orders", AFTER))
    transitions = [
        {"sequence": 1, "trigger": "FAULT", "why": "cut", "at_ms": T + 10, "from_state": "MONITORING_SPREADS"},
        {"sequence": 2, "trigger": "RECONCILED", "why": "", "at_ms": T + 500, "from_state": "ERROR_RECOVERY"},
    ]
    audit = {
        "orders": [
            order(REST), order(BEFORE, update_ms=T - 99), order(AFTER, create_ms=T + 1_000, update_ms=T + 1_001),
        ],
        "open_orders": [{"client_id": "t-hand-made-1", "venue": "gate_spot"}], "fills": [], "time": T + 2_000,
    }
    intents = {i.client_order_id: i for i in (intent(REST, T - 210), intent(BEFORE, T - 110), intent(AFTER, T + 900))}
    return Evidence(audit, intents, transitions, [], [], Wire(log), {}, {})
