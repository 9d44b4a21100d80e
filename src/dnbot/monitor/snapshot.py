"""The figures of one moment that monitors judge. None always means: not known, and is judged by nobody."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class VenueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One venue."""

    venue: str
    book_age_ms: int | None = None
    """Since the newest update of its book; None while there is no book."""
    stream_up: bool = True
    """Its private stream is proven live."""
    stream_mute: bool = False
    """Its private stream is up, and told nothing of a trade of ours that was found by reading."""
    clock_offset_ms: float | None = None
    clock_error_ms: float | None = None
    """How far the offset may be wrong."""
    rate_left_pct: float | None = None
    """What is left to entries of the budget that is nearest its end."""
    untradable: str = ""
    """Why its lists do not let the symbol be traded while there is something to guard; empty while they do, or nothing
    is."""


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """What of our own trades should not be: how often within the window, and the newest of it in words."""

    kind: str
    """fill_outside_cap, fill_unexpected or fee_differs."""
    venue: str
    times: int
    text: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """How often one operation was done within the window, and how often it took longer than it may."""

    name: str
    """commit, answer:VENUE or fill:VENUE."""
    times: int
    slow: int
    limit_ms: int


class TradeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Our own trades within the window, folded from the machine's records."""

    orders: int = 0
    rejected: int = 0
    ambiguous: int = 0
    """Orders whose answer was lost."""
    pairs: int = 0
    one_sided: int = 0
    """Pairs of which one leg traded more than the other."""
    edge_drift_bps: float | None = None
    """What the newest pairs brought less what was estimated, of what they traded."""
    drift_pairs: int = 0
    anomalies: tuple[Anomaly, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One moment. Sizes base units, rates basis points, shares percent; limits are those of `[strategy]`."""

    at_ns: int
    now_s: float
    age_s: float
    """Since the monitors began."""
    state: str
    state_age_s: float = 0.0
    mode: str = "ACTIVE"
    mode_why: str = ""
    venues: tuple[VenueFigures, ...] = ()
    restarts: dict[str, int] = {}
    """Child -> how often it was started again within the window."""
    store_up: bool = True
    store_lag_ms: float = 0.0
    """Since the journal last wrote anything."""
    loop_lag_ms: float = 0.0
    """The worst delay of a timer since the last snapshot."""
    tick_to_order_ms: float | None = None
    """Median of the newest orders; None while there are too few."""
    stages: tuple[Stage, ...] = ()
    queues_pct: dict[str, float] = {}
    delta_base: Decimal = Decimal(0)
    hard_limit_base: Decimal | None = None
    naked_ms: int = 0
    ambiguous_orders: int = 0
    margin_free_pct: Decimal | None = None
    """Of equity; all of it without a position."""
    margin_floor_pct: Decimal = Decimal(0)
    liquidation_pct: Decimal | None = None
    """From mark to liquidation; 100 without a position."""
    liquidation_min_pct: Decimal = Decimal(0)
    funding_bps: float | None = None
    """Per interval; positive is received."""
    funding_late_s: float = 0.0
    """Since the oldest settlement whose funding is not booked; 0 when none is missing."""
    inventory_pct: Decimal | None = None
    """Share of the spot inventory that lies on the fuller venue; None also where all of it belongs on one."""
    drawdown_pct: Decimal | None = None
    """Loss of equity since 00:00 UTC; negative for a gain."""
    drawdown_max_pct: Decimal = Decimal(100)
    losses_in_a_row: int = 0
    losses_max: int = 1
    equity_age_s: float | None = None
    """Since equity was last computed from a mark that was new; None while a book or an account is still to come."""
    api_errors: int = 0
    """Refusals of the last minute."""
    api_errors_max: int = 1
    trades: TradeFigures = TradeFigures()
    disk_free_mib: float | None = None
    memory_mib: float | None = None
    descriptors_pct: float | None = None
    log_lines_lost: int = 0
    """Within the window."""
