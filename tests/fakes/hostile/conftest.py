"""An arena for hostile clients: a fake world whose market stands still, a well-behaved client, and raw wires into it.

Nothing here is kind to the server: requests are bytes, WebSocket frames are built bit by bit. An exception that escapes
from a connection reaches the arena's nursery and fails the test by itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from dnbot.fakes.running import GATE_HOST, MEXC_HOST, World
from dnbot.fakes.server import IDLE_S_MAX
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

D = Decimal
KEY, SECRET = "fake-key", "fake-secret"
GOOD_KEY, GOOD_SECRET = "good-key", "good-secret"
PING_S = 15.0
SILENCE_S = 2.0  # of virtual time; an answer takes milliseconds
BALANCES: dict[Any, Any] = {
    GATE_SPOT: {"USDT": D(20000), "BTC": D(1)},
    GATE_FUTURES: {"USDT": D(10000)},
    MEXC_SPOT: {"USDT": D(20000), "BTC": D(1)},
}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@attrs.frozen
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


def first_answer(data: bytes) -> tuple[Answer | None, bytes]:
    """The first whole answer in these bytes, interim ones left out, and what follows it."""
    while data.startswith(b"HTTP/1.1 100"):
        data = data.partition(b"\r\n\r\n")[2]
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None, data
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines[1:])}
    size = int(headers.get("content-length", "0"))
    if len(rest) < size:
        return None, data
    return Answer(int(lines[0].split()[1]), headers, rest[:size]), rest[size:]


@attrs.define(eq=False)
class Wire:
    """Bytes to and from the server."""

    stream: trio.abc.Stream
    received: bytes = b""

    async def send(self, data: bytes) -> bool:
        """Send; False when the server has hung up."""
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    async def more(self, seconds: float = SILENCE_S) -> bool:
        """Wait for bytes; False after silence, or at the end."""
        with trio.move_on_after(seconds):
            try:
                chunk = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return False
            self.received += bytes(chunk)
            return bool(chunk)
        return False

    async def ended(self, seconds: float) -> bool:
        """Whether the server hangs up within that time."""
        with trio.move_on_after(seconds):
            while await self.more(math.inf):
                pass
            return True
        return False

    async def answer(self) -> Answer | None:
        """The next HTTP answer; None when none comes."""
        while True:
            found, rest = first_answer(self.received)
            if found is not None:
                self.received = rest
                return found
            if not await self.more():
                return None


def frame(payload: bytes, *, opcode: int = TEXT, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """One client frame, right or wrong."""
    size, bit = len(payload), 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


@attrs.define(eq=False)
class Socket:
    """A WebSocket client made of bytes."""

    wire: Wire

    async def send(self, value: Any) -> bool:
        """One text frame: JSON of the value, or the text or bytes themselves."""
        text = value if isinstance(value, str | bytes) else json.dumps(value)
        return await self.wire.send(frame(text if isinstance(text, bytes) else text.encode()))

    async def send_binary(self, data: bytes) -> bool:
        """One binary frame."""
        return await self.wire.send(frame(data, opcode=BINARY))

    async def receive(self, seconds: float = SILENCE_S) -> tuple[int, bytes] | None:
        """Opcode and payload of the next frame; None when none comes."""
        while True:
            data = self.wire.received
            if len(data) >= 2:
                size, at = data[1], 2
                if size == 126:
                    size, at = int.from_bytes(data[2:4], "big"), 4
                elif size == 127:
                    size, at = int.from_bytes(data[2:10], "big"), 10
                if len(data) >= at + size:
                    self.wire.received = data[at + size :]
                    return data[0] & 0x0F, data[at : at + size]
            if not await self.wire.more(seconds):
                return None

    async def json(self, **wanted: str) -> Any:
        """The next text frame whose top-level fields are these; None when none comes."""
        while (found := await self.receive()) is not None:
            value = json.loads(found[1]) if found[0] == TEXT else {}
            if isinstance(value, dict) and all(value.get(name) == text for name, text in wanted.items()):
                return value
        return None

    async def binary(self) -> bytes | None:
        """The next binary frame; None when none comes."""
        while (found := await self.receive()) is not None:
            if found[0] == BINARY:
                return found[1]
        return None

    async def close_code(self) -> int | None:
        """The code that the server closes with: 1005 for a close frame without one, 1006 without a close frame."""
        while (found := await self.receive()) is not None:
            if found[0] == CLOSE:
                return int.from_bytes(found[1][:2], "big") if found[1] else 1005
        return 1006 if await self.wire.ended(SILENCE_S) else None


@attrs.define(eq=False)
class Arena:
    """A world, its network, and whoever attacks it."""

    world: World
    network: MemoryNetwork

    # -- wires

    async def wire(self, host: str) -> Wire:
        """A fresh connection."""
        return Wire(await self.network.open_stream(host, 443))

    async def ask(self, host: str, data: bytes) -> Answer | None:
        """Send bytes on a fresh connection and read one answer."""
        wire = await self.wire(host)
        await wire.send(data)
        answer = await wire.answer()
        await wire.stream.aclose()
        return answer

    async def upgrade(self, host: str, path: str, headers: dict[str, str] | None = None) -> tuple[Answer | None, Wire]:
        """Ask for a WebSocket; headers replace the right ones, an empty text leaves one out."""
        key = base64.b64encode(b"0123456789abcdef").decode()
        sent = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        sent |= {"Sec-WebSocket-Key": key} | (headers or {})
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in sent.items() if text), "", ""]
        wire = await self.wire(host)
        await wire.send("\r\n".join(lines).encode())
        return await wire.answer(), wire

    async def socket(self, host: str, path: str) -> Socket:
        """An open WebSocket."""
        answer, wire = await self.upgrade(host, path)
        assert answer is not None
        assert answer.status == 101
        return Socket(wire)

    # -- requests

    def now_s(self) -> int:
        return self.world.clock.seconds()

    def gate(
        self, method: str, path: str, query: str = "", body: Any = b"", *, headers: dict[str, str] | None = None,
        key: str = KEY, secret: str = SECRET, signed: bool = True, signed_body: bytes | None = None,
    ) -> bytes:  # fmt: skip
        """A Gate request as bytes; `headers` replace the right ones, an empty text leaves one out."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        full, stamp = f"/api/v4{path}", str(self.now_s())
        sent = {"Host": GATE_HOST, "Content-Length": str(len(raw))}
        if signed:
            hashed = hashlib.sha512(raw if signed_body is None else signed_body).hexdigest()
            text = "\n".join((method, full, query, hashed, (headers or {}).get("Timestamp", stamp)))
            sign = hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()
            sent |= {"KEY": key, "Timestamp": stamp, "SIGN": sign}
        return request_bytes(method, f"{full}?{query}" if query else full, sent | (headers or {}), raw)

    def mexc(
        self, method: str, path: str, query: str = "", body: bytes = b"", *, headers: dict[str, str] | None = None,
        key: str = KEY, secret: str = SECRET, stamped: bool = True, signature: str | None = None,
    ) -> bytes:  # fmt: skip
        """A signed MEXC request as bytes; `signature` replaces the right one, empty leaves it out."""
        if stamped:
            query = f"{query}&timestamp={self.world.clock.ms()}".lstrip("&")
        signed = hmac.new(secret.encode(), query.encode() + body, hashlib.sha256).hexdigest()
        signature = signed if signature is None else signature
        query += f"&signature={signature}" if signature else ""
        sent = {"Host": MEXC_HOST, "X-MEXC-APIKEY": key, "Content-Type": "application/json"}
        sent |= {"Content-Length": str(len(body))} | (headers or {})
        return request_bytes(method, f"/api/v3/{path}?{query}", sent, body)

    # -- judgement

    def fingerprint(self) -> str:
        """A hash of all that a client could see of the exchange's state."""
        state = self.world.exchange.state
        accounts = [
            [
                account.uid,
                sorted((str(k), str(b.total), str(b.locked)) for k, b in account.balances.items()),
                sorted((p.symbol, str(p.contracts), str(p.leverage)) for p in account.positions.values()),
                len(account.trades),
                len(account.ledger),
            ]
            for account in state.accounts.by_uid.values()
        ]
        orders = [[str(key), order.status, str(order.left), order.update_id] for key, order in state.orders.items()]
        books = [
            [str(key), market.book_id, str(market.depth("buy", 100)), str(market.depth("sell", 100))]
            for key, market in state.markets.items()
        ]
        mexc, gate = self.world.mexc_app.venue, self.world.gate_app
        rest: list[Any] = [state.ids.counters, len(state.transfers), sorted(map(str, state.client_ids))]
        rest += [sorted(mexc.keys._keys), sorted(map(str, gate.countdowns._deadline_s)), gate.context.position_mode]
        return hashlib.sha256(json.dumps([accounts, orders, books, rest]).encode()).hexdigest()


def request_bytes(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request with exactly these headers, but for those whose text is empty."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items() if text), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@attrs.define(eq=False)
class Good:
    """A well-behaved client that trades and listens on both exchanges all the while."""

    arena: Arena
    gate_wire: Wire
    mexc_wire: Wire
    gate_socket: Socket
    mexc_socket: Socket
    orders: int = 0
    arrived_s: float = attrs.field(factory=trio.current_time)

    @classmethod
    async def arrive(cls, arena: Arena) -> Good:
        """Connect and subscribe."""
        gate = await arena.socket(GATE_HOST, "/ws/v4/")
        payload = ["BTC_USDT", "100ms"]
        channel = "spot.order_book_update"
        await gate.send({"time": arena.now_s(), "channel": channel, "event": "subscribe", "payload": payload})
        assert (await gate.json(event="subscribe"))["result"] == {"status": "success"}
        mexc = await arena.socket(MEXC_HOST, "/ws")
        name = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"
        await mexc.send({"method": "SUBSCRIPTION", "params": [name]})
        assert (await mexc.json())["msg"] == name
        return cls(arena, await arena.wire(GATE_HOST), await arena.wire(MEXC_HOST), gate, mexc)

    async def trades(self) -> None:
        """Place an order on each exchange, see it in both streams, take it back."""
        self.orders += 1
        await self.still_there()
        if trio.current_time() - self.arrived_s > IDLE_S_MAX:  # kept-alive HTTP connections have rightly ended
            self.gate_wire, self.mexc_wire = await self.arena.wire(GATE_HOST), await self.arena.wire(MEXC_HOST)
        keys = {"key": GOOD_KEY, "secret": GOOD_SECRET}
        body = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": f"{59000 + self.orders}"}
        placed = await self._ask(self.gate_wire, self.arena.gate("POST", "/spot/orders", body=body, **keys))
        assert placed.status == 201, placed
        assert await self.gate_socket.json(event="update") is not None, "Gate pushes nothing any more"
        path = f"/spot/orders/{placed.value['id']}"
        gone = await self._ask(self.gate_wire, self.arena.gate("DELETE", path, "currency_pair=BTC_USDT", **keys))
        assert gone.value["status"] == "cancelled"
        query = f"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.001&price={59000 + self.orders}"
        placed = await self._ask(self.mexc_wire, self.arena.mexc("POST", "order", query, **keys))
        assert placed.status == 200, placed
        assert await self.mexc_socket.binary() is not None, "MEXC pushes nothing any more"
        query = f"symbol=BTCUSDT&orderId={placed.value['orderId']}"
        gone = await self._ask(self.mexc_wire, self.arena.mexc("DELETE", "order", query, **keys))
        assert gone.status == 200, gone
        assert self.arena.world.exchange.account("10002").trades == []

    async def still_there(self) -> None:
        """Answered pings keep quiet sockets open, as any client does it."""
        await self.gate_socket.send({"time": self.arena.now_s(), "channel": "spot.ping"})
        assert await self.gate_socket.json(channel="spot.pong") is not None, "the good Gate client was dropped"
        await self.mexc_socket.send({"method": "PING"})
        assert await self.mexc_socket.json(msg="PONG") is not None, "the good MEXC client was dropped"

    async def keep_alive(self) -> None:
        """Ping for ever; whoever reads the sockets passes the pongs over."""
        while True:
            await trio.sleep(PING_S)
            await self.gate_socket.send({"time": self.arena.now_s(), "channel": "spot.ping"})
            await self.mexc_socket.send({"method": "PING"})

    async def _ask(self, wire: Wire, data: bytes) -> Answer:
        assert await wire.send(data)
        answer = await wire.answer()
        assert answer is not None, "the good client gets no answer any more"
        return answer


@asynccontextmanager
async def entered() -> AsyncIterator[tuple[Arena, Good]]:
    """An arena with its good client."""
    good = AccountConfig(GOOD_KEY, GOOD_SECRET, "10002", BALANCES)
    config = FakesConfig(accounts=(AccountConfig(KEY, SECRET, "10001", BALANCES), good))
    world = build_world(config, FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, random.Random(1))
        world.listen(network)
        for app in (world.gate_app, world.mexc_app):
            nursery.start_soon(app.run)
        place = Arena(world, network)
        client = await Good.arrive(place)
        nursery.start_soon(client.keep_alive)
        yield place, client
        nursery.cancel_scope.cancel()


@pytest.fixture
async def arena(autojump_clock: trio.testing.MockClock) -> AsyncIterator[Arena]:
    """The arena, with its judge: at the end the state is as it was, and the good client trades and listens."""
    async with entered() as (place, client):
        before = place.fingerprint()
        yield place
        assert place.fingerprint() == before, "what was refused left a trace"
        await client.trades()


@pytest.fixture
def arena_factory() -> Any:
    """Arenas for tests that run one trio after another."""
    return entered


@pytest.fixture
def socket_frame() -> Any:
    """The maker of frames as a fixture, because test modules cannot import each other."""
    return frame


async def login(socket: Socket, product: str, stamp: str) -> None:
    """Log a Gate socket in, soundly."""
    text = f"api\n{product}.login\n\n{stamp}"
    sign = hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()
    payload = {"req_id": "login", "api_key": KEY, "signature": sign, "timestamp": stamp}
    await socket.send({"time": int(stamp), "channel": f"{product}.login", "event": "api", "payload": payload})
    assert (await socket.json())["header"]["status"] == "200"


@pytest.fixture
def socket_login() -> Any:
    """The login as a fixture."""
    return login
