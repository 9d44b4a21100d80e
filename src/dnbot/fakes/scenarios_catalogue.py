"""The scenarios as data. Faults are written as on a command line, amounts as text.

Each is a bug that users of other trading systems met on the real venues, in the smallest form that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue


@attrs.frozen
class ScenarioRow:
    """`settings` are fields of FakesConfig, `balances` replace a venue's opening balances."""

    venue_does: str
    faults: tuple[str, ...] = ()
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    balances: Mapping[Venue, Mapping[str, str]] = attrs.field(factory=dict)


SCENARIOS: Final[dict[str, ScenarioRow]] = {
    "mexc_cancel_fill_2011": ScenarioRow(
        'MEXC answers the first cancel with 400 and -2011 "Order filled.", and the fill comes 0.2 s later',
        ("cancel_meets_fill:venue=mexc_spot,count=1,fill_after_s=0.2",),
    ),
    "gate_position_reads_zero": ScenarioRow(
        "Gate's futures position reads 0 over REST for 3 s after each fill",
        ("position_reads_zero:lag_s=3",),
    ),
    "contract_multiplier": ScenarioRow(
        "contracts are of 0.0001 BTC, 1 SOL and 10 XRP, and after 60 s one of BTC is of 0.001",
        ("instruments_change:venue=gate_futures,at=60,symbol=BTC/USDT,multiplier=0.001",),
        {"symbols": ("BTC/USDT", "SOL/USDT", "XRP/USDT")},
    ),
    "gate_market_buy_is_quote": ScenarioRow(
        "the amount of a market buy at Gate spot is money to spend, and not coins",
    ),
    "base_fee_drift": ScenarioRow(
        "both spot venues take the fee of a buy in the coin that was bought",
        settings={"mexc_fee_asset": "base"},
    ),
    "mexc_partially_cancelled": ScenarioRow(
        "the first order at MEXC finds half of itself: an immediate one ends as PARTIALLY_CANCELED, with its fills",
        ("partial_fill:venue=mexc_spot,on_nth=1,fraction=0.5",),
    ),
    "listenkey_expired": ScenarioRow(
        "after 30 s MEXC's listen keys die without a word: sockets live and say nothing, and renewals are refused",
        ("listen_keys_die:at=30", "listen_key_not_renewed:at=30,count=1"),
    ),
    "ws_mute_but_pinging": ScenarioRow(
        "from 10 s to 70 s MEXC's sockets answer pings and send no market data",
        ("public_lost:venue=mexc_spot,at=10,for=60",),
    ),
    "rest_book_older_than_ws": ScenarioRow(
        "from 5 s on REST books are up to 30 s old, and at 10 s each stream loses an increment",
        (
            "rest_book_stale:at=5,for=60,age_s=30", "book_gap:venue=gate_spot,at=10",
            "book_gap:venue=gate_futures,at=10", "book_gap:venue=mexc_spot,at=10",
        ),
    ),
    "timeout_but_delivered": ScenarioRow(
        "the first order takes effect and its answer is lost",
        ("reply_lost:path=creates,on_nth=1",),
    ),
    "one_leg_rejected": ScenarioRow(
        "the second order at MEXC is refused for its size, while other legs fill",
        ("order_rejected:venue=mexc_spot,on_nth=2,reason=size",),
    ),
    "partial_below_minimum": ScenarioRow(
        "the second order at MEXC fills 0.00002 BTC, less than one contract of the perpetual",
        ("partial_fill:venue=mexc_spot,on_nth=2,quantity=0.00002",),
    ),
    "both_sides_same_leg": ScenarioRow(
        "the first order at MEXC is handled twice, the first one at Gate futures never",
        (
            "request_duplicated:venue=mexc_spot,path=creates,on_nth=1",
            "request_lost:venue=gate_futures,path=creates,on_nth=1",
        ),
    ),
    "hedge_at_gapped_book": ScenarioRow(
        "when the second order arrives at Gate futures its book has a hole of 80 bps on both sides, for 2 s",
        ("liquidity_gone:venue=gate_futures,path=creates,on_nth=2,bps=80,for=2",),
    ),
    "restart_with_position": ScenarioRow(
        "the account already holds 0.03 BTC at each spot venue and is short 600 contracts",
        ("traded_by_hand:venue=gate_futures,side=sell,quantity=600,client=earlier",),
        balances={
            GATE_SPOT: {"USDT": "20000", "BTC": "0.03"},
            MEXC_SPOT: {"USDT": "20000", "BTC": "0.03"},
        },
    ),
    "order_created_twice_in_stream": ScenarioRow(
        "every private push comes twice",
        ("private_duplicated",),
    ),
    "fill_never_pushed": ScenarioRow(
        "no private push ever comes; fills are in REST alone",
        ("private_lost",),
    ),
    "funding_interval_8h_to_4h": ScenarioRow(
        "after 20 s funding is due every 4 h instead of 8 and its sign turns; 5 s later it is charged",
        ("funding_changes:at=20,interval_s=14400,rate=-0.0002", "funding_settles:at=25"),
        {"funding_first_after_s": None},
    ),
    "adl_closes_short": ScenarioRow(
        "after 30 s half of the position is auto-deleveraged at the mark price",
        ("position_deleveraged:at=30,fraction=0.5",),
    ),
    "liquidation_near": ScenarioRow(
        "after 30 s every price is 20 % higher, and a short with little margin comes near its liquidation",
        ("price_jumps:at=30,bps=2000",),
        balances={GATE_FUTURES: {"USDT": "1000"}},
    ),
    "rally_30pct": ScenarioRow(
        "from 25 s on every price is 0.88 % higher each second, thirty times: 30 % in all; the short has little margin",
        tuple(f"price_jumps:at={25 + step},bps=88" for step in range(30)),
        balances={GATE_FUTURES: {"USDT": "3000"}},
    ),
    "clock_fast_1s": ScenarioRow(
        "the venues' clocks are all 1.1 s behind ours: MEXC refuses an unmeasured time, which is from its future",
        settings={"skew_ms": dict.fromkeys(VENUES, -1_100)},
    ),
    "same_ticker_other_coin": ScenarioRow(
        "BTC at MEXC is another coin of the same name, at twelve times the price",
        ("price_offset:venue=mexc_spot,factor=12",),
    ),
    "fee_in_third_coin": ScenarioRow(
        "MEXC takes fees in MX while there is any, and then in the quote coin",
        settings={"mexc_fee_asset": "MX"},
        balances={MEXC_SPOT: {"USDT": "20000", "MX": "0.5"}},
    ),
    "api_order_type_disabled": ScenarioRow(
        "MEXC refuses market orders over the API (30019), and after 60 s every order in its symbols (10007)",
        ("market_orders_off", "symbols_closed_to_api:at=60"),
    ),
    "balance_stale_2min": ScenarioRow(
        "balances over REST are up to two minutes old",
        ("balances_lag:lag_s=120",),
    ),
    "inventory_one_sided": ScenarioRow(
        "after 5 s everything at MEXC is 60 bps dearer than elsewhere, and stays so",
        ("price_offset:venue=mexc_spot,at=5,bps=60",),
    ),
    "spoofed_edge": ScenarioRow(
        "from 10 s to 15 s MEXC's best bid is one lot, 1 % too high, with nothing behind it",
        ("edge_spoofed:venue=mexc_spot,at=10,for=5,side=buy,bps=100",),
    ),
}

ELSEWHERE: Final[dict[str, str]] = {
    "kill_switch_pnl_unknown": (
        "the bot's own arithmetic: tests/strategy/test_observing.py"
        "::test_profit_that_is_unknown_halts_when_prices_are_there"
    ),
    "db_down_during_fill": "the bot's store: tests/bot/test_scenarios_store.py::test_db_down_during_fill",
    "db_full": (
        "the bot's store and spill file: tests/bot/test_order_paths.py"
        "::test_without_database_and_disk_nothing_leaves"
    ),
    "threshold_loses": (
        "settings that are refused: tests/strategy/test_costs.py"
        "::test_losing_thresholds_are_named_with_their_arithmetic"
    ),
    "percent_or_fraction": (
        "settings that are refused: tests/test_config.py"
        "::test_a_broken_file_ends_every_command_with_one_sentence"
    ),
    "dry_run_trades": (
        "mode paper has no key: tests/operate/test_paper.py"
        "::test_no_key_is_read_and_each_side_reaches_its_own"
    ),
}
"""Scenarios that no venue can produce, and the tests that prove their outcome instead: file::test."""
