"""The order that takes a delta back to zero on one venue, inside a price cap that widens step by step."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.order import Side
from dnbot.domain.pair import Declined
from dnbot.domain.units import ZERO, Price, Quantity, ceil_to, divide, floor_to, of_bps
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import worst_price

HALF = Decimal("0.5")
FIRST_CAP_BPS_MIN = Decimal("0.5")
"""Where the widening starts when no slippage is reserved."""
WIDEN_STEPS_MAX = 20
"""More doublings lead beyond any collar."""


class HedgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One immediate-or-cancel order."""

    venue: Venue
    side: Side
    quantity: Quantity
    price: Price
    reduce_only: bool
    reachable: bool
    """Whether the best opposite price lies inside the cap; False: no price is inside it now."""


def hedge_order(
    delta: Decimal,
    market: MarketView,
    instruments: dict[Venue, Instrument],
    params: StrategyParameters,
    *,
    widen_steps: int,
    perp_base: Decimal = ZERO,
    venue: Venue = Venue.GATE_FUTURES,
) -> HedgePlan | Declined | None:
    """What to send against `delta` (signed base units; positive is sold), on the perpetual if nothing else is said.

    Args:
        widen_steps: 0 for the first attempt; the cap is the touch plus the slippage reserve, doubled at every step,
            and never beyond `price_collar_bps` of mid and mark.
        perp_base: our position on the perpetual, signed: an order that only shrinks it is sent reduce-only.

    Returns:
        None when the delta is at most half a lot: no order would bring it nearer to zero. Declined (STALE, CAP or a
        rule of the venue) when it should be hedged and cannot be.
    """
    book, instrument = market.books.get(venue), instruments.get(venue)
    if instrument is not None and abs(delta) <= instrument.lot_size * HALF:
        return None
    if book is None or instrument is None:
        return _declined("STALE", f"no book or instrument of {venue.value} to hedge on")
    side = Side.SELL if delta > 0 else Side.BUY
    touch = book.side_for(side)[0][0]
    bound = worst_price(side, book, instrument, market.mark, params)
    price = _price(side, touch, _cap_bps(widen_steps, params), bound, instrument)
    quantity = _quantity(abs(delta), max(price, touch), instrument, params)
    problem = instrument.problem_with(quantity, price)
    if problem is not None:
        text = f"a hedge of {quantity} at {price} is not valid: {problem}"
        return _declined(problem if quantity > 0 else "CAP", text)
    return HedgePlan(
        venue=venue, side=side, quantity=Quantity(quantity), price=price,
        reduce_only=not venue.is_spot and perp_base * side.sign < 0 and quantity <= abs(perp_base),
        reachable=touch <= price if side is Side.BUY else touch >= price,
    )


def _cap_bps(widen_steps: int, params: StrategyParameters) -> Decimal:
    first = max(params.slippage_reserve_bps, FIRST_CAP_BPS_MIN)
    return min(first * (1 << min(widen_steps, WIDEN_STEPS_MAX)), params.price_collar_bps)


def _price(side: Side, touch: Decimal, cap_bps: Decimal, bound: Decimal, instrument: Instrument) -> Price:
    """Rounded away from the touch, so that a cap smaller than a tick still reaches it; never beyond the bound."""
    raw = touch + side.sign * of_bps(touch, cap_bps)
    if side is Side.BUY:
        return Price(min(ceil_to(raw, instrument.tick_size), bound))
    return Price(max(floor_to(raw, instrument.tick_size), bound))


def _quantity(wanted: Decimal, price: Decimal, instrument: Instrument, params: StrategyParameters) -> Decimal:
    """The nearest lot (the smaller of two equally near), cut to what one order may be."""
    quantity = ceil_to(wanted - instrument.lot_size * HALF, instrument.lot_size)
    most = divide(params.max_order_notional_quote, price)
    if instrument.max_quantity is not None:
        most = min(most, instrument.max_quantity)
    return min(quantity, floor_to(most, instrument.lot_size))


def _declined(reason: str, text: str) -> Declined:
    return Declined(pair_name="", reason=reason, text=text, edge_bps=0.0)
