"""Edges of the six directed pairs: exact for a decision, as floats with their history for ranking and showing.

    sell_net = vwap_sell(q) (1 - fee_sell)      buy_net = vwap_buy(q) (1 + fee_buy), or vwap / (1 - fee) in base
    edge_bps = (sell_net - buy_net) / mid * 10 000, mid = mean of the two legs' mids; the edge is net of both fees
"""

from __future__ import annotations

from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.book import Level, Walk, walk
from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.order import Side
from dnbot.domain.pair import Pair, PairEdge
from dnbot.domain.units import bps, divide
from dnbot.strategy.statistics import RollingStatistics

ONE = Decimal(1)
HALF_LIFE_EVERY_S = 5.0
"""A half-life is fitted anew at most this often: it moves slowly, and the fit reads the whole window."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One pair at one quantity, exactly: what `quantity` base units net would bring and cost."""

    pair_name: str
    quantity: Decimal
    """Base units that move: received on the buy leg after its fee, sold on the other."""
    edge_bps: Decimal
    """Net of both fees."""
    gross_bps: Decimal
    """Between the two volume-weighted prices, before fees."""
    buy: Walk
    """Its quantity is grossed up when the fee is taken in base."""
    sell: Walk
    buy_net: Decimal
    """Quote units paid per base unit received, fee included."""
    sell_net: Decimal
    """Quote units received per base unit sold, fee deducted."""
    mid: Decimal


def gross_up(fee: FeeSchedule) -> Decimal:
    """Base units to buy for each that should arrive: `1 / (1 - fee)` when the fee is taken in base, else 1."""
    return divide(ONE, ONE - fee.taker) if fee.buy_fee_in_base else ONE


def buy_factor(fee: FeeSchedule) -> Decimal:
    """What a base unit received costs, as a multiple of the price paid."""
    return gross_up(fee) if fee.buy_fee_in_base else ONE + fee.taker


def sell_factor(fee: FeeSchedule) -> Decimal:
    """What a base unit sold brings, as a multiple of its price."""
    return ONE - fee.taker


def mid_of(pair: Pair, books: dict[Venue, BookView]) -> Decimal:
    """Mean of the two legs' mids; both books must be there."""
    return divide(books[pair.buy_venue].mid + books[pair.sell_venue].mid, Decimal(2))


def edge_of(
    pair: Pair, quantity: Decimal, books: dict[Venue, BookView], fees: dict[Venue, FeeSchedule]
) -> Edge | None:
    """The pair's edge for `quantity` base units net; None when a book, a fee or the depth is missing."""
    buy_book, sell_book = books.get(pair.buy_venue), books.get(pair.sell_venue)
    buy_fee, sell_fee = fees.get(pair.buy_venue), fees.get(pair.sell_venue)
    if buy_book is None or sell_book is None or buy_fee is None or sell_fee is None:
        return None
    buy = walk(buy_book.asks, quantity * gross_up(buy_fee))
    sell = walk(sell_book.bids, quantity)
    if buy is None or sell is None:
        return None
    buy_net = buy.vwap * buy_factor(buy_fee)
    sell_net = sell.vwap * sell_factor(sell_fee)
    mid = mid_of(pair, books)
    return Edge(
        pair_name=pair.name, quantity=quantity, edge_bps=bps(sell_net - buy_net, mid),
        gross_bps=bps(sell.vwap - buy.vwap, mid), buy=buy, sell=sell, buy_net=buy_net, sell_net=sell_net, mid=mid,
    )


@attrs.define
class SpreadAnalyzer:
    """Keeps the history of the six pairs at the probe quantity; the only owner of their statistics.

    Floats throughout: it ranks and shows. What becomes an order is computed by `edge_of` and `find_opportunity`.
    """

    probe_quantity: Decimal
    window_s: float = 3600.0
    step_s: float = 1.0
    samples_min: int = 30
    _statistics: dict[Pair, RollingStatistics] = attrs.field(factory=dict)
    _half_lives: dict[Pair, tuple[float, float | None]] = attrs.field(factory=dict)
    """Pair -> (when fitted, half-life)."""

    def observe(
        self, market: MarketView, fees: dict[Venue, FeeSchedule], now_s: float
    ) -> tuple[PairEdge, ...]:
        """Fold one view of the market; the pairs whose books, fees and depth are known, in the order of `Pair`."""
        legs = {venue: _Legs.of(book, fees[venue], self.probe_quantity)
                for venue, book in market.books.items() if venue in fees}
        edges: list[PairEdge] = []
        for pair in Pair:
            buy, sell = legs.get(pair.buy_venue), legs.get(pair.sell_venue)
            if buy is None or sell is None or buy.buy_vwap is None or sell.sell_vwap is None:
                continue
            mid = (buy.mid + sell.mid) / 2
            edge_bps = (sell.sell_vwap * sell.sell_factor - buy.buy_vwap * buy.buy_factor) / mid * 10_000
            gross_bps = (sell.sell_vwap - buy.buy_vwap) / mid * 10_000
            edges.append(self._fold(pair, edge_bps, gross_bps, now_s))
        return tuple(edges)

    def statistics(self, pair: Pair) -> RollingStatistics:
        """The history of one pair."""
        known = self._statistics.get(pair)
        if known is None:
            known = RollingStatistics(window_s=self.window_s, step_s=self.step_s, samples_min=self.samples_min)
            self._statistics[pair] = known
        return known

    def _fold(self, pair: Pair, edge_bps: float, gross_bps: float, now_s: float) -> PairEdge:
        history = self.statistics(pair)
        history.observe(edge_bps, now_s)
        return PairEdge(
            pair_name=pair.name, edge_bps=edge_bps, gross_bps=gross_bps, mean_bps=history.mean, sd_bps=history.sd,
            z_score=history.z_score, half_life_s=self._half_life(pair, history, now_s), samples=history.samples,
        )

    def _half_life(self, pair: Pair, history: RollingStatistics, now_s: float) -> float | None:
        fitted_s, half_life_s = self._half_lives.get(pair, (-HALF_LIFE_EVERY_S, None))
        if now_s - fitted_s >= HALF_LIFE_EVERY_S:
            half_life_s = history.half_life_s()
            self._half_lives[pair] = (now_s, half_life_s)
        return half_life_s


@attrs.frozen
class _Legs:
    """One venue's prices for the probe quantity, as floats: the one place where edges leave Decimal."""

    mid: float
    buy_vwap: float | None
    sell_vwap: float | None
    buy_factor: float
    sell_factor: float

    @classmethod
    def of(cls, book: BookView, fee: FeeSchedule, quantity: Decimal) -> _Legs:
        """Walk both sides of one book."""
        return cls(
            mid=float(book.mid),
            buy_vwap=_float_vwap(book.side_for(Side.BUY), float(quantity * gross_up(fee))),
            sell_vwap=_float_vwap(book.side_for(Side.SELL), float(quantity)),
            buy_factor=float(buy_factor(fee)),
            sell_factor=float(sell_factor(fee)),
        )


def _float_vwap(levels: tuple[Level, ...], quantity: float) -> float | None:
    left, value = quantity, 0.0
    for price, available in levels:
        taken = min(left, float(available))
        value += taken * float(price)
        left -= taken
        if left <= quantity * 1e-12:  # rounding of the subtractions, not depth
            return value / (quantity - left)
    return None
