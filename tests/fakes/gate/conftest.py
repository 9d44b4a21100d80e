"""Clients of the Gate fake: signed REST calls, and WebSocket conversations over a network in memory."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio
import trio_websocket

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.gateio_app import GateApp
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT
from dnbot.fakes.running import World
from dnbot.fakes.server import serve_connection
from dnbot.fakes.web import HttpRequest
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

KEY, SECRET = "fake-key", "fake-secret"


def sign(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()


@attrs.frozen
class Answer:
    """One reply: `value` keeps numbers as written (integers, or Decimal for fractions)."""

    status: int
    value: Any
    headers: dict[str, str]


@attrs.define(eq=False)
class Gate:
    """A Gate fake whose market stands still unless `world.run` is started, and a signing client for it."""

    world: World
    app: GateApp

    def now_s(self) -> int:
        return self.world.clock.seconds()

    async def call(
        self,
        method: str,
        path: str,
        query: str = "",
        body: Any = None,
        *,
        signed: bool = True,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        if raw is None:
            raw = b"" if body is None else json.dumps(body).encode()
        full, sent = f"/api/v4{path}", dict(headers or {})
        if signed:
            stamp = str(self.now_s())
            text = "\n".join((method, full, query, hashlib.sha512(raw).hexdigest(), stamp))
            sent = {"key": KEY, "timestamp": stamp, "sign": sign(text)} | sent
        response = await self.app.handle_http(HttpRequest(method, full, query, tuple(sent.items()), raw))
        value = json.loads(response.body, parse_float=Decimal)
        return Answer(response.status, value, {name.lower(): text for name, text in response.headers})

    async def ok(self, method: str, path: str, query: str = "", body: Any = None, **more: Any) -> Any:
        answer = await self.call(method, path, query, body, **more)
        assert 200 <= answer.status < 300, answer
        return answer.value

    async def best(self, side: str, *, futures: bool = False) -> tuple[Decimal, Decimal]:
        """Best price and size of a side of the BTC book."""
        market = self.world.exchange.state.markets[GATE_FUTURES if futures else GATE_SPOT, "BTC/USDT"]
        best = market.best("buy" if side == "bid" else "sell")
        assert best is not None
        return best


@attrs.define(eq=False)
class Stream:
    """One WebSocket client."""

    gate: Gate
    ws: trio_websocket.WebSocketConnection

    async def send(self, frame: dict[str, Any]) -> None:
        await self.ws.send_message(json.dumps(frame))

    async def raw(self) -> str:
        message = await self.ws.get_message()
        assert isinstance(message, str)
        return message

    async def next(self, channel: str = "", event: str = "") -> dict[str, Any]:
        """The next frame of a channel (any when empty), numbers as written."""
        while True:
            frame: dict[str, Any] = json.loads(await self.raw(), parse_float=Decimal)
            name = frame.get("channel") or frame.get("header", {}).get("channel", "")
            if channel in ("", name) and event in ("", frame.get("event")):
                return frame

    async def subscribe(self, channel: str, payload: list[Any], *, private: bool = False) -> dict[str, Any]:
        now_s = self.gate.now_s()
        frame: dict[str, Any] = {"time": now_s, "channel": channel, "event": "subscribe", "payload": payload}
        if private:
            text = f"channel={channel}&event=subscribe&time={now_s}"
            frame["auth"] = {"method": "api_key", "KEY": KEY, "SIGN": sign(text)}
        await self.send(frame)
        return await self.next(channel, "subscribe")

    async def api(self, channel: str, req_id: str, req_param: Any = None, **more: Any) -> dict[str, Any]:
        payload = {"req_id": req_id} | more
        if req_param is not None:
            payload["req_param"] = req_param
        await self.send({"time": self.gate.now_s(), "channel": channel, "event": "api", "payload": payload})
        return await self.next(channel)

    async def login(self, product: str) -> dict[str, Any]:
        stamp, channel = str(self.gate.now_s()), f"{product}.login"
        signature = sign(f"api\n{channel}\n\n{stamp}")
        return await self.api(channel, "login-1", timestamp=stamp, api_key=KEY, signature=signature)


Connect = Callable[..., AbstractAsyncContextManager[Stream]]


@pytest.fixture
async def gate(autojump_clock: trio.testing.MockClock) -> AsyncIterator[Gate]:
    """A Gate fake with full, motionless books; its streams push."""
    world = build_world(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS))
    app = world.gate_app
    assert isinstance(app, GateApp)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(app.run)
        yield Gate(world, app)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def connect(gate: Gate) -> AsyncIterator[Connect]:
    """Opens WebSocket clients: `async with connect("/ws/v4/") as stream`."""
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, random.Random(3))

        async def handler(stream: trio.abc.Stream) -> None:
            await serve_connection(stream, gate.app)

        network.listen("gate.fake", 443, handler)

        @asynccontextmanager
        async def opened(path: str, headers: dict[str, str] | None = None) -> AsyncIterator[Stream]:
            extra = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
            async with trio.open_nursery() as inner:
                raw = await network.open_stream("gate.fake", 443)
                byte_stream: Any = raw  # typed as a socket by trio_websocket, used as any byte stream
                ws = await trio_websocket.wrap_client_stream(inner, byte_stream, "gate.fake", path, extra_headers=extra)
                yield Stream(gate, ws)
                inner.cancel_scope.cancel()

        yield opened
        nursery.cancel_scope.cancel()
