"""What traded on MEXC spot v3, for everybody: trades, aggregated trades, candles, the average price."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import attrs

from . import mexc_shapes as shapes
from .instruments import Instrument
from .mexc_errors import refusals
from .mexc_intervals import REST_INTERVALS, Interval
from .mexc_numbers import padded, plain
from .mexc_tape import Bar
from .mexc_venue import Call, MexcVenue, Route
from .records import ZERO

__all__ = ["HISTORY_ROUTES"]

_HOUR_MS: Final = 3_600_000
_MINUTE: Final = Interval(60)


def trades(venue: MexcVenue, call: Call) -> Any:
    """GET trades and historicalTrades, newest first."""
    tape = venue.tape(venue.listed(call))
    rows = islice(reversed(tape.trades), call.integer("limit", 500, 1000))
    return [shapes.public_trade(trade) for trade in rows]


def aggregate_trades(venue: MexcVenue, call: Call) -> Any:
    """GET aggTrades, newest first, in whole seconds; the two times go together and span at most an hour."""
    tape = venue.tape(venue.listed(call))
    start_ms, end_ms = call.integer("startTime", 0), call.integer("endTime", 0)
    if bool(start_ms) != bool(end_ms):
        raise refusals.parameters_combined()
    if end_ms - start_ms > _HOUR_MS:
        raise refusals.window_too_long()
    rows = (trade for trade in tape.aggregated() if not end_ms or start_ms <= trade.time_ms <= end_ms)
    return [shapes.aggregate_trade(trade) for trade in islice(rows, call.integer("limit", 500, 1000))]


def klines(venue: MexcVenue, call: Call) -> Any:
    """GET klines: eight columns, oldest first; from `startTime` on the oldest of them, else the newest."""
    instrument = venue.listed(call)
    interval = REST_INTERVALS.get(call.required("interval"))
    if interval is None:
        raise refusals.interval()
    start_ms, end_ms = call.integer("startTime", 0), call.integer("endTime", call.now_ms)
    bars = venue.tape(instrument).bars(interval, start_s=-(-start_ms // 1000), end_s=end_ms // 1000)
    if venue.settings.quiet_candles:
        bars = _with_quiet(bars, interval, min(end_ms, call.now_ms) // 1000)
    limit = call.integer("limit", 500, 1000)
    chosen = bars[:limit] if start_ms else bars[max(0, len(bars) - limit) :]
    return [_row(bar, interval, instrument) for bar in chosen]


def _row(bar: Bar, interval: Interval, instrument: Instrument) -> list[Any]:
    return [
        bar.start_s * 1000,
        *(padded(price, instrument.price_decimals) for price in (bar.opened, bar.high, bar.low, bar.closed)),
        plain(bar.volume),
        interval.end_s(bar.start_s) * 1000,
        plain(bar.amount),
    ]


def _with_quiet(bars: list[Bar], interval: Interval, until_s: int) -> list[Bar]:
    """The candles with a flat one for every window in which nothing traded, up to the last window that has begun."""
    filled: list[Bar] = []
    for bar in bars:
        _fill(filled, interval, bar.start_s - 1)
        filled.append(bar)
    _fill(filled, interval, until_s)
    return filled


def _fill(filled: list[Bar], interval: Interval, until_s: int) -> None:
    while filled and (start_s := interval.end_s(filled[-1].start_s)) <= until_s:
        closed = filled[-1].closed
        flat = attrs.evolve(filled[-1], start_s=start_s, opened=closed, high=closed, low=closed)
        filled.append(attrs.evolve(flat, volume=ZERO, amount=ZERO))


def average_price(venue: MexcVenue, call: Call) -> Any:
    """GET avgPrice: volume-weighted over the last five minutes, else the last price."""
    instrument = venue.listed(call)
    tape = venue.tape(instrument)
    bars = tape.bars(_MINUTE, start_s=call.now_ms // 1000 - 300)
    volume = sum((bar.volume for bar in bars), ZERO)
    price = sum((bar.amount for bar in bars), ZERO) / volume if volume else tape.last_price
    return {"mins": 5, "price": padded(price, instrument.price_decimals)}


HISTORY_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/api/v3/trades"): Route(trades, {"ip": 5}),
    ("GET", "/api/v3/historicalTrades"): Route(trades, {"ip": 1}),
    ("GET", "/api/v3/aggTrades"): Route(aggregate_trades, {"ip": 1}),
    ("GET", "/api/v3/klines"): Route(klines, {"ip": 1}),
    ("GET", "/api/v3/avgPrice"): Route(average_price, {"ip": 1}),
}
