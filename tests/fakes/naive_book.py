"""A second, slow order book: a list that is sorted anew for every order. What the fakes' book does must be the same.

Written from the definition of price-time priority alone; it shares no code with `dnbot.fakes.matching`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import attrs

from dnbot.fakes.exchange import Exchange
from dnbot.fakes.matching import Market, Match, Placed, RestingOrder

Fill = tuple[str, Decimal, Decimal]


class Waiting(NamedTuple):
    """An order in the list; `turn` says when it came (or came back)."""

    order_id: str
    side: str
    price: Decimal
    left: Decimal
    turn: int


@attrs.define
class NaiveBook:
    """All waiting orders of one market, in no order."""

    waiting: list[Waiting] = attrs.field(factory=list)
    turns: int = 0

    def counters(self, side: str, limit: Decimal | None) -> list[Waiting]:
        """Who would trade with a taker of that side, first come first."""
        if side == "buy":
            found = [w for w in self.waiting if w.side == "sell" and (limit is None or w.price <= limit)]
            return sorted(found, key=lambda w: (w.price, w.turn))
        found = [w for w in self.waiting if w.side == "buy" and (limit is None or w.price >= limit)]
        return sorted(found, key=lambda w: (-w.price, w.turn))

    def place(
        self, order_id: str, side: str, price: Decimal, quantity: Decimal, tif: str, limit: Decimal | None
    ) -> tuple[list[Fill], bool]:
        """What an order does: its fills, and whether the rest waits."""
        counters = self.counters(side, limit)
        if tif == "poc" and counters:
            return [], False
        if tif == "fok" and sum((w.left for w in counters), Decimal(0)) < quantity:
            return [], False
        fills = []
        for counter in counters:
            traded = min(counter.left, quantity)
            if traded > 0:
                fills.append((counter.order_id, counter.price, traded))
                self._take(counter, traded)
                quantity -= traded
        rests = quantity > 0 and tif in ("gtc", "poc")
        if rests:
            self.turns += 1
            self.waiting.append(Waiting(order_id, side, price, quantity, self.turns))
        return fills, rests

    def spend(self, side: str, budget: Decimal, lot: Decimal, limit: Decimal | None) -> list[Fill]:
        """What an amount of quote buys: whole lots, until the next lot costs more than is left."""
        fills = []
        for counter in self.counters(side, limit):
            affordable = budget / counter.price // lot * lot
            traded = min(counter.left, affordable)
            if traded <= 0:
                break
            fills.append((counter.order_id, counter.price, traded))
            budget -= traded * counter.price
            self._take(counter, traded)
        return fills

    def cancel(self, order_id: str) -> None:
        """Forget an order, if it waits."""
        self.waiting = [w for w in self.waiting if w.order_id != order_id]

    def shrink(self, order_id: str, left: Decimal) -> None:
        """Less of an order, at the place it had."""
        self.waiting = [w._replace(left=left) if w.order_id == order_id else w for w in self.waiting]

    def levels(self, side: str) -> dict[Decimal, Decimal]:
        """Quantity by price."""
        found: dict[Decimal, Decimal] = {}
        for waiting in self.waiting:
            if waiting.side == side:
                found[waiting.price] = found.get(waiting.price, Decimal(0)) + waiting.left
        return found

    def _take(self, counter: Waiting, traded: Decimal) -> None:
        self.waiting.remove(counter)
        if counter.left > traded:
            self.waiting.append(counter._replace(left=counter.left - traded))


@attrs.define(eq=False)
class WatchedMarket(Market):
    """The fakes' book, every command of which is done by the naive one too and must come out the same."""

    naive: NaiveBook = attrs.field(factory=NaiveBook)

    def place(self, order: RestingOrder, tif: Any = "gtc", *, limit: Decimal | None = None) -> Placed:
        """Place in both."""
        reach = limit if limit is not None else (order.price or None)
        expected = self.naive.place(order.order_id, order.side, order.price, order.quantity_left, tif, reach)
        placed = super().place(order, tif, limit=limit)
        assert (_fills(placed.matches), placed.rested) == expected, "price-time priority"
        self.compare()
        return placed

    def take_quote(self, side: Any, budget: Decimal, lot: Decimal, limit: Decimal | None = None) -> list[Match]:
        """Spend in both."""
        expected = self.naive.spend(side, budget, lot, limit)
        matches = super().take_quote(side, budget, lot, limit)
        assert _fills(matches) == expected, "price-time priority of a market buy by amount"
        self.compare()
        return matches

    def cancel(self, order_id: str) -> RestingOrder | None:
        """Cancel in both."""
        self.naive.cancel(order_id)
        found = super().cancel(order_id)
        self.compare()
        return found

    def shrink(self, order_id: str, quantity_left: Decimal) -> None:
        """Shrink in both."""
        self.naive.shrink(order_id, quantity_left)
        super().shrink(order_id, quantity_left)
        self.compare()

    def compare(self) -> None:
        """Both books show the same levels, best first."""
        for side, sign in (("buy", -1), ("sell", 1)):
            wanted = sorted(self.naive.levels(side).items(), key=lambda level, s=sign: s * level[0])
            assert list(self.depth(side, 1000)) == wanted, f"levels of {side}"


def _fills(matches: list[Match]) -> list[Fill]:
    return [(match.maker.order_id, match.price, match.quantity) for match in matches]


def watch(exchange: Exchange) -> None:
    """Put a watched book in the place of every (still empty) one."""
    for key, market in exchange.state.markets.items():
        assert market.book_id == 0
        exchange.state.markets[key] = WatchedMarket(market.venue, market.symbol, market.price_tick)
