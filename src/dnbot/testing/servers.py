"""Fake exchanges on loopback sockets, in a process of their own: for clients of any library, event loop or language."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

import dnbot
from dnbot.fakes.clock import NS_PER_S
from dnbot.fakes.config import FakesConfig
from dnbot.ports.clock import SystemClock

from .doors import Door, HarnessError, open_socket_door
from .exchange import FakeExchange
from .serve import encode_config

STOP_S_MAX = 20.0


@attrs.define(eq=False)
class FakeExchangeServers(FakeExchange):
    """Served on real time. Every method that looks or changes blocks for some milliseconds, also inside a loop."""

    ca_file: Path | None = attrs.field(kw_only=True)
    """The authority to trust, in PEM, when they speak TLS."""
    pid: int = attrs.field(kw_only=True)

    def wall_s(self) -> float:
        """The world's time in seconds since 1970: this machine's."""
        return SystemClock().now_ns() / NS_PER_S


@contextmanager
def fake_exchange_servers(config: FakesConfig | None = None) -> Iterator[FakeExchangeServers]:
    """Start the fakes, and end them with the block; they also end when this process does.

    Raises HarnessError when they do not come up; what they said is then on standard error.
    """
    wanted = attrs.evolve(config or FakesConfig(), until_stdin_eof=True)
    package = str(Path(dnbot.__file__).parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "dnbot.testing.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        line = _first_line(process, encode_config(wanted))
        door = open_socket_door(str(line["mexc_rest"]), _ca_file(line))
        try:
            yield _servers(wanted, line, door, process.pid)
        finally:
            door.close()
    finally:
        _end(process)


def _first_line(process: subprocess.Popen[bytes], config: bytes) -> dict[str, object]:
    """What they print once they serve. The config goes through a pipe: a command line can be read by anybody."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(config + b"\n")
    process.stdin.flush()
    text = process.stdout.readline()
    try:
        line: dict[str, object] = json.loads(text)
    except ValueError:
        raise HarnessError(f"the fakes did not start: {text.decode(errors='replace')[:200]!r}") from None
    return line


def _servers(config: FakesConfig, line: dict[str, object], door: Door, pid: int) -> FakeExchangeServers:
    return FakeExchangeServers(
        gate_rest=str(line["gate_rest"]),
        gate_ws_spot=str(line["gate_ws_spot"]),
        gate_ws_futures=str(line["gate_ws_futures"]),
        mexc_rest=str(line["mexc_rest"]),
        mexc_ws=str(line["mexc_ws"]),
        accounts=config.accounts,
        door=door,
        ca_file=_ca_file(line),
        pid=pid,
    )


def _ca_file(line: dict[str, object]) -> Path | None:
    return Path(str(line["ca_file"])) if "ca_file" in line else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """The end of their standard input ends them."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
