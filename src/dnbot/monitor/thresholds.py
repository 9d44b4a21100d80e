"""What is alerted on, and how much is too much: section `[monitors]`. The reason of each default stands beside it."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class MonitorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds. A limit of the strategy itself (delta, margin, drawdown) comes from `[strategy]`, never repeated."""

    clear_ms: int = 10_000
    """A venue that comes and goes every few seconds is one incident."""
    grace_ms: int = 30_000
    """A start reads every account before books and streams can be asked for."""
    window_minutes: int = 5
    """Long enough that a cause that repeats is one incident, short enough that its end is told while somebody looks."""
    # health
    feed_age_ms_max: int = 5_000
    """Trading stops at `market_age_ms_max`; a person is told when it stays so."""
    stream_down_ms_max: int = 3_000
    """A reconnection takes about a second."""
    restarts_max: int = 5
    """One failure is weather; five within the window are a pattern."""
    recovering_ms_max: int = 30_000
    """A recovery that finds the venues takes a few seconds."""
    clock_offset_ms_max: int = 1_000
    """MEXC refuses what is a second ahead of its own time."""
    clock_error_ms_max: int = 500
    """The limit of the risk control CLOCK."""
    rate_left_pct_min: Decimal = Decimal(10)
    """Of what entries may use; the reserve for ways out comes on top."""
    store_lag_ms_max: int = 5_000
    """The journal writes at least once a second."""
    # performance
    loop_lag_ms_max: int = 250
    """A third of the default `order_expiry_ms`: what is decided so late may be refused by the venue."""
    tick_to_order_ms_max: int = 50
    """From the frame to the order's bytes takes a few milliseconds; a busy machine makes some tens of it."""
    commit_ms_max: int = 100
    """From the decision to durable intents; a local database takes a few milliseconds."""
    answer_ms_max: int = 1_000
    """An order expires after 0.8 s: an answer that is later is of an order that was late itself."""
    fill_ms_max: int = 2_500
    """Below the default `execution_deadline_ms`, after which recovery begins."""
    slow_pct_max: Decimal = Decimal(25)
    """One slow order is weather; a quarter of them is a line, a disk or a venue."""
    queue_pct_max: Decimal = Decimal(50)
    """A full channel is a fault or a bug."""
    # trading
    naked_ms_max: int = 5_000
    """Above order_expiry_ms + 2 match_lag_ms + hedge_deadline_ms, the longest that is planned for."""
    ambiguous_ms_max: int = 2_000
    """An order expires after 0.8 s; resolving begins at once."""
    drawdown_pct_warn: Decimal | None = None
    """None: half of `max_drawdown_pct`, at which trading halts."""
    loss_streak_max: int | None = None
    """None: three fifths of `consecutive_loss_limit`, two at least."""
    pnl_unknown_ms_max: int = 30_000
    """The strategy halts after 60 s; equity is computed every second."""
    api_errors_per_minute_max: int | None = None
    """None: half of `api_error_limit_per_minute`, one at least."""
    orders_min: int = 20
    """A share of fewer orders or pairs says nothing."""
    reject_pct_max: Decimal = Decimal(20)
    """Orders that the venues refuse are a rule that we do not know."""
    ambiguous_pct_max: Decimal = Decimal(5)
    """One lost reply in twenty orders is a line to be looked at."""
    one_sided_pct_max: Decimal = Decimal(25)
    """Each one-sided pair pays a hedge."""
    edge_drift_bps_max: Decimal = Decimal(3)
    """The default entry threshold: beyond it what looked like profit is none."""
    fee_bps_tolerance: Decimal = Decimal("0.5")
    """A fee is rounded to the asset's precision; a wrong schedule differs by a basis point or more."""
    funding_bps_against_max: Decimal = Decimal(5)
    """Per interval: three intervals a day at this rate cost what a pair earns."""
    inventory_pct_max: Decimal = Decimal(95)
    """A venue without base or quote sells, or buys, nothing."""
    inventory_skew_minutes: int = 30
    """As `position_timeout_minutes`: spot-spot trades go back and forth within it."""
    # system
    disk_free_mib_min: int = 1_024
    """The log keeps up to 576 MiB, the database writes ahead as much."""
    memory_mib_max: int = 2_048
    """The bot takes a tenth of it."""
    descriptors_pct_max: Decimal = Decimal(80)
    """Of the limit of the process; beyond it no connection can be opened."""
    # what lowers the mode, as a person would
    act_after_ms: int = 60_000
    """What the bot mends by itself is over by then; until then a person has the choice. A drawdown does not wait."""
    on_drawdown: str = "halt"
    on_naked: str = "pause"
    on_pnl_unknown: str = "pause"
    on_clock: str = "pause"
    on_errors: str = "pause"
