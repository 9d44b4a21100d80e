"""`/metrics` of a worker: the public side that its tasks share, per venue, and how late its loop and orders are."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from dnbot.domain.instrument import VENUES, Venue
from dnbot.metrics.exposition import Family, Value, counters, gauges, histogram, histograms
from dnbot.metrics.histogram import Histogram
from dnbot.tasks.shared_feeds import SharedFeeds, SharedVenue


@attrs.frozen
class FeedsMoment:
    """What the figures are read from."""

    feeds: SharedFeeds
    lag: Histogram
    sent: Histogram
    """Of all tasks, from bytes to orders."""

    def of(self, venue: Venue) -> list[SharedVenue]:
        """The venue at each of its addresses: fakes may be at several."""
        return [shared for address, shared in self.feeds.venues.items() if address.venue is venue]


def _each(read: Callable[[SharedVenue], int]) -> Callable[[FeedsMoment], dict[str, Value]]:
    """The sum over addresses; nothing of a venue that no task has read."""
    return lambda moment: {
        venue.value: sum(read(shared) for shared in found) for venue in VENUES if (found := moment.of(venue))
    }


def _turns(moment: FeedsMoment) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for venue in VENUES:
        of_venue = [shared.traffic.turns for shared in moment.of(venue)]
        if of_venue:
            found[venue.value] = _together(of_venue)
    return found


def _together(parts: list[Histogram]) -> Histogram:
    whole = Histogram(parts[0].bounds)
    whole.counts = [sum(counts) for counts in zip(*(part.counts for part in parts), strict=True)]
    whole.total = sum(part.total for part in parts)
    return whole


def _quietest(moment: FeedsMoment) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for venue in VENUES:
        heard = [seat for shared in moment.of(venue) for seat in shared.seats if seat.turns]
        if heard:
            found[venue.value] = min(heard, key=lambda seat: seat.turns).wait_s_max
    return found


def _unheard(moment: FeedsMoment) -> dict[str, Value]:
    return _each(lambda shared: sum(not seat.turns for seat in shared.seats))(moment)


def _requests(shared: SharedVenue) -> int:
    return sum(client.statistics().requests for client in shared.line.clients.values())


FEEDS: tuple[Family[FeedsMoment], ...] = (
    gauges("dnbot_worker_feed_markets", "Markets that its tasks listen to.", "venue", _each(lambda s: len(s.seats))),
    gauges("dnbot_worker_feed_unheard_markets", "Of these, markets of which nothing was said yet.", "venue", _unheard),
    gauges(
        "dnbot_worker_feed_connections", "Public connections that its tasks share.", "venue",
        _each(lambda s: len(s.streams)),
    ),
    counters(
        "dnbot_worker_feed_connections_opened_total", "Of these, opened so far.", "venue",
        _each(lambda s: s.traffic.opened),
    ),
    counters(
        "dnbot_worker_feed_connections_lost_total", "Of the opened ones, those that failed.", "venue",
        _each(lambda s: s.traffic.ended),
    ),
    counters("dnbot_worker_feed_frames_total", "Frames on them.", "venue", _each(lambda s: s.traffic.frames)),
    counters(
        "dnbot_worker_feed_stray_frames_total", "Of these, frames about a market that no task listens to any more.",
        "venue", _each(lambda s: s.traffic.stray),
    ),
    counters(
        "dnbot_worker_feed_stalls_total", "Turns of one task that held up the others for a quarter of a second.",
        "venue", _each(lambda s: s.traffic.stalls),
    ),
    counters(
        "dnbot_worker_feed_requests_total", "Public requests over REST for all its tasks.", "venue", _each(_requests)
    ),
    counters(
        "dnbot_worker_feed_terms_total", "Readings of the instruments of all its tasks.", "venue",
        _each(lambda s: s.terms.readings),
    ),
    histograms(
        "dnbot_worker_feed_turn_seconds", "From the bytes of a burst to all that its tasks decided about it.", "venue",
        _turns,
    ),
    gauges(
        "dnbot_worker_feed_quietest_wait_seconds",
        "Of the market with the fewest bursts: the longest of late from bytes to decision, of ten seconds or twenty.",
        "venue", _quietest,
    ),
    histogram(
        "dnbot_worker_tick_to_order_seconds",
        "Per arbitrage of any of its tasks, from the bytes of the newest book to both orders being sent.",
        lambda m: m.sent,
    ),
    histogram("dnbot_worker_loop_lag_seconds", "How late its loop is, looked at every 50 ms.", lambda m: m.lag),
)
