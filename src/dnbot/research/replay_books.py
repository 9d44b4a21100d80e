"""The public books of a journal held against a recording of the same time: each that both have, level by level.

The recorder has connections of its own; a venue's number of a book's change is the same on all of them. So a book that
the machine saw under a number must be the one that the frames of the recording make at that number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookView
from dnbot.domain.messages import Signal, Tick
from dnbot.record.following import Followers, MarketFollower
from dnbot.record.reading import Told, Wanted, entries, nothing
from dnbot.record.step_words import ContextRead, StepRead

NS_PER_S = 1_000_000_000
AROUND_S = 30
"""The recorder may be that much ahead of or behind the bot; and its books are followed from before."""
Levels = tuple[tuple[str, str], ...]


class UnlikeBook(msgspec.Struct, frozen=True, kw_only=True):
    """A book that the recording has otherwise: sides as (price, base quantity), best first."""

    venue: str
    update_id: int
    number: int
    """The first event that shows it."""
    at_ns: int
    bids: Levels
    asks: Levels
    recorded_bids: Levels
    recorded_asks: Levels


class BooksOfVenue(msgspec.Struct, kw_only=True):
    """One venue: books of the journal, those of them that the recording has, and those that are not the same."""

    seen: int = 0
    compared: int = 0
    unlike: int = 0
    first: UnlikeBook | None = None


@attrs.frozen
class _Seen:
    number: int
    at_ns: int
    depth: tuple[int, int]
    levels: int
    """Hash over both sides: hours of books are many."""


@attrs.define
class BooksSeen:
    """The distinct books of signals, by venue and the venue's number."""

    seen: dict[tuple[Venue, int], _Seen] = attrs.field(factory=dict)
    first_ns: int = 0
    last_ns: int = 0
    _known: dict[Venue, BookView] = attrs.field(factory=dict)

    def take(self, read: ContextRead | StepRead) -> None:
        """One thing of a journal, in order."""
        if isinstance(read, ContextRead):
            return
        if isinstance(read.event, Tick):
            self.last_ns = read.event.now_ns
            self.first_ns = self.first_ns or self.last_ns
        if not isinstance(read.event, Signal):
            return
        for venue, book in read.event.market.books.items():
            if self._known.get(venue) is not book:
                self._known[venue] = book
                depth = len(book.bids), len(book.asks)
                found = _Seen(read.number, self.last_ns, depth, hash((book.bids, book.asks)))
                self.seen.setdefault((venue, book.update_id), found)


def compared_books(books: BooksSeen, folder: Path, symbol: Symbol, told: Told = nothing) -> dict[Venue, BooksOfVenue]:
    """Hold them against a recording.

    Raises:
        ConfigError: the recording has no book of these.
        RecordingDamaged: it cannot be read.
    """
    result = {venue: BooksOfVenue() for venue in Venue}
    for venue, _ in books.seen:
        result[venue].seen += 1
    left = dict(books.seen)
    wanted = Wanted(
        since_ns=max(0, books.first_ns - AROUND_S * NS_PER_S), until_ns=books.last_ns + AROUND_S * NS_PER_S,
        symbols=frozenset({symbol}), lead_in=True,
    )
    followers = Followers()
    for entry in entries(wanted, folder, told=told):
        for follower, _words in followers.follow(entry):
            key = follower.market.venue, follower.book.update_id
            if follower.book.synced and key in left:
                _compare(result[key[0]], key, left.pop(key), follower)
    if not any(of.compared for of in result.values()):
        allowed = "a recording of the same time and symbol"
        raise ConfigError(str(folder), "--with", "none of the journal's books", allowed)
    return result


def _compare(of: BooksOfVenue, key: tuple[Venue, int], seen: _Seen, follower: MarketFollower) -> None:
    book = follower.book
    bids, asks = (tuple(side) for side in (book.bids(seen.depth[0]), book.asks(seen.depth[1])))
    of.compared += 1
    if hash((bids, asks)) == seen.levels:
        return
    of.unlike += 1
    if of.first is None:
        of.first = UnlikeBook(
            venue=key[0].value, update_id=key[1], number=seen.number, at_ns=seen.at_ns, bids=(), asks=(),
            recorded_bids=_levels(bids), recorded_asks=_levels(asks),
        )


def with_own_levels(found: Mapping[Venue, BooksOfVenue], reads: Iterable[ContextRead | StepRead]) -> None:
    """What the journal has in the first place of each difference: read again, because only then it is needed."""
    left = [(of, of.first) for of in found.values() if of.first is not None]
    for read in reads:
        if not left:
            return
        if not isinstance(read, StepRead) or not isinstance(read.event, Signal):
            continue
        for of, first in [one for one in left if one[1].number == read.number]:
            left.remove((of, first))
            book = read.event.market.books[Venue(first.venue)]
            of.first = msgspec.structs.replace(first, bids=_levels(book.bids), asks=_levels(book.asks))


def _levels(side: Iterable[tuple[object, ...]]) -> Levels:
    return tuple((str(level[0]), str(level[1])) for level in side)
