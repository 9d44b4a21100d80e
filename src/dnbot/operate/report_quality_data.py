"""What a report says of days, venues and the quality of execution. Figures per value are of sums, never of averages."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.units import ZERO

BPS_PLACES = 4
"""To which basis points are rounded where they are a quotient."""


class DayTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One day in UTC, quote units. Profit is from the last sample of the day before to the last of this day."""

    day: str
    """Such as 2026-11-29."""
    executions: int = 0
    spread_quote: Decimal | None = None
    """None: nothing was sampled on this day; its profit is part of the next one that was."""
    fees_quote: Decimal | None = None
    funding_quote: Decimal | None = None
    realised_quote: Decimal | None = None


class VenueTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What was traded on one venue, and what it took and gave. Quote units unless named otherwise."""

    venue: str
    fills: int = 0
    turnover_quote: Decimal = ZERO
    bought_base: Decimal = ZERO
    bought_quote: Decimal = ZERO
    sold_base: Decimal = ZERO
    sold_quote: Decimal = ZERO
    fees_quote: Decimal = ZERO
    funding_quote: Decimal = ZERO


class EdgeTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Complete executions of one pair: the edge that the decisions saw and what the fills brought, per value bought."""

    pair_name: str
    count: int
    bought_quote: Decimal
    estimated_bps: Decimal
    realised_bps: Decimal


class LegQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of our own orders' fills on one venue and side, per value."""

    venue: str
    side: str
    fills: int
    inside_limit_bps: Decimal
    """Better than the order's limit by this much."""
    sampled: int
    """Fills whose order was created less than two seconds after a sample of its book."""
    slippage_bps: Decimal | None
    """Worse than the best price of that sample; negative: better. None: no data."""


class StageTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long one stage took, milliseconds; each figure is one that was measured, not an interpolation."""

    stage: str
    count: int
    p50_ms: Decimal
    p90_ms: Decimal
    p99_ms: Decimal
    max_ms: Decimal


class FillRatio(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the orders of one venue and purpose; base units."""

    venue: str
    purpose: str
    orders: int
    filled_wholly: int
    filled_partly: int
    ordered_base: Decimal
    filled_base: Decimal


class Markout(msgspec.Struct, frozen=True, kw_only=True):
    """How far a venue's mid went our way after fills of one pair there, per value; negative: against us."""

    pair_name: str
    venue: str
    side: str
    fills: int
    after_s: int
    sampled: int
    """Fills after which the book was sampled in time."""
    moved_bps: Decimal | None
    """None: no data."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How well the period was executed."""

    edges: tuple[EdgeTotal, ...] = ()
    legs: tuple[LegQuality, ...] = ()
    stages: tuple[StageTime, ...] = ()
    ratios: tuple[FillRatio, ...] = ()
    markouts: tuple[Markout, ...] = ()
    left_out: int = 0
    """Older fills of the period that slippage and markouts leave out."""
    reserve_set_bps: Decimal | None = None
    """The setting `slippage_reserve_bps` under which the newest entry ended; None: no entry yet."""
    reserve_bps: Decimal | None = None
    """What entries reserve now, by what they lost; at least the setting."""
