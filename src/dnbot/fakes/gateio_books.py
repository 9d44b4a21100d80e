"""Turns the level changes of one book into the numbered increments of one public stream.

Source: Gate API v4 spot and futures WS docs, "Local order book" (order_book_update) and "Order Book V2" (obu).
Whether a level that only slid out of the top N gets a delete is not documented, so `order_book_update` here is the
reading under which a client that follows the documented procedure is right: it carries every level that was
touched, plus levels that slid into the top N. `obu` clients start from a full frame of the stream itself, so there
the increment is the exact difference of two top-N views.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import takewhile
from operator import gt, lt
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
    side: Side
    touched: dict[Decimal, Decimal] = attrs.field(factory=dict)
    view: Sequence[Level] = ()
    """What was seen at the last flush, best first."""

    def flush(self, levels: Sequence[Level], exact: bool) -> list[Level]:
        changes = self._differences(levels) if exact else self._slid_in(levels) | self.touched
        self.touched.clear()
        self.view = levels
        return list(changes.items())

    def _differences(self, levels: Sequence[Level]) -> dict[Decimal, Decimal]:
        new, old = dict(levels), dict(self.view)
        changes = {price: quantity for price, quantity in new.items() if old.get(price) != quantity}
        return changes | {price: ZERO for price in old if price not in new}

    def _slid_in(self, levels: Sequence[Level]) -> dict[Decimal, Decimal]:
        """What is behind the last view's edge; a level before it that is new was touched."""
        edge, deeper = self.view[-1][0] if self.view else None, range(len(levels) - 1, -1, -1)
        behind = lt if self.side == "buy" else gt
        return dict([levels[at] for at in takewhile(lambda at: edge is None or behind(levels[at][0], edge), deeper)])


@attrs.define
class BookStream:
    """One market at one frequency and depth, shared by all its subscribers; `exact` is the obu rule."""

    exact: bool
    last_id: int
    _bids: _SideBatch = attrs.field(factory=lambda: _SideBatch("buy"))
    _asks: _SideBatch = attrs.field(factory=lambda: _SideBatch("sell"))

    @classmethod
    def starting_at(cls, book_id: int, bids: Sequence[Level], asks: Sequence[Level], *, exact: bool) -> BookStream:
        """A stream whose first increment begins right after `book_id`, the id of the given top-N view."""
        stream = cls(exact, book_id)
        stream._bids.view, stream._asks.view = bids, asks
        return stream

    def touch(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Note the new absolute quantity of one level."""
        (self._bids if side == "buy" else self._asks).touched[price] = quantity

    def flush(self, book_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> Increment | None:
        """The increment up to `book_id`, with no levels when nothing visible changed; None when no id passed."""
        if book_id == self.last_id:
            return None
        first_id, self.last_id = self.last_id + 1, book_id
        return Increment(first_id, book_id, self._bids.flush(bids, self.exact), self._asks.flush(asks, self.exact))

    def full(self) -> tuple[int, list[Level], list[Level]]:
        """The view of the last flush and its id: what an obu subscriber starts from."""
        return self.last_id, list(self._bids.view), list(self._asks.view)
