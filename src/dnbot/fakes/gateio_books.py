"""Turns the level changes of one book into the numbered increments of one public stream.

Source: Gate API v4 spot and futures WS docs, "Local order book" (order_book_update) and "Order Book V2" (obu).
Whether a level that only slid out of the top N gets a delete is not documented, so `order_book_update` here is the
reading under which a client that follows the documented procedure is right: it carries every level that was
touched, plus levels that slid into the top N. `obu` clients start from a full frame of the stream itself, so there
the increment is the exact difference of two top-N views.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import attrs

Side = Literal["buy", "sell"]
Level = tuple[Decimal, Decimal]
ZERO = Decimal(0)


@attrs.frozen
class Increment:
    """Absolute quantities of changed levels; `first_id`..`last_id` are the book ids they cover, both included."""

    first_id: int
    last_id: int
    bids: list[Level]
    asks: list[Level]


@attrs.define
class _SideBatch:
    touched: dict[Decimal, Decimal] = attrs.field(factory=dict)
    view: dict[Decimal, Decimal] = attrs.field(factory=dict)

    def flush(self, levels: Iterable[Level], exact: bool) -> list[Level]:
        new = dict(levels)
        if exact:
            changes = {price: quantity for price, quantity in new.items() if self.view.get(price) != quantity}
            changes.update({price: ZERO for price in self.view if price not in new})
        else:
            changes = {price: quantity for price, quantity in new.items() if price not in self.view}
            changes.update(self.touched)
        self.touched.clear()
        self.view = new
        return list(changes.items())


@attrs.define
class BookStream:
    """One market at one frequency and depth, shared by all its subscribers; `exact` is the obu rule."""

    exact: bool
    last_id: int
    _bids: _SideBatch = attrs.field(factory=_SideBatch)
    _asks: _SideBatch = attrs.field(factory=_SideBatch)

    @classmethod
    def starting_at(cls, book_id: int, bids: Iterable[Level], asks: Iterable[Level], *, exact: bool) -> BookStream:
        """A stream whose first increment begins right after `book_id`, the id of the given top-N view."""
        stream = cls(exact, book_id)
        stream._bids.view, stream._asks.view = dict(bids), dict(asks)
        return stream

    def touch(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Note the new absolute quantity of one level."""
        (self._bids if side == "buy" else self._asks).touched[price] = quantity

    def flush(self, book_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> Increment | None:
        """The increment up to `book_id`, with no levels when nothing visible changed; None when no id passed."""
        if book_id == self.last_id:
            return None
        first_id, self.last_id = self.last_id + 1, book_id
        return Increment(first_id, book_id, self._bids.flush(bids, self.exact), self._asks.flush(asks, self.exact))

    def full(self) -> tuple[int, list[Level], list[Level]]:
        """The view of the last flush and its id: what an obu subscriber starts from."""
        return self.last_id, list(self._bids.view.items()), list(self._asks.view.items())
