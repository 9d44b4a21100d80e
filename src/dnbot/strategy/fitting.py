"""Whether the parameters fit what the venues offer: rules that need an instrument or a price, and so no file can break.

Each returns one sentence for the operator, or None. `check` tells them beforehand; INITIALIZING refuses by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dnbot.domain.instrument import SPOT_VENUES, Instrument, Venue
from dnbot.domain.units import divide, plain
from dnbot.strategy.parameters import StrategyParameters


def tolerance_problem(params: StrategyParameters, perp_lot: Decimal) -> str | None:
    """Why `delta_tolerance_base` cannot be kept with contracts of `perp_lot` base units, or None.

    A perpetual order is a whole number of lots, so up to half a lot always stays unhedged.
    """
    tolerance, half = params.tolerance_base(perp_lot), divide(perp_lot, Decimal(2))
    if tolerance < half:
        return (
            f"delta_tolerance_base is {plain(tolerance)}, below half a contract lot ({plain(half)} {params.symbol.base}"
            "): what is left after the best hedge would count as drift, and be hedged for ever"
        )
    limit = params.delta_hard_limit_base
    if limit is not None and limit < tolerance:
        return (
            f"delta_hard_limit_base is {plain(limit)}, below the tolerance {plain(tolerance)} {params.symbol.base}"
            ": what is left alone cannot be too much"
        )
    return None


def order_problem(
    params: StrategyParameters, instruments: Mapping[Venue, Instrument], mid: Decimal
) -> str | None:
    """Why no order of these parameters can meet every venue's minimum at a price of `mid`, or None."""
    for venue, instrument in instruments.items():
        least = smallest_order(instrument, mid)
        if params.max_order_notional_quote < least * mid:
            return (
                f"max_order_notional_quote is {plain(params.max_order_notional_quote)}, below the smallest order of "
                f"{venue.value}, {plain(round(least * mid, 2))} {params.symbol.quote}: nothing could be sent"
            )
    return None


def size_problem(
    params: StrategyParameters, instruments: Mapping[Venue, Instrument], mid: Decimal
) -> str | None:
    """Why `base_position_size` is too small to be split and hedged at a price of `mid`, or None."""
    share = min(params.inventory_ratio, 1 - params.inventory_ratio) or Decimal(1)
    part = share * params.base_position_size
    for venue, instrument in instruments.items():
        least = smallest_order(instrument, mid)
        if part < least:
            return (
                f"base_position_size is {plain(params.base_position_size)}: {plain(part)} of it goes to one venue, "
                f"below the smallest order of {venue.value}, {plain(round(least, 8))} {params.symbol.base}"
            )
    return None


def smallest_order(instrument: Instrument, mid: Decimal) -> Decimal:
    """The smallest quantity that the venue accepts at a price of `mid`, base units; not rounded to its lot."""
    return max(instrument.lot_size, instrument.min_quantity, divide(instrument.min_notional, mid))


def spot_mid(mids: Mapping[Venue, Decimal]) -> Decimal:
    """The mean of the spot mids that are known; raises ValueError without any."""
    known = [mids[venue] for venue in SPOT_VENUES if venue in mids]
    if not known:
        raise ValueError("no spot mid is known")
    return divide(sum(known, Decimal(0)), Decimal(len(known)))
