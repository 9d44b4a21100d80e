"""How far an opportunity can be trusted: shown and recorded with it, never used to size it."""

from __future__ import annotations

import math

from dnbot.domain.market import MarketView
from dnbot.domain.pair import OpportunityRisk, Pair, PairEdge
from dnbot.strategy.costs import SAMPLES_MIN
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import age_ms


def opportunity_risk(
    pair: Pair,
    market: MarketView,
    edge: PairEdge | None,
    edge_bps: float,
    depth_share: float,
    params: StrategyParameters,
    now_s: float,
) -> OpportunityRisk:
    """Rate one opportunity.

    `adverse_move_bps`: root mean square move of the livelier of the two mids within an order's life.
    `depth_risk`: the share of the visible depth that it takes, relative to `depth_share_max`.
    `venue_risk`: the age of the older book, relative to `market_age_ms_max`.
    `confidence`: history known x edge beyond the adverse move x (1 - the other two risks).
    """
    venues = (pair.buy_venue, pair.sell_venue)
    moves = [market.flow[venue].move_bps_per_s for venue in venues if venue in market.flow]
    adverse = max(moves, default=0.0) * math.sqrt(params.order_expiry_ms / 1000)
    depth = _share(depth_share / float(params.depth_share_max))
    venue = _share(max(age_ms(market.books[venue], now_s) for venue in venues) / params.market_age_ms_max)
    samples = edge.samples if edge is not None else 0
    history = samples / (samples + SAMPLES_MIN)
    size = abs(edge_bps) / (abs(edge_bps) + adverse) if edge_bps else 0.0
    return OpportunityRisk(
        confidence=history * size * (1 - depth) * (1 - venue),
        adverse_move_bps=adverse,
        depth_risk=depth,
        venue_risk=venue,
    )


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
