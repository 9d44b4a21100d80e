"""The fakes of a drill: a process that outlives the bot, and that may be killed and started again on its own state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import trio

from dnbot.domain.errors import ConfigError
from dnbot.operate.fakes_process import read_address
from dnbot.operate.places import FakesAddress

START_S_MAX = 120.0
STOP_S_MAX = 30.0
POLL_S = 0.02
SWINGING = ("--deviation-bps", "60", "--half-life", "4s")
"""A market that pays in both directions every few seconds."""


@attrs.define
class DrilledFakes:
    """Over TLS; the line that they print at their first start stays true, because later starts take the same ports."""

    folder: Path
    seed: int
    world: Sequence[str] = SWINGING
    """Options of `dnbot fakes`: market, symbols, accounts."""
    starts: int = 0
    address: FakesAddress | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def address_file(self) -> Path:
        """Where the first start printed its line."""
        return self.folder / "fakes.address"

    @property
    def pid(self) -> int | None:
        """Their process id while they run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def start(self) -> None:
        """Start them on their state and wait until they have said where they are.

        Raises:
            ConfigError: they did not come up.
        """
        self.starts += 1
        out = self.address_file if self.address is None else self.folder / "fakes.again"
        self._process = process = spawn(self._command(), out, self.folder / "fakes.err")
        with trio.move_on_after(START_S_MAX):
            await until(lambda: out.read_bytes().endswith(b"\n") or process.poll() is not None)
        found = read_address(out)
        if self.address is not None and (found.gate_rest, found.key) != (self.address.gate_rest, self.address.key):
            raise ConfigError("fakes", "restart", found.gate_rest, "the address and the key of the first start")
        self.address = found

    async def kill(self) -> int:
        """SIGKILL, at once; the process id that it had."""
        process = self._process
        if process is None or process.poll() is not None:
            raise ConfigError("fakes", "process", "not running", "fakes that run")
        process.kill()
        with trio.move_on_after(5, shield=True):
            await until(lambda: process.poll() is not None)
        return process.pid

    async def end(self) -> None:
        """End them through their standard input, whatever happens around us, and by force when they stay."""
        process = self._process
        if process is None:
            return
        with trio.move_on_after(STOP_S_MAX, shield=True):
            assert process.stdin is not None
            process.stdin.close()
            await until(lambda: process.poll() is not None)
        if process.poll() is None:
            process.kill()
            process.wait(5)

    def _command(self) -> list[str]:
        command = [
            sys.executable, "-P", "-m", "dnbot", "fakes", "--tls", "--until-stdin-eof", "--state",
            str(self.folder / "fakes"), "--seed", str(self.seed), "--history", "0",  # judged by all that happened
            *self.world,
        ]
        if self.address is not None:
            gate, mexc = (urlsplit(url).port for url in (self.address.gate_rest, self.address.mexc_rest))
            command += ["--gate-port", str(gate), "--mexc-port", str(mexc)]
        return command


@asynccontextmanager
async def drilled_fakes(
    folder: Path, seed: int, world: Sequence[str] = SWINGING
) -> AsyncGenerator[DrilledFakes, None]:
    """Fakes that run; on leaving they have ended.

    Raises:
        ConfigError: they did not come up.
    """
    fakes = DrilledFakes(folder, seed, world)
    try:
        await fakes.start()
        yield fakes
    finally:
        with trio.move_on_after(STOP_S_MAX + 1, shield=True):
            await fakes.end()


def spawn(command: list[str], out: Path, errors: Path) -> subprocess.Popen[bytes]:
    """They end with our end of their standard input, so that not even kill -9 of the drill leaves them behind."""
    with out.open("wb") as said, errors.open("ab") as complained:
        return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            command, stdin=subprocess.PIPE, stdout=said, stderr=complained, start_new_session=True
        )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what files and other people's processes do: they set no event."""
    while not condition():  # noqa: ASYNC110 (another process sets no event)
        await trio.sleep(POLL_S)
