"""The first look at the pairs, in floats: most markets pay nobody, and that must cost next to nothing to know.

It may only say no, and only where the exact decision would say nothing at all: its bound on the edge is the touch,
which no quantity beats, and its bound on the requirement is the lowest that any terms could ask for.
"""

from __future__ import annotations

from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import FundingRate, MarketView
from dnbot.domain.pair import Pair, PairEdge, PairKind
from dnbot.strategy.parameters import StrategyParameters

MARGIN_BPS = 0.001
"""Far above what floats get wrong, far below what decides a trade."""


class _Touch(msgspec.Struct, frozen=True):
    """One venue's best prices: what a unit of base costs and brings, fees included, and twice the mid."""

    bid: Decimal
    ask: Decimal
    fee: FeeSchedule
    paid: float
    got: float
    both: float


@attrs.define
class FirstLook:
    """The best prices of each venue, as they were last told."""

    params: StrategyParameters
    _touches: dict[Venue, _Touch] = attrs.field(factory=dict)
    _settled_bps: float | None = None
    """The most that funding could bring a carry that is opened now; None while it is not known."""
    changes: int = 0
    """How often something changed that the answers of `hopeless` follow from."""

    @classmethod
    def at(cls, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters) -> FirstLook:
        """A whole market."""
        look = cls(params)
        look.fund(market.funding)
        for venue, book in market.books.items():
            if venue in fees:
                look.touch(venue, book.bids[0][0], book.asks[0][0], fees[venue])
        return look

    def touch(self, venue: Venue, best_bid: Decimal, best_ask: Decimal, fee: FeeSchedule) -> None:
        """A venue's best prices are these now."""
        known = self._touches.get(venue)
        if known is not None and known.bid is best_bid and known.ask is best_ask and known.fee is fee:
            return  # most frames change what lies behind the best prices
        self.changes += 1
        ask, bid, rate = float(best_ask), float(best_bid), float(fee.taker)
        paid = ask / (1 - rate) if fee.buy_fee_in_base else ask * (1 + rate)
        self._touches[venue] = _Touch(best_bid, best_ask, fee, paid, bid * (1 - rate), ask + bid)

    def lose(self, venue: Venue) -> None:
        """A venue's prices are not known any more."""
        if self._touches.pop(venue, None) is not None:
            self.changes += 1

    def fund(self, funding: FundingRate | None) -> None:
        """The funding rate is this now."""
        self.changes += 1
        self._settled_bps = None
        if funding is not None:
            settlements = float(self.params.carry_hold_hours_max) * 3600 / funding.interval_s + 1
            self._settled_bps = max(0.0, float(funding.rate)) * 10_000 * settlements

    def hopeless(self, pair: Pair, exit_edge: PairEdge | None) -> bool:
        """Whether even the best prices are below the lowest requirement; True also when a book or fee is missing."""
        buy, sell = self._touches.get(pair.buy_venue), self._touches.get(pair.sell_venue)
        if buy is None or sell is None:
            return True
        edge_bps = (sell.got - buy.paid) / ((buy.both + sell.both) / 4) * 10_000
        if pair.kind is not PairKind.CARRY_OPEN:
            return edge_bps < self.params.lowest_threshold_bps - MARGIN_BPS
        return edge_bps < self.lowest_requirement_bps(pair, exit_edge) - MARGIN_BPS

    def lowest_requirement_bps(self, pair: Pair, exit_edge: PairEdge | None) -> float:
        """No terms ask for less: the smaller threshold, and for a carry the most that funding and exit could add."""
        if pair.kind is not PairKind.CARRY_OPEN or self._settled_bps is None or exit_edge is None:
            return self.params.lowest_threshold_bps
        return self.params.lowest_threshold_bps - self._settled_bps - exit_edge.mean_bps
