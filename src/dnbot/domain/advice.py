"""What others say of new risk: strategy plugins, execution plugins, and the fleet that a bot belongs to.

Each is an event of the machine's inbox and holds for a time; what it says may only object, or wait.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.units import ZERO


class PairAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry of one directed pair must have beyond what the strategy requires of it."""

    pair_name: str
    extra_bps: Decimal = ZERO
    """Edge above the required one; what is not above zero asks for nothing more."""
    refuse: bool = False
    why: str = ""


class EntryAdvised(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A strategy plugin said what it thinks of entries. Pairs that it does not name are as they would be without it."""

    by: str
    pairs: tuple[PairAdvice, ...] = ()
    valid_until_s: float
    """By our monotonic clock; afterwards it is silent, and silence refuses."""


class FleetRiskTold(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Whether the fleet that this bot belongs to lets it take new risk."""

    denial: str
    """Why not; empty: it may."""
    valid_until_s: float
    """By our monotonic clock; afterwards nobody knows, and that refuses."""


class PairTactic(msgspec.Struct, frozen=True, kw_only=True):
    """How one directed pair waits on MEXC before its other leg is taken."""

    pair_name: str
    ticks_inside: int
    """Steps of the price inside the book; 0 joins the best price."""
    rest_ms: int


class TacticAdvised(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """An execution plugin said which pairs are to wait. All others are taken at once, or not at all."""

    by: str
    pairs: tuple[PairTactic, ...] = ()
    valid_until_s: float
    """By our monotonic clock; afterwards it is silent, and no leg rests."""


Advice = EntryAdvised | TacticAdvised | FleetRiskTold
