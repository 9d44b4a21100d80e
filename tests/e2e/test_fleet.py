"""Two workers, two tasks on two symbols, real processes: one worker is killed, and the other takes its task over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from postgres_here import why_not

from dnbot.domain.instrument import Symbol
from dnbot.domain.order import epoch_of, is_ours
from dnbot.fleet.life import TaskState
from dnbot.fleet.words import Picture, Task
from dnbot.lab.drills_fakes import spawn, until
from dnbot.lab.drills_stage import Controls
from dnbot.lab.ledger_check import residuals
from dnbot.operate.fakes_process import read_address
from dnbot.operate.fleet_commands import DSN_ENV
from dnbot.operate.places import FakesAddress, of_fakes
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_tasks import PostgresTasks

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
]

TTL_S = 21.0
TASKS = {"btc": ("BTC/USDT", "0.1", "10001"), "eth": ("ETH/USDT", "2", "10002")}
"""Task -> symbol, base position, account."""
CONFIG = """\
mode = "live"
[database]
dsn_env = "DNBOT_FLEET_DSN"
[gate]
rest_url = "{gate_rest}"
ws_spot_url = "{gate_ws_spot}"
ws_futures_url = "{gate_ws_futures}"
key = "{NAME}_KEY"
secret = "{NAME}_SECRET"
ca_file = "{ca_file}"
[mexc]
rest_url = "{mexc_rest}"
ws_url = "{mexc_ws}"
key = "{NAME}_MEXC_KEY"
secret = "{NAME}_MEXC_SECRET"
ca_file = "{ca_file}"
[strategy]
symbol = "{symbol}"
base_position_size = "{size}"
max_position_multiplier = "1.5"
max_order_notional_quote = "400"
round_trips_per_minute_max = 240
consecutive_loss_limit = 1000
max_daily_loss_quote = "5000"
api_error_limit_per_minute = 1000
identical_orders_per_minute_max = 1000
"""
RUNS = """
select e.task_id, e.run_epoch, e.lease_epoch, e.worker_id, (extract(epoch from e.at) * 1000)::bigint as ms
from task_events e where e.kind = 'run' order by e.id
"""
CLOSED = "select count(*) as n from trade_executions where symbol = $1 and epoch = $2 and status <> 'open'"


@attrs.define
class Scene:
    """A database, fakes, and workers that come and go."""

    folder: Path
    dsn: str
    store: PostgresStore
    address: FakesAddress
    controls: Controls
    workers: dict[str, subprocess.Popen[bytes]] = attrs.field(factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a worker of this fleet is started with."""
        words = [(name, at, word) for name in TASKS for at in ("", "mexc_") for word in ("key", "secret")]
        keys = {f"{name}_{at}{word}".upper(): f"{name}-{word}-of-fakes" for name, at, word in words}
        return os.environ | keys | {DSN_ENV: self.dsn}

    async def dnbot(self, *words: str, home: str = ".", code: int = 0) -> str:
        """One command as a person gives it, in a state folder; it ends with this code."""
        done = await trio.run_process(
            [sys.executable, "-P", "-m", "dnbot", *words], capture_stdout=True, capture_stderr=True, check=False,
            env=self.environment | {"DNBOT_HOME": str(self.folder / home)}, cwd=self.folder,
        )
        assert done.returncode == code, done.stderr.decode()[-2000:]
        return done.stdout.decode()

    def start(self, name: str) -> None:
        """A worker with a state folder of its own."""
        if name in self.workers:
            self.workers[name].wait()
        command = [sys.executable, "-P", "-m", "dnbot", "worker", "--name", name, "--ttl", f"{TTL_S:g}"]
        with (self.folder / f"{name}.out").open("ab") as out:
            self.workers[name] = subprocess.Popen(
                [*command, "--capacity", "4", "--web", "off"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.folder, start_new_session=True, env=self.environment | {"DNBOT_HOME": str(self.folder / name)},
            )

    async def picture(self) -> Picture:
        """The fleet as the database has it."""
        return await PostgresTasks(self.store).picture()

    async def tasks(self) -> dict[str, Task]:
        """Its tasks by name."""
        return {task.task_id: task for task in (await self.picture()).tasks}

    async def wait(self, holds: Any, limit_s: float) -> float:
        """How long it took until the async condition came true."""
        began_s = trio.current_time()
        with trio.move_on_after(limit_s):
            while not await holds():  # noqa: ASYNC110 (other processes set no event)
                await trio.sleep(0.2)
            return trio.current_time() - began_s
        words = "\n".join((self.folder / f"{name}.out").read_text()[-1500:] for name in self.workers)
        raise AssertionError(f"not within {limit_s} s; {await self.tasks()}\n{words}")

    async def newest_runs(self) -> dict[str, dict[str, Any]]:
        """The newest incarnation of each task."""
        return {row["task_id"]: row for row in await self.store.read(RUNS)}

    async def trades(self, task: str, run_epoch: int) -> bool:
        """Whether that incarnation has closed an execution."""
        return bool((await self.store.read(CLOSED, TASKS[task][0], run_epoch))[0]["n"])


@asynccontextmanager
async def scene() -> AsyncGenerator[Scene, None]:
    """Both tasks' accounts at one pair of fakes; every process is ended by its id."""
    folder = Path(tempfile.mkdtemp(prefix="dnbot-fleet-"))
    log = EventLog(SystemClock(), [])
    try:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(embedded_postgres(folder / "db", log))
            accounts = [
                f"--account={name}-key-of-fakes:{name}-secret-of-fakes:{uid}" for name, (*_, uid) in TASKS.items()
            ]
            fakes = spawn(
                [sys.executable, "-P", "-m", "dnbot", "fakes", "--tls", "--until-stdin-eof", "--state",
                 str(folder / "fakes"), "--seed", "5", "--history", "0", "--deviation-bps", "60", "--half-life", "4s",
                 "--symbols", "BTC/USDT,ETH/USDT", *accounts],
                folder / "fakes.address", folder / "fakes.err",
            )
            stack.enter_context(fakes)
            stack.callback(fakes.kill)
            with trio.fail_after(30):
                await until(lambda: (folder / "fakes.address").read_bytes().endswith(b"\n"))
            address = read_address(folder / "fakes.address")
            await migrate(server.dsn)
            store = await stack.enter_async_context(open_postgres_store(server.dsn, log=log))
            controls = Controls(of_fakes(address, SecretRegistry()))
            made = Scene(folder, server.dsn, store, address, controls)
            try:
                yield made
            finally:
                for process in made.workers.values():
                    process.kill()
                    process.wait()
                with trio.move_on_after(5, shield=True):
                    await controls.aclose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_killed_workers_task_is_taken_over() -> None:
    """Within a lease and 5 s; at every moment one owner, judged by the epochs of the orders that the fakes got; both
    ledgers explain their accounts to the last digit."""
    async with scene() as at:
        at.start("one")
        at.start("two")

        async def both_are_there() -> bool:
            return len((await at.picture()).workers) == 2

        await at.wait(both_are_there, 60)
        for name, (symbol, size, _) in TASKS.items():
            fields = {field: getattr(at.address, field) for field in FakesAddress.__struct_fields__}
            fields["gate_ws_futures"] = at.address.gate_ws_futures.replace("/futures/", "/")
            text = CONFIG.format(**fields, NAME=name.upper(), symbol=symbol, size=size)
            await trio.Path(at.folder / f"{name}.toml").write_text(text)
            assert f"added {name}" in await at.dnbot("task", "add", name, "--config", f"{name}.toml")

        async def both_run() -> bool:
            return {task.state for task in (await at.tasks()).values()} == {TaskState.RUNNING}

        await at.wait(both_run, 90)
        holders = {name: task.holder or "" for name, task in (await at.tasks()).items()}
        assert len({holder.split("-")[0] for holder in holders.values()}) == 2, holders
        before = await at.newest_runs()

        async def both_trade() -> bool:
            return all([await at.trades(name, run["run_epoch"]) for name, run in before.items()])

        await at.wait(both_trade, 120)

        victim = holders["btc"].split("-")[0]
        at.workers[victim].send_signal(signal.SIGKILL)

        async def taken_over() -> bool:
            task = (await at.tasks())["btc"]
            return task.holder not in {None, holders["btc"]} and task.state is TaskState.RUNNING

        took_s = await at.wait(taken_over, TTL_S + 60)
        runs = await at.newest_runs()
        assert runs["btc"]["worker_id"] == holders["eth"]

        async def it_trades() -> bool:
            return await at.trades("btc", runs["btc"]["run_epoch"])

        await at.wait(it_trades, 120)
        assert runs["eth"] == before["eth"], "the other task was not disturbed"
        status = json.loads(await at.dnbot("fleet", "status", "--json"))
        assert status["without_holder"] == []
        assert [event["kind"] for event in json.loads(await at.dnbot("task", "history", "btc", "--json"))][-3:] == [
            "taken_over", "run", "started"
        ]

        assert took_s <= TTL_S + 5

        await _pauses(at)
        await _is_not_flattened_beside(at, holders["eth"].split("-")[0])
        await _rolls(at, victim, holders["eth"].split("-")[0])
        await _judge(at)


async def _pauses(at: Scene) -> None:
    """A pause reaches the bot, which takes no new risk, and a resume as well."""
    for word, state, mode in (("pause", TaskState.PAUSED, "REDUCING"), ("resume", TaskState.RUNNING, "ACTIVE")):
        await at.dnbot("task", word, "eth", "--why", "to see")

        async def done(state: TaskState = state, mode: str = mode) -> bool:
            context = json.loads(await at.dnbot("task", "show", "eth", "--json"))["context"]
            return (await at.tasks())["eth"].state is state and context["mode"] == mode

        await at.wait(done, 30)


async def _is_not_flattened_beside(at: Scene, worker: str) -> None:
    """Closing a task's position past its bot: neither does a second bot fence it off, nor does its worker end."""
    runs, home, pid = await at.newest_runs(), f"{worker}/tasks/eth", at.workers[worker].pid
    words = ("sweep", "--flatten", "--end-hung", "--config", "eth.toml", "--json", "--why", "to see")
    report = json.loads(await at.dnbot(*words, home=home, code=1))
    assert f"worker process {pid} answers, so it does not hang and was not ended" in report["bot"]
    assert "`dnbot task stop TASK --why TEXT`" in report["flatten"]
    elsewhere = json.loads(await at.dnbot(*words, home="nowhere", code=1))
    assert "the lease of worker" in elsewhere["flatten"]
    assert at.workers[worker].poll() is None
    assert await at.newest_runs() == runs
    await at.dnbot("resume", "--config", "eth.toml", "--why", "seen", home=home)


async def _rolls(at: Scene, back: str, left: str) -> None:
    """A worker comes back and gets a task; the other is ended politely, and its task goes on at once."""
    at.start(back)

    async def shared() -> bool:
        tasks = (await at.tasks()).values()
        return {(task.holder or "").split("-")[0] for task in tasks} == {back, left} and at_work(tasks)

    async def all_are_back() -> bool:
        tasks = (await at.tasks()).values()
        return {(task.holder or "").split("-")[0] for task in tasks} == {back} and at_work(tasks)

    await at.wait(shared, 120)
    at.workers[left].send_signal(signal.SIGTERM)
    assert await at.wait(all_are_back, 60) < TTL_S
    at.workers[back].send_signal(signal.SIGTERM)
    for name in (left, back):
        with trio.fail_after(60):
            await until(lambda process=at.workers[name]: process.poll() is not None)
        assert at.workers[name].returncode == 0, (at.folder / f"{name}.out").read_text()[-3000:]
    assert {task.holder for task in (await at.tasks()).values()} == {None}


def at_work(tasks: Iterable[Task]) -> bool:
    """Whether all may trade."""
    return all(task.state is TaskState.RUNNING for task in tasks)


async def _judge(at: Scene) -> None:
    runs: dict[int, dict[str, Any]] = {row["run_epoch"]: row for row in await at.store.read(RUNS)}
    requests = await at.controls.requests(0)
    for name, (symbol, _, uid) in TASKS.items():
        own = [request for request in requests if request["create"] and request["uid"] == uid]
        created = [request["client_id"].removeprefix("t-") for request in own]
        epochs = [epoch_of(client_id) for client_id in created if is_ours(client_id)]
        assert len(epochs) > 20
        assert epochs == sorted(epochs, key=lambda epoch: epoch or 0), "an older incarnation's order came late"
        assert {runs[epoch or 0]["task_id"] for epoch in set(epochs)} == {name}
        leases = [runs[epoch or 0]["lease_epoch"] for epoch in epochs]
        assert leases == sorted(leases)
        audit = await at.controls.ask("audit", uid=uid)
        left = residuals(audit, await at.store.ledger_totals(Symbol.parse(symbol)))
        assert {amount for assets in left.values() for amount in assets.values()} == {"0"}, left
        assert not audit["open_orders"]
