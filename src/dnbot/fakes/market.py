"""The flow of outside orders. The model knows its seed and parameters alone: no book, no account, no clock."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

import attrs

from .instruments import STEPS_PER_S as STEPS_PER_S
from .instruments import Character, Instrument
from .market_factor import MarketFactor
from .market_ladder import Command, Ladder
from .market_params import MarketParams, Regime
from .records import GATE_FUTURES, VENUES, Venue

SMOOTHING_S = 0.4  # makers follow the venue's fair price with this lag, so quotes drift instead of jumping
MARK_S = 0.5
HEAT_S = 30.0  # over which the recent variance is taken
DEPTH_BETWEEN = (0.2, 1.5)  # what thinning leaves of a level, at least and at most
FUNDING_MEMORY_S = 4 * 3600.0  # stands for the average over a funding interval
INTEREST = 0.0001  # per eight hours (Gate futures contracts, `interest_rate` 0.0003 a day)
CLAMP = 0.0005  # how far interest may pull the rate away from the premium
FUNDING_MAX = 0.003  # Gate futures contracts, `funding_rate_limit`
RATE_STEP = Decimal("0.000001")


class Quotes(NamedTuple):
    """The result of one step: the venue that acted, what it did (cancels first), and the price it thinks fair."""

    venue: Venue
    commands: list[Command]
    fair: float


class Tape(Protocol):
    """A recorded book that takes the place of a venue's makers and takers."""

    def turn(self, at_s: float) -> list[Command]:
        """What the outside did until that time, since the last turn."""

    def middle(self) -> float:
        """The middle of the recorded book at the last turn."""

    def forget(self) -> None:
        """The book was emptied: the next turn places everything."""


class Source(Protocol):
    """Recorded prices that take the place of the random walk; times are those of the model."""

    @property
    def tapes(self) -> Mapping[Venue, Tape]:
        """Venues whose whole book is recorded."""

    def index(self, at_s: float) -> float:
        """The price on spot."""

    def perp(self, at_s: float) -> float | None:
        """The price of the perpetual; None when that is not recorded."""

    def funding_rate(self, at_s: float) -> Decimal | None:
        """The rate that was charged next; None when that is not recorded."""


@attrs.define
class ModelPosition:
    """All that a model needs to go on after a restart; quotes are not part of it, they are made anew."""

    step: int = 0
    fundamental: float = 0.0
    drift: dict[Venue, float] = attrs.field(factory=dict)  # bps, before smoothing
    deviation: dict[Venue, float] = attrs.field(factory=dict)  # bps, as quoted
    premium: float = 0.0  # slow wave of basis or funding, in units of its own standard deviation
    orders: int = 0
    regime: int = 0
    heat: float = 1.0  # recent variance over the usual one
    basis_average: float | None = None  # bps


@attrs.define
class MarketModel:
    """One symbol on its venues: a fundamental price, mean-reverting venue prices, makers and takers.

    ``step()`` is deterministic: its results depend on the seed, the symbol, the parameters, the recorded source (when
    there is one) and how often it was called. ``start_s`` is when the first step is due, on the world's time.
    """

    seed: int
    params: MarketParams
    instruments: tuple[Instrument, ...]
    start_price: float
    position: ModelPosition = attrs.field(factory=ModelPosition)
    character: Character = attrs.field(factory=Character)
    source: Source | None = None
    start_s: float = 0.0
    factor: MarketFactor = attrs.field(default=attrs.Factory(lambda self: common_factor(self.seed, self.params), True))
    _rng: random.Random = attrs.field(init=False)
    _ladders: dict[Venue, Ladder] = attrs.field(init=False)
    _venues: tuple[Venue, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        symbol, here = self.instruments[0].symbol, self.position
        self._rng = random.Random(f"{self.seed}:{symbol}:{here.step}")
        if not here.fundamental:
            here.fundamental = self.start_price
            if self.params.carry.spread_bps:
                here.premium = random.Random(f"{self.seed}:{symbol}:premium").gauss(0, 1)
        listed = {instrument.venue: instrument for instrument in self.instruments}
        self._venues = tuple(venue for venue in VENUES if venue in listed)
        self._ladders = {
            venue: Ladder(
                listed[venue], self.params.venues[venue], self.start_price, self._rng, self.character.spread,
                self.character.depth, here.orders,
            )
            for venue in self._venues
        }  # fmt: skip

    @property
    def elapsed_s(self) -> float:
        """When the next step is due, in the world's time."""
        return self.start_s + (self.position.step + self.character.phase) / self.character.steps_per_s

    @property
    def mark_due(self) -> bool:
        """Whether mark and funding should be published now: each half second, or each step of a quiet symbol."""
        return self.position.step % max(1, round(self.character.steps_per_s * MARK_S)) == 0

    @property
    def regime(self) -> Regime:
        """The mood of this symbol."""
        return self.params.commotion.regimes[self.position.regime]

    def step(self) -> Quotes:
        """The next venue's turn: move prices, take stale quotes away, place new ones, perhaps trade."""
        venue = self._venues[self.position.step % len(self._venues)]
        at_s = self.elapsed_s
        self._move_prices(at_s)
        self.position.step += 1
        if self.source is not None and venue in self.source.tapes:
            commands = self.source.tapes[venue].turn(at_s)
            return Quotes(venue, commands, self.fair(venue))
        fair = self.fair(venue)
        return Quotes(venue, self._act(self._ladders[venue], fair), fair)

    def fair(self, venue: Venue) -> float:
        """What the makers of that venue think the price is; where a book is replayed, its middle."""
        if self.source is not None and venue in self.source.tapes:
            return self.source.tapes[venue].middle()
        deviation = self.position.deviation.get(venue, 0.0)
        recorded = None
        if self.source is not None and venue == GATE_FUTURES:
            recorded = self.source.perp(self._last_s)
        if recorded is not None:
            return recorded * (1 + deviation / 1e4)
        basis = self._basis_bps() if venue == GATE_FUTURES else 0.0
        return self.position.fundamental * (1 + (basis + deviation) / 1e4)

    def funding_rate(self) -> Decimal:
        """The present estimate on Gate's six decimals."""
        recorded = self.source.funding_rate(self._last_s) if self.source is not None else None
        if recorded is not None:
            return recorded.quantize(RATE_STEP)
        if self.params.carry.follows:
            premium = (self.position.basis_average or 0.0) / 1e4
            rate = premium + min(max(INTEREST - premium, -CLAMP), CLAMP)
            return Decimal(repr(min(max(rate, -FUNDING_MAX), FUNDING_MAX))).quantize(RATE_STEP)
        return (self.params.funding_rate * Decimal(str(round(1 + 0.1 * self.position.premium, 3)))).quantize(RATE_STEP)

    def forget(self, venue: Venue) -> None:
        """That venue's book was emptied: its next turn quotes everything anew."""
        if venue in self._ladders:
            self._ladders[venue].forget()
        if self.source is not None and venue in self.source.tapes:
            self.source.tapes[venue].forget()

    def requote(self, venue: Venue) -> list[Command]:
        """That venue's book was emptied: what its makers place now; of a recorded book nothing before its next turn.

        It is drawn from a generator of its own: prices, and what is placed later, are the same as without it.
        """
        if self.source is not None and venue in self.source.tapes:
            self.forget(venue)
            return []
        ladder, here = self._ladders[venue], self.position
        rng = random.Random(f"{self.seed}:{self.instruments[0].symbol}:{venue}:{here.step}")
        ladder.orders = here.orders
        commands = ladder.renew(self.fair(venue), self.regime.spread, self._depth(), rng)
        here.orders = ladder.orders
        return commands

    def relist(self, instrument: Instrument) -> None:
        """Makers quote on the steps of these terms from now on; their book was emptied."""
        here = instrument.venue
        self.instruments = tuple(instrument if market.venue == here else market for market in self.instruments)
        self._ladders[here].relist(instrument)

    # -- inside

    @property
    def _last_s(self) -> float:
        """The time of the last step."""
        return max(self.start_s, self.elapsed_s - 1 / self.character.steps_per_s)

    def _basis_bps(self) -> float:
        return self.params.basis_bps + self.params.carry.spread_bps * self.position.premium

    def _move_prices(self, at_s: float) -> None:
        dt = 1 / self.character.steps_per_s
        gauss = self._rng.gauss
        here, carry, regime = self.position, self.params.carry, self.regime
        if self.source is not None:
            here.fundamental = self.source.index(at_s)
        else:
            here.fundamental *= 1 + self._return_bps(at_s, dt) / 1e4
        here.premium += -here.premium * dt / carry.memory_s + gauss(0, 1) * math.sqrt(2 * dt / carry.memory_s)
        follow = 1 - math.exp(-dt / SMOOTHING_S)
        for venue in VENUES:
            quotes = self.params.venues[venue]
            keep = math.exp(-math.log(2) * dt / quotes.half_life_s)
            noise = quotes.deviation_bps * regime.deviation * math.sqrt(1 - keep * keep)
            here.drift[venue] = here.drift.get(venue, 0.0) * keep + gauss(0, 1) * noise
            now = here.deviation.get(venue, 0.0)
            here.deviation[venue] = now + (here.drift[venue] - now) * follow
        if carry.follows:
            basis = (self.fair(GATE_FUTURES) / here.fundamental - 1) * 1e4
            before = basis if here.basis_average is None else here.basis_average
            here.basis_average = before + (basis - before) * dt / FUNDING_MEMORY_S
        if len(self.params.commotion.regimes) > 1:
            self._change_mood(dt)

    def _return_bps(self, at_s: float, dt: float) -> float:
        """What the fundamental does in one step: its own way, the market's, and jumps."""
        moved, here = self.params.commotion, self.position
        sigma = self.params.volatility_bps * self.character.volatility * self.regime.volatility
        change = self._rng.gauss(0, 1) * math.sqrt(dt)
        if moved.common:
            own = self.factor.loudness(at_s) * math.sqrt(1 - moved.common) * change
            change = own + math.sqrt(moved.common) * self.factor.change(at_s - dt, at_s)
        change *= sigma
        if moved.jumps_per_s and self._rng.random() < moved.jumps_per_s * dt:
            change += self._rng.gauss(0, 1) * moved.jump_bps * self.character.volatility
        if moved.thinning:
            usual = (self.params.volatility_bps * self.character.volatility) ** 2 * dt
            here.heat += (change * change / usual - here.heat) * min(1.0, dt / HEAT_S)
        return change

    def _change_mood(self, dt: float) -> None:
        regimes, here = self.params.commotion.regimes, self.position
        if self._rng.random() < dt / self.regime.dwell_s:
            here.regime = (here.regime + self._rng.randrange(1, len(regimes))) % len(regimes)

    def _act(self, ladder: Ladder, fair: float) -> list[Command]:
        commands = self._quote(ladder, fair)
        turns_per_s = STEPS_PER_S / len(self._venues)  # a quiet symbol trades as seldom as it is quoted
        if self._rng.random() < ladder.quotes.takers_per_s * self.regime.volatility / turns_per_s:
            commands.append(ladder.take(self._depth()))
        return commands

    def _quote(self, ladder: Ladder, fair: float) -> list[Command]:
        ladder.orders = self.position.orders
        commands = ladder.requote(fair, self.regime.spread, self._depth())
        self.position.orders = ladder.orders
        return commands

    def _depth(self) -> float:
        thinning = self.params.commotion.thinning
        if not thinning:
            return self.regime.depth
        low, high = DEPTH_BETWEEN
        thinned = math.exp(-thinning * math.log(max(self.position.heat, 1e-6)))
        return self.regime.depth * min(max(thinned, low), high)


def common_factor(seed: int, params: MarketParams) -> MarketFactor:
    """What the symbols of one market share; every model of it makes the same, or is handed one that others use too."""
    moved = params.commotion
    unit_bps = params.volatility_bps * math.sqrt(moved.common) or 1.0
    return MarketFactor(seed, moved.swing, moved.common_jumps_per_h, moved.common_jump_bps / unit_bps)
