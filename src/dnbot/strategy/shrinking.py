"""Margin that is low: a transfer restores it, or both legs shrink together until it is above its floor again."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.order import Purpose
from dnbot.domain.units import divide
from dnbot.strategy.asking import tally_decline
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.establish import EstablishPlan, shrink_step
from dnbot.strategy.plans import send_plan
from dnbot.strategy.standing import inventory_of, low_margin
from dnbot.strategy.states import TradingMode
from dnbot.strategy.topping_up import top_up
from dnbot.strategy.turn import Turn

CONFIRM_S = 1.0
"""Margin must be low for so long before anything is sold: one wrong mark or liquidation price is no rally."""


def margin_is_short(turn: Turn) -> bool:
    """Whether both legs must shrink now: margin is low and no transfer restores it. The mode is then REDUCING.

    HALTED means that nobody but a person decides: the alert repeats, and nothing is sent.
    """
    why = low_margin(turn.context)
    if why is None:
        if turn.context.margin_low_s is not None:
            turn.change(margin_low_s=None)
        return False
    if turn.context.margin_low_s is None:
        turn.change(margin_low_s=turn.context.now_s)
    if top_up(turn):
        return False
    turn.alert("critical", "margin_low", why)
    turn.lower_mode(TradingMode.REDUCING, f"MARGIN_LOW: {why}")
    low_s = turn.context.margin_low_s
    lasts = low_s is not None and turn.context.now_s - low_s >= CONFIRM_S
    return lasts and turn.context.mode is TradingMode.REDUCING and can_shrink(turn.context)


def margin_fell(turn: Turn) -> bool:
    """Whether low margin ends what goes on: both legs must shrink, or the mode was lowered for it now."""
    before = turn.context.mode
    return margin_is_short(turn) or turn.context.mode is not before


def can_shrink(context: StrategyContext) -> bool:
    """Whether the short, and the base on some spot venue, are at least one order of the perpetual."""
    perp, price = context.market.instruments.get(Venue.GATE_FUTURES), context.reference_price
    if perp is None or price is None or price <= 0:
        return False
    least = max(perp.lot_size, perp.min_quantity, divide(perp.min_notional, price))
    inventory = inventory_of(context)
    return -inventory.perp_base >= least and max(inventory.base_on(v) for v in SPOT_VENUES) >= least


def shrink(turn: Turn) -> None:
    """One slice less on both legs, once per market; a venue whose book is old takes no part."""
    context = turn.context
    if not context.signal_fresh:
        return
    turn.change(signal_fresh=False)
    books = {venue: book for venue, book in context.market.books.items() if context.book(venue) is not None}
    market = msgspec.structs.replace(context.market, books=books)
    plan = shrink_step(inventory_of(context), market, context.fees, context.params)
    if isinstance(plan, EstablishPlan):
        send_plan(turn, plan, "shrink", Purpose.FLATTEN)
    elif plan is not None:
        tally_decline(turn, plan)
