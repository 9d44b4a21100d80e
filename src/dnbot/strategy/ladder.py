"""One pair's two ladders of prices as a size is searched on them: marginal edges, price caps, depth.

The marginal edge at `q` is what the last unit of `q` earns: both walks' worst prices, net of fees. It never rises with
`q`, and it never exceeds the edge of the whole, so a requirement that holds at the margin holds for the trade.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate

import msgspec

from dnbot.domain.book import Level, depth_within, levels_within
from dnbot.domain.instrument import FeeSchedule, Instrument, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.order import OrderIntent, Side, TimeInForce
from dnbot.domain.pair import Pair
from dnbot.domain.units import ZERO, Price, Quantity, bps, common_step, divide, floor_to, of_bps
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import worst_price
from dnbot.strategy.spread import mid_of

HALF = Decimal("0.5")


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """What is visible of a pair inside its price bounds, with both venues' rules and fees."""

    pair: Pair
    buy: Instrument
    sell: Instrument
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    """Levels of the buy and of the sell venue that lie inside `buy_bound` and `sell_bound`."""
    buy_bound: Decimal
    sell_bound: Decimal
    buy_fee: FeeSchedule
    sell_fee: FeeSchedule
    mid: Decimal
    step: Decimal
    """The smallest step that lies on both venues' grids, base units."""
    asks_until: tuple[Decimal, ...]
    bids_until: tuple[Decimal, ...]
    """Base units from the best level to each one: a size is tried many times, and found here by bisection."""
    gross: Decimal
    pays: Decimal
    gets: Decimal
    """`gross_up` and `buy_factor` of the buy venue's fee, `sell_factor` of the other's."""

    def buy_quantity(self, quantity: Decimal) -> Quantity:
        """The buy order that delivers `quantity` after its fee, to the nearest lot."""
        return Quantity(nearest(quantity * self.gross, self.buy.lot_size))

    def order_room(self, buy_quantity: Decimal) -> Decimal:
        """Base units net that a buy order of at most `buy_quantity` can deliver, rounding to the lot included."""
        if self.gross == 1:
            return buy_quantity
        return divide(max(ZERO, buy_quantity - self.buy.lot_size * HALF), self.gross)

    def worst(self, quantity: Decimal) -> tuple[Decimal, Decimal] | None:
        """The prices (ask, bid) of the last unit of `quantity`; None beyond the depth inside the bounds."""
        bought, sold = bisect_left(self.asks_until, quantity * self.gross), bisect_left(self.bids_until, quantity)
        if bought == len(self.asks) or sold == len(self.bids):
            return None
        return self.asks[bought][0], self.bids[sold][0]

    def earned_bps(self, ask: Decimal, bid: Decimal) -> Decimal:
        """What a unit bought at `ask` and sold at `bid` earns, net of fees."""
        return bps(bid * self.gets - ask * self.pays, self.mid)

    def caps(self, ask: Decimal, bid: Decimal, required_bps: Decimal) -> tuple[Price, Price]:
        """Limit prices of both orders: what a unit at (ask, bid) earns beyond `required_bps` may be given up, half on
        each leg; on the tick grid and inside the bounds.

        If both legs trade at their caps, the edge is still `required_bps`.
        """
        given = of_bps(self.mid, max(ZERO, self.earned_bps(ask, bid) - required_bps)) * HALF
        buy = min(ask + divide(given, self.pays), self.buy_bound)
        sell = max(bid - divide(given, self.gets), self.sell_bound)
        return self.buy.price_down(buy), self.sell.price_up(sell)

    def depths(self, buy_cap: Decimal, sell_cap: Decimal) -> tuple[Decimal, Decimal]:
        """Base units that each side shows inside its cap: (asks of the buy venue, bids of the sell venue)."""
        return depth_within(self.asks, Side.BUY, buy_cap), depth_within(self.bids, Side.SELL, sell_cap)


def ladder_of(
    pair: Pair, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters
) -> Ladder | None:
    """The pair's ladder now; None when a book, an instrument or a fee is missing."""
    venues = (pair.buy_venue, pair.sell_venue)
    if any(v not in market.books or v not in market.instruments or v not in fees for v in venues):
        return None
    buy_book, sell_book = market.books[pair.buy_venue], market.books[pair.sell_venue]
    buy, sell = market.instruments[pair.buy_venue], market.instruments[pair.sell_venue]
    buy_bound = worst_price(Side.BUY, buy_book, buy, market.mark, params)
    sell_bound = worst_price(Side.SELL, sell_book, sell, market.mark, params)
    asks = levels_within(buy_book.asks, Side.BUY, buy_bound)
    bids = levels_within(sell_book.bids, Side.SELL, sell_bound)
    buy_fee, sell_fee = fees[pair.buy_venue], fees[pair.sell_venue]
    return Ladder(
        pair=pair, buy=buy, sell=sell, buy_bound=buy_bound, sell_bound=sell_bound, asks=asks, bids=bids,
        buy_fee=buy_fee, sell_fee=sell_fee, mid=mid_of(pair, market.books),
        step=common_step(buy.lot_size, sell.lot_size),
        asks_until=tuple(accumulate([size for _, size in asks])),
        bids_until=tuple(accumulate([size for _, size in bids])),
        gross=buy_fee.gross_up, pays=buy_fee.buy_factor, gets=sell_fee.sell_factor,
    )


def largest(step: Decimal, low: Decimal, high: Decimal, holds: Callable[[Decimal], bool]) -> Decimal:
    """The largest multiple of `step` in (low, high] for which `holds`, or the last multiple at or below `low`.

    `holds` must not become true again once it is false; `low` itself is taken to hold.
    """
    bottom, top = int(floor_to(low, step) / step), int(floor_to(high, step) / step)
    if bottom < top and holds(top * step):  # what binds is nearly always a limit, not the edge
        return top * step
    while bottom < top:
        middle = (bottom + top + 1) // 2
        if holds(middle * step):
            bottom = middle
        else:
            top = middle - 1
    return bottom * step


def moved(intent: OrderIntent, fee: FeeSchedule) -> Decimal:
    """What an order changes in base once filled, signed: a buy that pays its fee in base delivers less."""
    quantity = Decimal(intent.quantity)
    if intent.time_in_force is TimeInForce.POST_ONLY:
        fee = msgspec.structs.replace(fee, taker=fee.maker)
    return divide(quantity, fee.gross_up) if intent.side is Side.BUY else -quantity


def nearest(quantity: Decimal, lot: Decimal) -> Decimal:
    """The nearest multiple of `lot`; upwards when two are equally near."""
    return floor_to(quantity + lot * HALF, lot)
