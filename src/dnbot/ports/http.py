"""HTTP/1.1 requests over the seam, with one question answered for every failure: can the request have left?

httpcore's pool keeps the connections, and requests go straight to it, without a client such as httpx's: so there are
no cookies, redirects, proxies from the environment or retries, and nothing is built that nobody reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, cast

import attrs
import httpcore
import trio

from dnbot.domain.errors import OperatingError, RequestAmbiguous, RequestNotSent
from dnbot.ports.clock import Clock
from dnbot.ports.net import Endpoint, StreamOpener, connect_failure, has_ended_or_spoken

CONNECTIONS_MAX = 4
REPLY_BYTES_MAX = 16 * 1024 * 1024  # a full exchangeInfo is about 6 MB
IDLE_S_MAX = 45.0  # below the 60 s after which common load balancers close; a close that crosses a send is ambiguous


@attrs.frozen
class HttpReply:
    """A complete answer of any status; header names are lower case.

    `sent_at_ns` is the wall clock just before the first request byte, `received_at_ns` when the headers had come:
    together they bound the moment at which the venue read its own clock.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at_ns: int
    received_at_ns: int


@attrs.frozen
class HttpStatistics:
    """Counters since start; `connections_reused` counts requests that needed no new connection."""

    requests: int
    connections_opened: int
    connections_reused: int
    not_sent: int
    ambiguous: int
    pools_rebuilt: int
    in_flight: int


@attrs.define
class _Flight:
    """What is known about one request while it is on its way."""

    sent_at_ns: int | None = None
    opened_connection: bool = False

    @property
    def may_have_left(self) -> bool:
        return self.sent_at_ns is not None


class _NetworkStream(httpcore.AsyncNetworkStream):
    """A trio stream as httpcore wants it. Closing is forceful: a graceful TLS farewell could hang a shield."""

    def __init__(self, stream: trio.abc.Stream, idle_s_max: float | None) -> None:
        self._stream = stream
        self._idle_s_max = idle_s_max
        self._used_at_s = trio.current_time()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 (httpcore's word)
        try:
            chunk = bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
            raise httpcore.ReadError(repr(error)) from error
        self._used_at_s = trio.current_time()
        return chunk

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 (httpcore's word)
        if not buffer:
            return
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
            raise httpcore.WriteError(repr(error)) from error
        self._used_at_s = trio.current_time()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

    def get_extra_info(self, info: str) -> Any:
        # httpcore asks this of idle connections only, and drops those that answer True.
        if info != "is_readable":
            return None
        idle_s = trio.current_time() - self._used_at_s
        return has_ended_or_spoken(self._stream) or (self._idle_s_max is not None and idle_s > self._idle_s_max)


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, opener: StreamOpener, idle_s_max: float | None) -> None:
        self._opener = opener
        self._idle_s_max = idle_s_max
        self.opened = 0

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's word)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._opener(host, port)
        self.opened += 1
        return _NetworkStream(stream, self._idle_s_max)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


class _Body:
    """A request body in one piece. Not a generator: one that is abandoned in mid-send is finished by the collector."""

    def __init__(self, content: bytes) -> None:
        self._left = [content] if content else []

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


class Pool:
    """httpcore's pool on the seam."""

    def __init__(self, opener: StreamOpener, connections_max: int, idle_s_max: float | None) -> None:
        self._backend = _Backend(opener, idle_s_max)
        # keepalive_expiry stays None because httpcore would read the real clock; `idle_s_max` replaces it.
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=self._backend, max_connections=connections_max, keepalive_expiry=None
        )
        self.handle = self._pool.handle_async_request
        self.aclose = self._pool.aclose

    @property
    def connections_opened(self) -> int:
        return self._backend.opened

    def busy_connections(self) -> int:
        """Connections that are serving, or believe they are serving, a request."""
        return sum(not (connection.is_idle() or connection.is_closed()) for connection in self._pool.connections)


class HttpClient:
    """Requests to one endpoint over its own connections; each purpose (reads, orders, cancels) gets its own client.

    Resource handling: `async with`, or `await aclose()`. One request is sent at most once, whatever happens.
    """

    def __init__(
        self,
        opener: StreamOpener,
        endpoint: Endpoint,
        *,
        clock: Clock,
        venue: str | None = None,
        connections_max: int = CONNECTIONS_MAX,
        reply_bytes_max: int = REPLY_BYTES_MAX,
        idle_s_max: float | None = IDLE_S_MAX,
    ) -> None:
        self._opener = opener
        self._endpoint = endpoint
        self._clock = clock
        self._venue = venue or endpoint.host
        self._connections_max = connections_max
        self._reply_bytes_max = reply_bytes_max
        self._idle_s_max = idle_s_max
        self._host = endpoint.host.encode("ascii")
        self._framing = [(b"Host", endpoint.authority.encode("ascii")), (b"Accept-Encoding", b"identity")]
        self._pool = self._new_pool()
        self._opened_before = self._requests = self._in_flight = 0
        self._not_sent = self._ambiguous = self._rebuilt = self._reused = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes every connection at once, without farewell."""
        await self._pool.aclose()

    async def request(
        self,
        method: str,
        path_and_query: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        deadline_s: float,
        queue_s_max: float | None = None,
    ) -> HttpReply:
        """The complete reply, within `deadline_s` from now, connecting and reading included.

        Until one of its connections is free, or may be opened, it waits `queue_s_max` at most: by default `deadline_s`.
        `path_and_query` is sent byte for byte, because signatures cover it. A reply of any status is a reply.
        Raises RequestNotSent when no byte was handed to a connection, RequestAmbiguous when one may have been; a
        Cancelled that arrives from outside passes through, and then the caller must assume that the request left.
        """
        await self._rebuild_if_leaked()
        flight = _Flight()
        self._requests += 1
        self._in_flight += 1
        failure = f"no complete reply within {deadline_s} s"
        try:
            with trio.move_on_after(deadline_s):
                request = self._build(method, path_and_query, headers, body, flight, queue_s_max)
                return await self._exchange(request, flight)
        except _Unreadable as error:
            failure = str(error)
        except httpcore.PoolTimeout:
            failure = f"each of {self._connections_max} connections waits for a reply; none was free in {queue_s_max} s"
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            if isinstance(error, httpcore.LocalProtocolError):
                raise  # we built an illegal request: a bug, not the world
            failure = f"{type(error).__name__}: {error}"
        except (OSError, trio.BrokenResourceError) as error:
            failure = connect_failure(error)
        except OperatingError as error:
            failure = getattr(error, "what", str(error))
        finally:
            self._in_flight -= 1
        raise self._failed(flight, method, failure)

    def statistics(self) -> HttpStatistics:
        """Counters for monitors and tests."""
        opened = self._opened_before + self._pool.connections_opened
        return HttpStatistics(
            requests=self._requests,
            connections_opened=opened,
            connections_reused=self._reused,
            not_sent=self._not_sent,
            ambiguous=self._ambiguous,
            pools_rebuilt=self._rebuilt,
            in_flight=self._in_flight,
        )

    def _build(
        self, method: str, target: str, headers: Mapping[str, str] | None, body: bytes, flight: _Flight,
        queue_s_max: float | None,
    ) -> httpcore.Request:
        async def note_start(event: str, _: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.started":
                flight.opened_connection = True
            elif event == "http11.send_request_headers.started":
                self._reused += not flight.opened_connection
                flight.sent_at_ns = self._clock.now_ns()

        framing = self._framing
        if body or method in ("POST", "PUT", "PATCH"):
            framing = [*framing, (b"Content-Length", b"%d" % len(body))]
        own = [(name.encode("ascii"), value.encode("ascii")) for name, value in (headers or {}).items()]
        return httpcore.Request(
            method,
            # To httpcore every stream is plain: TLS is the opener's business.
            httpcore.URL(scheme=b"http", host=self._host, port=self._endpoint.port, target=target.encode("ascii")),
            headers=[*framing, *own],
            content=_Body(body),
            extensions={"trace": note_start, "timeout": {"pool": queue_s_max}},
        )

    async def _exchange(self, request: httpcore.Request, flight: _Flight) -> HttpReply:
        response = await self._pool.handle(request)
        received_at_ns = self._clock.now_ns()
        async with aclosing(response):
            headers = _texts(response.headers)
            self._check_readable(headers)
            body = await self._read_body(response)
        assert flight.sent_at_ns is not None, "httpcore reported no start of sending"
        return HttpReply(
            status=response.status,
            headers=headers,
            body=body,
            sent_at_ns=flight.sent_at_ns,
            received_at_ns=received_at_ns,
        )

    def _check_readable(self, headers: Mapping[str, str]) -> None:
        encoding = headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise _Unreadable(f"reply in content encoding {encoding[:20]!r}, which was not asked for")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._reply_bytes_max:
            raise _Unreadable(f"reply of {length[:20]} bytes; at most {self._reply_bytes_max} are read")

    async def _read_body(self, response: httpcore.Response) -> bytes:
        """The whole body. Too long a one is read to its end on a closed stream: iterators left behind would be
        finished by the garbage collector, at a moment nobody chose."""
        parts: list[bytes] = []
        left = self._reply_bytes_max
        try:
            async for part in cast("AsyncIterable[bytes]", response.stream):
                if left >= 0 and len(part) > left:
                    await response.extensions["network_stream"].aclose()
                    parts.clear()
                left -= len(part)
                if left >= 0:
                    parts.append(part)
        except httpcore.ReadError:
            if left >= 0:
                raise
        if left < 0:
            raise _Unreadable(f"reply longer than {self._reply_bytes_max} bytes")
        return b"".join(parts)

    def _failed(self, flight: _Flight, method: str, failure: str) -> RequestNotSent | RequestAmbiguous:
        if flight.may_have_left:
            self._ambiguous += 1
            return RequestAmbiguous(self._venue, f"{method}: {failure}")
        self._not_sent += 1
        return RequestNotSent(self._venue, f"{method}: {failure}")

    def _new_pool(self) -> Pool:
        return Pool(self._opener, self._connections_max, self._idle_s_max)

    async def _rebuild_if_leaked(self) -> None:
        """A connection that is busy while nothing is in flight was leaked by a cancellation (httpcore issue 1093)."""
        if self._in_flight or not self._pool.busy_connections():
            return
        leaked, self._pool = self._pool, self._new_pool()
        self._opened_before += leaked.connections_opened
        self._rebuilt += 1
        await leaked.aclose()


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case, once each: values of a repeated one are joined, as RFC 9110 5.2 allows."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode()
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


class _Unreadable(Exception):
    """The reply came and cannot be used; becomes RequestAmbiguous at the border."""
