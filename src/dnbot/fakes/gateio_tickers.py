"""Ticker objects of REST and of both sockets; funding interval and next time are in the stream's form alone.

Source: Gate API v4 docs, "Get currency pair ticker information" and "Get all futures trading statistics"; spot WS docs,
spot.tickers; futures WS docs, futures.tickers. Volumes, ranges and changes cover the trades of this run.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .gateio_context import GateContext
from .gateio_json import plain
from .gateio_marks import open_interest
from .gateio_tape import DayStats, percent
from .instruments import Instrument
from .records import GATE_FUTURES, GATE_SPOT

NOTHING = (Decimal(0), Decimal(0))
QUOTE_STEP = Decimal(1)


def _day(context: GateContext, market: Instrument) -> DayStats:
    price = context.exchange.last_price(market.venue, market.symbol) or Decimal(0)
    return context.tape(market).day(context.now_ms(market.venue) // 1000, price)


def _best(context: GateContext, market: Instrument) -> tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]:
    """Best bid and best ask, each as (price, size); zeros for an empty side."""
    book = context.exchange.depth(market.venue, market.symbol, 1)
    return (book.bids or (NOTHING,))[0], (book.asks or (NOTHING,))[0]


def spot_ticker(context: GateContext, market: Instrument) -> dict[str, str]:
    """One spot.tickers result: everything text, an empty side empty."""
    bid, ask = _best(context, market)
    day = _day(context, market)
    return {
        "currency_pair": market.name,
        "last": plain(day.last),
        "lowest_ask": plain(ask[0]) if ask[1] else "",
        "highest_bid": plain(bid[0]) if bid[1] else "",
        "change_percentage": percent(day.last, day.open, 4),
        "base_volume": plain(day.volume),
        "quote_volume": plain(day.quote),
        "high_24h": plain(day.high),
        "low_24h": plain(day.low),
    }


def rest_spot_ticker(context: GateContext, market: Instrument, *, with_sizes: bool) -> dict[str, str]:
    """One row of /spot/tickers; the sizes of the best levels only when a single pair is asked for."""
    streamed = spot_ticker(context, market)
    bid, ask = _best(context, market)
    value = {name: streamed[name] for name in ("currency_pair", "last", "lowest_ask")}
    value |= {"lowest_size": plain(ask[1])} if with_sizes else {}
    value["highest_bid"] = streamed["highest_bid"]
    value |= {"highest_size": plain(bid[1])} if with_sizes else {}
    last = Decimal(streamed["last"])
    utc0, utc8 = context.tape(market).changes(context.now_ms(GATE_SPOT) // 1000, last)
    value["change_percentage"] = streamed["change_percentage"]
    value |= {"change_utc0": percent(last, utc0, 4), "change_utc8": percent(last, utc8, 4)}
    return value | {name: streamed[name] for name in ("base_volume", "quote_volume", "high_24h", "low_24h")}


def _volumes(context: GateContext, market: Instrument, day: DayStats) -> dict[str, str]:
    quote = plain(day.quote.quantize(QUOTE_STEP))
    return {
        "total_size": plain(open_interest(context.exchange, market.symbol).size),
        "volume_24h": plain(day.volume),
        "volume_24h_base": plain(day.volume * market.multiplier),
        "volume_24h_quote": quote,
        "volume_24h_settle": quote,
    }


def rest_futures_ticker(context: GateContext, market: Instrument) -> dict[str, str]:
    """One row of /futures/usdt/tickers: everything text."""
    bid, ask = _best(context, market)
    mark, day = context.exchange.mark(market.symbol), _day(context, market)
    utc0, utc8 = context.tape(market).changes(context.now_ms(GATE_FUTURES) // 1000, day.last)
    return {
        "contract": market.name,
        "last": plain(day.last),
        "change_percentage": percent(day.last, day.open, 4),
        "low_24h": plain(day.low),
        "high_24h": plain(day.high),
        **_volumes(context, market, day),
        "mark_price": plain(mark.mark),
        "index_price": plain(mark.index),
        "funding_rate": plain(mark.funding_rate_shown),
        "funding_rate_indicative": plain(mark.funding_rate),
        "quanto_base_rate": "",
        "lowest_ask": plain(ask[0]),
        "lowest_size": plain(ask[1]),
        "highest_bid": plain(bid[0]),
        "highest_size": plain(bid[1]),
        "change_utc0": percent(day.last, utc0, 4),
        "change_utc8": percent(day.last, utc8, 4),
        "change_price": plain(day.change),
        "change_utc0_price": plain(day.last - utc0),
        "change_utc8_price": plain(day.last - utc8),
    }


def futures_ticker(context: GateContext, market: Instrument) -> list[dict[str, Any]]:
    """One futures.tickers result, an array of one; integers: funding interval, offset, next time, `t` in ms."""
    mark, day = context.exchange.mark(market.symbol), _day(context, market)
    return [
        {
            "contract": market.name,
            "last": plain(day.last),
            "change_percentage": percent(day.last, day.open, 4),
            **_volumes(context, market, day),
            "mark_price": plain(mark.mark),
            "funding_rate": plain(mark.funding_rate_shown),
            "funding_rate_indicative": plain(mark.funding_rate),
            "funding_interval": mark.funding_interval_s,
            "funding_offset": 0,
            "funding_next_apply": mark.funding_next_s,
            "index_price": plain(mark.index),
            "quanto_base_rate": "",
            "low_24h": plain(day.low),
            "high_24h": plain(day.high),
            "price_type": "last",
            "change_from": "24h",
            "change_price": plain(day.change),
            "t": context.now_ms(GATE_FUTURES),
        }
    ]
