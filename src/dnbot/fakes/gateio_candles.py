"""REST candles of Gate: which intervals a request asks for, how it is refused, and the rows of each endpoint.

Source: Gate API v4 docs, "Market candlesticks" (spot, at most 1000 points), "Get futures candlesticks" (at most 2000),
"Premium Index K-Line" (at most 1000); `limit` conflicts with `from` and `to`. Refusal texts as recorded 2025-26.
"""

from __future__ import annotations

from typing import Any

import attrs

from .gateio_bars import INTERVALS_S, Bar, BarSeries, end_of, start_of
from .gateio_context import GateContext
from .gateio_errors import invalid_value
from .gateio_http import FAR_S, Call, Reply, Route, contracts, route
from .gateio_json import plain, seconds
from .gateio_limits import PUBLIC
from .records import GATE_SPOT

SPOT_INTERVALS = ("1s", "10s", "1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "1d", "7d", "30d")
FUTURES_INTERVALS = ("10s", "1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "1d", "7d", "1w", "30d")
POINTS_DEFAULT, POINTS_AGO_MAX = 100, 10_000


@attrs.frozen
class Asked:
    """The candles of `interval` that begin in `from_s`..`to_s`."""

    interval: str
    from_s: int
    to_s: int


def asked(call: Call, intervals: tuple[str, ...], default: str, points_max: int, *, limit_alone: bool = True) -> Asked:
    """What the query asks for; raises GateError INVALID_PARAM_VALUE as Gate does.

    `limit_alone` refuses `limit` together with `from` or `to`, as documented.
    """
    interval = call.params.get("interval") or default
    if interval not in intervals:
        raise invalid_value(f"Invalid parameter `interval` with value: {interval}")
    length_s, now_s = INTERVALS_S[interval], seconds(call.now_ns)
    limit = call.integer("limit", POINTS_DEFAULT, 1, points_max)
    from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", 0, 0, FAR_S)
    if call.params.get("limit") and (from_s or to_s) and limit_alone:
        raise invalid_value("`limit` conflicts with `from` and `to`")
    last_s = to_s or now_s
    if not from_s and not to_s:
        from_s = start_of(interval, now_s - (limit - 1) * length_s)
    elif not from_s:
        from_s = max(0, to_s - limit * length_s)
    elif not to_s and call.params.get("limit"):
        last_s = min(now_s, from_s + (limit - 1) * length_s)
    if last_s < from_s:
        raise invalid_value(f"Invalid parameter `from` with value: {from_s}")
    if (last_s - from_s) // length_s + 1 > points_max:
        text = f"Candlestick range too broad. Maximum {points_max} data points are allowed per request"
        raise invalid_value(text)
    if from_s < now_s - POINTS_AGO_MAX * length_s:
        raise invalid_value(f"Candlestick too long ago. Maximum {POINTS_AGO_MAX} points ago are allowed")
    return Asked(interval, from_s, min(last_s, now_s))


def spot_row(bar: Bar, interval: str, now_s: int) -> list[str]:
    """One spot candle: time, quote volume, close, high, low, open, base volume, and whether it is complete."""
    closed = "true" if end_of(interval, bar.start_s) <= now_s else "false"
    prices = [plain(price) for price in (bar.close, bar.high, bar.low, bar.open)]
    return [str(bar.start_s), plain(bar.quote), *prices, plain(bar.volume), closed]


def price_row(bar: Bar) -> dict[str, Any]:
    """One candle of a mark, an index or a premium: it has no volume."""
    return {"o": plain(bar.open), "t": bar.start_s, "c": plain(bar.close), "l": plain(bar.low), "h": plain(bar.high)}


def futures_row(bar: Bar, decimal_sizes: bool) -> dict[str, Any]:
    """One candle of a contract: `v` contracts, `sum` quote."""
    row = {"o": plain(bar.open), "v": contracts(bar.volume, decimal_sizes), "t": bar.start_s, "c": plain(bar.close)}
    return row | {"l": plain(bar.low), "h": plain(bar.high), "sum": plain(bar.quote)}


def prefixed(context: GateContext, name: str) -> tuple[str, BarSeries]:
    """The bare contract name and the series that `BTC_USDT`, `mark_BTC_USDT` or `index_BTC_USDT` means."""
    for prefix in ("mark_", "index_"):
        if name.startswith(prefix):
            market = context.contract(name.removeprefix(prefix))
            history = context.marks.of(market.symbol)
            return market.name, history.mark if prefix == "mark_" else history.index
    market = context.contract(name)
    return market.name, context.tape(market).bars


@attrs.define(eq=False)
class CandlesRest:
    """Handlers of the candle endpoints of both products."""

    context: GateContext

    def routes(self) -> list[Route]:
        return [
            route("GET", "/spot/candlesticks", self.spot, PUBLIC, private=False),
            route("GET", "/futures/usdt/candlesticks", self.futures, PUBLIC, private=False),
            route("GET", "/futures/usdt/premium_index", self.premium, PUBLIC, private=False),
        ]

    def _asked(self, call: Call, intervals: tuple[str, ...], default: str, points_max: int) -> Asked:
        limit_alone = self.context.settings.candle_limit_with_range == "refused"
        return asked(call, intervals, default, points_max, limit_alone=limit_alone)

    def spot(self, call: Call) -> Reply:
        """Candles of a pair, oldest first."""
        market = self.context.pair(call.required("currency_pair"))
        wanted = self._asked(call, SPOT_INTERVALS, "30m", 1000)
        bars = self.context.tape(market).bars.candles(wanted.interval, wanted.from_s, wanted.to_s)
        return Reply([spot_row(bar, wanted.interval, self.context.now_ms(GATE_SPOT) // 1000) for bar in bars])

    def futures(self, call: Call) -> Reply:
        """Candles of a contract, or of its mark or index when the name has that prefix, oldest first."""
        name = call.required("contract")
        bare, series = prefixed(self.context, name)
        wanted = self._asked(call, FUTURES_INTERVALS, "5m", 2000)
        if call.params.get("timezone", "utc0") not in ("all", "utc0", "utc8"):
            raise invalid_value(f"Invalid parameter `timezone` with value: {call.params['timezone']}")
        bars = series.candles(wanted.interval, wanted.from_s, wanted.to_s)
        if bare != name:
            return Reply([price_row(bar) for bar in bars])
        return Reply([futures_row(bar, call.decimal_sizes) for bar in bars])

    def premium(self, call: Call) -> Reply:
        """Candles of the premium of a contract's mark over its index, oldest first."""
        market = self.context.contract(call.required("contract"))
        wanted = self._asked(call, FUTURES_INTERVALS, "5m", 1000)
        series = self.context.marks.of(market.symbol).premium
        return Reply([price_row(bar) for bar in series.candles(wanted.interval, wanted.from_s, wanted.to_s)])
