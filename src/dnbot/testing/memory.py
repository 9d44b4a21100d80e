"""Fake exchanges in the test's own process, on virtual time: an hour passes as fast as what happens in it computes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import httpx
import trio
import trio_websocket

from dnbot.fakes.clock import NS_PER_S
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.control import ControlledApp, Controls
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.lab.world import Stage, stage

from .doors import MemoryDoor
from .exchange import FakeExchange
from .transport import StreamTransport

CONNECTIONS_MAX = 100
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@attrs.define(eq=False)
class FakeExchanges(FakeExchange):
    """Reached by its own HTTP and WebSocket clients, or by any client that can be handed a byte stream.

    Nothing leaves the process: the addresses (``http://gate.fake/...``) exist on this network alone.
    """

    stage: Stage = attrs.field(kw_only=True)
    """World, network and clock: for what has no method here."""
    began_ms: int = attrs.field(kw_only=True)
    """The world's time when it began, in milliseconds since 1970: always the same."""

    def wall_s(self) -> float:
        """The world's time in seconds since 1970: what a client under test must sign by, instead of ``time.time()``."""
        return self.stage.world.clock.wall_ns() / NS_PER_S

    def http(self, base_url: str = "") -> httpx.AsyncClient:
        """A client with connections of its own, for ``async with``. It has no timeouts: use ``trio.fail_after``."""
        transport = StreamTransport(self.stage.network.open_stream, connections_max=CONNECTIONS_MAX)
        return httpx.AsyncClient(transport=transport, base_url=base_url, timeout=None)  # noqa: S113 (on virtual time)

    @asynccontextmanager
    async def websocket(self, url: str) -> AsyncIterator[trio_websocket.WebSocketConnection]:
        """A connected WebSocket (``send_message``, ``get_message``), closed with the block.

        Raises OSError when the host refuses, trio_websocket.HandshakeError when the path is none.
        """
        target = httpx.URL(url)
        stream: Any = await self.open_stream(target.host, target.port or PORTS[target.scheme])
        nursery, path = self.stage.network.nursery, target.raw_path.decode()
        try:
            yield await trio_websocket.wrap_client_stream(nursery, stream, target.host, path)
        finally:
            await trio.aclose_forcefully(stream)

    async def open_stream(self, host: str, port: int) -> trio.abc.Stream:
        """A byte stream to one of the hosts, for clients that bring their own protocol code.

        Raises ConnectionRefusedError for a host that is none of ours, or that refuses.
        """
        return await self.stage.network.open_stream(host, port)


@asynccontextmanager
async def fake_exchanges(config: FakesConfig | None = None) -> AsyncIterator[FakeExchanges]:
    """A fake world that runs while the block does; to be entered under a MockClock with autojump.

    Raises ValueError for a config that cannot be: an unknown market, symbol or fee asset.
    """
    async with stage(config) as here:
        controls = Controls(here.world)
        here.world.listen(here.network, partial(ControlledApp, controls))
        yield FakeExchanges(
            gate_rest=f"http://{GATE_HOST}/api/v4",
            gate_ws_spot=f"ws://{GATE_HOST}/ws/v4/",
            gate_ws_futures=f"ws://{GATE_HOST}/v4/ws/usdt",
            mexc_rest=f"http://{MEXC_HOST}",
            mexc_ws=f"ws://{MEXC_HOST}/ws",
            accounts=here.world.config.accounts,
            door=MemoryDoor(controls),
            stage=here,
            began_ms=here.world.clock.ms(),
        )
