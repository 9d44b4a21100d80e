"""A market that is kept elsewhere and shown here, so that orders meet the books of real venues and no venue.

Books come with their age. One that has not been told anew for `book_age_ms_max` is taken away: an order then finds
nobody, and what waits goes on waiting. Nothing is ever traded at a price that nobody knows any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from .exchange import Exchange
from .mirror_board import MirrorBoard, Shown
from .mirror_funding import ToldFunding
from .mirror_words import BookLost, BookTold, RatesTold, Terms, Told, TradeTold
from .records import VENUES, Venue

LOOK_S = 0.05


@attrs.define(eq=False)
class Mirror:
    """Takes in what is told. Every method but ``run`` is synchronous."""

    exchange: Exchange
    funding: ToldFunding
    terms: Terms
    boards: dict[Venue, MirrorBoard] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        instruments = self.exchange.state.instruments
        self.boards = {
            venue: MirrorBoard(self.exchange, instruments[venue, self.terms.symbol]) for venue in VENUES
        }

    def take(self, told: Sequence[Told]) -> None:
        """Take in all of these, in their order; or raise MirrorRefused and take in none."""
        books = {place: self._checked(word) for place, word in enumerate(told) if isinstance(word, BookTold)}
        for place, word in enumerate(told):
            self._carry_out(word, books.get(place))
        self.exchange.commit()

    def drop_stale(self) -> None:
        """Take away every book that is older than it may be."""
        now_s = self.exchange.clock.monotonic_s()
        for board in self.boards.values():
            if now_s > board.fresh_until_s and not board.is_empty:
                board.clear()
        self.exchange.commit()

    async def run(self) -> None:
        """Take stale books away in time, until cancelled."""
        while True:
            await trio.sleep(LOOK_S)
            self.drop_stale()

    def _checked(self, book: BookTold) -> Shown:
        """What the board shall hold: nothing of a book that is too old already."""
        levels = self.boards[book.venue].checked(book)
        return levels if book.age_ms < self.terms.book_age_ms_max else {"buy": {}, "sell": {}}

    def _carry_out(self, word: Told, levels: Shown | None) -> None:
        match word:
            case BookTold(venue=venue, age_ms=age_ms):
                assert levels is not None
                left_s = (self.terms.book_age_ms_max - age_ms) / 1000
                self.boards[venue].fresh_until_s = self.exchange.clock.monotonic_s() + left_s
                self.boards[venue].show(levels)
            case BookLost(venue=venue):
                self.boards[venue].clear()
            case TradeTold(venue=venue):
                self.boards[venue].trade(word)
            case RatesTold():
                self.funding.tell(self.terms.symbol, word)
