"""Target 5, first half: the profit estimate of one opportunity, exact, with its funding and its way out."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from dnbot.domain.instrument import Symbol
from dnbot.domain.pair import Pair
from dnbot.strategy.costs import CarryOutlook, PnLCalculator
from dnbot.strategy.parameters import StrategyParameters
from suite import markets
from suite.figures import Figures
from suite.measuring import Effort, each_us, interleaved
from suite.target import Target

CALLS = 20_000
LIMIT_US = 5.0
OUTLOOK = CarryOutlook(hold_s=Decimal(28_800), exit_edge_bps=Decimal("-6.25"), funding_bps=Decimal("1.5"))


def measure(effort: Effort) -> list[Target]:
    """The slower kind of opportunity is the one that counts; nothing else computes the same, so there is no peer."""
    times = effort.times(CALLS)
    kinds = (Pair.GATE_TO_MEXC, Pair.OPEN_GATE)
    rounds = interleaved(effort.rounds, {pair.name: partial(estimating, pair, times) for pair in kinds})
    slower = max(kinds, key=lambda pair: rounds.median(pair.name, "p50")).name
    each = "; ".join(f"{pair.name} {rounds.median(pair.name, 'p50'):.2f}" for pair in kinds)
    return [
        Target(
            "5 PnL estimate of one opportunity, p50", "us", rounds.median(slower, "p50"), limit=LIMIT_US,
            detail=f"p50 in us: {each}; p99 {rounds.median(slower, 'p99'):.2f}",
            again=partial(estimating, Pair[slower], times),
        )
    ]


def estimating(pair: Pair, times: int) -> Figures:
    """The estimate of one pair, on changing books."""
    views = markets.all_changed()
    calculator = PnLCalculator(
        StrategyParameters(
            symbol=Symbol("BTC", "USDT"), base_position_size=Decimal(1), max_order_notional_quote=Decimal(6_100)
        )
    )

    def estimate(number: int) -> object:
        market = views[number % len(views)]
        return calculator.estimate(pair, markets.QUANTITY, market, markets.FEES, OUTLOOK)

    return each_us(estimate, times)
