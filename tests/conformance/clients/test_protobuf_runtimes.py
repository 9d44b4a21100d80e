"""MEXC's frames under two foreign protobuf runtimes: google's with MEXC's own classes, and betterproto2 with generated.

The fakes and the bot each have an encoder or decoder of their own; a frame is right when neither of these two objects,
both read the same in it, and google's runtime writes the very bytes that were sent.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from fakes_server import Fakes
from pymexc import spot
from pymexc.proto import PushDataV3ApiWrapper as GoogleWrapper
from typed_mexc.spot.streams.core.proto import PushDataV3ApiWrapper as BetterWrapper

SYMBOL = "BTCUSDT"
WAIT_S = 60
FRAMES = 8
PUBLIC = (
    "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT",
    "spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT",
    "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT",
    "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT",
    "spot@public.limit.depth.v3.api.pb@BTCUSDT@20",
)
ON_TRADES = (
    "spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT",
    "spot@public.kline.v3.api.pb@BTCUSDT@Min1",
    "spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8",
    "spot@public.miniTickers.v3.api.pb@24H",
)
PRIVATE = (
    "spot@private.orders.v3.api.pb",
    "spot@private.deals.v3.api.pb",
    "spot@private.account.v3.api.pb",
)


@pytest.fixture
def http(fakes: Fakes) -> spot.HTTP:
    """The trader's hand."""
    client = spot.HTTP(api_key=fakes.key, api_secret=fakes.secret)
    client.base_url = fakes.mexc_rest
    client.session.verify = fakes.ca_file
    return client


@pytest.fixture
async def socket(fakes: Fakes, http: spot.HTTP) -> AsyncIterator[Any]:
    """A plain WebSocket with a listen key."""
    key = http.create_listen_key()["listenKey"]
    context = ssl.create_default_context(cafile=fakes.ca_file)
    async with websockets.connect(f"{fakes.mexc_ws}?listenKey={key}", ssl=context) as connection:
        yield connection


async def frames(socket: Any, channel: str, count: int, act: Any = None) -> list[bytes]:
    """The next so many frames of one channel, after its acknowledgement; `act` runs in a thread in between."""
    await socket.send(json.dumps({"method": "SUBSCRIPTION", "params": [channel]}))
    found: list[bytes] = []
    async with asyncio.timeout(WAIT_S):
        while not isinstance(text := await socket.recv(), str) or json.loads(text)["msg"] != channel:
            assert not isinstance(text, str)
        if act is not None:
            await asyncio.to_thread(act)
        while len(found) < count:
            message = await socket.recv()
            assert isinstance(message, bytes)
            found.append(message)
    return found


def plain_google(message: Any) -> dict[str, Any]:
    """Fields that are on the wire, by their names there."""
    value: dict[str, Any] = {}
    for field, item in message.ListFields():
        if field.message_type is None:
            value[field.name.lower()] = item
        elif field.is_repeated:
            value[field.name.lower()] = [plain_google(one) for one in item]
        else:
            value[field.name.lower()] = plain_google(item)
    return value


def plain_better(message: Any) -> dict[str, Any]:
    """The same from betterproto2, whose names have underscores and whose absent fields are None or defaults."""
    value: dict[str, Any] = {}
    for name in message.__dataclass_fields__:
        item = getattr(message, name)
        if isinstance(item, list) and item:
            value[name.replace("_", "")] = [plain_better(one) for one in item]
        elif hasattr(item, "__dataclass_fields__"):
            value[name.replace("_", "")] = plain_better(item)
        elif item not in (None, [], "", 0, False):
            value[name.replace("_", "")] = item
    return value


def assert_same(raw: bytes, channel: str) -> dict[str, Any]:
    """Both runtimes read the frame, agree, and know every field of it; google's writes the same bytes."""
    google = GoogleWrapper()
    google.ParseFromString(raw)
    assert google.channel == channel
    assert google.SerializeToString() == raw
    better = BetterWrapper.parse(raw)
    body = google.WhichOneof("body")
    assert body is not None
    value = plain_google(google)
    assert plain_better(better) == {name: item for name, item in value.items() if item not in ("", 0, False)}
    return value[body.lower()]


@pytest.mark.parametrize("channel", PUBLIC)
async def test_public_frames(socket: Any, channel: str) -> None:
    """Frames that come by themselves."""
    for raw in await frames(socket, channel, FRAMES):
        assert_same(raw, channel)


@pytest.mark.parametrize("channel", ON_TRADES)
async def test_frames_of_trades(socket: Any, http: spot.HTTP, channel: str) -> None:
    """Frames that a trade brings about."""
    for raw in await frames(socket, channel, 1, lambda: http.order(SYMBOL, "BUY", "MARKET", quantity="0.0005")):
        assert_same(raw, channel)


@pytest.mark.parametrize("channel", PRIVATE)
async def test_private_frames(socket: Any, http: spot.HTTP, channel: str) -> None:
    """Frames of an order of ours, with a client id and without one."""

    def trade() -> None:
        http.order(SYMBOL, "BUY", "MARKET", quantity="0.0005", new_client_order_id="pb-1")
        http.order(SYMBOL, "SELL", "MARKET", quantity="0.0005")

    for raw in await frames(socket, channel, 2, trade):
        assert assert_same(raw, channel)
