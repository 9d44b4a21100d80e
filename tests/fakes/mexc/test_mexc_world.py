"""The MEXC front inside a whole fake world: the market's stream, the request log, and real sockets."""

from __future__ import annotations

import random
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import trio
import trio_websocket

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.mexc_app import MexcApp
from dnbot.fakes.mexc_auth import MexcRequest, signature_of
from dnbot.fakes.mexc_faults import HttpFault
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.server import serve_connection
from dnbot.fakes.world import running_world

DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"
SUBSCRIBE = f'{{"method":"SUBSCRIPTION","params":["{DEPTH}"]}}'


async def frames_of(network: MemoryNetwork, nursery: trio.Nursery, seconds: float) -> list[bytes]:
    """Binary frames of a depth subscription."""
    wrap: Any = trio_websocket.wrap_client_stream
    ws = await wrap(nursery, await network.open_stream("mexc.fake", 80), "mexc.fake", "/ws")
    await ws.send_message(SUBSCRIBE)
    found: list[bytes] = []
    with trio.move_on_after(seconds):
        while True:
            message = await ws.get_message()
            found += [message] if isinstance(message, bytes) else []
    return found


async def test_market_streams_without_a_gap(autojump_clock: Any, decode: Any) -> None:
    """The lively market gives about ten depth frames a second whose versions join up."""
    async with running_world(FakesConfig()) as world, trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, random.Random(1))
        world.listen(network)
        frames = await frames_of(network, nursery, 10.0)
        nursery.cancel_scope.cancel()
    depths = [decode(frame).publicAggreDepths for frame in frames]
    assert len(depths) > 80
    assert all(int(b.fromVersion) == int(a.toVersion) + 1 for a, b in pairwise(depths))


async def test_request_log_sees_every_private_request(autojump_clock: Any) -> None:
    """Creates are recorded in order with client id and status, answered by a fault or not."""
    async with running_world(FakesConfig()) as world:
        app = world.mexc_app
        assert isinstance(app, MexcApp)
        app.faults.http.append(HttpFault("POST", "/api/v3/order", 503))
        for _ in range(2):
            text = (
                "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.001&price=50000&newClientOrderId=twice"
                f"&timestamp={app.venue.now_ms}"
            )
            query = f"{text}&signature={signature_of('fake-secret', text)}"
            app.answer(MexcRequest("POST", "/api/v3/order", query, "", {"x-mexc-apikey": "fake-key"}))
        notes = [(note.path, note.client_id, note.status) for note in world.requests.tail]
        assert notes == [("/api/v3/order", "twice", 503), ("/api/v3/order", "twice", 200)]


async def test_on_sockets(decode: Any) -> None:
    """The same app answers REST and streams on a loopback socket."""
    async with running_world(FakesConfig()) as world, trio.open_nursery() as nursery:
        serve = partial(serve_connection, app=world.mexc_app)
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        async with httpx.AsyncClient(trust_env=False) as client:
            reply = await client.get(f"http://127.0.0.1:{port}/api/v3/depth?symbol=BTCUSDT&limit=5")
        assert (reply.status_code, len(reply.json()["bids"])) == (200, 5)
        with trio.fail_after(10):
            async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/ws") as ws:
                await ws.send_message(SUBSCRIBE)
                assert DEPTH in str(await ws.get_message())
                frame = await ws.get_message()
        assert decode(frame).publicAggreDepths.toVersion > "0"
        nursery.cancel_scope.cancel()
