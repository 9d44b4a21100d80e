"""More checks for chaos: named promises, each a pure function of the evidence; an empty text is a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dnbot.domain.order import OrderIntent, Purpose, is_ours
from dnbot.domain.units import plain
from dnbot.lab.drills_checks import CLOCK_MS, missing_before
from dnbot.lab.drills_evidence import TOLERANCE_BASE, VENUE_OF, Evidence, bot_creates, delta_base
from dnbot.strategy.turn import ALERT_QUIET_S

IN_FLIGHT_MS = 250
"""What a process had handed to its kernel before it stopped may still arrive so long."""
KILL_S_MAX = 5.0
TICK_MS = 200
"""Alerts have the time of the machine's last tick."""
RISK = frozenset({Purpose.ENTRY, Purpose.EXIT, Purpose.ESTABLISH})


def none_expired(evidence: Evidence) -> str:
    """No venue accepted an order of the bot after the time that its intent allowed."""
    for name, order in evidence.orders().items():
        intent = evidence.intents.get(name)
        if intent is None or not intent.expires_ns:
            continue
        created_ms = int(order["create_ms"]) - evidence.skews.get(VENUE_OF[order["venue"]], 0)
        if created_ms > intent.expires_ns // 1_000_000 + CLOCK_MS:
            return f"{name} was accepted at {created_ms}, it had expired at {intent.expires_ns // 1_000_000}"
    return ""


def one_order_each(evidence: Evidence) -> str:
    """No intent has two orders at the venues: told by their books, which also outlive their request log."""
    names = Counter(str(order["client_id"]).removeprefix("t-") for order in evidence.audit["orders"])
    twice = sorted(name for name, count in names.items() if count > 1 and is_ours(name))
    return f"two orders for one intent: {twice}" if twice else ""


def reads_after(evidence: Evidence, since_ms: int, names: list[str]) -> str:
    """The first order that takes risk and reached a venue since then came after a whole reading of every venue."""
    for request in bot_creates(evidence.wire, 0):
        intent = evidence.intents.get(request["client_id"])
        if request["time_ms"] >= since_ms and intent is not None and intent.takes_risk:
            return missing_before(evidence, since_ms, request, names)
    return ""


def silent_between(evidence: Evidence, from_ms: int, to_ms: int) -> str:
    """Nothing was created while the bot could not have: otherwise it was somebody else."""
    found = [r["client_id"] for r in bot_creates(evidence.wire, 0) if from_ms + IN_FLIGHT_MS < r["time_ms"] < to_ms]
    return f"creates of a stopped bot: {found}" if found else ""


def no_risk_between(evidence: Evidence, from_ms: int, to_ms: int) -> str:
    """Nothing that takes risk reached a venue: what finishes or reduces what is open may."""
    found = []
    for request in bot_creates(evidence.wire, 0):
        intent = evidence.intents.get(request["client_id"])
        if from_ms + IN_FLIGHT_MS < request["time_ms"] < to_ms and (intent is None or intent.takes_risk):
            found.append(request["client_id"])
    return f"risk was taken under a halt: {found}" if found else ""


def kill_kept_its_word(detail: Mapping[str, Any]) -> dict[str, str]:
    """By what was seen from outside: it ended well, in time, nothing of ours was left then, and the halt is stored."""
    code, took_s, left, mode = detail["kill_exit"], detail["kill_s"], detail["own_open"], detail["mode"]
    return {
        "kill_exit": "" if code == 0 else f"kill ended with {code}: {detail['kill_said']}",
        "kill_in_time": "" if took_s <= KILL_S_MAX else f"kill took {took_s} s, allowed {KILL_S_MAX:.0f}",
        "swept_while_stopped": f"open after the kill: {left}" if left else "",
        "halted": "" if mode == "HALTED" else f"mode {mode} after the kill",
    }


def no_risk_spilled(spilled: Mapping[str, OrderIntent]) -> str:
    """Only ways out may be committed to a file instead of the database."""
    found = sorted(name for name, intent in spilled.items() if intent.purpose in RISK)
    return f"risk was taken on the word of a file: {found}" if found else ""


def spill_arrived(evidence: Evidence) -> str:
    """What was committed to the file is in the database by now."""
    lost = sorted(
        name for name in evidence.spilled
        if name not in evidence.intents or evidence.intents[name].committed_ms is None
    )
    return f"spilled and never in the database: {lost}" if lost else ""


def loss_recorded(alerts_ms: Sequence[int], fault_ms: int) -> str:
    """There is an alert that the database is away: of this absence, or of one so near that this one's is quiet."""
    since_ms = fault_ms - round(ALERT_QUIET_S * 1000) - TICK_MS
    return "" if any(at_ms >= since_ms for at_ms in alerts_ms) else "no alert of the database's absence in the database"


def delta_neutral(evidence: Evidence) -> str:
    """By the venues' fills, no more than one lot is unhedged."""
    delta = delta_base(evidence.audit)
    return f"delta is {plain(delta)}, allowed {plain(TOLERANCE_BASE)}" if abs(delta) > TOLERANCE_BASE else ""


def naked_within(naked_ms: int, limit_s: float) -> str:
    """Delta was beyond one lot no longer than what happened explains."""
    return f"naked for {naked_ms} ms, allowed {limit_s:.0f} s" if naked_ms > limit_s * 1000 else ""


def mode_sound(evidence: Evidence, expected: str) -> str:
    """The trading mode in force, by the database. A lowered one that was not expected is told with its reason."""
    mode, why = evidence.mode
    if mode != expected:
        return f"mode {mode}, expected {expected}: {why}"
    return "" if mode == "ACTIVE" or why else f"mode {mode} without a reason"


def struck(detail: Mapping[str, object], proof: str) -> str:
    """What was meant to be hurt was hurt: nothing follows from a fault that missed."""
    return "" if detail.get(proof) else f"nothing was hurt: {proof} is {detail.get(proof, 'unknown')}"
