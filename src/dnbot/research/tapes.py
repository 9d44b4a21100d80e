"""A recorded book as one venue shows it, played once from beginning to end, never a moment early.

`dnbot.fakes.replay_book.BookTape` knows how recorded levels and trades become outside orders. What differs here: the
events come from any feed; they pass through the mapping; the recording does not begin again when it ends; and the book
is never read on until it is whole, because that would show what comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import attrs

from dnbot.fakes.market_ladder import Command
from dnbot.fakes.records import Side
from dnbot.fakes.replay_book import BookTape
from dnbot.fakes.replay_files import Depth, Event, ReplayError, Rows, Top, Trade
from dnbot.research.mapping import Shape

NS_PER_MS = 1_000_000
LEVELS = 50
"""Of each side that are shown: twice what a feed hands on of its book."""
IN_FRONT = (
    "an order of ours that rests is in front of what the recording shows at its level whenever that level changes: "
    "too good to be true, and the bot sends none (IOC only)"
)
"""What becomes of a waiting order where outside orders are replaced."""
Feed = Callable[[], Iterator[tuple[int, Event]]]
"""Starts reading a recorded book: each event with the time at which the recorder had it, ns, never falling."""


@attrs.define(eq=False)
class FedTape(BookTape):
    """One feed for one venue. `begin_ns` is the world's second 0."""

    levels: int = LEVELS
    feed: Feed = attrs.field(kw_only=True)
    shape: Shape = attrs.field(kw_only=True)
    _grid: dict[tuple[Side, Decimal], int] = attrs.field(init=False, factory=dict)

    def turn(self, at_s: float) -> list[Command]:
        """What the outside did since the last turn. Raises ReplayError when a side of the recorded book is empty."""
        commands = super().turn(at_s)
        self._need_both_sides(at_s)
        return commands

    def level(self, side: Side, price: Decimal) -> int:
        """The venue's grid level, in ticks, at which a recorded price is shown."""
        return self._ticks(side, price)

    def lots(self, base: Decimal) -> int:
        """How many whole lots (contracts on the perpetual) a recorded base quantity is shown as."""
        return int(self._lots(base) / self.instrument.lot)

    def _read_until(self, at_s: float) -> list[Trade]:
        if self._round < 0:
            self._round = 0
            self._events = shaped(self.feed(), self.shape)
            self._next = next(self._events, None)
            self._begin()
        until_ns = self.begin_ns + round(max(at_s, 0.0) * 1e9)
        trades: list[Trade] = []
        while self._next is not None and self._next[0] <= until_ns:
            event = self._next[1]
            if isinstance(event, Trade):
                trades.append(event)
            else:
                self.book.apply(event)
            self._next = next(self._events, None)
        self._need_both_sides(at_s)
        return trades

    def _need_both_sides(self, at_s: float) -> None:
        if not self.book.usable:
            raise ReplayError(
                f"the recorded book {self.shape.recorded!r} has an empty side {at_s:.3f} s after the beginning; "
                "a backtest begins later, or with a recording that holds a whole book"
            )

    def _ticks(self, side: Side, price: Decimal) -> int:
        known = self._grid.get((side, price))
        if known is None:
            known = self._grid[(side, price)] = super()._ticks(side, price)
        return known


def shaped(feed: Iterator[tuple[int, Event]], shape: Shape) -> Iterator[tuple[int, Event]]:
    """The events as the mapping makes them."""
    lag_ns, bid, ask = shape.lag_ms * NS_PER_MS, shape.bid_factor, shape.ask_factor
    if bid != 1 or ask != 1:
        return ((at_ns + lag_ns, _moved(event, bid, ask)) for at_ns, event in feed)
    return ((at_ns + lag_ns, event) for at_ns, event in feed) if lag_ns else feed


def _moved(event: Event, bid: Decimal, ask: Decimal) -> Event:
    match event:
        case Depth(last_id=last_id, bids=bids, asks=asks, whole=whole):
            return Depth(last_id, _rows(bids, bid), _rows(asks, ask), whole)
        case Top(update_id=update_id, bid=best_bid, ask=best_ask):
            return Top(update_id, *_rows((best_bid,), bid), *_rows((best_ask,), ask))
        case Trade(price=price, quantity=quantity, taker_sold=taker_sold):
            return Trade(price * (bid if taker_sold else ask), quantity, taker_sold)


def _rows(rows: Rows, factor: Decimal) -> Rows:
    return tuple((price * factor, quantity) for price, quantity in rows)
