"""How each fault of the exchanges is drawn: how long, how often, and with which of its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from dnbot.fakes.faults import Value
from dnbot.fakes.faults_json import SPOILS

SOME = (0.1, 0.3, 1.0)
"""With which probability what fits is struck."""


@attrs.frozen
class FaultHabit:
    """A fault of `fakes.faults_catalogue`: its window, seconds, and what is chosen from; `count` bounds strikes."""

    name: str
    for_s: tuple[float, float]
    options: Mapping[str, tuple[Value, ...]] = attrs.field(factory=dict)
    probabilities: tuple[float, ...] = (1.0,)
    count: int | None = None
    paths: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    """Where alone; empty: wherever the kind strikes."""


_WHAT = ("creates", "requests", "reads", "order_reads", "trade_reads", "balance_reads", "cancels")
_ENDPOINTS = ("creates", "requests", "reads", "balance_reads", "trade_reads")

_HABITS: Final = (
    # connections and links
    FaultHabit("closed_on_accept", (2, 15), probabilities=SOME),
    FaultHabit("connect_refused", (2, 20), probabilities=SOME),
    FaultHabit("request_lost", (5, 60), probabilities=SOME, count=4, paths=_WHAT),
    FaultHabit("sockets_cut", (1, 5)),
    FaultHabit("reply_lost", (5, 60), probabilities=SOME, count=4, paths=_WHAT),
    FaultHabit("request_delayed", (5, 40), {"delay_s": (0.3, 1.0, 3.0)}, SOME, 4, _WHAT),
    FaultHabit("request_duplicated", (5, 40), {"gap_s": (0.0, 0.2)}, SOME, 3, ("creates", "cancels", "reads")),
    FaultHabit("link_black_hole", (2, 20)),
    FaultHabit("public_lost", (3, 20), probabilities=SOME),
    FaultHabit("link_deaf", (2, 20)),
    FaultHabit("link_mute", (2, 20)),
    FaultHabit("slow_reply", (5, 30), {"bytes_per_s": (1.0, 20.0)}, SOME, 3, _WHAT),
    FaultHabit("bandwidth_collapse", (3, 15), {"bytes_per_s": (200.0, 2000.0)}),
    FaultHabit("rest_down", (3, 30), {"manner": ("refuse", "silent", "503")}),
    FaultHabit("private_sockets_down", (3, 30)),
    FaultHabit("public_sockets_down", (3, 30)),
    FaultHabit("swizzle_clog", (5, 25), {"step_s": (0.5, 2.0), "pause_s": (2.0, 5.0)}),
    FaultHabit("link_flaps", (5, 40), {"up_s": (1.0, 3.0), "down_s": (0.5, 1.0)}),
    FaultHabit("html_reply", (5, 30), {"status": (200, 403), "handled": (False, True)}, SOME, 4, _ENDPOINTS),
    # what is said
    FaultHabit("book_gap", (2, 20), probabilities=SOME, count=6),
    FaultHabit("rest_book_stale", (10, 40), {"age_s": (1.0, 30.0)}),
    FaultHabit("book_update_empty", (5, 30), probabilities=SOME),
    FaultHabit("frame_bodyless", (5, 30), probabilities=SOME),
    FaultHabit("book_corrupted", (2, 10), {"manner": ("crossed", "negative", "duplicate")}, SOME, 4),
    FaultHabit("public_duplicated", (5, 30), probabilities=SOME),
    FaultHabit("public_reordered", (2, 10), probabilities=SOME),
    FaultHabit("orders_late", (5, 40), {"delay_s": (0.3, 2.0)}, SOME),
    FaultHabit("private_delayed", (5, 40), {"delay_s": (0.3, 2.0)}, SOME),
    FaultHabit("reply_delayed", (5, 40), {"delay_s": (0.3, 1.0, 2.5)}, SOME, 6, _WHAT),
    FaultHabit("fills_late", (5, 40), {"delay_s": (0.3, 2.0)}, SOME),
    FaultHabit("fills_replayed", (20, 60)),
    FaultHabit("private_duplicated", (5, 60), probabilities=SOME),
    FaultHabit("private_reordered", (5, 40), probabilities=SOME),
    FaultHabit("private_lost", (3, 30), probabilities=SOME),
    FaultHabit("listen_key_not_renewed", (60, 200)),
    FaultHabit("listen_keys_deleted", (1, 5)),
    FaultHabit("listen_keys_die", (1, 5)),
    FaultHabit("sockets_closed", (1, 5), {"code": (1001, 1005, 1011), "grace_s": (0.0, 0.5)}),
    FaultHabit("subscription_silent", (20, 60), count=2),
    FaultHabit("subscription_refused", (5, 30), count=2),
    FaultHabit("frame_malformed", (2, 15), {"manner": ("truncated", "not_json", "empty")}, (0.05, 0.3), 5),
    FaultHabit("reply_malformed", (5, 30), {"manner": tuple(SPOILS)}, SOME, 4, _ENDPOINTS),
    FaultHabit("rate_limited", (2, 15), {"retry_after_s": (1, 10)}, SOME, 5, _ENDPOINTS),
    FaultHabit("server_error", (5, 30), {"status": (500, 502, 503, 504), "handled": (False, True)}, SOME, 5, _WHAT),
    FaultHabit("batch_item_missing", (20, 60)),
    FaultHabit("error_in_200", (5, 30), {}, SOME, 3, _ENDPOINTS),
    FaultHabit("page_cut", (5, 40), {"rows": (1, 3)}, SOME),
    FaultHabit("balances_lag", (5, 60), {"lag_s": (2.0, 30.0, 120.0)}),
    FaultHabit("lists_lag", (5, 60), {"lag_s": (0.5, 2.0)}),
    FaultHabit("position_reads_zero", (10, 60), {"lag_s": (1.0, 3.0)}),
    FaultHabit("auth_time_refused", (2, 15), probabilities=SOME),
    FaultHabit("huge_frame", (5, 30), {"size": (100_000, 2_000_000)}, (0.1,), 2),
    FaultHabit("ping_flood", (2, 10), {"per_s": (50.0, 200.0)}),
    # what the exchange does
    FaultHabit("partial_fill", (5, 60), {"fraction": (0.0, 0.3, 0.7)}, SOME),
    FaultHabit("cancel_meets_fill", (10, 60), {"fill_after_s": (0.05, 0.2)}, SOME),
    FaultHabit(
        "order_rejected", (5, 40), {"reason": ("balance", "size", "price", "suspended", "risk_control")}, SOME, 4
    ),
    FaultHabit("fee_coin_changes", (20, 90), {"coin": ("quote", "received")}),
    FaultHabit("fee_rates_change", (20, 90), {"maker_bps": (-1, 2), "taker_bps": (0, 5, 10)}),
    FaultHabit("funding_changes", (20, 90), {"rate": (-0.0002, 0.0005)}),
    FaultHabit("funding_settles", (1, 5)),
    FaultHabit("instruments_change", (20, 90), {"notional_min": ("6", "20"), "price_band": ("", "0.02")}),
    FaultHabit("price_jumps", (20, 90), {"bps": (-300.0, -50.0, 50.0, 300.0)}),
    FaultHabit("position_liquidated", (1, 5), {"fraction": (0.1, 0.5)}),
    FaultHabit("position_deleveraged", (1, 5), {"fraction": (0.1, 0.5, 1.0)}),
    FaultHabit("dual_mode_on", (5, 40)),
    FaultHabit("leverage_changes", (5, 40), {"leverage": (0, 1, 3)}),
    FaultHabit("symbol_suspended", (5, 40)),
    FaultHabit("maintenance", (5, 30)),
    FaultHabit("orders_vanish", (1, 5)),
    FaultHabit("money_moves", (1, 5), {"asset": ("USDT",), "amount": (-100, 100)}),
    FaultHabit("market_orders_off", (20, 90)),
    FaultHabit("symbols_closed_to_api", (5, 60)),
    FaultHabit("permission_refused", (2, 15), probabilities=SOME),
    FaultHabit("liquidity_gone", (2, 20), {"side": ("buy", "sell", "any"), "bps": (30.0, 100.0)}),
    FaultHabit("market_halted", (3, 30)),
    FaultHabit("price_offset", (5, 40), {"bps": (-80.0, -20.0, 20.0, 80.0)}),
    FaultHabit("account_unified", (5, 30)),
    # time, people, and those who mean no good
    FaultHabit("clock_drifts", (20, 90), {"ms_per_s": (-10.0, 2.0, 10.0)}),
    FaultHabit("clock_skewed", (10, 60), {"ahead_ms": (-900.0, -300.0, 300.0, 900.0, 4000.0)}),
    FaultHabit("server_time_lies", (5, 40), {"ahead_ms": (-3000, 300, 5000)}),
    FaultHabit("venue_pause", (2, 20)),
    FaultHabit("times_in_seconds", (5, 30), probabilities=(0.1, 1.0)),
    FaultHabit(
        "traded_by_hand", (1, 5), {"side": ("buy", "sell"), "quantity": (0.001, 0.005)},
        venues=("gate_spot", "mexc_spot"),
    ),
    FaultHabit("edge_spoofed", (3, 20), {"side": ("buy", "sell"), "bps": (30.0, 100.0, 400.0)}),
    FaultHabit("public_replayed", (5, 30), {"back": (2, 20)}, (0.1, 0.3)),
    FaultHabit("redirected", (5, 30), {}, SOME, 3, _ENDPOINTS),
)

FAULTS: Final[Mapping[str, FaultHabit]] = {habit.name: habit for habit in _HABITS}
ALONE: Final[Mapping[str, str]] = {"certificate_wrong": "the network in memory has no TLS"}
"""Faults that are not drawn, and why."""
