"""What should be traded on three books, worked out in the plainest way: walked, and searched step by step.

It follows the rules as they are written down (edges, thresholds, sizing, caps) and calls none of the bot's decisions:
no first look, no floats, no bisection, nothing kept from one market to the next but each pair's past edges. Slow, and
meant to be obviously right.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.pair import Pair, PairKind
from suite.plain_market import BPS, Ground, Levels, Past, edge_bps, mid_of
from suite.plain_terms import Terms, inventory_price, terms_of

MARK_S_MAX = 60
BAND = Decimal("0.8")
"""How much of a venue's own price band is used."""

Verdict = tuple[str, ...]
"""(`taken`, purpose, buy quantity, sell quantity, buy cap, sell cap), or (`declined`, reason)."""


def decide(
    pair: Pair, ground: Ground, exit_past: Past | None, half_life_s: float | None
) -> Verdict | None:
    """What should be traded of this pair, or why what would pay is not; None when nothing would pay."""
    declined: Verdict | None = None
    for terms in terms_of(pair, ground, exit_past, half_life_s):
        verdict = _weigh(pair, ground, terms)
        if verdict is not None and verdict[0] == "taken":
            return verdict
        declined = declined or verdict
    return declined


def _weigh(pair: Pair, ground: Ground, terms: Terms) -> Verdict | None:
    step = _common_step(ground.instruments[pair.buy_venue].lot_size, ground.instruments[pair.sell_venue].lot_size)
    best = edge_bps(pair, step, ground)
    if best is None:
        return None
    price = inventory_price(pair, step, ground)
    if best < terms.required(min(step, terms.needs[-1][0]), price):
        own = ground.params.arbitrage_exit_threshold_bps + max(Decimal(0), price)
        return ("declined", "ROUND_TRIP") if terms.purpose == "exit" and best >= own else None
    doubt = _doubt(pair, ground, best)
    return ("declined", doubt) if doubt else _size(pair, ground, terms, step)


def _doubt(pair: Pair, ground: Ground, best: Decimal) -> str:
    """Why the prices are not believed; empty when they are."""
    params, books = ground.params, [ground.books[pair.buy_venue], ground.books[pair.sell_venue]]
    ages = [round((ground.now_s - book.changed_s) * 1000) for book in books]
    mids = [book.mid for book in ground.books.values()]
    if max(ages) > params.market_age_ms_max:
        return "STALE"
    if max(ages) - min(ages) > params.market_skew_ms_max:
        return "SKEW"
    if any(max(book.bids) >= min(book.asks) for book in books):
        return "CROSSED"
    if max(mids) > min(mids) * params.identity_price_ratio_max:
        return "IDENTITY"
    if best > params.edge_bps_max_credible:
        return "IMPLAUSIBLE"
    off = [abs(book.mid - price) / price * BPS for book in books for price in (ground.mark, ground.index)]
    return "COLLAR" if ground.now_s - ground.marked_s > MARK_S_MAX or max(off) > params.price_collar_bps else ""


def _size(pair: Pair, ground: Ground, terms: Terms, step: Decimal) -> Verdict:
    scale = _Scale(pair, ground)
    top_reason, top = _smallest([*_held(pair, ground), ("LOT", terms.needs[-1][0]), ("DEPTH", _sum(scale.bids))])

    def required(quantity: Decimal) -> Decimal:
        return terms.required(quantity, inventory_price(pair, quantity, ground))

    quantity, last = Decimal(0), None
    for steps in count(1):  # step by step: the last one whose own unit still earns what it must
        prices = scale.last_unit(steps * step) if steps * step <= top else None
        if prices is None or scale.earned(*prices) < required(steps * step):
            break
        quantity, last = steps * step, prices
    if last is None:
        return ("declined", top_reason if top < step else "DEPTH")
    buy_cap, sell_cap = scale.caps(*last, required(quantity) - terms.reserve)
    bound, most = _smallest(scale.affordable(buy_cap, sell_cap))
    if most < quantity:
        top_reason, top, quantity = bound, most, most // step * step
    ordered = scale.ordered(quantity)
    problem = _refused(scale.buy, ordered, buy_cap) or _refused(scale.sell, quantity, sell_cap)
    if problem:
        return ("declined", top_reason if quantity + step > top else problem)
    return ("taken", terms.purpose, *(f"{number.normalize():f}" for number in (ordered, quantity, buy_cap, sell_cap)))


def _held(pair: Pair, ground: Ground) -> list[tuple[str, Decimal]]:
    params, held = ground.params, ground.inventory
    total = held.spot_base[Venue.GATE_SPOT] + held.spot_base[Venue.MEXC_SPOT]
    limits = [("HEDGE_BUDGET", held.hedge_room_base)]
    if pair.sell_venue is not Venue.GATE_FUTURES:
        limits.append(("INVENTORY", held.spot_base[pair.sell_venue]))
    if pair.kind is PairKind.CARRY_OPEN:
        limits.append(("CAP", params.base_position_size * params.max_position_multiplier - total))
    if pair.kind is PairKind.CARRY_CLOSE:
        limits += [("INVENTORY", total - params.base_position_size), ("INVENTORY", -held.perp_base)]
    return limits


class _Scale:
    """Both sides of a pair inside the prices that an order may go to."""

    def __init__(self, pair: Pair, ground: Ground) -> None:
        self.pair, self.ground, self.params = pair, ground, ground.params
        self.buy, self.sell = ground.instruments[pair.buy_venue], ground.instruments[pair.sell_venue]
        self.buy_fee, self.sell_fee = ground.fees[pair.buy_venue], ground.fees[pair.sell_venue]
        self.in_base = self.buy_fee.buy_fee_in_base
        self.mid = mid_of(pair, ground)
        self.highest = _down(min(self._bounds(self.buy, pair.buy_venue, Decimal(1))), self.buy.tick_size)
        self.lowest = _up(max(*self._bounds(self.sell, pair.sell_venue, Decimal(-1)), Decimal(0)), self.sell.tick_size)
        self.asks = [level for level in ground.books[pair.buy_venue].best_asks() if level[0] <= self.highest]
        self.bids = [level for level in ground.books[pair.sell_venue].best_bids() if level[0] >= self.lowest]

    def _bounds(self, instrument: Instrument, venue: Venue, sign: Decimal) -> list[Decimal]:
        collar, mid = 1 + sign * self.params.price_collar_bps / BPS, self.ground.books[venue].mid
        bounds = [mid * collar, self.ground.mark * collar]
        if instrument.price_deviation_max is not None:
            anchor = self.ground.mark if venue is Venue.GATE_FUTURES else mid
            bounds.append(anchor * (1 + sign * BAND * instrument.price_deviation_max))
        return bounds

    def last_unit(self, quantity: Decimal) -> tuple[Decimal, Decimal] | None:
        """The prices that the last unit of a quantity pays and gets."""
        bought = quantity / (1 - self.buy_fee.taker) if self.in_base else quantity
        ask, bid = _worst(self.asks, bought), _worst(self.bids, quantity)
        return None if ask is None or bid is None else (ask, bid)

    def earned(self, ask: Decimal, bid: Decimal) -> Decimal:
        """By a unit bought and sold at these, bps."""
        return (bid * (1 - self.sell_fee.taker) - self.paid(ask)) / self.mid * BPS

    def paid(self, price: Decimal) -> Decimal:
        """For a unit that arrives."""
        return price / (1 - self.buy_fee.taker) if self.in_base else price * (1 + self.buy_fee.taker)

    def caps(self, ask: Decimal, bid: Decimal, required: Decimal) -> tuple[Decimal, Decimal]:
        """What the last unit earns beyond the requirement is given up, half on each leg."""
        each = max(Decimal(0), self.earned(ask, bid) - required) / BPS * self.mid / 2
        buy = min(ask + each / self.paid(Decimal(1)), self.highest)
        sell = max(bid - each / (1 - self.sell_fee.taker), self.lowest)
        return _down(buy, self.buy.tick_size), _up(sell, self.sell.tick_size)

    def ordered(self, quantity: Decimal) -> Decimal:
        """The buy order that brings the quantity after its fee, to the nearest lot."""
        wished = quantity / (1 - self.buy_fee.taker) if self.in_base else quantity
        return _down(wished + self.buy.lot_size / 2, self.buy.lot_size)

    def arriving(self, ordered: Decimal) -> Decimal:
        """What a buy order of at most so much can bring, its rounding included."""
        if not self.in_base or self.buy_fee.taker == 0:
            return ordered
        return max(Decimal(0), ordered - self.buy.lot_size / 2) * (1 - self.buy_fee.taker)

    def affordable(self, buy_cap: Decimal, sell_cap: Decimal) -> list[tuple[str, Decimal]]:
        """Depth, our cap on an order, the venues' own, quote and margin, in this order."""
        params, held, bid = self.params, self.ground.inventory, self.bids[0][0]
        asks = _sum([level for level in self.asks if level[0] <= buy_cap]) * params.depth_share_max
        bids = _sum([level for level in self.bids if level[0] >= sell_cap]) * params.depth_share_max
        limits = [
            ("DEPTH", min(self.arriving(asks), bids)),
            ("CAP", self.arriving(params.max_order_notional_quote / buy_cap)),
            ("CAP", params.max_order_notional_quote / bid),
        ]
        if self.buy.max_quantity is not None:
            limits.append(("MAX_QTY", self.arriving(self.buy.max_quantity)))
        if self.sell.max_quantity is not None:
            limits.append(("MAX_QTY", self.sell.max_quantity))
        if self.buy.max_notional is not None:
            limits.append(("MAX_NOTIONAL", self.arriving(self.buy.max_notional / buy_cap)))
        if self.sell.max_notional is not None:
            limits.append(("MAX_NOTIONAL", self.sell.max_notional / bid))
        if self.pair.buy_venue is not Venue.GATE_FUTURES:
            cost = buy_cap if self.in_base else buy_cap * (1 + self.buy_fee.taker)
            limits.append(("QUOTE", self.arriving(held.quote[self.pair.buy_venue] / cost)))
        if self.pair.kind is PairKind.CARRY_OPEN:
            per_base = max(bid, self.ground.mark) * (1 / Decimal(params.leverage) + self.sell_fee.taker)
            kept = max(Decimal(0), held.perp_equity_quote) * params.margin_entry_floor_pct / 100
            limits.append(("MARGIN", max(Decimal(0), held.margin_free_quote - kept) / per_base))
        return limits


def _worst(levels: Levels, quantity: Decimal) -> Decimal | None:
    for price, available in levels:
        quantity -= available
        if quantity <= 0:
            return price
    return None


def _refused(instrument: Instrument, quantity: Decimal, price: Decimal) -> str:
    """The first of a venue's own rules that an order breaks."""
    rules: list[tuple[str, Callable[[], bool]]] = [
        ("LOT", lambda: quantity <= 0 or quantity % instrument.lot_size != 0),
        ("TICK", lambda: price <= 0 or price % instrument.tick_size != 0),
        ("MIN_QTY", lambda: quantity < instrument.min_quantity),
        ("MAX_QTY", lambda: instrument.max_quantity is not None and quantity > instrument.max_quantity),
        ("MIN_NOTIONAL", lambda: quantity * price < instrument.min_notional),
        ("MAX_NOTIONAL", lambda: instrument.max_notional is not None and quantity * price > instrument.max_notional),
    ]
    return next((name for name, broken in rules if broken()), "")


def _smallest(limits: list[tuple[str, Decimal]]) -> tuple[str, Decimal]:
    return min(limits, key=lambda limit: limit[1])


def _sum(levels: Levels) -> Decimal:
    return sum((size for _, size in levels), Decimal(0))


def _common_step(first: Decimal, second: Decimal) -> Decimal:
    return next(first * times for times in count(1) if first * times % second == 0)


def _down(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def _up(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step
