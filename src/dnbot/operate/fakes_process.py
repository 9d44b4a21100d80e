"""The fake exchanges as a child process: started with the demo, ended with it, their state kept beside the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import attrs
import msgspec
import trio

from dnbot.config import FakesSettings
from dnbot.domain.errors import ConfigError
from dnbot.operate.places import FakesAddress

START_S_MAX = 30.0
STOP_S_MAX = 15.0
POLL_S = 0.02


@attrs.define
class FakesProcess:
    """A running `dnbot fakes`. It ends by itself when our end of its standard input closes, even after `kill -9`."""

    address: FakesAddress
    state_dir: Path
    audit_before: dict[str, Any] | None
    """What the last clean stop wrote, or None."""
    _process: subprocess.Popen[bytes]

    async def stop(self) -> dict[str, Any]:
        """End it cleanly and return the audit that it wrote on the way out.

        Raises:
            ConfigError: it did not end, or left no audit.
        """
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        if not await _ended(self._process, STOP_S_MAX):
            self._process.kill()
            raise ConfigError("fakes", "process", "still running", f"an end within {STOP_S_MAX:.0f} s")
        return read_audit(self.state_dir)

    async def aclose(self) -> None:
        """End it, whatever it says."""
        try:
            if self._process.poll() is None:
                await self._end()
        finally:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()

    async def _end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        ended = False
        with trio.move_on_after(STOP_S_MAX + 1, shield=True):
            ended = await _ended(self._process, STOP_S_MAX)
        if not ended:
            self._process.kill()
            self._process.wait()


def read_audit(state_dir: Path) -> dict[str, Any]:
    """The newest audit; raises ConfigError when there is none."""
    try:
        found: dict[str, Any] = json.loads((state_dir / "audit.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(state_dir / "audit.json"), "file", str(error), "the audit of the fakes") from None
    return found


def read_address(path: Path) -> FakesAddress:
    """Where fakes that somebody else started are: the line that they printed, kept in a file.

    Raises:
        ConfigError: the file is missing or does not hold that line.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=FakesAddress)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(str(path), "fakes.address_file", str(error), "the line that `dnbot fakes` printed") from None


@asynccontextmanager
async def fakes_process(
    settings: FakesSettings, state_dir: Path, second_spot: str = ""
) -> AsyncIterator[FakesProcess]:
    """Start the fakes over TLS on loopback; on leaving they have ended. A plugin's may have MEXC's place.

    Raises:
        ConfigError: they did not come up.
    """
    front = ("--second-spot", second_spot) if second_spot else ()
    before, process = _launched(state_dir, "--seed", str(settings.seed), "--market", settings.market, *front)
    async with _until_left(process, state_dir, before) as running:
        yield running


@asynccontextmanager
async def paper_process(state_dir: Path, terms: bytes) -> AsyncIterator[FakesProcess]:
    """The same for a market that is kept elsewhere: they begin on these terms and are then told of its books.

    Raises:
        ConfigError: they did not come up.
    """
    before, process = _launched(state_dir, "--terms", str(_written(state_dir / "terms.json", terms)))
    async with _until_left(process, state_dir, before) as running:
        yield running


@asynccontextmanager
async def _until_left(
    process: subprocess.Popen[bytes], state_dir: Path, before: dict[str, Any] | None
) -> AsyncIterator[FakesProcess]:
    running = FakesProcess(await _announced(process, state_dir), state_dir, before, process)
    try:
        yield running
    finally:
        await running.aclose()


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _launched(state_dir: Path, *market: str) -> tuple[dict[str, Any] | None, subprocess.Popen[bytes]]:
    """The last audit and the new process. Plain Popen on the main thread: a child of a worker thread would end with it.

    The child has a session of its own, so that Ctrl-C reaches us first.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    before = read_audit(state_dir) if (state_dir / "audit.json").exists() else None
    command = [
        sys.executable, "-m", "dnbot", "fakes", "--tls", "--until-stdin-eof", "--state", str(state_dir),
        "--history", "0", *market,
    ]
    with (state_dir / "fakes.log").open("ab") as errors:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    return before, process


async def _ended(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    """Whether the process ended within that time. Polled: a child has no event that every platform can wait for."""
    for _ in range(int(patience_s / POLL_S)):
        if process.poll() is not None:
            return True
        await trio.sleep(POLL_S)
    return process.poll() is not None


async def _first_line(pipe: IO[bytes]) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        await trio.lowlevel.wait_readable(pipe.fileno())
        part = os.read(pipe.fileno(), 65_536)
        if not part:
            break
        line += part
    return line


async def _announced(process: subprocess.Popen[bytes], state_dir: Path) -> FakesAddress:
    assert process.stdout is not None
    line = b""
    with trio.move_on_after(START_S_MAX):
        line = await _first_line(process.stdout)
    try:
        return msgspec.json.decode(line, type=FakesAddress)
    except msgspec.MsgspecError:
        process.kill()
        log = state_dir / "fakes.log"
        raise ConfigError(str(log), "fakes", line[:200], "one JSON line with their addresses") from None
