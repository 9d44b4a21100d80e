"""Which open alerts ask for a stricter trading mode, and when."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from dnbot.monitor.evaluate import State
from dnbot.monitor.thresholds import MonitorSettings

ACTIONS = ("none", "pause", "halt")
"""What an alert may ask for: nothing; REDUCING; HALTED with every order of ours cancelled."""
DRAWDOWN_ACTIONS = ("none", "halt")
"""At its limit the strategy halts by itself: nothing more, or every order of ours cancelled too."""
AT_ONCE = "drawdown"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that asks for a stricter mode."""

    key: str
    text: str
    ask: str
    """pause or halt."""


def actions_due(state: State, limits: MonitorSettings, acted: Collection[str], now_s: float) -> list[Action]:
    """Those that have been open for `act_after_ms`, a drawdown at its limit at once, and are not among `acted`."""
    found: list[Action] = []
    for key, standing in state.items():
        ask = asked_by(key, standing.level, limits) if standing.level else "none"
        wait_s = 0.0 if key == AT_ONCE else limits.act_after_ms / 1000
        if ask != "none" and key not in acted and now_s - standing.since_s >= wait_s:
            found.append(Action(key=key, text=standing.text, ask=ask))
    return found


def asked_by(key: str, level: str, limits: MonitorSettings) -> str:
    """One of `ACTIONS`; a drawdown that is only a warning asks for nothing."""
    family = key.partition(":")[0]
    if family == AT_ONCE and level != "critical":
        return "none"
    asked = {
        "drawdown": limits.on_drawdown, "naked": limits.on_naked, "pnl_unknown": limits.on_pnl_unknown,
        "clock": limits.on_clock, "api_errors": limits.on_errors, "reject_rate": limits.on_errors,
    }
    return asked.get(family, "none")
