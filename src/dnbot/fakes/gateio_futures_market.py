"""REST of Gate USDT perpetuals beside trading: tiers, statistics, the insurance fund, index, and how positions ended.

Source: Gate API v4 docs, "Futures": "Query risk limit tiers", "Query risk limit table by table_id", "Futures stats",
"Futures market insurance fund history", "Query index constituents", "Query liquidation order history", "List position
close history", "List liquidation history", "List ADL history", "Batch query historical funding rate data".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import attrs

from . import gateio_history_shapes as history
from .gateio_bars import INTERVALS_S, start_of
from .gateio_context import GateContext
from .gateio_contract_stats import STATS_INTERVALS, contract_stats
from .gateio_errors import GateError, invalid_argument, invalid_value
from .gateio_futures_shapes import risk_table
from .gateio_http import FAR_S, Call, Reply, Route, page, route
from .gateio_json import plain, seconds
from .gateio_limits import PRIVATE, PUBLIC
from .gateio_position_history import ForcedEnd
from .instruments import Instrument
from .records import GATE_FUTURES, INSURANCE
from .risk import RiskTier

STATS_MAX = 100
RATE_STEP = Decimal("0.000001")
LIQ_ORDERS_RANGE_S = 3600
ForcedShape = Callable[[ForcedEnd, Instrument, bool], dict[str, Any]]


@attrs.define(eq=False)
class FuturesMarketRest:
    """Handlers of what nobody trades with."""

    context: GateContext

    def routes(self) -> list[Route]:
        base = "/futures/usdt"
        return [
            route("GET", f"{base}/risk_limit_tiers", self.risk_limit_tiers, PUBLIC, private=False),
            route("GET", f"{base}/risk_limit_table", self.risk_limit_table, PUBLIC, private=False),
            route("GET", f"{base}/contract_stats", self.contract_stats, PUBLIC, private=False),
            route("GET", f"{base}/insurance", self.insurance, PUBLIC, private=False),
            route("GET", f"{base}/index_constituents/{{index}}", self.index_constituents, PUBLIC, private=False),
            route("GET", f"{base}/liq_orders", self.liq_orders, PUBLIC, private=False),
            route("POST", f"{base}/funding_rates", self.funding_rates, PUBLIC, private=False),
            route("GET", f"{base}/position_close", self.position_close, PRIVATE),
            route("GET", f"{base}/liquidates", self.liquidates, PRIVATE),
            route("GET", f"{base}/auto_deleverages", self.auto_deleverages, PRIVATE),
        ]

    # -- tiers

    def _tiers(self, market: Instrument) -> Iterable[RiskTier]:
        return self.context.exchange.state.tiers[market.symbol]

    def risk_limit_tiers(self, call: Call) -> Reply:
        """Tiers of one contract, or of all, each then with its contract."""
        name = call.params.get("contract", "")
        if name:
            return page([tier_row(tier) for tier in self._tiers(self.context.contract(name))], call)
        markets = self.context.exchange.instruments(GATE_FUTURES)
        rows = [tier_row(tier) | {"contract": market.name} for market in markets for tier in self._tiers(market)]
        return page(rows, call)

    def risk_limit_table(self, call: Call) -> Reply:
        """The tiers of the table that a position names."""
        wanted = call.required("table_id")
        for market in self.context.exchange.instruments(GATE_FUTURES):
            if risk_table(market) == wanted:
                return Reply([tier_row(tier) for tier in self._tiers(market)])
        raise invalid_argument("invalid table_id")

    # -- statistics

    def contract_stats(self, call: Call) -> Reply:
        """Rows per interval, oldest first."""
        market = self.context.contract(call.required("contract"))
        interval = call.params.get("interval") or "5m"
        if interval not in STATS_INTERVALS:
            raise invalid_value(f"Invalid parameter `interval` with value: {interval}")
        limit, now_s = call.integer("limit", 30, 1, STATS_MAX), seconds(call.now_ns)
        first_s = start_of(interval, now_s - (limit - 1) * INTERVALS_S[interval])
        from_s = call.integer("from", first_s, 0, FAR_S)
        rows = contract_stats(self.context, market, interval, max(0, from_s), now_s, call.decimal_sizes)
        return Reply(rows[:limit])

    def insurance(self, call: Call) -> Reply:
        """The fund's balance today; its past is not kept."""
        limit = call.integer("limit", 100, 1, 100)
        fund = self.context.exchange.state.accounts.by_uid[INSURANCE].balance(GATE_FUTURES, "USDT").total
        return Reply([{"t": start_of("1d", seconds(call.now_ns)), "b": plain(fund)}][:limit])

    def index_constituents(self, call: Call) -> Reply:
        """Where an index comes from: here, from the two spot venues of the fakes."""
        market = self.context.contract(call.args["index"])
        venues = [{"exchange": name, "symbols": [market.name]} for name in ("Gate.io", "MEXC")]
        return Reply({"index": market.name, "constituents": venues})

    def funding_rates(self, call: Call) -> Reply:
        """Settlements of several contracts, each list newest first."""
        names = call.json_object().get("contracts")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise invalid_argument("invalid contracts")
        rows = []
        for name in names:
            settled = self.context.exchange.fundings(self.context.contract(name).symbol)
            rows.append({"contract": name, "data": [{"r": plain(s.rate), "t": s.time_s} for s in settled[::-1]]})
        return Reply(rows)

    # -- ends of positions

    def liq_orders(self, call: Call) -> Reply:
        """Liquidations of everybody within an hour at most, newest first."""
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", seconds(call.now_ns), 0, FAR_S)
        if from_s and to_s - from_s > LIQ_ORDERS_RANGE_S:
            raise GateError(400, "INVALID_PARAM_VALUE", "time range exceeds 3600 seconds")
        within = range(from_s * 1000, to_s * 1000 + 1000)
        rows = [
            history.rest_public_liquidation(ended, market, call.decimal_sizes)
            for ended, market in self._forced(self.context.history.liquidations, call)
            if ended.order.finish_ms in within
        ]
        return page(rows, call)

    def _forced(self, ends: list[ForcedEnd], call: Call) -> list[tuple[ForcedEnd, Instrument]]:
        """Newest first, of one contract when the query names it."""
        name = call.params.get("contract", "")
        wanted = self.context.contract(name).symbol if name else None
        return [
            (ended, self.context.market_of(ended.order))
            for ended in reversed(ends)
            if wanted in (None, ended.order.symbol)
        ]

    def _own(self, ends: list[ForcedEnd], shape: ForcedShape, call: Call) -> Reply:
        within = call.range_ms()
        at_s = call.integer("at", 0, 0, FAR_S)
        rows = [
            shape(ended, market, call.decimal_sizes)
            for ended, market in self._forced(ends, call)
            if ended.order.uid == call.uid_text
            and ended.order.finish_ms in within
            and at_s in (0, ended.order.finish_ms // 1000)
        ]
        return page(rows, call)

    def liquidates(self, call: Call) -> Reply:
        """Liquidations of this account, newest first."""
        return self._own(self.context.history.liquidations, history.rest_liquidation, call)

    def auto_deleverages(self, call: Call) -> Reply:
        """Deleveragings of this account, newest first."""
        return self._own(self.context.history.deleverages, history.rest_deleverage, call)

    def position_close(self, call: Call) -> Reply:
        """Ended positions of this account, newest first; `side` long or short, `pnl` profit or loss."""
        name, side, pnl = (call.params.get(key, "") for key in ("contract", "side", "pnl"))
        wanted, within = self.context.contract(name).symbol if name else None, call.range_ms()
        markets = {market.symbol: market for market in self.context.exchange.instruments(GATE_FUTURES)}
        rows = [
            history.rest_close(closed, markets[closed.symbol])
            for closed in reversed(self.context.history.closes)
            if closed.uid == call.uid_text
            and wanted in (None, closed.symbol)
            and side in ("", closed.side)
            and pnl in ("", "profit" if closed.pnl >= 0 else "loss")
            and closed.time_ms in within
        ]
        return page(rows, call)


def tier_row(tier: RiskTier) -> dict[str, Any]:
    """One risk limit tier."""
    return {
        "maintenance_rate": plain(tier.maintenance_rate),
        "tier": tier.number,
        "initial_rate": plain(tier.initial_rate.quantize(RATE_STEP)),
        "leverage_max": plain(tier.leverage_max),
        "risk_limit": plain(tier.limit),
        "deduction": plain(tier.deduction),
    }
