"""Risk limits of perpetuals: tiers, what a position must keep, and the prices at which it ends.

Sources: Gate API v4 "Query risk limit tiers" (fields tier, risk_limit, initial_rate, maintenance_rate, leverage_max,
deduction); Gate help centre "Liquidation process" (22159) and "Liquidation price & bankruptcy price" (27724):
liquidation price = (entry -+ margin / multiplier / size) / (1 -+ (maintenance rate + taker rate)), - for a long.
The form is Gate's; how far apart the tiers of a contract are is invented here.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import attrs

from .instruments import Instrument
from .records import ZERO, PositionState

TIER_BASE_QUOTE = Decimal(1_000_000)
"""Largest position value of the first tier, as `risk_limit_base` of a contract says."""
TIER_STEPS = (1, 2, 3, 5, 10, 20, 30, 50, 75, 100)
"""Limits of the tiers in multiples of the first; the n-th tier needs n times the margin of the first."""


@attrs.frozen
class RiskTier:
    """One tier: positions up to ``limit`` of quote value need these fractions of their value.

    ``deduction`` makes maintenance margin continuous where two tiers meet.
    """

    number: int
    limit: Decimal
    initial_rate: Decimal
    maintenance_rate: Decimal
    leverage_max: Decimal
    deduction: Decimal

    def maintenance(self, value: Decimal) -> Decimal:
        """Maintenance margin of a position of that value, in quote."""
        return value * self.maintenance_rate - self.deduction


def risk_tiers(instrument: Instrument) -> tuple[RiskTier, ...]:
    """The tiers of a contract, smallest first; the first has the contract's own maintenance rate and leverage."""
    tiers: list[RiskTier] = []
    for number, step in enumerate(TIER_STEPS, 1):
        rate, deduction = instrument.maintenance_rate * number, ZERO
        if tiers:
            before = tiers[-1]
            deduction = before.deduction + before.limit * (rate - before.maintenance_rate)
        leverage = (instrument.leverage_max / number).quantize(Decimal("0.01"), ROUND_FLOOR)
        initial = number / instrument.leverage_max
        tiers.append(RiskTier(number, TIER_BASE_QUOTE * step, initial, rate, leverage, deduction))
    return tuple(tiers)


def tier_of(tiers: tuple[RiskTier, ...], value: Decimal) -> RiskTier:
    """The tier of a position value; beyond the last limit, the last tier."""
    return next((tier for tier in tiers if value <= tier.limit), tiers[-1])


def tier_for_leverage(tiers: tuple[RiskTier, ...], leverage: Decimal) -> RiskTier | None:
    """The largest tier that still admits this leverage; None when none does."""
    return next((tier for tier in reversed(tiers) if leverage <= tier.leverage_max), None)


def liquidation_price(position: PositionState, cash: Decimal, tier: RiskTier, taker: Decimal) -> Decimal:
    """The mark at which ``cash`` plus unrealised profit covers just maintenance and the fee of closing; 0: nowhere."""
    base = position.contracts * position.multiplier
    slope = base - abs(base) * (tier.maintenance_rate + taker)
    return max(ZERO, (position.cost - cash - tier.deduction) / slope) if slope else ZERO


def bankruptcy_price(position: PositionState, cash: Decimal, taker: Decimal, tick: Decimal) -> Decimal:
    """The price at which closing, its fee paid, leaves nothing of ``cash``; on a tick, in favour of the account."""
    base = position.contracts * position.multiplier
    exact = (position.cost - cash) / (base - abs(base) * taker)
    rounding = ROUND_CEILING if base > 0 else ROUND_FLOOR
    return max(tick, (exact / tick).to_integral_value(rounding) * tick)
