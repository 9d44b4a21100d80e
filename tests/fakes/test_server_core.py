"""The fakes' HTTP and WebSocket server on memory streams."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio_websocket
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import WebSocketConnection

from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.server import IDLE_S_MAX, serve_connection
from dnbot.fakes.web import DropConnection, HttpRequest, HttpResponse, WebSocket


@attrs.define
class EchoApp:
    """Answers what it was asked, echoes messages, and cuts the line when told to."""

    requests: list[HttpRequest] = attrs.field(factory=list)

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """The request as text; /drop cuts."""
        self.requests.append(request)
        if request.path == "/drop":
            raise DropConnection("asked to")
        return HttpResponse(200, f"{request.method} {request.path}?{request.query} ".encode() + request.body)

    def serves_websocket(self, path: str) -> bool:
        """One path."""
        return path == "/ws"

    async def run(self) -> None:
        """Nothing to do by itself."""

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """Echo; ``bye`` returns, ``cut`` drops."""
        await ws.send_message(f"hello {request.query} {request.header('x-mark')}")
        while True:
            message = await ws.get_message()
            if message == "bye":
                return
            if message == "cut":
                raise DropConnection("asked to")
            await ws.send_message(message)


async def talk(app: EchoApp, *sent: bytes) -> bytes:
    """Send bytes to a fresh connection and read until the server closes it or falls silent."""
    client, server = memory_stream_pair()
    received = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, server, app)
        for chunk in sent:
            await client.send_all(chunk)
        with trio.move_on_after(1):
            async for chunk_back in client:
                received += bytes(chunk_back)
        nursery.cancel_scope.cancel()
    return received


async def test_two_requests_on_one_connection(autojump_clock: MockClock) -> None:
    """Keep-alive works, pipelined requests included; bodies, paths and queries arrive as they were sent."""
    app = EchoApp()
    first = b"POST /a%20b?x=1%2C2&y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    reply = await talk(app, first + b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
    assert reply.count(b"HTTP/1.1 200") == 2
    assert b"POST /a%20b?x=1%2C2&y hello" in reply
    assert b"GET /second? " in reply
    assert [request.body for request in app.requests] == [b"hello", b""]


async def test_request_in_small_pieces(autojump_clock: MockClock) -> None:
    """Where the network cuts the bytes does not matter."""
    whole = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    reply = await talk(EchoApp(), *(whole[i : i + 1] for i in range(len(whole))))
    assert b"POST /p? abc" in reply


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nBad Header\r\n\r\n",
    ],
)
async def test_garbage_is_answered_400(garbage: bytes, autojump_clock: MockClock) -> None:
    """Malformed requests get 400 and end their own connection; the app never sees them."""
    app = EchoApp()
    assert (await talk(app, garbage)).startswith(b"HTTP/1.1 400")
    assert app.requests == []


async def test_too_large_bodies_and_heads_are_refused(autojump_clock: MockClock) -> None:
    """A body over the limit is 413, an endless header 431; neither reaches the app."""
    app = EchoApp()
    big = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000
    assert (await talk(app, big)).startswith(b"HTTP/1.1 413")
    assert (await talk(app, b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000)).startswith(b"HTTP/1.1 431")
    assert app.requests == []


async def test_dropped_and_idle_connections_end(autojump_clock: MockClock) -> None:
    """DropConnection closes without an answer; a silent keep-alive connection is closed in the end."""
    assert await talk(EchoApp(), b"GET /drop HTTP/1.1\r\nHost: h\r\n\r\n") == b""
    client, server = memory_stream_pair()
    started_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, server, EchoApp())
        assert await client.receive_some() == b""
    assert trio.current_time() - started_s == pytest.approx(IDLE_S_MAX)


@asynccontextmanager
async def dialled(app: EchoApp, path: str = "/ws?k=v") -> AsyncIterator[WebSocketConnection]:
    """A WebSocket client connected to the app through memory."""
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, server, app)
        ws = await trio_websocket.wrap_client_stream(
            nursery,
            client,  # type: ignore[arg-type]  # any stream works; the library names only sockets
            "gate.fake",
            path,
            extra_headers=[(b"X-Mark", b"7")],
        )
        yield ws
        with trio.move_on_after(5):
            await ws.aclose()
        nursery.cancel_scope.cancel()


async def test_websocket_upgrade_on_the_same_port(autojump_clock: MockClock) -> None:
    """The upgrade request's query and headers reach the app, messages go both ways, returning closes politely."""
    async with dialled(EchoApp()) as ws:
        assert await ws.get_message() == "hello k=v 7"
        await ws.send_message("ping")
        assert await ws.get_message() == "ping"
        await ws.send_message("bye")
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await ws.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1000


async def test_websocket_can_be_cut_without_a_close_frame(autojump_clock: MockClock) -> None:
    """DropConnection looks like a dead server: code 1006."""
    async with dialled(EchoApp()) as ws:
        await ws.get_message()
        await ws.send_message("cut")
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await ws.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1006


async def test_websocket_at_an_unknown_path_is_404(autojump_clock: MockClock) -> None:
    """An upgrade the app does not serve is refused as HTTP."""
    upgrade = b"GET /nope HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert (await talk(EchoApp(), upgrade)).startswith(b"HTTP/1.1 404")


async def test_server_survives_any_client(autojump_clock: MockClock) -> None:
    """Whatever one client does, the next one is served: nothing escapes from a connection."""
    app, rng = EchoApp(), random.Random(5)
    pieces = [b"GET / HTTP/1.1\r\n", b"Host: h\r\n", b"Upgrade: websocket\r\n", b"\r\n", b"\x81\x05hello", b"\xff"]
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, rng)
        network.listen("h", 80, lambda stream: serve_connection(stream, app))
        for _ in range(60):
            stream = await network.open_stream("h", 80)
            for _ in range(rng.randint(0, 6)):
                with trio.move_on_after(0.01):
                    try:
                        await stream.send_all(rng.choice(pieces))
                    except trio.BrokenResourceError:
                        break
            if rng.random() < 0.5:
                await stream.aclose()
        stream = await network.open_stream("h", 80)
        await stream.send_all(b"GET /alive HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert b"GET /alive?" in await read_all(stream)
        nursery.cancel_scope.cancel()


async def read_all(stream: trio.abc.Stream) -> bytes:
    """Everything until the end."""
    received = b""
    while chunk := await stream.receive_some():
        received += bytes(chunk)
    return received


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=300))
def test_random_bytes_never_reach_the_app_as_a_crash(data: bytes) -> None:
    """Bytes that are no request end in a refusal or in silence, never in an exception."""
    reply = trio.run(talk, EchoApp(), data, clock=MockClock(autojump_threshold=0))
    assert reply == b"" or reply.startswith(b"HTTP/1.1 4")
