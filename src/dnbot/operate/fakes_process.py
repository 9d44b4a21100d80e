"""The fake exchanges as a child process: started with the demo, ended with it, their state kept beside the database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from dnbot.config import FakesSettings
from dnbot.domain.errors import ConfigError
from dnbot.operate.places import FakesAddress

START_S_MAX = 30.0
STOP_S_MAX = 15.0


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
        with trio.move_on_after(STOP_S_MAX) as scope:
            await trio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
        if scope.cancelled_caught:
            self._process.kill()
            raise ConfigError("fakes", "process", "still running", f"an end within {STOP_S_MAX:.0f} s")
        return read_audit(self.state_dir)

    async def aclose(self) -> None:
        """End it, whatever it says."""
        if self._process.poll() is not None:
            return
        with trio.move_on_after(STOP_S_MAX, shield=True):
            if self._process.stdin is not None:
                self._process.stdin.close()
            await trio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
        if self._process.poll() is None:
            self._process.kill()


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
async def fakes_process(settings: FakesSettings, state_dir: Path) -> AsyncIterator[FakesProcess]:
    """Start the fakes over TLS on loopback; on leaving they have ended.

    Raises:
        ConfigError: they did not come up.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    before = read_audit(state_dir) if (state_dir / "audit.json").exists() else None
    command = [
        sys.executable, "-m", "dnbot", "fakes", "--tls", "--until-stdin-eof", "--state", str(state_dir), "--seed",
        str(settings.seed), "--market", settings.market,
    ]
    with (state_dir / "fakes.log").open("ab") as errors:
        # Plain Popen on the main thread: a session of its own, so that Ctrl-C reaches us first.
        process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    running = FakesProcess(await _announced(process, state_dir), state_dir, before, process)
    try:
        yield running
    finally:
        await running.aclose()


async def _announced(process: subprocess.Popen[bytes], state_dir: Path) -> FakesAddress:
    assert process.stdout is not None
    line = b""
    with trio.move_on_after(START_S_MAX):
        line = await trio.to_thread.run_sync(process.stdout.readline, abandon_on_cancel=True)
    try:
        return msgspec.json.decode(line, type=FakesAddress)
    except msgspec.MsgspecError:
        process.kill()
        log = state_dir / "fakes.log"
        raise ConfigError(str(log), "fakes", line[:200], "one JSON line with their addresses") from None
