"""One book of a scripted market: what outsiders want to show, and how their orders are made to show it."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .exchange import Exchange
from .instruments import Instrument
from .records import Side, opposite
from .script_ladder import Ladder, Wanted

PULSE = "script-pulse"
SIDES: tuple[Side, Side] = ("buy", "sell")


@attrs.define(eq=False)
class ScriptBoard:
    """One outside order per level. Nothing here commits; what is left alone keeps its place in the queue."""

    exchange: Exchange
    ladder: Ladder
    wanted: Wanted = attrs.field(factory=lambda: {"buy": {}, "sell": {}})
    _held: dict[tuple[Side, Decimal], str] = attrs.field(factory=dict)
    """Orders that were placed and not withdrawn; a client may have taken them since."""

    @property
    def instrument(self) -> Instrument:
        """Whose book it is."""
        return self.ladder.instrument

    def show(self, wanted: Wanted) -> None:
        """Let the book hold exactly these levels of outsiders, whole, also what clients took of them."""
        self.wanted = wanted
        for side, price in list(self._held):
            if self._left(side, price) != wanted[side].get(price):
                self._withdraw(side, price)
        for side in SIDES:
            for price, quantity in wanted[side].items():
                if (side, price) not in self._held:
                    self._offer(side, price, quantity)

    def update(self, changes: Wanted) -> None:
        """Absolute quantities at these prices, 0 for none; levels of the other side that they meet are withdrawn."""
        for side in SIDES:
            for price in changes[side]:
                self._forget(side, price)
        for side in SIDES:
            for price, quantity in changes[side].items():
                if quantity:
                    for stale in [other for other in self.wanted[opposite(side)] if _meets(side, price, other)]:
                        self._forget(opposite(side), stale)
                    self.wanted[side][price] = quantity
                    self._offer(side, price, quantity)

    def pulse(self) -> None:
        """Let a lot come and go at the best level of each side: two changes, and everything is as it was."""
        here = self.instrument
        for side in SIDES:
            prices = [price for held, price in self._held if held == side and self._left(side, price)]
            if prices:
                best = max(prices) if side == "buy" else min(prices)
                self.exchange.external_place(here.venue, here.symbol, PULSE, side, best, here.lot)
                self.exchange.external_cancel(here.venue, here.symbol, PULSE)

    def middle(self) -> Decimal | None:
        """Between the best levels that outsiders want to show; None while a side has none."""
        bids, asks = self.wanted["buy"], self.wanted["sell"]
        return (max(bids) + min(asks)) / 2 if bids and asks else None

    def _offer(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        order_id = f"script-{side}-{price.normalize():f}"
        here = self.instrument
        self.exchange.external_place(here.venue, here.symbol, order_id, side, price, quantity)
        self._held[(side, price)] = order_id

    def _forget(self, side: Side, price: Decimal) -> None:
        self.wanted[side].pop(price, None)
        self._withdraw(side, price)

    def _withdraw(self, side: Side, price: Decimal) -> None:
        order_id = self._held.pop((side, price), None)
        if order_id is not None:
            self.exchange.external_cancel(self.instrument.venue, self.instrument.symbol, order_id)

    def _left(self, side: Side, price: Decimal) -> Decimal | None:
        book = self.exchange.state.markets[(self.instrument.venue, self.instrument.symbol)]
        order = book.order(self._held[(side, price)])
        return order.quantity_left if order is not None else None


def _meets(side: Side, price: Decimal, other: Decimal) -> bool:
    return price >= other if side == "buy" else price <= other
