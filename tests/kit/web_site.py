"""A bot in memory with its dashboard, reached through the application or through connections in memory."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio
from trio.testing import lockstep_stream_pair, memory_stream_pair

from dnbot.bot import Bot
from dnbot.config import WebSettings
from dnbot.domain.instrument import Symbol
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world
from dnbot.lab.world import Stage, stage
from dnbot.operate.commanding import Commander
from dnbot.operate.run import Standing
from dnbot.operate.status import Reporter, RunFacts
from dnbot.operate.watch import Watch
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Secret
from dnbot.ports.latch import FileLatch
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState
from dnbot.web.access import Keyring, Role
from dnbot.web.api import Api
from dnbot.web.dashboard import api_of, application
from dnbot.web.guard import Guard
from dnbot.web.hub import Hub
from dnbot.web.places import Place, place_of
from dnbot.web.server import WebServer

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(
    symbol=SYMBOL, base_position_size=Decimal("0.02"), establish_slice_base=Decimal("0.02"),
    max_order_notional_quote=Decimal(1500), round_trips_per_minute_max=240, consecutive_loss_limit=1000,
    max_daily_loss_quote=Decimal(5000),
)
OPERATE, VIEW = "operates-" + "o" * 32, "looks-on-" + "v" * 32
URL = "http://127.0.0.1:8180"


@attrs.define
class Site:
    """A dashboard and everything behind it."""

    stage: Stage
    bot: Bot
    store: MemoryStore
    watch: Watch
    home: Path
    place: Place
    keyring: Keyring
    hub: Hub
    api: Api
    app: Guard
    server: WebServer
    nursery: trio.Nursery

    def client(self, role: Role | None = None, **headers: str) -> httpx.AsyncClient:
        """A browser's stand-in; with a session of a role it sends what a page of ours sends."""
        given = {"origin": URL, **headers}
        cookies = {}
        if role is not None:
            cookie, identity = self.keyring.open(role, "ann", self.stage.clock.now_ns() / 1e9)
            cookies = {self.place.cookie: cookie}
            given.setdefault("x-csrf-token", self.keyring.csrf_of(identity))
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url=URL, cookies=cookies, headers=given)

    def connect(self, *, takes_all: bool = True) -> trio.StapledStream[Any, Any]:
        """A client's end of a connection to the server; without `takes_all` nothing is buffered between the two."""
        ours, theirs = memory_stream_pair() if takes_all else lockstep_stream_pair()
        self.nursery.start_soon(self.server.welcome, theirs)
        return ours

    def stream_request(self, role: Role = "view", session_age_s: float = 0.0) -> bytes:
        """What a browser sends to see the pictures."""
        cookie, _ = self.keyring.open(role, "ann", self.stage.clock.now_ns() / 1e9 - session_age_s)
        return stream_request(f"Cookie: {self.place.cookie}={cookie}")

    def lines(self) -> list[str]:
        """Events of the log by now."""
        self.stage.log.flush_now()
        return [line["event"] for line in self.stage.lines.lines]

    def told(self) -> str:
        """The whole log by now."""
        self.stage.log.flush_now()
        return repr(self.stage.lines.lines)

    async def until(self, state: StrategyState, s_max: float = 60.0) -> None:
        """Wait for a state."""
        with trio.move_on_after(s_max):
            while self.bot.context.current_state is not state:
                await self.watch.moved()
        assert self.bot.context.current_state is state


@asynccontextmanager
async def _still() -> AsyncIterator[Stage]:
    """A world in which nothing moves, for a bot that does not run: hours of it cost nothing."""
    clock, sink = VirtualClock(SIMULATION_EPOCH_NS), MemorySink()
    world = build_world(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        yield Stage(world, MemoryNetwork(nursery, random.Random(1)), EventLog(clock, [sink]), sink, clock)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def web_site(tmp_path: Path, *, runs: bool = False, public_url: str = "") -> AsyncIterator[Site]:
    async with (stage(FakesConfig(market="calibrated")) if runs else _still()) as scene, trio.open_nursery() as nursery:
        store, watch = MemoryStore(), Watch()
        bot = await scene.bot(PARAMS, store, latch=FileLatch.of(tmp_path))
        bot.strategist.publish, bot.strategist.witness = watch.show, watch.take
        facts = RunFacts(
            version="test", mode="sim", market="NOT A REAL MARKET", home="nowhere", pid=1, began_ns=scene.clock.now_ns()
        )
        report = Reporter(bot, watch, scene.clock, scene.log, facts)
        commander = Commander(bot, watch, report, scene.log)
        run = Standing(bot, watch, report, commander, scene.log, tmp_path, "", lambda _: None)
        place = place_of(WebSettings(public_url=public_url))
        assert place is not None
        keyring, hub = Keyring(Secret(OPERATE), Secret(VIEW)), Hub(report, watch)
        api = api_of(run, place, keyring, hub)
        app = application(run, api)
        if runs:
            nursery.start_soon(bot.run)
        nursery.start_soon(hub.run, lambda: bot.context)
        yield Site(
            scene, bot, store, watch, tmp_path, place, keyring, hub, api, app, WebServer(app, scene.log), nursery
        )
        nursery.cancel_scope.cancel()


def stream_request(who: str) -> bytes:
    """The same by whoever this header stands for."""
    return f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:8180\r\n{who}\r\n\r\n".encode()


Sites = Callable[..., AbstractAsyncContextManager[Site]]


async def read_until(stream: trio.abc.ReceiveStream, wanted: bytes) -> bytes:
    """What comes until these bytes have come, or the other side ends."""
    found = bytearray()
    while wanted not in found:
        chunk = await stream.receive_some(65_536)
        if not chunk:
            break
        found += chunk
    return bytes(found)


@attrs.define
class Pictures:
    """The pictures of a stream of events, as a browser takes them out of chunks."""

    stream: trio.abc.ReceiveStream
    _buffer: bytes = b""

    async def next(self) -> dict[str, Any] | None:
        """The next one; None when the stream ended."""
        while True:
            begin = self._buffer.find(b"data: ")
            end = self._buffer.find(b"\n\n", max(0, begin))
            if begin >= 0 and end >= 0:
                found: dict[str, Any] = json.loads(self._buffer[begin + 6 : end])
                self._buffer = self._buffer[end + 2 :]
                return found
            chunk = await self.stream.receive_some(65_536)
            if not chunk:
                return None
            self._buffer += chunk
