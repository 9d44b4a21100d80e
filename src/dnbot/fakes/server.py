"""HTTP/1.1 and WebSocket on one byte stream: works on sockets, TLS and memory streams alike, under any clock."""

from __future__ import annotations

import h11
import trio
from attrs import define, field
from trio_websocket import ConnectionClosed

from .handshake import HandshakeRefused, Headers, accept_headers, is_upgrade
from .web import App, DropConnection, HttpRequest, HttpResponse
from .websocket import ServerSocket

RECEIVE_BYTES = 65_536
VERSIONS = (b"1.0", b"1.1")
HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 1_048_576
IDLE_S_MAX = 120.0  # a keep-alive connection that says nothing for this long is closed
REQUEST_S_MAX = 30.0  # from its first byte, a request must be whole by then
SEND_S_MAX = 10.0  # a client that does not read its answer for this long is dropped
LINGER_S_MAX = 1.0  # how long a refused client may go on talking, so that it can read why it was refused
LINGER_BYTES_MAX = 8 * 1_048_576


@define(eq=False)
class _Connection:
    """One client: reads requests one after another and answers each before it reads the next."""

    stream: trio.abc.Stream
    app: App
    remote: str
    parser: h11.Connection = field(
        factory=lambda: h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    )
    deadline_s: float = 0.0
    begun: bool = False
    """Whether a request is under way, so that its deadline holds."""

    async def serve(self) -> None:
        while True:
            request = await self._read_request()
            if request is None:
                return
            if is_upgrade(request):
                await self._upgrade(request)
                return
            await self._answer(await self.app.handle_http(request), to_head=request.method == "HEAD")
            if self.parser.our_state is h11.MUST_CLOSE or self.parser.their_state is h11.MUST_CLOSE:
                return
            self.parser.start_next_cycle()

    async def _read_request(self) -> HttpRequest | None:
        """The next whole request; None when the client went away or was refused."""
        head: h11.Request | None = None
        body = bytearray()
        self.begun, self.deadline_s = bool(self.parser.trailing_data[0]), trio.current_time() + REQUEST_S_MAX
        while True:
            event = self.parser.next_event()
            if event is h11.NEED_DATA:
                if not await self._receive():
                    return None
            elif isinstance(event, h11.Request):
                head = event
                if event.http_version not in VERSIONS:
                    await self.refuse(505, "HTTP version not supported")
                    return None
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    await self.refuse(413, "body too large")
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._request(head, bytes(body))
            else:
                return None

    async def _receive(self) -> bool:
        """Feed the parser; False when the client has said nothing, or not all, for too long."""
        if self.parser.they_are_waiting_for_100_continue:
            await self._send(self.parser.send(h11.InformationalResponse(status_code=100, headers=[])))
        now_s = trio.current_time()
        with trio.move_on_at(self.deadline_s if self.begun else now_s + IDLE_S_MAX):
            chunk = bytes(await self.stream.receive_some(RECEIVE_BYTES))
            self.parser.receive_data(chunk)
            if not self.begun:
                self.begun, self.deadline_s = True, trio.current_time() + REQUEST_S_MAX
            return True
        if self.begun:
            await self.refuse(408, "request took too long")
        return False

    def _request(self, head: h11.Request, body: bytes) -> HttpRequest:
        path, _, query = head.target.decode("latin-1").partition("?")
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in head.headers)
        return HttpRequest(head.method.decode("latin-1"), path, query, headers, body, self.remote)

    async def _answer(self, response: HttpResponse, *, to_head: bool = False) -> None:
        headers = [*response.headers, ("content-length", str(len(response.body)))]
        out = self.parser.send(h11.Response(status_code=response.status, headers=headers)) or b""
        if not to_head:
            out += self.parser.send(h11.Data(data=response.body)) or b""
        out += self.parser.send(h11.EndOfMessage()) or b""
        await self._send(out)

    async def _send(self, data: bytes | None) -> None:
        with trio.move_on_after(SEND_S_MAX) as scope:
            await self.stream.send_all(data or b"")
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("client does not read")

    async def refuse(self, status: int, why: str, headers: Headers = ()) -> None:
        """Answer and let the client read it, if an answer is still possible; the connection ends after this."""
        if self.parser.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f'{{"message":"{why}"}}'.encode()
        await self._answer(HttpResponse(status, body, (*headers, ("connection", "close"))))
        await self._linger()

    async def _linger(self) -> None:
        """Closing while bytes of the client are unread would reset the connection and lose our answer on its way."""
        left = LINGER_BYTES_MAX
        with trio.move_on_after(LINGER_S_MAX):
            if isinstance(self.stream, trio.abc.HalfCloseableStream):
                await self.stream.send_eof()
            while left > 0 and (chunk := await self.stream.receive_some(RECEIVE_BYTES)):
                left -= len(chunk)

    async def _upgrade(self, request: HttpRequest) -> None:
        if not self.app.serves_websocket(request.path):
            await self.refuse(404, "no such stream")
            return
        try:
            headers = list(accept_headers(request))
        except HandshakeRefused as refused:
            await self.refuse(refused.status, str(refused), refused.headers)
            return
        await self._send(self.parser.send(h11.InformationalResponse(status_code=101, headers=headers)))
        ws = ServerSocket(self.stream, self.parser.trailing_data[0])
        await self.app.handle_websocket(request, ws)
        await ws.aclose()


async def serve_connection(stream: trio.abc.Stream, app: App, remote: str = "127.0.0.1") -> None:
    """Serve one client until it leaves; garbage is answered 400, and nothing a client sends ends the server.

    Errors of the client (broken or closed streams, protocol violations, DropConnection) end only this connection;
    anything else is a bug of the fake and propagates.
    """
    connection = _Connection(stream, app, remote)
    try:
        try:
            await connection.serve()
        except h11.RemoteProtocolError as error:
            await connection.refuse(error.error_status_hint or 400, "malformed request")
    except* (
        trio.BrokenResourceError,
        trio.ClosedResourceError,
        h11.LocalProtocolError,
        ConnectionClosed,
        DropConnection,
    ):
        pass  # the client is gone or was told; there is nothing left to say to it
    finally:
        await trio.aclose_forcefully(stream)
