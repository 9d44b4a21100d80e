"""What the entries of a recording mean for a market: books that move or are lost, trades, rates, other terms.

The venues' frames are read by the bot's codecs and folded by its rule for gaps (`dnbot.record.following`). A book is
known or it is not: after a gap, a new connection or a loss of the recorder it is not, until it is whole again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

import attrs
import msgspec

from dnbot.domain.book import OrderBook
from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import FundingRate, MarkPrice, PublicTrade
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.following import Followers, MarketFollower
from dnbot.record.words import BEHIND_A_HOLE, Answer, Entry, Event, Kind, Market, RecordingDamaged, What
from dnbot.research.timeline import Timeline
from dnbot.venues.gateio.contract_now import contract_now
from dnbot.venues.wire import PublicMessage, Reply


class Moved(NamedTuple):
    """A book is known and has changed; it lives on, and is read at once or not at all."""

    venue: Venue
    book: OrderBook


class Lost(msgspec.Struct, frozen=True):
    """A book that was known is not known any more."""

    venue: Venue
    why: str


class Rates(msgspec.Struct, frozen=True):
    """Mark, index and funding of the perpetual."""

    mark: MarkPrice
    funding: FundingRate


class Listed(msgspec.Struct, frozen=True):
    """What may be traded at a venue: for the first time, or other than before."""

    instrument: Instrument
    leverage_max: Decimal | None
    """Of the perpetual."""


News = Moved | Lost | PublicTrade | Rates | Listed


@attrs.define
class Teller:
    """Follows the markets of one symbol through their entries, in order."""

    followers: Followers = attrs.field(factory=Followers)
    _seen: dict[Market, int | None] = attrs.field(factory=dict)
    """The update id of each book as it was last told; None: not known."""
    _listed: dict[Market, Listed] = attrs.field(factory=dict)
    _leverage_max: Decimal | None = None
    _rates: tuple[MarkPrice | None, FundingRate | None] = (None, None)
    _told: Rates | None = None
    _has_begun: bool = False

    @property
    def unread(self) -> int:
        """Frames and answers that the codecs refused, and frames that came before their market was described."""
        return sum(follower.unread for follower in self.followers.markets.values())

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Why answers could not be read: of each market the newest."""
        return tuple(one.passed_over.why for one in self.followers.markets.values() if one.passed_over is not None)

    def follow(self, entry: Entry) -> Iterator[News]:
        """What it means. An entry of a lead-in means nothing yet: what it led to is told with the first after it."""
        concerned = list(self.followers.follow(entry))
        if isinstance(entry, Answer):
            self._learn(entry)
        for _, words in concerned:
            self._note(words)
        if entry.lead_in:
            return
        if not self._has_begun:
            self._has_begun = True
            concerned = [(follower, ()) for follower in self.followers.markets.values()]
        for follower, words in concerned:
            yield from self._of_market(follower, entry)
            yield from (word for word in words if isinstance(word, PublicTrade))
        yield from self._of_rates()

    def _of_market(self, follower: MarketFollower, entry: Entry) -> Iterator[News]:
        market, book, instrument = follower.market, follower.book, follower.instrument
        if instrument is not None:
            listed = Listed(instrument, None if market.venue.is_spot else self._leverage_max)
            if listed != self._listed.get(market):
                self._listed[market] = listed
                yield listed
        now = book.update_id if book.synced else None
        if now != self._seen.get(market):
            self._seen[market] = now
            yield Moved(market.venue, book) if now is not None else Lost(market.venue, _why(entry))

    def _note(self, words: Iterable[PublicMessage]) -> None:
        for word in words:
            if isinstance(word, MarkPrice):
                self._rates = word, self._rates[1]
            elif isinstance(word, FundingRate):
                self._rates = self._rates[0], word

    def _learn(self, answer: Answer) -> None:
        """A contract's description tells its rates as well."""
        reply = Reply(status=answer.status, headers=answer.headers, body=answer.body)
        follower = self.followers.markets[answer.market]
        if answer.market.venue.is_spot or answer.kind is not Kind.INSTRUMENT or follower.codec.trouble(reply):
            return
        try:
            now = contract_now(reply)
        except FrameUnreadable as error:
            follower.pass_over(answer, error)
            return
        self._rates, self._leverage_max = (now.mark, now.funding), now.leverage_max

    def _of_rates(self) -> Iterator[News]:
        mark, funding = self._rates
        if mark is None or funding is None:
            return
        found = Rates(mark, funding)
        if found != self._told:
            self._told = found
            yield found


def news_of(entries: Iterable[Entry], teller: Teller) -> Iterator[tuple[int, News]]:
    """All of it, each with the time at which it is played, ns, which never falls.

    Who began anew or lost entries tells of it behind the hole: a book was known until the entry before that, no longer.

    Raises:
        ReplayError: the recording cannot be read to its end; names file and offset.
    """
    timeline = Timeline()
    try:
        for entry in entries:
            before_ns = timeline.last_ns
            at_ns = 0 if entry.lead_in else timeline.at_ns(entry)
            is_hole = isinstance(entry, Event) and entry.what in BEHIND_A_HOLE
            lost_ns = before_ns if is_hole and before_ns else at_ns
            for news in teller.follow(entry):
                yield lost_ns if isinstance(news, Lost) else at_ns, news
    except RecordingDamaged as error:
        raise ReplayError(str(error)) from None


def _why(entry: Entry) -> str:
    if not isinstance(entry, Event):
        return "increments are missing" if entry.kind is Kind.BOOK else "the unit of the contract changed"
    about = {What.STARTED: "a recorder began anew", What.DROPPED: "the recorder lost entries"}
    return about.get(entry.what) or entry.text or entry.what.value
