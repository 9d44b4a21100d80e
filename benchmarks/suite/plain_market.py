"""Three books in the plainest way: dicts that are sorted when looked at, and what an edge between two of them is.

Nothing here calls what the bot decides with; its words (instruments, fees, parameters) are all that is shared.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from dnbot.domain.instrument import FeeSchedule, Instrument, Venue
from dnbot.domain.market import FundingRate
from dnbot.domain.pair import Pair
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.parameters import StrategyParameters

BPS = Decimal(10_000)
VISIBLE = 25
"""Levels a side that leave a feed."""
MILLIONTH = Decimal("0.000001")
"""What of the past enters a decision."""

Levels = list[tuple[Decimal, Decimal]]


@attrs.define
class PlainBook:
    """One venue's book: a dict a side."""

    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]
    changed_s: float

    def apply(self, bids: Levels, asks: Levels, now_s: float) -> None:
        """Absolute quantities per price; zero removes."""
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in changes:
                side.pop(price, None)
                if quantity > 0:
                    side[price] = quantity
        self.changed_s = now_s

    def best_bids(self) -> Levels:
        """What can be sold to, best first."""
        return sorted(self.bids.items(), reverse=True)[:VISIBLE]

    def best_asks(self) -> Levels:
        """What can be bought, best first."""
        return sorted(self.asks.items())[:VISIBLE]

    @property
    def mid(self) -> Decimal:
        """Between the best prices."""
        return (max(self.bids) + min(self.asks)) / 2


@attrs.frozen
class Ground:
    """Everything that a decision looks at besides the books and their past."""

    books: dict[Venue, PlainBook]
    instruments: dict[Venue, Instrument]
    fees: dict[Venue, FeeSchedule]
    params: StrategyParameters
    inventory: Inventory
    mark: Decimal
    index: Decimal
    marked_s: float
    funding: FundingRate | None
    carry_age_bps: Decimal
    now_s: float
    now_ns: int


@attrs.define
class Past:
    """One pair's edges, a sample a second: the last one before each full second."""

    samples: list[Decimal] = attrs.field(factory=list)
    newest: Decimal | None = None
    newest_s: float = 0.0

    def add(self, edge: Decimal, now_s: float) -> None:
        """A silence of more than ten seconds is a gap that nothing is known of."""
        if self.newest is not None and now_s - self.newest_s <= 10:
            self.samples += [self.newest] * (int(now_s) - int(self.newest_s))
        self.newest, self.newest_s = edge, now_s

    @property
    def mean(self) -> Decimal:
        """To the millionth that enters a decision."""
        assert self.newest is not None
        whole = sum(self.samples) / Decimal(len(self.samples)) if self.samples else self.newest
        return whole.quantize(MILLIONTH, ROUND_HALF_EVEN)


def edge_bps(pair: Pair, quantity: Decimal, ground: Ground) -> Decimal | None:
    """Net of both fees, over the mean of the two mids; None when the depth is missing."""
    buy_fee, sell_fee = ground.fees[pair.buy_venue], ground.fees[pair.sell_venue]
    buy_book, sell_book = ground.books[pair.buy_venue], ground.books[pair.sell_venue]
    ordered = quantity / (1 - buy_fee.taker) if buy_fee.buy_fee_in_base else quantity
    bought, sold = _value(buy_book.best_asks(), ordered), _value(sell_book.best_bids(), quantity)
    if bought is None or sold is None:
        return None
    cost = bought / ordered / (1 - buy_fee.taker) if buy_fee.buy_fee_in_base else bought / ordered * (1 + buy_fee.taker)
    return (sold / quantity * (1 - sell_fee.taker) - cost) / mid_of(pair, ground) * BPS


def mid_of(pair: Pair, ground: Ground) -> Decimal:
    """Between the mids of the two venues."""
    return (ground.books[pair.buy_venue].mid + ground.books[pair.sell_venue].mid) / 2


def _value(levels: Levels, quantity: Decimal) -> Decimal | None:
    left, value = quantity, Decimal(0)
    for price, available in levels:
        value += min(left, available) * price
        left -= min(left, available)
    return None if left > 0 else value
