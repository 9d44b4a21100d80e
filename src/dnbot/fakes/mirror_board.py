"""One book that is kept elsewhere: its levels as orders of outsiders, with a queue at each.

What clients took of a level stays taken until the venue shows another quantity there. What a level grows by stands
behind whoever waits there already; what it shrinks by is taken from the back, because somebody who gave up is not told
apart from somebody who was served: only trades (`MirrorBoard.trade`) bring a waiting client nearer.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import attrs

from .exchange import Exchange
from .instruments import Instrument
from .matching import Market, RestingOrder
from .mirror_words import BookTold, Level, MirrorRefused, TradeTold
from .records import ZERO, Side

SIDES: tuple[Side, Side] = ("buy", "sell")
LEVELS_MAX = 200

Shown = dict[Side, dict[Decimal, Decimal]]


@attrs.define(eq=False)
class MirrorBoard:
    """Nothing here commits. Quantities are the market's own: contracts on the perpetual."""

    exchange: Exchange
    instrument: Instrument
    fresh_until_s: float = -1.0
    """Until when the book may be traded on, on the world's monotonic clock."""
    _shown: Shown = attrs.field(factory=lambda: {"buy": {}, "sell": {}})
    """What the venue last showed."""
    _known: dict[Level, Decimal] = attrs.field(factory=dict)
    """Lots of each level of the last book: most levels of the next one are among them."""
    _queues: dict[tuple[Side, Decimal], list[RestingOrder]] = attrs.field(factory=dict)
    """Orders of outsiders at a level, first in line first."""
    _orders: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nobody outside offers anything."""
        return not self._queues

    def checked(self, book: BookTold) -> Shown:
        """The levels in the market's own quantities, whole lots; raises MirrorRefused for a book that cannot be."""
        bids, asks = self._lots_of(book.bids), self._lots_of(book.asks)
        found: Shown = {"buy": _by_price(bids), "sell": _by_price(asks)}
        if found["buy"] and found["sell"] and max(found["buy"]) >= min(found["sell"]):
            raise MirrorRefused(f"the book of {book.venue} is crossed")
        self._known = bids | asks
        return found

    def show(self, wanted: Shown) -> None:
        """Let the book hold what outsiders offer now, and of that what clients have not taken."""
        changed: dict[tuple[Side, Decimal], Decimal] = {}
        for side in SIDES:
            shown, new = self._shown[side], wanted[side]
            changed |= {(side, price): new.get(price, ZERO) for price, was in shown.items() if new.get(price) != was}
            changed |= {(side, price): quantity for price, quantity in new.items() if price not in shown}
        missing = {key: self._shorten(key, quantity) for key, quantity in changed.items()}
        for key, quantity in missing.items():
            if quantity > 0:
                self._lengthen(key, quantity)
        self._shown = wanted

    def clear(self) -> None:
        """Outsiders offer nothing; orders of clients stay."""
        self.show({"buy": {}, "sell": {}})

    def trade(self, told: TradeTold) -> None:
        """A trade there, seen by whoever waits here: those ahead in the queue are served first."""
        if self.is_empty or not self._is_awaited():
            return  # the book tells as much as a trade does, and twice would be too much
        here, quantity = self.instrument, self._lots(told.quantity)
        if quantity:
            self.exchange.external_take(here.venue, here.symbol, told.side, quantity, told.price)

    # -- inside

    def _is_awaited(self) -> bool:
        here, state = self.instrument, self.exchange.state
        return any(state.open_of(here.venue, account.uid, here.symbol) for account in state.accounts.api())

    def _lots_of(self, rows: tuple[Level, ...]) -> dict[Level, Decimal]:
        if len(rows) > LEVELS_MAX:
            raise MirrorRefused(f"{len(rows)} levels of a side of {self.instrument.venue}; at most {LEVELS_MAX}")
        known = self._known
        try:
            return {row: known.get(row) or self._whole(*row) for row in rows}
        except TypeError:  # a signaling NaN has no hash
            raise MirrorRefused(f"a level of {self.instrument.venue} that is not a number") from None

    def _whole(self, price: Decimal, quantity: Decimal) -> Decimal:
        here = self.instrument
        if not (price.is_finite() and quantity.is_finite()) or price <= 0 or quantity <= 0:
            raise MirrorRefused(f"a level of {here.venue} at {price} with {quantity}")
        if price % here.price_tick:
            raise MirrorRefused(f"a level of {here.venue} at {price}, which is not on its tick {here.price_tick}")
        return self._lots(quantity)

    def _lots(self, base: Decimal) -> Decimal:
        here = self.instrument
        return (base / here.multiplier / here.lot).to_integral_value(ROUND_FLOOR) * here.lot

    def _shorten(self, key: tuple[Side, Decimal], wanted: Decimal) -> Decimal:
        """Outsiders leave from the back until no more than this stands there; how much is missing then."""
        here, market = self.instrument, self._market
        queue = [order for order in self._queues.get(key, ()) if order.quantity_left]  # who is not served yet
        self._queues[key] = queue
        missing = wanted - sum([order.quantity_left for order in queue], ZERO)
        surplus = -missing
        while surplus > 0:
            last = queue[-1]
            if last.quantity_left <= surplus:
                surplus -= last.quantity_left
                self.exchange.external_cancel(here.venue, here.symbol, queue.pop().order_id)
            else:
                market.shrink(last.order_id, last.quantity_left - surplus)
                surplus = ZERO
        if not queue:
            del self._queues[key]
        return missing

    def _lengthen(self, key: tuple[Side, Decimal], missing: Decimal) -> None:
        here, (side, price) = self.instrument, key
        self._orders += 1
        order_id = f"mirror-{side}-{self._orders}"
        self.exchange.external_place(here.venue, here.symbol, order_id, side, price, missing)
        placed = self._market.order(order_id)
        if placed is not None:  # else it met clients who waited, and all of it is gone
            self._queues.setdefault(key, []).append(placed)

    @property
    def _market(self) -> Market:
        return self.exchange.state.markets[(self.instrument.venue, self.instrument.symbol)]


def _by_price(lots: dict[Level, Decimal]) -> dict[Decimal, Decimal]:
    """What a side holds; a level of less than a lot is none."""
    whole = {price: quantity for (price, _), quantity in lots.items()}
    return {price: quantity for price, quantity in whole.items() if quantity}
