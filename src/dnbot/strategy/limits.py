"""What bounds a pair's quantity besides its edge. Every bound carries the reason it is declined with."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from dnbot.domain.pair import PairKind
from dnbot.domain.units import ZERO, Price, Quantity, divide, floor_to
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.ladder import Ladder, largest
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import Doubt

HUNDRED = Decimal(100)
Limit = tuple[str, Decimal]
"""(reason code, base units net)"""


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity that both venues accept, with the limit prices of both orders."""

    quantity: Decimal
    """Base units net."""
    buy_quantity: Quantity
    buy_cap: Price
    sell_cap: Price


def held(ladder: Ladder, inventory: Inventory, params: StrategyParameters) -> tuple[Limit, ...]:
    """Bounds from what we hold, whatever the prices: base to sell, room for a carry, a short to reduce, and what could
    be hedged within this minute should one leg fail.
    """
    pair, limits = ladder.pair, [repairable(inventory)]
    if pair.sell_venue.is_spot:
        limits.append(("INVENTORY", inventory.base_on(pair.sell_venue)))
    if pair.kind is PairKind.CARRY_OPEN:
        room = params.base_position_size * params.max_position_multiplier - inventory.held_base
        limits.append(("CAP", room))
    if pair.kind is PairKind.CARRY_CLOSE:
        limits.append(("INVENTORY", inventory.held_base - params.base_position_size))
        limits.append(("INVENTORY", -inventory.perp_base))
    return tuple(limits)


def repairable(inventory: Inventory) -> Limit:
    """The bound of what the hedge budget could bring back to zero if only one leg traded."""
    return "HEDGE_BUDGET", inventory.hedge_room_base


def affordable(
    ladder: Ladder, inventory: Inventory, params: StrategyParameters, mark: Decimal, buy_cap: Price, sell_cap: Price
) -> tuple[Limit, ...]:
    """Bounds at these limit prices: depth, quote, margin, order size."""
    limits = [("DEPTH", depth_room(ladder, params, buy_cap, sell_cap)), *order_limits(ladder, params, buy_cap)]
    if ladder.pair.buy_venue.is_spot:
        cost = buy_cap if ladder.buy_fee.buy_fee_in_base else buy_cap * (1 + ladder.buy_fee.taker)
        limits.append(("QUOTE", ladder.order_room(divide(inventory.quote_on(ladder.pair.buy_venue), cost))))
    if ladder.pair.kind is PairKind.CARRY_OPEN:
        limits.append(("MARGIN", margin_room(ladder, inventory, params, mark)))
    return tuple(limits)


def depth_room(ladder: Ladder, params: StrategyParameters, buy_cap: Price, sell_cap: Price) -> Decimal:
    """`depth_share_max` of what both sides show inside the caps, rounding of the buy order included."""
    asks, bids = ladder.depths(buy_cap, sell_cap)
    share = params.depth_share_max
    return min(ladder.order_room(asks * share), bids * share)


def order_limits(ladder: Ladder, params: StrategyParameters, buy_cap: Price) -> tuple[Limit, ...]:
    """Bounds of one order: our own cap on its notional, and each venue's on quantity and notional.

    A sell is valued at the best bid, which is never below its limit price.
    """
    bid = ladder.bids[0][0]
    limits: list[Limit] = [
        ("CAP", ladder.order_room(divide(params.max_order_notional_quote, buy_cap))),
        ("CAP", divide(params.max_order_notional_quote, bid)),
    ]
    if ladder.buy.max_quantity is not None:
        limits.append(("MAX_QTY", ladder.order_room(ladder.buy.max_quantity)))
    if ladder.sell.max_quantity is not None:
        limits.append(("MAX_QTY", ladder.sell.max_quantity))
    if ladder.buy.max_notional is not None:
        limits.append(("MAX_NOTIONAL", ladder.order_room(divide(ladder.buy.max_notional, buy_cap))))
    if ladder.sell.max_notional is not None:
        limits.append(("MAX_NOTIONAL", divide(ladder.sell.max_notional, bid)))
    return tuple(limits)


def margin_room(ladder: Ladder, inventory: Inventory, params: StrategyParameters, mark: Decimal) -> Decimal:
    """Base units that the free margin carries at the configured leverage, the fee included, with the floor left."""
    price = max(ladder.bids[0][0], mark)
    per_base = price * (divide(Decimal(1), Decimal(params.leverage)) + ladder.sell_fee.taker)
    kept = divide(max(ZERO, inventory.perp_equity_quote) * params.margin_entry_floor_pct, HUNDRED)
    return divide(max(ZERO, inventory.margin_free_quote - kept), per_base)


def size(
    ladder: Ladder,
    limits: tuple[Limit, ...],
    required_bps: Callable[[Decimal], Decimal],
    reserve_bps: Decimal,
    priced: Callable[[Price, Price], tuple[Limit, ...]],
) -> Sized | Doubt:
    """The largest quantity whose last unit earns `required_bps`, inside all limits, valid on both venues.

    Args:
        limits: bounds that hold whatever the prices.
        required_bps: requirement on the last unit of a quantity; it must not fall as the quantity grows.
        reserve_bps: the part of the requirement that slippage may use up: the price caps allow for it.
        priced: bounds at given limit prices (buy, sell).
    """
    reason, top = min((*limits, ("DEPTH", sum((q for _, q in ladder.bids), ZERO))), key=lambda limit: limit[1])

    def holds(quantity: Decimal) -> bool:
        prices = ladder.worst(quantity)
        return prices is not None and ladder.earned_bps(*prices) >= required_bps(quantity)

    quantity = largest(ladder.step, ZERO, max(ZERO, top), holds)
    prices = ladder.worst(quantity) if quantity > 0 else None
    if prices is None:
        why = reason if top < ladder.step else "DEPTH"
        return why, f"less than one step of {ladder.step} pays or is possible ({reason} allows {top})"
    buy_cap, sell_cap = ladder.caps(*prices, required_bps(quantity) - reserve_bps)
    bound, most = min(priced(buy_cap, sell_cap), key=lambda limit: limit[1])
    if most < quantity:
        reason, top, quantity = bound, most, floor_to(most, ladder.step)
    return _valid(ladder, quantity, buy_cap, sell_cap, (reason, top) if quantity + ladder.step > top else None)


def _valid(
    ladder: Ladder, quantity: Decimal, buy_cap: Price, sell_cap: Price, bound: Limit | None
) -> Sized | Doubt:
    """Both venues' own rules; a quantity that is too small is declined for what made it small."""
    buy_quantity = ladder.buy_quantity(quantity)
    problem = ladder.buy.problem_with(buy_quantity, buy_cap) or ladder.sell.problem_with(quantity, sell_cap)
    if problem is None:
        return Sized(quantity=quantity, buy_quantity=buy_quantity, buy_cap=buy_cap, sell_cap=sell_cap)
    if bound is None:
        return problem, f"{quantity} does not satisfy both venues: {problem}"
    return bound[0], f"{bound[0]} allows {bound[1]}, which does not satisfy both venues: {problem}"
