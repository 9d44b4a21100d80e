"""Building the position and taking it down, in slices: spot and perpetual together, inside price and cost caps."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, FeeSchedule, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.order import Side
from dnbot.domain.pair import Declined, Pair
from dnbot.domain.units import ZERO, Price, Quantity, ceil_to, divide
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.ladder import Ladder, ladder_of
from dnbot.strategy.limits import Limit, Sized, affordable, repairable, size
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.reference import Doubt, crossed, different_coin, off_reference

OPENING = {Venue.GATE_SPOT: Pair.OPEN_GATE, Venue.MEXC_SPOT: Pair.OPEN_MEXC}
CLOSING = {Venue.GATE_SPOT: Pair.CLOSE_GATE, Venue.MEXC_SPOT: Pair.CLOSE_MEXC}


class EstablishPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One slice: a spot order, and the opposite perpetual order that keeps delta where it is to within one lot."""

    spot_venue: Venue
    spot_side: Side
    spot_quantity: Quantity
    """Grossed up where a buy pays its fee in base."""
    spot_price: Price
    perp_quantity: Quantity
    perp_price: Price


class _Slice(msgspec.Struct, frozen=True, kw_only=True):
    """What one step should move, before the market has its say."""

    wanted: Decimal
    cost_bps_max: Decimal
    inventory: Inventory
    market: MarketView
    fees: dict[Venue, FeeSchedule]
    params: StrategyParameters
    judged: bool
    """Whether the prices must also agree with each other and with the reference."""


def establish_step(
    inventory: Inventory, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters
) -> EstablishPlan | Declined | None:
    """The next slice towards [`base_position_size`, x `max_position_multiplier`], on the venue that is further from its
    share; the other one when that cannot trade. The age of the books is the caller's to judge; delta is hedged before.

    Returns:
        None when the inventory is inside its band to within one perpetual lot or the smallest order a venue accepts.
    """
    perp = market.instruments.get(Venue.GATE_FUTURES)
    if perp is None:
        return _declined("STALE", "the perpetual's contract size is not known")
    short_of = params.base_position_size - inventory.held_base
    beyond = inventory.held_base - params.base_position_size * params.max_position_multiplier
    amount, pairs = (short_of, OPENING) if short_of > 0 else (beyond, CLOSING)
    if amount <= perp.lot_size:
        return None
    wanted = _Slice(
        wanted=amount, cost_bps_max=params.establish_cost_bps_max, inventory=inventory, market=market, fees=fees,
        params=params, judged=True,
    )
    sign = 1 if pairs is OPENING else -1
    share = {Venue.GATE_SPOT: params.inventory_ratio, Venue.MEXC_SPOT: 1 - params.inventory_ratio}
    level = inventory.held_base + sign * amount
    room = {venue: sign * (share[venue] * level - inventory.base_on(venue)) for venue in SPOT_VENUES}
    return _first(wanted, pairs, room)


def flatten_step(
    inventory: Inventory, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters
) -> EstablishPlan | Declined | None:
    """The next slice towards nothing: sell spot where most is, buy the short back, each inside its price collar.

    Returns:
        None when neither venue holds enough for an order, or no short is left to buy back.
    """
    return _less(min(inventory.total_base, -inventory.perp_base), inventory, market, fees, params)


def shrink_step(
    inventory: Inventory, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters
) -> EstablishPlan | Declined | None:
    """One slice less of both legs, at the prices of `flatten_step`: a short that comes near liquidation costs more."""
    most = min(inventory.total_base, -inventory.perp_base, params.slice_base)
    return _less(most, inventory, market, fees, params)


def _less(
    most: Decimal, inventory: Inventory, market: MarketView, fees: dict[Venue, FeeSchedule], params: StrategyParameters
) -> EstablishPlan | Declined | None:
    wanted = _Slice(
        wanted=most, cost_bps_max=2 * params.price_collar_bps,
        inventory=inventory, market=market, fees=fees, params=params, judged=False,
    )
    if wanted.wanted <= 0:
        return None
    return _first(wanted, CLOSING, {venue: inventory.base_on(venue) for venue in SPOT_VENUES})


def _first(wanted: _Slice, pairs: dict[Venue, Pair], room: dict[Venue, Decimal]) -> EstablishPlan | Declined | None:
    """The plan of the venue with the most room, else that of the other, else why the first one has none.

    One that takes no sale comes last on the way out: what the other holds must not wait for it.
    """
    def order(venue: Venue) -> tuple[bool, Decimal]:
        instrument = wanted.market.instruments.get(venue)
        return pairs is OPENING or instrument is None or instrument.accepts(closes=True), room[venue]

    declined: Declined | None = None
    for venue in sorted(SPOT_VENUES, key=order, reverse=True):
        found = _on(wanted, pairs[venue], venue, room[venue])
        if isinstance(found, EstablishPlan):
            return found
        declined = declined or found
    return declined


def _on(wanted: _Slice, pair: Pair, venue: Venue, room: Decimal) -> EstablishPlan | Declined | None:
    ladder = ladder_of(pair, wanted.market, wanted.fees, wanted.params)
    if ladder is None:
        return _declined("STALE", f"{pair.name}: no book, instrument or fee of one of its venues")
    doubt = _doubt(wanted, pair) or _out_of_reach(ladder)
    if doubt is not None:
        return _declined(doubt[0], f"{pair.name}: {doubt[1]}")
    least = smallest(ladder)
    total = min(wanted.wanted, wanted.inventory.base_on(venue)) if pair is CLOSING[venue] else wanted.wanted
    if total < least:
        return None
    most = min(wanted.params.slice_base, total)
    most = max(least, min(most, room)) if room > 0 else most
    sized = _sized(wanted, ladder, most)
    if not isinstance(sized, Sized):
        return _declined(sized[0], f"{pair.name}: {sized[1]}")
    return _plan(pair, venue, sized)


def _doubt(wanted: _Slice, pair: Pair) -> Doubt | None:
    market = wanted.market
    books = (market.books[pair.buy_venue], market.books[pair.sell_venue])
    doubt = crossed(books)
    if doubt is not None or not wanted.judged:
        return doubt
    return different_coin(market.books, wanted.params) or off_reference(
        books, market, wanted.params, market.mark_received_s
    )


def _out_of_reach(ladder: Ladder) -> Doubt | None:
    if ladder.asks and ladder.bids:
        return None
    return "COLLAR", f"no ask up to {ladder.buy_bound}, or no bid down to {ladder.sell_bound}"


def smallest(ladder: Ladder) -> Decimal:
    """The least that both venues accept at the prices in reach, base units net."""
    ask, bid = ladder.asks[0][0], ladder.bids[-1][0]
    needs = (
        ladder.step,
        ladder.buy.min_quantity + ladder.buy.lot_size,
        ladder.sell.min_quantity,
        divide(ladder.buy.min_notional, ask) + ladder.buy.lot_size,
        divide(ladder.sell.min_notional, bid),
    )
    return ceil_to(max(needs), ladder.step)


def _sized(wanted: _Slice, ladder: Ladder, most: Decimal) -> Sized | Doubt:
    market, inventory, params = wanted.market, wanted.inventory, wanted.params
    mark = market.mark.mark if market.mark is not None else ladder.mid
    limits: list[Limit] = [("SLICE", most), repairable(inventory)]
    if ladder.pair.sell_venue.is_spot:
        limits.append(("INVENTORY", -inventory.perp_base))

    def priced(buy_cap: Price, sell_cap: Price) -> tuple[Limit, ...]:
        return affordable(ladder, inventory, params, mark, buy_cap, sell_cap)

    found = size(ladder, tuple(limits), lambda _: -wanted.cost_bps_max, ZERO, priced)
    if isinstance(found, Sized) or found[0] != "DEPTH":
        return found
    return "COST", f"no quantity costs less than {wanted.cost_bps_max} bps, fees included, or the depth is too small"


def _plan(pair: Pair, venue: Venue, sized: Sized) -> EstablishPlan:
    if pair is OPENING[venue]:
        return EstablishPlan(
            spot_venue=venue, spot_side=Side.BUY, spot_quantity=sized.buy_quantity, spot_price=sized.buy_cap,
            perp_quantity=Quantity(sized.quantity), perp_price=sized.sell_cap,
        )
    return EstablishPlan(
        spot_venue=venue, spot_side=Side.SELL, spot_quantity=Quantity(sized.quantity), spot_price=sized.sell_cap,
        perp_quantity=sized.buy_quantity, perp_price=sized.buy_cap,
    )


def _declined(reason: str, text: str) -> Declined:
    return Declined(pair_name="", reason=reason, text=text, edge_bps=0.0)
