"""A recording before it is played: what of it can be, on which terms, and what is missing in it.

A backtest of hours should not end at a broken chunk in its last minute, so all of it is read and followed first.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import attrs

from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.market import PublicTrade
from dnbot.domain.units import divide
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.reading import SegmentFile, Wanted, entries, entries_of, segment_files
from dnbot.record.words import ENDED, Entry, Event, Kind, RecordingDamaged, lost_of
from dnbot.research.recorded import DataFile
from dnbot.research.recorded_news import Listed, Lost, Moved, News, Rates, Teller, news_of
from dnbot.strategy.fitting import spot_mid

KINDS = frozenset({
    Kind.BOOK, Kind.TRADES, Kind.TICKER, Kind.UNREADABLE, Kind.INSTRUMENT, Kind.SNAPSHOT, Kind.EVENT,
})  # fmt: skip
"""What is played. Best prices of ticker channels are not: the bot decides on the books that it keeps."""


@attrs.frozen
class Gap:
    """A stretch in which a book was not known."""

    venue: Venue
    from_ns: int
    to_ns: int | None
    """None: to the end."""
    why: str


@attrs.frozen(kw_only=True)
class Looked:
    """What a recording of one symbol holds, from the first moment at which everything is known. Times are ns."""

    begin_ns: int
    end_ns: int
    """When something was told for the last time, or where a part was to end."""
    terms: Mapping[Venue, Listed]
    rates: Rates
    price: Decimal
    """The mean of the spot mids at the beginning."""
    books: Mapping[Venue, int]
    """How often each book changed."""
    trades: Mapping[Venue, int]
    gaps: tuple[Gap, ...]
    unread: int
    """Frames and answers that no codec read, since reading began."""
    dropped: int
    """Entries that the recorder lost, since reading began."""
    ended: str
    """Why it cannot be played to its last entry; empty when it can."""


def wanted_of(symbol: Symbol, since_ns: int) -> Wanted:
    """What is read of a recording: what came before `since_ns` as its lead-in.

    Whoever reads it reads this and no less: the time line is that of the first entry.
    """
    return Wanted(since_ns=since_ns, symbols=frozenset({symbol}), kinds=KINDS, lead_in=True)


@attrs.define
class _Look:
    """A fold over the news. What may be played begins at `from_ns`, or as soon behind it as everything is known."""

    from_ns: int = 0
    begin_ns: int | None = None
    last_ns: int = 0
    ended: str = ""
    dropped: int = 0
    rates: Rates | None = None
    price: Decimal | None = None
    first_rates: Rates | None = None
    terms: dict[Venue, Listed] = attrs.field(factory=dict)
    mids: dict[Venue, Decimal] = attrs.field(factory=dict)
    known: set[Venue] = attrs.field(factory=set)
    books: Counter[Venue] = attrs.field(factory=Counter)
    trades: Counter[Venue] = attrs.field(factory=Counter)
    gaps: list[Gap] = attrs.field(factory=list)
    open: dict[Venue, Lost] = attrs.field(factory=dict)
    since: dict[Venue, int] = attrs.field(factory=dict)
    over: set[Venue] = attrs.field(factory=set)
    """Whose recorder ended in order, and none went on yet."""

    def note(self, at_ns: int, news: News) -> None:
        """Take one in. Nothing is counted before everything is known."""
        if at_ns > self.from_ns:
            self._begin(self.from_ns)
        self.last_ns = self.last_ns if isinstance(news, Lost) else at_ns
        match news:
            case Moved():
                self._moved(at_ns, news)
            case Lost(venue=venue):
                self.known.discard(venue)
                self.open[venue], self.since[venue] = news, at_ns
            case Rates():
                self.rates = news
            case Listed():
                self._listed(news)
            case PublicTrade(venue=venue):
                self.trades[venue] += self.begin_ns is not None
        if at_ns >= self.from_ns:
            self._begin(at_ns)

    def _begin(self, at_ns: int) -> None:
        """What is played begins then, when it has not begun and everything is known."""
        if self.begin_ns is None and self.rates is not None and self.known == set(VENUES) == self.terms.keys():
            self.begin_ns, self.first_rates, self.price = at_ns, self.rates, spot_mid(self.mids)
            self.open.clear()

    def _moved(self, at_ns: int, news: Moved) -> None:
        venue = news.venue
        touch = news.book.touch()
        if self.begin_ns is None:
            if touch is None:
                return
            self.mids[venue] = divide(touch[0] + touch[1], Decimal(2))
        else:
            self.books[venue] += 1
            lost = self.open.pop(venue, None)
            if lost is not None:
                self.gaps.append(Gap(venue, self.since[venue], at_ns, lost.why))
        self.known.add(venue)
        self.over.discard(venue)

    def _listed(self, news: Listed) -> None:
        """What was played before it was on the terms of before, which stay."""
        venue = news.instrument.venue
        if self.begin_ns is not None and self.terms.get(venue, news) != news:
            self.ended = f"{venue.value} changed its terms"
        else:
            self.terms[venue] = news

    def of(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Those entries; losses and ends are noted."""
        for entry in entries:
            if not entry.lead_in:
                self.dropped += lost_of(entry)
            if isinstance(entry, Event) and entry.market is not None and entry.text == ENDED:
                self.over.add(entry.market.venue)
            yield entry


def looked_at(
    folder: Path, symbol: Symbol, since_ns: int = 0, *, from_ns: int = 0, until_ns: int | None = None
) -> Looked:
    """What can be played of a recording.

    Args:
        since_ns: where reading begins, wall clock. Who reads from elsewhere may have another time line.
        from_ns: where playing may begin at the earliest, on the time line of that reading.
        until_ns: where it ends, on the same; None: with the recording.

    Raises:
        ReplayError: it is damaged, or at no moment of that stretch everything is known; says what is missing.
    """
    look, teller = _Look(from_ns), Teller()
    for at_ns, news in news_of(look.of(entries(wanted_of(symbol, since_ns), folder)), teller):
        if until_ns is not None and at_ns > until_ns:
            break
        look.note(at_ns, news)
        if look.ended:
            break
    if look.begin_ns is None or look.first_rates is None or look.price is None:
        raise ReplayError(f"{folder}: {_missing(look, symbol, teller)}")
    still = (Gap(v, look.since[v], None, lost.why) for v, lost in look.open.items() if v not in look.over)
    return Looked(
        begin_ns=look.begin_ns, end_ns=look.last_ns if until_ns is None else until_ns, terms=look.terms,
        rates=look.first_rates, price=look.price, books=look.books, trades=look.trades, gaps=(*look.gaps, *still),
        unread=teller.unread, dropped=look.dropped, ended=look.ended,
    )


def _missing(look: _Look, symbol: Symbol, teller: Teller) -> str:
    lacking = [f"the {what} of {venue.value}" for venue in VENUES
               for what, there in (("terms", look.terms), ("book", look.known)) if venue not in there]
    lacking += [] if look.rates is not None else ["mark and funding"]
    why = "".join(f"; not read: {words}" for words in teller.passed_over)
    return f"at no moment everything of {symbol} is known: {', '.join(lacking) or 'the books never at once'}{why}"


def files_of(folder: Path) -> tuple[DataFile, ...]:
    """The segments, each held against its checksum.

    Raises:
        ReplayError: one is not as it was written.
        OSError: one cannot be read.
    """
    try:
        return tuple(_file(file) for file in segment_files(folder))
    except RecordingDamaged as error:
        raise ReplayError(str(error)) from None


def _file(file: SegmentFile) -> DataFile:
    with file.open() as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    closed = file.segment.closed
    if closed is not None and closed.sha256 != digest:
        raise ReplayError(f"{file.path}: its SHA-256 is {digest}, and was {closed.sha256} when it was written")
    if closed is not None:
        count, first_ns, last_ns = closed.entries, closed.first_ns, closed.last_ns
    else:
        times = [entry.received_ns for entry in entries_of(file, Wanted())]
        count, first_ns, last_ns = len(times), min(times, default=0), max(times, default=0)
    return DataFile(
        name=file.path.name, bytes=file.size, sha256=digest, lines=count, first_ns=first_ns, last_ns=last_ns
    )
