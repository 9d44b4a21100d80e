"""The lines between a drilled bot and its venues: each through a proxy of its own, which the drill commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError
from dnbot.lab.drills_fakes import spawn, until
from dnbot.operate.places import FakesAddress

LINES = ("gate_rest", "gate_ws_spot", "gate_ws_futures", "mexc_rest", "mexc_ws")
"""The bot's connections, by the names of their addresses. Gate's REST serves spot and futures alike."""
STREAMS = ("gate_ws_spot", "gate_ws_futures", "mexc_ws")
RESTS = ("gate_rest", "mexc_rest")
START_S_MAX = 15.0
ANSWER_S_MAX = 5.0
END_S_MAX = 5.0


@attrs.define
class Links:
    """The proxy process, and the address file that leads through it."""

    address_file: Path
    _process: subprocess.Popen[bytes]
    _said: Path
    _answers: int = 0

    async def tell(self, line: str, manner: str) -> dict[str, Any]:
        """Have one line behave so (`lab/proxy.py` has the words), and return what it reports then.

        Raises:
            ConfigError: the proxy refused, or does not answer.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line} {manner}\n".encode())
            self._process.stdin.flush()
        except OSError as error:
            raise ConfigError("proxy", line, str(error), "a proxy that runs") from None
        self._answers += 1
        found: dict[str, Any] = json.loads(await _line_of(self._said, self._answers, ANSWER_S_MAX))
        if "refused" in found:
            raise ConfigError("proxy", line, manner, "a line and a manner that it knows")
        return found


@asynccontextmanager
async def links(folder: Path, address: FakesAddress) -> AsyncGenerator[Links, None]:
    """A proxy in front of every address of the fakes; on leaving it has ended; it ends with us, too.

    Raises:
        ConfigError: it did not come up.
    """
    urls = {line: urlsplit(getattr(address, line)) for line in LINES}
    targets = {line: (url.hostname, url.port) for line, url in urls.items()}
    said = folder / "proxy.out"
    command = [sys.executable, "-P", "-m", "dnbot.lab.proxy", json.dumps(targets), str(folder)]
    process = spawn(command, said, folder / "proxy.err")
    try:
        ports = json.loads(await _line_of(said, 0, START_S_MAX))
        through = {line: urlunsplit(url._replace(netloc=f"{url.hostname}:{ports[line]}")) for line, url in urls.items()}
        file = folder / "fakes.through-proxy"
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(address, **through)) + b"\n")
        yield Links(file, process, said)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with trio.move_on_after(END_S_MAX, shield=True):
            await until(lambda: process.poll() is not None)
        if process.poll() is None:
            process.kill()
            process.wait(5)


async def _line_of(path: Path, number: int, limit_s: float) -> bytes:
    with trio.move_on_after(limit_s):
        await until(lambda: path.read_bytes().count(b"\n") > number)
        return (await trio.Path(path).read_bytes()).split(b"\n")[number]
    raise ConfigError(str(path), "proxy", "no answer", f"an answer within {limit_s:.0f} s")
