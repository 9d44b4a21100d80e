"""`/metrics` of a worker tells its leases and the fleet that it sees, in words that Prometheus' own parser accepts."""

from __future__ import annotations

from decimal import Decimal

import attrs
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from dnbot.bot import Place
from dnbot.domain.instrument import Symbol, Venue
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired
from dnbot.fleet.risk import FleetLimits
from dnbot.fleet.words import NewTask, Worker
from dnbot.metrics.exposition import exposition
from dnbot.metrics.histogram import Histogram
from dnbot.operate.budgets import Budgets
from dnbot.operate.fleet_metrics import FLEET, PICTURE_S_MAX, FleetMoment, fleet_metrics_served
from dnbot.operate.fleet_risk import HOLDS_S, FleetRiskWatch
from dnbot.operate.manager import TaskManager
from dnbot.operate.seat import Seat
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.fleet_risk import MemoryFleetRisk
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_budgets import MemoryBudgets
from dnbot.ports.memory_tasks import MemoryTasks, MemoryTasksDatabase
from dnbot.ports.net import Endpoint
from dnbot.ports.signer import CredentialSigner
from dnbot.tasks.budgets import own_public
from dnbot.tasks.shared_feeds import shared_feeds
from dnbot.venues.wire import RequestClass

TERMS = LeaseTerms()


@attrs.define
class Bots:
    """Run until they are asked to end; the one named `bad` fails once."""

    failed: bool = False

    async def __call__(self, seat: Seat) -> None:
        seat.started()
        if seat.lease.task_id == "bad" and not self.failed:
            self.failed = True
            raise RuntimeError("once")
        while seat.wish is not Desired.STOPPED:
            await seat.wished(seat.wish)


def manager_of(database: MemoryTasksDatabase, name: str) -> TaskManager:
    """A worker that has room for three tasks."""
    worker = Worker(worker_id=name, name=name, capacity=3)
    return TaskManager(MemoryTasks(database), Bots(), worker, EventLog(VirtualClock(0), [MemorySink()]), TERMS)


def beside(manager: TaskManager) -> tuple[Budgets, FleetRiskWatch]:
    """A worker's rate budgets and the limits of its fleet, which nobody uses."""
    watch = FleetRiskWatch(MemoryFleetRisk(), manager.log)
    return Budgets(MemoryBudgets(), manager.worker.worker_id, "one", manager.log, TERMS.ttl_s), watch


def told(manager: TaskManager, budgets: Budgets | None = None, fleet: FleetRiskWatch | None = None) -> dict[str, float]:
    """Every series of its page, labels behind the name."""
    unused, watch = beside(manager)
    text = exposition(FLEET, FleetMoment(manager, budgets or unused, fleet or watch, trio.current_time())).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[" ".join([sample.name, *sample.labels.values()])] = sample.value
    return found


async def filled(*names: str) -> MemoryTasksDatabase:
    """A database with tasks."""
    database = MemoryTasksDatabase()
    for name in names:
        new = NewTask(task_id=name, symbol=Symbol(name.upper(), "USDT"), settings="", accounts=(name,))
        await MemoryTasks(database).add(new, who="test")
    return database


async def test_a_worker_tells_what_it_holds_and_what_failed(autojump_clock: MockClock) -> None:
    """Tasks by state, leases, how long until the first must be renewed, a failure; what has not happened is zero."""
    manager = manager_of(await filled("bad", "good", "more", "over"), "one")
    before = told(manager)
    assert before["dnbot_worker_leases"] == 0
    assert not any(name.startswith("dnbot_fleet_tasks") for name in before), "nothing was seen yet"
    assert "dnbot_worker_lease_left_seconds" not in before
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.run)
        await trio.sleep(11)
        found = told(manager)
        assert found["dnbot_fleet_tasks running"] == 3
        assert found["dnbot_fleet_tasks created"] == found["dnbot_fleet_tasks_without_holder"] == 1
        assert found["dnbot_fleet_tasks quarantined"] == 0
        assert (found["dnbot_fleet_workers"], found["dnbot_worker_leases"]) == (1, 3)
        assert (found["dnbot_worker_capacity"], found["dnbot_worker_draining"]) == (3, 0)
        assert found["dnbot_worker_claims_total free"] == 3
        assert found["dnbot_worker_claims_total ended"] == 0
        assert found["dnbot_worker_task_failures_total"] == 1
        assert found["dnbot_worker_leases_lost_total"] == 0
        left_s = TERMS.ttl_s - TERMS.margin_s - 1
        assert found["dnbot_worker_lease_left_seconds"] == left_s, "renewed a second ago"
        manager.drain("enough")
        await trio.sleep(1)
        assert told(manager)["dnbot_worker_draining"] == 1
        assert told(manager)["dnbot_worker_task_failures_total"] == 1, "also when the task has gone"


async def test_a_fleet_that_was_not_seen_lately_is_not_told(autojump_clock: MockClock) -> None:
    """Old figures would look like good ones; how old they are is told, and the leases that were lost meanwhile."""
    database = await filled("btc")
    manager = manager_of(database, "one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.run)
        await trio.sleep(5)
        assert isinstance(manager.tasks, MemoryTasks)
        manager.tasks.down = True
        await trio.sleep(PICTURE_S_MAX + TERMS.ttl_s)
        found = told(manager)
        assert not any(name.startswith(("dnbot_fleet_tasks", "dnbot_fleet_workers")) for name in found)
        assert found["dnbot_fleet_seen_age_seconds"] > PICTURE_S_MAX
        assert (found["dnbot_worker_leases"], found["dnbot_worker_leases_lost_total"]) == (0, 1)
        manager.tasks.down = False
        await trio.sleep(5)
        assert told(manager)["dnbot_worker_claims_total ended"] == 1
        nursery.cancel_scope.cancel()


async def test_the_page_is_served_where_there_is_a_socket() -> None:
    """As text for Prometheus, until the worker has ended."""
    manager = manager_of(MemoryTasksDatabase(), "one")
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    sent = Histogram()
    sent.observe(0.004)
    async with (
        shared_feeds(VirtualClock(0), manager.log, own_public) as feeds,
        fleet_metrics_served(manager, *beside(manager), feeds, sent, listeners),
        await trio.open_tcp_stream("127.0.0.1", port) as client,
    ):
        await client.send_all(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = b""
        while chunk := await client.receive_some():
            answer += chunk
    assert b"200" in answer.partition(b"\r\n")[0]
    assert b"dnbot_worker_capacity 3\n" in answer
    assert b"dnbot_worker_tick_to_order_seconds_count 1\n" in answer
    assert b"# TYPE dnbot_worker_feed_turn_seconds histogram\n" in answer, "no task reads a venue yet"
    families = list(text_string_to_metric_families(answer.partition(b"\r\n\r\n")[2].decode()))
    assert len({family.name for family in families}) == len(families)


async def test_shares_of_limits_and_where_the_fleet_stands_are_told(autojump_clock: MockClock) -> None:
    """A worker's share of an address' limits, what it was refused, and the fleet's figures; limited while nobody has
    looked, and when what was seen is too old."""
    manager = manager_of(MemoryTasksDatabase(), "one")
    budgets, watch = beside(manager)
    assert told(manager, budgets, watch)["dnbot_fleet_limited"] == 1
    signer = CredentialSigner(Credentials(Secret("key"), Secret("secret"), "1"))
    place = Place(Endpoint("mexc.example", 443), "wss://mexc.example")
    watch.store = MemoryFleetRisk(FleetLimits(gross_quote_max=Decimal(500)))
    async with budgets.leased(), watch.looking():
        async with budgets.of_task("btc", {Venue.MEXC_SPOT: place}, {Venue.MEXC_SPOT: signer}) as of:
            of(Venue.MEXC_SPOT)[RequestClass.READ].penalise(1)
            found = told(manager, budgets, watch)
            assert found["dnbot_worker_budget_share MEXC_SPOT weight"] == 18 / 300
            assert found["dnbot_worker_budget_penalties_total"] == 1
            assert found["dnbot_fleet_risk_quote gross exposure"] == found["dnbot_fleet_limited"] == 0
        await trio.sleep(3)
        found = told(manager, budgets, watch)
        assert found["dnbot_worker_budget_penalties_total"] == 1, "also when the task has gone"
        assert found["dnbot_worker_budgets_age_seconds"] <= 3
    await trio.sleep(HOLDS_S)
    found = told(manager, budgets, watch)
    assert found["dnbot_fleet_limited"] == 1
    assert "dnbot_fleet_risk_quote gross exposure" not in found
