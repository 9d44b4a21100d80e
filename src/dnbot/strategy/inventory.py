"""What we hold when a size is decided, and what it costs to move it further from the wished split."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.pair import Pair
from dnbot.domain.position import Portfolio
from dnbot.domain.units import ONE, ZERO, divide
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
    perp_equity_quote: Decimal
    """Of the perpetual account; a part of it must stay free (`margin_entry_floor_pct`)."""
    hedge_room_base: Decimal
    """What the hedge budget of this minute still allows: no more is sent than could be repaired at once."""
    portfolio: Portfolio
    bound_base: Decimal = ZERO
    """What a venue has locked, for whomever, and what is between the exchanges: ours, and not to be traded."""

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
    def held_base(self) -> Decimal:
        """Base that is ours, wherever it is."""
        return self.total_base + self.bound_base

    @property
    def delta(self) -> Decimal:
        """Base units that are not hedged."""
        return self.held_base + self.perp_base


def base_after(pair: Pair, quantity: Decimal, gate: Decimal, mexc: Decimal) -> tuple[Decimal, Decimal]:
    """Base on Gate spot and on MEXC spot after `quantity` base units net went through the pair."""
    to_gate, to_mexc = _MOVES[pair]
    return gate + to_gate * quantity, mexc + to_mexc * quantity


def _moves(pair: Pair) -> tuple[Decimal, Decimal]:
    gate, mexc = (Decimal((pair.buy_venue is venue) - (pair.sell_venue is venue)) for venue in SPOT_VENUES)
    return gate, mexc


_MOVES = {pair: _moves(pair) for pair in Pair}
"""Which way base goes: (Gate spot, MEXC spot)."""
_GATE, _MEXC = SPOT_VENUES
_TOWARDS_GATE = frozenset(pair for pair in Pair if pair.buy_venue is _GATE or pair.sell_venue is _MEXC)


def tilt_bps(gate: Decimal, mexc: Decimal, params: StrategyParameters) -> Decimal:
    """How far the split leans to Gate: 0 at `inventory_ratio`, +-`inventory_skew_bps_max` when a venue is empty."""
    total = gate + mexc
    if total <= ZERO:
        return ZERO
    share = divide(gate, total)
    if share < ZERO:
        share = ZERO
    elif share > ONE:
        share = ONE
    away = share - params.inventory_ratio
    if away == ZERO:
        return ZERO
    room = ONE - params.inventory_ratio if away > ZERO else params.inventory_ratio
    return divide(params.inventory_skew_bps_max * away, room)


def inventory_price_bps(pair: Pair, quantity: Decimal, inventory: Inventory, params: StrategyParameters) -> Decimal:
    """What the last unit of `quantity` must earn beyond its edge for where it leaves the inventory.

    Positive when the split leans the wrong way after the trade, negative (a discount) while the trade still brings it
    back. While what is sold is held, it never falls as `quantity` grows: a size can be searched by bisection.
    """
    held = inventory.spot_base
    gate, mexc = base_after(pair, quantity, held.get(_GATE, ZERO), held.get(_MEXC, ZERO))
    tilt = tilt_bps(gate, mexc, params)
    return tilt if pair in _TOWARDS_GATE else -tilt
