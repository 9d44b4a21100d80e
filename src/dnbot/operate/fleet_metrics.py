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
from dnbot.operate.budgets import Budgets
from dnbot.operate.fleet_feed_metrics import FEEDS, FeedsMoment
from dnbot.operate.fleet_risk import HOLDS_S, FleetRiskWatch
from dnbot.operate.manager import TaskManager
from dnbot.tasks.shared_feeds import SharedFeeds
from dnbot.venues.limits import Scope

PATH = "/metrics"
PICTURE_S_MAX = 15.0
"""Figures of the fleet that are older are not told: a worker looks every two seconds."""


@attrs.frozen
class FleetMoment:
    """What the figures are read from; seconds by the worker's monotonic clock."""

    manager: TaskManager
    budgets: Budgets
    fleet: FleetRiskWatch
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


def _shares(moment: FleetMoment) -> Mapping[str, Value]:
    """Where a venue is reached in several places, the smallest."""
    found: dict[str, Value] = {}
    pools = [pool for pool in moment.budgets.pools.values() if pool.limit.scope is Scope.ADDRESS]
    for pool in sorted(pools, key=lambda pool: pool.limiter.share / pool.capacity, reverse=True):
        found[f"{pool.venue.value} {pool.limit.pool}"] = pool.limiter.share / pool.capacity
    return found


def _penalties(moment: FleetMoment) -> Value:
    return moment.budgets.penalties


def _risk(moment: FleetMoment) -> Mapping[str, Value]:
    """What is unknown is not told; `dnbot_fleet_limited` says that it refuses."""
    if moment.now_s - moment.fleet.read_s > HOLDS_S or not moment.fleet.limits.is_set:
        return {}
    return {figure.name: figure.total for figure in moment.fleet.risk.figures if figure.total is not None}


def _limited(moment: FleetMoment) -> Value:
    return int(bool(moment.fleet.risk.denial) or moment.now_s - moment.fleet.read_s > HOLDS_S)


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
    gauges("dnbot_worker_budget_share", "Of a venue's limit of an address, what this worker may spend, 0..1.", "limit",
           _shares),
    counter("dnbot_worker_budget_penalties_total", "Requests of its tasks that a venue refused as too many.",
            _penalties),
    gauge(
        "dnbot_worker_budgets_age_seconds", "Since shares of rate budgets were last leased.",
        lambda m: m.now_s - m.budgets.answered_s if m.budgets.answered_s > float("-inf") else None,
    ),
    gauges("dnbot_fleet_risk_quote", "What all tasks have together, where a limit is set.", "figure", _risk),
    gauge("dnbot_fleet_limited", "1 while limits over the fleet let no task take new risk.", _limited),
)


@asynccontextmanager
async def fleet_metrics_served(
    manager: TaskManager, budgets: Budgets, fleet: FleetRiskWatch, feeds: SharedFeeds,
    sent: Histogram, listeners: list[trio.SocketListener],
) -> AsyncIterator[None]:
    """Inside the block the page is served where there is a socket. `sent` is what tasks observe; see `TaskRunner`."""
    lag = Histogram()

    async def page() -> bytes:
        told = exposition(FLEET, FleetMoment(manager, budgets, fleet, trio.current_time()))
        return told + exposition(FEEDS, FeedsMoment(feeds, lag, sent))

    async with trio.open_nursery() as nursery:
        if listeners:
            nursery.start_soon(watch_loop, lag.observe, name="loop lag")
            nursery.start_soon(PageServer({PATH: page}, manager.log).serve, listeners, name="metrics")
        yield
        nursery.cancel_scope.cancel()
