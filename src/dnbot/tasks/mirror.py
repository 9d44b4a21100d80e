"""Tell the exchanges that hold the accounts what the books are, where these are kept by others.

It listens beside the feeds, to the very books that decisions are made on: one subscription per venue, and no second
folding that could come to another book. What is told is the newest, as often as it can be told; what was overtaken is
not told at all. A feed that is down is told at once, and a book whose terms are no longer those of the accounts' venue
is not told any more.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.errors import VenueRefused
from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import FundingRate, MarkPrice, PublicTrade
from dnbot.domain.messages import FeedDown, InstrumentChanged, MarketEvent
from dnbot.ports.clock import Clock
from dnbot.ports.http import HttpClient
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint, StreamOpener
from dnbot.tasks.analytics import LiveBook, MarketDesk

NAME = "mirror"
PATH = "/__dnbot__/mirror"
EVERY_S = 0.02
"""Between two tellings at least."""
DEADLINE_S = 2.0
TRADES_MAX = 1_000
WIRE_NAMES = {
    Venue.GATE_SPOT: "gate_spot", Venue.GATE_FUTURES: "gate_futures", Venue.MEXC_SPOT: "mexc_spot",
}
"""As the fakes name them."""


@attrs.define
class Mirror:
    """Its task tells; `beside` makes it hear."""

    opener: StreamOpener
    endpoint: Endpoint
    """Of the fakes, on loopback."""
    terms: Mapping[Venue, Instrument]
    """The instruments that the fakes were started with."""
    clock: Clock
    log: EventLog
    told: int = 0
    """Books."""
    _books: dict[Venue, LiveBook] = attrs.field(factory=dict, init=False)
    _changed: set[Venue] = attrs.field(factory=set, init=False)
    _withheld: set[Venue] = attrs.field(factory=set, init=False)
    _trades: deque[PublicTrade] = attrs.field(factory=lambda: deque(maxlen=TRADES_MAX), init=False)
    _mark: MarkPrice | None = attrs.field(default=None, init=False)
    _funding: FundingRate | None = attrs.field(default=None, init=False)
    _has_rates: bool = attrs.field(default=False, init=False)
    """Rates that were not told yet."""
    _news: trio.Event = attrs.field(factory=trio.Event, init=False)

    def beside(self, desk: MarketDesk) -> MarketDesk:
        """A desk that does what this one does and lets us hear."""
        return _Overheard(desk, self)

    async def run(self) -> None:
        """Never returns while healthy. A new start tells everything anew.

        Raises:
            VenueUnreachable: the fakes did not answer.
            VenueRefused: they did not take what they were told.
        """
        self._changed.update(WIRE_NAMES)
        self._has_rates = True
        self._news.set()
        async with HttpClient(self.opener, self.endpoint, clock=self.clock, venue=NAME) as client:
            while True:
                await self._news.wait()
                self._news = trio.Event()
                words = list(self._words())
                if words:
                    await self._tell(client, words)
                await trio.sleep(EVERY_S)

    # -- what is heard

    def moved(self, book: LiveBook) -> None:
        """A book has changed."""
        if book.venue not in self._withheld:
            self._books[book.venue] = book
            self._note(book.venue)

    def take(self, event: MarketEvent) -> None:
        """Something else than a book."""
        match event:
            case FeedDown(venue=venue):
                self._lose(venue)
            case InstrumentChanged(instrument=instrument):
                self._compare(instrument)
            case PublicTrade():
                self._trades.append(event)
                self._news.set()
            case MarkPrice():
                self._mark, self._has_rates = event, True
                self._news.set()
            case FundingRate():
                self._funding, self._has_rates = event, True
                self._news.set()
            case _:
                pass

    def _compare(self, instrument: Instrument) -> None:
        venue = instrument.venue
        if instrument == self.terms[venue]:
            return
        self._withheld.add(venue)
        self._lose(venue)
        self.log.error(
            "paper_terms_changed", venue=venue.value,
            what="the venue changed its terms: nothing fills there until the bot is started anew",
        )

    def _lose(self, venue: Venue) -> None:
        self._books.pop(venue, None)
        self._note(venue)

    def _note(self, venue: Venue) -> None:
        self._changed.add(venue)
        self._news.set()

    # -- what is told

    def _words(self) -> Iterator[dict[str, Any]]:
        """Everything that was not told yet."""
        trades, self._trades = self._trades, deque(maxlen=TRADES_MAX)
        for trade in trades:
            if trade.venue not in self._withheld:
                yield {
                    "told": "trade", "venue": WIRE_NAMES[trade.venue], "side": "buy" if trade.taker_bought else "sell",
                    "price": trade.price, "quantity": trade.quantity,
                }
        changed, self._changed = self._changed, set()
        for venue in (known for known in WIRE_NAMES if known in changed):
            yield self._book(venue)
        mark, funding = self._mark, self._funding
        if self._has_rates and mark is not None and funding is not None:
            self._has_rates = False
            yield {
                "told": "rates", "mark": mark.mark, "index": mark.index, "rate": funding.rate,
                "interval_s": funding.interval_s, "next_s": funding.next_at_s,
            }

    def _book(self, venue: Venue) -> dict[str, Any]:
        book = self._books.get(venue)
        view = None if book is None else book.view()
        if view is None:
            return {"told": "lost", "venue": WIRE_NAMES[venue]}
        self.told += 1
        age_ms = math.ceil((self.clock.monotonic_s() - view.received_s) * 1000)
        return {"told": "book", "venue": WIRE_NAMES[venue], "bids": view.bids, "asks": view.asks, "age_ms": age_ms}

    async def _tell(self, client: HttpClient, words: list[dict[str, Any]]) -> None:
        reply = await client.request("POST", PATH, {}, msgspec.json.encode(words), deadline_s=DEADLINE_S)
        if reply.status != 200:
            raise VenueRefused(NAME, str(reply.status), reply.body[:200].decode("utf-8", "replace"))


@attrs.frozen
class _Overheard:
    """A market desk, and somebody beside it."""

    desk: MarketDesk
    mirror: Mirror

    def take(self, event: MarketEvent) -> None:
        self.mirror.take(event)
        self.desk.take(event)

    def moved(self, book: LiveBook) -> None:
        self.mirror.moved(book)
        self.desk.moved(book)

    def conclude(self) -> None:
        self.desk.conclude()
