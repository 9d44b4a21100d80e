"""A market followed through a recording: the bot's codec reads the frames, and its book is made again from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.book import BookDelta, BookSnapshot, OrderBook
from dnbot.domain.errors import BookGap, FrameUnreadable, VenueError, VenueRefused
from dnbot.domain.instrument import Instrument
from dnbot.domain.market import PublicTrade
from dnbot.record.words import BEHIND_A_HOLE, Answer, Entry, Event, Frame, Kind, Market, What
from dnbot.tasks.feed import BUFFER_MAX
from dnbot.venues.factory import public_codec
from dnbot.venues.wire import Delta, PublicCodec, PublicMessage, Reply

NOTHING: tuple[PublicMessage, ...] = ()


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """Best prices of a book that was made again; base quantities. All None: it is not known from here on."""

    received_ns: int
    monotonic_ns: int
    market: Market
    venue_ms: int
    """The venue's own time of the change, ms; 0 when it does not say."""
    update_id: int
    bid: Decimal | None = None
    bid_quantity: Decimal | None = None
    ask: Decimal | None = None
    ask_quantity: Decimal | None = None


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of the market, in base units; `taker_bought` tells the aggressor."""

    received_ns: int
    monotonic_ns: int
    market: Market
    venue_ms: int
    price: Decimal
    quantity: Decimal
    taker_bought: bool


@attrs.frozen
class PassedOver:
    """An answer that could not be read."""

    answer: Answer
    why: str


@attrs.define
class MarketFollower:
    """One market's codec and book, brought along by its entries in order."""

    market: Market
    codec: PublicCodec = attrs.field(init=False)
    book: OrderBook = attrs.field(init=False)
    """Usable while it is `synced`."""
    instrument: Instrument | None = None
    venue_ms: int = 0
    """The venue's time of the book's last change."""
    unread: int = 0
    """Frames and answers that the codec refused, and frames that came before the instrument was known."""
    passed_over: PassedOver | None = None
    """The newest of these answers."""
    _answers: dict[str, Reply] = attrs.field(factory=dict)
    _pending: deque[BookDelta] = attrs.field(factory=lambda: deque(maxlen=BUFFER_MAX))

    def __attrs_post_init__(self) -> None:
        self.codec = public_codec(self.market.venue, self.market.symbol)
        self.book = OrderBook(self.market.venue)

    def follow(self, entry: Entry) -> tuple[PublicMessage, ...]:
        """The words of a frame, after the book has taken them; nothing for other entries."""
        match entry:
            case Frame():
                return self._frame(entry)
            case Answer():
                self._answer(entry)
            case Event(what=What.CONNECTED | What.DISCONNECTED | What.STARTED | What.DROPPED):
                self.book.synced = False
                self._pending.clear()
            case Event(what=What.BOOK_LOST):
                self.book.synced = False
            case _:
                pass
        return NOTHING

    def _frame(self, frame: Frame) -> tuple[PublicMessage, ...]:
        if self.instrument is None or frame.kind is Kind.UNREADABLE:
            self.unread += 1
            return NOTHING
        try:
            words = self.codec.decode(frame.message)
        except FrameUnreadable:
            self.unread += 1
            return NOTHING
        for word in words:
            if isinstance(word, Delta):
                self._fold(word.delta)
        return words

    def _answer(self, answer: Answer) -> None:
        reply = Reply(status=answer.status, headers=answer.headers, body=answer.body)
        if self.codec.trouble(reply) is not None:
            return
        try:
            self._read(answer, reply)
        except (FrameUnreadable, VenueRefused) as error:
            self.pass_over(answer, error)

    def pass_over(self, answer: Answer, error: VenueError) -> None:
        """It counts as unread, once. The bot's feed fails on such a one and reads again; the recording has that too."""
        if self.passed_over is None or self.passed_over.answer is not answer:
            self.unread += 1
        self.passed_over = PassedOver(answer, str(error))
        self._answers.pop(answer.target, None)

    def _read(self, answer: Answer, reply: Reply) -> None:
        if answer.kind is Kind.INSTRUMENT:
            self._answers[answer.target] = reply
            needed = [self._answers.get(request.target) for request in self.codec.instrument_requests()]
            replies = [reply for reply in needed if reply is not None]
            if len(replies) == len(needed):
                self._learn(self.codec.instrument(replies))
        elif self.instrument is not None and not self.book.synced:
            self._join(self.codec.snapshot(reply))

    def _learn(self, instrument: Instrument) -> None:
        before, self.instrument = self.instrument, instrument
        if before is not None and before.multiplier != instrument.multiplier:  # the book counts in the old unit
            self.book.synced = False
            self._pending.clear()

    def _fold(self, delta: BookDelta) -> None:
        if not self.book.synced and not delta.full:
            self._pending.append(delta)
            return
        try:
            self.book.apply(delta)
        except BookGap:
            self._pending.clear()
            self._pending.append(delta)
        else:
            self.venue_ms = delta.at_ms

    def _join(self, snapshot: BookSnapshot) -> None:
        """By the rule of the feed: the increments that came before the answer continue it, or it is of no use."""
        usable = [delta for delta in self._pending if delta.last_id > snapshot.update_id]
        if usable and usable[0].first_id > snapshot.update_id + 1:
            return
        self.book.load(snapshot)
        self.venue_ms = snapshot.at_ms
        self._pending.clear()
        for delta in usable:
            self._fold(delta)


@attrs.define
class Followers:
    """All markets of a recording, each met when its first entry comes."""

    markets: dict[Market, MarketFollower] = attrs.field(factory=dict)

    def follow(self, entry: Entry) -> Iterator[tuple[MarketFollower, tuple[PublicMessage, ...]]]:
        """Whom an entry concerns, brought along, with the words of the frame."""
        if entry.market is None:
            if entry.what in BEHIND_A_HOLE:
                for follower in self.markets.values():
                    yield follower, follower.follow(entry)
            return
        found = self.markets.get(entry.market)
        if found is None:
            found = self.markets[entry.market] = MarketFollower(entry.market)
        yield found, found.follow(entry)


def tops_and_trades(entries: Iterable[Entry], followers: Followers | None = None) -> Iterator[Top | Trade]:
    """Every change of a best price or quantity, every loss of a book, and every trade, in the order of receipt.

    Entries must come with their lead-in, which is followed and not told.
    """
    shown: dict[Market, tuple[object, ...] | None] = {}
    known = Followers() if followers is None else followers
    for entry in entries:
        for follower, words in known.follow(entry):
            if entry.lead_in:
                continue
            yield from _trades(entry, follower, words)
            top = _top(entry, follower)
            now = None if top.bid is None else (top.bid, top.bid_quantity, top.ask, top.ask_quantity)
            if now != shown.get(follower.market):
                shown[follower.market] = now
                yield top


def _top(entry: Entry, follower: MarketFollower) -> Top:
    book = follower.book
    bids, asks = (book.bids(1), book.asks(1)) if book.synced else ((), ())
    top = Top(
        received_ns=entry.received_ns, monotonic_ns=entry.monotonic_ns, market=follower.market,
        venue_ms=follower.venue_ms, update_id=book.update_id,
    )
    if not bids or not asks:
        return top
    (bid, bid_quantity), (ask, ask_quantity) = bids[0], asks[0]
    return msgspec.structs.replace(top, bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity)


def _trades(entry: Entry, follower: MarketFollower, words: tuple[PublicMessage, ...]) -> Iterator[Trade]:
    for word in words:
        if isinstance(word, PublicTrade):
            yield Trade(
                received_ns=entry.received_ns, monotonic_ns=entry.monotonic_ns, market=follower.market,
                venue_ms=word.at_ms, price=word.price, quantity=word.quantity, taker_bought=word.taker_bought,
            )
