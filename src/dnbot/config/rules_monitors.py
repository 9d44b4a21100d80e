"""What a value of `[monitors]` and `[alerts]` may not be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from dnbot.config.settings import Settings
from dnbot.domain.units import plain
from dnbot.monitor.acting import ACTIONS, DRAWDOWN_ACTIONS
from dnbot.monitor.evaluate import RANK
from dnbot.monitor.readings import BACK_UNDER

MS_LEAST, MS_MOST = 10, 3_600_000
STAGES = ("commit_ms_max", "answer_ms_max", "fill_ms_max")
STAGE_MS_MOST = 10_000
"""The last bound of their histograms: what took longer than that is not told apart."""
HUNDRED = Decimal(100)
LEFT_PCT_MOST = HUNDRED / BACK_UNDER
"""A budget must be so much fuller than its least before its alert is over, and none is fuller than full."""
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
ONLY_A_NAME = "the NAME of an environment variable (capitals, digits, _); {} never goes into a file"
HEARTBEAT_S_LEAST = 10

Found = tuple[str, object, str]


def monitors(settings: Settings) -> Iterator[Found]:
    """Thresholds: above 0, and in their unit."""
    limits = settings.monitors
    for name in limits.__struct_fields__:
        value, key = getattr(limits, name), f"monitors.{name}"
        if name == "on_drawdown":
            if value not in DRAWDOWN_ACTIONS:
                yield key, value, f"{' | '.join(DRAWDOWN_ACTIONS)}: strategy.max_drawdown_pct halts by itself"
        elif name.startswith("on_"):
            if value not in ACTIONS:
                yield key, value, " | ".join(ACTIONS)
        elif value is None:
            continue
        elif value <= 0:
            yield key, value, "more than 0"
        elif "_ms" in name and name != "tick_to_order_ms_max" and not MS_LEAST <= value <= MS_MOST:
            yield key, value, f"milliseconds, {MS_LEAST} to {MS_MOST}: 3 seconds are 3000"
        elif "_pct" in name and value >= 100:
            yield key, value, "percent, below 100"
        elif "_bps" in name and value > Decimal(5_000):
            yield key, value, "basis points, at most 5000 (50 %)"
    yield from _in_reach(settings)
    if limits.drawdown_pct_warn is not None and limits.drawdown_pct_warn > settings.strategy.max_drawdown_pct:
        allowed = f"at most strategy.max_drawdown_pct = {settings.strategy.max_drawdown_pct}: a warning comes before"
        yield "monitors.drawdown_pct_warn", limits.drawdown_pct_warn, allowed


def _in_reach(settings: Settings) -> Iterator[Found]:
    """A threshold that no figure passes raises nothing; one that every figure stays beyond is an alert without end."""
    limits, ratio = settings.monitors, settings.strategy.inventory_ratio
    for name in STAGES:
        if getattr(limits, name) > STAGE_MS_MOST:
            yield f"monitors.{name}", getattr(limits, name), f"milliseconds, at most {STAGE_MS_MOST}: no longer is told"
    if limits.rate_left_pct_min > LEFT_PCT_MOST:
        allowed = f"at most {plain(LEFT_PCT_MOST)}: its alert is over when {BACK_UNDER} times as much is left"
        yield "monitors.rate_left_pct_min", limits.rate_left_pct_min, allowed
    fuller = HUNDRED * max(ratio, 1 - ratio)
    if limits.inventory_pct_max < fuller < HUNDRED:
        allowed = f"at least {plain(fuller)}, which one venue is to hold by strategy.inventory_ratio = {plain(ratio)}"
        yield "monitors.inventory_pct_max", limits.inventory_pct_max, allowed


def alerts(settings: Settings) -> Iterator[Found]:
    """Names of variables, and how often people may be told."""
    told = settings.alerts
    for name, secret in (("urls", "a service's URL"), ("heartbeat", "the URL")):
        value = getattr(told, name)
        if value and not VARIABLE.match(value):
            yield f"alerts.{name}", "a value that is not shown", ONLY_A_NAME.format(secret)
    if told.level_min not in RANK:
        yield "alerts.level_min", told.level_min, " | ".join(RANK)
    if told.heartbeat_s < HEARTBEAT_S_LEAST:
        yield "alerts.heartbeat_s", told.heartbeat_s, f"seconds, {HEARTBEAT_S_LEAST} or more"
    if not 0 <= told.group_ms <= 60_000:
        yield "alerts.group_ms", told.group_ms, "milliseconds, 0 to 60000"
    for name in ("per_hour_max", "repeat_minutes"):
        if getattr(told, name) < 1:
            yield f"alerts.{name}", getattr(told, name), "1 or more"
