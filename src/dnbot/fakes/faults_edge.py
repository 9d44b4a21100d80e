"""Where faults meet a front: every connection, request and socket of it passes here, in memory and on real sockets."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol
from urllib.parse import parse_qsl

import attrs
import trio

from .faults_conditions import EXCHANGES
from .faults_engine import FaultEngine
from .faults_kinds import Happening, RequestStrike, Strike
from .faults_link import FaultyStream, drop_when_cut
from .records import MEXC_SPOT, Venue
from .server import serve_connection
from .web import App, DropConnection, HttpRequest, HttpResponse, WebSocket

_TEXT = re.compile(rb'"text"\s*:\s*"(?:t-)?([^"]{1,40})"')


class VenueFront(App, Protocol):
    """An app that knows whose REST a path is, and whose sockets it holds."""

    def venue_of(self, path: str) -> Venue:
        """The venue of a path."""

    def cut(self, venue: Venue, domain: Literal["public", "private"]) -> int:
        """Cut the sockets of one venue and domain at once; returns how many there were."""


Around = Callable[[VenueFront], App]


async def serve_with_faults(
    stream: trio.abc.Stream,
    front: VenueFront,
    engine: FaultEngine,
    remote: str = "127.0.0.1",
    around: Around | None = None,
) -> None:
    """Serve one client until it leaves, as ``serve_connection`` does, with whatever faults strike it.

    ``around`` puts something in front of the faults, which they then cannot reach.
    """
    link = FaultyStream(stream, engine)
    struck = FaultyFront(engine, front, link)
    engine.connections[link] = None
    try:
        struck.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.pump)
            app: App = struck if around is None else around(struck)
            await serve_connection(link, app, remote)
            await link.drained()
            nursery.cancel_scope.cancel()
    except DropConnection:
        pass  # it was never heard
    finally:
        del engine.connections[link]
        await trio.aclose_forcefully(stream)


@attrs.define(eq=False)
class FaultyFront:
    """The front as one connection meets it."""

    engine: FaultEngine
    front: VenueFront
    link: FaultyStream

    def accept(self) -> None:
        """Let faults drop a new connection, by DropConnection."""
        host = EXCHANGES[self.front.venue_of("/")]
        for armed in list(self.engine.armed.values()):
            here = [venue for venue in armed.venues if EXCHANGES[venue] == host]
            if armed.kind.on_connect is not None and here:
                happening = Happening(here[0], "", "CONNECT", "/")
                if armed.strikes(happening, self.engine.now_s):
                    armed.kind.on_connect(Strike(self.engine, armed, happening))

    # -- the App protocol

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """What the venue answers, or what faults make of it."""
        venue = self.front.venue_of(request.path)
        self.link.become(venue, "rest")
        if not self.engine.armed:
            return await self.front.handle_http(request)
        happening = Happening(venue, "rest", request.method, request.path, client_id_of(request))
        self.engine.begin_awaited(happening)
        proceed: Callable[[], Awaitable[HttpResponse]] = functools.partial(self.front.handle_http, request)
        for armed in reversed(self.engine.struck_by(happening, "on_request")):
            effect = armed.kind.on_request
            if effect is not None:
                proceed = functools.partial(
                    effect, RequestStrike(self.engine, armed, happening, request, self.link, proceed)
                )
        return await proceed()

    def serves_websocket(self, path: str) -> bool:
        """As the venue does."""
        return self.front.serves_websocket(path)

    async def run(self) -> None:
        """As the venue does."""
        await self.front.run()

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """Talk to one stream client, unless its kind of socket is down."""
        self.link.is_socket, venue = True, _socket_venue(request.path, self.front)
        if venue == MEXC_SPOT:
            listen_key = dict(parse_qsl(request.query)).get("listenKey", "")
            key = self.engine.world.mexc_app.venue.keys.find(listen_key, self.engine.clock.ms(venue))
            self.link.account = key.account_id if key is not None else ""
            self.link.become(venue, "private" if listen_key else "public")
        else:
            self.link.become(venue, "")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drop_when_cut, self.link)
            await self.front.handle_websocket(request, ws)
            nursery.cancel_scope.cancel()

    # -- what a drill may do

    def venue_of(self, path: str) -> Venue:
        """As the venue does."""
        return self.front.venue_of(path)

    def cut(self, venue: Venue, domain: Literal["public", "private"]) -> int:
        """As the venue does."""
        return self.front.cut(venue, domain)


def _socket_venue(path: str, front: VenueFront) -> Venue:
    """Gate's perpetual socket has a path of its own; any other belongs to the host's first venue."""
    return "gate_futures" if path.startswith("/v4/ws/") else front.venue_of("/")


def client_id_of(request: HttpRequest) -> str:
    """The client order id that a request names, without Gate's ``t-``; of a batch, the first."""
    last = request.path.rsplit("/", 1)[-1]
    if last.startswith("t-"):
        return last.removeprefix("t-")
    found = _TEXT.search(request.body)
    if found is not None:
        return found[1].decode("utf-8", "replace")
    named = dict(parse_qsl(request.query)) | dict(parse_qsl(request.body.decode("latin-1")))
    batch = named.get("batchOrders", "")
    if batch:
        try:
            named |= json.loads(batch)[0]
        except (ValueError, LookupError, TypeError, RecursionError):
            return ""
    return str(named.get("newClientOrderId") or named.get("origClientOrderId") or "")
