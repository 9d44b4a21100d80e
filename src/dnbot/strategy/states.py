"""The nine states, what moves between them, and what each may send: two tables and nothing else.

A trigger that a state does not list raises and changes nothing. `docs/states.md` is drawn from these tables.
"""

from __future__ import annotations

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.order import Purpose
from dnbot.domain.word import Word


class StrategyState(Word):
    """Where the strategy is."""

    INITIALIZING = "initializing"
    ESTABLISHING_DELTA_NEUTRAL = "establishing_delta_neutral"
    DELTA_NEUTRAL_ACTIVE = "delta_neutral_active"
    MONITORING_SPREADS = "monitoring_spreads"
    PREPARING_ARBITRAGE = "preparing_arbitrage"
    EXECUTING_ARBITRAGE = "executing_arbitrage"
    REBALANCING_DELTA = "rebalancing_delta"
    ERROR_RECOVERY = "error_recovery"
    SHUTDOWN = "shutdown"


class Trigger(Word):
    """Why a state is left."""

    RECONCILED = "reconciled"
    INVENTORY_OUT_OF_BAND = "inventory_out_of_band"
    HEDGED = "hedged"
    MARKET_FRESH = "market_fresh"
    MARKET_STALE = "market_stale"
    OPPORTUNITY_FOUND = "opportunity_found"
    COMMITTED = "committed"
    REFUSED = "refused"
    LEGS_DONE = "legs_done"
    RESIDUAL_LEFT = "residual_left"
    DELTA_DRIFTED = "delta_drifted"
    DELTA_RESTORED = "delta_restored"
    REPAIR_FAILED = "repair_failed"
    HARD_LIMIT = "hard_limit"
    MARGIN_LOW = "margin_low"
    MODE_CHANGED = "mode_changed"
    RECOVERY_SPENT = "recovery_spent"
    FAULT = "fault"
    STOP = "stop"


class TradingMode(Word):
    """How much the bot may do, beside the state: persisted, lowered by latches, raised only by a person."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


_S, _T = StrategyState, Trigger
_ANYWHERE = {_T.FAULT: _S.ERROR_RECOVERY, _T.STOP: _S.SHUTDOWN}

TRANSITIONS: dict[StrategyState, dict[Trigger, StrategyState]] = {
    _S.INITIALIZING: {_T.RECONCILED: _S.ESTABLISHING_DELTA_NEUTRAL, **_ANYWHERE},
    _S.ESTABLISHING_DELTA_NEUTRAL: {
        _T.HEDGED: _S.DELTA_NEUTRAL_ACTIVE,
        _T.REPAIR_FAILED: _S.ERROR_RECOVERY,
        **_ANYWHERE,
    },
    _S.DELTA_NEUTRAL_ACTIVE: {
        _T.MARKET_FRESH: _S.MONITORING_SPREADS,
        _T.MARGIN_LOW: _S.ESTABLISHING_DELTA_NEUTRAL,
        _T.DELTA_DRIFTED: _S.REBALANCING_DELTA,
        _T.HARD_LIMIT: _S.REBALANCING_DELTA,
        **_ANYWHERE,
    },
    _S.MONITORING_SPREADS: {
        _T.OPPORTUNITY_FOUND: _S.PREPARING_ARBITRAGE,
        _T.DELTA_DRIFTED: _S.REBALANCING_DELTA,
        _T.HARD_LIMIT: _S.REBALANCING_DELTA,
        _T.MARKET_STALE: _S.DELTA_NEUTRAL_ACTIVE,
        _T.MARGIN_LOW: _S.DELTA_NEUTRAL_ACTIVE,
        **_ANYWHERE,
    },
    _S.PREPARING_ARBITRAGE: {
        _T.COMMITTED: _S.EXECUTING_ARBITRAGE,
        _T.REFUSED: _S.MONITORING_SPREADS,
        _T.MODE_CHANGED: _S.MONITORING_SPREADS,
        _T.MARKET_STALE: _S.DELTA_NEUTRAL_ACTIVE,
        _T.MARGIN_LOW: _S.DELTA_NEUTRAL_ACTIVE,
        _T.DELTA_DRIFTED: _S.REBALANCING_DELTA,
        _T.HARD_LIMIT: _S.REBALANCING_DELTA,
        **_ANYWHERE,
    },
    _S.EXECUTING_ARBITRAGE: {
        _T.LEGS_DONE: _S.MONITORING_SPREADS,
        _T.RESIDUAL_LEFT: _S.REBALANCING_DELTA,
        **_ANYWHERE,
    },
    _S.REBALANCING_DELTA: {
        _T.DELTA_RESTORED: _S.DELTA_NEUTRAL_ACTIVE,
        _T.REPAIR_FAILED: _S.ERROR_RECOVERY,
        **_ANYWHERE,
    },
    _S.ERROR_RECOVERY: {
        _T.RECONCILED: _S.DELTA_NEUTRAL_ACTIVE,
        _T.INVENTORY_OUT_OF_BAND: _S.ESTABLISHING_DELTA_NEUTRAL,
        _T.RECOVERY_SPENT: _S.SHUTDOWN,
        **_ANYWHERE,
    },
    _S.SHUTDOWN: {},
}

_P, _M = Purpose, TradingMode
_EVERY_MODE = frozenset(TradingMode)
_NOT_HALTED = frozenset({_M.ACTIVE, _M.REDUCING})
_ONLY_ACTIVE = frozenset({_M.ACTIVE})

GATE: dict[tuple[StrategyState, Purpose], frozenset[TradingMode]] = {
    (_S.ESTABLISHING_DELTA_NEUTRAL, _P.ESTABLISH): _ONLY_ACTIVE,
    (_S.ESTABLISHING_DELTA_NEUTRAL, _P.HEDGE): _EVERY_MODE,
    (_S.ESTABLISHING_DELTA_NEUTRAL, _P.UNWIND): _EVERY_MODE,
    (_S.ESTABLISHING_DELTA_NEUTRAL, _P.FLATTEN): frozenset({_M.REDUCING}),
    (_S.PREPARING_ARBITRAGE, _P.ENTRY): _ONLY_ACTIVE,
    (_S.PREPARING_ARBITRAGE, _P.EXIT): _NOT_HALTED,
    (_S.EXECUTING_ARBITRAGE, _P.ENTRY): _ONLY_ACTIVE,
    (_S.EXECUTING_ARBITRAGE, _P.EXIT): _NOT_HALTED,
    (_S.EXECUTING_ARBITRAGE, _P.HEDGE): _EVERY_MODE,
    (_S.REBALANCING_DELTA, _P.HEDGE): _EVERY_MODE,
    (_S.REBALANCING_DELTA, _P.UNWIND): _EVERY_MODE,
    (_S.ERROR_RECOVERY, _P.HEDGE): _EVERY_MODE,
    (_S.ERROR_RECOVERY, _P.UNWIND): _EVERY_MODE,
    (_S.SHUTDOWN, _P.HEDGE): _EVERY_MODE,
    (_S.SHUTDOWN, _P.UNWIND): _EVERY_MODE,
    (_S.SHUTDOWN, _P.FLATTEN): _EVERY_MODE,
    **{(state, _P.CANCEL): _EVERY_MODE for state in StrategyState},
}
"""Which trading modes allow a purpose in a state; a missing cell allows none. This is the gate of every order.

A hedge is allowed even when HALTED where it only finishes what is open: an unhedged leg is the larger risk.
"""


TRANSFER_STATES = frozenset({
    _S.ESTABLISHING_DELTA_NEUTRAL, _S.DELTA_NEUTRAL_ACTIVE, _S.MONITORING_SPREADS, _S.PREPARING_ARBITRAGE,
    _S.EXECUTING_ARBITRAGE, _S.REBALANCING_DELTA,
})
"""Where money may be moved between wallets of ours, in every mode but HALTED."""


def target(state: StrategyState, trigger: Trigger) -> StrategyState:
    """Where a trigger leads.

    Raises:
        InvariantBroken: the state does not know the trigger.
    """
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise InvariantBroken(f"{state.name} has no edge for {trigger.name}") from None


def allows(state: StrategyState, mode: TradingMode, purpose: Purpose) -> bool:
    """Whether an order of this purpose may leave now."""
    return mode in GATE.get((state, purpose), frozenset())


def gate_code(state: StrategyState, mode: TradingMode, purpose: Purpose) -> str | None:
    """With which code an order of this purpose is denied, or None: a mode is named where another would allow it."""
    if allows(state, mode, purpose):
        return None
    if not GATE.get((state, purpose)):
        return "STATE_NOT_TRADING"
    return "KILLED" if mode is TradingMode.HALTED else "REDUCING_ONLY"


def allows_transfer(state: StrategyState, mode: TradingMode) -> bool:
    """Whether money may be moved between wallets of ours now."""
    return state in TRANSFER_STATES and mode in _NOT_HALTED


def draw() -> str:
    """Both tables as Markdown: the content of `docs/states.md`."""
    lines = ["# States", "", "Drawn from `src/dnbot/strategy/states.py`; a test keeps this page true.", ""]
    lines += ["## Edges", "", "| from | on | to |", "| --- | --- | --- |"]
    for state, edges in TRANSITIONS.items():
        lines += [f"| {state.name} | {trigger.name} | {to.name} |" for trigger, to in edges.items()]
    lines += ["| SHUTDOWN | - | nothing leaves |", "", "```mermaid", "stateDiagram-v2", "    [*] --> INITIALIZING"]
    for state, edges in TRANSITIONS.items():
        lines += [f"    {state.name} --> {to.name}: {trigger.name}" for trigger, to in edges.items()]
    lines += ["    SHUTDOWN --> [*]", "```", "", "## The gate of every order", ""]
    purposes = list(Purpose)
    lines += ["Cells name the trading modes that allow the purpose: A active, R reducing, H halted.", ""]
    lines += ["| state | " + " | ".join(p.name for p in purposes) + " |", "| --- |" + " --- |" * len(purposes)]
    for state in StrategyState:
        cells = ("".join(m.name[0] for m in TradingMode if allows(state, m, p)) or "-" for p in purposes)
        lines.append(f"| {state.name} | " + " | ".join(cells) + " |")
    where = ", ".join(state.name for state in StrategyState if state in TRANSFER_STATES)
    lines += ["", f"Money moves between wallets of ours (`margin_top_up`) in every mode but HALTED, in: {where}."]
    return "\n".join(lines) + "\n"
