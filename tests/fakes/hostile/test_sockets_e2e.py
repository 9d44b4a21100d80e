"""Hostile clients of the served fakes, on loopback sockets: what only a kernel and a TLS library can do to a server."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import trio

SOURCE = Path(__file__).parents[3] / "src"
START = "import sys; from dnbot.fakes.config import FakesConfig; "
START += "from dnbot.fakes.process import main; sys.exit(main(FakesConfig(until_stdin_eof=True, tls={})))"
TIME = b"GET /api/v4/spot/time HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = (
    b"GET /ws/v4/ HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
ANSWER_S_MAX = 60.0
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@attrs.define
class Served:
    """A child process of fakes, and how to reach it."""

    child: subprocess.Popen[bytes]
    line: dict[str, Any]
    dialled: list[trio.SocketStream] = attrs.field(factory=list)

    def port(self, name: str) -> int:
        return urlsplit(self.line[name]).port or 0

    async def dial(self, name: str = "gate_rest") -> trio.SocketStream:
        """Plain TCP, whatever the server speaks."""
        self.dialled.append(await trio.open_tcp_stream("127.0.0.1", self.port(name)))
        return self.dialled[-1]

    async def open(self, name: str = "gate_rest") -> trio.abc.HalfCloseableStream | trio.SSLStream[trio.SocketStream]:
        """A connection as a well-behaved client makes it."""
        plain = await self.dial(name)
        if "ca_file" not in self.line:
            return plain
        context = ssl.create_default_context(cafile=self.line["ca_file"])
        return trio.SSLStream(plain, context, server_hostname="127.0.0.1", https_compatible=True)

    async def fingerprint(self) -> dict[str, Any]:
        """What the audit says of the account, the requests apart."""
        stream = await self.open()
        await stream.send_all(b"POST /__dnbot__/audit HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        found: dict[str, Any] = json.loads((await everything(stream)).partition(b"\r\n\r\n")[2])
        return {name: found[name] for name in ("balances", "locked", "orders", "fills", "ledger", "positions")}


async def everything(stream: Any) -> bytes:
    """All bytes until the end, or until a reset."""
    received = b""
    with trio.fail_after(ANSWER_S_MAX):
        try:
            while chunk := await stream.receive_some():
                received += bytes(chunk)
        except trio.BrokenResourceError:
            pass
    return received


async def utter(stream: Any, data: bytes, *, last: bool = False) -> None:
    """Send, and with `last` end the sending side; a server that had enough before is an end like any other."""
    with contextlib.suppress(trio.BrokenResourceError):
        await stream.send_all(data)
        if last:
            await stream.send_eof()


def started(*, with_tls: bool) -> subprocess.Popen[bytes]:
    """Fakes as a child that ends with its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", START.format(with_tls)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Running fakes, whose account is untouched and whose end is clean after whatever the test did."""
    child = started(with_tls=request.param)
    assert child.stdout is not None
    found = Served(child, json.loads(child.stdout.readline()))
    try:
        before = await found.fingerprint()
        good = await found.open()
        yield found
        await good.send_all(TIME)
        with trio.fail_after(ANSWER_S_MAX):
            assert (await good.receive_some()).startswith(b"HTTP/1.1 200")
        assert await found.fingerprint() == before
        _, errors = child.communicate(timeout=ANSWER_S_MAX)  # closes its standard input, which ends it
        assert (child.returncode, errors) == (0, b"")
    finally:
        for stream in found.dialled:
            await trio.aclose_forcefully(stream)
        if child.poll() is None:
            child.kill()
        child.communicate()


GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"\x16\x03\x03\x00\x05hello",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x80\x2e\x01\x00\x02" + bytes(40),
    b"SSH-2.0-OpenSSH_9.0\r\n",
    b"\xff" * 100_000,
    b"GET / HTTP/1.1\r\n\r\n",
    b"{}" * 1000,
    bytes(1000),
]


async def test_garbage_instead_of_the_protocol(served: Served) -> None:
    """Plain bytes at a TLS port, TLS at a plain one, noise at both: the connection ends, nothing else."""
    for name in ("gate_rest", "mexc_rest"):
        for data in GARBAGE:
            stream = await served.dial(name)
            await utter(stream, data, last=True)
            reply = await everything(stream)
            assert b"HTTP/1.1 2" not in reply


async def test_connections_that_end_at_every_point(served: Served) -> None:
    """Closed, half-closed and reset after each piece of a handshake, a request, an upgrade and a frame."""
    stages = [b"", TIME[:1], TIME[:30], TIME, UPGRADE[:60], UPGRADE, UPGRADE + b"\x81\xfe\x10\x00\0\0\0\0half"]
    for stage in stages:
        for manner in ("close", "eof", "reset"):
            stream = await served.dial()
            await utter(stream, stage, last=manner == "eof")
            if manner == "eof":
                await everything(stream)
            elif manner == "reset":
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()


async def test_connections_that_end_inside_tls_or_a_conversation(served: Served) -> None:
    """The same through a sound handshake; a TLS client that goes without its goodbye is nothing new."""
    for data in (TIME[:10], TIME, UPGRADE, UPGRADE + b"\x89\x80\0\0\0\0"):
        stream = await served.open()
        await stream.send_all(data)
        await trio.aclose_forcefully(stream)


async def test_a_refusal_can_be_read_while_the_client_still_sends(served: Served) -> None:
    """413 arrives although the body goes on: closing at once would reset the connection and lose it."""
    stream = await served.open()
    head = b"POST /api/v4/spot/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(utter, stream, head + b"x" * 3_000_000)
        assert (await everything(stream)).startswith(b"HTTP/1.1 413")


async def test_hundreds_of_connections_at_once(served: Served) -> None:
    """Half of them say nothing, half start and stop; the good client is answered while they are there."""
    streams = [await served.dial(("gate_rest", "mexc_rest")[n % 2]) for n in range(300)]
    for stream in streams[::2]:
        await utter(stream, TIME[:20])
    other = await served.open()
    await other.send_all(TIME)
    with trio.fail_after(ANSWER_S_MAX):
        assert (await other.receive_some()).startswith(b"HTTP/1.1 200")
    for stream in streams:
        await stream.aclose()


async def test_broken_frames_on_a_real_socket(served: Served) -> None:
    """Close codes reach the client before the connection ends."""
    for data, code in ((b"\x81\x05hello", 1002), (b"\xc1\x80\0\0\0\0", 1002), (b"\x81\x82\0\0\0\0\xff\xfe", 1007)):
        stream = await served.open()
        await stream.send_all(UPGRADE + data)
        reply = await everything(stream)
        assert reply.startswith(b"HTTP/1.1 101")
        frame = reply.partition(b"\r\n\r\n")[2]
        assert (frame[0], int.from_bytes(frame[2:4], "big")) == (0x88, code)
