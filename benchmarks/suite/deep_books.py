"""What a frame costs when the book that it changes is deep: six levels anywhere among so many a side."""

from __future__ import annotations

import time
from decimal import Decimal

from dnbot.domain.book import BookDelta, BookSnapshot, OrderBook
from dnbot.domain.instrument import Symbol, Venue
from dnbot.tasks.feed import DEPTH
from dnbot.venues.factory import public_codec
from dnbot.venues.wire import Delta
from suite import frames
from suite.figures import Figures


def frame_us(levels: int, count: int) -> Figures:
    """µs of one frame of Gate spot, mean of so many: decoded, applied, its best levels taken out as a feed does."""
    sent = frames.gate_frames(count, levels)
    codec, book = public_codec(Venue.GATE_SPOT, Symbol("BTC", "USDT")), whole_book(levels)
    decode, apply = codec.decode, book.apply
    began_s = time.perf_counter()
    for frame in sent:
        for message in decode(frame):
            assert isinstance(message, Delta)
            apply(message.delta)
            book.touch()
            book.bids(DEPTH)
            book.asks(DEPTH)
    return {"us": (time.perf_counter() - began_s) / count * 1e6}


def whole_book(levels: int) -> OrderBook:
    """As it is before the first frame."""
    book = OrderBook(Venue.GATE_SPOT)
    bids, asks = (
        tuple((Decimal(price), Decimal(size)) for price, size in side) for side in frames.snapshot(levels)
    )  # fmt: skip
    book.load(BookSnapshot(venue=Venue.GATE_SPOT, update_id=frames.FIRST_ID, bids=bids, asks=asks))
    return book


def touched(levels: int, count: int) -> set[Decimal]:
    """Bid prices that so many frames change."""
    codec = public_codec(Venue.GATE_SPOT, Symbol("BTC", "USDT"))
    deltas: list[BookDelta] = [
        message.delta for frame in frames.gate_frames(count, levels) for message in codec.decode(frame)
        if isinstance(message, Delta)
    ]
    return {price for delta in deltas for price, _ in delta.bids}
