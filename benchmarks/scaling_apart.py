"""What a worker would save if its public feeds were a process of their own, and what it would pay for that.

Both sides get the same increments of one book of a hundred levels a side. Today a frame is attributed to its market,
decoded, and folded into the book. From another process the worker would get the book's best levels, as a feed gives
them to its analyst, and decode these; the other process has all of today's work, and encodes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import median
from typing import Any, TypeVar

import msgspec
from suite import frames

from dnbot.domain.book import BookDelta, BookSnapshot, OrderBook
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookView
from dnbot.tasks.feed import DEPTH
from dnbot.venues.factory import SHARING, public_codec
from dnbot.venues.wire import Delta, PublicMessage

ROUNDS = 7
VENUE, SYMBOL = Venue.GATE_SPOT, Symbol("BTC", "USDT")
T = TypeVar("T")


def apart(count: int = 3000) -> dict[str, Any]:
    """Microseconds per frame of each step, medians of rounds."""
    texts = frames.gate_frames(count)
    codec, sharing = public_codec(VENUE, SYMBOL), SHARING[VENUE]
    deltas = [_delta(codec.decode(text)) for text in texts]
    views = _views(deltas)
    encode, decoder = msgspec.msgpack.encode, msgspec.msgpack.Decoder(BookView)
    encoded = [encode(view) for view in views]
    assert decoder.decode(encoded[-1]) == views[-1]

    def fold() -> None:
        book = _book()
        for delta in deltas:
            book.apply(delta)
            book.touch()

    found = {
        "attribute_us": _us(count, lambda: _each(sharing.markets, texts)),
        "decode_us": _us(count, lambda: _each(codec.decode, texts)),
        "fold_us": _us(count, fold),
        "encode_view_us": _us(count, lambda: _each(encode, views)),
        "decode_view_us": _us(count, lambda: _each(decoder.decode, encoded)),
    }
    return {name: round(us, 2) for name, us in found.items()} | {
        "frames": count, "levels": DEPTH, "view_bytes": round(median(map(len, encoded))),
    }


def _each(step: Callable[[T], object], over: Sequence[T]) -> None:
    for one in over:
        step(one)


def _us(count: int, run: Callable[[], None]) -> float:
    took = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        run()
        took.append((time.perf_counter() - began_s) * 1e6 / count)
    return median(took)


def _delta(words: tuple[PublicMessage, ...]) -> BookDelta:
    (word,) = words
    assert isinstance(word, Delta)
    return word.delta


def _book() -> OrderBook:
    bids, asks = ([(Decimal(price), Decimal(size)) for price, size in side] for side in frames.snapshot())
    book = OrderBook(VENUE)
    book.load(BookSnapshot(venue=VENUE, update_id=frames.FIRST_ID, bids=tuple(bids), asks=tuple(asks)))
    return book


def _views(deltas: list[BookDelta]) -> list[BookView]:
    book, found = _book(), []
    for delta in deltas:
        book.apply(delta)
        found.append(BookView(
            venue=VENUE, bids=book.bids(DEPTH), asks=book.asks(DEPTH), update_id=book.update_id, venue_ms=delta.at_ms,
            received_s=1.0,
        ))
    return found
