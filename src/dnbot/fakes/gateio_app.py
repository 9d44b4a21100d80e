"""Gate as one app: REST under /api/v4, the spot socket at /ws/v4/ and the USDT perpetual socket at /v4/ws/usdt."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Mapping
from typing import Literal

import attrs
import trio

from .exchange import Exchange
from .gateio_candles import CandlesRest
from .gateio_channels import FuturesChannels, SpotChannels
from .gateio_context import GateContext, GateSettings
from .gateio_contract_shapes import stream_trade as futures_trade
from .gateio_countdown import Countdowns
from .gateio_currencies import CurrenciesRest
from .gateio_elsewhere import ElsewhereRest
from .gateio_elsewhere_streams import PATHS as ELSEWHERE_PATHS
from .gateio_elsewhere_streams import commands as elsewhere_commands
from .gateio_faults import Fault
from .gateio_futures import FuturesRest
from .gateio_futures_account import FuturesAccountRest
from .gateio_futures_batches import FuturesBatches, FuturesBatchesRest
from .gateio_futures_market import FuturesMarketRest
from .gateio_futures_orders import FuturesOrders
from .gateio_gateway import Gateway, venue_of
from .gateio_http import PREFIX
from .gateio_hub import Hub, StreamFault, Subscriber
from .gateio_limits import RateLimiter
from .gateio_periodic_streams import PeriodicStreams
from .gateio_private_streams import PrivateStreams
from .gateio_public_streams import PublicStreams
from .gateio_socket import Channel, Product, Session, serve
from .gateio_spot import SpotRest
from .gateio_spot_batches import SpotBatchesRest
from .gateio_spot_orders import SpotOrders
from .gateio_spot_shapes import stream_trade as spot_trade
from .gateio_tickers import futures_ticker, spot_ticker
from .gateio_wallet import WalletRest
from .gateio_ws_api import Command, WsApi
from .gateio_ws_commands import FuturesCommands, SpotCommands
from .gateio_ws_frames import update
from .outgoing import Outgoing, Totals
from .records import GATE_FUTURES, GATE_SPOT, BookSnapshot, Venue
from .requests import RequestLog
from .web import DropConnection, HttpRequest, HttpResponse, WebSocket

SPOT_PATHS = ("/ws/v4", "/v4/ws/spot")
FUTURES_PATHS = ("/v4/ws/usdt", "/v4/ws/futures/usdt")


@attrs.define(eq=False)
class GateApp:
    """The Gate front of an exchange whose instruments are listed already; `run` must be running for pushes to leave."""

    exchange: Exchange
    log: RequestLog | None = None
    settings: GateSettings = attrs.field(factory=GateSettings)
    rng: random.Random = attrs.field(factory=lambda: random.Random(0))
    context: GateContext = attrs.field(init=False)
    gateway: Gateway = attrs.field(init=False)
    countdowns: Countdowns = attrs.field(init=False)
    spot: Product = attrs.field(init=False)
    futures: Product = attrs.field(init=False)
    commands: Mapping[str, Command] = attrs.field(init=False)
    """The calls of both sockets' WebSocket API, by channel."""
    _elsewhere: dict[str, Product] = attrs.field(factory=dict)
    totals: Totals = attrs.field(factory=Totals)
    _streams: list[PublicStreams] = attrs.field(factory=list)
    _periodic: list[PeriodicStreams] = attrs.field(factory=list)
    _sessions: dict[Session, None] = attrs.field(factory=dict)
    _connections: int = 0

    def __attrs_post_init__(self) -> None:
        limiter = RateLimiter(enforce=self.settings.enforce_limits)
        self.context = GateContext(self.exchange, self.settings, self.rng, limiter)
        self.context.remember()
        self.countdowns = Countdowns(self.context)
        spot_orders, futures_orders = SpotOrders(self.context), FuturesOrders(self.context)
        routes = [
            *SpotRest(self.context, spot_orders, self.countdowns).routes(),
            *SpotBatchesRest(self.context, spot_orders).routes(),
            *CandlesRest(self.context).routes(),
            *CurrenciesRest(self.context).routes(),
            *WalletRest(self.context).routes(),
            *FuturesRest(self.context, futures_orders, self.countdowns).routes(),
            *FuturesBatchesRest(FuturesBatches(self.context, futures_orders, futures_orders.shaped)).routes(),
            *FuturesAccountRest(self.context).routes(),
            *FuturesMarketRest(self.context).routes(),
            *ElsewhereRest(self.context).routes(),
        ]
        self.gateway = Gateway(self.context, routes, self.log)
        spot_commands = SpotCommands(self.context, spot_orders).table()
        commands = FuturesCommands(self.context, futures_orders).table()
        self.commands = {**spot_commands, **commands}
        self.spot = self._spot_product(spot_commands)
        self.futures = self._futures_product(commands)
        for settle in sorted(set(ELSEWHERE_PATHS.values())):
            self._elsewhere[settle] = self._elsewhere_product(settle, elsewhere_commands(commands))
        for streams in self._streams:
            streams.attach()
        PrivateStreams(self.context, self.spot.hub, self.futures.hub).attach()

    @property
    def faults(self) -> list[Fault]:
        """Faults consulted once per REST request, in order; append to it."""
        return self.gateway.faults

    @property
    def stale_books(self) -> dict[tuple[Venue, str], list[BookSnapshot]]:
        """(venue, symbol) -> old snapshots that the next REST book requests get instead of the present book."""
        return self.context.stale_books

    def stream_fault(self, fault: StreamFault) -> None:
        """Let pushes of one channel be lost or repeated."""
        product = self.spot if fault.channel.startswith("spot.") else self.futures
        product.hub.faults.append(fault)

    def announce(self, message: str) -> None:
        """Tell every client that its socket will be closed for an upgrade, as futures.system does."""
        for session in self._sessions:
            channel, now_ns = f"{session.product.name}.system", session.now_ns
            session.subscriber.push(update(channel, now_ns, {"type": "upgrade", "msg": message}))

    def send_whole_book(self, venue: Venue, symbol: str) -> None:
        """Let the next increment of every incremental book channel of one market be its whole book."""
        for streams in self._streams:
            if streams.venue == venue:
                streams.send_whole(symbol)

    # -- the App protocol

    async def run(self) -> None:
        """Push stream frames and watch countdowns until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.countdowns.run)
            for streams in self._streams:
                nursery.start_soon(streams.run)
            for periodic in self._periodic:
                nursery.start_soon(periodic.run)

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """Answer one REST request."""
        return await self.gateway.handle(request)

    def serves_websocket(self, path: str) -> bool:
        """The addresses of the sockets: spot, and perpetuals of each settle currency."""
        return self._product_at(path) is not None

    def _product_at(self, path: str) -> Product | None:
        path = path.removesuffix("/")
        if path in SPOT_PATHS:
            return self.spot
        return self.futures if path in FUTURES_PATHS else self._elsewhere.get(ELSEWHERE_PATHS.get(path, ""))

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """Talk to one stream client; `X-Gate-Size-Decimal` on the upgrade decides the form of sizes.

        Raises DropConnection for one connection too many of the same address.
        """
        product = self._product_at(request.path)
        theirs = sum(session.peer == request.remote for session in self._sessions)
        if product is None or theirs >= self.settings.connections_max:
            raise DropConnection("too many connections")
        self._connections += 1
        conn_id = hashlib.sha256(f"{product.name}/{self._connections}".encode()).hexdigest()[:16]
        subscriber = Subscriber(conn_id, request.header("x-gate-size-decimal") == "1", Outgoing(self.totals))
        session = Session(product, subscriber, request.remote)
        self._sessions[session] = None
        try:
            await serve(session, ws)
        finally:
            del self._sessions[session]

    # -- what a drill may do

    def venue_of(self, path: str) -> Venue:
        """Spot and futures share a host: the path says whose REST it is."""
        return venue_of(path.removeprefix(PREFIX))

    def cut(self, venue: Venue, domain: Literal["public", "private"]) -> int:
        """Cut the sockets of one product that hear private channels, or only public ones; returns how many."""
        product = {GATE_SPOT: self.spot, GATE_FUTURES: self.futures}.get(venue)
        cut = 0
        for session in self._sessions:
            if session.product is product and session.domain == domain:
                session.subscriber.dropped.set()
                cut += 1
        return cut

    # -- wiring

    def _spot_product(self, commands: dict[str, Command]) -> Product:
        hub = Hub(functools.partial(self.context.now_ns, GATE_SPOT))
        ticker = functools.partial(spot_ticker, self.context)
        streams = PublicStreams(
            self.context, GATE_SPOT, hub, lambda trade, market, _: spot_trade(trade, market), ticker
        )
        channels = SpotChannels(self.context, streams, self._periodic_of(GATE_SPOT, hub)).table()
        return self._product("spot", GATE_SPOT, hub, streams, channels, commands)

    def _futures_product(self, commands: dict[str, Command]) -> Product:
        hub = Hub(functools.partial(self.context.now_ns, GATE_FUTURES))
        ticker = functools.partial(futures_ticker, self.context)
        streams = PublicStreams(
            self.context, GATE_FUTURES, hub, lambda trade, market, form: [futures_trade(trade, market, form)], ticker
        )
        channels = FuturesChannels(self.context, streams, self._periodic_of(GATE_FUTURES, hub)).table()
        return self._product("futures", GATE_FUTURES, hub, streams, channels, commands)

    def _elsewhere_product(self, settle: str, commands: dict[str, Command]) -> Product:
        """The socket of a settle currency in which nothing is listed: its streams are never opened."""
        hub, streams = Hub(functools.partial(self.context.now_ns, GATE_FUTURES)), self._streams[-1]
        channels = FuturesChannels(self.context, streams, self._periodic[-1], settle).table()
        api = self._api("futures", GATE_FUTURES, commands)
        return Product("futures", hub, channels, self.context.credentials, api, lambda: self.settings.data_before_ack)

    def _periodic_of(self, venue: Venue, hub: Hub) -> PeriodicStreams:
        self._periodic.append(PeriodicStreams(self.context, venue, hub))
        return self._periodic[-1]

    def _product(
        self,
        name: str,
        venue: Venue,
        hub: Hub,
        streams: PublicStreams,
        channels: Mapping[str, Channel],
        commands: dict[str, Command],
    ) -> Product:
        self._streams.append(streams)
        api = self._api(name, venue, commands)
        return Product(name, hub, channels, self.context.credentials, api, lambda: self.settings.data_before_ack)

    def _api(self, name: str, venue: Venue, commands: dict[str, Command]) -> WsApi:
        return WsApi(
            name, venue, commands, self.context.limiter, lambda: self.settings.exptime_on_ws_api,
            self.context.credentials, self.log, lambda: self.settings.read_only_keys,
        )  # fmt: skip
