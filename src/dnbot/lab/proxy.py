"""A TCP proxy between a bot and its venues that stalls, refuses and cuts on command; it has no keys and reads nothing.

`python -m dnbot.lab.proxy '{"name": ["127.0.0.1", 1234], ...}'` listens on a loopback port per name, prints them as one
JSON line, obeys lines `NAME MANNER` on its standard input, each answered by one JSON line, and ends when that closes.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial

import attrs
import trio

from dnbot.lab.proxy_records import APPLICATION_DATA, Records, halved, is_request

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
CONNECT_S_MAX = 5.0
MANNERS = ("flow", "stall", "withhold", "cut", "refuse", "request", "response")
"""`flow`: as if not there. `stall`: both directions stand, connections are accepted. `withhold`: answers stand.
`cut`: every connection is reset, once. `refuse`: and new ones are refused. `request`, `response`: who sends one is
reset in its middle, also one that stood until then."""


@attrs.define(eq=False)
class _Connection:
    """Two streams, back to back."""

    client: trio.SocketStream
    venue: trio.SocketStream
    asked: bool = False
    """Whether a request has passed: what comes back then is an answer, and no end of a handshake."""

    def reset(self) -> None:
        """Reset both, without a word: what is on its way is lost."""
        for stream in (self.client, self.venue):
            if stream.socket.fileno() >= 0:
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.socket.close()


@attrs.define(eq=False)
class Channel:
    """One listening port in front of one address."""

    target: tuple[str, int]
    manner: str = "flow"
    struck: int = 0
    """Connections that were reset."""
    delayed: int = 0
    """Records that had to wait."""
    port: int = 0
    _changed: trio.Event = attrs.field(factory=trio.Event)
    _connections: list[_Connection] = attrs.field(factory=list)
    _listeners: list[trio.SocketListener] = attrs.field(factory=list)
    _listening: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def listen(self) -> None:
        """Take a port at the first time, and the same one again.

        Raises:
            OSError: somebody else has taken it meanwhile.
        """
        self._listeners = list(await trio.open_tcp_listeners(self.port, host=HOST))
        self.port = int(self._listeners[0].socket.getsockname()[1])

    async def serve(self) -> None:
        """For ever; while the manner is `refuse` the port is closed."""
        async with trio.open_nursery() as nursery:
            while True:
                with trio.CancelScope() as self._listening:
                    await trio.serve_listeners(self._pass, self._listeners, handler_nursery=nursery)
                while self.manner == "refuse":
                    await self._changed.wait()
                await self.listen()

    def behave(self, manner: str) -> None:
        """Change the manner; `cut` and `refuse` reset what is open, and after a `cut` everything flows."""
        if manner in {"cut", "refuse"}:
            for connection in list(self._connections):
                self.struck += 1
                connection.reset()
        self.manner = "flow" if manner == "cut" else manner
        if manner == "refuse":
            self._listening.cancel()
        self._changed.set()
        self._changed = trio.Event()

    def report(self) -> dict[str, object]:
        """What was done so far."""
        return {
            "manner": self.manner, "struck": self.struck, "delayed": self.delayed,
            "connections": len(self._connections),
        }

    async def _pass(self, client: trio.SocketStream) -> None:
        try:
            with trio.fail_after(CONNECT_S_MAX):
                venue = await trio.open_tcp_stream(*self.target)
        except (OSError, trio.TooSlowError):
            await trio.aclose_forcefully(client)
            return
        connection = _Connection(client, venue)
        self._connections.append(connection)
        try:
            async with client, venue, trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, connection, client, venue)
                nursery.start_soon(self._pump, connection, venue, client)
        finally:
            self._connections.remove(connection)

    async def _pump(self, connection: _Connection, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        """One direction, record by record, until its end or the connection's."""
        records = Records()
        try:
            while data := await source.receive_some(CHUNK_BYTES):
                for record in records.feed(data):
                    await self._wait_to_flow(connection, source)
                    if self._cuts(connection, record, source is connection.client):
                        self.struck += 1
                        await sink.send_all(halved(record))
                        connection.reset()
                        return
                    await sink.send_all(record)
            await self._wait_to_flow(connection, source)
            await sink.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            connection.reset()

    async def _wait_to_flow(self, connection: _Connection, source: trio.SocketStream) -> None:
        answers = connection.asked and source is connection.venue
        self.delayed += self._stands(answers)
        while self._stands(answers):
            await self._changed.wait()

    def _stands(self, answers: bool) -> bool:
        return self.manner == "stall" or (self.manner == "withhold" and answers)

    def _cuts(self, connection: _Connection, record: bytes, from_client: bool) -> bool:
        if from_client:
            connection.asked = connection.asked or is_request(record)
            return self.manner == "request" and is_request(record)
        return self.manner == "response" and connection.asked and record[0] == APPLICATION_DATA


async def run_proxy(targets: Mapping[str, tuple[str, int]], orders: AsyncIterator[str]) -> None:
    """Serve all channels and obey until the orders end."""
    channels = {name: Channel(target) for name, target in targets.items()}
    async with trio.open_nursery() as nursery:
        for channel in channels.values():
            await channel.listen()
            nursery.start_soon(channel.serve)
        _say({name: channel.port for name, channel in channels.items()})
        async for order in orders:
            name, _, manner = order.partition(" ")
            if name not in channels or manner not in MANNERS:
                _say({"refused": order})
                continue
            channels[name].behave(manner)
            _say(channels[name].report())
        nursery.cancel_scope.cancel()


def _say(words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


async def _lines_of(descriptor: int) -> AsyncIterator[str]:
    held = b""
    while True:
        await trio.lowlevel.wait_readable(descriptor)
        data = os.read(descriptor, CHUNK_BYTES)
        if not data:
            return
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            yield line.decode()


def main(arguments: list[str]) -> None:
    """Run with the targets that the first argument names."""
    targets = {name: (host, int(port)) for name, (host, port) in json.loads(arguments[0]).items()}
    trio.run(partial(run_proxy, targets, _lines_of(sys.stdin.fileno())))


if __name__ == "__main__":
    main(sys.argv[1:])
