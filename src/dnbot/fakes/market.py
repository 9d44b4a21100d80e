"""The flow of outside orders. The model knows its seed and parameters alone: no book, no account, no clock."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Literal, NamedTuple

import attrs

from .instruments import Instrument
from .market_params import MarketParams, VenueQuotes
from .records import GATE_FUTURES, VENUES, ZERO, Side, Venue

STEPS_PER_S = 36  # one venue acts per step, in turn: each venue is requoted 12 times a second
SMOOTHING_S = 0.4  # makers follow the venue's fair price with this lag, so quotes drift instead of jumping
REFRESH = 3  # best levels of each side that are replaced at every turn, so that what was taken comes back
MAKERS = 3
PHASE = {venue: number for number, venue in enumerate(VENUES)}


class Command(NamedTuple):
    """What an outsider does: ``place`` and ``cancel`` name an order, ``take`` trades at once."""

    op: Literal["place", "cancel", "take"]
    order_id: str
    side: Side
    price: Decimal
    quantity: Decimal


class Quotes(NamedTuple):
    """The result of one step: the venue that acted, what it did (cancels first), and the price it thinks fair."""

    venue: Venue
    commands: list[Command]
    fair: float


@attrs.define
class ModelPosition:
    """All that a model needs to go on after a restart; quotes are not part of it, they are made anew."""

    step: int = 0
    fundamental: float = 0.0
    drift: dict[Venue, float] = attrs.field(factory=dict)  # bps, before smoothing
    deviation: dict[Venue, float] = attrs.field(factory=dict)  # bps, as quoted
    premium: float = 0.0  # slow funding premium, in units of its own standard deviation
    orders: int = 0


@attrs.define
class _Ladder:
    """Quotes of one venue on a price grid: level number -> order id, per side."""

    instrument: Instrument
    quotes: VenueQuotes
    grid_ticks: int
    bids: dict[int, str] = attrs.field(factory=dict)
    asks: dict[int, str] = attrs.field(factory=dict)

    def tick(self, level: int) -> int:
        """The price of a grid level in ticks: not quite evenly spaced, but always in order."""
        return level * self.grid_ticks + (level * 40503 % 997) * self.grid_ticks // 1994


@attrs.define
class MarketModel:
    """One symbol on all venues: a random-walk fundamental, mean-reverting venue prices, makers and takers.

    ``step()`` is deterministic: its results depend on the seed, the parameters and how often it was called.
    """

    seed: int
    params: MarketParams
    instruments: tuple[Instrument, ...]
    start_price: float
    position: ModelPosition = attrs.field(factory=ModelPosition)
    _rng: random.Random = attrs.field(init=False)
    _ladders: dict[Venue, _Ladder] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed}:{self.instruments[0].symbol}:{self.position.step}")
        if not self.position.fundamental:
            self.position.fundamental = self.start_price
        self._ladders = {}
        for instrument in self.instruments:
            quotes = self.params.venues[instrument.venue]
            gap = quotes.gap_bps / 1e4 * self.start_price / float(instrument.price_tick)
            self._ladders[instrument.venue] = _Ladder(instrument, quotes, max(1, round(gap)))

    @property
    def elapsed_s(self) -> float:
        """Model time of the next step."""
        return self.position.step / STEPS_PER_S

    def step(self) -> Quotes:
        """The next venue's turn: move prices, take stale quotes away, place new ones, perhaps trade."""
        venue = VENUES[self.position.step % len(VENUES)]
        self._move_prices()
        self.position.step += 1
        ladder = self._ladders[venue]
        fair = self.fair(venue)
        commands = self._requote(ladder, fair)
        turns_per_s = STEPS_PER_S / len(VENUES)
        if self._rng.random() < ladder.quotes.takers_per_s / turns_per_s:
            commands.append(self._taker(ladder))
        return Quotes(venue, commands, fair)

    def fair(self, venue: Venue) -> float:
        """What the makers of that venue think the price is."""
        basis = self.params.basis_bps if venue == GATE_FUTURES else 0.0
        deviation = self.position.deviation.get(venue, 0.0)
        return self.position.fundamental * (1 + (basis + deviation) / 1e4)

    def funding_rate(self) -> Decimal:
        """The present estimate, a slow walk around the preset's rate, on Gate's six decimals."""
        return (self.params.funding_rate * Decimal(str(round(1 + 0.1 * self.position.premium, 3)))).quantize(
            Decimal("0.000001")
        )

    # -- inside

    def _move_prices(self) -> None:
        dt = 1 / STEPS_PER_S
        gauss = self._rng.gauss
        here = self.position
        here.fundamental *= 1 + gauss(0, 1) * self.params.volatility_bps / 1e4 * math.sqrt(dt)
        here.premium += -here.premium * dt / 600 + gauss(0, 1) * math.sqrt(2 * dt / 600)
        follow = 1 - math.exp(-dt / SMOOTHING_S)
        for venue in VENUES:
            quotes = self.params.venues[venue]
            keep = math.exp(-math.log(2) * dt / quotes.half_life_s)
            noise = quotes.deviation_bps * math.sqrt(1 - keep * keep)
            here.drift[venue] = here.drift.get(venue, 0.0) * keep + gauss(0, 1) * noise
            now = here.deviation.get(venue, 0.0)
            here.deviation[venue] = now + (here.drift[venue] - now) * follow

    def _requote(self, ladder: _Ladder, fair: float) -> list[Command]:
        grid = float(ladder.instrument.price_tick) * ladder.grid_ticks
        half = ladder.quotes.half_spread_bps / 1e4
        best_bid = math.floor(fair * (1 - half) / grid)
        best_ask = max(math.ceil(fair * (1 + half) / grid), best_bid + 1)
        count = ladder.quotes.levels
        bids = range(best_bid, best_bid - count, -1)
        asks = range(best_ask, best_ask + count)
        commands: list[Command] = []
        self._cancel_stale(ladder.bids, bids, "buy", commands)
        self._cancel_stale(ladder.asks, asks, "sell", commands)
        self._place_missing(ladder, ladder.bids, bids, "buy", commands)
        self._place_missing(ladder, ladder.asks, asks, "sell", commands)
        return commands

    def _cancel_stale(self, held: dict[int, str], wanted: range, side: Side, commands: list[Command]) -> None:
        fresh = wanted[:REFRESH]
        stale = [level for level in held if level not in wanted or level in fresh]
        commands.extend(Command("cancel", held.pop(level), side, ZERO, ZERO) for level in stale)

    def _place_missing(
        self, ladder: _Ladder, held: dict[int, str], wanted: range, side: Side, commands: list[Command]
    ) -> None:
        for level in wanted:
            if level not in held:
                self.position.orders += 1
                order_id = f"m{level % MAKERS}-{self.position.orders}"
                held[level] = order_id
                price = ladder.tick(level) * ladder.instrument.price_tick
                commands.append(Command("place", order_id, side, price, self._quantity(ladder, 1.0)))

    def _taker(self, ladder: _Ladder) -> Command:
        side: Side = "buy" if self._rng.random() < 0.5 else "sell"
        return Command("take", "", side, ZERO, self._quantity(ladder, 0.5))

    def _quantity(self, ladder: _Ladder, scale: float) -> Decimal:
        """A random size around the mean, at least what the venue admits, in whole lots."""
        instrument = ladder.instrument
        base = ladder.quotes.base_per_level * scale * self._rng.uniform(0.5, 1.5) * 60000 / self.start_price
        lots = round(base / float(instrument.multiplier) / float(instrument.lot))
        return max(1, lots) * instrument.lot
