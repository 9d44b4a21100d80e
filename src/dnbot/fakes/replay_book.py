"""A recorded book played into a fake one: the tape of one venue.

What the tape does depends on its file alone. Every level of the recording is one outside order in the fake book, with
prices rounded outwards to the venue's tick and quantities down to its lot. When the file mentions a level, its order
is made whole again: so what accounts took of it comes back with the file's next update of that level, and an account's
order there moves to the front of the queue. Recorded trades take liquidity, at their price or better: before the book
of their beat is shown when they could have happened in the book before it, else after. Those of one beat that follow
each other at one price are one: there is one order of the outside at a level, and so one maker.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

import attrs

from .instruments import Instrument
from .market_ladder import Command
from .records import ZERO, Side, opposite
from .replay_files import Depth, Event, Rows, Top, Trade, events
from .replay_levels import LEVELS, ShownSide


@attrs.define
class _Side:
    """One side of the recorded book: quantities by price, and the prices in ascending order."""

    levels: dict[Decimal, Decimal] = attrs.field(factory=dict)
    prices: list[Decimal] = attrs.field(factory=list)

    def put(self, rows: Rows) -> None:
        levels, prices = self.levels, self.prices
        for price, quantity in rows:
            if quantity:
                known = len(levels)
                levels[price] = quantity
                if len(levels) > known:  # a look-up beforehand would hash the price once more
                    insort(prices, price)
            elif levels.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]

    def clear(self) -> None:
        self.levels.clear()
        self.prices.clear()


@attrs.define
class RecordedBook:
    """The book of a capture, folded from its events.

    ``touched`` are the levels mentioned since it was last cleared, ``gone`` those that a whole book took the place of.
    A book ticker is newer than a depth update with a smaller id, so the best prices follow it.
    """

    bids: _Side = attrs.field(factory=_Side)
    asks: _Side = attrs.field(factory=_Side)
    touched: dict[Side, set[Decimal]] = attrs.field(factory=lambda: {"buy": set(), "sell": set()})
    gone: dict[Side, set[Decimal]] = attrs.field(factory=lambda: {"buy": set(), "sell": set()})
    _snapshot_id: int = 0
    _top: Top | None = None

    @property
    def usable(self) -> bool:
        """Whether both sides are known."""
        return bool(self.bids.prices and self.asks.prices)

    @property
    def best_bid(self) -> Decimal:
        """The highest price somebody would buy at; only of a usable book."""
        return self.bids.prices[-1]

    @property
    def best_ask(self) -> Decimal:
        """The lowest price somebody would sell at; only of a usable book."""
        return self.asks.prices[0]

    def apply(self, event: Depth | Top) -> None:
        """Fold one event."""
        if isinstance(event, Top):
            self._top = event
            self._follow(event)
            return
        if event.whole:
            self.gone["buy"].update(self.bids.prices)
            self.gone["sell"].update(self.asks.prices)
            self.bids.clear()
            self.asks.clear()
            self._snapshot_id = event.last_id
        elif event.last_id <= self._snapshot_id:
            return
        self._put("buy", event.bids)
        self._put("sell", event.asks)
        if self._top is not None and self._top.update_id > event.last_id:
            self._follow(self._top)
        self._uncross(event)

    def _put(self, side: Side, rows: Rows) -> None:
        (self.bids if side == "buy" else self.asks).put(rows)
        self.touched[side].update([price for price, _ in rows])

    def _follow(self, top: Top) -> None:
        """Nothing is better than the best, on either side."""
        while self.bids.prices and self.bids.prices[-1] > top.bid[0]:
            self._put("buy", ((self.bids.prices[-1], ZERO),))
        while self.asks.prices and self.asks.prices[0] < top.ask[0]:
            self._put("sell", ((self.asks.prices[0], ZERO),))
        self._put("buy", (top.bid,))
        self._put("sell", (top.ask,))

    def _uncross(self, event: Depth) -> None:
        """Where a lost message left the sides crossed, the side that was not mentioned is the old one."""
        bought = {price for price, _ in event.bids}
        while self.usable and self.best_bid >= self.best_ask:
            if self.best_bid in bought:
                self._put("sell", ((self.best_ask, ZERO),))
            else:
                self._put("buy", ((self.best_bid, ZERO),))


def _joined(takes: list[Command]) -> list[Command]:
    """Takes of one side and price that follow each other as one."""
    joined: list[Command] = []
    for take in takes:
        if joined and (joined[-1].side, joined[-1].price) == (take.side, take.price):
            joined[-1] = take._replace(quantity=joined[-1].quantity + take.quantity)
        else:
            joined.append(take)
    return joined


@attrs.define(eq=False)
class BookTape:
    """One capture for one venue. ``begin_ns`` to ``end_ns`` of the files is played again and again, ``speed`` times as
    fast as it was recorded; from one round to the next the book jumps.

    Raises ReplayError and OSError as the files do.
    """

    paths: tuple[Path, ...]
    instrument: Instrument
    begin_ns: int
    end_ns: int
    speed: float = 1.0
    levels: int = LEVELS
    """Of each side that are shown."""
    book: RecordedBook = attrs.field(factory=RecordedBook)
    _events: Iterator[tuple[int, Event]] = attrs.field(init=False)
    _next: tuple[int, Event] | None = None
    _round: int = -1
    _sides: tuple[ShownSide, ShownSide] = attrs.field(init=False)
    _dust: dict[Side, Decimal] = attrs.field(factory=lambda: {"buy": ZERO, "sell": ZERO})
    _orders: int = 0

    def __attrs_post_init__(self) -> None:
        self._sides = (
            ShownSide("buy", self._ticks, self._lots, self.levels),
            ShownSide("sell", self._ticks, self._lots, self.levels),
        )  # fmt: skip
        self._read_until(0.0)

    def turn(self, at_s: float) -> list[Command]:
        """What the outside did since the last turn: takes, cancels, places, and the takes that came later."""
        before: list[Command] = []
        after: list[Command] = []
        bid, ask = self.book.best_bid, self.book.best_ask
        for trade in self._read_until(at_s):
            possible = trade.price <= bid if trade.taker_sold else trade.price >= ask
            before.extend(self._take(trade)) if possible else after.extend(self._take(trade))
        before, after = _joined(before), _joined(after)
        for command in before:
            self._spend(command)
        commands = before + self._show()
        for command in after:
            self._spend(command)
        return commands + after

    def middle(self) -> float:
        """The middle of the recorded book."""
        return float(self.book.best_bid + self.book.best_ask) / 2

    def forget(self) -> None:
        """The fake book was emptied."""
        for side in self._sides:
            side.forget()

    # -- reading

    def _read_until(self, at_s: float) -> list[Trade]:
        """Fold the events up to that time; the trades among them."""
        length_ns = self.end_ns - self.begin_ns
        played_ns = round(max(at_s, 0.0) * self.speed * 1e9)
        number, inside_ns = divmod(played_ns, length_ns)
        if number != self._round:
            self._round = number
            self._events = events(self.paths)
            self._next = next(self._events, None)
            self._begin()
            self._read(self.begin_ns)
        return self._read(self.begin_ns + inside_ns)

    def _read(self, until_ns: int) -> list[Trade]:
        trades: list[Trade] = []
        while self._next is not None and (self._next[0] <= until_ns or not self.book.usable):
            event = self._next[1]
            if isinstance(event, Trade):
                trades.append(event)
            else:
                self.book.apply(event)
            self._next = next(self._events, None)
        return trades

    # -- showing

    def _begin(self) -> None:
        """A recorded book that knows nothing yet."""
        self.book = RecordedBook()
        for side in self._sides:
            side.begin()

    def _show(self) -> list[Command]:
        """Orders that go, in the order in which they came; then those that come or change, from each side's best."""
        gone: list[tuple[int, Side]] = []
        new: list[tuple[ShownSide, list[tuple[int, Decimal]]]] = []
        for shown, recorded in zip(self._sides, (self.book.bids, self.book.asks), strict=True):
            touched, left_out = self.book.touched[shown.side], self.book.gone[shown.side]
            stale, missing = shown.look(recorded.levels, touched, left_out)
            touched.clear()
            left_out.clear()
            staying = {rank for rank, _ in missing}
            gone += [(shown.orders.pop(rank)[0], shown.side) for rank in stale if rank not in staying]
            new.append((shown, missing))
        commands = [Command("cancel", f"r{number}", side, ZERO, ZERO) for number, side in sorted(gone)]
        for shown, missing in new:
            commands += [self._stand(shown, rank, quantity) for rank, quantity in missing]
        return commands

    def _stand(self, shown: ShownSide, rank: int, quantity: Decimal) -> Command:
        """Let an order stand there: the one that does, with what it now has, or a new one."""
        known, price = shown.orders.get(rank), abs(rank) * self.instrument.price_tick
        if known is not None:
            shown.orders[rank] = (known[0], quantity)
            return Command("resize", f"r{known[0]}", shown.side, price, quantity)
        self._orders += 1
        shown.orders[rank] = (self._orders, quantity)
        return Command("place", f"r{self._orders}", shown.side, price, quantity)

    def _take(self, trade: Trade) -> list[Command]:
        side: Side = "sell" if trade.taker_sold else "buy"
        wanted = trade.quantity + self._dust[side]
        quantity = self._lots(wanted)
        self._dust[side] = wanted - quantity * self.instrument.multiplier
        maker: Side = "buy" if trade.taker_sold else "sell"
        price = self._ticks(maker, trade.price) * self.instrument.price_tick
        return [Command("take", "", side, price, quantity)] if quantity else []

    def _spend(self, command: Command) -> None:
        """Levels that this take may have reached are shown anew at the next showing."""
        met = self._sides[0 if opposite(command.side) == "buy" else 1]
        met.reach(int(command.price / self.instrument.price_tick))

    def _ticks(self, side: Side, price: Decimal) -> int:
        rounding = ROUND_FLOOR if side == "buy" else ROUND_CEILING
        return int((price / self.instrument.price_tick).to_integral_value(rounding))

    def _lots(self, base: Decimal) -> Decimal:
        lots = (base / self.instrument.multiplier / self.instrument.lot).to_integral_value(ROUND_FLOOR)
        return lots * self.instrument.lot
