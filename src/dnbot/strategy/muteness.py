"""A private stream that answers pings and tells nothing: its key has died, or the venue forgot a subscription.

Whatever trades, the stream tells of: the order, the trade, the balance that it moved. A trade of ours that was found by
reading, around which the stream says nothing at all, is proof that it is mute: then its silence proves nothing, and it
is opened anew. Without a trade nobody misses anything.
"""

from __future__ import annotations

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import ReopenStream
from dnbot.strategy.context import VenueAccount
from dnbot.strategy.turn import Turn

TOGETHER_S = 1.0
"""News may come so long before the trade is booked, and are not missed for so long afterwards."""
MUTE_S = 10.0
"""A stream that is only late is left alone: to open it anew costs a few seconds of trading."""


def note_told(turn: Turn, venue: Venue) -> None:
    """The stream told something of the account."""
    turn.change_account(venue, told_s=turn.context.now_s, untold_since_s=None)


def note_traded(turn: Turn, venue: Venue, created_s: float) -> None:
    """A trade was booked of an order that was decided then: the stream has to tell of it, if it lived before that."""
    account = turn.context.accounts[venue]
    has_told = account.told_s >= turn.context.now_s - TOGETHER_S
    if account.stream_up and account.stream_since_s <= created_s and account.untold_since_s is None and not has_told:
        turn.change_account(venue, untold_since_s=turn.context.now_s)


def is_mute(account: VenueAccount, now_s: float) -> bool:
    """Whether it has kept a trade from us for longer than the news of one take."""
    return account.untold_since_s is not None and now_s - account.untold_since_s > TOGETHER_S


def watch_muteness(turn: Turn) -> None:
    """Have streams opened anew that have told nothing of a trade for `MUTE_S`, the time that we slept aside."""
    context = turn.context
    for venue in VENUES:
        since_s = context.accounts[venue].untold_since_s
        if since_s is None or context.now_s - max(since_s, context.awake_since_s) <= MUTE_S:
            continue
        turn.change_account(venue, untold_since_s=None)
        why = f"the private stream answers pings, and told nothing of a trade {context.now_s - since_s:.0f} s ago"
        turn.commands.append(ReopenStream(venue, why))
