"""Maker first: where a leg on MEXC may wait, and whether it still may. Pure; nothing here sends anything.

A pair pays at a resting price when it would be traded with that price in the book: MEXC's opposite side is replaced by
our price, its taker fee by the maker fee of its schedule, and the rules of every other pair decide. There is no second
reckoning of edges, limits and requirements.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import BookView, MarketView
from dnbot.domain.order import Purpose, Side
from dnbot.domain.pair import Opportunity, Pair, PairEdge
from dnbot.domain.resting import MAKER
from dnbot.domain.units import TWO, ZERO, Price, divide
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.rest_words import RestPlan
from dnbot.strategy.sizing import find_opportunity
from dnbot.strategy.spread import edge_of

ENOUGH = Decimal(10) ** 12
"""Base units that are shown at our own price: what waits there is not taken from anybody's depth."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision stands on."""

    market: MarketView
    fees: dict[Venue, FeeSchedule]
    inventory: Inventory
    params: StrategyParameters
    edges: dict[Pair, PairEdge]
    opportunity_id: str
    now_s: float
    now_ns: int
    carry_age_bps: Decimal = ZERO


def side_on_mexc(pair: Pair) -> Side:
    """What the leg that waits does."""
    return Side.BUY if pair.buy_venue is MAKER else Side.SELL


def with_maker_fee(fees: dict[Venue, FeeSchedule]) -> dict[Venue, FeeSchedule]:
    """The schedules with MEXC's maker rate in the place of its taker rate; without MEXC's they are as they were."""
    mexc = fees.get(MAKER)
    return fees if mexc is None else {**fees, MAKER: msgspec.structs.replace(mexc, taker=mexc.maker)}


def resting_prices(side: Side, book: BookView, tick: Decimal, ticks_inside: int) -> Iterator[Price]:
    """Where an order of `side` may wait, the best place in the queue first: `ticks_inside` better than the best price
    of its side, and at that price. None reaches the other side of the book.
    """
    own, other = (book.bids, book.asks) if side is Side.BUY else (book.asks, book.bids)
    best, room = own[0][0], abs(other[0][0] - own[0][0]) - tick
    inside = min(ticks_inside * tick, max(ZERO, room // tick * tick))
    if inside > 0:
        yield Price(best + side.sign * inside)
    if room >= 0:
        yield Price(best)


def with_our_price(side: Side, price: Decimal, book: BookView, tick: Decimal) -> BookView:
    """The book as whoever would trade with our waiting order made it: our price is what the pair takes."""
    ours, beside = ((price, ENOUGH),), ((price - side.sign * tick, ENOUGH),)
    bids, asks = (beside, ours) if side is Side.BUY else (ours, beside)
    return msgspec.structs.replace(book, bids=bids, asks=asks)


def market_at(pair: Pair, price: Decimal, market: MarketView) -> MarketView:
    """The market with our price in MEXC's book; both must be there."""
    book, tick = market.books[MAKER], market.instruments[MAKER].tick_size
    seen = with_our_price(side_on_mexc(pair), price, book, tick)
    return msgspec.structs.replace(market, books={**market.books, MAKER: seen})


def find_rest(pair: Pair, look: Look, *, ticks_inside: int, rest_ms: int) -> RestPlan | None:
    """Where `pair` may wait now; None where it pays at no price that is inside the book, or something is not known.

    Args:
        ticks_inside: steps of the price that it is better than the best one of its side.
    """
    market, book, instrument = look.market, look.market.books.get(MAKER), look.market.instruments.get(MAKER)
    if book is None or instrument is None or book.bids[0][0] >= book.asks[0][0]:
        return None
    fees = with_maker_fee(look.fees)
    for price in resting_prices(side_on_mexc(pair), book, instrument.tick_size, ticks_inside):
        seen = market_at(pair, price, market)
        if FirstLook.at(seen, fees, look.params).hopeless(pair, look.edges.get(pair.reverse)):
            continue
        found = find_opportunity(
            pair, seen, fees, halved(look.inventory), capped(look.params), look.edges.get(pair),
            look.edges.get(pair.reverse), opportunity_id=look.opportunity_id, now_s=look.now_s, now_ns=look.now_ns,
            carry_age_bps=look.carry_age_bps,
        )
        if isinstance(found, Opportunity):
            return RestPlan(opportunity=found, price=price, rest_ms=rest_ms)
    return None


def halved(inventory: Inventory) -> Inventory:
    """With half of the hedge budget: answers come out of it, and so do repairs of what is not answered."""
    return msgspec.structs.replace(inventory, hedge_room_base=divide(inventory.hedge_room_base, TWO))


def capped(params: StrategyParameters) -> StrategyParameters:
    """With the cap of orders that rest as the cap of all."""
    most = params.maker_order_max_quote
    if most >= params.max_order_notional_quote:
        return params
    return msgspec.structs.replace(params, max_order_notional_quote=most)


def still_pays(
    plan: RestPlan, quantity: Decimal, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters
) -> bool:
    """Whether `quantity` base units net at the plan's price still earn what the plan required, its slippage reserve
    aside, when the other leg is taken now; False when a book, a fee or the depth is missing.
    """
    if MAKER not in market.books or MAKER not in market.instruments:
        return False
    seen = market_at(plan.pair, plan.price, market)
    edge = edge_of(plan.pair, quantity, seen.books, with_maker_fee(fees))
    reserve = params.slippage_reserve_bps if plan.opportunity.purpose is Purpose.ENTRY else ZERO
    return edge is not None and edge.edge_bps >= plan.opportunity.required_bps - reserve
