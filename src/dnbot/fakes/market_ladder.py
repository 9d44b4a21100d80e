"""The quotes of outside makers on one venue: a ladder on a price grid, most of which stays where it is."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

import attrs

from .instruments import Instrument
from .market_params import VenueQuotes
from .records import ZERO, Side

REFRESH = 3  # best levels of each side that are replaced at every turn, so that what was taken comes back
MAKERS = 3
DEEP_PRICE = 60000  # quotes' base quantities are meant at this price; at another the value in quote is the same


class Command(NamedTuple):
    """What an outsider does: ``place``, ``resize`` and ``cancel`` name an order, ``take`` trades at once.

    A ``take`` with a price goes no further than that; 0 is no limit. A ``resize`` is a ``cancel`` and a ``place`` of
    the same number and price, told as one change of the level, or as none where nothing is different afterwards.
    """

    op: Literal["place", "resize", "cancel", "take"]
    order_id: str
    side: Side
    price: Decimal
    quantity: Decimal

    @property
    def quotes(self) -> bool:
        """Whether an order stands there afterwards."""
        return self.op in ("place", "resize")


@attrs.define
class Ladder:
    """Quotes of one venue on a price grid: level number -> order id, per side. ``orders`` counts what was placed."""

    instrument: Instrument
    quotes: VenueQuotes
    start_price: float
    rng: random.Random
    spread: float = 1.0
    depth: float = 1.0
    orders: int = 0
    grid_ticks: int = attrs.field(init=False)
    _multiplier: float = attrs.field(init=False)
    _lot: float = attrs.field(init=False)
    bids: dict[int, str] = attrs.field(factory=dict)
    asks: dict[int, str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._measure()

    def relist(self, instrument: Instrument) -> None:
        """Quote on other steps from now on; the book was emptied."""
        self.instrument = instrument
        self._measure()
        self.forget()

    def _measure(self) -> None:
        gap = self.quotes.gap_bps * self.spread / 1e4 * self.start_price / float(self.instrument.price_tick)
        self.grid_ticks = max(1, round(gap))
        self._multiplier, self._lot = float(self.instrument.multiplier), float(self.instrument.lot)

    def requote(self, fair: float, spread: float, depth: float) -> list[Command]:
        """Take stale quotes away and place new ones around a fair price; the factors are the mood of the moment."""
        bids, asks = self._levels(fair, spread)
        commands: list[Command] = []
        _cancel_stale(self.bids, bids, "buy", commands)
        _cancel_stale(self.asks, asks, "sell", commands)
        self._place_missing(self.bids, bids, "buy", depth, commands, self.rng)
        self._place_missing(self.asks, asks, "sell", depth, commands, self.rng)
        return commands

    def renew(self, fair: float, spread: float, depth: float, rng: random.Random) -> list[Command]:
        """The book was emptied: place again what stood in it, or what a fair price asks for when that was nothing.

        Sizes are drawn from that generator; the next turn then draws as much from the usual one as it would have.
        """
        bids: Iterable[int] = list(self.bids)
        asks: Iterable[int] = list(self.asks)
        if not (self.bids or self.asks):
            bids, asks = self._levels(fair, spread)
        self.forget()
        commands: list[Command] = []
        self._place_missing(self.bids, bids, "buy", depth, commands, rng)
        self._place_missing(self.asks, asks, "sell", depth, commands, rng)
        return commands

    def _levels(self, fair: float, spread: float) -> tuple[range, range]:
        """The levels of bids and asks around a fair price, best first."""
        grid = float(self.instrument.price_tick) * self.grid_ticks
        half = self.quotes.half_spread_bps * self.spread * spread / 1e4
        best_bid = math.floor(fair * (1 - half) / grid)
        best_ask = max(math.ceil(fair * (1 + half) / grid), best_bid + 1)
        count = self.quotes.levels
        return range(best_bid, max(best_bid - count, 0), -1), range(best_ask, best_ask + count)  # none for nothing

    def take(self, depth: float) -> Command:
        """Somebody trades about half a level."""
        side: Side = "buy" if self.rng.random() < 0.5 else "sell"
        return Command("take", "", side, ZERO, self._quantity(0.5 * depth, self.rng))

    def forget(self) -> None:
        """The book was emptied: everything has to be placed again."""
        self.bids.clear()
        self.asks.clear()

    def _tick(self, level: int) -> int:
        """The price of a grid level in ticks: not quite evenly spaced, but always in order."""
        return level * self.grid_ticks + (level * 40503 % 997) * self.grid_ticks // 1994

    def _place_missing(
        self,
        held: dict[int, str],
        wanted: Iterable[int],
        side: Side,
        depth: float,
        commands: list[Command],
        rng: random.Random,
    ) -> None:
        for level in wanted:
            if level not in held:
                self.orders += 1
                order_id = f"m{level % MAKERS}-{self.orders}"
                held[level] = order_id
                price = self._tick(level) * self.instrument.price_tick
                commands.append(Command("place", order_id, side, price, self._quantity(depth, rng)))

    def _quantity(self, scale: float, rng: random.Random) -> Decimal:
        """A random size around the mean, at least one lot, in whole lots."""
        base = self.quotes.base_per_level * self.depth * scale * rng.uniform(0.5, 1.5) * DEEP_PRICE
        lots = round(base / self.start_price / self._multiplier / self._lot)
        return max(1, lots) * self.instrument.lot


def _cancel_stale(held: dict[int, str], wanted: range, side: Side, commands: list[Command]) -> None:
    fresh = wanted[:REFRESH]
    stale = [level for level in held if level not in wanted or level in fresh]
    commands.extend([Command("cancel", held.pop(level), side, ZERO, ZERO) for level in stale])
