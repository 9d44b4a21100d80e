"""A price-time priority limit order book. It knows orders and owners, but neither money nor fees."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from decimal import ROUND_FLOOR, Decimal
from itertools import islice
from typing import NamedTuple

import attrs

from .records import ZERO, LevelChange, Side, TimeInForce, opposite


@attrs.define(eq=False)
class RestingOrder:
    """An order as the book sees it; ``ticks`` is the price in whole price ticks, set by the market that holds it."""

    order_id: str
    owner: str
    side: Side
    price: Decimal
    quantity_left: Decimal
    ticks: int = 0


class Match(NamedTuple):
    """A taker met this maker order at the maker's price; the maker's ``quantity_left`` is already reduced."""

    maker: RestingOrder
    price: Decimal
    quantity: Decimal


class Placed(NamedTuple):
    """What happened to a placed order: its matches in order, and whether the rest now waits in the book."""

    matches: list[Match]
    rested: bool


@attrs.define(eq=False)
class _Level:
    price: Decimal
    total: Decimal = ZERO
    queue: deque[RestingOrder] = attrs.field(factory=deque)


@attrs.define(eq=False)
class _BookSide:
    """Levels of one side; ``ticks`` ascending, so the best bid is last and the best ask first."""

    side: Side
    ticks: list[int] = attrs.field(factory=list)
    levels: dict[int, _Level] = attrs.field(factory=dict)

    def best(self) -> _Level | None:
        if not self.ticks:
            return None
        return self.levels[self.ticks[-1] if self.side == "buy" else self.ticks[0]]

    def from_best(self) -> Iterator[_Level]:
        order = reversed(self.ticks) if self.side == "buy" else iter(self.ticks)
        return map(self.levels.__getitem__, order)

    def level(self, tick: int, price: Decimal) -> _Level:
        found = self.levels.get(tick)
        if found is None:
            found = self.levels[tick] = _Level(price)
            insort(self.ticks, tick)
        return found

    def drop(self, tick: int) -> None:
        del self.levels[tick]
        del self.ticks[bisect_left(self.ticks, tick)]


@attrs.define(eq=False)
class Market:
    """One order book: price first, then time; a trade happens at the maker's price; the book is never crossed.

    ``book_id`` rises by one with every change of a level, and each change is told to every listener in that order.
    Prices must be whole multiples of ``price_tick``. A market-sell or perp market order is an IOC with a limit of None.
    """

    venue: str
    symbol: str
    price_tick: Decimal
    book_id: int = 0
    listeners: list[Callable[[LevelChange], None]] = attrs.field(factory=list)
    _sides: dict[Side, _BookSide] = attrs.field(factory=lambda: {"buy": _BookSide("buy"), "sell": _BookSide("sell")})
    _orders: dict[str, RestingOrder] = attrs.field(factory=dict)

    # -- reading

    def best(self, side: Side) -> tuple[Decimal, Decimal] | None:
        """Best price and quantity of a side ("buy" = bids), or None when it is empty."""
        level = self._sides[side].best()
        return None if level is None else (level.price, level.total)

    def depth(self, side: Side, limit: int) -> tuple[tuple[Decimal, Decimal], ...]:
        """The first ``limit`` levels of a side, best first, as (price, quantity)."""
        return tuple([(level.price, level.total) for level in islice(self._sides[side].from_best(), limit)])

    def order(self, order_id: str) -> RestingOrder | None:
        """The resting order with that id."""
        return self._orders.get(order_id)

    def orders(self) -> Iterator[RestingOrder]:
        """All resting orders in the order in which they were placed."""
        return iter(self._orders.values())

    def would_take(self, side: Side, price: Decimal) -> Decimal | None:
        """The best opposite price when an order of ``side`` at ``price`` would trade at once, else None."""
        best = self._sides[opposite(side)].best()
        return best.price if best is not None and _reaches(side, price, best.price) else None

    def fillable(self, side: Side, limit: Decimal | None, enough: Decimal) -> Decimal:
        """How much a taker of ``side`` could fill inside its limit; stops counting at ``enough``."""
        total = ZERO
        for level in self._sides[opposite(side)].from_best():
            if total >= enough or (limit is not None and not _reaches(side, limit, level.price)):
                break
            total += level.total
        return total

    # -- changing

    def place(self, order: RestingOrder, tif: TimeInForce = "gtc", *, limit: Decimal | None = None) -> Placed:
        """Match an order, then rest, drop or keep nothing, as its time in force says.

        gtc trades what it can and rests; ioc trades what it can; fok trades all or nothing; poc rests only when it
        would not trade. ``limit`` defaults to the order's price; a price of 0 is a market order (ioc and fok only).
        """
        limit = limit if limit is not None else (order.price or None)
        if limit is None and tif in ("gtc", "poc"):
            raise ValueError("a market order cannot rest")
        if tif == "poc" and self.would_take(order.side, order.price) is not None:
            return Placed([], False)
        if tif == "fok" and self.fillable(order.side, limit, order.quantity_left) < order.quantity_left:
            return Placed([], False)
        matches = self._take(order, limit)
        if order.quantity_left > 0 and tif in ("gtc", "poc"):
            self._rest(order)
            return Placed(matches, True)
        return Placed(matches, False)

    def take_quote(self, side: Side, budget: Decimal, lot: Decimal, limit: Decimal | None = None) -> list[Match]:
        """Spend up to ``budget`` of quote on whole lots, best price first (a spot market buy by quote amount)."""
        matches: list[Match] = []
        while (level := self._sides[opposite(side)].best()) is not None:
            if limit is not None and not _reaches(side, limit, level.price):
                break
            maker = level.queue[0]
            affordable = (budget / level.price / lot).to_integral_value(ROUND_FLOOR) * lot
            quantity = min(affordable, maker.quantity_left)
            if quantity <= 0:
                break
            budget -= quantity * level.price
            matches.append(self._fill(level, maker, quantity))
        return matches

    def cancel(self, order_id: str) -> RestingOrder | None:
        """Remove a resting order and return it; None when it is not (or no longer) in the book."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return None
        side = self._sides[order.side]
        level = side.levels[order.ticks]
        if level.queue[0] is order:
            level.queue.popleft()
        else:
            level.queue.remove(order)
        self._reduce(side, order.ticks, level, order.quantity_left)
        return order

    def shrink(self, order_id: str, quantity_left: Decimal) -> None:
        """Lower what is left of a resting order; it keeps its place in the queue."""
        order = self._orders[order_id]
        if not ZERO < quantity_left <= order.quantity_left:
            raise ValueError(f"cannot shrink {order.quantity_left} to {quantity_left}")
        side = self._sides[order.side]
        removed = order.quantity_left - quantity_left
        order.quantity_left = quantity_left
        self._reduce(side, order.ticks, side.levels[order.ticks], removed)

    def resize(self, order_id: str, quantity: Decimal) -> bool:
        """Let an order that is alone at its price have this much left; whether it has.

        Where others wait beside it, it is cancelled instead; where it is gone, nothing happens.
        """
        order = self._orders.get(order_id)
        if order is None:
            return False
        level = self._sides[order.side].levels[order.ticks]
        if len(level.queue) > 1:
            self.cancel(order_id)
            return False
        if order.quantity_left != quantity:
            order.quantity_left = level.total = quantity
            self._tell(order.side, level)
        return True

    def change_tick(self, price_tick: Decimal) -> None:
        """Count prices in another tick; nothing that waits moves. Raises ValueError when a price is no multiple."""
        self.price_tick = price_tick
        for side in self._sides.values():
            side.levels = {self._ticks(level.price): level for level in side.levels.values()}
            side.ticks = sorted(side.levels)
            for ticks, level in side.levels.items():
                for order in level.queue:
                    order.ticks = ticks

    # -- inside

    def _take(self, order: RestingOrder, limit: Decimal | None) -> list[Match]:
        matches: list[Match] = []
        book = self._sides["sell" if order.side == "buy" else "buy"]
        while (level := book.best()) is not None and order.quantity_left > 0:
            if limit is not None and not _reaches(order.side, limit, level.price):
                break
            maker = level.queue[0]
            quantity = min(order.quantity_left, maker.quantity_left)
            order.quantity_left -= quantity
            matches.append(self._fill(level, maker, quantity))
        return matches

    def _fill(self, level: _Level, maker: RestingOrder, quantity: Decimal) -> Match:
        maker.quantity_left -= quantity
        if not maker.quantity_left:
            level.queue.popleft()
            del self._orders[maker.order_id]
        self._reduce(self._sides[maker.side], maker.ticks, level, quantity)
        return Match(maker, level.price, quantity)

    def _rest(self, order: RestingOrder) -> None:
        if order.order_id in self._orders:
            raise ValueError(f"order {order.order_id} is already in the book")
        order.ticks = ticks = self._ticks(order.price)
        level = self._sides[order.side].level(ticks, order.price)
        level.queue.append(order)
        level.total += order.quantity_left
        self._orders[order.order_id] = order
        self._tell(order.side, level)

    def _reduce(self, side: _BookSide, ticks: int, level: _Level, quantity: Decimal) -> None:
        level.total -= quantity
        if not level.queue:
            side.drop(ticks)
        self._tell(side.side, level)

    def _tell(self, side: Side, level: _Level) -> None:
        self.book_id += 1
        if self.listeners:
            change = LevelChange(self.book_id, side, level.price, level.total)
            for listener in self.listeners:
                listener(change)

    def _ticks(self, price: Decimal) -> int:
        ticks = int(price / self.price_tick)
        if ticks <= 0 or ticks * self.price_tick != price:
            raise ValueError(f"price {price} is not a positive multiple of {self.price_tick}")
        return ticks


def _reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    return price <= limit if side == "buy" else price >= limit
