"""What a drilled fleet stands on: one PostgreSQL, fakes with an account per task, and workers that come and go.

Everything lives in one folder that is gone afterwards, and every process is ended by its id, also after Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from dnbot.domain.errors import OperatingError
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import TaskState
from dnbot.fleet.words import NewTask, Picture
from dnbot.lab.drills_fakes import DrilledFakes, drilled_fakes, until
from dnbot.lab.drills_fleet_world import FleetTask, fakes_options
from dnbot.lab.drills_reads import read_patiently
from dnbot.lab.drills_stage import Controls
from dnbot.operate.fakes_process import read_address
from dnbot.operate.fleet_commands import DSN_ENV
from dnbot.operate.places import of_fakes
from dnbot.operate.task_settings import accounts_of, task_settings
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import EmbeddedServer, embedded_postgres
from dnbot.ports.log import EventLog, stdlib_logging
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_tasks import PostgresTasks

STOP_S_MAX = 40.0
LOOK_EVERY_S = 0.3
RATE_SCALE = 100.0
"""These workers stand for machines with an address each, and the fakes have no limits here: see `fakes_options`."""
WHO = "drill"


@attrs.define
class WorkerProcess:
    """One `dnbot worker`, started and ended as a person or a kernel would; each start is another worker."""

    name: str
    folder: Path
    dsn: str
    ttl_s: float
    capacity: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """With a state folder of its own; what it prints goes to a file of its name."""
        command = [sys.executable, "-P", "-m", "dnbot", "worker", "--name", self.name, "--ttl", f"{self.ttl_s:g}"]
        with (self.folder / f"{self.name}.out").open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                [*command, "--capacity", str(self.capacity), "--web", "off", "--rate-scale", f"{RATE_SCALE:g}"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
                start_new_session=True,  # Ctrl-C reaches the drill first
                env=os.environ | {DSN_ENV: self.dsn, "DNBOT_HOME": str(self.folder / self.name)},
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that has ended already takes none."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    async def ended(self, limit_s: float) -> int | None:
        """Its exit code, or None when it has not ended in time."""
        process = self._process
        if process is None:
            return None
        with trio.move_on_after(limit_s):
            await until(lambda: process.poll() is not None)
        return process.poll()

    def destroy(self) -> None:
        """SIGKILL, also of one that stands still, and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)

    def last_words(self) -> str:
        """The end of what it printed."""
        path = self.folder / f"{self.name}.out"
        return path.read_bytes()[-800:].decode(errors="replace") if path.exists() else ""


@attrs.define
class FleetStage:
    """A fleet that runs."""

    folder: Path
    server: EmbeddedServer
    store: PostgresStore
    """Reads alone."""
    controls: Controls
    fakes: DrilledFakes
    tasks: Sequence[FleetTask]
    workers: dict[str, WorkerProcess]
    ttl_s: float
    clock: SystemClock = attrs.field(factory=SystemClock)

    def now_ms(self) -> int:
        """The clock that fakes and database have as well."""
        return self.clock.now_ns() // 1_000_000

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows of the database; an outage of it is sat out for a while."""
        return await read_patiently(self.store, sql, *arguments)

    async def picture(self) -> Picture:
        """The fleet as its database has it now."""
        return await PostgresTasks(self.store).picture()

    async def wait(self, holds: Callable[[], Awaitable[bool]], limit_s: float, what: str) -> None:
        """Wait for an async condition; an outage of the database is none.

        Raises:
            RuntimeError: it did not come true in time.
        """
        with trio.move_on_after(limit_s):
            while True:
                try:
                    if await holds():
                        return
                except OperatingError:
                    pass
                await trio.sleep(LOOK_EVERY_S)
        words = "; ".join(f"{worker.name}: {worker.last_words()}" for worker in self.workers.values())
        raise RuntimeError(f"not within {limit_s:g} s: {what}; {words}")

    async def is_settled(self) -> bool:
        """Whether every worker that runs has its share, and every task may trade."""
        picture = await self.picture()
        names = {worker.worker_id: worker.name for worker in picture.workers}
        shares = dict.fromkeys((name for name, worker in self.workers.items() if worker.pid is not None), 0)
        for task in picture.tasks:
            name = names.get(task.holder or "")
            if task.state is not TaskState.RUNNING or not task.is_held or name not in shares:
                return False
            shares[name] += 1
        return max(shares.values()) - min(shares.values()) <= 1


@asynccontextmanager
async def fleet_stage(
    tasks: list[FleetTask], workers: int, seed: int, ttl_s: float, *, keep: bool = False
) -> AsyncGenerator[FleetStage, None]:
    """Everything but the workers, which are started by whoever asks. On leaving nothing is left, unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="dnbot-drill-fleet-"))
    log = EventLog(SystemClock(), [MemorySink()])
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(stdlib_logging(log))  # a database that is away on purpose is no news to a person
            server = await stack.enter_async_context(embedded_postgres(folder / "db", log))
            fakes = await stack.enter_async_context(drilled_fakes(folder, seed, fakes_options(tasks)))
            await migrate(server.dsn, log=log)
            address = read_address(fakes.address_file)
            await _add(tasks, folder, server.dsn, log, fakes, ttl_s)
            store = await stack.enter_async_context(open_postgres_store(server.dsn, log=log, only_reads=True))
            controls = Controls(of_fakes(address, SecretRegistry()))
            names = [f"w{number}" for number in range(1, workers + 1)]
            made = FleetStage(
                folder, server, store, controls, fakes, tasks,
                {name: WorkerProcess(name, folder, server.dsn, ttl_s, len(tasks)) for name in names}, ttl_s,
            )
            try:
                yield made
            finally:
                for worker in made.workers.values():
                    worker.destroy()
                with trio.move_on_after(2, shield=True):
                    await controls.aclose()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _add(
    tasks: list[FleetTask], folder: Path, dsn: str, log: EventLog, fakes: DrilledFakes, ttl_s: float
) -> None:
    """As `dnbot task add` does."""
    assert fakes.address is not None
    async with open_postgres_store(dsn, log=log) as store:
        for task in tasks:
            task.written(folder, fakes.address)
            text = task.settings(folder)
            settings = task_settings(task.name, text, DSN_ENV, LeaseTerms(ttl_s=ttl_s))
            new = NewTask(task_id=task.name, symbol=task.symbol, settings=text, accounts=accounts_of(settings))
            await PostgresTasks(store).add(new, who=WHO)
