"""What we hold when a size is decided, and what it costs to move it further from the wished split."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.pair import Pair
from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO, divide
from dnbot.strategy.parameters import StrategyParameters


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What is free to trade with, as our own ledger knows it: base units and quote units."""

    spot_base: dict[Venue, Decimal]
    """Free base per spot venue."""
    quote: dict[Venue, Decimal]
    """Free quote per spot venue."""
    perp_base: Decimal
    """Signed; negative is short."""
    margin_free_quote: Decimal
    """On the perpetual, available for new positions."""
    hedge_room_base: Decimal
    """What the hedge budget of this minute still allows: no more is sent than could be repaired at once."""
    portfolio: Portfolio

    def base_on(self, venue: Venue) -> Decimal:
        """Free base on one spot venue."""
        return self.spot_base.get(venue, ZERO)

    def quote_on(self, venue: Venue) -> Decimal:
        """Free quote on one spot venue."""
        return self.quote.get(venue, ZERO)

    @property
    def total_base(self) -> Decimal:
        """Free base over both spot venues."""
        return sum((self.base_on(venue) for venue in SPOT_VENUES), ZERO)

    @property
    def delta(self) -> Decimal:
        """Base units that are not hedged."""
        return self.total_base + self.perp_base


def base_after(pair: Pair, quantity: Decimal, inventory: Inventory) -> dict[Venue, Decimal]:
    """Base per spot venue after `quantity` base units net went through the pair."""
    after = {venue: inventory.base_on(venue) for venue in SPOT_VENUES}
    if pair.buy_venue.is_spot:
        after[pair.buy_venue] += quantity
    if pair.sell_venue.is_spot:
        after[pair.sell_venue] -= quantity
    return after


def tilt_bps(base: dict[Venue, Decimal], params: StrategyParameters) -> Decimal:
    """How far the split leans to Gate: 0 at `inventory_ratio`, +-`inventory_skew_bps_max` when a venue is empty."""
    gate, mexc = base[Venue.GATE_SPOT], base[Venue.MEXC_SPOT]
    if gate + mexc <= 0:
        return ZERO
    share = min(max(divide(gate, gate + mexc), ZERO), Decimal(1))
    away = share - params.inventory_ratio
    if away == 0:
        return ZERO
    room = Decimal(1) - params.inventory_ratio if away > 0 else params.inventory_ratio
    return divide(params.inventory_skew_bps_max * away, room)


def inventory_price_bps(pair: Pair, quantity: Decimal, inventory: Inventory, params: StrategyParameters) -> Decimal:
    """What the last unit of `quantity` must earn beyond its edge for where it leaves the inventory.

    Positive when the split leans the wrong way after the trade, negative (a discount) while the trade still brings it
    back. While what is sold is held, it never falls as `quantity` grows: a size can be searched by bisection.
    """
    tilt = tilt_bps(base_after(pair, quantity, inventory), params)
    towards_gate = pair.buy_venue is Venue.GATE_SPOT or pair.sell_venue is Venue.MEXC_SPOT
    return tilt if towards_gate else -tilt
