"""The first look at the pairs, in floats: most markets pay nobody, and that must cost next to nothing to know.

It may only say no, and only where the exact decision would say nothing at all: its bound on the edge is the touch,
which no quantity beats, and its bound on the requirement is the lowest that any terms could ask for.
"""

from __future__ import annotations

import attrs

from dnbot.domain.book import Level
from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.pair import Pair, PairEdge, PairKind
from dnbot.strategy.parameters import StrategyParameters

MARGIN_BPS = 0.001
"""Far above what floats get wrong, far below what decides a trade."""


@attrs.frozen
class _Touch:
    """One venue's best prices: what a unit of base costs and brings, fees included, and twice the mid."""

    paid: float
    got: float
    both: float

    @classmethod
    def of(cls, bids: tuple[Level, ...], asks: tuple[Level, ...], fee: FeeSchedule) -> _Touch:
        ask, bid, rate = float(asks[0][0]), float(bids[0][0]), float(fee.taker)
        return cls(ask / (1 - rate) if fee.buy_fee_in_base else ask * (1 + rate), bid * (1 - rate), ask + bid)


@attrs.frozen
class FirstLook:
    """One market, looked at once for all pairs."""

    _touches: dict[Venue, _Touch]
    _lowest_bps: float
    _settled_bps: float | None
    """The most that funding could bring a carry that is opened now; None while it is not known."""

    @classmethod
    def at(cls, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters) -> FirstLook:
        """The market as it is, under these fees and parameters."""
        entry = float(params.arbitrage_entry_threshold_bps + params.slippage_reserve_bps)
        settled = None
        if market.funding is not None:
            settlements = float(params.carry_hold_hours_max) * 3600 / market.funding.interval_s + 1
            settled = max(0.0, float(market.funding.rate)) * 10_000 * settlements
        touches = {v: _Touch.of(book.bids, book.asks, fees[v]) for v, book in market.books.items() if v in fees}
        return cls(touches, min(entry, float(params.arbitrage_exit_threshold_bps)), settled)

    def hopeless(self, pair: Pair, exit_edge: PairEdge | None) -> bool:
        """Whether even the best prices are below the lowest requirement; True also when a book or fee is missing."""
        buy, sell = self._touches.get(pair.buy_venue), self._touches.get(pair.sell_venue)
        if buy is None or sell is None:
            return True
        edge_bps = (sell.got - buy.paid) / ((buy.both + sell.both) / 4) * 10_000
        return edge_bps < self.lowest_requirement_bps(pair, exit_edge) - MARGIN_BPS

    def lowest_requirement_bps(self, pair: Pair, exit_edge: PairEdge | None) -> float:
        """No terms ask for less: the smaller threshold, and for a carry the most that funding and exit could add."""
        if pair.kind is not PairKind.CARRY_OPEN or self._settled_bps is None or exit_edge is None:
            return self._lowest_bps
        return self._lowest_bps - self._settled_bps - exit_edge.mean_bps
