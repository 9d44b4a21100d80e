"""What can happen to the market itself: prices that jump, stand still or lie, and liquidity that goes away.

The outside flow stays the model's own; a fault bends it on its way to the book, and moves what waits there already.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from .exchange import Exchange
from .faults import FaultRefused
from .faults_conditions import Condition
from .faults_kinds import FaultKind, Undo, WorldStrike
from .instruments import Instrument
from .market_ladder import Command
from .records import EXTERNAL, Side, Venue, opposite

SIDES: tuple[Side, ...] = ("buy", "sell")


def jump(strike: WorldStrike) -> None:
    """The price of everything moves at once, on every venue, and stays there."""
    strike.struck()
    for symbol, model in strike.world.models.items():
        model.position.fundamental *= 1 + strike.number("bps") / 1e4
        strike.world.funding.update_mark(symbol)


def offset(strike: WorldStrike) -> Undo:
    """Outsiders of a venue quote at another multiple of the price."""
    markets = markets_of(strike)
    strike.struck()
    factor = Decimal(str(strike.number("factor"))) * (1 + Decimal(str(strike.number("bps"))) / 10_000)
    exchange, meant = strike.exchange, {(market.venue, market.symbol) for market in markets}

    def moved(venue: Venue, symbol: str, side: Side, price: Decimal) -> Decimal:
        tick = exchange.state.instruments[venue, symbol].price_tick
        rounding = ROUND_FLOOR if side == "buy" else ROUND_CEILING
        return (price * factor / tick).to_integral_value(rounding) * tick

    def bend(venue: Venue, symbol: str, command: Command) -> Command:
        if (venue, symbol) not in meant or not command.quotes:
            return command
        return command._replace(price=moved(venue, symbol, command.side, command.price))

    for market in markets:
        _requote(exchange, market, functools.partial(moved, market.venue, market.symbol))
    return _bending(strike, bend, markets)


def halt(strike: WorldStrike) -> Undo:
    """Nobody outside does anything on a venue: its book stands still while the others move."""
    strike.struck()
    halts, venues = strike.engine.halts, strike.armed.venues
    halts.append(venues)

    def undo() -> None:
        halts.remove(venues)
        for market in _every_market(strike):
            strike.world.quote_anew(market.venue, market.symbol)

    return undo


def pause(strike: WorldStrike) -> Undo:
    """Links hold everything back and the market stands still."""
    thaw = halt(strike)
    end = strike.engine.links.add(Condition(strike.armed.venues, deaf=True, mute=True))

    def undo() -> None:
        end()
        thaw()

    return undo


def thin(strike: WorldStrike) -> Undo:
    """A side has a hole of so many bps from its best price, where nobody comes; all that stood in it stands behind."""
    markets = markets_of(strike)
    strike.struck()
    exchange, limits, placed = strike.exchange, {}, []
    for market in markets:
        for side in SIDES:
            if strike.text("side") in (side, "any"):
                limit, size = _clear(exchange, market, side, strike.number("bps"))
                limits[market.venue, market.symbol, side] = limit
                step = market.price_tick if side == "sell" else -market.price_tick
                placed.append(_stand_in(strike, market, side, limit + step, size or market.lot))
    return _until_over(strike, limits, placed)


def spoof(strike: WorldStrike) -> Undo:
    """One lot at a price that is too good, in front of a side that has moved away from it."""
    markets = markets_of(strike)
    strike.struck()
    side: Side = "sell" if strike.text("side") == "sell" else "buy"
    exchange, limits, placed = strike.exchange, {}, []
    for market in markets:
        edge, size = _clear(exchange, market, opposite(side), strike.number("bps"))
        limits[market.venue, market.symbol, opposite(side)] = edge
        step = market.price_tick if side == "sell" else -market.price_tick
        placed.append(_stand_in(strike, market, side, edge + step, market.lot))
        placed.append(_stand_in(strike, market, opposite(side), edge - step, size or market.lot))
    return _until_over(strike, limits, placed)


def _stand_in(
    strike: WorldStrike, market: Instrument, side: Side, price: Decimal, size: Decimal
) -> tuple[Venue, str, str]:
    """An outside order of the fault itself, which other faults leave alone; returns what it is known by."""
    order_id = f"{strike.armed.fault.key}-{market.symbol}-{side}"
    strike.exchange.external_place(market.venue, market.symbol, order_id, side, price, size)
    strike.exchange.commit()
    placed = market.venue, market.symbol, order_id
    strike.engine.placed[placed] = None
    return placed


def _until_over(
    strike: WorldStrike, limits: dict[tuple[Venue, str, Side], Decimal], placed: list[tuple[Venue, str, str]]
) -> Undo:
    end = _bending(strike, _keeping_out(limits), markets_of(strike))

    def undo() -> None:
        for order in placed:  # from now on it is an outsider's like any other, and goes when they quote anew
            strike.engine.placed.pop(order, None)
        end()

    return undo


def markets_of(strike: WorldStrike) -> list[Instrument]:
    """The markets that the fault means: all of its venues, or those of the option `symbol`.

    Raises FaultRefused when there are none.
    """
    wanted = strike.text("symbol")
    found = [market for market in _every_market(strike) if wanted in ("", market.symbol)]
    if not found:
        where = ", ".join(strike.armed.venues)
        raise FaultRefused(f"{strike.armed.fault.key}: {where} has no market {wanted!r}; a symbol is like BTC/USDT")
    return found


def _every_market(strike: WorldStrike) -> list[Instrument]:
    return [market for venue in strike.armed.venues for market in strike.exchange.instruments(venue)]


def _bending(
    strike: WorldStrike, bend: Callable[[Venue, str, Command], Command | None], markets: list[Instrument]
) -> Undo:
    """Bend what outsiders do; at the end they quote these markets anew: their model does not know what was bent."""
    bends = strike.engine.bends
    bends.append(bend)

    def undo() -> None:
        bends.remove(bend)
        for market in markets:
            strike.world.quote_anew(market.venue, market.symbol)

    return undo


def _clear(exchange: Exchange, market: Instrument, side: Side, bps: float) -> tuple[Decimal, Decimal]:
    """Cancel what outsiders have within so many bps of a side's best price; the last price of these, and their size."""
    book = exchange.state.markets[market.venue, market.symbol]
    best = book.best(side)
    share = Decimal(str(bps)) / 10_000 * (1 if side == "sell" else -1)
    rounding = ROUND_FLOOR if side == "sell" else ROUND_CEILING
    price = exchange.state.reference_price(market.venue, market.symbol) or Decimal(0)
    start = best[0] if best is not None else price
    limit = (start * (1 + share) / market.price_tick).to_integral_value(rounding) * market.price_tick
    size = Decimal(0)
    for order in list(book.orders()):
        if order.owner == EXTERNAL and order.side == side and _inside(side, order.price, limit):
            size += order.quantity_left
            exchange.external_cancel(market.venue, market.symbol, order.order_id)
    exchange.commit()
    return limit, size


def _inside(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price <= limit if side == "sell" else price >= limit


def _keeping_out(limits: dict[tuple[Venue, str, Side], Decimal]) -> Callable[[Venue, str, Command], Command | None]:
    """A bend that lets nobody place within these limits, and nobody outside take what is left there."""

    def bend(venue: Venue, symbol: str, command: Command) -> Command | None:
        limit = limits.get((venue, symbol, command.side))
        if command.quotes and limit is not None and _inside(command.side, command.price, limit):
            return None
        touched = any((venue, symbol, side) in limits for side in SIDES)
        return None if command.op == "take" and touched else command

    return bend


def _requote(exchange: Exchange, market: Instrument, moved: Callable[[Side, Decimal], Decimal]) -> None:
    """Take every outside order of a market away and put it back at another price."""
    book = exchange.state.markets[market.venue, market.symbol]
    orders = [order for order in book.orders() if order.owner == EXTERNAL]
    for order in orders:
        exchange.external_cancel(market.venue, market.symbol, order.order_id)
    for order in orders:
        price = moved(order.side, order.price)
        exchange.external_place(market.venue, market.symbol, order.order_id, order.side, price, order.quantity_left)
    exchange.commit()


KINDS = (
    FaultKind(
        "price_jumps", "X10", "the price of everything moves by `bps` at once and stays: liquidation comes near",
        "market", options={"bps": 500.0}, in_world=jump,
    ),
    FaultKind(
        "liquidity_gone", "X28", "the book has a hole: within `bps` of its best price a `side` is empty (both: `any`)",
        "market", options={"symbol": "", "side": "any", "bps": 50.0}, in_world=thin,
    ),
    FaultKind(
        "market_halted", "X28", "one venue's market stands still while the others move", "market", in_world=halt,
    ),
    FaultKind(
        "venue_pause", "T03", "a whole venue stands still, market and links, and then goes on",
        "venue", in_world=pause,
    ),
    FaultKind(
        "price_offset", "X28", "a venue's outsiders quote at `factor` times the price and `bps` more",
        "market", options={"symbol": "", "factor": 1.0, "bps": 0.0}, in_world=offset,
    ),
    FaultKind(
        "edge_spoofed", "A05", "one lot stands at a price that is `bps` too good, with nothing behind it",
        "market", options={"symbol": "", "side": "buy", "bps": 100.0}, in_world=spoof,
    ),
)  # fmt: skip
