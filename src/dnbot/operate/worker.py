"""`dnbot worker`: one process of the fleet, from its database to its last task's end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import attrs
import trio

from dnbot import __version__
from dnbot.domain.errors import ConfigError
from dnbot.domain.venue_names import AS_THEY_ARE
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.words import Worker
from dnbot.metrics.histogram import Histogram
from dnbot.operate.budgets import Budgets
from dnbot.operate.control_socket import only_bot_of
from dnbot.operate.database_place import external_dsn
from dnbot.operate.face import PlainFace
from dnbot.operate.fleet_metrics import fleet_metrics_served
from dnbot.operate.fleet_risk import FleetRiskWatch
from dnbot.operate.logs import LOG_FILE
from dnbot.operate.manager import HISTORY_DAYS, TaskManager
from dnbot.operate.masking import Mask
from dnbot.operate.metrics import metrics_listeners
from dnbot.operate.state_folder import made_private
from dnbot.operate.task_runner import TaskRunner
from dnbot.ports.clock import Clock, SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.fleet_risk import PostgresFleetRisk
from dnbot.ports.log import EventLog, stdlib_logging
from dnbot.ports.log_sinks import FileSink, Sink, TerminalSink
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_budgets import PostgresBudgets
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.ports.redaction import Redactor
from dnbot.tasks.shared_feeds import shared_feeds

ONE_ADDRESS = "one"
"""Of workers that do not say where their requests leave from: they could all be behind one address."""


@attrs.frozen
class StandingWorker:
    """A worker as whoever serves beside it sees it."""

    manager: TaskManager
    clock: Clock
    log: EventLog
    home: Path
    dsn: str = attrs.field(repr=False)
    say: Callable[[str], None]
    """A sentence for the person at the terminal."""


class BesideWorker(Protocol):
    """What a worker may have served beside itself."""

    def prepare(self, home: Path, registry: SecretRegistry) -> None:
        """Before anything is started; raises ConfigError for what it cannot be served with."""
        ...

    async def serve(self, worker: StandingWorker) -> None:
        """Until cancelled; what goes wrong there does not end the worker."""
        ...


@attrs.frozen
class WorkerOptions:
    """What the command line says."""

    home: Path
    dsn_env: str
    capacity: int
    terms: LeaseTerms
    registry: SecretRegistry
    name: str = ""
    address: str = ONE_ADDRESS
    """The public address that requests leave from; workers that say the same share its rate limits."""
    rate_scale: float = 1.0
    """The venues grant so many times the limits that they publish."""
    history_days: float = HISTORY_DAYS
    """Events of tasks, and rows of workers that are gone, are deleted after so long."""
    metrics: tuple[str, int] | None = None
    """Host and port at which Prometheus may ask."""
    beside: BesideWorker | None = None
    """The fleet's page; given by the command, which may see its room."""


def fleet_dsn(dsn_env: str, registry: SecretRegistry) -> str:
    """How to reach the fleet's database.

    Raises:
        ConfigError: nothing says so, or TLS is left open. A fleet has no database of its own: every worker must reach
            the same one.
    """
    if not os.environ.get(dsn_env) and f"{dsn_env}_FILE" not in os.environ:
        raise ConfigError(
            "environment", dsn_env, "nothing", "the connection string of the PostgreSQL that all workers share"
        )
    return external_dsn(dsn_env, registry)


async def work(options: WorkerOptions) -> int:
    """Run tasks until SIGTERM or SIGINT, then hand them over; a second signal cancels them. Returns the exit code.

    Raises:
        ConfigError, StoreUnreachable: it could not begin.
    """
    home, registry = options.home, options.registry
    dsn, mask = fleet_dsn(options.dsn_env, registry), Mask(registry)
    redactor, clock = Redactor(registry), SystemClock()
    made_private(home)
    with only_bot_of(home, in_worker=True):
        sinks: list[Sink] = [FileSink(home / LOG_FILE), TerminalSink(sys.stderr, redactor, level_min="warning")]
        log = EventLog(clock, sinks, redactor)
        sent = Histogram()
        if options.beside is not None:
            options.beside.prepare(home, registry)
        with stdlib_logging(log):
            async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
                nursery.start_soon(log.drain, name="log")
                try:
                    pages = await metrics_listeners(options.metrics, stack)
                    for name in await migrate(dsn, log=log):
                        log.info("migrated", name=name)
                    async with open_postgres_store(dsn, log=log, mask=mask.text) as store:
                        await store.take_names(AS_THEY_ARE)
                        name = options.name or socket.gethostname()
                        worker = Worker(
                            worker_id=f"{name}-{os.getpid()}-{clock.now_ns() // 1_000_000_000}", name=name,
                            capacity=options.capacity, version=__version__,
                        )
                        log.info("worker", worker=worker.worker_id, capacity=worker.capacity)
                        budgets = Budgets(
                            PostgresBudgets(store), worker.worker_id, options.address, log, options.terms.ttl_s,
                            options.rate_scale,
                        )
                        fleet = FleetRiskWatch(PostgresFleetRisk(store), log)
                        shared = shared_feeds(clock, log, budgets.of_feeds)
                        async with shared as feeds, budgets.leased(), fleet.looking():
                            runner = TaskRunner(
                                store, home, options.dsn_env, options.terms, registry, redactor, log, budgets, fleet,
                                feeds, sent,
                            )
                            tasks = PostgresTasks(store, mask.text)
                            manager = TaskManager(
                                tasks, runner, worker, log, options.terms, history_days=options.history_days
                            )
                            standing = StandingWorker(manager, clock, log, home, dsn, PlainFace(sys.stderr).say)
                            async with fleet_metrics_served(manager, budgets, fleet, feeds, sent, pages):
                                await _until_drained(standing, options.beside)
                finally:
                    nursery.cancel_scope.cancel()
                    log.flush_now()
    return 0


async def _until_drained(worker: StandingWorker, beside: BesideWorker | None) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_signals, worker.manager, nursery.cancel_scope, name="signals")
        if beside is not None:
            nursery.start_soon(beside.serve, worker, name="web")
        await worker.manager.run()
        nursery.cancel_scope.cancel()


async def _signals(manager: TaskManager, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        async for number in received:
            if manager.draining:
                scope.cancel()  # every bot still says its farewell
            manager.drain(signal.Signals(number).name)
