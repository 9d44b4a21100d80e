"""What a drill stands on: a PostgreSQL of its own, the fakes as a process that outlives the bot, and the bot itself.

Everything lives in one folder that is gone afterwards, and every process is ended by its id, also after Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import attrs
import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.domain.instrument import Symbol, Venue
from dnbot.lab.drills_disk import SmallDisk, small_disk
from dnbot.lab.drills_fakes import DrilledFakes, drilled_fakes, until
from dnbot.lab.drills_links import Links, links
from dnbot.lab.drills_reads import read_patiently
from dnbot.operate.control_socket import socket_path
from dnbot.operate.fakes_process import read_address
from dnbot.operate.places import FakesAddress, Surroundings, of_fakes
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import EmbeddedServer, embedded_postgres
from dnbot.ports.http import HttpClient
from dnbot.ports.log import EventLog, stdlib_logging
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_migrate import migrate

SYMBOL = Symbol("BTC", "USDT")
DSN_VARIABLE = "DNBOT_DRILL_DSN"
STOP_S_MAX = 30.0
COMMAND_S_MAX = 30.0
PERSON_S = 0.5
NEWEST_MODE = "select to_mode, why from trading_modes where symbol = $1 order by sequence desc limit 1"
WIRE_NAMES = {
    Venue.GATE_SPOT: "gate_spot", Venue.GATE_FUTURES: "gate_futures", Venue.MEXC_SPOT: "mexc_spot",
}
"""Our venues by the fakes' words for them."""
COUNTDOWN_S = 90
"""Longer than anything that the drills cut off: what became of others' orders is judged, and Gate would cancel them."""
CONFIG = """\
mode = "sim"
state_dir = "{home}"
[gate]
countdown_s = {countdown_s}
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.1"
max_position_multiplier = "1.5"
max_order_notional_quote = "400"
round_trips_per_minute_max = 240
consecutive_loss_limit = 1000
max_daily_loss_quote = "5000"
# in this market prices often leave MEXC's band, and orders stop at its edge, which is not what is drilled:
api_error_limit_per_minute = 1000
identical_orders_per_minute_max = 1000
[database]
dsn_env = "{dsn}"
[fakes]
address_file = "{address}"
"""


class Controls:
    """The fakes' control surface, asked over one TLS connection of our own."""

    def __init__(self, around: Surroundings) -> None:
        place = around.places[Venue.GATE_SPOT]
        self.before = 0
        """Requests of earlier lives: fakes that were killed count from nought again."""
        self._client = HttpClient(
            around.opener, place.rest, clock=SystemClock(), venue="fakes", reply_bytes_max=256 * 1024 * 1024
        )

    async def ask(self, control: str, deadline_s: float = 20.0, **wanted: object) -> Any:
        """The decoded answer; raises ConfigError when the fakes refuse."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        reply = await self._client.request(
            "POST", f"/__dnbot__/{control}?{query}", {}, b"", deadline_s=deadline_s
        )
        if reply.status != 200:
            raise ConfigError("fakes", control, reply.body.decode(errors="replace")[:300], "an answer")
        return json.loads(reply.body)

    async def requests(self, since: int, wait_s: float = 0.0) -> list[dict[str, Any]]:
        """Private requests from that number on, counted over all lives of the fakes."""
        lived = max(0, since - self.before)
        found = await self.ask("requests", deadline_s=wait_s + 20, since=lived, wait_s=wait_s)
        return [request | {"number": request["number"] + self.before} for request in found["requests"]]

    async def aclose(self) -> None:
        await self._client.aclose()


@attrs.define
class BotProcess:
    """The bot, started and ended as a person or a kernel would."""

    folder: Path
    config: Path
    dsn: str
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.folder / "bot"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start a new incarnation; what it prints goes to `bot.out`."""
        self.starts += 1
        with (self.folder / "bot.out").open("ab") as out:
            self._process = self._spawn(out, "run", "--plain", "--web", "off")

    def _spawn(self, out: IO[bytes], word: str, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-P", "-m", "dnbot", word, "--config", str(self.config), *options],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=os.environ | {DSN_VARIABLE: self.dsn},
            cwd=self.folder, start_new_session=True,  # Ctrl-C reaches the drill first
        )

    async def command(self, word: str, *options: str) -> tuple[int | None, str]:
        """Run another command on its configuration; the exit code (None when it had to be ended) and what it said."""
        path = self.folder / f"{word}.out"
        with path.open("wb") as out:
            process = self._spawn(out, word, *options)
        try:
            with trio.move_on_after(COMMAND_S_MAX):
                await until(lambda: process.poll() is not None)
            code = process.poll()
        finally:
            process.kill()
            process.wait(5)
        return code, (await trio.Path(path).read_bytes()).decode(errors="replace")

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

    async def end(self) -> None:
        """End it, politely and then not, whatever happens around us."""
        with trio.move_on_after(STOP_S_MAX + 5, shield=True):
            for number, limit_s in ((signal.SIGTERM, STOP_S_MAX), (signal.SIGKILL, 4.0)):
                if self.pid is None:
                    return
                self.send(number)
                await self.ended(limit_s)

    def last_words(self) -> str:
        """The end of what it printed."""
        path = self.folder / "bot.out"
        return path.read_bytes()[-1500:].decode(errors="replace") if path.exists() else ""

    def socket_left(self) -> bool:
        """Whether its control socket is still there."""
        return socket_path(self.home).exists()


@attrs.define
class Stage:
    """One world for some repetitions: database, fakes, and a bot that may come and go."""

    folder: Path
    server: EmbeddedServer
    store: PostgresStore
    address: FakesAddress
    around: Surroundings
    controls: Controls
    bot: BotProcess
    log: EventLog
    fakes: DrilledFakes
    links: Links | None = None
    """What the bot's connections go through, where the stage has it."""
    disk: SmallDisk | None = None
    """What the database is on, where it can be full."""
    clock: SystemClock = attrs.field(factory=SystemClock)

    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    async def read(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows of the database; an outage of it is sat out for a while."""
        return await read_patiently(self.store, sql, *arguments)

    async def until(self, holds: Callable[[], Any], limit_s: float, pause_s: float = 0.15) -> bool:
        """Wait for an async condition; False when it did not come true in time."""
        with trio.move_on_after(limit_s):
            while not await holds():  # noqa: ASYNC110 (another process sets no event)
                await trio.sleep(pause_s)
            return True
        return False

    def processes(self) -> list[tuple[int, str]]:
        """Processes whose command line names this folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                try:
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if str(self.folder) in words:
                    found.append((int(entry.name), words.strip()))
        return found


@asynccontextmanager
async def stage(
    seed: int, *, keep: bool = False, through_proxy: bool = False, on_small_disk: bool = False
) -> AsyncGenerator[Stage, None]:
    """A database and fakes that run, and a bot that does not yet. On leaving nothing is left, unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="dnbot-drill-"))
    log = EventLog(SystemClock(), [MemorySink()])
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_quietly(log))
            disk = stack.enter_context(small_disk(folder / "db")) if on_small_disk else None
            server = await stack.enter_async_context(embedded_postgres(folder / "db", log))
            fakes = await stack.enter_async_context(drilled_fakes(folder, seed))
            await migrate(server.dsn, log=log)
            address = read_address(fakes.address_file)
            lines = await stack.enter_async_context(links(folder, address)) if through_proxy else None
            around = of_fakes(address, SecretRegistry())
            config = folder / "drill.toml"
            file = fakes.address_file if lines is None else lines.address_file
            await trio.Path(config).write_text(CONFIG.format(
                home=folder / "bot", dsn=DSN_VARIABLE, address=file, countdown_s=COUNTDOWN_S,
            ))
            bot = BotProcess(folder, config, server.dsn)
            controls = Controls(around)
            store = await stack.enter_async_context(open_postgres_store(server.dsn, log=log))
            made = Stage(folder, server, store, address, around, controls, bot, log, fakes, lines, disk)
            await stack.enter_async_context(_person(made))
            try:
                yield made
            finally:
                with trio.move_on_after(STOP_S_MAX + 10, shield=True):
                    await bot.end()
                    await controls.aclose()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _person(on: Stage) -> AsyncGenerator[None, None]:
    """Somebody who knows that the bot is killed on purpose, and lifts the mode that a crash loop lowers."""

    async def look() -> None:
        while True:
            await trio.sleep(PERSON_S)
            try:
                found = await on.store.read(NEWEST_MODE, str(SYMBOL))
            except OperatingError:
                continue
            if found and found[0]["to_mode"] == "REDUCING" and found[0]["why"].startswith("CRASH_LOOP"):
                await on.bot.command("resume", "--reason", "the drill kills it on purpose")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _quietly(log: EventLog) -> AsyncGenerator[None, None]:
    """Libraries complain to our log: a database that is away on purpose is no news to a person."""
    with stdlib_logging(log):
        yield
