"""A small market to decide on: three venues around 60 000 USDT, with builders for every part of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dnbot.domain.instrument import VENUES, FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.pair import PairEdge
from dnbot.domain.position import Portfolio
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.risk_inputs import RiskInputs
from dnbot.strategy.states import StrategyState, TradingMode

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
NOW_S = 1000.0


LOTS = {GS: "0.0001", GF: "0.001", MS: "0.00001"}


class Make:
    """Builders. Numbers may be given as text, int or Decimal; every default can be replaced by name."""

    symbol = Symbol("BTC", "USDT")
    now_s = NOW_S

    def instrument(self, venue: Venue, **changes: Any) -> Instrument:
        """Tick 0.1; lots as in `LOTS`; 5 USDT minimum on spot."""
        fields: dict[str, Any] = {
            "venue": venue, "symbol": self.symbol, "tick_size": "0.1", "lot_size": LOTS[venue],
            "min_notional": 5 if venue.is_spot else 0, "multiplier": "1" if venue.is_spot else LOTS[venue],
        }
        fields.update(changes)
        texts = {"tradable", "not_tradable_because"}
        exact = {k: Decimal(v) if isinstance(v, str | int) and k not in texts else v for k, v in fields.items()}
        return Instrument(**exact)

    def book(
        self, venue: Venue, mid: object = 60_000, *, half: object = "0.5", size: object = 1, step: object = 1,
        depth: int = 10, age_s: float = 0.1,
    ) -> BookView:
        """`depth` levels of `size` on each side, `half` from the mid, `step` apart."""
        m, h, q, d = (Decimal(str(value)) for value in (mid, half, size, step))
        return BookView(
            venue=venue, bids=tuple((m - h - d * i, q) for i in range(depth)),
            asks=tuple((m + h + d * i, q) for i in range(depth)), update_id=7, venue_ms=0, received_s=NOW_S - age_s,
        )

    def market(self, gs: object = 60_000, gf: object = 60_000, ms: object = 60_000, **changes: Any) -> MarketView:
        """Books around these mids (or these books), mark and index at 60 000, funding +1 bp every 8 hours from 4 on."""
        books = {
            venue: mid if isinstance(mid, BookView) else self.book(venue, mid)
            for venue, mid in ((GS, gs), (GF, gf), (MS, ms)) if mid is not None
        }
        fields: dict[str, Any] = {
            "books": books,
            "instruments": {venue: self.instrument(venue) for venue in VENUES},
            "mark": MarkPrice(GF, Decimal(60_000), Decimal(60_000), 0),
            "mark_received_s": NOW_S,
            "funding": FundingRate(GF, Decimal("0.0001"), 8 * 3600, 4 * 3600),
        }
        return MarketView(**{**fields, **changes})

    def fees(
        self, gs: object = "0.0005", gf: object = "0.0002", ms: object = "0.0003", *, in_base: bool = False
    ) -> dict[Venue, FeeSchedule]:
        """Taker rates; `in_base` for buys on both spot venues."""
        return {
            venue: FeeSchedule(
                venue=venue, maker=Decimal(0), taker=Decimal(str(rate)), buy_fee_in_base=in_base and venue.is_spot
            )
            for venue, rate in ((GS, gs), (GF, gf), (MS, ms))
        }

    def params(self, **changes: Any) -> StrategyParameters:
        """Base 1 BTC, orders up to 50 000 USDT, no skew: everything else as by default."""
        fields: dict[str, Any] = {
            "base_position_size": 1, "max_order_notional_quote": 50_000, "inventory_skew_bps_max": 0, **changes
        }
        whole = {name for name, kind in StrategyParameters.__annotations__.items() if kind in {"int", "bool", "str"}}
        exact = {k: v if k in whole or v is None else Decimal(str(v)) for k, v in fields.items()}
        return StrategyParameters(symbol=self.symbol, **exact)

    def inventory(
        self, gs: object = "0.5", ms: object = "0.5", perp: object = -1, *, quote: object = 100_000,
        margin: object = 100_000, equity: object = 100_000, hedge_room: object = 100, **portfolio: Any,
    ) -> Inventory:
        """Base per venue, the short, quote on each spot venue, free margin, equity of the perpetual and hedge room;
        keywords go to the portfolio.
        """
        return Inventory(
            spot_base={GS: Decimal(str(gs)), MS: Decimal(str(ms))},
            quote={GS: Decimal(str(quote)), MS: Decimal(str(quote))},
            perp_base=Decimal(str(perp)), margin_free_quote=Decimal(str(margin)),
            perp_equity_quote=Decimal(str(equity)), hedge_room_base=Decimal(str(hedge_room)),
            portfolio=Portfolio(symbol=self.symbol, **portfolio),
        )

    def history(self, pair_name: str, mean: float = 0.0, **changes: Any) -> PairEdge:
        """A pair's history of 100 samples."""
        fields: dict[str, Any] = {
            "pair_name": pair_name, "edge_bps": mean, "gross_bps": mean, "mean_bps": mean, "sd_bps": 1.0,
            "z_score": 0.0, "half_life_s": None, "samples": 100,
        }
        return PairEdge(**{**fields, **changes})

    def intent(
        self, venue: Venue = GS, side: Side = Side.BUY, quantity: object = "0.01", price: object = 60_000,
        purpose: Purpose = Purpose.ENTRY, **changes: Any,
    ) -> OrderIntent:
        """An order; its id names venue and side."""
        fields: dict[str, Any] = {
            "client_order_id": f"dnb-1-{venue.value}-{side.value}", "epoch": 1, "venue": venue, "symbol": self.symbol,
            "side": side, "quantity": Decimal(str(quantity)), "price": Decimal(str(price)), "purpose": purpose,
            "created_at_ns": 0, "expires_at_ns": 1,
        }
        return OrderIntent(**{**fields, **changes})

    def order(self, intent: OrderIntent, status: OrderStatus = OrderStatus.SENT, **changes: Any) -> Order:
        """An order on its way."""
        return Order(intent=intent, status=status, **changes)

    def inputs(self, **changes: Any) -> RiskInputs:
        """A standing in which every control is passed."""
        fields: dict[str, Any] = {
            "params": self.params(), "state": StrategyState.PREPARING_ARBITRAGE, "mode": TradingMode.ACTIVE,
            "now_s": NOW_S, "market": self.market(), "instruments": {venue: self.instrument(venue) for venue in VENUES},
            "fees": self.fees(), "orders": (), "recent": (), "ambiguous_pending": 0, "reconciled": True,
            "streams_live": dict.fromkeys(VENUES, True), "balance_ages_ms": dict.fromkeys(VENUES, 100),
            "clock_offset_ms": dict.fromkeys(VENUES, 3.0), "clock_error_ms": dict.fromkeys(VENUES, 11.0),
            "store_available": True,
            "countdowns_lapsed": (), "delta_worst": Decimal(0),
            "spot_base": {GS: Decimal("0.5"), MS: Decimal("0.5")},
            "bound_base": Decimal(0),
            "quote": {GS: Decimal(100_000), MS: Decimal(100_000)}, "perp_base": Decimal(-1),
            "margin_free_quote": Decimal(100_000), "margin_ratio_pct": Decimal(60),
            "liquidation_distance_pct": Decimal(50), "adl_rank": 5, "strange_leverage": "",
            "equity_quote": Decimal(300_000),
            "equity_day_start_quote": Decimal(300_000), "daily_pnl_quote": Decimal(0),
            "equity_share": dict.fromkeys(VENUES, Decimal("0.5")), "losses_in_a_row": 0, "round_trips_last_minute": 0,
            "api_errors_last_minute": 0, "identical_pairs_last_minute": 1,
            "hedge_quantity_last_minute": Decimal(0), "fleet_denial": "",
        }
        return RiskInputs(**{**fields, **changes})

    def changed(self, value: Any, **changes: Any) -> Any:
        """The value with fields replaced."""
        return msgspec.structs.replace(value, **changes)


@pytest.fixture(scope="session")
def make() -> Make:
    """The builders."""
    return Make()
