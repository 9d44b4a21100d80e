"""Two invented markets and a still one. None is real, and every place that shows results of them has to say so."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue


@attrs.frozen
class VenueQuotes:
    """How outside makers quote on one venue.

    ``half_spread_bps`` and ``gap_bps``: distance of the first level from the venue's fair price, and between levels.
    ``base_per_level``: mean base quantity of a level. ``deviation_bps``: stationary standard deviation of that venue's
    mean-reverting distance from the fundamental price. ``steps_per_s``: how often its makers act.
    """

    half_spread_bps: float
    gap_bps: float
    base_per_level: float
    deviation_bps: float
    half_life_s: float
    steps_per_s: float
    takers_per_s: float = 1.0
    levels: int = 20


@attrs.frozen
class MarketParams:
    """One market: the fundamental's volatility in bps per square root of a second, and quotes per venue."""

    name: str
    volatility_bps: float
    venues: dict[Venue, VenueQuotes]
    basis_bps: float  # the perp's mean distance from the fundamental
    funding_rate: Decimal
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
            GATE_SPOT: VenueQuotes(0.5, 0.5, 0.006, 22.0, 2.5, 12.0),
            MEXC_SPOT: VenueQuotes(0.5, 0.5, 0.006, 39.0, 2.5, 12.0),
            GATE_FUTURES: VenueQuotes(0.4, 0.3, 0.05, 0.6, 5.0, 10.0),
        },
        basis_bps=1.0,
        funding_rate=Decimal("0.0001"),
    )


def _calibrated() -> MarketParams:
    return MarketParams(
        name="calibrated",
        volatility_bps=0.6,
        venues={
            GATE_SPOT: VenueQuotes(0.3, 0.3, 0.15, 1.5, 4.0, 12.0),
            MEXC_SPOT: VenueQuotes(0.3, 0.3, 0.1, 2.5, 4.0, 12.0),
            GATE_FUTURES: VenueQuotes(0.1, 0.15, 1.0, 0.6, 5.0, 10.0),
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


SCRIPTED = "scripted"
PRESETS = {"lively": _lively, "calibrated": _calibrated, SCRIPTED: _scripted}


def market_params(name: str, deviation_bps: float | None = None, half_life_s: float | None = None) -> MarketParams:
    """A preset, with the distance between the two spot venues (in bps, split between them) and its half-life replaced.

    Raises ValueError for an unknown name.
    """
    if name not in PRESETS:
        raise ValueError(f"market {name!r} is unknown; known: {', '.join(sorted(PRESETS))}")
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
