"""What a trade must earn, in the plainest way: as an entry, as the undoing of an earlier one, and for its place."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.pair import Pair, PairKind
from suite.plain_market import BPS, MILLIONTH, Ground, Past, mid_of

NEVER = Decimal("Infinity")
SAMPLES_MIN = 30


@attrs.frozen
class Terms:
    """What the last unit of a quantity must earn, bps, before its price of place."""

    purpose: str
    needs: list[tuple[Decimal, Decimal]]
    """(up to so much, own edge needed)"""
    discounted: bool
    floor: Decimal
    reserve: Decimal

    def required(self, quantity: Decimal, price: Decimal) -> Decimal:
        """With that price of place."""
        need = next(need for end, need in self.needs if quantity <= end)
        if price >= 0:
            return need + price
        return min(need, max(need + price, self.floor)) if self.discounted else need


def terms_of(pair: Pair, ground: Ground, exit_past: Past | None, half_life_s: float | None) -> Iterator[Terms]:
    """The ways in which a pair may be traded, the one to try first in front."""
    params, portfolio = ground.params, ground.inventory.portfolio
    enter = params.arbitrage_entry_threshold_bps + params.slippage_reserve_bps
    leave, reserve = params.arbitrage_exit_threshold_bps, params.slippage_reserve_bps
    if pair.kind is PairKind.CARRY_OPEN:
        later = _later(ground, exit_past, half_life_s)
        if later is not None:
            yield Terms("entry", [(NEVER, enter - later)], True, leave - later, reserve)
        return
    spot = pair.kind is PairKind.SPOT_SPOT
    away = -1 if pair in {Pair.MEXC_TO_GATE, Pair.CLOSE_GATE, Pair.CLOSE_MEXC} else 1
    lots = [lot for lot in (portfolio.shift_lots if spot else portfolio.carry_lots) if lot.quantity * away < 0]
    needs, reach, need, mid = list[tuple[Decimal, Decimal]](), Decimal(0), leave, mid_of(pair, ground)
    loss = params.max_round_trip_loss_bps + (0 if spot else ground.carry_age_bps)
    for lot in lots:
        reach += abs(lot.quantity)
        need = max(need, -loss - lot.edge_bps - lot.funding_per_base / mid * BPS)
        needs.append((reach, need))
    if not spot:
        yield Terms("exit", [*needs, (NEVER, need)], False, leave, Decimal(0))
        return
    if lots:
        yield Terms("exit", needs, False, leave, Decimal(0))
    yield Terms("entry", [(NEVER, enter)], not lots, leave, reserve)


def _later(ground: Ground, exit_past: Past | None, half_life_s: float | None) -> Decimal | None:
    """What funding and the way out will add to a carry that is opened now, bps; None while that cannot be said."""
    funding = ground.funding
    if funding is None or exit_past is None or len(exit_past.samples) < SAMPLES_MIN:
        return None
    hold_s = ground.params.carry_hold_hours_max * 3600
    if half_life_s is not None:
        hold_s = min(hold_s, Decimal(repr(half_life_s)).quantize(MILLIONTH, ROUND_HALF_EVEN))
    now_s = Decimal(ground.now_ns) / 10**9
    payments, at_s = 0, Decimal(funding.next_at_s)
    while at_s <= now_s:
        at_s += funding.interval_s
    settled_s = at_s - funding.interval_s
    if settled_s - 5 <= now_s < settled_s + min(Decimal(60), Decimal(funding.interval_s) / 10):
        return None  # it may be the rate that was just charged
    while at_s <= now_s + hold_s:
        payments += 1
        at_s += funding.interval_s
    return exit_past.mean + payments * funding.rate * BPS


def inventory_price(pair: Pair, quantity: Decimal, ground: Ground) -> Decimal:
    """0 at the wished split, the most when a venue is empty; negative where the trade still brings it back."""
    params, held = ground.params, dict(ground.inventory.spot_base)
    for venue, moved in ((pair.buy_venue, quantity), (pair.sell_venue, -quantity)):
        if venue in held:
            held[venue] += moved
    total = held[Venue.GATE_SPOT] + held[Venue.MEXC_SPOT]
    if total <= 0:
        return Decimal(0)
    away = min(max(held[Venue.GATE_SPOT] / total, Decimal(0)), Decimal(1)) - params.inventory_ratio
    if away == 0:
        return Decimal(0)
    room = 1 - params.inventory_ratio if away > 0 else params.inventory_ratio
    price = params.inventory_skew_bps_max * away / room
    return price if Venue.GATE_SPOT is pair.buy_venue or Venue.MEXC_SPOT is pair.sell_venue else -price
