"""A page of figures over HTTP/1.1: GET alone, one answer a connection, a deadline for each client, few at once.

It can neither stop nor delay the bot: whoever is slow, hostile or too many is cut off, and a page that cannot be made
is an answer 500 and a line in the log, because nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

import attrs
import h11
import trio

from dnbot.metrics.exposition import CONTENT_TYPE
from dnbot.ports.log import EventLog
from dnbot.ports.net import is_loopback

CLIENTS_MAX = 4
"""Two scrapers and a person; more are cut off at once."""
CLIENT_S_MAX = 5.0
"""From connection to the last byte of the answer."""
HEAD_BYTES_MAX = 8192
RECEIVE_BYTES = 4096
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.define
class PageServer:
    """Serves pages by path. Loopback is not private: whoever has a user on this machine may read them."""

    pages: Mapping[str, Callable[[], Awaitable[bytes]]]
    log: EventLog
    clients: int = 0
    turned_away: int = 0
    failed: int = 0
    """Pages that could not be made."""

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Until cancelled; a client that misbehaves ends its own connection and nothing else.

        Error handling: sockets that break are told in the log, and the page is gone; who calls goes on.
        """
        try:
            await trio.serve_listeners(self.welcome, listeners)
        except* OSError as group:
            self.log.error("page_lost", what=str(group.exceptions[0]))

    async def welcome(self, stream: trio.abc.Stream) -> None:
        """Answer one client and let go of it."""
        if self.clients >= CLIENTS_MAX:
            self.turned_away += 1
            await trio.aclose_forcefully(stream)
            return
        self.clients += 1
        try:
            with trio.move_on_after(CLIENT_S_MAX), suppress(*_GONE):
                async with stream:
                    await self._answer(stream)
        finally:
            self.clients -= 1

    async def _answer(self, stream: trio.abc.Stream) -> None:
        status, body, is_head = 400, b"not a request\n", False
        with suppress(h11.RemoteProtocolError):
            request = await _request(stream)
            if request is None:
                return
            is_head = request.method == b"HEAD"
            status, body = await self._page(request)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            f"content-type: {CONTENT_TYPE if status == HTTPStatus.OK else 'text/plain; charset=utf-8'}\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        await stream.send_all(head.encode() + (b"" if is_head else body))

    async def _page(self, request: h11.Request) -> tuple[int, bytes]:
        if request.method not in {b"GET", b"HEAD"}:
            return 405, b"GET alone\n"
        try:
            host, path = _host(request), urlsplit(request.target.decode("latin-1")).path
        except ValueError:  # urlsplit on a bracket that does not close
            return 400, b"no host or no path\n"
        if not is_loopback(host):  # a web page elsewhere may have had a browser here ask under a name of its own
            return 421, b"this page answers to loopback names alone\n"
        make = self.pages.get(path)
        if make is None:
            return 404, f"{' '.join(self.pages)}\n".encode()
        try:
            return 200, await make()
        except Exception as error:  # noqa: BLE001 (what only tells must not end what trades)
            self.failed += 1
            self.log.error("page_failed", error=type(error).__name__, what=str(error))
            return 500, b"the page could not be made; see the log\n"


def _host(request: h11.Request) -> str:
    """The name that the client used, without its port."""
    told = next((value for name, value in request.headers if name == b"host"), b"")
    return urlsplit(f"//{told.decode('latin-1')}").hostname or ""


async def _request(stream: trio.abc.Stream) -> h11.Request | None:
    """The head of the first request; None when the client left without one.

    Raises:
        h11.RemoteProtocolError: it is none, or longer than HEAD_BYTES_MAX.
    """
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(bytes(await stream.receive_some(RECEIVE_BYTES)))
        else:
            return event if isinstance(event, h11.Request) else None
