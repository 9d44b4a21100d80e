"""The six directed pairs: where to buy, where to sell, and what kind of trade that is."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.order import Purpose
from dnbot.domain.units import Money, Price, Quantity
from dnbot.domain.word import Word


class PairKind(Word):
    """What a pair earns: the spread now, or basis and funding over time."""

    SPOT_SPOT = "spot_spot"
    CARRY_OPEN = "carry_open"
    CARRY_CLOSE = "carry_close"


class Pair(Word):
    """Buy on the first venue, sell on the second."""

    GATE_TO_MEXC = ("spot_spot", Venue.GATE_SPOT, Venue.MEXC_SPOT)
    MEXC_TO_GATE = ("spot_spot", Venue.MEXC_SPOT, Venue.GATE_SPOT)
    OPEN_GATE = ("carry_open", Venue.GATE_SPOT, Venue.GATE_FUTURES)
    OPEN_MEXC = ("carry_open", Venue.MEXC_SPOT, Venue.GATE_FUTURES)
    CLOSE_GATE = ("carry_close", Venue.GATE_FUTURES, Venue.GATE_SPOT)
    CLOSE_MEXC = ("carry_close", Venue.GATE_FUTURES, Venue.MEXC_SPOT)

    def __init__(self, kind: str, buy_venue: Venue, sell_venue: Venue) -> None:
        # Plain attributes: they are read on every change of every book.
        self.kind = PairKind(kind)
        """Spot-spot, or one end of a carry."""
        self.buy_venue = buy_venue
        """Where base is bought."""
        self.sell_venue = sell_venue
        """Where base is sold."""

    @property
    def reverse(self) -> Pair:
        """The pair that undoes this one."""
        return _REVERSE[self]


PAIRS = {pair.name: pair for pair in Pair}
"""By name: a look-up in a dict costs a fraction of one in an enumeration."""
_REVERSE = {
    pair: next(p for p in Pair if (p.buy_venue, p.sell_venue) == (pair.sell_venue, pair.buy_venue)) for pair in Pair
}


class PairEdge(msgspec.Struct, frozen=True, kw_only=True):
    """One pair's edge now and its history in event time. Floats: for ranking and showing only, never booked."""

    pair_name: str
    edge_bps: float
    """Net of both fees, at the probe quantity."""
    gross_bps: float
    mean_bps: float
    sd_bps: float
    z_score: float
    half_life_s: float | None
    """None until the history shows reversion."""
    samples: int

    @property
    def pair(self) -> Pair:
        """The pair itself."""
        return PAIRS[self.pair_name]


class PnlEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade is expected to bring, quote units, with every part as its own field. Never booked."""

    gross_quote: Money
    fees_quote: Money
    slippage_quote: Money
    funding_quote: Money
    """Expected to be received until the expected exit (carries only)."""
    exit_quote: Money
    """Expected edge of the exit at the rolling mean, its fees included (carries only)."""
    net_quote: Money


class OpportunityRisk(msgspec.Struct, frozen=True, kw_only=True):
    """How far an opportunity can be trusted. All 0..1 but the move; higher is riskier, except confidence."""

    confidence: float
    adverse_move_bps: float
    depth_risk: float
    venue_risk: float


class Opportunity(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that pays at a quantity that both venues accept, with everything that the decision was based on."""

    opportunity_id: str
    pair_name: str
    purpose: Purpose
    """ENTRY, or EXIT for a trade that undoes."""
    buy_quantity: Quantity
    """Order quantity of the buy leg: grossed up where its fee is taken in base."""
    sell_quantity: Quantity
    buy_price_cap: Price
    sell_price_cap: Price
    """Limit prices of the two orders: worst acceptable, on the venue's tick grid."""
    edge_bps: Decimal
    required_bps: Decimal
    inventory_price_bps: Decimal
    estimate: PnlEstimate
    risk: OpportunityRisk
    edge: PairEdge | None
    book_ids: dict[Venue, int]
    book_ages_ms: dict[Venue, int]
    found_at_ns: int

    @property
    def pair(self) -> Pair:
        """The pair itself."""
        return PAIRS[self.pair_name]


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pair was not traded: a code from the fixed list, and the figures behind it."""

    pair_name: str
    reason: str
    """THRESHOLD is not recorded; LOT, DEPTH, INVENTORY, QUOTE, MARGIN, CAP, STATE, STALE, SKEW, COLLAR, IMPLAUSIBLE,
    ROUND_TRIP, ... are."""
    text: str
    edge_bps: float
    estimate: PnlEstimate | None = None
