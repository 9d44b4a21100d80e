"""Edges of the six directed pairs: exact for a decision, as floats with their history for ranking and showing.

    sell_net = vwap_sell(q) (1 - fee_sell)      buy_net = vwap_buy(q) (1 + fee_buy), or vwap / (1 - fee) in base
    edge_bps = (sell_net - buy_net) / mid * 10 000, mid = mean of the two legs' mids; the edge is net of both fees
"""

from __future__ import annotations

from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.book import Level, Walk, walk
from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.pair import Pair, PairEdge
from dnbot.domain.units import TWO, bps, divide
from dnbot.strategy.statistics import RollingStatistics


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One pair at one quantity, exactly: what `quantity` base units net would bring and cost."""

    pair_name: str
    quantity: Decimal
    """Base units that move: received on the buy leg after its fee, sold on the other."""
    edge_bps: Decimal
    """Net of both fees."""
    buy: Walk
    """Its quantity is grossed up when the fee is taken in base."""
    sell: Walk
    buy_net: Decimal
    """Quote units paid per base unit received, fee included."""
    sell_net: Decimal
    """Quote units received per base unit sold, fee deducted."""
    mid: Decimal

    @property
    def gross_bps(self) -> Decimal:
        """Between the two volume-weighted prices, before fees."""
        return bps(self.sell.vwap - self.buy.vwap, self.mid)


def mid_of(pair: Pair, books: dict[Venue, BookView]) -> Decimal:
    """Mean of the two legs' mids; both books must be there."""
    return divide(books[pair.buy_venue].mid + books[pair.sell_venue].mid, TWO)


def edge_of(
    pair: Pair, quantity: Decimal, books: dict[Venue, BookView], fees: dict[Venue, FeeSchedule]
) -> Edge | None:
    """The pair's edge for `quantity` base units net; None when a book, a fee or the depth is missing."""
    buy_book, sell_book = books.get(pair.buy_venue), books.get(pair.sell_venue)
    buy_fee, sell_fee = fees.get(pair.buy_venue), fees.get(pair.sell_venue)
    if buy_book is None or sell_book is None or buy_fee is None or sell_fee is None:
        return None
    buy = walk(buy_book.asks, quantity * buy_fee.gross_up)
    sell = walk(sell_book.bids, quantity)
    if buy is None or sell is None:
        return None
    buy_net, sell_net, mid = buy.vwap * buy_fee.buy_factor, sell.vwap * sell_fee.sell_factor, mid_of(pair, books)
    return Edge(
        pair_name=pair.name, quantity=quantity, edge_bps=bps(sell_net - buy_net, mid), buy=buy, sell=sell,
        buy_net=buy_net, sell_net=sell_net, mid=mid,
    )


@attrs.define
class SpreadAnalyzer:
    """Keeps the history of the six pairs at the probe quantity; the only owner of their statistics.

    Floats throughout: it ranks and shows. What becomes an order is computed by `edge_of` and `find_opportunity`.
    A venue's book is walked once, when it changes; a pair is computed anew when one of its two books changed.
    """

    probe_quantity: Decimal
    window_s: float = 3600.0
    step_s: float = 1.0
    samples_min: int = 30
    _walked: dict[Venue, _Walked] = attrs.field(factory=dict)
    _followed: list[_Followed] = attrs.field(init=False)
    """In the order of `Pair`."""

    def __attrs_post_init__(self) -> None:
        self._followed = [
            _Followed(
                pair.name, VENUES.index(pair.buy_venue), VENUES.index(pair.sell_venue),
                RollingStatistics(window_s=self.window_s, step_s=self.step_s, samples_min=self.samples_min),
            )
            for pair in Pair
        ]

    def observe(
        self, market: MarketView, fees: dict[Venue, FeeSchedule], now_s: float
    ) -> tuple[PairEdge, ...]:
        """Fold one view of the market; the pairs whose books, fees and depth are known, in the order of `Pair`."""
        legs = [self._walk(venue, market.books.get(venue), fees.get(venue)) for venue in VENUES]
        edges: list[PairEdge] = []
        for pair in self._followed:
            buy, sell = legs[pair.buy_at], legs[pair.sell_at]
            if buy is None or sell is None or buy.cost is None or sell.proceeds is None:
                continue
            edge = pair.edge
            if edge is None or pair.buy is not buy or pair.sell is not sell:
                edge = pair.fold(buy, sell, buy.cost, sell.proceeds, now_s)
            edges.append(edge)
        return tuple(edges)

    def statistics(self, pair: Pair) -> RollingStatistics:
        """The history of one pair."""
        return next(followed.history for followed in self._followed if followed.name == pair.name)

    def _walk(self, venue: Venue, book: BookView | None, fee: FeeSchedule | None) -> _Walked | None:
        if book is None or fee is None:
            return None
        known = self._walked.get(venue)
        if known is None or known.book is not book or known.fee is not fee:
            known = self._walked[venue] = _Walked.of(book, fee, self.probe_quantity)
        return known


@attrs.define
class _Followed:
    """One pair: where its two books are in `VENUES`, its history, and its newest edge with what that was made from."""

    name: str
    buy_at: int
    sell_at: int
    history: RollingStatistics
    buy: _Walked | None = None
    sell: _Walked | None = None
    edge: PairEdge | None = None

    def fold(self, buy: _Walked, sell: _Walked, cost: float, proceeds: float, now_s: float) -> PairEdge:
        """One of its books changed."""
        mid = (buy.mid + sell.mid) / 2
        edge_bps = (proceeds - cost) / mid * 10_000
        past = self.history.observe(edge_bps, now_s)
        self.buy, self.sell = buy, sell
        self.edge = PairEdge(
            pair_name=self.name, edge_bps=edge_bps, gross_bps=(sell.sell_vwap - buy.buy_vwap) / mid * 10_000,
            mean_bps=past.mean, sd_bps=past.sd, z_score=past.z_score(edge_bps), half_life_s=past.half_life_s,
            samples=past.samples,
        )
        return self.edge


class _Walked(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One venue's prices for the probe quantity, as floats: the one place where edges leave Decimal."""

    book: BookView
    fee: FeeSchedule
    mid: float
    buy_vwap: float
    sell_vwap: float
    cost: float | None
    """Per base unit received, fee included; None when the asks are not deep enough."""
    proceeds: float | None
    """Per base unit sold, fee deducted; None when the bids are not deep enough."""

    @classmethod
    def of(cls, book: BookView, fee: FeeSchedule, quantity: Decimal) -> _Walked:
        """Walk both sides of one book."""
        rate = float(fee.taker)
        arriving = float(quantity)
        ordered = arriving / (1 - rate) if fee.buy_fee_in_base else arriving
        buy, sell = _float_vwap(book.asks, ordered), _float_vwap(book.bids, arriving)
        paid = 1 / (1 - rate) if fee.buy_fee_in_base else 1 + rate
        return cls(
            book=book,
            fee=fee,
            mid=(float(book.bids[0][0]) + float(book.asks[0][0])) / 2,
            buy_vwap=buy or 0.0,
            sell_vwap=sell or 0.0,
            cost=buy * paid if buy is not None else None,
            proceeds=sell * (1 - rate) if sell is not None else None,
        )


def _float_vwap(levels: tuple[Level, ...], quantity: float) -> float | None:
    left, value, enough = quantity, 0.0, quantity * 1e-12  # `enough`: rounding of the subtractions, not depth
    for price, available in levels:
        taken = float(available)
        if taken >= left - enough:
            return (value + left * float(price)) / quantity
        value += taken * float(price)
        left -= taken
    return None
