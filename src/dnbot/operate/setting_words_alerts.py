"""The words of `[monitors]` and `[alerts]`; the reason of each default stands in `dnbot.monitor.thresholds`."""

from __future__ import annotations

import msgspec


class Words(msgspec.Struct, frozen=True):
    """What is said of one key."""

    unit: str
    text: str
    unset: str = ""
    """What holds while an optional key is not set."""


_ACTION = "none | pause | halt"
MONITORS: dict[str, Words] = {
    "clear_ms": Words("ms", "An alert is over when its figure has been well inside its threshold for so long."),
    "grace_ms": Words("ms", "Feeds, streams, clocks and delays are not judged before the bot has run so long."),
    "window_minutes": Words("minutes", "Restarts, refusals and odd trades are counted over so long."),
    # health
    "feed_age_ms_max": Words("ms", "A book that has not changed for so long is an alert."),
    "stream_down_ms_max": Words(
        "ms", "A private stream that is down, or tells nothing of a trade, for so long is an alert."
    ),
    "restarts_max": Words("count", "More restarts of one task within the window are a storm."),
    "recovering_ms_max": Words("ms", "A recovery that lasts longer is an alert."),
    "clock_offset_ms_max": Words("ms", "A venue's clock and ours may be apart by this much."),
    "clock_error_ms_max": Words("ms", "The measured offset may be wrong by this much."),
    "rate_left_pct_min": Words("percent", "Least share of a rate budget that must be left to entries; at most 80."),
    "store_lag_ms_max": Words("ms", "The journal must have written something within this."),
    # performance
    "loop_lag_ms_max": Words("ms", "A timer of the event loop may come so late."),
    "tick_to_order_ms_max": Words("ms", "From a frame to the order's bytes, median of the newest 20 orders."),
    "commit_ms_max": Words(
        "ms", "From a decision to its durable intents; longer is slow (steps of 1, 2.5, 5, 7.5; at most 10000)."
    ),
    "answer_ms_max": Words(
        "ms", "From an order's bytes to the venue's answer; longer is slow (steps of 1, 2.5, 5, 7.5; at most 10000)."
    ),
    "fill_ms_max": Words(
        "ms",
        "From an order's bytes to its last fill being booked; longer is slow (steps of 1, 2.5, 5, 7.5; at most 10000).",
    ),
    "slow_pct_max": Words("percent", "Share of them within the window that may be slow."),
    "queue_pct_max": Words("percent", "A channel that is fuller is an alert."),
    # trading
    "naked_ms_max": Words("ms", "Delta may be outside its tolerance so long."),
    "ambiguous_ms_max": Words("ms", "The fate of an order may be unknown so long."),
    "drawdown_pct_warn": Words(
        "percent", "Loss of equity since 00:00 UTC that is a warning; critical at the limit.",
        "half of max_drawdown_pct",
    ),
    "loss_streak_max": Words(
        "count", "Losing round trips in a row that are an alert.", "three fifths of consecutive_loss_limit"
    ),
    "pnl_unknown_ms_max": Words(
        "ms", "Equity may be unknown, or known with an older mark price alone, so long while every book is there."
    ),
    "api_errors_per_minute_max": Words(
        "count", "Refusals in a minute that are an alert.", "half of api_error_limit_per_minute"
    ),
    "orders_min": Words("count", "Shares of fewer orders or pairs are not judged."),
    "reject_pct_max": Words("percent", "Share of orders that venues refuse."),
    "ambiguous_pct_max": Words("percent", "Share of orders whose answer is lost."),
    "one_sided_pct_max": Words("percent", "Share of pairs of which one leg had to be repaired."),
    "edge_drift_bps_max": Words("bps", "The newest pairs may bring so much less than was estimated."),
    "fee_bps_tolerance": Words("bps", "A fee may differ from the venue's schedule by this much."),
    "funding_bps_against_max": Words("bps", "What the short may have to pay per funding interval."),
    "inventory_pct_max": Words(
        "percent", "Share of the spot inventory that one venue may hold; at least what it is to hold."
    ),
    "inventory_skew_minutes": Words("minutes", "For so long; then it is told."),
    # system
    "disk_free_mib_min": Words("MiB", "Least free space where the state folder is."),
    "memory_mib_max": Words("MiB", "Memory that the bot may use."),
    "descriptors_pct_max": Words("percent", "Share of the file descriptors that may be open."),
    # actions
    "act_after_ms": Words("ms", "What follows is done when its alert has been open for so long; a drawdown's at once."),
    "on_drawdown": Words(
        "none | halt",
        "What follows when max_drawdown_pct has halted trading, which it does by itself: halt cancels every order of "
        "ours too, as a kill does.",
    ),
    "on_naked": Words(
        _ACTION, "What delta that stays outside its tolerance does: pause is REDUCING, halt is a kill."
    ),
    "on_pnl_unknown": Words(_ACTION, "What equity that stays unknown does."),
    "on_clock": Words(_ACTION, "What a clock that is off does."),
    "on_errors": Words(_ACTION, "What too many refusals, in a minute or of all orders, do."),
}
ALERTS: dict[str, Words] = {
    "urls": Words(
        "variable",
        "NAME of the variable with the services' URLs as apprise writes them, blanks between, or NAME_FILE; empty: "
        "nobody is told.",
    ),
    "heartbeat": Words(
        "variable", "NAME of the variable with a URL that is asked for while all is well, or NAME_FILE; empty: none."
    ),
    "heartbeat_s": Words("s", "How often."),
    "level_min": Words("info | warning | critical", "What is told to people; everything is stored."),
    "group_ms": Words("ms", "What begins within this is told in one notice."),
    "per_hour_max": Words("count", "Notices an hour, and so many critical ones on top; what is over them waits."),
    "repeat_minutes": Words("minutes", "A critical alert that lasts is told again so often."),
}
