"""Which bot meets which troubles of the alert drill, and the one alert that each of them must be."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from dnbot.lab.drills_alerts_rows import (
    Provoke,
    ambiguous_order,
    beyond_the_hard_limit,
    clock_off,
    database_down,
    delisting,
    disk_low,
    foreign_activity,
    loop_lag,
    loss_streak,
    margin_low,
    naked_leg,
    perpetual_dearer,
    private_stream_down,
    private_stream_mute,
    profit_unknown,
    rate_budget_low,
    reconnect_storm,
    stale_feed,
    unexpected_fill,
    wrong_fee,
)
from dnbot.lab.drills_alerts_stage import STILL

FOREIGN = "foreign:MEXC_SPOT"
REDUCING, HALTED = "mode:reducing", "mode:halted"


@attrs.frozen
class Trouble:
    """What happens, the one alert that it must raise, and what else it cannot but entail."""

    name: str
    key: str
    level: str
    provoke: Provoke
    end_s_max: float = 30.0
    """From its end until people are told of it."""
    entails: tuple[str, ...] = ()
    """Keys."""
    is_watched: bool = True
    """Whether a monitor judges it; otherwise it is over when the strategy has not repeated it for long."""


@attrs.frozen
class Scene:
    """One bot and the troubles that it meets, one after the other."""

    troubles: tuple[Trouble, ...]
    config: FakesConfig = STILL
    params: Mapping[str, Any] = attrs.field(factory=dict)
    limits: Mapping[str, Any] = attrs.field(factory=dict)


STILL_SCENE = Scene(
    (
        Trouble("disk low", "disk", "critical", disk_low),
        Trouble("loop lag", "loop_lag", "warning", loop_lag),
        Trouble("database down", "store", "critical", database_down),
        Trouble("stale feed", "feed_stale:MEXC_SPOT", "warning", stale_feed),
        Trouble("PnL unknown", "pnl_unknown", "critical", profit_unknown, entails=(REDUCING,)),
        Trouble("rate budget low", "rate_budget:MEXC_SPOT", "warning", rate_budget_low),
        Trouble("reconnect storm", "restarts:feed:GATEIO_SPOT", "warning", reconnect_storm, 60),
        Trouble("delisting", "untradable:GATEIO_FUTURES", "critical", delisting, 40),
        Trouble("foreign activity", FOREIGN, "warning", foreign_activity, 40, is_watched=False),
        Trouble(
            "private stream cut", "stream_down:MEXC_SPOT", "warning", private_stream_down, 60,
            ("rate_budget:MEXC_SPOT",),
        ),
        Trouble("clock off", "clock:MEXC_SPOT", "critical", clock_off, 240, (REDUCING,)),
    ),
    limits={"grace_ms": 5_000, "act_after_ms": 1_000, "pnl_unknown_ms_max": 5_000},
)
ORDERS_SCENE = Scene(
    (
        Trouble("wrong fee", "fee_differs:GATEIO_FUTURES", "warning", wrong_fee, 90, (FOREIGN,)),
        Trouble("drift beyond the hard limit", "hard_limit", "critical", beyond_the_hard_limit, 40, (FOREIGN,)),
        Trouble("ambiguous order", "ambiguous", "warning", ambiguous_order, 40, (FOREIGN,)),
        Trouble("unexpected fill", "fill_unexpected:GATEIO_FUTURES", "critical", unexpected_fill, 90, (FOREIGN,)),
        Trouble(
            "private stream mute", "stream_mute:GATEIO_FUTURES", "warning", private_stream_mute, 40,
            (FOREIGN, "rate_budget:MEXC_SPOT"),  # a stream that is opened anew has every account read
        ),
        Trouble("naked leg", "naked", "critical", naked_leg, 40, (FOREIGN, HALTED, "ambiguous")),
    ),
    params={"match_lag_ms": 600, "hedge_deadline_ms": 10_000},
    limits={
        "grace_ms": 5_000, "act_after_ms": 1_000, "naked_ms_max": 3_500, "ambiguous_ms_max": 500, "on_naked": "halt",
        "window_minutes": 1,
    },
)
LOSSES_SCENE = Scene(
    (Trouble("loss streak", "loss_streak", "warning", loss_streak),),
    params={"arbitrage_entry_threshold_bps": Decimal(30), "max_order_notional_quote": Decimal(100)},
    limits={"grace_ms": 1_000},
)
MONEY_SCENE = Scene(
    (
        Trouble("drawdown", "drawdown", "warning", perpetual_dearer(130)),
        Trouble("drawdown at its limit", "drawdown", "critical", perpetual_dearer(250), entails=(HALTED,)),
        Trouble("margin low", "margin_low", "critical", margin_low, entails=(REDUCING,)),
    ),
    config=attrs.evolve(STILL, accounts=(AccountConfig(balances={
        GATE_SPOT: {"USDT": Decimal(2000)}, GATE_FUTURES: {"USDT": Decimal(1200)}, MEXC_SPOT: {"USDT": Decimal(2000)},
    }),)),
    params={"arbitrage_entry_threshold_bps": Decimal(290), "max_drawdown_pct": Decimal("0.4")},
    limits={"grace_ms": 1_000},
)
SCENES = (STILL_SCENE, ORDERS_SCENE, LOSSES_SCENE, MONEY_SCENE)
