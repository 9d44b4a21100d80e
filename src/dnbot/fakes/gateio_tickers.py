"""Ticker objects of the two sockets; mark, index and funding are published in futures.tickers and nowhere else.

Source: Gate API v4 spot WS docs, spot.tickers; futures WS docs, futures.tickers. Volumes and ranges cover the trades
the front remembers, which are fewer than 24 hours of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .gateio_context import GateContext
from .gateio_json import plain
from .instruments import Instrument
from .records import GATE_FUTURES, GATE_SPOT


def spot_ticker(context: GateContext, market: Instrument) -> dict[str, str]:
    """One spot.tickers result: everything text."""
    book = context.exchange.depth(GATE_SPOT, market.symbol, 1)
    trades = context.recent_trades[GATE_SPOT, market.symbol]
    last = context.exchange.last_price(GATE_SPOT, market.symbol) or Decimal(0)
    prices = [trade.price for trade in trades] or [last]
    return {
        "currency_pair": market.name,
        "last": plain(last),
        "lowest_ask": plain(book.asks[0][0]) if book.asks else "",
        "highest_bid": plain(book.bids[0][0]) if book.bids else "",
        "change_percentage": "0",
        "base_volume": plain(sum((trade.quantity for trade in trades), Decimal(0))),
        "quote_volume": plain(sum((trade.quantity * trade.price for trade in trades), Decimal(0))),
        "high_24h": plain(max(prices)),
        "low_24h": plain(min(prices)),
    }


def futures_ticker(context: GateContext, market: Instrument) -> list[dict[str, Any]]:
    """One futures.tickers result, an array of one; integers: funding interval, offset, next time, `t` in ms."""
    exchange = context.exchange
    mark = exchange.mark(market.symbol)
    trades = context.recent_trades[GATE_FUTURES, market.symbol]
    last = exchange.last_price(GATE_FUTURES, market.symbol) or Decimal(0)
    prices = [trade.price for trade in trades] or [last]
    volume = sum((trade.quantity for trade in trades), Decimal(0))
    base = volume * market.multiplier
    return [
        {
            "contract": market.name,
            "last": plain(last),
            "change_percentage": "0",
            "total_size": "0",
            "volume_24h": plain(volume),
            "volume_24h_base": plain(base),
            "volume_24h_quote": plain(base * last),
            "volume_24h_settle": plain(base * last),
            "mark_price": plain(mark.mark),
            "funding_rate": plain(mark.funding_rate_shown),
            "funding_rate_indicative": plain(mark.funding_rate),
            "funding_interval": mark.funding_interval_s,
            "funding_offset": 0,
            "funding_next_apply": mark.funding_next_s,
            "index_price": plain(mark.index),
            "quanto_base_rate": "",
            "low_24h": plain(min(prices)),
            "high_24h": plain(max(prices)),
            "price_type": "last",
            "change_from": "24h",
            "change_price": "0",
            "t": context.now_ms(GATE_FUTURES),
        }
    ]
