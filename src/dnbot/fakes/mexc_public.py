"""Public endpoints of MEXC spot v3: time, symbols, books, trades, candles, tickers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from . import mexc_shapes as shapes
from .instruments import Instrument
from .mexc_errors import refusals
from .mexc_numbers import padded, plain
from .mexc_tape import REST_INTERVALS_S, Tape
from .mexc_venue import Call, MexcVenue, Route
from .records import MEXC_SPOT, ZERO, BookSnapshot, PublicTrade

__all__ = ["PUBLIC_ROUTES"]

_HOUR_MS: Final = 3_600_000


def ping(venue: MexcVenue, call: Call) -> Any:
    """GET ping."""
    del venue, call
    return {}


def time(venue: MexcVenue, call: Call) -> Any:
    """GET time."""
    del venue
    return {"serverTime": call.now_ms}


def default_symbols(venue: MexcVenue, call: Call) -> Any:
    """GET defaultSymbols: the symbols open to API trading."""
    names = [i.name for i in venue.instruments() if i.tradable and venue.api_open(i)]
    return {"data": names, "code": 0, "msg": "success", "timestamp": call.now_ms}


def offline_symbols(venue: MexcVenue, call: Call) -> Any:
    """GET symbol/offline."""
    names = [{"symbol": i.name, "state": "3"} for i in venue.instruments() if i.phase == "delisted"]
    return {"data": names, "code": 0, "msg": "success", "timestamp": call.now_ms}


def _chosen(venue: MexcVenue, call: Call) -> list[Instrument]:
    """The markets of `symbol` or `symbols`, or all of them."""
    names = call.text("symbol") or call.text("symbols")
    if not names:
        return venue.instruments()
    found = [venue.instrument(name) for name in names.split(",")]
    chosen = [instrument for instrument in found if instrument is not None]
    if len(chosen) < len(found):
        raise refusals.unknown_symbol()
    return chosen


def exchange_info(venue: MexcVenue, call: Call) -> Any:
    """GET exchangeInfo."""
    fees = venue.exchange.state.default_fees[MEXC_SPOT]
    return {
        "timezone": "CST",
        "serverTime": call.now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [
            shapes.exchange_symbol(
                instrument,
                fees,
                api_open=venue.api_open(instrument),
                trade_side=venue.settings.trade_side.get(instrument.name, 1),
            )
            for instrument in _chosen(venue, call)
        ],
    }


def _book(venue: MexcVenue, instrument: Instrument, limit: int) -> BookSnapshot:
    return venue.exchange.depth(MEXC_SPOT, instrument.symbol, limit)


def depth(venue: MexcVenue, call: Call) -> Any:
    """GET depth; with a stale snapshot armed, the book as it was a while ago."""
    instrument = venue.listed(call)
    limit = call.integer("limit", 100, 5000)
    if limit == 0:
        raise refusals.parameter()
    book = venue.faults.take_stale_book(instrument.symbol) or _book(venue, instrument, limit)
    return shapes.depth(book, instrument, limit)


def _newest_trades(tape: Tape, limit: int) -> list[PublicTrade]:
    return list(tape.trades)[::-1][:limit]


def trades(venue: MexcVenue, call: Call) -> Any:
    """GET trades, newest first."""
    tape = venue.tape(venue.listed(call))
    return [shapes.public_trade(trade) for trade in _newest_trades(tape, call.integer("limit", 500, 1000))]


def aggregate_trades(venue: MexcVenue, call: Call) -> Any:
    """GET aggTrades, newest first, in whole seconds; the two times go together and span at most an hour."""
    tape = venue.tape(venue.listed(call))
    start_ms, end_ms = call.integer("startTime", 0), call.integer("endTime", 0)
    if bool(start_ms) != bool(end_ms):
        raise refusals.parameters_combined()
    if end_ms - start_ms > _HOUR_MS:
        raise refusals.window_too_long()
    rows = [trade for trade in tape.trades if not end_ms or start_ms <= trade.time_ms <= end_ms]
    return [
        {
            "a": None,
            "f": None,
            "l": None,
            "p": plain(trade.price),
            "q": plain(trade.quantity),
            "T": trade.time_ms // 1000 * 1000,
            "m": trade.side == "sell",
            "M": True,
        }
        for trade in rows[::-1][: call.integer("limit", 500, 1000)]
    ]


def klines(venue: MexcVenue, call: Call) -> Any:
    """GET klines: eight columns, oldest first; candles without a trade are missing."""
    instrument = venue.listed(call)
    width_s = REST_INTERVALS_S.get(call.required("interval"))
    if width_s is None:
        raise refusals.parameter("Invalid interval.")
    end_ms = call.integer("endTime", call.now_ms)
    bars = venue.tape(instrument).bars(width_s, start_s=call.integer("startTime", 0) // 1000, end_s=end_ms // 1000)
    return [
        [
            bar.start_s * 1000,
            *(padded(price, instrument.price_decimals) for price in (bar.opened, bar.high, bar.low, bar.closed)),
            plain(bar.volume),
            (bar.start_s + width_s) * 1000,
            plain(bar.amount),
        ]
        for bar in bars[-call.integer("limit", 500, 1000) :]
    ]


def average_price(venue: MexcVenue, call: Call) -> Any:
    """GET avgPrice: volume-weighted over the last five minutes, else the last price."""
    instrument = venue.listed(call)
    tape = venue.tape(instrument)
    bars = tape.bars(60, start_s=call.now_ms // 1000 - 300)
    volume = sum((bar.volume for bar in bars), ZERO)
    price = sum((bar.amount for bar in bars), ZERO) / volume if volume else tape.last_price
    return {"mins": 5, "price": padded(price, instrument.price_decimals)}


def _one_or_all(make: Callable[[MexcVenue, Instrument, Call], Any]) -> Callable[[MexcVenue, Call], Any]:
    """An endpoint that answers an object with `symbol` and an array without."""

    def answer(venue: MexcVenue, call: Call) -> Any:
        rows = [make(venue, instrument, call) for instrument in _chosen(venue, call)]
        return rows[0] if call.text("symbol") and "," not in call.text("symbol") else rows

    return answer


def _day_ticker(venue: MexcVenue, instrument: Instrument, call: Call) -> Any:
    day = venue.tape(instrument).day(call.now_ms // 1000)
    top = shapes.book_ticker(_book(venue, instrument, 1), instrument)
    opened = padded(day.opened, instrument.price_decimals)
    return {
        "symbol": instrument.name,
        "priceChange": plain(day.change),
        "priceChangePercent": plain(day.change_fraction),
        "prevClosePrice": opened,
        "lastPrice": padded(day.last, instrument.price_decimals),
        "bidPrice": top["bidPrice"],
        "bidQty": top["bidQty"],
        "askPrice": top["askPrice"],
        "askQty": top["askQty"],
        "openPrice": opened,
        "highPrice": padded(day.high, instrument.price_decimals),
        "lowPrice": padded(day.low, instrument.price_decimals),
        "volume": plain(day.volume),
        "quoteVolume": plain(day.amount),
        "openTime": call.now_ms - 19_023,  # recorded: the two times are some seconds apart, not a day
        "closeTime": call.now_ms,
        "count": None,
    }


def _price_ticker(venue: MexcVenue, instrument: Instrument, call: Call) -> Any:
    del call
    return {"symbol": instrument.name, "price": padded(venue.tape(instrument).last_price, instrument.price_decimals)}


def _top_ticker(venue: MexcVenue, instrument: Instrument, call: Call) -> Any:
    del call
    return shapes.book_ticker(_book(venue, instrument, 1), instrument)


PUBLIC_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/api/v3/ping"): Route(ping, {"ip": 1}),
    ("GET", "/api/v3/time"): Route(time, {"ip": 1}),
    ("GET", "/api/v3/defaultSymbols"): Route(default_symbols, {"ip": 1}),
    ("GET", "/api/v3/symbol/offline"): Route(offline_symbols, {"ip": 10}),
    ("GET", "/api/v3/exchangeInfo"): Route(exchange_info, {"ip": 25}),
    ("GET", "/api/v3/depth"): Route(depth, {"ip": 3}),
    ("GET", "/api/v3/trades"): Route(trades, {"ip": 5}),
    ("GET", "/api/v3/aggTrades"): Route(aggregate_trades, {"ip": 1}),
    ("GET", "/api/v3/klines"): Route(klines, {"ip": 1}),
    ("GET", "/api/v3/avgPrice"): Route(average_price, {"ip": 1}),
    ("GET", "/api/v3/ticker/24hr"): Route(_one_or_all(_day_ticker), {"ip": 25}),
    ("GET", "/api/v3/ticker/price"): Route(_one_or_all(_price_ticker), {"ip": 10}),
    ("GET", "/api/v3/ticker/bookTicker"): Route(_one_or_all(_top_ticker), {"ip": 10}),
}
