"""The order book of one venue: a snapshot, increments in sequence, and walks over its depth.

One rule serves all venues: an increment covers update ids `first..last`; after a snapshot with id `n` the first usable
increment satisfies `first <= n + 1 <= last`, and every later one starts at the previous `last + 1`.
Sources: Gate spot and futures WebSocket docs (order_book_update), MEXC spot v3 docs (local order book).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.errors import BookGap
from dnbot.domain.instrument import Venue
from dnbot.domain.order import Side
from dnbot.domain.units import ZERO, divide
from dnbot.domain.word import Word

Level = tuple[Decimal, Decimal]
"""(price, base quantity)"""


class BookSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A whole book: bids descending, asks ascending, base quantities."""

    venue: Venue
    update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at_ms: int = 0


class BookDelta(msgspec.Struct, frozen=True, kw_only=True):
    """An increment: absolute base quantities per price, zero removes. Empty sides still move the sequence."""

    venue: Venue
    first_id: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at_ms: int = 0
    full: bool = False
    """Replaces the whole book."""


class Applied(Word):
    """What an increment did."""

    APPLIED = "applied"
    STALE = "stale"


class Walk(msgspec.Struct, frozen=True):
    """The result of taking `quantity` base units from one side: what it is worth and how deep it went."""

    quantity: Decimal
    value: Decimal
    worst_price: Decimal

    @property
    def vwap(self) -> Decimal:
        """Volume-weighted price; the quantity must be positive."""
        return divide(self.value, self.quantity)


@attrs.define
class OrderBook:
    """A live book; the only owner of it is the feed that keeps it.

    Not synced until `load`; `apply` raises `BookGap` when an increment is missing and the book is then unsynced.
    """

    venue: Venue
    update_id: int = 0
    synced: bool = False
    first_pending: bool = False
    _bids: dict[Decimal, Decimal] = attrs.field(factory=dict)
    _asks: dict[Decimal, Decimal] = attrs.field(factory=dict)
    _bid_prices: list[Decimal] = attrs.field(factory=list)
    """Both lists ascend: the best bid is last, the best ask first."""
    _ask_prices: list[Decimal] = attrs.field(factory=list)

    def load(self, snapshot: BookSnapshot) -> None:
        """Replace everything by a snapshot; never call it with one that is older than what is applied."""
        self._bids = {price: quantity for price, quantity in snapshot.bids if quantity > 0}
        self._asks = {price: quantity for price, quantity in snapshot.asks if quantity > 0}
        self._bid_prices = sorted(self._bids)
        self._ask_prices = sorted(self._asks)
        self.update_id = snapshot.update_id
        self.synced = True
        self.first_pending = True

    def apply(self, delta: BookDelta) -> Applied:
        """Fold one increment.

        Raises:
            BookGap: increments are missing, or the result is crossed; the book is unsynced from then on.
        """
        if delta.full:
            return self._replace(delta)
        if delta.last_id <= self.update_id:
            return Applied.STALE
        follows = delta.first_id <= self.update_id + 1 if self.first_pending else delta.first_id == self.update_id + 1
        if not self.synced or not follows:
            self.synced = False
            raise BookGap(self.venue.value, self.update_id + 1, delta.first_id)
        _fold(self._bids, self._bid_prices, delta.bids)
        _fold(self._asks, self._ask_prices, delta.asks)
        self.update_id = delta.last_id
        self.first_pending = False
        if self.is_crossed:
            self.synced = False
            raise BookGap(self.venue.value, delta.last_id, delta.last_id)
        return Applied.APPLIED

    def _replace(self, delta: BookDelta) -> Applied:
        if self.synced and delta.last_id <= self.update_id:
            return Applied.STALE
        self.load(
            BookSnapshot(
                venue=self.venue, update_id=delta.last_id, bids=delta.bids, asks=delta.asks, at_ms=delta.at_ms
            )
        )
        self.first_pending = False
        return Applied.APPLIED

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid reaches the best ask: a corrupt book."""
        return bool(self._bid_prices and self._ask_prices and self._bid_prices[-1] >= self._ask_prices[0])

    def touch(self) -> tuple[Decimal, Decimal] | None:
        """Best bid and ask; None while a side is empty."""
        return (self._bid_prices[-1], self._ask_prices[0]) if self._bid_prices and self._ask_prices else None

    def bids(self, depth: int) -> tuple[Level, ...]:
        """The best `depth` bids, descending."""
        return tuple([(price, self._bids[price]) for price in self._bid_prices[: -depth - 1 : -1]])

    def asks(self, depth: int) -> tuple[Level, ...]:
        """The best `depth` asks, ascending."""
        return tuple([(price, self._asks[price]) for price in self._ask_prices[:depth]])


def levels_for(side: Side, bids: tuple[Level, ...], asks: tuple[Level, ...]) -> tuple[Level, ...]:
    """The side of a book that an order of `side` takes from."""
    return asks if side is Side.BUY else bids


def walk(levels: tuple[Level, ...], quantity: Decimal) -> Walk | None:
    """Take `quantity` base units from the best price on; None when the visible depth is less."""
    if quantity <= 0:
        raise ValueError(f"a walk needs a positive quantity: {quantity}")
    left, value = quantity, ZERO
    for price, available in levels:
        if available >= left:
            return Walk(quantity, value + left * price, price)
        value += available * price
        left -= available
    return None


def depth_within(levels: tuple[Level, ...], side: Side, price_cap: Decimal) -> Decimal:
    """Base units that an order of `side` could take without paying worse than `price_cap`."""
    return sum([quantity for _, quantity in levels_within(levels, side, price_cap)], ZERO)


def levels_within(levels: tuple[Level, ...], side: Side, price_cap: Decimal) -> tuple[Level, ...]:
    """The levels, best first, that an order of `side` may take without paying worse than `price_cap`."""
    buys = side is Side.BUY
    if levels and (levels[-1][0] <= price_cap if buys else levels[-1][0] >= price_cap):
        return levels
    return tuple([level for level in levels if (level[0] <= price_cap if buys else level[0] >= price_cap)])


def _fold(side: dict[Decimal, Decimal], prices: list[Decimal], changes: tuple[Level, ...]) -> None:
    for price, size in changes:
        if size > ZERO:
            known = len(side)
            side[price] = size
            if len(side) > known:  # a look-up beforehand would hash the price once more
                insort(prices, price)
        elif side.pop(price, None) is not None:
            del prices[bisect_left(prices, price)]
