"""What the public domain says about the market, and the one view of it that decisions are made on."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import chain

import msgspec

from dnbot.domain.book import Level
from dnbot.domain.derived import Derived
from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.order import Side
from dnbot.domain.units import TWO, divide


class PublicTrade(msgspec.Struct, frozen=True, tag=True):
    """The market's own trade; `taker_bought` tells the aggressor."""

    venue: Venue
    price: Decimal
    quantity: Decimal
    taker_bought: bool
    at_ms: int


class BookTop(msgspec.Struct, frozen=True, tag=True):
    """Best bid and ask from a ticker channel: a cross-check of the kept book's freshness. None for an empty side."""

    venue: Venue
    bid: Decimal | None
    ask: Decimal | None
    at_ms: int


class Ticker(msgspec.Struct, frozen=True, tag=True):
    """24 h figures; volume in quote units."""

    venue: Venue
    last: Decimal
    volume_quote: Decimal
    at_ms: int


class MarkPrice(msgspec.Struct, frozen=True, tag=True):
    """Mark and index of the perpetual, quote per base."""

    venue: Venue
    mark: Decimal
    index: Decimal
    at_ms: int


class FundingRate(msgspec.Struct, frozen=True, tag=True):
    """The current estimate: fraction per interval; positive means that shorts receive."""

    venue: Venue
    rate: Decimal
    interval_s: int
    next_at_s: int


class BookView(msgspec.Struct, frozen=True, kw_only=True, tag=True, dict=True):
    """The best levels of one venue's synced book at one update id; base quantities. Both sides are non-empty."""

    venue: Venue
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    update_id: int
    venue_ms: int
    """The venue's own time of the last update, ms; 0 when it does not say."""
    received_s: float
    """Our monotonic clock when the last update arrived."""

    @Derived
    def mid(self) -> Decimal:
        """Mean of best bid and best ask."""
        return divide(self.bids[0][0] + self.asks[0][0], TWO)

    @Derived
    def is_sound(self) -> bool:
        """Whether both sides are there, and every number is finite: no comparison with anything else says a thing."""
        numbers = chain.from_iterable((*self.bids, *self.asks))
        sided = bool(self.bids and self.asks)
        return sided and math.isfinite(self.received_s) and all(map(Decimal.is_finite, numbers))

    def side_for(self, side: Side) -> tuple[Level, ...]:
        """The levels that an order of `side` takes."""
        return self.asks if side is Side.BUY else self.bids


class TradeFlow(msgspec.Struct, frozen=True, kw_only=True):
    """What the market's own trades of one venue say: recent activity and how far prices move."""

    venue: Venue
    trades_per_s: float
    buy_share: float
    """Share of taker buys by quantity, 0..1; 0.5 when silent."""
    move_bps_per_s: float
    """Root mean square move of the mid per square-root second."""
    volume_24h_quote: Decimal | None = None


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything public, newest per venue, as one value."""

    books: dict[Venue, BookView] = {}
    """Only venues whose book is synced and whose feed is up."""
    instruments: dict[Venue, Instrument] = {}
    mark: MarkPrice | None = None
    mark_received_s: float = 0.0
    funding: FundingRate | None = None
    flow: dict[Venue, TradeFlow] = {}

    def mid(self, venue: Venue) -> Decimal | None:
        """Mid of one venue, or None while its book is unknown."""
        book = self.books.get(venue)
        return book.mid if book else None
