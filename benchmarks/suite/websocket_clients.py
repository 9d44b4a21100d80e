"""WebSocket clients that receive so many text messages; each returns the seconds from the first to the last."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import trio
import trio_websocket

from dnbot.ports.net import Endpoint, TcpTlsOpener
from dnbot.ports.websocket import open_websocket
from suite.authority import client_context

Client = Callable[[str, Path, int], float]
"""(URL, file of the authority, messages) -> seconds"""


async def _timed(receive: Callable[[], Awaitable[object]], messages: int) -> float:
    await receive()
    began_s = time.perf_counter()
    for _ in range(messages - 1):
        await receive()
    return time.perf_counter() - began_s


def ours(url: str, ca_file: Path, messages: int) -> float:
    """`dnbot.ports.websocket` over the opener of production."""

    async def main() -> float:
        opener = TcpTlsOpener([Endpoint.from_url(url)], ca_file=ca_file)
        async with open_websocket(opener, url, venue="bench", silence_s_max=60, close_s_max=0) as socket:
            return await _timed(socket.receive, messages)

    return trio.run(main)


def plain_trio(url: str, ca_file: Path, messages: int) -> float:
    """trio-websocket as it is."""

    async def main() -> float:
        async with trio_websocket.open_websocket_url(url, _context(url, ca_file)) as socket:
            return await _timed(socket.get_message, messages)

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
            socket = await session.ws_connect(url, ssl=_context(url, ca_file) or True)
            return await _timed(socket.receive, messages)

    return _on_uvloop(main)


def websockets(url: str, ca_file: Path, messages: int) -> float:
    """websockets on asyncio, as it is but for compression."""
    library = import_module("websockets")

    async def main() -> float:
        socket = await library.connect(url, ssl=_context(url, ca_file), compression=None, close_timeout=0)
        took_s = await _timed(socket.recv, messages)
        socket.transport.abort()
        return took_s

    return asyncio.run(main())


def _context(url: str, ca_file: Path) -> ssl.SSLContext | None:
    return client_context(ca_file) if url.startswith("wss") else None


def _on_uvloop(main: Callable[[], Awaitable[float]]) -> float:
    took_s: float = import_module("uvloop").run(main())
    return took_s


CLIENTS: Mapping[str, Client] = {
    "ours": ours, "trio-websocket": plain_trio, "picows": picows, "aiohttp": aiohttp, "websockets": websockets,
}
