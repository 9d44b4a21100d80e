"""What the outsiders of a scripted market want to show on one venue by default: a ladder around a middle."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import attrs

from .instruments import Instrument
from .records import Side
from .script_words import SetDepth, SetMid, SetOffset, SetSpread

QUOTE_PER_LEVEL = Decimal(3000)
BPS = Decimal(10_000)

Wanted = dict[Side, dict[Decimal, Decimal]]
"""Per side ("buy" = bids): price -> quantity in base units or contracts."""


@attrs.frozen
class Ladder:
    """Shape of one venue's quotes. ``mid`` is quote; ``base_per_level`` is base units, on the perp too."""

    instrument: Instrument
    mid: Decimal
    base_per_level: Decimal
    offset_bps: Decimal = Decimal(0)
    spread_bps: Decimal = Decimal(2)
    step_bps: Decimal = Decimal(1)
    levels: int = 20

    def wanted(self) -> Wanted:
        """Best levels first; bids that would have no positive price are left out."""
        tick = self.instrument.price_tick
        half = self.mid * self.spread_bps / (2 * BPS)
        bid = _whole(self.mid - half, tick, ROUND_FLOOR)
        ask = max(_whole(self.mid + half, tick, ROUND_CEILING), bid + tick)
        step = max(tick, _whole(self.mid * self.step_bps / BPS, tick, ROUND_FLOOR))
        quantity = self._quantity()
        return {
            "buy": {price: quantity for level in range(self.levels) if (price := bid - step * level) > 0},
            "sell": {ask + step * level: quantity for level in range(self.levels)},
        }

    def after(self, command: SetMid | SetSpread | SetOffset | SetDepth, common_mid: Decimal) -> Ladder:
        """The ladder that a command makes of this one; ``common_mid`` is the symbol's common middle after it."""
        match command:
            case SetMid(price=price, venue=venue):
                return attrs.evolve(self, mid=price if venue else _shifted(common_mid, self.offset_bps))
            case SetOffset(bps=bps):
                return attrs.evolve(self, offset_bps=bps, mid=_shifted(common_mid, bps))
            case SetSpread(bps=bps):
                return attrs.evolve(self, spread_bps=bps)
            case SetDepth(levels=levels, base_per_level=base, step_bps=step_bps):
                return attrs.evolve(
                    self,
                    levels=self.levels if levels is None else levels,
                    base_per_level=self.base_per_level if base is None else base,
                    step_bps=self.step_bps if step_bps is None else step_bps,
                )

    def _quantity(self) -> Decimal:
        instrument = self.instrument
        whole = _whole(self.base_per_level / instrument.multiplier, instrument.lot, ROUND_FLOOR)
        return max(whole, instrument.quantity_min)


def first_ladder(instrument: Instrument, price: Decimal) -> Ladder:
    """What a venue shows before the script says anything: 20 levels, 2 bps apart at the best, 3000 quote a level."""
    return Ladder(instrument, price, QUOTE_PER_LEVEL / price)


def _whole(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step


def _shifted(mid: Decimal, bps: Decimal) -> Decimal:
    return mid * (BPS + bps) / BPS
