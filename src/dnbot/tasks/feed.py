"""The public domain of one market: connect, subscribe, keep the book, publish. Raises when the data stops.

The book lives here and nowhere else. What leaves is a frozen view of its best levels.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import attrs
import trio

from dnbot.domain.book import Applied, BookDelta, BookSnapshot, OrderBook
from dnbot.domain.errors import BookGap, VenueRefused, VenueUnreachable
from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import BookTop, BookView, FundingRate, MarkPrice, PublicTrade, Ticker
from dnbot.domain.messages import FeedDown, FeedUp, InstrumentChanged
from dnbot.metrics.stages import Stages
from dnbot.ports.channels import Cell
from dnbot.ports.log import EventLog
from dnbot.tasks.analytics import MarketDesk
from dnbot.tasks.link import Line
from dnbot.tasks.source import DATA_SILENCE_S_MAX as DATA_SILENCE_S_MAX
from dnbot.tasks.source import MarketStream, Source
from dnbot.venues.wire import Delta, PublicCodec, PublicMessage, SubscriptionRefused, UnknownFrame, UpgradeAhead

DEPTH = 25  # levels that leave the feed: more than any order of ours may reach
BOOK_SILENCE_S_MAX = 15.0  # a book that does not move for so long is compared with the venue's
BOOK_LATE_S_MAX = 1.0  # increments that a snapshot already holds may come so much later
SNAPSHOT_TRIES_MAX = 6
SNAPSHOT_PAUSE_S = 0.3
BUFFER_MAX = 2_000  # increments kept while a snapshot is fetched; more means that it never comes
INSTRUMENT_POLL_S = 60.0
INSTRUMENT_S_LEAST = 1.0  # between two reads, however often an order was refused for its terms
PERPETUAL_POLL_S = 10.0  # until a new unit of the contract is read, orders are counted in the old one
TERMS_YOUNG_S = 1.0  # who shares its reads with others begins with an answer that one of them asked for just now
_DATA = (BookTop, PublicTrade, Ticker, MarkPrice)
"""Messages that show, as a change of the book does, that the market is alive."""
TOP_DISAGREES_MAX = 50  # consecutive tickers that contradict the kept book before it is rebuilt


@attrs.define
class Feed:
    """One venue's public task; `run` is supervised."""

    codec: PublicCodec
    source: Source
    market: MarketDesk
    instrument: Cell[Instrument]
    log: EventLog
    unknown: int = 0
    resyncs: int = 0
    stages: Stages = attrs.field(factory=Stages)
    _book: OrderBook = attrs.field(init=False)
    _pending: list[BookDelta] = attrs.field(factory=list, init=False)
    _syncing: bool = attrs.field(default=False, init=False)
    _disagrees: int = attrs.field(default=0, init=False)
    _asked: trio.Event = attrs.field(factory=trio.Event, init=False)
    _moved_s: float = attrs.field(default=0.0, init=False)
    """When the book last changed, and the venue's time of that, ms."""
    _moved_ms: int = attrs.field(default=0, init=False)
    _data_s: float = attrs.field(default=0.0, init=False)
    """When the market last said anything, and when its book did."""
    _book_s: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._book = OrderBook(self.codec.venue)

    @property
    def venue(self) -> Venue:
        """Whose market this is."""
        return self.codec.venue

    @property
    def line(self) -> Line:
        """What its reads go over."""
        return self.source.line

    def read_instrument(self) -> None:
        """Have the instrument read now, and not only at the next poll."""
        self._asked.set()

    async def run(self) -> None:
        """Never returns while healthy.

        Raises:
            VenueUnreachable, VenueRefused, FrameUnreadable: the stream or a read failed; the book is unusable.
        """
        self._book = OrderBook(self.venue)
        self._pending.clear()
        self._syncing = False
        try:
            await self._read_instrument(TERMS_YOUNG_S)
            async with self.source.connected(self.codec) as stream, trio.open_nursery() as nursery:
                for frame in self.codec.subscribe_frames(self.line.wall_s()):
                    await stream.send(frame)
                nursery.start_soon(self.source.keep_alive, self.codec, stream, name=f"ping:{self.venue.value}")
                nursery.start_soon(self._poll_instrument, name=f"instrument:{self.venue.value}")
                await self._listen(stream, nursery)
        finally:
            self._lose("the feed ended")

    async def _listen(self, stream: MarketStream, nursery: trio.Nursery) -> None:
        self._data_s = self._book_s = trio.current_time()
        await stream.deliver(partial(self._read, nursery), partial(self._conclude, stream))

    def _conclude(self, stream: MarketStream) -> None:
        read_s = stream.read_s
        if self._moved_s >= read_s:  # by this burst: between its bytes and here nobody else has a turn
            self.stages.moved(self.venue, read_s, self._moved_s)
        self.market.conclude()
        self.stages.concluded(self.venue, read_s)

    def _read(self, nursery: trio.Nursery, frame: str | bytes) -> None:
        now_s = trio.current_time()
        for message in self.codec.decode(frame):
            if isinstance(message, Delta):
                self._data_s = self._book_s = now_s
                self._fold(message.delta, nursery)
                continue
            if isinstance(message, _DATA):
                self._data_s = now_s
            self._handle(message, nursery)
        if now_s - self._book_s > BOOK_SILENCE_S_MAX:
            self._book_s = now_s
            self._doubt_book(nursery)
        if now_s - self._data_s > DATA_SILENCE_S_MAX:
            raise VenueUnreachable(self.venue.value, f"no market data for {now_s - self._data_s:.0f} s, only pongs")

    def _handle(self, message: PublicMessage, nursery: trio.Nursery) -> None:
        match message:
            case BookTop():
                self._cross_check(message, nursery)
            case PublicTrade() | Ticker() | MarkPrice() | FundingRate():
                self.market.take(message)
            case SubscriptionRefused(channel=channel, text=text):
                raise VenueRefused(self.venue.value, channel, text)
            case UpgradeAhead(text=text):
                raise VenueUnreachable(self.venue.value, f"the venue announces maintenance: {text}")
            case UnknownFrame(text=text):
                self.unknown += 1
                self.log.warning("unknown_frame", venue=self.venue.value, text=text[:200])
            case _:
                pass

    # --- the book -----------------------------------------------------------------------------------------------------
    def _fold(self, delta: BookDelta, nursery: trio.Nursery) -> None:
        if not self._book.synced and not delta.full:
            self._buffer(delta)
            self._start_sync(nursery)
            return
        try:
            applied = self._book.apply(delta)
        except BookGap as gap:
            self.log.warning("book_gap", venue=self.venue.value, what=gap.what)
            self._lose(gap.what)
            self._pending.clear()
            self._buffer(delta)
            self._start_sync(nursery)
            return
        if applied is Applied.APPLIED:
            self._publish(delta.at_ms)

    def _buffer(self, delta: BookDelta) -> None:
        if len(self._pending) >= BUFFER_MAX:
            raise VenueUnreachable(self.venue.value, f"no usable snapshot within {BUFFER_MAX} increments")
        self._pending.append(delta)

    def _start_sync(self, nursery: trio.Nursery) -> None:
        if not self._syncing:
            self._syncing = True
            self.resyncs += 1
            nursery.start_soon(self._sync, name=f"snapshot:{self.venue.value}")

    def _doubt_book(self, nursery: trio.Nursery) -> None:
        """A quiet market, or a subscription that the venue forgot while the others go on: its snapshot tells."""
        if self._book.synced:
            nursery.start_soon(self._compare, name=f"comparison:{self.venue.value}")
        else:
            self._start_sync(nursery)

    async def _compare(self) -> None:
        kept_id = self._book.update_id
        snapshot = self.codec.snapshot(await self.line.read(self.codec, self.codec.snapshot_request()))
        if snapshot.update_id <= kept_id:
            return
        await trio.sleep(BOOK_LATE_S_MAX)
        if self._book.synced and self._book.update_id == kept_id:
            raise VenueUnreachable(
                self.venue.value, f"the book's channel is silent: kept {kept_id}, at the venue {snapshot.update_id}"
            )

    async def _sync(self) -> None:
        try:
            for _ in range(SNAPSHOT_TRIES_MAX):
                reply = await self.line.read(self.codec, self.codec.snapshot_request())
                if self._join(reply_snapshot := self.codec.snapshot(reply)):
                    self.market.take(FeedUp(self.venue))
                    self._publish(reply_snapshot.at_ms)
                    self.market.conclude()
                    return
                await trio.sleep(SNAPSHOT_PAUSE_S)
            raise VenueUnreachable(self.venue.value, f"{SNAPSHOT_TRIES_MAX} snapshots did not join the stream")
        finally:
            self._syncing = False

    def _join(self, snapshot: BookSnapshot) -> bool:

        usable = [delta for delta in self._pending if delta.last_id > snapshot.update_id]
        if usable and usable[0].first_id > snapshot.update_id + 1:
            return False  # the snapshot is older than the stream: fetch again
        self._book.load(snapshot)
        try:
            for delta in usable:
                self._book.apply(delta)
        except BookGap as gap:
            self.log.warning("book_gap", venue=self.venue.value, what=gap.what)
            self._pending.clear()
            return False
        self._pending.clear()
        return True

    def _cross_check(self, top: BookTop, nursery: trio.Nursery) -> None:
        """A ticker that contradicts the kept book for long means that the book is wrong though gapless."""
        if not self._book.synced or top.bid is None or top.ask is None:
            return
        bids, asks = self._book.bids(1), self._book.asks(1)
        wrong = not bids or not asks or bids[0][0] >= top.ask or asks[0][0] <= top.bid
        self._disagrees = self._disagrees + 1 if wrong else 0
        if self._disagrees > TOP_DISAGREES_MAX:
            self._disagrees = 0
            self._book.synced = False
            self._lose("the ticker contradicts the kept book")
            self._start_sync(nursery)

    def _publish(self, at_ms: int) -> None:
        self._moved_s, self._moved_ms = trio.current_time(), at_ms
        self.market.moved(self)

    def touch(self) -> tuple[Decimal, Decimal] | None:
        """Best bid and ask of the kept book; None for an empty side."""
        return self._book.touch()

    def view(self) -> BookView | None:
        """The best levels of the kept book; None for an empty side."""
        bids, asks = self._book.bids(DEPTH), self._book.asks(DEPTH)
        if not bids or not asks:
            return None
        return BookView(
            venue=self.venue, bids=bids, asks=asks, update_id=self._book.update_id, venue_ms=self._moved_ms,
            received_s=self._moved_s,
        )

    def _lose(self, why: str) -> None:
        """The book may not be used any more. The machine knows at the end of the burst, or with the feed's failure."""
        self.market.take(FeedDown(self.venue, why))

    # --- the rest -----------------------------------------------------------------------------------------------------
    async def _read_instrument(self, young_s: float) -> None:
        """Read it, and tell of it when it is another one.

        Raises:
            VenueUnreachable: the contract's unit changed, and the kept book still counts in the old one.
        """
        before = self.instrument.value
        instrument = self.codec.instrument(await self.source.terms(self.codec, young_s))
        if instrument == before:
            return
        self.instrument.put(instrument)
        self.market.take(InstrumentChanged(instrument))
        self.market.conclude()
        if before is not None and before.multiplier != instrument.multiplier:
            text = f"a contract was {before.multiplier} base units and is {instrument.multiplier}"
            raise VenueUnreachable(self.venue.value, text)

    async def _poll_instrument(self) -> None:
        every_s = INSTRUMENT_POLL_S if self.venue.is_spot else PERPETUAL_POLL_S
        while True:
            with trio.move_on_at(self.source.terms_due_s(self.codec, every_s)):
                await self._asked.wait()
            young_s = 0.0 if self._asked.is_set() else every_s / 2
            self._asked = trio.Event()
            await self._read_instrument(young_s)
            await trio.sleep(INSTRUMENT_S_LEAST)
