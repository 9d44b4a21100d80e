"""Our own recordings (`dnbot record`) as a source: each venue shows the book that it showed, when it was recorded.

The world is one whose market is kept elsewhere (`dnbot.fakes.mirror`), on the terms that the venues published; it is
told what the recording tells, when it tells it. A book that the recording does not know is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import takewhile
from pathlib import Path

import attrs
import msgspec
import trio

from dnbot.domain.instrument import Symbol
from dnbot.domain.instrument import Venue as OurVenue
from dnbot.domain.market import PublicTrade
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import Instrument, instruments_for
from dnbot.fakes.mirror import Mirror
from dnbot.fakes.mirror_terms import mirrored, on_terms
from dnbot.fakes.mirror_words import (
    AccountTerms,
    BookLost,
    BookTold,
    InstrumentTerms,
    MirrorRefused,
    RatesTold,
    Terms,
    Told,
    TradeTold,
)
from dnbot.fakes.prompt import push_book
from dnbot.fakes.records import VENUES, Venue
from dnbot.fakes.replay_files import ReplayError
from dnbot.fakes.running import World
from dnbot.fakes.universe import symbol_params
from dnbot.operate.paper import instrument_terms
from dnbot.record.reading import entries
from dnbot.research.fees import fees_of
from dnbot.research.recorded import DataFile
from dnbot.research.recorded_look import Gap, Looked, files_of, looked_at, wanted_of
from dnbot.research.recorded_news import Lost, Moved, News, Rates, Teller, news_of
from dnbot.research.source import Span
from dnbot.tasks.mirror import WIRE_NAMES

LEVELS = 50
"""Of each side that are shown: twice what a feed hands on of its book."""
NEVER_MS = 10**12
"""A book does not grow old by itself: the recording says when it is not known any more."""
NS_PER_S = 1_000_000_000
OURS = {wire: ours for wire in VENUES for ours, name in WIRE_NAMES.items() if name == wire}
_WIRE = {ours: wire for wire, ours in OURS.items()}


@attrs.define(eq=False)
class PlayedMirror(Mirror):
    """Is told by a recording."""

    coming: Iterator[tuple[int, Told]] = attrs.field(kw_only=True)
    begin_ns: int = attrs.field(kw_only=True)
    push: Callable[[Venue], None] = attrs.field(kw_only=True)

    async def run(self) -> None:
        """Tell each thing when its time has come, until cancelled. Raises ReplayError for what cannot be told."""
        for at_ns, told in self.coming:
            await trio.sleep_until((at_ns - self.begin_ns) / NS_PER_S)
            self.tell([told])
            if not isinstance(told, RatesTold):
                self.push(told.venue)
        await trio.sleep_forever()

    def tell(self, told: Sequence[Told]) -> None:
        """Take it in. Raises ReplayError for what cannot be."""
        try:
            self.take(told)
        except MirrorRefused as refused:
            raise ReplayError(f"{refused}: not what the venue's own terms allow") from None


@attrs.define(eq=False)
class RecordingData:
    """The recording of one symbol in a folder."""

    folder: Path
    symbol: str
    files: tuple[DataFile, ...]
    looked: Looked
    since_ns: int

    @classmethod
    def of(cls, folder: Path, symbol: str, begin: datetime | None = None) -> RecordingData:
        """That of a folder, from `begin` on; all of it is read once.

        Raises:
            ReplayError: what is damaged, missing or unreadable; or the span is empty.
        """
        since_ns = 0 if begin is None else int(begin.timestamp()) * NS_PER_S + begin.microsecond * 1_000
        looked = looked_at(folder, Symbol.parse(symbol), since_ns)
        if looked.begin_ns >= looked.end_ns:
            raise ReplayError(f"{folder}: nothing can be played: {looked.ended or 'it ends where everything is known'}")
        return cls(folder, symbol, files_of(folder), looked, since_ns)

    @property
    def span(self) -> Span:
        """From the first moment at which all three books are known, to the last entry."""
        return Span(self.looked.begin_ns, self.looked.end_ns)

    def within(self, begin_ns: int, end_ns: int) -> RecordingData:
        """The same recording from one moment of its span to another: on the same time line, read from the same place.

        Where not everything is known at the one, the part begins as soon as it is.

        Raises:
            ReplayError: at no moment between the two everything is known.
        """
        looked = looked_at(
            self.folder, Symbol.parse(self.symbol), self.since_ns, from_ns=begin_ns, until_ns=end_ns
        )
        return attrs.evolve(self, looked=looked)

    @property
    def resting(self) -> str:
        """How a waiting order fares."""
        return (
            "an order of ours that rests stands behind what the recording shows at its level, and only recorded trades "
            "bring it nearer (the bot sends none: IOC only)"
        )

    def terms(self, config: FakesConfig) -> Terms:
        """What the venues published, with the fees and balances of that config and no latency: the network has it."""
        looked, balances = self.looked, config.accounts[0].balances
        fees = fees_of(config)
        published = [looked.terms[OURS[venue]] for venue in VENUES]
        return Terms(
            symbol=self.symbol,
            price=looked.price,
            instruments=tuple(
                msgspec.convert(instrument_terms(one.instrument, one.leverage_max), InstrumentTerms)
                for one in published
            ),
            accounts=tuple(
                AccountTerms(
                    venue=venue, maker=fees[venue][0], taker=fees[venue][1], latency_ms=0,
                    balances=dict(balances.get(venue, {})),
                )
                for venue in VENUES
            ),
            rates=_rates_told(looked.rates),
            book_age_ms_max=NEVER_MS,
        )

    def settings(self, config: FakesConfig) -> FakesConfig:
        """A world that is told its market."""
        return attrs.evolve(mirrored(config, self.terms(config)), funding_first_after_s=None)

    def listed(self, config: FakesConfig) -> dict[Venue, Instrument]:
        """The instruments of that world."""
        standard = instruments_for(symbol_params(self.symbol, config.seed, float(self.looked.price)))
        return {one.venue: one for one in on_terms(standard, self.terms(config))}

    def enter(self, world: World) -> None:
        """Tell everything up to the beginning, and have the rest told in time."""
        mirror = world.mirror
        assert mirror is not None
        coming, newest = self.told(), dict[tuple[str, str], Told]()
        first: tuple[int, Told] | None = None
        for at_ns, told in coming:
            if at_ns > self.looked.begin_ns:
                first = at_ns, told
                break
            newest[_about(told)] = told
        world.mirror = played = PlayedMirror(
            mirror.exchange, mirror.funding, mirror.terms, coming=_again(first, coming),
            begin_ns=self.looked.begin_ns, push=partial(push_book, world.gate_app, world.mexc_app),
        )
        played.tell([told for told in newest.values() if not isinstance(told, TradeTold)])

    def told(self) -> Iterator[tuple[int, Told]]:
        """Everything that is told, with its time, ns, until the end of the span.

        Raises:
            ReplayError: the recording cannot be read.
        """
        read = entries(wanted_of(Symbol.parse(self.symbol), self.since_ns), self.folder)
        found = takewhile(lambda one: one[0] <= self.looked.end_ns, news_of(read, Teller()))
        return ((at_ns, told) for at_ns, news in found if (told := told_of(news)) is not None)

    def leave(self) -> None:
        """Nothing is left to do."""

    @property
    def from_disk(self) -> bool:
        """Nothing is made beforehand."""
        return False

    def described(self) -> Mapping[str, str]:
        """What each venue shows, and what is missing."""
        told: dict[str, str] = {venue: self._of_venue(OURS[venue]) for venue in VENUES}
        told["speed"] = "as it was recorded: each change of a book when the recorder had it"
        told["funding"] = "the rates and the mark that the venue told"
        lost, unread = self.looked.dropped, self.looked.unread
        told["losses"] = f"{lost} entries lost by the recorder, {unread} frames and answers not read"
        if self.looked.ended:
            told["ends early"] = f"{self.looked.ended}: what lies behind is not played"
        return told

    def _of_venue(self, venue: OurVenue) -> str:
        gaps = [gap for gap in self.looked.gaps if gap.venue is venue]
        text = f"its own recorded book, {self.looked.books[venue]} changes, {self.looked.trades[venue]} trades"
        if not gaps:
            return f"{text}; known all the time"
        lengths_s = [self._length_s(gap) for gap in gaps]
        return (
            f"{text}; not known for {sum(lengths_s):.1f} s in {len(gaps)} gaps, at most {max(lengths_s):.1f} s "
            f"(first: {gaps[0].why})"
        )

    def _length_s(self, gap: Gap) -> float:
        to_ns = self.looked.end_ns if gap.to_ns is None else gap.to_ns
        return max(0, to_ns - gap.from_ns) / NS_PER_S


def told_of(news: News) -> Told | None:
    """The same in the words of the fakes; None for terms, which do not change in a world."""
    match news:
        case Moved(venue=venue, book=book):
            return BookTold(venue=_WIRE[venue], bids=book.bids(LEVELS), asks=book.asks(LEVELS))
        case Lost(venue=venue):
            return BookLost(venue=_WIRE[venue])
        case PublicTrade(venue=venue, price=price, quantity=quantity, taker_bought=bought):
            return TradeTold(venue=_WIRE[venue], side="buy" if bought else "sell", price=price, quantity=quantity)
        case Rates():
            return _rates_told(news)
        case _:
            return None


def _rates_told(rates: Rates) -> RatesTold:
    mark, funding = rates.mark, rates.funding
    return RatesTold(
        mark=mark.mark, index=mark.index, rate=funding.rate, interval_s=funding.interval_s, next_s=funding.next_at_s
    )


def _about(told: Told) -> tuple[str, str]:
    """What a later word of the same kind replaces."""
    match told:
        case RatesTold():
            return "rates", ""
        case TradeTold(venue=venue):
            return "trade", venue
        case BookTold(venue=venue) | BookLost(venue=venue):
            return "book", venue


def _again(first: tuple[int, Told] | None, rest: Iterable[tuple[int, Told]]) -> Iterator[tuple[int, Told]]:
    if first is not None:
        yield first
    yield from rest
