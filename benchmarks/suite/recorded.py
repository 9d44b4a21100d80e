"""Recorded books of one coin, spot and perpetual, on which the bot and the plain reference decide.

No recording has two spot venues at once: the second one is the first, a moment late, as a slower exchange would be.
The folder holds `spot/` and `usdm/`, captures as the fakes replay them (`dnbot.fakes.replay_files`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import trio
from trio.testing import MockClock

from dnbot.domain.instrument import VENUES, FeeSchedule, Instrument, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.position import Portfolio
from dnbot.fakes.replay_files import Depth, events
from dnbot.strategy.parameters import StrategyParameters
from suite.both_ways import BothWays, Compared
from suite.plain_market import PlainBook
from suite.scenes import SYMBOL, WALL_NS, Scene

LATE_NS = 300_000_000
TICKS = {Venue.GATE_SPOT: "0.01", Venue.GATE_FUTURES: "0.1", Venue.MEXC_SPOT: "0.01"}
LOT = Decimal("0.001")
Told = tuple[int, int, Venue, Depth]
"""ns of its arrival, its place among those of one moment, whose, what."""


def recorded(folder: Path, changes: int | None) -> Iterator[Compared]:
    """Each coin of which both sides were recorded; the first so many changes.

    Raises FileNotFoundError when the folder holds no such pair.
    """
    pairs = [(spot, folder / "usdm" / spot.name) for spot in sorted((folder / "spot").glob("*"))]
    pairs = [(spot, perp) for spot, perp in pairs if perp.is_file()]
    if not pairs:
        raise FileNotFoundError(f"{folder}: no capture that is in spot/ and in usdm/")
    for spot, perp in pairs:
        compared = Compared()
        trio.run(_compare, spot, perp, changes, compared, clock=MockClock())
        compared.different = [f"{spot.name}, {text}" for text in compared.different]
        yield compared


async def _compare(spot: Path, perp: Path, changes: int | None, compared: Compared) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock)
    told = _told(spot, perp)
    first, at_ns = _joined(told)
    both = BothWays(_scene(first), compared)
    both.start({v: (list(book.bids.items()), list(book.asks.items())) for v, book in first.items()})
    for now_ns, _, venue, depth in islice(told, changes):
        clock.jump((now_ns - at_ns) / 1e9)
        at_ns = now_ns
        both.tell_mark()
        both.change({venue: (list(depth.bids), list(depth.asks))})


def _joined(told: Iterator[Told]) -> tuple[dict[Venue, PlainBook], int]:
    """The books as they are once all three are known, and when that is."""
    books: dict[Venue, PlainBook] = {}
    for at_ns, _, venue, depth in told:
        if depth.whole:
            books[venue] = PlainBook(dict(depth.bids), dict(depth.asks), 0.0)
        else:
            books[venue].apply(list(depth.bids), list(depth.asks), 0.0)
        if len(books) == len(VENUES):
            return books, at_ns
    raise ValueError("a capture without a snapshot of each book")


def _told(spot: Path, perp: Path) -> Iterator[Told]:
    captures = ((spot, Venue.GATE_SPOT, 0), (perp, Venue.GATE_FUTURES, 0), (spot, Venue.MEXC_SPOT, LATE_NS))
    return heapq.merge(*(_of(path, venue, late_ns, place) for place, (path, venue, late_ns) in enumerate(captures)))


def _of(path: Path, venue: Venue, late_ns: int, place: int) -> Iterator[Told]:
    """A capture's book from its snapshot on: what is newer and came before it, while it was fetched, comes after it."""
    known: int | None = None
    early: list[Depth] = []
    for at_ns, event in events((path,)):
        if not isinstance(event, Depth):
            continue
        if known is None and not event.whole:
            early.append(event)
            continue
        for depth in (event, *early) if event.whole else (event,):
            if depth.whole or depth.last_id > (known or 0):
                known = depth.last_id
                yield at_ns + late_ns, place, venue, depth
        early.clear()


def _scene(first: dict[Venue, PlainBook]) -> Scene:
    """Venues and parameters under which recorded prices pay now and then: no fees, no threshold."""
    mark = first[Venue.GATE_FUTURES].mid
    base = (600 / mark).quantize(Decimal("0.01"))
    return Scene(
        params=StrategyParameters(
            symbol=SYMBOL, base_position_size=base, max_order_notional_quote=Decimal(10_000),
            arbitrage_entry_threshold_bps=Decimal("0.2"), arbitrage_exit_threshold_bps=Decimal(-1),
            slippage_reserve_bps=Decimal("0.1"),
        ),
        instruments={
            venue: Instrument(
                venue=venue, symbol=SYMBOL, tick_size=Decimal(TICKS[venue]), lot_size=LOT, min_notional=Decimal(5),
                multiplier=Decimal(1) if venue.is_spot else LOT,
            )
            for venue in VENUES
        },
        fees={venue: FeeSchedule(venue=venue, maker=Decimal(0), taker=Decimal(0)) for venue in VENUES},
        portfolio=Portfolio(
            symbol=SYMBOL, perp_base=-2 * base, perp_cost=-2 * base * mark,
            balances={
                "GATEIO_SPOT:BTC": base, "MEXC_SPOT:BTC": base,
                **{f"{venue.value}:USDT": Decimal(100_000) for venue in VENUES},
            },
        ),
        mark=MarkPrice(Venue.GATE_FUTURES, mark, mark, 0),
        funding=FundingRate(Venue.GATE_FUTURES, Decimal("0.0001"), 28_800, WALL_NS // 10**9 + 3_600),
        first={}, changes=(),
    )
