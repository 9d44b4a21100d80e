"""A market that is kept elsewhere and shown here, so that orders meet the books of real venues and no venue.

Books come with their age. One that has not been told anew for `book_age_ms_max` is taken away: an order then finds
nobody, and what waits goes on waiting. Nothing is ever traded at a price that nobody knows any more.
"""

from __future__ import annotations

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

    def take(self, told: list[Told]) -> None:
        """Take in all of these, in their order; or raise MirrorRefused and take in none."""
        shown = [self.boards[word.venue].checked(word) if isinstance(word, BookTold) else None for word in told]
        for word, levels in zip(told, shown, strict=True):
            self._carry_out(word, levels)
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

    def _carry_out(self, word: Told, levels: Shown | None) -> None:
        match word:
            case BookTold(venue=venue, age_ms=age_ms) if levels is not None:
                left_s = (self.terms.book_age_ms_max - age_ms) / 1000
                board = self.boards[venue]
                board.fresh_until_s = self.exchange.clock.monotonic_s() + left_s
                if left_s > 0:
                    board.show(levels)
                else:
                    board.clear()
            case BookLost(venue=venue):
                self.boards[venue].clear()
            case TradeTold(venue=venue):
                self.boards[venue].trade(word)
            case RatesTold():
                self.funding.tell(self.terms.symbol, word)
