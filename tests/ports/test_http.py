"""HTTP over memory streams on virtual time: exact bytes out, and an honest verdict on every failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import h11
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair

from dnbot.domain.errors import RequestAmbiguous, RequestNotSent, VenueUnreachable
from dnbot.ports.clock import VirtualClock
from dnbot.ports.http import HttpClient, _Flight, _texts
from dnbot.ports.net import Endpoint

Handler = Callable[[trio.abc.Stream], Awaitable[None]]
ENDPOINT = Endpoint("api.example", 443)


class MemoryNet:
    """Hands out one memory stream per connection and runs the handler on the other end."""

    def __init__(self, nursery: trio.Nursery, handler: Handler, latency_s: float = 0.01) -> None:
        self.nursery, self.handler, self.latency_s = nursery, handler, latency_s
        self.opened: list[tuple[str, int]] = []

    async def open(self, host: str, port: int) -> trio.abc.Stream:
        await trio.sleep(self.latency_s)
        ours, theirs = memory_stream_pair()
        self.opened.append((host, port))
        self.nursery.start_soon(self.handler, theirs)
        return ours


class Echo:
    """An h11 server that keeps each request and answers it after `reply_after_s`."""

    def __init__(self, *, reply_after_s: float = 0.02, body: bytes = b"{}") -> None:
        self.reply_after_s, self.body = reply_after_s, body
        self.requests: list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]] = []

    async def __call__(self, stream: trio.abc.Stream) -> None:
        conn = h11.Connection(h11.SERVER)
        request, content = h11.Request(method="GET", target="/", headers=[("host", "none")]), b""
        async with stream:
            while True:
                event = conn.next_event()
                if event is h11.NEED_DATA:
                    try:
                        conn.receive_data(bytes(await stream.receive_some(65536)))
                    except trio.BrokenResourceError:
                        return
                elif isinstance(event, h11.Request):
                    request, content = event, b""
                elif isinstance(event, h11.Data):
                    content += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self.requests.append((request.method, request.target, list(request.headers), content))
                    await trio.sleep(self.reply_after_s)
                    await self.reply(conn, stream)
                    conn.start_next_cycle()
                else:
                    return

    async def reply(self, conn: h11.Connection, stream: trio.abc.Stream) -> None:
        headers = [("content-length", str(len(self.body))), ("X-Limit", "7")]
        parts = [h11.Response(status_code=200, headers=headers), h11.Data(data=self.body), h11.EndOfMessage()]
        with suppress(trio.BrokenResourceError):  # the client may have gone
            await stream.send_all(b"".join(conn.send(part) or b"" for part in parts))


def client_for(net: MemoryNet, **options: object) -> HttpClient:
    return HttpClient(net.open, ENDPOINT, clock=VirtualClock(10**18), venue="test", **options)  # type: ignore[arg-type]


async def read_some(stream: trio.abc.Stream, then: bytes, *, close: bool = True) -> None:
    """Reads one chunk, writes `then`, and closes or falls silent."""
    await stream.receive_some(65536)
    if then:
        await stream.send_all(then)
    if close:
        await stream.aclose()
    else:
        await trio.sleep_forever()


async def test_reply_carries_status_headers_body_and_both_times(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A reply is complete, its headers are lower case, and its times bracket the server's delay."""
    server = Echo(body=b'{"ok":1}')
    async with client_for(MemoryNet(nursery, server)) as client:
        reply = await client.request("POST", "/api/v4/x?a=1", {"KEY": "k"}, b'{"q":2}', deadline_s=5)
    assert (reply.status, reply.body, reply.headers["x-limit"]) == (200, b'{"ok":1}', "7")
    assert reply.sent_at_ns == 10**18 + 10_000_000
    assert reply.received_at_ns - reply.sent_at_ns == 20_000_000
    method, target, headers, content = server.requests[0]
    assert (method, target, content) == (b"POST", b"/api/v4/x?a=1", b'{"q":2}')
    assert (b"host", b"api.example") in headers
    assert (b"key", b"k") in headers


@given(query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
@settings(max_examples=60, deadline=None)
def test_target_is_sent_byte_for_byte(query: str) -> None:
    """Whatever visible ASCII the signer put in the target arrives unchanged: nothing is encoded or re-ordered."""
    server = Echo()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            async with client_for(MemoryNet(nursery, server)) as client:
                await client.request("GET", "/p?" + query, deadline_s=5)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert server.requests[0][1] == b"/p?" + query.encode()


async def test_connections_are_reused_and_counted(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Requests in a row share one connection; an idle connection older than the limit is replaced, by trio's clock."""
    net = MemoryNet(nursery, Echo())
    async with client_for(net, idle_s_max=45) as client:
        for _ in range(5):
            await client.request("GET", "/a", deadline_s=5)
            await trio.sleep(40)
        assert len(net.opened) == 1
        await trio.sleep(6)
        await client.request("GET", "/a", deadline_s=5)
        counted = client.statistics()
    assert (counted.requests, counted.connections_opened, counted.connections_reused) == (6, 2, 4)
    assert net.opened == [("api.example", 443)] * 2


async def test_failed_connect_is_not_sent(autojump_clock: MockClock) -> None:
    """A refused connection, and an opener's own VenueUnreachable, are provably not sent, and name the venue."""

    async def refused(host: str, port: int) -> trio.abc.Stream:
        raise ConnectionRefusedError(111, "refused")

    async def unreachable(host: str, port: int) -> trio.abc.Stream:
        raise VenueUnreachable(host, "certificate refused")

    for opener, word in ((refused, "refused"), (unreachable, "certificate")):
        async with HttpClient(opener, ENDPOINT, clock=VirtualClock(0), venue="test") as client:
            with pytest.raises(RequestNotSent, match=f"^test: GET: .*{word}"):
                await client.request("GET", "/", deadline_s=5)
            assert client.statistics().not_sent == 1


async def test_connect_that_hangs_is_not_sent(autojump_clock: MockClock) -> None:
    """A deadline that strikes while connecting is provably not sent."""

    async def hangs(host: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    async with HttpClient(hangs, ENDPOINT, clock=VirtualClock(0)) as client:
        with pytest.raises(RequestNotSent, match="no complete reply within 3 s"):
            await client.request("GET", "/", deadline_s=3)
        assert trio.current_time() == 3


async def test_waiting_for_a_connection_is_not_sent(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A request that only waited for its turn is not sent, although another on the same client was."""
    net = MemoryNet(nursery, partial(read_some, then=b"", close=False))
    verdicts: dict[str, type[Exception]] = {}

    async def ask(client: HttpClient, name: str, deadline_s: float) -> None:
        try:
            await client.request("GET", "/" + name, deadline_s=deadline_s)
        except VenueUnreachable as error:
            verdicts[name] = type(error)

    async with client_for(net, connections_max=1) as client, trio.open_nursery() as callers:
        callers.start_soon(ask, client, "first", 9)
        await trio.sleep(1)
        callers.start_soon(ask, client, "second", 5)
    assert verdicts == {"first": RequestAmbiguous, "second": RequestNotSent}


async def test_the_wait_for_a_connection_has_a_bound_of_its_own(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A request that may not leave late is not sent; one that finds a connection has all its time for the reply."""
    net = MemoryNet(nursery, Echo(reply_after_s=2.0))
    async with client_for(net, connections_max=1) as client, trio.open_nursery() as callers:
        callers.start_soon(partial(client.request, "GET", "/first", deadline_s=9, queue_s_max=0.05))
        await trio.sleep(0.5)
        began_s = trio.current_time()
        with pytest.raises(RequestNotSent, match=r"none was free in 0\.05 s"):
            await client.request("GET", "/second", deadline_s=9, queue_s_max=0.05)
        assert trio.current_time() - began_s == pytest.approx(0.05)
        await trio.sleep(2.0)
        assert (await client.request("GET", "/third", deadline_s=9, queue_s_max=0.05)).status == 200
    assert len(net.opened) == 1


@pytest.mark.parametrize(
    ("answer", "close"),
    [
        (b"", True),
        (b"", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", False),
        (b"ILLEGAL\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n400\r\n" + b"x" * 1024 + b"\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx", True),
    ],
    ids=["reset", "silence", "cut body", "stalled body", "not http", "declared too long", "too long", "encoded"],
)
async def test_every_failure_after_the_first_byte_is_ambiguous(
    nursery: trio.Nursery, autojump_clock: MockClock, answer: bytes, close: bool
) -> None:
    """Reset, silence, a cut or stalled body, rubbish and an oversized body all leave the outcome unknown."""
    net = MemoryNet(nursery, partial(read_some, then=answer, close=close))
    async with client_for(net, reply_bytes_max=1000) as client:
        with pytest.raises(RequestAmbiguous):
            await client.request("POST", "/orders", body=b"{}", deadline_s=5)
        counted = client.statistics()
        assert (counted.ambiguous, counted.not_sent, counted.in_flight) == (1, 0, 0)


async def test_deadline_is_total_not_per_read(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A reply that drips one byte a second is given up at the deadline."""

    async def drip(stream: trio.abc.Stream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            await trio.sleep(1)
            try:
                await stream.send_all(b"x")
            except trio.BrokenResourceError:
                return

    async with client_for(MemoryNet(nursery, drip)) as client:
        with pytest.raises(RequestAmbiguous):
            await client.request("GET", "/", deadline_s=5)
        assert trio.current_time() == 5


async def test_redirects_are_answers_and_errors_are_replies(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A redirect is handed back and not followed, so signed headers never go to another host."""
    answer = b"HTTP/1.1 302 Found\r\nlocation: https://other.example/\r\ncontent-length: 0\r\n\r\n"
    net = MemoryNet(nursery, partial(read_some, then=answer))
    async with client_for(net) as client:
        assert (await client.request("GET", "/", deadline_s=5)).status == 302
    assert net.opened == [("api.example", 443)]


async def test_cancellation_from_outside_passes_through_and_frees_the_connection(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Many cancelled requests leave nothing in flight, and the client still works afterwards."""
    net = MemoryNet(nursery, Echo(reply_after_s=1.0))
    async with client_for(net, connections_max=2) as client:
        for tenth in range(30):
            with trio.move_on_after(tenth / 20) as scope:
                await client.request("GET", "/", deadline_s=10)
            assert scope.cancelled_caught == (tenth / 20 < 1.01)
        assert (await client.request("GET", "/", deadline_s=10)).status == 200
        assert client.statistics().in_flight == 0


def test_headers_of_a_reply_are_texts_under_lower_names() -> None:
    """One that is repeated is joined in order; bytes that are no UTF-8 are read one by one, and refuse nothing."""
    raw = [(b"X-Weight", b"1"), (b"x-weight", b"2"), (b"Via", b"gr\xc3\xbcn"), (b"Server", b"gr\xfcn")]
    assert _texts(raw) == {"x-weight": "1, 2", "via": "gr\u00fcn", "server": "gr\u00fcn"}


async def test_leaked_connection_is_noticed_and_the_pool_rebuilt(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A pool whose only connection believes it is busy while nothing is in flight is replaced before it blocks us."""
    net = MemoryNet(nursery, Echo())
    async with client_for(net, connections_max=1) as client:
        leak = client._build("GET", "/leak", None, b"", _Flight(), None)
        await client._pool.handle(leak)  # the reply is neither read nor closed
        assert (await client.request("GET", "/", deadline_s=1)).status == 200
        counted = client.statistics()
    assert (counted.pools_rebuilt, counted.connections_opened) == (1, 2)


async def test_server_that_closed_while_idle_is_not_asked_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A connection whose stream says it is readable while idle is dropped instead of risking an ambiguous order."""
    net = MemoryNet(nursery, Echo())

    async def open_probed(host: str, port: int) -> trio.abc.Stream:
        stream = await net.open(host, port)
        stream.is_readable = lambda: stream is first and closed  # type: ignore[attr-defined]
        return stream

    closed, first = False, None
    async with HttpClient(open_probed, ENDPOINT, clock=VirtualClock(0)) as client:
        await client.request("GET", "/", deadline_s=1)
        first, closed = client._pool._pool.connections[0]._connection._network_stream._stream, True  # type: ignore[attr-defined]
        await client.request("GET", "/", deadline_s=1)
    assert len(net.opened) == 2
