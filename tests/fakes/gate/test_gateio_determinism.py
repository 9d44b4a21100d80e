"""Equal worlds asked equal things answer equal bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import trio
import trio.testing
from trio._core import _run

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.gateio_app import GateApp
from dnbot.fakes.gateio_hub import Subscriber
from dnbot.fakes.gateio_socket import Session
from dnbot.fakes.web import HttpRequest
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

CHANNELS = {
    "spot.order_book_update": ["BTC_USDT", "100ms"],
    "spot.book_ticker": ["BTC_USDT"],
    "spot.trades": ["BTC_USDT"],
    "spot.tickers": ["BTC_USDT"],
}


async def traffic() -> list[str]:
    """What a subscriber hears, and what lagging book snapshots answer, in ten seconds of market."""
    world = build_world(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS))
    app = world.gate_app
    assert isinstance(app, GateApp)
    heard: list[str] = []
    session = Session(app.spot, Subscriber("c1", False), "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        for channel, payload in CHANNELS.items():
            frame: dict[str, Any] = {"time": 1, "channel": channel, "event": "subscribe", "payload": payload}
            session.handle(json.dumps(frame))
        for _ in range(20):
            await trio.sleep(0.5)
            request = HttpRequest("GET", "/api/v4/spot/order_book", "currency_pair=BTC_USDT&with_id=true", ())
            response = await app.handle_http(request)
            heard.append(f"{response.headers} {response.body!r}")
        nursery.cancel_scope.cancel()
    with trio.move_on_after(1):
        while True:
            heard += [frame.decode("latin-1") for frame in await session.subscriber.outgoing.take()]
    return heard


def digest() -> tuple[int, str]:
    _run._r.seed(7)
    heard = trio.run(traffic, clock=trio.testing.MockClock(autojump_threshold=0))
    return len(heard), hashlib.sha256("\n".join(heard).encode()).hexdigest()


def test_two_runs_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With trio's own scheduling made deterministic, every frame, reply and header of two runs is the same."""
    monkeypatch.setattr(_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    first, second = digest(), digest()
    assert first[0] > 100
    assert first == second
