"""Health and system: feeds, streams, clocks, budgets, the database, the machine that it runs on."""

from __future__ import annotations

from collections.abc import Iterator

from dnbot.monitor.readings import Reading, over, under, when
from dnbot.monitor.snapshot import Snapshot, VenueFigures
from dnbot.monitor.thresholds import MonitorSettings

HOLD_S = 1.0
"""One figure beyond its threshold may be a moment's; two in a row are not."""


def health(now: Snapshot, limits: MonitorSettings) -> Iterator[Reading | None]:
    """Feeds, streams, children, clocks, budgets and the mode. Nothing is asked of a bot that is on its way out."""
    yield when("critical", "store", not now.store_up, "the database does not answer; entries are refused")
    if now.store_up:
        yield over("warning", "store_lag", now.store_lag_ms, limits.store_lag_ms_max, "ms since the last write:")
    yield when("info", "mode:reducing", now.mode == "REDUCING", f"trading mode is REDUCING: {now.mode_why}")
    yield when("info", "mode:halted", now.mode == "HALTED", f"trading mode is HALTED: {now.mode_why}")
    recovering_ms = now.state_age_s * 1000 if now.state == "ERROR_RECOVERY" else 0.0
    yield over("critical", "recovering", recovering_ms, limits.recovering_ms_max, "ms in ERROR_RECOVERY:")
    for name, times in now.restarts.items():
        what = f"{name} started again within {limits.window_minutes} min:"
        yield over("warning", f"restarts:{name}", times, limits.restarts_max, what)
    if now.age_s * 1000 >= limits.grace_ms and now.state != "SHUTDOWN":
        for venue in now.venues:
            yield from _venue(venue, limits)


def _venue(now: VenueFigures, limits: MonitorSettings) -> Iterator[Reading | None]:
    name = now.venue
    if now.book_age_ms is None:
        missing = f"{name} has had no book for more than {limits.feed_age_ms_max} ms"
        yield when("warning", f"feed_stale:{name}", True, missing, hold_s=limits.feed_age_ms_max / 1000)
    else:
        what = f"ms since {name}'s book last changed:"
        yield over("warning", f"feed_stale:{name}", now.book_age_ms, limits.feed_age_ms_max, what)
    down = f"{name}'s private stream has been down for more than {limits.stream_down_ms_max} ms"
    yield when("warning", f"stream_down:{name}", not now.stream_up, down, hold_s=limits.stream_down_ms_max / 1000)
    mute = f"{name}'s private stream answers, and told nothing of a trade for more than {limits.stream_down_ms_max} ms"
    yield when("warning", f"stream_mute:{name}", now.stream_mute, mute, hold_s=limits.stream_down_ms_max / 1000)
    yield _clock(now, limits)
    what = f"percent left to entries of {name}'s rate budget:"
    yield under("warning", f"rate_budget:{name}", now.rate_left_pct, limits.rate_left_pct_min, what, hold_s=HOLD_S)


def _clock(now: VenueFigures, limits: MonitorSettings) -> Reading | None:
    """How far the clocks are apart; an offset that is not certain is as bad as a large one."""
    name, error = now.venue, now.clock_error_ms
    if error is not None and error > limits.clock_error_ms_max:
        what = f"ms by which the measured offset to {name}'s clock may be wrong:"
        return over("critical", f"clock:{name}", error, limits.clock_error_ms_max, what, hold_s=HOLD_S)
    offset = None if now.clock_offset_ms is None else abs(now.clock_offset_ms)
    what = f"ms between {name}'s clock and ours:"
    return over("critical", f"clock:{name}", offset, limits.clock_offset_ms_max, what, hold_s=HOLD_S)


def performance(now: Snapshot, limits: MonitorSettings) -> Iterator[Reading | None]:
    """Delays of the loop and of decisions, and channels that fill. A start, which reads much at once, is left out."""
    if now.age_s * 1000 < limits.grace_ms:
        return
    yield over("warning", "loop_lag", now.loop_lag_ms, limits.loop_lag_ms_max, "ms that a timer came late:")
    what = "ms from the frame to the order's bytes (median of the newest orders):"
    yield over("warning", "tick_to_order", now.tick_to_order_ms, limits.tick_to_order_ms_max, what)
    for stage in now.stages:
        share = stage.slow * 100 / stage.times if stage.times >= limits.orders_min else 0.0
        what = f"percent of {stage.times} took longer than {stage.limit_ms} ms ({stage.name}):"
        yield over("warning", f"slow:{stage.name}", share, limits.slow_pct_max, what)
    for name, share in now.queues_pct.items():
        what = f"percent of channel {name} in use:"
        yield over("warning", f"queue:{name}", share, limits.queue_pct_max, what, hold_s=HOLD_S)


def system(now: Snapshot, limits: MonitorSettings) -> Iterator[Reading | None]:
    """Disk, memory, descriptors, and log lines that no sink took."""
    what = "MiB free where the state folder is:"
    yield under("critical", "disk", now.disk_free_mib, limits.disk_free_mib_min, what)
    yield over("warning", "memory", now.memory_mib, limits.memory_mib_max, "MiB of memory in use:")
    what = "percent of the file descriptors in use:"
    yield over("warning", "descriptors", now.descriptors_pct, limits.descriptors_pct_max, what)
    text = f"{now.log_lines_lost} log lines were lost within {limits.window_minutes} min"
    yield when("warning", "log_lost", now.log_lines_lost > 0, text)
