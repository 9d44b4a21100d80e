"""What a worker tells of the public side that its tasks share: sums over addresses, and who waits longest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
from prometheus_client.parser import text_string_to_metric_families

from dnbot.domain.instrument import Venue
from dnbot.metrics.exposition import exposition
from dnbot.metrics.histogram import Histogram
from dnbot.operate.fleet_feed_metrics import FEEDS, FeedsMoment
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.net import Endpoint
from dnbot.tasks.budgets import own_public
from dnbot.tasks.shared_feeds import Address, SharedFeeds, SharedVenue, shared_feeds
from dnbot.tasks.shared_stream import SharedStream


async def nowhere(host: str, port: int) -> trio.abc.Stream:
    raise AssertionError(f"nobody may dial {host}:{port}")


def told(feeds: SharedFeeds, lag: Histogram) -> dict[str, float]:
    text = exposition(FEEDS, FeedsMoment(feeds, lag, Histogram())).decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples
    }


def stream_of(shared: SharedVenue, **turns: int) -> None:
    """A connection with these markets, each with so many bursts."""
    stream = SharedStream(
        shared.address.venue, shared.terms.sharing, nowhere, "wss://x", shared.line, shared.log, shared.traffic
    )
    shared.streams.append(stream)
    for name, count in turns.items():
        seat = stream.sit(name)
        for _ in range(count):
            seat.note_turn(count / 100, 0.0)


async def test_figures_of_one_venue_are_summed_over_its_addresses(autojump_clock: Any) -> None:
    """Two addresses of Gate spot: markets, connections and turns of both; nothing is told of a venue nobody reads."""
    lag = Histogram()
    async with shared_feeds(VirtualClock(0), EventLog(VirtualClock(0), [MemorySink()]), own_public) as feeds:
        assert not any("GATEIO" in name for name in told(feeds, lag))
        for host in ("one", "two"):
            address = Address(Venue.GATE_SPOT, Endpoint(host, 443), f"wss://{host}", Path("ca"))
            feeds.sources({Venue.GATE_SPOT: address}, nowhere)(Venue.GATE_SPOT)
            feeds.sources({Venue.GATE_SPOT: address}, nowhere)(Venue.GATE_SPOT)
        first, second = feeds.venues.values()
        stream_of(first, A=5, B=3)
        stream_of(second, C=9, D=0)
        first.traffic.frames, second.traffic.frames = 7, 4
        first.traffic.turns.observe(0.001)
        second.traffic.turns.observe(0.3)
        lag.observe(0.02)
        found = told(feeds, lag)
        assert found["dnbot_worker_feed_markets GATEIO_SPOT"] == 4
        assert found["dnbot_worker_feed_unheard_markets GATEIO_SPOT"] == 1
        assert found["dnbot_worker_feed_connections GATEIO_SPOT"] == 2
        assert found["dnbot_worker_feed_frames_total GATEIO_SPOT"] == 11
        assert found["dnbot_worker_feed_turn_seconds_count GATEIO_SPOT"] == 2
        assert found["dnbot_worker_feed_turn_seconds_bucket GATEIO_SPOT 0.001"] == 1
        assert found["dnbot_worker_feed_quietest_wait_seconds GATEIO_SPOT"] == 0.03, "B had the fewest, D none"
        assert found["dnbot_worker_loop_lag_seconds_count"] == 1
        assert not any("MEXC" in name for name in found)
