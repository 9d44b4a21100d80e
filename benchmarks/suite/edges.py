"""Target 4: the edges of the six pairs with walks over twenty levels, when one venue's book changed and when all did.

The plain version computes exactly, in Decimal, each pair that has a changed book. The fast one ranks the pairs in the
same row and finds the same ones at or above a threshold, or the benchmark fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import pairwise

from dnbot.domain.instrument import VENUES
from dnbot.domain.market import MarketView
from dnbot.domain.pair import Pair
from dnbot.strategy.spread import SpreadAnalyzer, edge_of
from suite import markets
from suite.measuring import Effort, each_us, interleaved
from suite.target import Target

CALLS = 20_000
STEP_S = 0.001
LIMITS_US = {"one venue changed": 3.0, "all changed": 9.0}
THRESHOLD_BPS = 2


def measure(effort: Effort) -> list[Target]:
    """A target for one change and one for three; the factor is asked of the first."""
    cycles = {"one venue changed": markets.one_changed(), "all changed": markets.all_changed()}
    times = effort.times(CALLS)
    targets = []
    for name, views in cycles.items():
        check_decisions(views)
        fast = observing(views)
        calls = {"ours": fast, "Decimal": computing(views), "walks": walking(views)}
        rounds = interleaved(effort.rounds, {name: partial(each_us, call, times) for name, call in calls.items()})
        targets.append(
            Target(
                f"4 six edges, {name}, p50", "us", rounds.median("ours", "p50"), limit=LIMITS_US[name],
                factor=5.0 if name == "one venue changed" else None, beside="plain Decimal",
                comparison=rounds.median("Decimal", "p50"),
                floor=rounds.median("walks", "p50"), floor_of="levels that are reached to floats, and summed",
                detail=f"p99 {rounds.median('ours', 'p99'):.2f} us; rounds {rounds.spread('ours', 'p50')}",
                again=partial(each_us, fast, times),
            )
        )
    return targets


def observing(views: Sequence[MarketView]) -> Callable[[int], object]:
    """The analyzer of the bot, on one view after the other; its history goes on a millisecond a call."""
    analyzer = SpreadAnalyzer(markets.QUANTITY)
    at = iter(range(10**9))

    def observe(_: int) -> object:
        number = next(at)
        return analyzer.observe(views[number % len(views)], markets.FEES, number * STEP_S)

    return observe


def computing(views: Sequence[MarketView]) -> Callable[[int], object]:
    """The exact edges of the pairs that have a changed book."""
    changed = [_pairs_changed(before, after) for before, after in pairwise([views[-1], *views])]
    at = iter(range(10**9))

    def compute(_: int) -> object:
        place = next(at) % len(views)
        return [edge_of(pair, markets.QUANTITY, views[place].books, markets.FEES) for pair in changed[place]]

    return compute


def walking(views: Sequence[MarketView]) -> Callable[[int], object]:
    """What ranking cannot leave out: both sides of each changed book, as far as the quantity reaches."""
    changed = [
        [side for venue in VENUES if before.books[venue] is not (book := after.books[venue])
         for side in (book.bids, book.asks)]
        for before, after in pairwise([views[-1], *views])
    ]  # fmt: skip
    at, wanted = iter(range(10**9)), float(markets.QUANTITY)

    def walk(_: int) -> object:
        value = 0.0
        for side in changed[next(at) % len(views)]:
            left = wanted
            for price, size in side:
                taken = float(size)
                value += min(taken, left) * float(price)
                left -= taken
                if left <= 0:
                    break
        return value

    return walk


def check_decisions(views: Sequence[MarketView]) -> None:
    """Raises AssertionError where the fast version decides otherwise than the plain one."""
    analyzer = SpreadAnalyzer(markets.QUANTITY)
    for number, view in enumerate(views):
        fast = {edge.pair_name: edge.edge_bps for edge in analyzer.observe(view, markets.FEES, number * STEP_S)}
        plain: dict[str, Decimal] = {}
        for pair in Pair:
            edge = edge_of(pair, markets.QUANTITY, view.books, markets.FEES)
            assert edge is not None, f"{pair.name}: no edge"
            plain[pair.name] = edge.edge_bps
        assert sorted(fast, key=fast.__getitem__) == sorted(plain, key=plain.__getitem__), f"view {number}: ranks"
        pays = [{name for name, bps in edges.items() if bps >= THRESHOLD_BPS} for edges in (fast, plain)]
        assert pays[0] == pays[1], f"view {number}: {pays}"


def _pairs_changed(before: MarketView, after: MarketView) -> list[Pair]:
    venues = {venue for venue in VENUES if before.books[venue] is not after.books[venue]}
    return [pair for pair in Pair if venues & {pair.buy_venue, pair.sell_venue}]
