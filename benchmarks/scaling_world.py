"""What the scale study stands on: a database, fakes with an account for each task, and workers; all in other processes.

Every worker runs below `timeout`, and database and fakes end with our end of a pipe or of the block: nothing is left
behind, whatever ends the study.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path

import attrs
import httpx
import trio
from prometheus_client.parser import text_string_to_metric_families

from dnbot.fakes.instruments import SymbolParams
from dnbot.fakes.records import VENUES
from dnbot.fakes.universe import COUNT_MAX, invented_name, symbol_params
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import TaskState
from dnbot.fleet.words import NewTask
from dnbot.lab.drills_fakes import DrilledFakes, drilled_fakes
from dnbot.lab.drills_fleet_cost import processor_s
from dnbot.lab.drills_fleet_world import FIRST_UID, FleetTask, fakes_options
from dnbot.operate.fleet_commands import DSN_ENV
from dnbot.operate.task_settings import accounts_of, task_settings
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import EmbeddedServer, embedded_postgres
from dnbot.ports.log import EventLog, stdlib_logging
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_tasks import PostgresTasks

SEED = 7
"""The markets of this one are enough: 247 fit."""
PRICES = (Decimal("0.0001"), Decimal(3000))
DEPTH_MIN, SPREAD_MAX = 0.15, 10.0
CONTRACT_QUOTE_MAX = Decimal(6)
CALM = ("--deviation-bps", "50", "--half-life", "120s")
"""The distance between the spot venues pays now and then, and not all the time as in a drill, which wants orders."""
LOOK_S = 0.5


def study_tasks(count: int) -> list[FleetTask]:
    """So many tasks on markets of every speed, 0.75 to 6 steps a second. Raises ValueError when too few are fit."""
    fit = list(islice(filter(_is_fit, (symbol_params(invented_name(n), SEED) for n in range(COUNT_MAX))), count))
    if len(fit) < count:
        raise ValueError(f"{count} tasks were asked for, and {len(fit)} markets of seed {SEED} are fit")
    return [
        FleetTask(market.symbol.split("/")[0].lower(), market, str(FIRST_UID + place))
        for place, market in enumerate(fit)
    ]


def _is_fit(market: SymbolParams) -> bool:
    return (
        market.venues == VENUES
        and not market.decimal_sizes
        and PRICES[0] <= market.price <= PRICES[1]
        and market.price * market.multiplier <= CONTRACT_QUOTE_MAX
        and market.character.depth >= DEPTH_MIN
        and market.character.spread <= SPREAD_MAX
    )


@attrs.define
class WorkerProcess:
    """One `dnbot worker` and its page of figures."""

    name: str
    folder: Path
    dsn: str
    capacity: int
    life_s: float
    port: int = attrs.field(init=False)
    _guard: subprocess.Popen[bytes] | None = None

    def __attrs_post_init__(self) -> None:
        self.port = _free_port()

    def start(self) -> None:
        """It is killed after `life_s`, also when nobody is left who would do it."""
        command = ["timeout", "-s", "KILL", f"{self.life_s:.0f}", sys.executable, "-P", "-m", "dnbot", "worker"]
        # What a venue allows one address would be met first (docs/fleet.md); here the machine is to be.
        options = ["--name", self.name, "--capacity", str(self.capacity), "--web", "off", "--rate-scale", "100"]
        with (self.folder / f"{self.name}.out").open("ab") as out:
            self._guard = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                [*command, *options, "--metrics", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, cwd=self.folder,
                env=os.environ | {DSN_ENV: self.dsn, "DNBOT_HOME": str(self.folder / self.name)},
            )

    @property
    def pid(self) -> int:
        """Of the worker itself; 0 when there is none any more."""
        assert self._guard is not None
        try:
            words = Path(f"/proc/{self._guard.pid}/task/{self._guard.pid}/children").read_text().split()
        except OSError:
            return 0
        return int(words[0]) if words else 0

    def figures(self) -> dict[tuple[str, ...], float]:
        """Its page: by name and values of labels."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=20).text
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples
        }

    def kill(self) -> None:
        """At once, and wait for it."""
        if self._guard is not None:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
            self._guard.kill()
            self._guard.wait(10)

    def last_words(self) -> str:
        """The end of what it printed."""
        return (self.folder / f"{self.name}.out").read_bytes()[-600:].decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@attrs.define
class StudyWorld:
    """What runs, and how to ask it."""

    server: EmbeddedServer
    fakes: DrilledFakes
    store: PostgresStore
    workers: Sequence[WorkerProcess]

    async def running(self) -> int:
        """Tasks that may trade."""
        picture = await PostgresTasks(self.store).picture()
        return sum(task.state is TaskState.RUNNING and task.is_held for task in picture.tasks)

    async def orders(self) -> int:
        """All that were ever intended."""
        (row,) = await self.store.read("select count(*) as n from order_intents")
        return int(row["n"])

    async def until_running(self, wanted: int, limit_s: float) -> float | None:
        """Wait for so many; the seconds that it took, None when they were not there in time.

        Raises RuntimeError when a worker ended.
        """
        began_s = trio.current_time()
        while await self.running() < wanted:
            dead = [worker for worker in self.workers if not worker.pid]
            if dead:
                raise RuntimeError("; ".join(f"{worker.name} ended: {worker.last_words()}" for worker in dead))
            if trio.current_time() - began_s > limit_s:
                return None
            await trio.sleep(LOOK_S)
        return trio.current_time() - began_s

    def processor_s(self) -> dict[str, float]:
        """Seconds of a core so far, by who used them."""
        found = {worker.name: processor_s(worker.pid) for worker in self.workers}
        return found | {"fakes": processor_s(self.fakes.pid), "database": processor_s(self.server.pid)}


def waited_s(pid: int) -> float:
    """How long a process has waited for a core that others had (Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


@asynccontextmanager
async def study_world(
    folder: Path, processes: int, symbols: int, life_s: float
) -> AsyncGenerator[StudyWorld, None]:
    """So many workers, started, with so many symbols each; they may not be running yet. Nothing outlives the block."""
    tasks = study_tasks(processes * symbols)
    log = EventLog(SystemClock(), [MemorySink()])
    async with AsyncExitStack() as stack:
        stack.enter_context(stdlib_logging(log))
        server = await stack.enter_async_context(embedded_postgres(folder / "db", log))
        fakes = await stack.enter_async_context(drilled_fakes(folder, SEED, [*fakes_options(tasks), *CALM]))
        await migrate(server.dsn, log=log)
        store = await stack.enter_async_context(open_postgres_store(server.dsn, log=log))
        await _add(tasks, folder, store, fakes)
        names = [f"w{number}" for number in range(1, processes + 1)]
        workers = [WorkerProcess(name, folder, server.dsn, symbols, life_s) for name in names]
        try:
            for worker in workers:
                worker.start()
            await trio.sleep(LOOK_S)  # below `timeout` there is a worker a moment later
            yield StudyWorld(server, fakes, store, workers)
        finally:
            for worker in workers:
                worker.kill()


async def _add(tasks: Sequence[FleetTask], folder: Path, store: PostgresStore, fakes: DrilledFakes) -> None:
    assert fakes.address is not None
    for task in tasks:
        task.written(folder, fakes.address)
        text = task.settings(folder)
        settings = task_settings(task.name, text, DSN_ENV, LeaseTerms())
        new = NewTask(task_id=task.name, symbol=task.symbol, settings=text, accounts=accounts_of(settings))
        await PostgresTasks(store).add(new, who="study")
