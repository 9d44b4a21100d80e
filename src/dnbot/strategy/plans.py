"""A spot order and its perpetual twin, checked and handed over together: establishing and flattening."""

from __future__ import annotations

from dnbot.domain.instrument import Venue
from dnbot.domain.order import Purpose, Side
from dnbot.strategy.asking import tally
from dnbot.strategy.establish import EstablishPlan
from dnbot.strategy.risk import check
from dnbot.strategy.risk_inputs import Refused
from dnbot.strategy.standing import risk_inputs
from dnbot.strategy.turn import Turn

WAITS_QUIETLY_S = 10.0
"""Prices and equity come in within seconds of a start; what is refused longer than this a person should know."""


def send_plan(turn: Turn, plan: EstablishPlan, kind: str, purpose: Purpose) -> Refused | None:
    """Both orders to execution; what a risk check refuses is counted under the kind's name, and nothing is sent."""
    execution_id = turn.new_execution_id()
    spot = turn.new_intent(
        plan.spot_venue, plan.spot_side, plan.spot_quantity, plan.spot_price, purpose, execution_id=execution_id,
        leg="s",
    )
    perp = turn.new_intent(
        Venue.GATE_FUTURES, plan.spot_side.opposite, plan.perp_quantity, plan.perp_price, purpose,
        execution_id=execution_id, leg="p", reduce_only=plan.spot_side is Side.SELL,
    )
    verdict = check((spot, perp), risk_inputs(turn.context))
    if isinstance(verdict, Refused):
        tally(turn, kind.upper(), verdict.code, verdict.text)
        tell_that_it_waits(turn, kind, verdict.code, verdict.text)
        return verdict
    turn.execute(kind, execution_id, (spot, perp), None, turn.context.now_s)
    return None


def tell_that_it_waits(turn: Turn, kind: str, code: str, text: str) -> bool:
    """Whether the machine has been in this state so long that a person should know; then an alert says so."""
    lasts = turn.context.now_s - turn.context.state_since_s > WAITS_QUIETLY_S
    if lasts:
        turn.alert("warning", f"waiting:{kind}", f"{kind} waits: {code}: {text}")
    return lasts
