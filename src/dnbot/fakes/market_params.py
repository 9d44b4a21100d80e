"""Three invented markets and two still ones. None is real, and every place that shows results has to say so."""

from __future__ import annotations

import math
from decimal import Decimal

import attrs

from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue


@attrs.frozen
class VenueQuotes:
    """How outside makers quote on one venue.

    ``half_spread_bps`` and ``gap_bps``: distance of the first level from the venue's fair price, and between levels.
    ``base_per_level``: mean base quantity of a level. ``deviation_bps``: stationary standard deviation of that venue's
    mean-reverting distance from the fundamental price.
    """

    half_spread_bps: float
    gap_bps: float
    base_per_level: float
    deviation_bps: float
    half_life_s: float
    takers_per_s: float = 1.0
    levels: int = 20


@attrs.frozen
class Regime:
    """A mood of the market: factors on volatility, spreads, depth and the venues' deviations, and its mean length."""

    name: str
    volatility: float = 1.0
    spread: float = 1.0
    depth: float = 1.0
    deviation: float = 1.0
    dwell_s: float = math.inf


@attrs.frozen
class Commotion:
    """What makes a market uneven; the default is an even one.

    ``jumps_per_s``, ``jump_bps``: how often one symbol's price jumps, and the standard deviation of a jump.
    ``common``: the share of a symbol's variance that it has from the market as a whole, so also the correlation of two
    symbols. ``swing``: standard deviation of the logarithm of the common volatility. ``common_jumps_per_h``,
    ``common_jump_bps``: jumps of everything at once. ``thinning``: the depth of new quotes falls with this power of the
    recent variance. ``regimes``: moods that follow each other, the first at the start.
    """

    jumps_per_s: float = 0.0
    jump_bps: float = 0.0
    common: float = 0.0
    swing: float = 0.0
    common_jumps_per_h: float = 0.0
    common_jump_bps: float = 0.0
    thinning: float = 0.0
    regimes: tuple[Regime, ...] = (Regime("even"),)


@attrs.frozen
class Carry:
    """The perp's distance from the fundamental beyond ``basis_bps``, and what funding makes of it.

    ``spread_bps``, ``memory_s``: standard deviation and time constant of a slow wave of the basis. ``follows``: funding
    is Gate's formula on the basis, averaged; otherwise it wanders around the preset's rate on its own.
    """

    spread_bps: float = 0.0
    memory_s: float = 600.0
    follows: bool = False


@attrs.frozen
class MarketParams:
    """One market: the fundamental's volatility in bps per square root of a second, and quotes per venue."""

    name: str
    volatility_bps: float
    venues: dict[Venue, VenueQuotes]
    basis_bps: float  # the perp's mean distance from the fundamental
    funding_rate: Decimal
    commotion: Commotion = Commotion()
    carry: Carry = Carry()
    note: str = ""  # what else a banner says of it

    def describe(self) -> dict[str, object]:
        """What a banner needs to say about this market; never call it real."""
        spread = (self.venues[GATE_SPOT].deviation_bps ** 2 + self.venues[MEXC_SPOT].deviation_bps ** 2) ** 0.5
        return {
            "name": self.name,
            "real": False,
            "deviation_bps": round(spread, 1),
            "half_life_s": self.venues[MEXC_SPOT].half_life_s,
            "volatility_bps_per_sqrt_s": self.volatility_bps,
            "basis_bps": self.basis_bps,
            "note": self.note
            or f"an invented market ({self.name}): the two spot venues drift apart and together by design",
        }


def _lively() -> MarketParams:
    return MarketParams(
        name="lively",
        volatility_bps=0.4,
        venues={
            GATE_SPOT: VenueQuotes(0.5, 0.5, 0.006, 22.0, 2.5),
            MEXC_SPOT: VenueQuotes(0.5, 0.5, 0.006, 39.0, 2.5),
            GATE_FUTURES: VenueQuotes(0.4, 0.3, 0.05, 0.6, 5.0),
        },
        basis_bps=1.0,
        funding_rate=Decimal("0.0001"),
    )


def _calibrated() -> MarketParams:
    return MarketParams(
        name="calibrated",
        volatility_bps=0.6,
        venues={
            GATE_SPOT: VenueQuotes(0.3, 0.3, 0.15, 1.5, 4.0),
            MEXC_SPOT: VenueQuotes(0.3, 0.3, 0.1, 2.5, 4.0),
            GATE_FUTURES: VenueQuotes(0.1, 0.15, 1.0, 0.6, 5.0),
        },
        basis_bps=1.0,
        funding_rate=Decimal("0.0001"),
    )


def _scripted() -> MarketParams:
    """Nobody quotes or trades of his own accord: all that happens is what ``market_script`` is told."""
    lively = _lively()
    still = {v: attrs.evolve(q, deviation_bps=0.0, takers_per_s=0.0, levels=0) for v, q in lively.venues.items()}
    note = "a scripted market: it moves by command alone"
    return attrs.evolve(lively, name=SCRIPTED, volatility_bps=0.0, venues=still, funding_rate=Decimal(0), note=note)


def _mirrored() -> MarketParams:
    """Nobody quotes or trades here: books, trades and rates are told, as they are somewhere else."""
    note = "books as they are told: orders and money here are pretended"
    return attrs.evolve(_scripted(), name=MIRRORED, note=note)


SCRIPTED = "scripted"
MIRRORED = "mirrored"


def _realistic() -> MarketParams:
    """What each number was fitted to, and how well it fits: docs/market-model.md."""
    return MarketParams(
        name="realistic",
        volatility_bps=0.55,
        venues={
            GATE_SPOT: VenueQuotes(0.05, 0.04, 0.2, 0.7, 1.2, takers_per_s=4.0, levels=50),
            MEXC_SPOT: VenueQuotes(0.05, 0.04, 0.12, 0.9, 1.2, takers_per_s=3.0, levels=50),
            GATE_FUTURES: VenueQuotes(0.005, 0.03, 0.35, 0.4, 1.2, takers_per_s=6.0, levels=50),
        },
        basis_bps=-0.2,
        funding_rate=Decimal("0.0001"),
        commotion=Commotion(
            jumps_per_s=0.03,
            jump_bps=2.5,
            common=0.75,
            swing=0.3,
            common_jumps_per_h=0.5,
            common_jump_bps=25.0,
            thinning=0.4,
            regimes=(
                Regime("calm", volatility=0.8, dwell_s=240.0),
                Regime("volatile", volatility=1.5, spread=1.6, depth=0.6, deviation=1.4, dwell_s=60.0),
                Regime("torn", volatility=1.2, spread=2.5, depth=0.5, deviation=2.5, dwell_s=15.0),
            ),
        ),
        carry=Carry(spread_bps=3.8, memory_s=76 * 3600.0, follows=True),
    )


PRESETS = {
    "lively": _lively, "calibrated": _calibrated, "realistic": _realistic, SCRIPTED: _scripted, MIRRORED: _mirrored,
}  # fmt: skip


def market_params(name: str, deviation_bps: float | None = None, half_life_s: float | None = None) -> MarketParams:
    """A preset, with the distance between the two spot venues (in bps, split between them) and its half-life replaced.

    Raises ValueError for an unknown name.
    """
    if name not in PRESETS:
        raise ValueError(f"market {name!r} is unknown; known: {', '.join(sorted(PRESETS))}, or replay:PATH")
    params = PRESETS[name]()
    venues = dict(params.venues)
    spread = (venues[GATE_SPOT].deviation_bps ** 2 + venues[MEXC_SPOT].deviation_bps ** 2) ** 0.5
    for venue in (GATE_SPOT, MEXC_SPOT):
        quotes = venues[venue]
        if deviation_bps is not None and spread:
            quotes = attrs.evolve(quotes, deviation_bps=quotes.deviation_bps * deviation_bps / spread)
        if half_life_s is not None:
            quotes = attrs.evolve(quotes, half_life_s=half_life_s)
        venues[venue] = quotes
    return attrs.evolve(params, venues=venues)
