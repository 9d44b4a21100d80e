"""The seam on real loopback sockets: TLS is verified, hosts are listed, and failures say what happened."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio_websocket
import trustme
from trio.testing import memory_stream_pair

from dnbot.domain.errors import ConfigError, RequestAmbiguous, RequestNotSent, VenueUnreachable
from dnbot.ports.clock import SystemClock
from dnbot.ports.http import HttpClient
from dnbot.ports.net import Endpoint, TcpTlsOpener, has_ended_or_spoken, is_loopback
from dnbot.ports.websocket import open_websocket

WAIT_S_MAX = 60.0


class Authority:
    """A certificate authority in a file, and a listener with a certificate from it."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.file)

    async def listen(self, name: str, highest: ssl.TLSVersion | None = None) -> trio.SSLListener[trio.SocketStream]:
        """Listens on a free port of 127.0.0.1 with a certificate for `name`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if highest is not None:
            context.maximum_version = highest
        self.ca.issue_cert(name).configure_cert(context)
        (listener,) = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1")
        return listener


def port_of(listener: trio.SSLListener[trio.SocketStream]) -> int:
    """The port that was given by the system."""
    transport = listener.transport_listener
    assert isinstance(transport, trio.SocketListener)
    return int(transport.socket.getsockname()[1])


async def answer(stream: trio.abc.Stream) -> None:
    """One chunk in, the same out, until the client goes."""
    try:
        while chunk := await stream.receive_some(1000):
            await stream.send_all(bytes(chunk))
    except trio.BrokenResourceError:
        return


async def serve_refused(listener: trio.SSLListener[trio.SocketStream]) -> None:
    """Accepts connections whose handshake is expected to fail."""
    async with listener:
        while True:
            stream = await listener.accept()
            with pytest.raises(trio.BrokenResourceError):
                await stream.do_handshake()
            await trio.aclose_forcefully(stream)


async def test_verified_tls_carries_bytes(nursery: trio.Nursery, tmp_path: Path) -> None:
    """With the right authority and name the stream works, and its TLS is 1.2 or newer."""
    authority = Authority(tmp_path)
    listener = await authority.listen("127.0.0.1")
    nursery.start_soon(trio.serve_listeners, answer, [listener])
    endpoint = Endpoint("127.0.0.1", port_of(listener))
    opener = TcpTlsOpener([endpoint], ca_file=authority.file)
    stream = await opener(endpoint.host, endpoint.port)
    assert isinstance(stream, trio.SSLStream)
    await stream.send_all(b"hello")
    assert await stream.receive_some(100) == b"hello"
    assert stream.version() in ("TLSv1.2", "TLSv1.3")
    assert stream.transport_stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert opener.opened == 1
    await trio.aclose_forcefully(stream)
    nursery.cancel_scope.cancel()


async def test_wrong_name_and_unknown_authority_are_refused(nursery: trio.Nursery, tmp_path: Path) -> None:
    """A certificate for another host, or from an authority not given, is never accepted."""
    authority = Authority(tmp_path)
    listener = await authority.listen("other.example")
    nursery.start_soon(serve_refused, listener)
    endpoint = Endpoint("127.0.0.1", port_of(listener))
    for ca_file in (authority.file, None):
        with pytest.raises(VenueUnreachable, match="certificate refused"):
            await TcpTlsOpener([endpoint], ca_file=ca_file)(endpoint.host, endpoint.port)
    nursery.cancel_scope.cancel()


async def test_certificate_refused_is_not_sent(nursery: trio.Nursery, tmp_path: Path) -> None:
    """A request that met a bad certificate provably never left."""
    authority = Authority(tmp_path)
    listener = await authority.listen("other.example")
    nursery.start_soon(serve_refused, listener)
    endpoint = Endpoint("127.0.0.1", port_of(listener))
    opener = TcpTlsOpener([endpoint], ca_file=authority.file)
    async with HttpClient(opener, endpoint, clock=SystemClock()) as client:
        with pytest.raises(RequestNotSent, match="certificate refused"):
            await client.request("POST", "/orders", deadline_s=WAIT_S_MAX)
    nursery.cancel_scope.cancel()


async def test_plain_server_behind_a_tls_endpoint_is_refused(nursery: trio.Nursery) -> None:
    """There is no falling back to plain text."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, answer, [listener])
    port = listener.socket.getsockname()[1]
    with pytest.raises(VenueUnreachable, match="TLS handshake failed"):
        await TcpTlsOpener([Endpoint("127.0.0.1", port)])("127.0.0.1", port)
    nursery.cancel_scope.cancel()


async def test_refused_port_and_hanging_handshake_are_unreachable(nursery: trio.Nursery) -> None:
    """A closed port and a server that never speaks TLS both end as VenueUnreachable, the latter at the deadline."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    with pytest.raises(VenueUnreachable, match=r"within 0\.1 s"):
        await TcpTlsOpener([Endpoint("127.0.0.1", port)], connect_timeout_s=0.1)("127.0.0.1", port)
    await listener.aclose()
    with socket.socket() as held:  # bound and not listening: nobody else can be given the port meanwhile
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(VenueUnreachable, match="not connected"):
            await TcpTlsOpener([Endpoint("127.0.0.1", port)])("127.0.0.1", port)


async def test_host_that_is_not_listed_is_never_dialled() -> None:
    """A host, or a port of a listed host, that is not in the list is an error that names what is."""
    opener = TcpTlsOpener([Endpoint("api.example", 443)])
    for host, port in (("evil.example", 443), ("api.example", 444)):
        with pytest.raises(ConfigError, match=r"api\.example:443"):
            await opener(host, port)


def test_plain_text_and_own_authority_are_for_loopback_only(tmp_path: Path) -> None:
    """Plain text elsewhere is refused when the opener is made; so is an unreadable authority file."""
    with pytest.raises(ConfigError, match="no TLS"):
        TcpTlsOpener([Endpoint("api.example", 80, tls=False)])
    TcpTlsOpener([Endpoint("127.0.0.1", 80, tls=False), Endpoint("::1", 80, tls=False)])
    authority = Authority(tmp_path)
    with pytest.raises(ConfigError, match="loopback"):
        TcpTlsOpener([Endpoint("api.example", 443)], ca_file=authority.file)
    (tmp_path / "bad.pem").write_text("not a certificate")
    for name in ("bad.pem", "absent.pem"):
        with pytest.raises(ConfigError, match=name):
            TcpTlsOpener([Endpoint("127.0.0.1", 443)], ca_file=tmp_path / name)


@pytest.mark.parametrize(
    ("url", "endpoint", "authority"),
    [
        ("https://api.gateio.ws/api/v4", Endpoint("api.gateio.ws", 443), "api.gateio.ws"),
        ("wss://host:8443/ws?x=1", Endpoint("host", 8443), "host:8443"),
        ("http://127.0.0.1:80/", Endpoint("127.0.0.1", 80, tls=False), "127.0.0.1"),
        ("ws://[::1]:9/", Endpoint("::1", 9, tls=False), "[::1]:9"),
    ],
)
def test_endpoint_of_a_url(url: str, endpoint: Endpoint, authority: str) -> None:
    """Scheme decides TLS and the default port; the Host header names the port only where it must."""
    assert Endpoint.from_url(url) == endpoint
    assert endpoint.authority == authority


@pytest.mark.parametrize("url", ["ftp://host/", "host:443", "https://", "https://user:pw@host/", "https://host:99999/"])
def test_other_urls_are_refused(url: str) -> None:
    """No scheme but the four, no host-less URL, no impossible port, no password in a URL."""
    with pytest.raises(ConfigError) as caught:
        Endpoint.from_url(url)
    assert "pw" not in str(caught.value)


def test_loopback_is_decided_by_the_literal() -> None:
    """Names are not resolved: a name that points home today may point elsewhere tomorrow."""
    assert is_loopback("127.0.0.1")
    assert is_loopback("127.9.9.9")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("localhost.example")
    assert not is_loopback("10.0.0.1")


async def test_idle_socket_that_was_closed_by_the_peer_is_seen() -> None:
    """An idle connection with an end to read, or closed by ourselves, answers True without being read."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    server = await listener.accept()
    assert not has_ended_or_spoken(client)
    await server.aclose()
    with trio.fail_after(WAIT_S_MAX):
        await trio.lowlevel.wait_readable(client.socket)
    assert has_ended_or_spoken(client)
    await client.aclose()
    assert has_ended_or_spoken(client)
    await listener.aclose()
    assert not has_ended_or_spoken(memory_stream_pair()[0])


async def test_connection_that_the_server_closed_while_idle_is_replaced(nursery: trio.Nursery) -> None:
    """On real sockets, a request after an idle close uses a new connection instead of ending ambiguous."""
    ended, ends = trio.open_memory_channel[None](1)

    async def once(stream: trio.SocketStream) -> None:
        await stream.receive_some(1000)
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await stream.aclose()
        await ended.send(None)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, once, [listener])
    endpoint = Endpoint("127.0.0.1", listener.socket.getsockname()[1], tls=False)
    async with HttpClient(TcpTlsOpener([endpoint]), endpoint, clock=SystemClock()) as client:
        for _ in range(3):
            assert (await client.request("GET", "/", deadline_s=WAIT_S_MAX)).body == b"ok"
            with trio.fail_after(WAIT_S_MAX):
                await ends.receive()
        assert client.statistics().connections_opened == 3
    nursery.cancel_scope.cancel()


def test_ambiguous_is_never_not_sent() -> None:
    """The two verdicts exclude each other: neither class is the other's."""
    assert not issubclass(RequestAmbiguous, RequestNotSent)
    assert not issubclass(RequestNotSent, RequestAmbiguous)


async def test_websocket_and_http_work_over_verified_tls(nursery: trio.Nursery, tmp_path: Path) -> None:
    """Both libraries stand on the same TLS stream: messages and replies go through, and closing is clean."""
    authority = Authority(tmp_path)

    async def chat(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        with suppress(trio_websocket.ConnectionClosed):
            while True:
                await connection.send_message(await connection.get_message())

    async def page(stream: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError):
            while await stream.receive_some(10_000):
                await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    chat_listener, page_listener = await authority.listen("127.0.0.1"), await authority.listen("127.0.0.1")
    nursery.start_soon(trio_websocket.WebSocketServer(chat, [chat_listener]).run)
    nursery.start_soon(trio.serve_listeners, page, [page_listener])
    endpoints = [Endpoint("127.0.0.1", port_of(listener)) for listener in (chat_listener, page_listener)]
    opener = TcpTlsOpener(endpoints, ca_file=authority.file)
    async with HttpClient(opener, endpoints[1], clock=SystemClock()) as client:
        for _ in range(20):
            assert (await client.request("GET", "/", deadline_s=WAIT_S_MAX)).body == b"ok"
        counted = client.statistics()
    assert (counted.connections_opened, counted.connections_reused) == (1, 19)
    url = f"wss://127.0.0.1:{endpoints[0].port}/ws"
    with trio.fail_after(WAIT_S_MAX):
        async with open_websocket(opener, url, venue="test", silence_s_max=WAIT_S_MAX) as websocket:
            for number in range(20):
                await websocket.send(str(number))
                assert await websocket.receive() == str(number)
    nursery.cancel_scope.cancel()
