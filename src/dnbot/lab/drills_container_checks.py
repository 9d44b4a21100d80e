"""What a container left behind after its end, and the verdicts on it: the fakes' audit, and the database's rows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from dnbot.domain.order import is_ours
from dnbot.domain.units import plain
from dnbot.lab import drills_checks as checks
from dnbot.lab import drills_verdicts as verdicts
from dnbot.lab.drills_evidence import (
    ENTRIES,
    EXECUTIONS,
    INTENTS,
    MODE,
    MULTIPLIER,
    RUNS,
    TRADE_IDS,
    TRANSITIONS,
    VENUE_OF,
    Evidence,
    Wire,
    intent_of,
)
from dnbot.lab.drills_stage import SYMBOL
from dnbot.lab.ledger_check import position_residual, residuals, venue_name
from dnbot.operate.fakes_process import read_audit
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import open_postgres_store

EXECUTING = "EXECUTING_ARBITRAGE"


@attrs.frozen
class Left:
    """Everything that an ended container left in its state folder."""

    evidence: Evidence
    residual: dict[str, dict[str, str]]
    unbooked: list[str]
    adjustments: int


async def read_left(home: Path, scratch: Path, log: EventLog) -> Left:
    """Read it, with a server of our own on a copy of the database.

    Raises:
        ConfigError, OperatingError: there is no audit, or the database cannot be read.
    """
    audit = read_audit(home / "fakes")
    copy = scratch / f"copy-of-{home.name}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home / "postgres", copy)
    try:
        async with embedded_postgres(copy, log) as server, open_postgres_store(server.dsn, log=log) as store:
            intents = [intent_of(row) for row in await store.read(INTENTS, str(SYMBOL))]
            modes = await store.read(MODE, str(SYMBOL))
            evidence = Evidence(
                audit=audit,
                intents={intent.client_order_id: intent for intent in intents},
                transitions=await store.read(TRANSITIONS, str(SYMBOL), 0),
                runs=await store.read(RUNS, str(SYMBOL)),
                executions=await store.read(EXECUTIONS, str(SYMBOL), 0),
                wire=Wire(creates_of(audit)),
                spilled={},
                skews={},
                mode=(modes[0]["to_mode"], modes[0]["why"]) if modes else ("ACTIVE", ""),
            )
            entries = await store.read(ENTRIES, str(SYMBOL))
            totals = await store.ledger_totals(SYMBOL)
            residual = residuals(audit, totals, unbooked_funding(audit, {str(row["entry_id"]) for row in entries}))
            fills = await store.fills_of(SYMBOL)
            residual["GATEIO_FUTURES"]["contracts"] = plain(position_residual(audit, fills, MULTIPLIER))
            booked = {row["key"] for row in await store.read(TRADE_IDS, str(SYMBOL))}
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    trades = {f"{VENUE_OF[fill['venue']].value}:{fill['trade_id']}" for fill in audit["fills"]}
    return Left(evidence, residual, sorted(trades - booked), sum(total.adjustments for total in totals))


def creates_of(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The creates that became orders, as the fakes' request log has them: nobody outside could ask for that log."""
    orders = sorted(audit["orders"], key=lambda order: int(order["create_ms"]))
    return [
        {
            "number": number, "time_ms": int(order["create_ms"]), "venue": order["venue"], "method": "POST",
            "path": "", "client_id": order["client_id"], "create": True, "status": 200,
        }
        for number, order in enumerate(orders)
    ]  # fmt: skip


def unbooked_funding(audit: Mapping[str, Any], booked: set[str]) -> dict[tuple[str, str], Decimal]:
    """Funding after the newest row of that venue which is booked: it was settled after the last read."""
    found: dict[tuple[str, str], Decimal] = {}
    known = [row for row in audit["ledger"] if f"{VENUE_OF[row['venue']].value}:row:{row['id']}" in booked]
    for row in audit["ledger"]:
        newest_ms = max((int(r["time_ms"]) for r in known if r["venue"] == row["venue"]), default=0)
        if row["type"] == "fund" and int(row["time_ms"]) > newest_ms:
            key = (venue_name(row["venue"]), row["asset"])
            found[key] = found.get(key, Decimal(0)) + Decimal(row["change"])
    return found


def judge(left: Left) -> dict[str, str]:
    """What holds of every container that ended well, by the checks of the other drills."""
    evidence = left.evidence
    wrong = {
        f"{venue} {asset}": value for venue, assets in left.residual.items() for asset, value in assets.items()
        if value != "0"
    }
    own = [order for order in evidence.audit["orders"] if is_ours(str(order["client_id"]).removeprefix("t-"))]
    return {
        "orders_seen": "" if own and not any(evidence.audit["forgotten"].values()) else "the audit is not whole",
        "own_gone": checks.own_gone(evidence),
        "intent_first": checks.intent_first(evidence, 0),
        "one_order_each": verdicts.one_order_each(evidence),
        "none_expired": verdicts.none_expired(evidence),
        "residual": f"{wrong}" if wrong else "",
        "fills_booked": f"not booked: {left.unbooked}" if left.unbooked else "",
        "adjustments": f"{left.adjustments} adjustments" if left.adjustments else "",
        "delta": verdicts.delta_neutral(evidence),
        "mode": verdicts.mode_sound(evidence, "ACTIVE"),
        "no_risk_after_stop": no_risk_after_stop(evidence),
    }


def state_at_stop(evidence: Evidence) -> str:
    """In what state the newest Stop met the machine; empty when none did."""
    stops = [row for row in evidence.transitions if row["trigger"] == "STOP"]
    return str(stops[-1]["from_state"]) if stops else ""


def no_risk_after_stop(evidence: Evidence) -> str:
    """After the newest Stop nothing was decided that takes risk."""
    stops = [row for row in evidence.transitions if row["trigger"] == "STOP"]
    if not stops:
        return "no STOP edge in the database"
    late = [
        name for name, intent in evidence.intents.items()
        if intent.takes_risk and intent.created_ns // 1_000_000 > stops[-1]["at_ms"]
    ]
    return f"decided after the Stop: {sorted(late)}" if late else ""


def closed_in(status: str, wanted: Mapping[str, str]) -> str:
    """What `/proc/PID/status` says of a process, where it is not as wanted."""
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    found = {name: " ".join(lines.get(name, "").split()[:1]) for name in wanted}
    return "" if found == dict(wanted) else f"{found}, wanted {dict(wanted)}"
