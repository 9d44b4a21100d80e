"""The public domain: instrument, book, trades. `dnbot.venues.wire.PublicCodec` says what each method is for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.instrument import Instrument, Symbol
from dnbot.venues import wire
from dnbot.venues.plugin import VENUE, Number, read
from dnbot_venue_example import words


class Market(msgspec.Struct):
    tick: Number
    lot: Number
    quantity_min: Number
    value_min: Number
    value_max: Number
    is_open: bool


class Time(msgspec.Struct):
    ms: int


class Increment(msgspec.Struct):
    """Absolute quantities; zero takes a level away. A whole book is its own first and last."""

    first: int
    last: int
    at: int
    bids: words.Levels
    asks: words.Levels


class Traded(msgspec.Struct):
    price: Number
    quantity: Number
    taker: str
    at: int


class ExamplePublic:
    venue, ping_interval_s = VENUE, words.PING_S
    trouble = staticmethod(words.trouble)

    def __init__(self, symbol: Symbol) -> None:
        self.symbol, self.market = symbol, words.market_of(symbol)

    def instrument_requests(self) -> tuple[wire.Request, ...]:
        return (wire.Request(method="GET", target=f"/markets/{self.market}"),)

    def instrument(self, replies: Sequence[wire.Reply]) -> Instrument:
        row = read(replies[0].body, Market)
        return Instrument(
            venue=VENUE, symbol=self.symbol, tick_size=Decimal(row.tick), lot_size=Decimal(row.lot),
            min_quantity=Decimal(row.quantity_min), min_notional=Decimal(row.value_min),
            max_notional=Decimal(row.value_max), tradable=row.is_open,
            not_tradable_because="" if row.is_open else "the market is closed",
        )

    def server_time_request(self) -> wire.Request:
        return wire.Request(method="GET", target="/time")

    def server_time_ms(self, reply: wire.Reply) -> int:
        return read(reply.body, Time).ms

    def snapshot_request(self) -> wire.Request:
        return wire.Request(method="GET", target=f"/markets/{self.market}/book", weight=2)

    def snapshot(self, reply: wire.Reply) -> BookSnapshot:
        row = read(reply.body, Increment)
        bids, asks = words.levels(row.bids), words.levels(row.asks)
        return BookSnapshot(venue=VENUE, update_id=row.last, bids=bids, asks=asks, at_ms=row.at)

    def stream_target(self) -> str:
        return "/stream"

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        return ()

    def subscribe_frames(self, now_s: int) -> tuple[str, ...]:
        return tuple(f'{{"do":"subscribe","channel":"{name}","market":"{self.market}"}}' for name in ("book", "trades"))

    def ping_frame(self, now_s: int) -> str:
        return words.PING

    def decode(self, frame: str | bytes) -> tuple[wire.PublicMessage, ...]:
        head = read(frame, words.Frame)
        if head.on == "trade":
            one = read(frame, Traded)
            return (wire.PublicTrade(VENUE, Decimal(one.price), Decimal(one.quantity), one.taker == "buy", one.at),)
        if head.on != "book":
            return (words.control(head),)
        row = read(frame, Increment)
        bids, asks = words.levels(row.bids), words.levels(row.asks)
        return (wire.Delta(BookDelta(
            venue=VENUE, first_id=row.first, last_id=row.last, bids=bids, asks=asks, at_ms=row.at
        )),)  # fmt: skip
