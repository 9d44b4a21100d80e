"""The perpetual's leverage and margin mode as the venue has them: what is not ours is set again, and meanwhile no risk
is added there.
"""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import SetLeverage
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import TradingMode
from dnbot.strategy.turn import Turn

AGAIN_S = 30.0
"""So long after it was asked for, leverage that is still not ours is told of and asked for again."""


def strange_leverage(context: StrategyContext) -> str:
    """What the venue reports of the position where that is not ours; empty when it is, or when nothing is reported."""
    position, params = context.accounts[Venue.GATE_FUTURES].position, context.params
    if position is None:
        return ""
    mode = params.margin_mode if position.is_cross is None else "cross" if position.is_cross else "isolated"
    leverage = position.leverage or params.leverage
    if leverage == params.leverage and mode == params.margin_mode:
        return ""
    return f"{leverage} {mode}"


def leverage_in_force(context: StrategyContext) -> Decimal:
    """With what the position is margined: the lower one of ours and the venue's."""
    position, ours = context.accounts[Venue.GATE_FUTURES].position, Decimal(context.params.leverage)
    return min(position.leverage or ours, ours) if position is not None else ours


def watch_leverage(turn: Turn) -> None:
    """Tell of leverage that is not ours, and have it set again; while HALTED somebody may have meant it."""
    context, venue = turn.context, Venue.GATE_FUTURES
    strange = strange_leverage(context)
    if not strange or context.now_s - context.accounts[venue].leverage_s < AGAIN_S:
        return
    params = context.params
    turn.change_account(venue, leverage_s=context.now_s)
    text = f"{venue.value}: leverage is {strange}, configured is {params.leverage} {params.margin_mode}"
    turn.alert("critical", f"leverage:{venue.value}", f"{text}; no new risk there until it is")
    if context.mode is not TradingMode.HALTED:
        turn.commands.append(SetLeverage(venue, params.leverage, params.margin_mode))
