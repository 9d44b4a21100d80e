"""Figures per venue: how fresh its words are, and what was asked of it."""

from __future__ import annotations

from collections.abc import Callable

from dnbot.domain.instrument import VENUES
from dnbot.metrics.exposition import Family, Value, counters, gauge, gauges
from dnbot.operate.metrics_moment import Moment
from dnbot.operate.status import Traffic
from dnbot.strategy.view_parts import VenueView


def _shown(name: str, text: str, read: Callable[[VenueView], Value]) -> Family[Moment]:
    return gauges(name, text, "venue", lambda m: {one.venue: read(one) for one in m.status.view.venues})


def _asked(name: str, text: str, read: Callable[[Traffic], Value]) -> Family[Moment]:
    return counters(name, text, "venue", lambda m: {one.venue: read(one) for one in m.status.traffic})


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _countdowns(moment: Moment) -> dict[str, Value]:
    """Less than nothing once it may have run out; nothing is told where none was armed."""
    kept = ((venue, moment.context.accounts[venue].countdown_until_s) for venue in VENUES)
    return {venue.value: until_s - moment.context.now_s for venue, until_s in kept if until_s}


def _clock_errors(moment: Moment) -> dict[str, Value]:
    return {venue.value: _seconds(moment.context.accounts[venue].clock_error_ms) for venue in VENUES}


VENUE_FIGURES: tuple[Family[Moment], ...] = (
    _shown("dnbot_best_bid_quote", "Best bid, quote units.", lambda v: v.bid),
    _shown("dnbot_best_ask_quote", "Best ask, quote units.", lambda v: v.ask),
    _shown("dnbot_book_fresh", "1 while the book is young enough to act on.", lambda v: int(v.book_fresh)),
    _shown("dnbot_book_age_seconds", "Since the newest update of the book.", lambda v: _seconds(v.book_age_ms)),
    _shown("dnbot_private_stream_up", "1 while the private stream is proven live.", lambda v: int(v.stream_up)),
    _shown(
        "dnbot_account_ready", "1 while the account is read after the last gap and agrees with our ledger.",
        lambda v: int(v.ready),
    ),
    _shown(
        "dnbot_account_read_age_seconds", "Since the last complete read of the account began.",
        lambda v: _seconds(v.read_age_ms),
    ),
    _shown(
        "dnbot_ledger_differences", "Assets in which the venue and our ledger disagreed at the last quiet read.",
        lambda v: len(v.differences),
    ),
    _shown("dnbot_taker_fee_ratio", "Taker fee.", lambda v: None if v.taker_bps is None else v.taker_bps / 10_000),
    _shown("dnbot_clock_offset_seconds", "The venue's clock less ours.", lambda v: _seconds(v.clock_offset_ms)),
    gauges("dnbot_clock_error_seconds", "How far that may be wrong.", "venue", _clock_errors),
    gauges(
        "dnbot_countdown_remaining_seconds", "Until the venue may cancel our orders by itself.", "venue", _countdowns
    ),
    gauge(
        "dnbot_countdown_setting_seconds", "How long a countdown runs when it was just renewed; 0: none is kept.",
        lambda m: m.bot.parts.countdown_s,
    ),
    _asked("dnbot_requests_total", "Requests over REST.", lambda t: t.requests),
    _asked("dnbot_requests_not_sent_total", "Of these, requests that provably never left.", lambda t: t.not_sent),
    _asked("dnbot_requests_ambiguous_total", "Of these, requests whose answer never came.", lambda t: t.ambiguous),
    _asked("dnbot_connections_opened_total", "Connections opened for REST.", lambda t: t.connections),
    _asked("dnbot_throttled_total", "Pauses that the venue's rate limit imposed.", lambda t: t.throttled),
    _asked("dnbot_logins_total", "Private streams opened.", lambda t: t.logins),
    _asked("dnbot_reconnects_total", "Restarts of feed and session.", lambda t: t.reconnects),
    _asked("dnbot_book_snapshots_total", "Snapshots of the book fetched.", lambda t: t.resyncs),
    _asked("dnbot_unknown_frames_total", "Frames that no codec knows.", lambda t: t.unknown_frames),
)
