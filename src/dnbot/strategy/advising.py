"""What strategy plugins ask of entries beyond our own requirement. It only narrows: nothing here lets anything through.

Advice is an event like any other, so a replay needs no plugin. It is asked of entries alone: ways out, hedges and what
builds the position do not look at it. An adviser that is silent refuses, because whoever configured it wants it heard.
"""

from __future__ import annotations

from dnbot.domain.messages import EntryAdvised, FleetRiskTold
from dnbot.domain.order import Purpose
from dnbot.domain.pair import Opportunity
from dnbot.domain.units import plain
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.turn import Turn


def fold_advice(turn: Turn, event: EntryAdvised | FleetRiskTold) -> None:
    """The newest of each adviser that was configured, that of anybody else is no advice; and of the fleet."""
    if isinstance(event, FleetRiskTold):
        turn.change(fleet=event)
    elif event.by in turn.context.advisers:
        turn.change(advice={**turn.context.advice, event.by: event})


def advised_against(context: StrategyContext, found: Opportunity) -> str | None:
    """Why an adviser would not have this entry now; None: nobody objects, or nobody is asked about it."""
    if found.purpose is not Purpose.ENTRY:
        return None
    for name in context.advisers:
        why = _objection(context.advice.get(name), context.now_s, found)
        if why is not None:
            return f"{name}: {why}"
    return None


def _objection(advice: EntryAdvised | None, now_s: float, found: Opportunity) -> str | None:
    if advice is None:
        return "has not advised yet"
    if not now_s <= advice.valid_until_s:
        return f"its advice was for {now_s - advice.valid_until_s:.1f} s ago"
    for pair in advice.pairs:
        if pair.pair_name != found.pair_name:
            continue
        if pair.refuse:
            return pair.why or "refuses"
        beyond = found.edge_bps - found.required_bps
        if not (pair.extra_bps.is_finite() and beyond >= pair.extra_bps):
            return f"{plain(beyond)} bps beyond what is required, it wants {pair.extra_bps} {pair.why}".rstrip()
    return None
