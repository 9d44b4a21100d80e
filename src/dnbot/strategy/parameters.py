"""Every parameter of the strategy, with its default and its unit; `config.py` reads them from a file.

A key that nothing reads is a defect; a test shows the effect of each.
"""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.derived import Derived, DerivedFinite
from dnbot.domain.instrument import Symbol

MARGIN_CUSHION_PCT = Decimal(10)
"""Points above floor and least distance that a top-up aims at: less, and each percent of a rally would need another."""
ENTRY_CUSHION_PCT = Decimal(2)
"""Points above the floor that an order must leave without top-ups: at the floor itself the next tick would sell what
was just bought, and pay every fee again."""


class StrategyParameters(DerivedFinite, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decides. Money is quote units, sizes base units, rates basis points, times as named."""

    symbol: Symbol
    base_position_size: Decimal
    max_order_notional_quote: Decimal
    max_position_multiplier: Decimal = Decimal(3)
    inventory_ratio: Decimal = Decimal("0.5")
    arbitrage_entry_threshold_bps: Decimal = Decimal(3)
    arbitrage_exit_threshold_bps: Decimal = Decimal(-2)
    slippage_reserve_bps: Decimal = Decimal(1)
    inventory_skew_bps_max: Decimal = Decimal(5)
    max_round_trip_loss_bps: Decimal = Decimal(0)
    depth_share_max: Decimal = Decimal("0.10")
    edge_bps_max_credible: Decimal = Decimal(300)
    price_collar_bps: Decimal = Decimal(100)
    identity_price_ratio_max: Decimal = Decimal("1.05")
    carry_hold_hours_max: Decimal = Decimal(24)
    position_timeout_minutes: int = 30
    delta_tolerance_base: Decimal | None = None
    """None: one contract lot in base."""
    delta_hard_limit_base: Decimal | None = None
    """None: 5 % of `base_position_size`."""
    delta_rebalance_frequency_minutes: int = 15
    establish_slice_base: Decimal | None = None
    """None: 10 % of `base_position_size`."""
    establish_cost_bps_max: Decimal = Decimal(40)
    dust_base_max: Decimal | None = None
    """None: two contract lots in base."""
    hedge_quantity_per_minute_max: Decimal | None = None
    """None: `base_position_size`."""
    max_drawdown_pct: Decimal = Decimal(2)
    max_daily_loss_quote: Decimal | None = None
    """Required in live."""
    execution_deadline_ms: int = 3_000
    hedge_deadline_ms: int = 2_000
    order_expiry_ms: int = 800
    match_lag_ms: int = 250
    resolve_deadline_ms: int = 30_000
    market_age_ms_max: int = 1_000
    market_skew_ms_max: int = 500
    balance_age_ms_max: int = 30_000
    consecutive_loss_limit: int = 5
    round_trips_per_minute_max: int = 30
    identical_orders_per_minute_max: int = 20
    api_error_limit_per_minute: int = 10
    recovery_attempts_max: int = 5
    shutdown_policy: str = "hold"
    leverage: int = 2
    margin_mode: str = "cross"
    margin_floor_pct: Decimal = Decimal(30)
    liquidation_distance_min_pct: Decimal = Decimal(20)
    margin_top_up: bool = False
    """Off: money moves between wallets only where somebody allowed it. Needs cross margin."""
    margin_top_up_quote_max: Decimal | None = None
    """None: `max_order_notional_quote`. A wrong decision moves no more than a wrong order is worth."""
    margin_top_up_day_quote_max: Decimal | None = None
    """None: three times that. A rally of a third eats about half of the position's value at leverage 2."""
    venue_equity_share_max: Decimal = Decimal("0.8")
    maker_first: bool = False
    """Off: no order rests where a dead bot could not have it cancelled, unless somebody allowed it."""
    maker_ticks_inside: int = 1
    maker_rest_ms: int = 5_000
    maker_order_notional_quote_max: Decimal | None = None
    """None: `max_order_notional_quote`."""
    allow_losing_thresholds: bool = False

    def tolerance_base(self, perp_lot: Decimal) -> Decimal:
        """Delta that is left alone, base units."""
        return self.delta_tolerance_base if self.delta_tolerance_base is not None else perp_lot

    @Derived
    def lowest_threshold_bps(self) -> float:
        """The smaller one of what an entry and what an exit must earn, basis points, as a float: for a first look."""
        entry_bps = self.arbitrage_entry_threshold_bps + self.slippage_reserve_bps
        return min(float(entry_bps), float(self.arbitrage_exit_threshold_bps))

    @property
    def hard_limit_base(self) -> Decimal:
        """Delta above which no new risk is taken, base units."""
        limit = self.delta_hard_limit_base
        return limit if limit is not None else self.base_position_size * Decimal("0.05")

    @property
    def slice_base(self) -> Decimal:
        """How much inventory one establishing step moves, base units."""
        return self.establish_slice_base if self.establish_slice_base is not None else self.base_position_size / 10

    def dust_max(self, perp_lot: Decimal) -> Decimal:
        """Unhedgeable remainder that may pile up, base units."""
        return self.dust_base_max if self.dust_base_max is not None else 2 * perp_lot

    @property
    def margin_entry_floor_pct(self) -> Decimal:
        """Free margin that must be left after an order by which the short grows, percent of equity; more with top-ups:
        money that was moved to carry a rally is not there for new carries.
        """
        return self.margin_floor_pct + (MARGIN_CUSHION_PCT if self.margin_top_up else ENTRY_CUSHION_PCT)

    @property
    def top_up_max_quote(self) -> Decimal:
        """The most that one transfer may move, quote units."""
        most = self.margin_top_up_quote_max
        return most if most is not None else self.max_order_notional_quote

    @property
    def top_up_day_max_quote(self) -> Decimal:
        """The most that transfers of 24 hours may move, quote units."""
        most = self.margin_top_up_day_quote_max
        return most if most is not None else 3 * self.top_up_max_quote

    @property
    def maker_order_max_quote(self) -> Decimal:
        """The most that an order which rests may be worth, quote units: what a dead bot leaves behind."""
        most = self.maker_order_notional_quote_max
        return most if most is not None else self.max_order_notional_quote

    @property
    def hedge_budget_base(self) -> Decimal:
        """Base units that hedges may trade per minute."""
        budget = self.hedge_quantity_per_minute_max
        return budget if budget is not None else self.base_position_size
