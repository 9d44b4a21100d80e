"""Random books and what is decided on them: a sequence of changes from its number, the same every time.

Prices lie close together and sizes are coarse, so that many markets pay a little, limits bind and ties are common.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import attrs

from dnbot.domain.instrument import SPOT_VENUES, VENUES, FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.position import EdgeLot, Portfolio
from dnbot.strategy.parameters import StrategyParameters
from suite.plain_market import Levels

SYMBOL = Symbol("BTC", "USDT")
MID = 60_000
WALL_NS = 1_700_000_000_000_000_000
WARM_UP, CHANGES = 6, 14
_TICKS, _LOTS = ("0.1", "0.5", "1"), ("0.01", "0.02", "0.005")


@attrs.frozen
class Change:
    """After so many seconds these venues' books change: bids and asks, absolute, zero removes."""

    after_s: float
    books: dict[Venue, tuple[Levels, Levels]]


@attrs.frozen
class Scene:
    """One sequence: what holds throughout, the first books, and their changes."""

    params: StrategyParameters
    instruments: dict[Venue, Instrument]
    fees: dict[Venue, FeeSchedule]
    portfolio: Portfolio
    mark: MarkPrice
    funding: FundingRate | None
    first: dict[Venue, tuple[Levels, Levels]]
    changes: tuple[Change, ...]


def scene(number: int) -> Scene:
    """Sequence `number`."""
    rng = Random(number)
    instruments = {venue: _instrument(rng, venue) for venue in VENUES}
    mids = {venue: Decimal(MID + rng.randint(-60, 60)) for venue in VENUES}
    first = {venue: _whole(rng, mids[venue], instruments[venue].tick_size) for venue in VENUES}
    books = {venue: (dict(bids), dict(asks)) for venue, (bids, asks) in first.items()}
    warm = [Change(rng.uniform(5, 9), _moves(rng, books, instruments, VENUES)) for _ in range(WARM_UP)]
    later = list(_later(rng, books, instruments))
    return Scene(
        params=_params(rng), instruments=instruments, fees={venue: _fee(rng, venue) for venue in VENUES},
        portfolio=_portfolio(rng),
        mark=MarkPrice(
            Venue.GATE_FUTURES, Decimal(MID + rng.randint(-90, 90)), Decimal(MID + rng.randint(-90, 90)), 0
        ),
        funding=_funding(rng), first=first, changes=(*warm, *later),
    )


def _later(
    rng: Random, books: dict[Venue, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]],
    instruments: dict[Venue, Instrument],
) -> Iterator[Change]:
    for _ in range(CHANGES):
        who = rng.sample(VENUES, rng.choice((1, 1, 1, 2, 3)))
        yield Change(rng.choice((0.0, 0.02, 0.1, 0.1, 0.2, 0.2, 0.4, 1.2)), _moves(rng, books, instruments, who))


def _whole(rng: Random, mid: Decimal, tick: Decimal) -> tuple[Levels, Levels]:
    sides = []
    for sign in (-1, 1):
        price, side = mid, Levels()
        for _ in range(rng.randint(2, 9)):
            price += sign * tick * rng.randint(1, 8)
            side.append((price, _quantity(rng)))
        sides.append(side)
    return sides[0], sides[1]


def _moves(
    rng: Random, books: dict[Venue, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]],
    instruments: dict[Venue, Instrument], who: tuple[Venue, ...] | list[Venue],
) -> dict[Venue, tuple[Levels, Levels]]:
    """Levels of each get another size, go, or come; or the whole book walks away. None gets crossed or empty."""
    found = {}
    for venue in who:
        bids, asks = books[venue]
        if rng.random() < 0.3:
            mid = Decimal(MID + rng.randint(-60, 60) + (rng.choice((900, 4_000)) if rng.random() < 0.03 else 0))
            new = _whole(rng, mid, instruments[venue].tick_size)
            gone = [[(price, Decimal(0)) for price in side] for side in (bids, asks)]
            change = ([*gone[0], *new[0]], [*gone[1], *new[1]])
        else:
            tick = instruments[venue].tick_size
            lower = _some(rng, bids, -tick, min(asks))
            _fold(bids, lower)
            change = (lower, _some(rng, asks, tick, max(bids)))
        _fold(bids, change[0])
        _fold(asks, change[1])
        found[venue] = change
    return found


def _fold(side: dict[Decimal, Decimal], changes: Levels) -> None:
    for price, size in changes:
        side.pop(price, None)
        if size:
            side[price] = size


def _some(rng: Random, side: dict[Decimal, Decimal], away: Decimal, other_best: Decimal) -> Levels:
    changes = [(price, _quantity(rng)) for price in rng.sample(sorted(side), min(2, len(side)))]
    if len(side) > 3 and rng.random() < 0.5:
        gone = rng.choice(sorted(side))
        changes = [*(one for one in changes if one[0] != gone), (gone, Decimal(0))]
    best = min(side) if away > 0 else max(side)
    nearer = best - away * rng.randint(1, 3)
    if (nearer - other_best) * away > 0:
        changes.append((nearer, _quantity(rng)))
    return changes


def _quantity(rng: Random) -> Decimal:
    return Decimal(rng.randint(1, 60)) / 100


def _instrument(rng: Random, venue: Venue) -> Instrument:
    lot = Decimal(rng.choice(_LOTS))
    return Instrument(
        venue=venue, symbol=SYMBOL, tick_size=Decimal(rng.choice(_TICKS)), lot_size=lot,
        min_quantity=rng.choice((Decimal(0), lot, 3 * lot)), min_notional=Decimal(rng.choice((0, 5, 900))),
        max_quantity=rng.choice((None, None, Decimal("0.3"))), max_notional=rng.choice((None, None, Decimal(2_500))),
        multiplier=Decimal(1) if venue.is_spot else lot,
        price_deviation_max=rng.choice((None, Decimal("0.002"), Decimal("0.05"))),
    )


def _fee(rng: Random, venue: Venue) -> FeeSchedule:
    return FeeSchedule(
        venue=venue, maker=Decimal(0), taker=Decimal(rng.choice((0, 1, 2, 5, 10))) / 10_000,
        buy_fee_in_base=venue.is_spot and rng.random() < 0.4,
    )


def _params(rng: Random) -> StrategyParameters:
    return StrategyParameters(
        symbol=SYMBOL, base_position_size=Decimal(rng.choice((2, 5, 10))) / 10,
        max_order_notional_quote=Decimal(rng.choice((900, 6_000, 60_000))),
        max_position_multiplier=Decimal(rng.choice((1, 5, 9))),
        inventory_ratio=Decimal(rng.randint(0, 4)) / 4,
        arbitrage_entry_threshold_bps=Decimal(rng.choice((0, 1, 3))),
        arbitrage_exit_threshold_bps=Decimal(rng.choice((-2, -1, 0, 1))),
        slippage_reserve_bps=Decimal(rng.choice((0, 1))), inventory_skew_bps_max=Decimal(rng.choice((0, 2, 5))),
        max_round_trip_loss_bps=Decimal(rng.choice((0, 2))), depth_share_max=Decimal(rng.choice((1, 5, 10))) / 10,
        edge_bps_max_credible=Decimal(rng.choice((15, 300, 300, 300))), leverage=rng.choice((1, 2, 3)),
        hedge_quantity_per_minute_max=rng.choice((None, None, Decimal("0.04"))),
        carry_hold_hours_max=Decimal(rng.choice((8, 24))),
    )


def _portfolio(rng: Random) -> Portfolio:
    gate, mexc = (Decimal(rng.randint(0, 14)) / 10 for _ in range(2))
    sign = rng.choice((-1, 1))
    return Portfolio(
        symbol=SYMBOL, perp_base=-(gate + mexc), perp_cost=-(gate + mexc) * MID,
        balances={
            "GATEIO_SPOT:BTC": gate, "MEXC_SPOT:BTC": mexc,
            **{f"{venue.value}:USDT": Decimal(rng.choice((300, 9_000, 200_000))) for venue in SPOT_VENUES},
            f"{Venue.GATE_FUTURES.value}:USDT": Decimal(rng.choice((9_000, 200_000, 400_000))),
        },
        shift_lots=_lots(rng, sign), carry_lots=_lots(rng, 1),
    )


def _lots(rng: Random, sign: int) -> tuple[EdgeLot, ...]:
    if rng.random() < 0.5:
        return ()
    return tuple(
        EdgeLot(
            sign * Decimal(rng.randint(1, 30)) / 100, Decimal(rng.randint(-6, 9)),
            WALL_NS - rng.choice((1, 20, 25, 30)) * 3_600 * 10**9, Decimal(rng.randint(-9, 9)),
        )
        for _ in range(rng.randint(1, 3))
    )


def _funding(rng: Random) -> FundingRate | None:
    if rng.random() < 0.2:
        return None
    rate, interval_s = Decimal(rng.randint(-6, 6)) / 10_000, rng.choice((3_600, 14_400, 28_800))
    return FundingRate(Venue.GATE_FUTURES, rate, interval_s, WALL_NS // 10**9 + rng.randint(-interval_s, interval_s))
