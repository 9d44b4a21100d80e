"""Venues that cancel our orders by themselves when we are gone: while one may do so, no new risk is taken there."""

from __future__ import annotations

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import CountdownSet
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import StrategyState
from dnbot.strategy.turn import Turn

_NOT_WATCHED = frozenset({StrategyState.INITIALIZING, StrategyState.SHUTDOWN})


def lapsed(context: StrategyContext, now_s: float) -> tuple[Venue, ...]:
    """Venues whose countdown is kept and may have run out, at a time of the monotonic clock."""
    return tuple(
        venue for venue in VENUES
        if (until_s := context.accounts[venue].countdown_until_s) is not None and now_s >= until_s
    )


def fold_countdown(turn: Turn, event: CountdownSet) -> None:
    """A renewal counts from when it was asked for; one that failed leaves what was known.

    Before the first one the venue holds no timer, and until it does no new risk is taken either.
    """
    known_s = turn.context.accounts[event.venue].countdown_until_s
    until_s = event.until_s if known_s is None else max(known_s, event.until_s)
    turn.change_account(event.venue, countdown_until_s=until_s)
    if event.failure:
        text = f"{event.venue.value}: its countdown was not renewed: {event.failure}"
        turn.alert("warning", f"countdown:{event.venue.value}", text)


def watch_countdowns(turn: Turn) -> None:
    """Tell that a venue may have cancelled what rests there; one that was not armed yet has cancelled nothing."""
    if turn.state in _NOT_WATCHED:
        return
    for venue in lapsed(turn.context, turn.context.now_s):
        if not turn.context.accounts[venue].countdown_until_s:
            continue
        text = f"{venue.value} may have cancelled our orders: its countdown ran out; no new risk until it is renewed"
        turn.alert("critical", f"countdown_lapsed:{venue.value}", text)
