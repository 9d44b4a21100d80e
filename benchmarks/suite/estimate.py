"""Target 5, first half: the profit estimate of one opportunity, exact, with its funding and its way out."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from dnbot.domain.instrument import Symbol
from dnbot.domain.pair import Pair, PairKind
from dnbot.domain.units import TEN_THOUSAND, TWO, ZERO, divide
from dnbot.strategy.costs import QUOTE_PLACES, CarryOutlook, PnLCalculator
from dnbot.strategy.parameters import StrategyParameters
from suite import markets
from suite.figures import Figures
from suite.measuring import Effort, each_us, interleaved
from suite.target import Target

CALLS = 20_000
LIMIT_US = 5.0
PARAMETERS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal(1), max_order_notional_quote=Decimal(6_100)
)
OUTLOOK = CarryOutlook(hold_s=Decimal(28_800), exit_edge_bps=Decimal("-6.25"), funding_bps=Decimal("1.5"))


def measure(effort: Effort) -> list[Target]:
    """The slower kind of opportunity is the one that counts; nothing else computes the same, so there is no peer."""
    times = effort.times(CALLS)
    kinds = (Pair.GATE_TO_MEXC, Pair.OPEN_GATE)
    calls = {pair.name: partial(estimating, pair, times) for pair in kinds}
    floors = {f"bare {pair.name}": partial(computing, pair, times) for pair in kinds}
    rounds = interleaved(effort.rounds, calls | floors)
    slower = max(kinds, key=lambda pair: rounds.median(pair.name, "p50")).name
    each = "; ".join(f"{pair.name} {rounds.median(pair.name, 'p50'):.2f}" for pair in kinds)
    return [
        Target(
            "5 PnL estimate of one opportunity, p50", "us", rounds.median(slower, "p50"), limit=LIMIT_US,
            floor=rounds.median(f"bare {slower}", "p50"), floor_of="its arithmetic alone",
            detail=f"p50 in us: {each}; p99 {rounds.median(slower, 'p99'):.2f}",
            again=partial(estimating, Pair[slower], times),
        )
    ]


def computing(pair: Pair, times: int) -> Figures:
    """The same sums, products and quotients in one function, nothing looked up, checked or kept.

    Raises:
        AssertionError: it does not come to the same profit.
    """
    views, quantity = markets.all_changed(), markets.QUANTITY
    buy, sell = markets.FEES[pair.buy_venue], markets.FEES[pair.sell_venue]
    ordered, pays, gets = quantity * buy.gross_up, buy.buy_factor, sell.sell_factor
    opens, place = pair.kind is PairKind.CARRY_OPEN, Decimal(1).scaleb(-QUOTE_PLACES)
    books = [(view.books[pair.buy_venue], view.books[pair.sell_venue]) for view in views]
    sides = [(one.asks, other.bids, one.mid, other.mid) for one, other in books]

    def compute(number: int) -> object:
        asks, bids, one, other = sides[number % len(sides)]
        worth = []
        for levels, wanted in ((asks, ordered), (bids, quantity)):
            left, value = wanted, ZERO
            for price, size in levels:
                if size >= left:
                    worth.append(value + left * price)
                    break
                value += size * price
                left -= size
        paid, got = worth
        mid = divide(one + other, TWO)
        cost, proceeds = divide(paid, ordered) * pays, divide(got, quantity) * gets
        edge_bps = divide((proceeds - cost) * TEN_THOUSAND, mid)
        gross, charged = (bids[0][0] - asks[0][0]) * quantity, paid * buy.taker + got * sell.taker
        parts = [gross, charged, gross - charged - (proceeds - cost) * quantity]
        if opens:
            rates = (OUTLOOK.funding_bps, OUTLOOK.exit_edge_bps)
            parts += [divide(mid * quantity * rate, TEN_THOUSAND) for rate in rates]
        touched, fees, slipped, *carried = [part.quantize(place) for part in parts]
        return touched - fees - slipped + sum(carried, ZERO), edge_bps

    profit = compute(1)
    same = PnLCalculator(PARAMETERS).estimate(pair, quantity, views[1], markets.FEES, OUTLOOK)
    assert same is not None
    assert isinstance(profit, tuple)
    assert profit[0] == same.net_quote, f"{pair.name}: {profit[0]} is not {same.net_quote}"
    return each_us(compute, times)


def estimating(pair: Pair, times: int) -> Figures:
    """The estimate of one pair, on changing books."""
    views = markets.all_changed()
    calculator = PnLCalculator(PARAMETERS)

    def estimate(number: int) -> object:
        market = views[number % len(views)]
        return calculator.estimate(pair, markets.QUANTITY, market, markets.FEES, OUTLOOK)

    return each_us(estimate, times)
