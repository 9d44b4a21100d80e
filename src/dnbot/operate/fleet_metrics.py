"""`/metrics` of a worker: its leases and what it did, and the fleet as it last saw it. No database is asked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from dnbot.fleet.life import TaskState, needs_holder
from dnbot.fleet.words import Picture
from dnbot.metrics.exposition import Family, Value, counter, counters, exposition, gauge, gauges
from dnbot.metrics.histogram import Histogram
from dnbot.metrics.loop_lag import watch_loop
from dnbot.metrics.page import PageServer
from dnbot.operate.fleet_feed_metrics import FEEDS, FeedsMoment
from dnbot.operate.manager import TaskManager
from dnbot.tasks.shared_feeds import SharedFeeds

PATH = "/metrics"
PICTURE_S_MAX = 15.0
"""Figures of the fleet that are older are not told: a worker looks every two seconds."""


@attrs.frozen
class FleetMoment:
    """What the figures are read from; seconds by the worker's monotonic clock."""

    manager: TaskManager
    now_s: float

    @property
    def picture(self) -> Picture | None:
        """The fleet, or None when it was not seen lately."""
        return self.manager.picture if self.now_s - self.manager.picture_s <= PICTURE_S_MAX else None

    @property
    def lease_left_s(self) -> float | None:
        """Until the first of its leases must be renewed or given up; None without one."""
        return min((seat.ends_s - self.now_s for seat in self.manager.seats.values()), default=None)

    @property
    def failures(self) -> int:
        """Of those that run, and of those that did."""
        return self.manager.counts.failures + sum(seat.failures for seat in self.manager.seats.values())


def _states(moment: FleetMoment) -> Mapping[str, Value]:
    picture = moment.picture
    if picture is None:
        return {}
    return {state.value: sum(task.state is state for task in picture.tasks) for state in TaskState}


def _without_holder(moment: FleetMoment) -> Value:
    picture = moment.picture
    if picture is None:
        return None
    return sum(needs_holder(task.state, task.desired) and not task.is_held for task in picture.tasks)


def _alive(moment: FleetMoment) -> Value:
    picture = moment.picture
    if picture is None:
        return None
    return sum(worker.seen_s < moment.manager.terms.ttl_s for worker in picture.workers)


def _claims(moment: FleetMoment) -> Mapping[str, Value]:
    return {"free": moment.manager.counts.claims, "ended": moment.manager.counts.takeovers}


FLEET: tuple[Family[FleetMoment], ...] = (
    gauges("dnbot_fleet_tasks", "Tasks of the fleet by state.", "state", _states),
    gauge("dnbot_fleet_tasks_without_holder", "Tasks that should be held and are not.", _without_holder),
    gauge("dnbot_fleet_workers", "Workers that showed within a lease that they live.", _alive),
    gauge(
        "dnbot_fleet_seen_age_seconds", "Since this worker last saw the fleet in its database.",
        lambda m: m.now_s - m.manager.picture_s if m.manager.picture_s > float("-inf") else None,
    ),
    gauge("dnbot_worker_capacity", "Weights of tasks that it takes, together.", lambda m: m.manager.worker.capacity),
    gauge("dnbot_worker_draining", "1 while it takes no more tasks.", lambda m: int(bool(m.manager.draining))),
    gauge("dnbot_worker_leases", "Tasks that it holds.", lambda m: len(m.manager.seats)),
    gauge(
        "dnbot_worker_lease_left_seconds",
        "Until the first of its tasks is cancelled, unless its lease is renewed; negative while one is ending.",
        lambda m: m.lease_left_s,
    ),
    counters("dnbot_worker_claims_total", "Tasks that it took, by what their last lease was: free or ended.", "lease",
             _claims),
    counter("dnbot_worker_task_failures_total", "Bots that ended unasked.", lambda m: m.failures),
    counter("dnbot_worker_leases_lost_total", "Leases that ended here before they were released.",
            lambda m: m.manager.counts.leases_lost),
    counter("dnbot_fleet_history_pruned_total", "Rows of old history that it deleted.",
            lambda m: m.manager.counts.pruned),
)


@asynccontextmanager
async def fleet_metrics_served(
    manager: TaskManager, listeners: list[trio.SocketListener], feeds: SharedFeeds
) -> AsyncIterator[None]:
    """Inside the block the page is served where there is a socket."""
    lag = Histogram()

    async def page() -> bytes:
        fleet = exposition(FLEET, FleetMoment(manager, trio.current_time()))
        return fleet + exposition(FEEDS, FeedsMoment(feeds, lag))

    async with trio.open_nursery() as nursery:
        if listeners:
            nursery.start_soon(watch_loop, lag.observe, name="loop lag")
            nursery.start_soon(PageServer({PATH: page}, manager.log).serve, listeners, name="metrics")
        yield
        nursery.cancel_scope.cancel()
