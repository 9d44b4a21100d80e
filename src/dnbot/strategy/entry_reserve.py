"""What an entry must earn beyond its threshold because fills are worse than books: it rises with experience.

The setting is where it begins. When entries turn out worse than estimated by more than that, time after time, the
reserve becomes what they really lost, and stays there over restarts until a person sets another one.
"""

from __future__ import annotations

from decimal import Decimal
from statistics import median

import msgspec

from dnbot.domain.pair import Opportunity
from dnbot.domain.position import Portfolio
from dnbot.domain.units import bps
from dnbot.strategy.parameters import StrategyParameters

ENTRIES = 20
"""So many of the newest entries are looked at. Half of them must be worse than the reserve: one bad fill is none."""


def entry_reserve_bps(params: StrategyParameters, portfolio: Portfolio) -> Decimal:
    """Basis points that an entry is asked for beyond its threshold, and that its price caps may give away."""
    if portfolio.reserve_set_bps != params.slippage_reserve_bps:
        return params.slippage_reserve_bps
    return max(params.slippage_reserve_bps, portfolio.reserve_bps)


def with_slippage(portfolio: Portfolio, params: StrategyParameters, slippage_bps: Decimal) -> Portfolio:
    """The portfolio after one more entry that brought so much less than estimated (negative: more), basis points."""
    in_use = entry_reserve_bps(params, portfolio)
    seen = (*portfolio.entry_slippage_bps, slippage_bps)[-ENTRIES:]
    if portfolio.reserve_set_bps != params.slippage_reserve_bps:
        seen = (slippage_bps,)
    lost = median(seen) if len(seen) == ENTRIES else in_use
    return msgspec.structs.replace(
        portfolio, entry_slippage_bps=seen, reserve_bps=max(in_use, lost), reserve_set_bps=params.slippage_reserve_bps
    )


def entry_slippage_bps(opportunity: Opportunity, realised_bps: Decimal, price: Decimal) -> Decimal:
    """Estimated edge less the realised one, basis points, each over its own quantity at `price`.

    What a carry is to earn later is in neither.
    """
    estimate = opportunity.estimate
    at_once = estimate.gross_quote - estimate.fees_quote - estimate.slippage_quote
    return bps(at_once, opportunity.sell_quantity * price) - realised_bps
