"""A front of others for the second spot venue: what every exchange with JSON over HTTP and one WebSocket has.

The engine keeps books, accounts and matching; a class of this kind says what they look like on the wire. The fakes of
venue plugins are made of it (docs/extending.md).
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Literal

import attrs
import msgspec
import trio
from trio_websocket import ConnectionClosed

from .exchange import Exchange
from .outgoing import Outgoing
from .records import MEXC_SPOT, LevelChange, OrderEvent, PrivateEvent, PublicTrade, Venue
from .requests import RequestLog
from .web import DropConnection, HttpRequest, HttpResponse, WebSocket
from .websocket import framed

BEAT_S = 0.02
"""Changes of a book are told together, so often."""


class Refusing(Exception):
    """An answer that is a no, with its body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


@attrs.define(eq=False)
class Client:
    """One socket: what it listens to, and what waits to be sent to it."""

    channels: set[tuple[str, str]] = attrs.field(factory=set)
    """Pairs of a symbol as `BTC/USDT` and a channel: `book` or `trades`."""
    uid: str = ""
    """Whose account it has logged in to."""
    outgoing: Outgoing = attrs.field(factory=Outgoing)

    def push(self, message: Any) -> None:
        """Send a value as JSON. Never waits: a client that does not read is dropped."""
        self.outgoing.push(framed(msgspec.json.encode(message).decode()))


@attrs.frozen
class Asked:
    """What came of a private request: the answer, whose account it was, and the client id of a create."""

    body: Any
    uid: str = ""
    client_id: str = ""


class JsonFront(abc.ABC):
    """Serves one venue of an exchange. Its methods that are abstract are the wire; nothing in them may wait."""

    venue: Venue = MEXC_SPOT
    stream_path = "/stream"

    def __init__(self, exchange: Exchange, requests: RequestLog) -> None:
        self.exchange, self.requests = exchange, requests
        self.clients: dict[Client, None] = {}
        self._changes: dict[str, list[LevelChange]] = {}
        for one in exchange.instruments(self.venue):
            exchange.subscribe_levels(self.venue, one.symbol, self._changes.setdefault(one.symbol, []).append)
            exchange.subscribe_trades(self.venue, one.symbol, self._traded)
        exchange.subscribe_private(self._happened)

    # --- the wire -----------------------------------------------------------------------------------------------------
    @abc.abstractmethod
    def answer(self, request: HttpRequest) -> Asked:
        """What one request is answered with; raises Refusing for a no."""

    @abc.abstractmethod
    def heard(self, client: Client, message: str | bytes) -> Any:
        """The answer to one frame, which may change what the client listens to; raises Refusing for a no."""

    @abc.abstractmethod
    def book_frame(self, changes: Sequence[LevelChange]) -> Any:
        """Changes of one book, ids without gaps."""

    @abc.abstractmethod
    def trade_frame(self, trade: PublicTrade) -> Any:
        """A trade of the market."""

    @abc.abstractmethod
    def private_frame(self, event: PrivateEvent) -> Any:
        """What an account's owner is told; None: nothing."""

    # --- what the server of the fakes asks for ------------------------------------------------------------------------
    def venue_of(self, path: str) -> Venue:
        """One venue lives here."""
        del path
        return self.venue

    def cut(self, venue: Venue, domain: Literal["public", "private"]) -> int:
        """Cut the sockets that have logged in (private), or the others; returns how many."""
        found = [one for one in self.clients if venue == self.venue and bool(one.uid) == (domain == "private")]
        for one in found:
            one.outgoing.given_up.set()
        return len(found)

    async def run(self) -> None:
        """Tell of the books, for ever."""
        while True:
            await trio.sleep(BEAT_S)
            for symbol, changes in self._changes.items():
                if changes:
                    self._tell(symbol, "book", self.book_frame(changes))
                    changes.clear()

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """Private requests are noted for who audits the bot."""
        status, asked = 200, Asked(None)
        try:
            asked = self.answer(request)
            body = asked.body
        except Refusing as no:
            status, body = no.status, no.body
        if asked.uid:
            self.requests.note(
                asked.uid, self.venue, request.method, request.path, client_id=asked.client_id, status=status
            )
        return HttpResponse(status, msgspec.json.encode(body))

    def serves_websocket(self, path: str) -> bool:
        """One path for both domains."""
        return path == self.stream_path

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """One client, until it leaves; DropConnection for one that does not read."""
        del request
        client = Client()
        self.clients[client] = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_write, ws, client)
                nursery.start_soon(_drop_when_given_up, client)
                while True:
                    client.push(self._heard(client, await ws.get_message()))
        except* ConnectionClosed:
            pass
        finally:
            del self.clients[client]

    # --- inside -------------------------------------------------------------------------------------------------------
    def _heard(self, client: Client, message: str | bytes) -> Any:
        try:
            return self.heard(client, message)
        except Refusing as no:
            return no.body

    def _tell(self, symbol: str, channel: str, frame: Any) -> None:
        for client in self.clients:
            if (symbol, channel) in client.channels:
                client.push(frame)

    def _traded(self, trade: PublicTrade) -> None:
        self._tell(trade.symbol, "trades", self.trade_frame(trade))

    def _happened(self, event: PrivateEvent) -> None:
        source = event.order if isinstance(event, OrderEvent) else event
        if getattr(source, "venue", "") != self.venue:  # a position has none: it is the perpetual's
            return
        frame = self.private_frame(event)
        for client in self.clients if frame is not None else ():
            if client.uid == source.uid:
                client.push(frame)


async def _write(ws: WebSocket, client: Client) -> None:
    while True:
        await ws.send_frames(await client.outgoing.take())


async def _drop_when_given_up(client: Client) -> None:
    await client.outgoing.given_up.wait()
    raise DropConnection("too slow")
