"""Raw books: what a carry's legs really show, and how a resting leg really does.

A capture holds one spot market and the perpetual of one exchange. Once a second both books are looked at with the bot's
own `edge_of`; and once a second a leg is posted on spot, on paper, at the best price of its side, behind all that is
shown there. It is filled when takers have traded more at that price than stood before it and it holds itself, or
through it; what others cancel before it is not counted, which is too strict. The other leg takes from the perpetual
`REACTION_NS` later.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import mean, median

import attrs
import msgspec

from dnbot.domain.book import Level
from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.market import BookView
from dnbot.domain.order import Side
from dnbot.domain.pair import Pair
from dnbot.domain.units import ZERO, bps
from dnbot.fakes.replay_book import RecordedBook
from dnbot.fakes.replay_files import Event, ReplayError, Trade, events
from dnbot.research.study_words import StudyDataError
from dnbot.strategy.spread import edge_of
from dnbot.strategy.statistics import RollingStatistics

BOOKS = Path("binance_l2")
NS_PER_S = 1_000_000_000
EVERY_NS = NS_PER_S
WARM_NS = 2 * NS_PER_S
REACTION_NS = NS_PER_S // 10
REST_S = 10
"""So long a leg rests; then it is cancelled."""
LEVELS = 50
QUANTITIES = {"BTC": Decimal("0.1"), "ETH": Decimal(2)}
"""About 6,000 USDT of the day."""
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


class RestingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How posted legs did."""

    attempts: int
    """Those that ended within the capture."""
    fill_share: float
    wait_s_median: float
    loss_bps_mean: float
    """Before fees: what two takers would have had at the moment of posting, less what this brought; of the filled."""
    loss_bps_median: float
    loss_bps_p95: float


class BookFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One capture; quantiles are those of `QUANTILES`."""

    base: str
    seconds: int
    """Looks, one a second."""
    quantity: Decimal
    spot_spread_bps: tuple[float, ...]
    perp_spread_bps: tuple[float, ...]
    open_gross_bps: tuple[float, ...]
    """Buying spot and selling the perpetual, before fees, at `quantity`."""
    close_gross_bps: tuple[float, ...]
    open_sd_bps: float
    """Deviation of the former over time."""
    half_life_s: float | None
    """Of the same, by the bot's own test for a return to the mean."""
    resting: RestingFigures


@attrs.define
class _Posted:
    """A leg that rests on spot."""

    side: Side
    price: Decimal
    ahead: Decimal
    """What stands before it, and then its own quantity."""
    at_ns: int
    taken_bps: Decimal
    """The gross edge that two takers had when it was posted."""
    filled_ns: int | None = None

    def meet(self, trade: Trade, at_ns: int) -> None:
        """A public trade on spot; a taker who sells meets bids."""
        if trade.taker_sold != (self.side is Side.BUY) or self.filled_ns is not None:
            return
        through = trade.price < self.price if self.side is Side.BUY else trade.price > self.price
        if trade.price == self.price:
            self.ahead -= trade.quantity
        if through or self.ahead <= 0:
            self.filled_ns = at_ns


@attrs.define
class BookStudy:
    """Looks and attempts while a capture goes by."""

    base: str
    quantity: Decimal
    spot: RecordedBook = attrs.field(factory=RecordedBook)
    perp: RecordedBook = attrs.field(factory=RecordedBook)
    resting: list[_Posted] = attrs.field(factory=list)
    losses_bps: list[float] = attrs.field(factory=list)
    waits_s: list[float] = attrs.field(factory=list)
    attempts: int = 0
    spreads: dict[str, list[float]] = attrs.field(factory=lambda: {"spot": [], "perp": []})
    gross: dict[Pair, list[float]] = attrs.field(factory=lambda: {Pair.OPEN_GATE: [], Pair.CLOSE_GATE: []})
    opening: RollingStatistics = attrs.field(factory=RollingStatistics)
    """Of the carry to open, as a running bot keeps it: a value per second, an hour of them."""

    def fold(self, at_ns: int, kind: str, event: Event) -> None:
        """One event of one of the two markets."""
        book = self.spot if kind == "spot" else self.perp
        if not isinstance(event, Trade):
            book.apply(event)
        elif kind == "spot":
            for one in self.resting:
                one.meet(event, at_ns)

    def settle(self, at_ns: int) -> None:
        """Legs that were filled take their other leg; those that rested too long are given up."""
        if not (self.spot.usable and self.perp.usable):
            return
        kept: list[_Posted] = []
        for one in self.resting:
            if one.filled_ns is not None:
                if at_ns < one.filled_ns + REACTION_NS:
                    kept.append(one)
                else:
                    self._finish(one, one.filled_ns)
            elif at_ns < one.at_ns + REST_S * NS_PER_S:
                kept.append(one)
        self.resting = kept

    def look(self, at_ns: int) -> None:
        """Once a second: spreads, edges before fees, and two posted legs."""
        books = {
            Venue.GATE_SPOT: view_of(self.spot, Venue.GATE_SPOT),
            Venue.GATE_FUTURES: view_of(self.perp, Venue.GATE_FUTURES),
        }
        free = {venue: FeeSchedule(venue=venue, maker=ZERO, taker=ZERO) for venue in books}
        for pair, found in self.gross.items():
            edge = edge_of(pair, self.quantity, books, free)
            if edge is None:
                raise StudyDataError(f"{self.base}: less than {self.quantity} within {LEVELS} levels of a book")
            found.append(float(edge.gross_bps))
        for kind, view in zip(("spot", "perp"), books.values(), strict=True):
            self.spreads[kind].append(float(bps(view.asks[0][0] - view.bids[0][0], view.mid)))
        self.opening.observe(self.gross[Pair.OPEN_GATE][-1], at_ns / NS_PER_S)
        for side in Side:
            self._post(side, at_ns)

    def _post(self, side: Side, at_ns: int) -> None:
        level = self.spot.bids if side is Side.BUY else self.spot.asks
        price = self.spot.best_bid if side is Side.BUY else self.spot.best_ask
        across = self.spot.best_ask if side is Side.BUY else self.spot.best_bid
        ahead = level.levels[price] + self.quantity
        self.attempts += 1
        self.resting.append(_Posted(side, price, ahead, at_ns, self._gross_bps(side, across)))

    def _gross_bps(self, side: Side, spot: Decimal) -> Decimal:
        """Of a spot leg at that price with the perpetual's best price."""
        if side is Side.BUY:
            return bps(self.perp.best_bid - spot, spot)
        return bps(spot - self.perp.best_ask, spot)

    def _finish(self, one: _Posted, filled_ns: int) -> None:
        self.losses_bps.append(float(one.taken_bps - self._gross_bps(one.side, one.price)))
        self.waits_s.append((filled_ns - one.at_ns) / NS_PER_S)

    def figures(self) -> BookFigures:
        """What was seen."""
        if not self.waits_s:
            raise StudyDataError(f"{self.base}: nothing was posted and filled within the capture")
        losses = sorted(self.losses_bps)
        ended = self.attempts - len(self.resting)
        resting = RestingFigures(
            attempts=ended, fill_share=len(losses) / ended, wait_s_median=median(self.waits_s),
            loss_bps_mean=mean(losses), loss_bps_median=median(losses), loss_bps_p95=quantiles(losses, (0.95,))[0],
        )
        summary = self.opening.summary()
        opened, closed = (quantiles(values) for values in self.gross.values())
        return BookFigures(
            base=self.base, seconds=len(self.spreads["spot"]), quantity=self.quantity,
            spot_spread_bps=quantiles(self.spreads["spot"]), perp_spread_bps=quantiles(self.spreads["perp"]),
            open_gross_bps=opened, close_gross_bps=closed, open_sd_bps=summary.sd, half_life_s=summary.half_life_s,
            resting=resting,
        )


def study_books(folder: Path, base: str) -> BookFigures:
    """The capture of one coin, over the time that both its markets have. Raises StudyDataError."""
    paths = {kind: tuple(sorted((folder / kind).glob(f"{base.lower()}usdt*"))) for kind in ("spot", "usdm")}
    for kind, found in paths.items():
        if not found:
            raise StudyDataError(f"{folder / kind}: no capture of {base.lower()}usdt")
    study = BookStudy(base, QUANTITIES[base])
    try:
        watch(study, both(events(paths["spot"]), events(paths["usdm"])))
    except (ReplayError, OSError) as problem:
        raise StudyDataError(str(problem)) from None
    return study.figures()


Told = tuple[int, str, Event]
"""(local time in ns, market, event)"""


def both(spot: Iterator[tuple[int, Event]], perp: Iterator[tuple[int, Event]]) -> Iterator[Told]:
    """Events of two markets in one row of time, as long as both have some."""
    ended: set[str] = set()

    def named(kind: str, found: Iterator[tuple[int, Event]]) -> Iterator[Told]:
        yield from ((at_ns, kind, event) for at_ns, event in found)
        ended.add(kind)

    for told in heapq.merge(named("spot", spot), named("usdm", perp), key=lambda one: one[0]):
        if ended:
            return
        yield told


def watch(study: BookStudy, told: Iterator[Told]) -> None:
    """Fold what comes; look once a second, at what came before that second was full."""
    next_ns: int | None = None
    for at_ns, kind, event in told:
        if next_ns is None and study.spot.usable and study.perp.usable:
            next_ns = at_ns + WARM_NS
        study.settle(at_ns)
        if next_ns is not None and at_ns >= next_ns:
            study.look(next_ns)
            next_ns += ((at_ns - next_ns) // EVERY_NS + 1) * EVERY_NS
        study.fold(at_ns, kind, event)


def view_of(book: RecordedBook, venue: Venue) -> BookView:
    """The best levels, as the bot has them."""
    bids: Sequence[Level] = [(price, book.bids.levels[price]) for price in book.bids.prices[: -LEVELS - 1 : -1]]
    asks: Sequence[Level] = [(price, book.asks.levels[price]) for price in book.asks.prices[:LEVELS]]
    return BookView(venue=venue, bids=tuple(bids), asks=tuple(asks), update_id=0, venue_ms=0, received_s=0.0)


def quantiles(values: Sequence[float], at: Sequence[float] = QUANTILES) -> tuple[float, ...]:
    """Of values that need not be sorted; there must be one."""
    ordered = sorted(values)
    return tuple(ordered[round(share * (len(ordered) - 1))] for share in at)
