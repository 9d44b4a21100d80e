"""A plain client that knows the venues' documents and nothing of the fakes, in memory or on sockets; worlds for it."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import attrs
import h11
import pytest
import trio
import trio_websocket

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import FaultPlan
from dnbot.fakes.faults_text import parse_fault
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.running import World
from dnbot.fakes.scenarios import scenario_of
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

KEY, SECRET = "fake-key", "fake-secret"
SOCKETS = {"gate_spot": "/ws/v4/", "gate_futures": "/v4/ws/usdt", "mexc_spot": "/ws"}


class Unanswered(Exception):
    """The connection ended without an answer."""


@attrs.frozen
class Answer:
    """One reply; `value` is its JSON, None when there is none."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def value(self) -> Any:
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError:
            return None


@attrs.define(eq=False)
class Plain:
    """Signed REST calls, each on a connection of its own, and sockets. `now_s` is the client's clock."""

    dial: Callable[[str], Awaitable[Any]]
    now_s: Callable[[], float]
    nursery: trio.Nursery
    opened: list[Any] = attrs.field(factory=list)

    async def close(self) -> None:
        """Let go of every socket."""
        for stream in self.opened:
            await trio.aclose_forcefully(stream)

    async def raw(self, host: str, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """One request; Unanswered when the connection ends first."""
        try:
            stream = await self.dial(host)
            common = {"Host": host, "Connection": "close"}
            async with stream:
                return await self._exchange(stream, method, target, common | headers, body)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError) as error:
            raise Unanswered(str(error)) from error

    async def _exchange(self, stream: Any, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=2_000_000)
        sent = headers | {"Content-Length": str(len(body))}
        data = parser.send(h11.Request(method=method, target=target, headers=list(sent.items()))) or b""
        data += (parser.send(h11.Data(data=body)) or b"") + (parser.send(h11.EndOfMessage()) or b"")
        await stream.send_all(data)
        response, received = None, b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                received += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert response is not None
                names = {name.decode(): text.decode() for name, text in response.headers}
                return Answer(response.status_code, received, names)
            else:
                raise Unanswered(repr(event))

    async def gate(self, method: str, path: str, query: str = "", body: Any = None, *, signed: bool = True) -> Answer:
        """A call of Gate's API v4."""
        raw = b"" if body is None else json.dumps(body).encode()
        full, headers = f"/api/v4{path}", {"Content-Type": "application/json"}
        if signed:
            stamp = str(int(self.now_s()))
            text = "\n".join((method, full, query, hashlib.sha512(raw).hexdigest(), stamp))
            sign = hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()
            headers |= {"KEY": KEY, "Timestamp": stamp, "SIGN": sign}
        return await self.raw("gate", method, full + (f"?{query}" if query else ""), headers, raw)

    async def mexc(self, method: str, path: str, *, signed: bool = True, **parameters: Any) -> Answer:
        """A call of MEXC's spot v3."""
        query, headers = urlencode(parameters), {"Content-Type": "application/json"}
        if signed:
            query = urlencode(parameters | {"timestamp": int(self.now_s() * 1000)})
            query += "&signature=" + hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
            headers["X-MEXC-APIKEY"] = KEY
        return await self.raw("mexc", method, f"/api/v3{path}" + (f"?{query}" if query else ""), headers)

    async def create(
        self, venue: str, side: str, quantity: str, price: str, client_id: str = "", tif: str = "gtc"
    ) -> Answer:
        """A limit order in BTC; `quantity` in base, on the perpetual in contracts."""
        if venue == "mexc_spot":
            kind = {"gtc": "LIMIT", "ioc": "IMMEDIATE_OR_CANCEL"}[tif]
            fields = {"symbol": "BTCUSDT", "side": side.upper(), "type": kind, "quantity": quantity, "price": price}
            return await self.mexc("POST", "/order", **fields | ({"newClientOrderId": client_id} if client_id else {}))
        text = {"text": f"t-{client_id}"} if client_id else {}
        if venue == "gate_spot":
            order = {"currency_pair": "BTC_USDT", "side": side, "amount": quantity, "price": price}
            return await self.gate("POST", "/spot/orders", body=order | {"time_in_force": tif} | text)
        size = int(quantity) if side == "buy" else -int(quantity)
        order = {"contract": "BTC_USDT", "size": size, "price": price, "tif": tif}
        return await self.gate("POST", "/futures/usdt/orders", body=order | text)

    async def cancel(self, venue: str, answer: Answer) -> Answer:
        """Cancel what a create answered."""
        if venue == "mexc_spot":
            return await self.mexc("DELETE", "/order", symbol="BTCUSDT", orderId=answer.value["orderId"])
        if venue == "gate_spot":
            return await self.gate("DELETE", f"/spot/orders/{answer.value['id']}", "currency_pair=BTC_USDT")
        return await self.gate("DELETE", f"/futures/usdt/orders/{answer.value['id']}")

    async def open_ids(self, venue: str) -> list[str]:
        """Client ids of the open BTC orders, as lists of the venue have them."""
        if venue == "mexc_spot":
            rows = (await self.mexc("GET", "/openOrders", symbol="BTCUSDT")).value
            return [row["clientOrderId"] for row in rows]
        path = "/spot/orders" if venue == "gate_spot" else "/futures/usdt/orders"
        name = "currency_pair" if venue == "gate_spot" else "contract"
        rows = (await self.gate("GET", path, f"{name}=BTC_USDT&status=open")).value
        return [row["text"].removeprefix("t-") for row in rows]

    async def fills(self, venue: str) -> list[Any]:
        """Own trades in BTC, as lists of the venue have them."""
        if venue == "mexc_spot":
            return list((await self.mexc("GET", "/myTrades", symbol="BTCUSDT")).value)
        if venue == "gate_spot":
            return list((await self.gate("GET", "/spot/my_trades", "currency_pair=BTC_USDT")).value)
        return list((await self.gate("GET", "/futures/usdt/my_trades", "contract=BTC_USDT")).value)

    async def time(self, venue: str) -> Answer:
        """A public read of REST that costs nothing."""
        if venue == "mexc_spot":
            return await self.mexc("GET", "/time", signed=False)
        path = "/spot/time" if venue == "gate_spot" else "/futures/usdt/contracts/BTC_USDT"
        return await self.gate("GET", path, signed=False)

    async def top(self, venue: str) -> tuple[Decimal, Decimal]:
        """Best bid and ask by REST."""
        if venue == "mexc_spot":
            book = (await self.mexc("GET", "/depth", signed=False, symbol="BTCUSDT", limit=5)).value
        else:
            name, path = ("currency_pair", "/spot") if venue == "gate_spot" else ("contract", "/futures/usdt")
            book = (await self.gate("GET", f"{path}/order_book", f"{name}=BTC_USDT&limit=5", signed=False)).value
        first = [book[side][0] for side in ("bids", "asks")]
        bid, ask = (Decimal(str(level["p"] if isinstance(level, dict) else level[0])) for level in first)
        return bid, ask

    async def socket(self, venue: str, query: str = "") -> Socket:
        """An open socket of a venue."""
        host = "mexc" if venue == "mexc_spot" else "gate"
        stream: Any = await self.dial(host)
        self.opened.append(stream)
        ws = await trio_websocket.wrap_client_stream(self.nursery, stream, host, SOCKETS[venue] + query)
        return Socket(self, venue, ws)

    async def private(self, venue: str) -> Socket:
        """A socket that hears orders and fills of the account."""
        if venue == "mexc_spot":
            key = (await self.mexc("POST", "/userDataStream")).value["listenKey"]
            socket = await self.socket(venue, f"?listenKey={key}")
            await socket.subscribe("spot@private.orders.v3.api.pb", "spot@private.deals.v3.api.pb")
            return socket
        socket = await self.socket(venue)
        name = venue.removeprefix("gate_")
        for channel in ("orders", "usertrades"):
            await socket.subscribe(f"{name}.{channel}", private=True)
        return socket

    async def public(self, venue: str) -> Socket:
        """A socket that hears increments of the BTC book."""
        socket = await self.socket(venue)
        if venue == "mexc_spot":
            await socket.subscribe("spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT")
        else:
            await socket.subscribe(f"{venue.removeprefix('gate_')}.order_book_update", payload=["BTC_USDT", "100ms"])
        return socket


@attrs.define(eq=False)
class Socket:
    """One WebSocket client: pushes and answers apart."""

    client: Plain
    venue: str
    ws: trio_websocket.WebSocketConnection
    pushes: list[Any] = attrs.field(factory=list)

    async def subscribe(self, *channels: str, payload: list[str] | None = None, private: bool = False) -> Any:
        """Subscribe and return the answer."""
        if self.venue == "mexc_spot":
            await self.ws.send_message(json.dumps({"method": "SUBSCRIPTION", "params": channels, "id": 1}))
            return await self.answer()
        (channel,), now_s = channels, int(self.client.now_s())
        named = ["!all"] if channel.startswith("futures.") else ["BTC_USDT"]
        frame: dict[str, Any] = {"time": now_s, "channel": channel, "event": "subscribe", "payload": payload or named}
        if private:
            text = f"channel={channel}&event=subscribe&time={now_s}"
            sign = hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()
            frame["auth"] = {"method": "api_key", "KEY": KEY, "SIGN": sign}
        await self.ws.send_message(json.dumps(frame))
        return await self.answer()

    async def login(self) -> Any:
        """Log in to Gate's WebSocket API."""
        stamp, channel = str(int(self.client.now_s())), f"{self.venue.removeprefix('gate_')}.login"
        sign = hmac.new(SECRET.encode(), f"api\n{channel}\n\n{stamp}".encode(), hashlib.sha512).hexdigest()
        await self._call("login", {"req_id": "1", "timestamp": stamp, "api_key": KEY, "signature": sign})
        return await self.answer()

    async def order(self, price: str, text: str, **header: str) -> None:
        """Send a create over Gate's WebSocket API; whatever comes back is not read here."""
        if self.venue == "gate_spot":
            kind = {"type": "limit", "account": "spot", "side": "buy", "time_in_force": "gtc"}
            order: dict[str, Any] = kind | {"currency_pair": "BTC_USDT", "amount": "0.001", "price": price}
        else:
            order = {"contract": "BTC_USDT", "size": 10, "price": price, "tif": "gtc"}
        payload = {"req_id": "2", "req_param": order | ({"text": text} if text else {})}
        await self._call("order_place", payload | ({"req_header": header} if header else {}))

    async def cancel(self, order_id: str) -> None:
        """Send a cancel over Gate's WebSocket API; whatever comes back is not read here."""
        param = {"order_id": str(order_id), "currency_pair": "BTC_USDT"}
        await self._call("order_cancel", {"req_id": "3", "req_param": param})

    async def _call(self, name: str, payload: dict[str, Any]) -> None:
        channel = f"{self.venue.removeprefix('gate_')}.{name}"
        frame = {"time": int(self.client.now_s()), "channel": channel, "event": "api", "payload": payload}
        await self.ws.send_message(json.dumps(frame))

    async def answer(self, wait_s: float = 5.0) -> Any:
        """The next frame that is no push; None when there is none."""
        with trio.move_on_after(wait_s):
            while True:
                message = await self.ws.get_message()
                frame = _read(message)
                if isinstance(frame, dict) and frame.get("event") not in ("update", "all"):
                    return frame
                self.pushes.append(frame)
        return None

    async def answers(self, wait_s: float = 1.0) -> list[Any]:
        """Every frame that is no push, until none comes for a while."""
        found = []
        while (frame := await self.answer(wait_s)) is not None:
            found.append(frame)
        return found

    async def listen(self, wait_s: float) -> list[Any]:
        """Every push within a while, the ones that came before an answer included."""
        with trio.move_on_after(wait_s):
            while True:
                self.pushes.append(_read(await self.ws.get_message()))
        heard, self.pushes = self.pushes, []
        return heard

    async def ping_is_answered(self, wait_s: float = 2.0) -> bool:
        """Whether a ping of the protocol comes back; pushes are read meanwhile, or the client itself would be stuck."""
        answered = False
        with trio.move_on_after(wait_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_on)
                await self.ws.ping()
                answered = True
                nursery.cancel_scope.cancel()
        return answered

    async def _read_on(self) -> None:
        while True:
            self.pushes.append(_read(await self.ws.get_message()))

    async def ended(self, wait_s: float = 2.0) -> bool:
        """Whether the socket ends within a while."""
        with trio.move_on_after(wait_s):
            try:
                while True:
                    self.pushes.append(_read(await self.ws.get_message()))
            except trio_websocket.ConnectionClosed:
                return True
        return False


def _read(message: str | bytes) -> Any:
    """JSON, or the bytes of a protobuf or of what cannot be read."""
    if isinstance(message, bytes):
        return message
    try:
        return json.loads(message, parse_float=Decimal)
    except ValueError:
        return message


@attrs.define(eq=False)
class Stand:
    """A world in memory with a client on it."""

    world: World
    network: MemoryNetwork
    client: Plain

    def switch_on(self, text: str) -> str:
        """Switch a fault on while the world runs."""
        return self.world.faults.switch_on(parse_fault(text))

    def strikes(self, name: str = "") -> list[Any]:
        """What struck, of one fault or of all."""
        return [a for a in self.world.faults.activations() if name in ("", a.name)]

    async def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        await trio.sleep(seconds)

    def step_market(self, count: int = 9) -> None:
        """Let outsiders of every venue act a few times."""
        for _ in range(count):
            self.world.step_market("BTC/USDT")

    def hit(self, venue: Any, side: Any, quantity: str) -> None:
        """An outside taker."""
        self.world.exchange.external_take(venue, "BTC/USDT", side, Decimal(quantity))
        self.world.exchange.commit()

    def far(self, venue: Any, side: str = "buy") -> str:
        """A price that rests, 0.4 % behind the market."""
        return self._near(venue, Decimal("0.996") if side == "buy" else Decimal("1.004"))

    def good(self, venue: Any, side: str = "buy") -> str:
        """A price that takes, 0.3 % through the market."""
        return self._near(venue, Decimal("1.003") if side == "buy" else Decimal("0.997"))

    def _near(self, venue: Any, share: Decimal) -> str:
        exchange = self.world.exchange
        price = exchange.state.reference_price(venue, "BTC/USDT")
        assert price is not None
        return str((price * share).quantize(Decimal("0.1")))


Open = Callable[..., AbstractAsyncContextManager[Stand]]


@asynccontextmanager
async def stand_on(
    *faults: str,
    plan: FaultPlan | None = None,
    config: FakesConfig | None = None,
    scenario: str = "",
    alive: bool = False,
    seed: int = 1,
) -> AsyncIterator[Stand]:
    config = config or FakesConfig()
    if scenario:
        config = scenario_of(scenario).applied(config)
    if plan is None:
        plan = FaultPlan((*config.faults.faults, *map(parse_fault, faults)), seed)
    config = attrs.evolve(config, faults=plan)
    world = build_world(config, FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, random.Random(1))
        world.listen(network)
        for task in [world.run] if alive else [world.faults.run, world.gate_app.run, world.mexc_app.run]:
            nursery.start_soon(task)

        async def dial(host: str) -> Any:
            return await network.open_stream(f"{host}.fake", 443)

        yield Stand(world, network, Plain(dial, lambda: world.clock.ms() / 1000, nursery))
        nursery.cancel_scope.cancel()


@pytest.fixture
def stand() -> Open:
    """Opens worlds: `async with stand("reply_lost:path=creates") as on`."""
    return stand_on


@pytest.fixture
def plain() -> type[Plain]:
    """The client, for those who bring their own way to dial."""
    return Plain


@pytest.fixture
def unanswered() -> type[Unanswered]:
    """What the client raises when no answer came."""
    return Unanswered

