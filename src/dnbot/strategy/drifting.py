"""Whether delta has drifted, and the edge that this takes."""

from __future__ import annotations

from dnbot.strategy.repairing import needs_hedge
from dnbot.strategy.states import Trigger
from dnbot.strategy.turn import Turn


def drifted(turn: Turn) -> bool:
    context = turn.context
    if context.unsettled:
        return False
    if abs(context.portfolio.delta) > context.params.hard_limit_base:
        turn.alert("critical", "hard_limit", f"delta {context.portfolio.delta} is above its hard limit")
        turn.fire(Trigger.HARD_LIMIT, f"delta {context.portfolio.delta}")
        return True
    if needs_hedge(turn):
        turn.fire(Trigger.DELTA_DRIFTED, f"delta {context.portfolio.delta}")
        return True
    return False
