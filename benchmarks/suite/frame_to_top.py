"""Target 3: bytes of a frame -> decoded -> applied to the book -> top of the book; and the same frames in ccxt.pro.

Of ours the top is what the bot looks at after each frame: both best prices, whose sizes a decision reads in the levels.

ccxt.pro goes its own way: what its WebSocket client does with a frame that has arrived, down to the book that
`watch_order_book` hands out. Both end with the same ten best levels, or the benchmark fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from importlib import import_module
from operator import itemgetter
from typing import Any

import msgspec

from dnbot.domain.book import BookSnapshot, OrderBook
from dnbot.domain.instrument import Symbol, Venue
from dnbot.venues.factory import public_codec
from dnbot.venues.mexc import protobuf
from dnbot.venues.wire import Delta
from suite import frames
from suite.figures import Figures
from suite.measuring import Effort, interleaved
from suite.target import Target

FRAMES, FRAMES_OF_CCXT = 20_000, 4_000
LIMITS_US = {Venue.GATE_SPOT: 6.0, Venue.MEXC_SPOT: 10.0}
MAKERS: dict[Venue, Callable[[int], Sequence[str | bytes]]] = {
    Venue.GATE_SPOT: frames.gate_frames, Venue.MEXC_SPOT: frames.mexc_frames,
}
LEVELS_COMPARED = 10


class _Levels(msgspec.Struct):
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Update(msgspec.Struct):
    result: _Levels


PARSERS: dict[Venue, tuple[str, Callable[[Any], object]]] = {
    Venue.GATE_SPOT: ("msgspec, levels as texts", msgspec.json.Decoder(_Update).decode),
    Venue.MEXC_SPOT: ("upb, no field read", protobuf._PUSH.FromString),
}
"""What reads such a frame and does nothing with it."""
Best = list[tuple[float, float]]
"""The best bids, then the best asks: price and size."""


def measure(effort: Effort) -> list[Target]:
    """A target per venue."""
    return [_measure(venue, effort) for venue in LIMITS_US]


def _measure(venue: Venue, effort: Effort) -> Target:
    many, few = MAKERS[venue](effort.times(FRAMES)), MAKERS[venue](effort.times(FRAMES_OF_CCXT))
    if ours(venue, few)[1] != ccxt(venue, few)[1]:
        raise AssertionError(f"{venue.value}: two books from the same frames differ")
    rounds = interleaved(
        effort.rounds,
        {
            "ours": lambda: _figures(ours(venue, many), many), "ccxt.pro": lambda: _figures(ccxt(venue, few), few),
            "parser": lambda: _figures(parsed(venue, many), many),
        },
    )
    return Target(
        f"3 frame -> top of book, {venue.value}", "us", rounds.median("ours", "us"), limit=LIMITS_US[venue],
        factor=10.0, beside="ccxt.pro", comparison=rounds.median("ccxt.pro", "us"),
        floor=rounds.median("parser", "us"), floor_of=PARSERS[venue][0],
        detail=f"mean of a frame of {len(many[-1])} bytes; rounds {rounds.spread('ours', 'us')}",
        again=partial(ours, venue, few),
    )


def _figures(result: tuple[float, object], sent: Sequence[str | bytes]) -> Figures:
    return {"us": result[0] / len(sent) * 1e6}


def ours(venue: Venue, sent: Sequence[str | bytes]) -> tuple[float, Best]:
    """Seconds for all frames, and the best levels after them."""
    codec, book = public_codec(venue, Symbol("BTC", "USDT")), OrderBook(venue)
    bids, asks = frames.snapshot()
    exact = [tuple((Decimal(price), Decimal(size)) for price, size in rows) for rows in (bids, asks)]
    book.load(BookSnapshot(venue=venue, update_id=frames.FIRST_ID, bids=exact[0], asks=exact[1]))
    decode, apply, top = codec.decode, book.apply, book.touch
    began_s = time.perf_counter()
    for frame in sent:
        for message in decode(frame):
            assert isinstance(message, Delta)
            apply(message.delta)
            top()
    took_s = time.perf_counter() - began_s
    levels = [*book.bids(LEVELS_COMPARED), *book.asks(LEVELS_COMPARED)]
    return took_s, [(float(price), float(size)) for price, size in levels]


def parsed(venue: Venue, sent: Sequence[str | bytes]) -> tuple[float, object]:
    """Seconds to parse all frames, and the last one."""
    parse, found = PARSERS[venue][1], None
    began_s = time.perf_counter()
    for frame in sent:
        found = parse(frame)
    return time.perf_counter() - began_s, found


def ccxt(venue: Venue, sent: Sequence[str | bytes]) -> tuple[float, Best]:
    """The same of ccxt.pro."""
    return asyncio.run(_ccxt(venue, sent))


async def _ccxt(venue: Venue, sent: Sequence[str | bytes]) -> tuple[float, Best]:
    pro = import_module("ccxt.pro")
    exchange = {Venue.GATE_SPOT: pro.gate, Venue.MEXC_SPOT: pro.mexc}[venue]()
    try:
        client, book = _subscribed(exchange, venue)
        receive, top = client.handle_text_or_binary_message, itemgetter(0)
        bids, asks = book["bids"], book["asks"]
        began_s = time.perf_counter()
        for frame in sent:
            receive(frame)
            top(bids)
            top(asks)
        took_s = time.perf_counter() - began_s
        levels = [*bids[:LEVELS_COMPARED], *asks[:LEVELS_COMPARED]]
        return took_s, [(price, size) for price, size, *_ in levels]
    finally:
        await exchange.close()


def _subscribed(exchange: Any, venue: Venue) -> tuple[Any, Any]:
    """A client that never connects, and a book as it is after the snapshot was joined."""
    market_id = frames.GATE_PAIR if venue is Venue.GATE_SPOT else frames.MEXC_SYMBOL
    exchange.set_markets([{
        "id": market_id, "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT",
        "type": "spot", "spot": True, "swap": False, "future": False, "option": False, "contract": False,
        "active": True, "precision": {"price": 0.1, "amount": 0.001}, "limits": {},
    }])
    client = exchange.client("ws://localhost/")
    bids, asks = frames.snapshot()
    book = exchange.order_book({
        "bids": [[float(price), float(size)] for price, size in bids],
        "asks": [[float(price), float(size)] for price, size in asks], "nonce": frames.FIRST_ID,
    })
    book["symbol"] = "BTC/USDT"
    exchange.orderbooks["BTC/USDT"] = book
    client.subscriptions["orderbook:BTC/USDT"] = {}
    return client, book
