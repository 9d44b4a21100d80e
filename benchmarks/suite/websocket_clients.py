"""WebSocket clients that receive so many text messages; each returns the seconds from the first to the last."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trio
import trio_websocket

from dnbot.ports.net import Endpoint, TcpTlsOpener
from dnbot.ports.websocket import open_websocket
from suite.authority import client_context
from suite.loopback import RECEIVE_BYTES, read_head
from suite.websocket_server import FRAME

Client = Callable[[str, Path, int], float]
"""(URL, file of the authority, messages) -> seconds"""


async def _timed(receive: Callable[[], Awaitable[object]], messages: int) -> float:
    await receive()
    began_s = time.perf_counter()
    for _ in range(messages - 1):
        await receive()
    return time.perf_counter() - began_s


def ours(url: str, ca_file: Path, messages: int) -> float:
    """`dnbot.ports.websocket` over the opener of production, which gives messages to a function as it does to feeds."""

    async def main() -> float:
        opener, counting = TcpTlsOpener([Endpoint.from_url(url)], ca_file=ca_file), Counting(messages)
        async with open_websocket(opener, url, venue="bench", silence_s_max=60, close_s_max=0) as connection:
            with suppress(Counted):
                await connection.deliver(counting.take, lambda: None)
        return counting.took_s

    return trio.run(main)


class Counted(Exception):
    """The last message has come."""


class Counting:
    """Takes so many messages, and says how long by `clock` those after the first took."""

    def __init__(self, messages: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._messages = self._left = messages
        self._clock = clock
        self._began_s = self.took_s = 0.0

    def take(self, _: str | bytes) -> None:
        """One message. Raises Counted at the last."""
        if self._left == self._messages:
            self._began_s = self._clock()
        self._left -= 1
        if not self._left:
            self.took_s = self._clock() - self._began_s
            raise Counted


def plain_trio(url: str, ca_file: Path, messages: int) -> float:
    """trio-websocket as it is."""

    async def main() -> float:
        async with trio_websocket.open_websocket_url(url, _context(url, ca_file)) as connection:
            return await _timed(connection.get_message, messages)

    return trio.run(main)


def picows(url: str, ca_file: Path, messages: int) -> float:
    """picows on uvloop."""
    library = import_module("picows")

    class Listener(library.WSListener):  # type: ignore[name-defined, misc]  # picows brings no types
        """Counts texts."""

        def __init__(self) -> None:
            self.left, self.began_s, self.took_s = messages, 0.0, 0.0
            self.done = asyncio.get_running_loop().create_future()

        def on_ws_frame(self, _: Any, frame: Any) -> None:
            """One message."""
            if self.left == messages:
                self.began_s = time.perf_counter()
            frame.get_payload_as_utf8_text()
            self.left -= 1
            if self.left == 0:
                self.took_s = time.perf_counter() - self.began_s
                self.done.set_result(None)

    async def main() -> float:
        transport, listener = await library.ws_connect(Listener, url, ssl_context=_context(url, ca_file))
        await listener.done
        transport.disconnect()
        took_s: float = listener.took_s
        return took_s

    return _on_uvloop(main)


def aiohttp(url: str, ca_file: Path, messages: int) -> float:
    """aiohttp on uvloop."""
    library = import_module("aiohttp")

    async def main() -> float:
        async with library.ClientSession() as session:
            connection = await session.ws_connect(url, ssl=_context(url, ca_file) or True)
            return await _timed(connection.receive, messages)

    return _on_uvloop(main)


def websockets(url: str, ca_file: Path, messages: int) -> float:
    """websockets on asyncio, as it is but for compression."""
    library = import_module("websockets")

    async def main() -> float:
        connection = await library.connect(url, ssl=_context(url, ca_file), compression=None, close_timeout=0)
        took_s = await _timed(connection.recv, messages)
        connection.transport.abort()
        return took_s

    return asyncio.run(main())


def blocking(url: str, ca_file: Path, messages: int) -> float:
    """A blocking socket that only counts bytes: what no client can beat."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 0)) as plain:
        context = _context(url, ca_file)
        stream = plain if context is None else context.wrap_socket(plain, server_hostname=parts.hostname)
        stream.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        answer = read_head(stream)
        assert answer is not None
        left = messages * len(FRAME) - len(answer[1])
        began_s = time.perf_counter()
        while left > 0:
            left -= len(stream.recv(RECEIVE_BYTES))
        return time.perf_counter() - began_s


def _context(url: str, ca_file: Path) -> ssl.SSLContext | None:
    return client_context(ca_file) if url.startswith("wss") else None


def _on_uvloop(main: Callable[[], Awaitable[float]]) -> float:
    took_s: float = import_module("uvloop").run(main())
    return took_s


CLIENTS: Mapping[str, Client] = {
    "ours": ours, "trio-websocket": plain_trio, "picows": picows, "aiohttp": aiohttp, "websockets": websockets,
    "blocking": blocking,
}
