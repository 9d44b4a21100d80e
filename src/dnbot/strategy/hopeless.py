"""The first look at a pair, in floats: most markets pay nobody, and that must cost next to nothing to know.

It may only say no, and only where the exact decision would say nothing at all: its bound on the edge is the touch,
which no quantity beats, and its bound on the requirement is the lowest that any terms could ask for.
"""

from __future__ import annotations

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.pair import Pair, PairEdge, PairKind
from dnbot.strategy.parameters import StrategyParameters

MARGIN_BPS = 0.001
"""Far above what floats get wrong, far below what decides a trade."""


def hopeless(
    pair: Pair,
    market: MarketView,
    fees: dict[Venue, FeeSchedule],
    params: StrategyParameters,
    exit_edge: PairEdge | None,
) -> bool:
    """Whether even the best prices are below the lowest requirement; True also when a book or fee is missing."""
    buy, sell = market.books.get(pair.buy_venue), market.books.get(pair.sell_venue)
    buy_fee, sell_fee = fees.get(pair.buy_venue), fees.get(pair.sell_venue)
    if buy is None or sell is None or buy_fee is None or sell_fee is None:
        return True
    ask, bid, rate = float(buy.asks[0][0]), float(sell.bids[0][0]), float(buy_fee.taker)
    paid = ask / (1 - rate) if buy_fee.buy_fee_in_base else ask * (1 + rate)
    mid = (ask + float(buy.bids[0][0]) + bid + float(sell.asks[0][0])) / 4
    edge_bps = (bid * (1 - float(sell_fee.taker)) - paid) / mid * 10_000
    return edge_bps < lowest_requirement_bps(pair, market, params, exit_edge) - MARGIN_BPS


def lowest_requirement_bps(
    pair: Pair, market: MarketView, params: StrategyParameters, exit_edge: PairEdge | None
) -> float:
    """No terms ask for less: the smaller threshold, and for a carry the most that funding and exit could add."""
    entry = float(params.arbitrage_entry_threshold_bps + params.slippage_reserve_bps)
    lowest = min(entry, float(params.arbitrage_exit_threshold_bps))
    if pair.kind is not PairKind.CARRY_OPEN or market.funding is None or exit_edge is None:
        return lowest
    settlements = float(params.carry_hold_hours_max) * 3600 / market.funding.interval_s + 1
    funding_bps = max(0.0, float(market.funding.rate)) * 10_000 * settlements
    return lowest - funding_bps - exit_edge.mean_bps
