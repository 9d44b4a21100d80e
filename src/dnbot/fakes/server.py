"""HTTP/1.1 and WebSocket on one byte stream: works on sockets, TLS and memory streams alike, under any clock."""

from __future__ import annotations

import attrs
import h11
import trio
from trio_websocket import ConnectionClosed, HandshakeError, wrap_server_stream

from .web import App, DropConnection, HttpRequest, HttpResponse

RECEIVE_BYTES = 65_536
HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 1_048_576
MESSAGE_BYTES_MAX = 1_048_576
IDLE_S_MAX = 120.0  # a keep-alive connection that says nothing for this long is closed
SEND_S_MAX = 10.0  # a client that does not read its answer for this long is dropped


@attrs.define(eq=False)
class PrefixStream(trio.abc.Stream):
    """A stream whose first bytes were already read by somebody else."""

    prefix: bytes
    stream: trio.abc.Stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The replayed bytes first, then those of the stream."""
        if self.prefix:
            await trio.lowlevel.checkpoint()
            size = max_bytes or len(self.prefix)
            taken, self.prefix = self.prefix[:size], self.prefix[size:]
            return taken
        return bytes(await self.stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Passed through."""
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Passed through."""
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Passed through."""
        await self.stream.aclose()


@attrs.define(eq=False)
class _Connection:
    """One client: reads requests, remembers the raw bytes of the current one for a possible upgrade."""

    stream: trio.abc.Stream
    app: App
    remote: str
    parser: h11.Connection = attrs.field(
        factory=lambda: h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    )
    raw: bytes = b""

    async def serve(self) -> None:
        while True:
            request = await self._read_request()
            if request is None:
                return
            if (request.header("upgrade") or "").lower() == "websocket":
                await self._upgrade(request)
                return
            response = await self.app.handle_http(request)
            await self._send(response)
            if self.parser.our_state is h11.MUST_CLOSE or self.parser.their_state is h11.MUST_CLOSE:
                return
            self.parser.start_next_cycle()
            self.raw = self.parser.trailing_data[0]

    async def _read_request(self) -> HttpRequest | None:
        """The next whole request; None when the client went away or was refused."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self.parser.next_event()
            if event is h11.NEED_DATA:
                if self.parser.they_are_waiting_for_100_continue:
                    await self._send_bytes(self.parser.send(h11.InformationalResponse(status_code=100, headers=[])))
                if not await self._receive():
                    return None
            elif isinstance(event, h11.Request):
                head = event
                if _is_upgrade(event):
                    return self._request(head, b"")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    await self._refuse(413, "body too large")
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._request(head, bytes(body))
            else:
                return None

    async def _receive(self) -> bool:
        with trio.move_on_after(IDLE_S_MAX):
            chunk = bytes(await self.stream.receive_some(RECEIVE_BYTES))
            self.raw = (self.raw + chunk) if len(self.raw) < HEAD_BYTES_MAX else self.raw
            self.parser.receive_data(chunk)
            return True
        return False

    def _request(self, head: h11.Request, body: bytes) -> HttpRequest:
        path, _, query = head.target.decode("latin-1").partition("?")
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in head.headers)
        return HttpRequest(head.method.decode("latin-1"), path, query, headers, body, self.remote)

    async def _send(self, response: HttpResponse) -> None:
        headers = [*response.headers, ("content-length", str(len(response.body)))]
        out = self.parser.send(h11.Response(status_code=response.status, headers=headers)) or b""
        out += self.parser.send(h11.Data(data=response.body)) or b""
        out += self.parser.send(h11.EndOfMessage()) or b""
        await self._send_bytes(out)

    async def _send_bytes(self, data: bytes | None) -> None:
        with trio.move_on_after(SEND_S_MAX) as scope:
            await self.stream.send_all(data or b"")
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("client does not read")

    async def _refuse(self, status: int, why: str) -> None:
        if self.parser.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = f'{{"message":"{why}"}}'.encode()
            headers = [("content-length", str(len(body))), ("connection", "close")]
            out = self.parser.send(h11.Response(status_code=status, headers=headers)) or b""
            out += self.parser.send(h11.Data(data=body)) or b""
            out += self.parser.send(h11.EndOfMessage()) or b""
            await self._send_bytes(out)

    async def _upgrade(self, request: HttpRequest) -> None:
        if not self.app.serves_websocket(request.path):
            await self._refuse(404, "no such stream")
            return
        async with trio.open_nursery() as nursery:
            proposal = await wrap_server_stream(
                nursery, PrefixStream(self.raw, self.stream), max_message_size=MESSAGE_BYTES_MAX
            )
            ws = await proposal.accept()
            await self.app.handle_websocket(request, ws)
            with trio.move_on_after(SEND_S_MAX):
                await ws.aclose()
            nursery.cancel_scope.cancel()


def _is_upgrade(request: h11.Request) -> bool:
    return any(key == b"upgrade" and value.lower() == b"websocket" for key, value in request.headers)


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
            await connection._refuse(error.error_status_hint or 400, "malformed request")
    except* (
        trio.BrokenResourceError,
        trio.ClosedResourceError,
        h11.RemoteProtocolError,
        h11.LocalProtocolError,
        ConnectionClosed,
        HandshakeError,
        DropConnection,
    ):
        pass  # the client is gone or was told; there is nothing left to say to it
    finally:
        await trio.aclose_forcefully(stream)
