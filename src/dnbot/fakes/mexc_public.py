"""Public endpoints of MEXC spot v3: time, symbols, books, tickers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from . import mexc_shapes as shapes
from .instruments import Instrument
from .mexc_errors import refusals
from .mexc_numbers import padded, plain
from .mexc_venue import Call, MexcVenue, Route
from .records import MEXC_SPOT, BookSnapshot

__all__ = ["PUBLIC_ROUTES"]


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
    """GET symbol/offline: what is suspended, with state 2, and what was delisted, with state 3."""
    states = {i.name: 3 if i.phase == "delisted" else 2 for i in venue.instruments() if not i.tradable}
    rows = [{"symbol": name, "state": state} for name, state in states.items()]
    return {"data": rows, "code": 0, "msg": "success", "timestamp": call.now_ms}


def announcements(venue: MexcVenue, call: Call) -> Any:
    """GET announcements: there are none."""
    del venue
    return {"data": [{"details": [], "totalPage": 0}], "code": 0, "msg": "success", "timestamp": call.now_ms}


def etf_info(venue: MexcVenue, call: Call) -> Any:
    """GET etf/info: no leveraged token is listed, so every named one is unknown (-1121)."""
    del venue
    if call.text("symbol"):
        raise refusals.unknown_symbol()
    return []


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
                taken=venue.settings.order_types.get(instrument.name, shapes.LISTED_TYPES),
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


def price_ticker(venue: MexcVenue, call: Call) -> Any:
    """GET ticker/price; of MX, whose market is not simulated, the price at which fees are taken in it."""
    name = call.text("symbol")
    if name in {f"MX{instrument.quote}" for instrument in venue.instruments()} and venue.instrument(name) is None:
        return {"symbol": name, "price": plain(venue.exchange.state.mx_price)}
    return _one_or_all(_price_ticker)(venue, call)


def _top_ticker(venue: MexcVenue, instrument: Instrument, call: Call) -> Any:
    del call
    return shapes.book_ticker(_book(venue, instrument, 1), instrument)


PUBLIC_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/api/v3/ping"): Route(ping, {"ip": 1}),
    ("GET", "/api/v3/time"): Route(time, {"ip": 1}),
    ("GET", "/api/v3/defaultSymbols"): Route(default_symbols, {"ip": 1}),
    ("GET", "/api/v3/symbol/offline"): Route(offline_symbols, {"ip": 10}),
    ("GET", "/api/v3/announcements"): Route(announcements, {"ip": 8}),
    ("GET", "/api/v3/etf/info"): Route(etf_info, {"ip": 1}),
    ("GET", "/api/v3/exchangeInfo"): Route(exchange_info, {"ip": 25}),
    ("GET", "/api/v3/depth"): Route(depth, {"ip": 3}),
    ("GET", "/api/v3/ticker/24hr"): Route(_one_or_all(_day_ticker), {"ip": 25}),
    ("GET", "/api/v3/ticker/price"): Route(price_ticker, {"ip": 10}),
    ("GET", "/api/v3/ticker/bookTicker"): Route(_one_or_all(_top_ticker), {"ip": 10}),
}
