"""The world of the bench: three venues around 60 000 USDT, their instruments, and what each says of our account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.order import Fill, OrderReport
from dnbot.domain.position import AccountRow
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
SYMBOL = Symbol("BTC", "USDT")
LOTS = {GS: Decimal("0.0001"), GF: Decimal("0.001"), MS: Decimal("0.00001")}
FEES = {GS: Decimal("0.0005"), GF: Decimal("0.0002"), MS: Decimal("0.0003")}
START_S = 1000.0
WALL_NS = 1_700_000_000_000_000_000
ZERO = Decimal(0)
S = StrategyState


def params(**changes: Any) -> StrategyParameters:
    """1 BTC, orders up to 0.1 BTC; numbers may be given as text."""
    fields: dict[str, Any] = {"base_position_size": 1, "max_order_notional_quote": 6_100, **changes}
    whole = {name for name, kind in StrategyParameters.__annotations__.items() if kind in {"int", "bool", "str"}}
    exact = {k: v if k in whole or v is None else Decimal(str(v)) for k, v in fields.items()}
    return StrategyParameters(symbol=SYMBOL, **exact)


def instrument(venue: Venue, **changes: Any) -> Instrument:
    """Tick 0.1, 5 USDT minimum on spot, contracts of 0.001 BTC."""
    fields: dict[str, Any] = {
        "venue": venue, "symbol": SYMBOL, "tick_size": Decimal("0.1"), "lot_size": LOTS[venue],
        "min_notional": Decimal(5) if venue.is_spot else ZERO,
        "multiplier": Decimal(1) if venue.is_spot else LOTS[venue], "maintenance_rate": Decimal("0.005"),
    }
    return Instrument(**{**fields, **changes})


class Truth(msgspec.Struct):
    """What one venue would say about our account, if asked now."""

    balances: dict[str, Decimal]
    base: Decimal = ZERO
    entry: Decimal = ZERO
    updated_ms: int = 0
    fills: list[Fill] = []
    rows: list[AccountRow] = []
    open_orders: list[OrderReport] = []
