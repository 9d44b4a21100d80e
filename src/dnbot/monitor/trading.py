"""Trading: exposure, margin, losses, orders that go wrong, and trades that should not be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from dnbot.monitor.readings import Reading, over, when
from dnbot.monitor.snapshot import Anomaly, Snapshot, TradeFigures
from dnbot.monitor.thresholds import MonitorSettings

IN_FLIGHT_S = 3.0
"""The default of `execution_deadline_ms`: until then one leg of a pair may be open. What is above the limit with
nothing in flight the strategy tells at once, under the same key."""
FUNDING_LATE_S = 600.0
"""A row of the account book is there within seconds, and every reading of the account asks for it."""
MARGIN_BACK = Decimal("1.05")
"""Margin is restored to a little above its floor, and delta below its limit, at once."""
INVENTORY_BACK = Decimal(1)
"""The fuller venue may be meant to hold nearly its limit (`inventory_ratio`); its alert cannot come and go, because it
waits so long before it begins."""


def trading(now: Snapshot, limits: MonitorSettings) -> Iterator[Reading | None]:
    """Everything about positions and money. Delta is judged by the strategy's own limit, under the strategy's key."""
    if now.hard_limit_base is not None and now.state != "INITIALIZING":
        text = f"delta {now.delta_base} is above its hard limit {now.hard_limit_base}"
        yield when("critical", "hard_limit", abs(now.delta_base) > now.hard_limit_base, text, hold_s=IN_FLIGHT_S)
    yield over("critical", "naked", now.naked_ms, limits.naked_ms_max, "ms that delta has been outside its tolerance:")
    text = f"{now.ambiguous_orders} orders whose fate is not known for more than {limits.ambiguous_ms_max} ms"
    hold_s = limits.ambiguous_ms_max / 1000
    yield when("warning", "ambiguous", now.ambiguous_orders > 0, text, hold_s=hold_s)
    for venue in now.venues:
        text = f"{venue.venue} does not let the symbol be traded while a position stands: {venue.untradable}"
        yield when("critical", f"untradable:{venue.venue}", bool(venue.untradable), text)
    yield _margin(now)
    yield from _money(now, limits)
    yield from _orders(now.trades, limits)
    for anomaly in now.trades.anomalies:
        yield _anomaly(anomaly)


def _margin(now: Snapshot) -> Reading | None:
    free, distance = now.margin_free_pct, now.liquidation_pct
    if free is None or distance is None:
        return None
    text = (
        f"free margin is {free:.1f} % of equity, the floor {now.margin_floor_pct}; "
        f"liquidation is {distance:.1f} % away, the least {now.liquidation_min_pct}"
    )
    clear = free >= now.margin_floor_pct * MARGIN_BACK and distance >= now.liquidation_min_pct * MARGIN_BACK
    bad = free < now.margin_floor_pct or distance < now.liquidation_min_pct
    return Reading(level="critical", key="margin_low", text=text, bad=bad, clear=clear)


def _money(now: Snapshot, limits: MonitorSettings) -> Iterator[Reading | None]:
    what = "percent of equity lost since 00:00 UTC:"
    if now.drawdown_pct is not None and now.drawdown_pct > now.drawdown_max_pct:
        yield over("critical", "drawdown", now.drawdown_pct, now.drawdown_max_pct, what)
    else:
        warned = limits.drawdown_pct_warn
        yield over("warning", "drawdown", now.drawdown_pct, warned or now.drawdown_max_pct / 2, what)
    streak = limits.loss_streak_max if limits.loss_streak_max is not None else max(2, now.losses_max * 3 // 5)
    text = f"{now.losses_in_a_row} losing round trips in a row; alerted at {streak}, limited at {now.losses_max}"
    yield when("warning", "loss_streak", now.losses_in_a_row >= streak, text)
    if now.state not in {"INITIALIZING", "SHUTDOWN"} and now.equity_age_s is not None:
        unknown_ms = now.equity_age_s * 1000
        what = "ms since equity could last be computed:"
        yield over("critical", "pnl_unknown", unknown_ms, limits.pnl_unknown_ms_max, what)
    against = None if now.funding_bps is None else -now.funding_bps
    what = "bps that the short pays at the next funding:"
    yield over("warning", "funding", against, limits.funding_bps_against_max, what, hold_s=60.0)
    text = f"{now.funding_late_s:.0f} s since a settlement met the position, and no funding of it is booked"
    yield when("warning", "funding_unbooked", now.funding_late_s > FUNDING_LATE_S, text)
    what = "percent of the spot inventory on one venue:"
    hold_s = limits.inventory_skew_minutes * 60.0
    yield over(
        "info", "inventory_skew", now.inventory_pct, limits.inventory_pct_max, what, hold_s=hold_s, back=INVENTORY_BACK
    )
    most = limits.api_errors_per_minute_max
    errors = most if most is not None else max(1, now.api_errors_max // 2)
    text = f"{now.api_errors} refusals within a minute; alerted at {errors}, limited at {now.api_errors_max}"
    yield when("warning", "api_errors", now.api_errors >= errors, text)


def _orders(now: TradeFigures, limits: MonitorSettings) -> Iterator[Reading | None]:
    minutes = f"within {limits.window_minutes} min"
    rejected, lost = _share(now.rejected, now.orders, limits), _share(now.ambiguous, now.orders, limits)
    yield over("warning", "reject_rate", rejected, limits.reject_pct_max, f"percent of orders refused {minutes}:")
    yield over("warning", "ambiguity_rate", lost, limits.ambiguous_pct_max, f"percent of answers lost {minutes}:")
    uneven = _share(now.one_sided, now.pairs, limits)
    yield over("warning", "one_sided", uneven, limits.one_sided_pct_max, f"percent of pairs filled unevenly {minutes}:")
    if now.drift_pairs >= limits.orders_min and now.edge_drift_bps is not None:
        what = f"bps that the newest {now.drift_pairs} pairs brought less than was estimated:"
        yield over("warning", "edge_drift", -now.edge_drift_bps, limits.edge_drift_bps_max, what)


def _share(part: int, whole: int, limits: MonitorSettings) -> float:
    """Percent; too few to judge count as none, so that what was told is resolved when trading stops."""
    return part * 100 / whole if whole >= limits.orders_min else 0.0


def _anomaly(found: Anomaly) -> Reading:
    """It ends when the window has passed without another."""
    text, bad = f"{found.text} ({found.times} times)", found.times > 0
    match found.kind:
        case "fill_outside_cap":
            return when("critical", f"fill_outside_cap:{found.venue}", bad, text)
        case "fill_unexpected":
            return when("critical", f"fill_unexpected:{found.venue}", bad, text)
        case _:
            return when("warning", f"fee_differs:{found.venue}", bad, text)
