"""Keep the newest market, look whether anything could pay, and tell the machine. Nothing old is ever traded on.

Feeds call in the turn in which they read: from the last frame of a burst to the machine's decision nobody else has a
turn. A market that pays nobody is told ten times a second, and not at every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import attrs
import msgspec
import trio

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice, PublicTrade, Ticker, TradeFlow
from dnbot.domain.messages import FeedDown, FeedUp, InstrumentChanged, MarketEvent, Signal
from dnbot.domain.pair import Pair, PairEdge
from dnbot.metrics.stages import Stages
from dnbot.ports.channels import Boards
from dnbot.strategy.flow import FlowMeter
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.spread import SpreadAnalyzer

TELL_EVERY_S = 0.1
"""So long a market that pays nobody may be kept."""


_PAIRS_OF = {
    venue: tuple((pair, pair.reverse) for pair in Pair if venue in (pair.buy_venue, pair.sell_venue)) for venue in Venue
}
"""The pairs that trade on a venue, each with the one that undoes it."""


class LiveBook(Protocol):
    """A feed's book, which changes with every frame."""

    @property
    def venue(self) -> Venue: ...

    def touch(self) -> tuple[Decimal, Decimal] | None:
        """Best bid and ask; None for an empty side."""
        ...

    def view(self) -> BookView | None:
        """Its best levels, as they are now."""
        ...


class MarketDesk(Protocol):
    """Where feeds bring what they read, in the same turn. Nothing here waits."""

    def take(self, event: MarketEvent) -> None:
        """Something else than a book."""
        ...

    def moved(self, book: LiveBook) -> None:
        """A book has changed."""
        ...

    def conclude(self) -> None:
        """That was the last of a burst."""
        ...


@attrs.define
class Analyst:
    """A market desk whose task tells what nothing else did. What it knows survives a restart of the task."""

    boards: Boards
    analyzer: SpreadAnalyzer
    look: FirstLook
    deliver: Callable[[Signal], bool]
    """Has the machine see a market now; False when it will ask for the newest itself."""
    eager: Callable[[], bool]
    """Whether the machine wants every market, whatever it pays."""
    view: MarketView = attrs.field(factory=MarketView)
    batches: int = 0
    stages: Stages = attrs.field(factory=Stages)
    _moved: dict[Venue, LiveBook] = attrs.field(factory=dict, init=False)
    _has_news: bool = attrs.field(default=False, init=False)
    _edges: dict[Pair, PairEdge] = attrs.field(factory=dict, init=False)
    _looked: dict[Venue, int] = attrs.field(factory=dict, init=False)
    """`look.changes` when no pair of a venue could pay: until something changes, none can."""
    _flows: dict[Venue, FlowMeter] = attrs.field(factory=dict, init=False)

    async def run(self) -> None:
        """Never returns while healthy."""
        while True:
            await trio.sleep(TELL_EVERY_S)
            self._tell()

    # -- from the feeds

    def moved(self, book: LiveBook) -> None:
        """See its best prices; its levels are looked at when somebody wants them."""
        venue, touch = book.venue, book.touch()
        fee = self.boards.fees[venue].value
        self._moved[venue] = book
        if touch is None or fee is None:
            self.look.lose(venue)
        else:
            self.look.touch(venue, *touch, fee)

    def take(self, event: MarketEvent) -> None:
        """Fold it; trades and tickers are no news by themselves."""
        now_s = trio.current_time()
        self._has_news = self._has_news or not isinstance(event, PublicTrade | Ticker | FeedUp)
        match event:
            case FeedDown(venue=venue):
                self.look.lose(venue)
                self._moved.pop(venue, None)
                self._change(books={v: book for v, book in self.view.books.items() if v is not venue})
            case InstrumentChanged(instrument=instrument):
                self._learn(instrument)
            case MarkPrice():
                self._change(mark=event, mark_received_s=now_s)
            case FundingRate():
                self.look.fund(event)
                self._change(funding=event)
            case PublicTrade(venue=venue):
                self._meter(venue).observe_trade(event, now_s)
            case Ticker(venue=venue):
                self._meter(venue).observe_volume(event.volume_quote)
            case FeedUp():
                pass

    def conclude(self) -> None:
        """Tell the machine at once what may matter to it."""
        if self._has_news or (self._moved and (self._promises() or self.eager())):
            self._tell()

    # -- to the machine

    def newest(self) -> Signal | None:
        """The market as it is now; None when the machine has seen it."""
        if not self._moved and not self._has_news:
            return None
        now_s = trio.current_time()
        for book in self._moved.values():
            view = book.view()
            if view is not None:
                self._keep(view, now_s)
        self._moved.clear()
        self._has_news = False
        self.batches += 1
        edges = self.analyzer.observe(self.view, self.boards.known_fees(), now_s)
        self._edges = {edge.pair: edge for edge in edges}
        self._looked.clear()
        self.stages.evaluated()
        return Signal(market=self.view, edges=edges, at_s=now_s)

    def _tell(self) -> None:
        signal = self.newest()
        if signal is not None and not self.deliver(signal):
            self._has_news = True

    def _promises(self) -> bool:
        """Whether a pair of a book that moved could pay at best prices."""
        look, edges, looked = self.look, self._edges, self._looked
        for venue in self._moved:  # after every burst of every feed: no generator
            if looked.get(venue) == look.changes:
                continue  # most frames change what lies behind the best prices
            for pair, reverse in _PAIRS_OF[venue]:
                if not look.hopeless(pair, edges.get(reverse)):
                    return True
            looked[venue] = look.changes
        return False

    # -- what is known

    def _keep(self, view: BookView, now_s: float) -> None:
        venue = view.venue
        self._change(books={**self.view.books, venue: view})
        self._meter(venue).observe_mid(float(view.mid), now_s)
        self._change(flow={**self.view.flow, venue: self._flow(venue, now_s)})

    def _change(self, **fields: object) -> None:
        self.view = msgspec.structs.replace(self.view, **fields)

    def _learn(self, instrument: Instrument) -> None:
        self._change(instruments={**self.view.instruments, instrument.venue: instrument})

    def _meter(self, venue: Venue) -> FlowMeter:
        return self._flows.setdefault(venue, FlowMeter(venue))

    def _flow(self, venue: Venue, now_s: float) -> TradeFlow:
        return self._meter(venue).flow(now_s)
