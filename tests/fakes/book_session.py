"""A session of random book changes on all three venues, heard by a client of every public book channel.

Everything runs in memory on virtual time and through the real fronts: sockets, frames, REST bodies. After every frame
each client's book is compared with what the server's book was at the id that the frame names.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import attrs
import trio
import trio.testing
import trio_websocket
from book_clients import (
    BookClient,
    GateLegacy,
    GateObu,
    GateTicker,
    GateUpdates,
    GateWhole,
    Levels,
    MexcDepth,
    MexcIncrease,
    MexcTicker,
    MexcWhole,
    Sequenced,
    pairs,
)

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.exchange import Exchange
from dnbot.fakes.gateio_app import GateApp
from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.mexc_app import MexcApp
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, LevelChange, Side, Venue
from dnbot.fakes.server import serve_connection
from dnbot.fakes.web import HttpRequest

BTC = "BTC/USDT"
MIDDLE = 60_000
REACH = 140
"""Levels on each side of the middle: more than the deepest window but one, so that levels slide in and out."""
ORDERS_FIRST = 500
TRUTH_LEVELS = 400
PING_S, SNAPSHOT_S, DRAIN_S = 8.0, 0.1, 2.5
MEXC = "spot@public.{}.v3.api.pb@{}"
Book = tuple[Levels, Levels]


@attrs.frozen
class Channel:
    """One subscription: `arguments` is Gate's payload or MEXC's channel name."""

    venue: Venue
    name: str
    arguments: Any
    make: Callable[..., BookClient]
    depth: int
    rest: str = ""
    """Path and query of the REST book that the procedure joins to it."""

    @property
    def title(self) -> str:
        """What a failure names."""
        return f"{self.name} {self.arguments}"


def _channels() -> list[Channel]:
    spot = "/api/v4/spot/order_book?currency_pair=BTC_USDT&with_id=true&limit={}"
    perp = "/api/v4/futures/usdt/order_book?contract=BTC_USDT&with_id=true&limit={}"
    mexc = "/api/v3/depth?symbol=BTCUSDT&limit=5000"
    found = [
        Channel(GATE_SPOT, "spot.order_book_update", ["BTC_USDT", speed], GateUpdates, depth, spot.format(depth))
        for speed, depth in (("20ms", 20), ("100ms", 100))
    ]
    found += [
        Channel(GATE_FUTURES, "futures.order_book_update", ["BTC_USDT", s, str(n)], GateUpdates, n, perp.format(n))
        for s, n in (("20ms", 20), ("100ms", 20), ("100ms", 50), ("100ms", 100))
    ]
    gate: tuple[tuple[Venue, str], ...] = ((GATE_SPOT, "spot"), (GATE_FUTURES, "futures"))
    for venue, name in gate:
        found += [Channel(venue, f"{name}.obu", [f"ob.BTC_USDT.{n}"], GateObu, n) for n in (50, 400)]
        found.append(Channel(venue, f"{name}.book_ticker", ["BTC_USDT"], GateTicker, 1))
    for depth, speed in ((5, "100ms"), (100, "100ms"), (20, "1000ms")):
        arguments = ["BTC_USDT", str(depth), speed]
        found.append(Channel(GATE_SPOT, "spot.order_book", arguments, GateWhole, depth))
    found.append(Channel(GATE_FUTURES, "futures.order_book", ["BTC_USDT", "20", "0"], GateLegacy, 20))
    for speed in ("10ms", "100ms"):
        name = MEXC.format("aggre.depth", f"{speed}@BTCUSDT")
        found.append(Channel(MEXC_SPOT, "aggre.depth", name, MexcDepth, TRUTH_LEVELS, mexc))
        name = MEXC.format("aggre.bookTicker", f"{speed}@BTCUSDT")
        found.append(Channel(MEXC_SPOT, "aggre.bookTicker", name, MexcTicker, 1))
    for depth in (5, 10, 20):
        found.append(
            Channel(MEXC_SPOT, "limit.depth", MEXC.format("limit.depth", f"BTCUSDT@{depth}"), MexcWhole, depth)
        )
    name = MEXC.format("increase.depth.batch", "BTCUSDT")
    found.append(Channel(MEXC_SPOT, "increase.depth.batch", name, MexcIncrease, TRUTH_LEVELS, mexc))
    found.append(Channel(MEXC_SPOT, "bookTicker.batch", MEXC.format("bookTicker.batch", "BTCUSDT"), MexcTicker, 1))
    return found


CHANNELS = _channels()


@attrs.define(eq=False)
class Session:
    """One run.

    `at_update` is called before every change, with its number, and may switch faults on. `loses` says whether the wire
    loses the next push to a client.
    """

    seed: int
    channels: list[Channel] = attrs.field(factory=lambda: list(CHANNELS))
    at_update: Callable[[Session, int], None] = lambda session, number: None
    loses: Callable[[Channel, BookClient], bool] = lambda channel, client: False
    rng: random.Random = attrs.field(init=False)
    exchange: Exchange = attrs.field(init=False)
    gate: GateApp = attrs.field(init=False)
    mexc: MexcApp = attrs.field(init=False)
    clients: dict[str, BookClient] = attrs.field(factory=dict)
    truths: dict[Venue, dict[int, Book]] = attrs.field(factory=dict)
    frames: int = 0
    updates: int = 0
    orders: dict[Venue, list[str]] = attrs.field(factory=dict)

    # -- the run

    async def run(self, updates: int) -> None:
        """So many random changes, then silence until the last frame has arrived, then the last comparison."""
        self._build()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.gate.run)
            nursery.start_soon(self.mexc.run)
            for channel in self.channels:
                client = self.clients[channel.title] = channel.make(channel.depth)
                client.told = self._comparison(channel)
                await nursery.start(self._talk, channel, client)
                if channel.rest:
                    nursery.start_soon(self._fetch_snapshots, channel, client)
            for number in range(updates):
                self.at_update(self, number)
                self._change(VENUES[number % 3])
                if number % 3 == 2:
                    await trio.sleep(self.rng.choice((0.0, 0.001, 0.004, 0.013, 0.06)))
            await trio.sleep(DRAIN_S)
            nursery.cancel_scope.cancel()
        for channel in self.channels:
            self._compare_end(channel)

    def _build(self) -> None:
        self.rng = random.Random(self.seed)
        self.exchange = Exchange(FakeClock(1_800_000_000_000_000_000))
        for instrument in instruments_for(SYMBOLS[BTC]):
            self.exchange.state.add_instrument(instrument)
        for venue in VENUES:
            self.orders[venue], self.truths[venue] = [], {}
            self.exchange.subscribe_levels(venue, BTC, self._recorder(venue))
            for _ in range(ORDERS_FIRST):
                self._place(venue)
        self.gate = GateApp(self.exchange, rng=random.Random(self.seed))
        self.mexc = MexcApp(self.exchange)

    # -- the server's book

    def _recorder(self, venue: Venue) -> Callable[[LevelChange], None]:
        market = self.exchange.state.markets[(venue, BTC)]

        def record(change: LevelChange) -> None:
            bids, asks = market.depth("buy", TRUTH_LEVELS), market.depth("sell", TRUTH_LEVELS)
            self.truths[venue][change.book_id] = list(bids), list(asks)

        return record

    def _change(self, venue: Venue) -> None:
        roll = self.rng.random()
        for _ in range(8 if roll > 0.97 else 1):
            self.updates += 1
            if roll < 0.5 or roll > 0.97 or not self.orders[venue]:
                self._place(venue)
            elif roll < 0.85:
                number = self.orders[venue].pop(self.rng.randrange(len(self.orders[venue])))
                self.exchange.external_cancel(venue, BTC, number)
            else:
                self.exchange.external_take(venue, BTC, self._side(), self._quantity(venue) * 3)
        self.exchange.commit()

    def _place(self, venue: Venue) -> None:
        side = self._side()
        level = round(abs(self.rng.gauss(0, REACH / 2))) - 1  # seldom beyond the middle: then it trades
        price = MIDDLE - level if side == "buy" else MIDDLE + 1 + level
        number = f"{venue}-{len(self.truths[venue])}-{self.rng.random()}"
        self.orders[venue].append(number)
        self.exchange.external_place(venue, BTC, number, side, Decimal(price), self._quantity(venue))

    def _side(self) -> Side:
        return "buy" if self.rng.random() < 0.5 else "sell"

    def _quantity(self, venue: Venue) -> Decimal:
        return Decimal(self.rng.randint(1, 50)) * (1 if venue == GATE_FUTURES else Decimal("0.001"))

    # -- comparison

    def _comparison(self, channel: Channel) -> Callable[[BookClient], None]:
        truth = self.truths[channel.venue]

        def compare(client: BookClient) -> None:
            self.frames += 1
            if channel.make is not MexcTicker:  # its frames have no version; it is compared when all is quiet
                assert client.top() == _cut(truth[client.last], client.depth), f"{channel.title} at {client.last}"

        return compare

    def _compare_end(self, channel: Channel) -> None:
        market, client = self.exchange.state.markets[(channel.venue, BTC)], self.clients[channel.title]
        assert client.synced, f"{channel.title} has no book"
        assert client.top() == _cut(self.truths[channel.venue][market.book_id], client.depth), f"end of {channel.title}"
        if channel.make not in (MexcTicker, GateTicker):  # those are silent while the best levels stand still
            assert client.last == market.book_id, f"{channel.title} ends at {client.last}, the book at {market.book_id}"

    # -- the wire

    async def _talk(self, channel: Channel, client: BookClient, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        app, path = (self.mexc, "/ws") if channel.venue == MEXC_SPOT else (self.gate, _path(channel.venue))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_connection, theirs, app)
            wrap: Any = trio_websocket.wrap_client_stream  # its annotation knows sockets only
            ws = await wrap(nursery, ours, "fake", path)
            await ws.send_message(self._request(channel, "subscribe"))
            nursery.start_soon(self._keep_alive, ws, channel)
            task_status.started()
            while True:
                message = await ws.get_message()
                if isinstance(message, bytes):
                    if not self.loses(channel, client):
                        client.feed(message)  # type: ignore[attr-defined]  # every channel's client has one of its own
                    continue
                told = json.loads(message, parse_float=Decimal)
                assert not told.get("error"), told
                if told.get("event") in ("update", "all") and not self.loses(channel, client):
                    client.feed(told["event"], told["result"])  # type: ignore[attr-defined]
                if isinstance(client, GateObu) and client.wants_resubscription:
                    client.wants_resubscription = False
                    await ws.send_message(self._request(channel, "unsubscribe"))
                    await ws.send_message(self._request(channel, "subscribe"))

    def _request(self, channel: Channel, event: Literal["subscribe", "unsubscribe"]) -> str:
        if channel.venue == MEXC_SPOT:
            return json.dumps({"method": "SUBSCRIPTION", "params": [channel.arguments]})
        now_s = self.exchange.clock.seconds()
        return json.dumps({"time": now_s, "channel": channel.name, "event": event, "payload": channel.arguments})

    async def _keep_alive(self, ws: trio_websocket.WebSocketConnection, channel: Channel) -> None:
        product = channel.name.split(".")[0]
        ping = {"method": "PING"} if channel.venue == MEXC_SPOT else {"channel": f"{product}.ping"}
        while True:
            await trio.sleep(PING_S)
            await ws.send_message(json.dumps({"time": self.exchange.clock.seconds(), **ping}))

    async def _fetch_snapshots(self, channel: Channel, client: BookClient) -> None:
        """The REST half of the procedure: whenever a book is wanted and a frame was heard, until one joins."""
        assert isinstance(client, Sequenced)
        path, _, query = channel.rest.partition("?")
        app = self.mexc if channel.venue == MEXC_SPOT else self.gate
        while True:
            await trio.sleep(SNAPSHOT_S)
            if client.wants_snapshot and client.waiting:
                response = await app.handle_http(HttpRequest("GET", path, query, (), b""))
                assert response.status == 200, response.body
                body = json.loads(response.body, parse_float=Decimal)
                base = body["lastUpdateId"] if channel.venue == MEXC_SPOT else body["id"]
                client.snapshot(base, pairs(body["bids"]), pairs(body["asks"]))


def _path(venue: Venue) -> str:
    return "/ws/v4/" if venue == GATE_SPOT else "/v4/ws/usdt"


def _cut(book: Book, depth: int) -> Book:
    return book[0][:depth], book[1][:depth]


def run_session(session: Session, updates: int) -> Session:
    """Run it on virtual time; the session is returned for what it saw.

    Raises the first AssertionError of whatever tasks failed.
    """
    try:
        trio.run(session.run, updates, clock=trio.testing.MockClock(autojump_threshold=0))
    except BaseExceptionGroup as group:
        failed: BaseException = group
        while isinstance(failed, BaseExceptionGroup):
            failed = (failed.subgroup(AssertionError) or failed).exceptions[0]
        raise failed from group
    return session
