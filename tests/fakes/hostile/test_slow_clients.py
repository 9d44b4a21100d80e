"""Clients that do not read, ask for too much, or stay half: what waits for them is bounded, and they are let go."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.fakes.gateio_limits import PUBLIC, WINDOWS_MAX
from dnbot.fakes.gateio_socket import TOPICS_MAX
from dnbot.fakes.network import WINDOW_BYTES
from dnbot.fakes.outgoing import BYTES_MAX, FRAMES_MAX, Outgoing
from dnbot.fakes.requests import COUNTERS_MAX, TEXT_MAX
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.fakes.server import SEND_S_MAX

pytestmark = pytest.mark.slow

DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"


async def subscribed(arena: Any, host: str) -> Any:
    """A socket that hears the BTC book."""
    socket = await arena.socket(host, "/ws/v4/" if host == GATE_HOST else "/ws")
    if host == MEXC_HOST:
        await socket.send({"method": "SUBSCRIPTION", "params": [DEPTH]})
    else:
        frame = {"channel": "spot.trades", "event": "subscribe", "payload": ["BTC_USDT"]}
        await socket.send({"time": arena.now_s()} | frame)
    assert await socket.json() is not None
    return socket


def flood(arena: Any, host: str, size: int) -> None:
    """One push to whoever listens to what `subscribed` does; the good client listens to MEXC's too."""
    if host == GATE_HOST:
        arena.world.gate_app.spot.hub.publish((("spot.trades", "BTC_USDT"),), lambda _: "x" * size)
    else:
        victim = list(arena.world.mexc_app.stream.connections)[-1]
        victim.push(b"x" * size, trio.current_time())


def listeners(arena: Any, host: str) -> int:
    """How many connections the front still knows, the good one apart."""
    front = arena.world.gate_app._sessions if host == GATE_HOST else arena.world.mexc_app.stream.connections
    return len(front) - 1


@pytest.mark.parametrize("host", [GATE_HOST, MEXC_HOST])
async def test_a_client_that_never_reads_is_dropped(host: str, autojump_clock: Any, arena: Any) -> None:
    """After what the network holds is full, a send waits `SEND_S_MAX`; never does more than the bound wait here."""
    await subscribed(arena, host)
    sent = 0
    while listeners(arena, host) and sent < 10 * WINDOW_BYTES:
        flood(arena, host, 50_000)
        sent += 50_000
        await trio.sleep(0.1)
    assert listeners(arena, host) == 0
    assert WINDOW_BYTES < sent < WINDOW_BYTES + BYTES_MAX
    await trio.sleep(SEND_S_MAX)
    totals = arena.world.gate_app.totals if host == GATE_HOST else arena.world.mexc_app.stream.totals
    assert totals.bytes_waiting_max <= BYTES_MAX


@pytest.mark.parametrize("host", [GATE_HOST, MEXC_HOST])
async def test_a_burst_that_no_client_could_take_is_refused_at_once(
    host: str, autojump_clock: Any, arena: Any
) -> None:
    """More than a queue holds, in one instant, gives the client up without another byte."""
    socket = await subscribed(arena, host)
    for _ in range(FRAMES_MAX + 1):
        flood(arena, host, 10)
    assert await socket.close_code() == 1006
    assert listeners(arena, host) == 0


def test_a_queue_is_bounded_in_frames_and_in_bytes() -> None:
    """Whichever is reached first; what is given up holds nothing."""
    for size, most in ((1, FRAMES_MAX), (1_000_000, BYTES_MAX // 1_000_000)):
        queue = Outgoing()
        for _ in range(most):
            queue.push(b"x" * size)
        assert not queue.given_up.is_set()
        queue.push(b"x" * size)
        assert queue.given_up.is_set()
        assert (len(queue._frames), queue.totals.given_up) == (0, 1)
        queue.push(b"x")
        assert len(queue._frames) == 0


async def test_frames_that_wait_leave_together_and_in_order(autojump_clock: Any) -> None:
    """One send carries what waits, up to a bound, and the totals count it once."""
    queue = Outgoing()
    frames = [b"%d" % number + b"x" * 1000 for number in range(1000)]
    for frame in frames:
        queue.push(frame)
    taken: list[bytes] = []
    sends = 0
    while len(taken) < len(frames):
        taken += await queue.take()
        sends += 1
    assert taken == frames
    assert sends == 4
    assert (queue.totals.frames, queue.totals.frames_waiting_max) == (1000, 1000)
    with trio.move_on_after(1) as waited:
        await queue.take()
    assert waited.cancelled_caught


async def test_answers_that_nobody_reads_hold_the_asker_back(autojump_clock: Any, arena: Any) -> None:
    """Pipelined requests are answered one by one; when the answers find no room, no more are read, then it is over."""
    wire = await arena.wire(MEXC_HOST)
    request = b"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: h\r\n\r\n"
    arena.world.mexc_app.venue.limits.enabled = False
    assert await wire.send(request * 20_000)
    link = arena.network._links[-1]
    await trio.sleep(SEND_S_MAX + 5)
    assert link.pipes[1].size < WINDOW_BYTES + 100_000
    assert link not in arena.network._links


async def test_a_half_closed_socket_is_forgotten(autojump_clock: Any, arena: Any) -> None:
    """A client that will say nothing more, not even goodbye, has left."""
    for host in (GATE_HOST, MEXC_HOST):
        socket = await subscribed(arena, host)
        await socket.wire.stream.send_eof()
        await trio.sleep(1)
        assert listeners(arena, host) == 0
        assert await socket.wire.ended(1)


async def test_a_cut_in_the_middle_of_a_frame_is_forgotten(autojump_clock: Any, arena: Any) -> None:
    """A reset leaves no listener behind, whatever was under way."""
    for host in (GATE_HOST, MEXC_HOST):
        socket = await subscribed(arena, host)
        await socket.wire.send(b"\x81\xfe\x00\xff\0\0\0\0half a frame")
        arena.network._links[-1].cut()
        flood(arena, host, 10)
        await trio.sleep(1)
        assert listeners(arena, host) == 0


async def test_subscriptions_of_a_gate_connection_are_bounded(autojump_clock: Any, arena: Any) -> None:
    """Order book v2 acknowledges any name (gateio.md section 6.1), but not for ever, nor of any length."""
    socket = await arena.socket(GATE_HOST, "/ws/v4/")
    head = {"time": arena.now_s(), "channel": "spot.obu", "event": "subscribe"}
    for start in range(0, TOPICS_MAX, 1000):
        await socket.send(head | {"payload": [f"ob.X{number}_USDT.50" for number in range(start, start + 1000)]})
        assert (await socket.json())["result"] == {"status": "success"}
    for payload in (["ob.ONE_MORE.50"], ["ob." + "x" * 100_000]):
        await socket.send(head | {"payload": payload})
        assert (await socket.json())["error"]["code"] == 2
    assert len(arena.world.gate_app.spot.hub._by_topic) == TOPICS_MAX + 1
    await socket.wire.stream.aclose()
    await trio.sleep(1)
    assert len(arena.world.gate_app.spot.hub._by_topic) == 1


async def test_the_301st_gate_socket_is_cut(autojump_clock: Any, arena: Any) -> None:
    """Three hundred connections an address (gateio.md section 6.2); those that are open stay."""
    most = arena.world.gate_app.settings.connections_max
    assert most == 300
    sockets = [await arena.socket(GATE_HOST, "/v4/ws/usdt") for _ in range(most - 1)]
    one_more = await arena.socket(GATE_HOST, "/v4/ws/usdt")
    assert await one_more.close_code() == 1006
    await sockets[0].send({"time": 1, "channel": "futures.ping"})
    assert await sockets[0].json(channel="futures.pong") is not None


async def test_what_is_remembered_of_strange_requests_is_bounded(autojump_clock: Any, arena: Any) -> None:
    """A client with a key may invent paths, ids and markets; counters, notes and rate windows stay few and short."""
    log, limiter = arena.world.requests, arena.world.gate_app.context.limiter
    wire = await arena.wire(MEXC_HOST)
    for number in range(COUNTERS_MAX + 100):
        path = f"p{chr(97 + number % 26) * (number // 26 + 1)}"
        await wire.send(arena.mexc("GET", path, f"newClientOrderId={'x' * 5000}"))
        assert (await wire.answer()).status == 404
    assert len(log.counters) == COUNTERS_MAX + 1
    assert max(len(note.path) + len(note.client_id) for note in log.tail) <= 2 * TEXT_MAX
    for number in range(WINDOWS_MAX + 100):
        limiter.take(PUBLIC, str(number), number * 10**9)
    assert len(limiter._windows) < WINDOWS_MAX


async def test_hundreds_of_idle_connections_cost_nobody_anything(autojump_clock: Any, arena: Any) -> None:
    """Half requests, half handshakes and silence side by side: the judge of the arena trades all the same."""
    parts = [b"", b"G", b"GET / HTTP/1.1\r\nHost", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"]
    for number in range(400):
        wire = await arena.wire((GATE_HOST, MEXC_HOST)[number % 2])
        await wire.send(parts[number % len(parts)])
