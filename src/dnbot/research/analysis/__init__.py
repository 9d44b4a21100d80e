"""Questions to the store, as functions: each takes a way to read, a symbol and a period, and gives a frozen struct.

    async with opened_store(settings) as store:
        found = await analyze_spread(store.read, Symbol("BTC", "USDT"), Period(since, until))

Amounts are `Decimal` in quote units unless a name says otherwise, edges in basis points, times in UTC. What was not
sampled is absent or None, never zero, and every result says how much of its period was observed.
"""

from dnbot.research.analysis.funding import Funding, analyze_funding
from dnbot.research.analysis.opportunities import Opportunities, analyze_opportunities
from dnbot.research.analysis.performance import Performance, analyze_performance
from dnbot.research.analysis.spread import Spread, analyze_spread
from dnbot.research.analysis.words import Coverage, Period

__all__ = [
    "Coverage", "Funding", "Opportunities", "Performance", "Period", "Spread", "analyze_funding",
    "analyze_opportunities", "analyze_performance", "analyze_spread",
]
