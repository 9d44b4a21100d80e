"""After a pause of the process nothing that was known is fresh: no book, no balance; new risk waits for new reads."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import VENUES
from dnbot.domain.market import MarketView
from dnbot.domain.messages import Paused
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.turn import Turn


def fold_pause(turn: Turn, event: Paused) -> None:
    """Forget the books, distrust every account until it was read from now on. Repairs need a new book, not a read."""
    turn.change(now_s=max(turn.context.now_s, event.at_s), market_since_s=event.at_s)
    turn.change(market=believed(turn.context.market, event.at_s))
    if event.stood_still:
        _begin_waits_anew(turn, event.at_s)
    for venue in VENUES:
        turn.change_account(venue, must_read_after_s=event.at_s)
        ask_for_read(turn, venue, "recovery", force=True)
    turn.alert("warning", "paused", f"{event.what}: no new risk until books are new and every account is read again")


def _begin_waits_anew(turn: Turn, at_s: float) -> None:
    """Time in which nothing could be seen or done is no time that anybody was given to answer, or a repair to succeed.

    How long delta was out of tolerance is another matter: that clock goes on.
    """
    repair, recovery = turn.context.repair, turn.context.recovery
    turn.change(
        awake_since_s=at_s,
        repair=msgspec.structs.replace(repair, since_s=at_s) if repair is not None else None,
        recovery=msgspec.structs.replace(recovery, attempt_since_s=at_s) if recovery is not None else None,
    )
    for venue in VENUES:
        turn.change_account(venue, unanswered_since_s=0.0)


def believed(market: MarketView, since_s: float) -> MarketView:
    """The market without books whose last update arrived before the pause ended, by monotonic seconds."""
    books = {venue: book for venue, book in market.books.items() if book.received_s >= since_s}
    return market if len(books) == len(market.books) else msgspec.structs.replace(market, books=books)
