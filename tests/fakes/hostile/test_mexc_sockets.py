"""Malformed frames on MEXC's stream: mexc.md sections 1, 4.1 and 5.

Refusals come with code 0 there: a channel that is blocked is named in `msg`. What the venue says to a frame that is no
request is unknown (section 4.1); it is fixed here as the reply "invalid request", the socket staying open.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from dnbot.fakes.running import MEXC_HOST

DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"
INTERVALS = ("Min1", "Min5", "Min15", "Min30", "Min60", "Hour4", "Hour8", "Day1", "Week1", "Month1")
INVALID = "invalid request"
BLOCKED = "Not Subscribed successfully! ["


@attrs.frozen
class Case:
    """A frame and what `msg` of its reply begins with."""

    name: str
    value: Any
    says: str = INVALID
    number: int = 0
    binary: bool = False


def blocked(name: str, channel: str) -> Case:
    """A channel that the venue refuses."""
    return Case(f"channel-{name}", {"method": "SUBSCRIPTION", "params": [channel], "id": 7}, BLOCKED + channel, 7)


CASES = [
    Case("word", "hello"),
    Case("empty", ""),
    Case("open-brace", "{"),
    Case("nan", '{"method":NaN}'),
    Case("deep", "[" * 100_000),
    Case("deep-object", '{"a":' * 100_000),
    Case("number", "3"),
    Case("null", "null"),
    Case("array", '["SUBSCRIPTION"]'),
    Case("nul", "\0"),
    Case("lone-surrogate", '{"method":"\\ud800"}'),
    Case("gate-frame", {"time": 1, "channel": "spot.ping"}),
    Case("binary-bad-utf8", b'{"method":"\xff"}', binary=True),
    Case("binary-protobuf", b"\x0a\x05hello", binary=True),
    Case("method-absent", {"params": [DEPTH]}),
    Case("method-unknown", {"method": "EXPLODE", "params": [DEPTH]}),
    Case("method-lower", {"method": "subscription", "params": [DEPTH]}),
    Case("method-number", {"method": 5, "params": [DEPTH]}),
    Case("method-list", {"method": ["SUBSCRIPTION"], "params": [DEPTH]}),
    Case("params-absent", {"method": "SUBSCRIPTION"}),
    Case("params-text", {"method": "SUBSCRIPTION", "params": DEPTH}),
    Case("params-object", {"method": "SUBSCRIPTION", "params": {"a": DEPTH}}),
    Case("params-of-numbers", {"method": "SUBSCRIPTION", "params": [1]}),
    Case("params-of-lists", {"method": "SUBSCRIPTION", "params": [[DEPTH]]}),
    Case("id-negative", {"method": "EXPLODE", "id": -5}),
    Case("id-text", {"method": "EXPLODE", "id": "7"}),
    Case("id-true", {"method": "EXPLODE", "id": True}),
    Case("id-fraction", {"method": "EXPLODE", "id": 1.5}),
    Case("id-of-400-digits", {"method": "EXPLODE", "id": 10**400}),
    blocked("empty", ""),
    blocked("word", "everything"),
    blocked("without-pb", "spot@public.aggre.depth.v3.api@100ms@BTCUSDT"),
    blocked("retired", "spot@public.deals.v3.api@BTCUSDT"),
    blocked("unaggregated", "spot@public.increase.depth.v3.api.pb@BTCUSDT"),
    blocked("speed-unknown", "spot@public.aggre.depth.v3.api.pb@5ms@BTCUSDT"),
    blocked("level-unknown", "spot@public.limit.depth.v3.api.pb@BTCUSDT@50"),
    blocked("symbol-unknown", "spot@public.aggre.depth.v3.api.pb@100ms@NOPEUSDT"),
    blocked("symbol-lower", "spot@public.aggre.depth.v3.api.pb@100ms@btcusdt"),
    blocked("symbol-of-gate", "spot@public.aggre.depth.v3.api.pb@100ms@BTC_USDT"),
    blocked("symbol-not-ascii", "spot@public.aggre.depth.v3.api.pb@100ms@比特币"),
    blocked("newline-at-end", DEPTH + "\n"),
    blocked("interval-unknown", "spot@public.kline.v3.api.pb@BTCUSDT@Min2"),
    blocked("zone-absent", "spot@public.miniTicker.v3.api.pb@BTCUSDT"),
    blocked("of-100-kilobytes", "spot@" + "x" * 100_000),
    blocked("private-without-a-key", "spot@private.orders.v3.api.pb"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_mexc_streams_refuse(case: Case, autojump_clock: Any, arena: Any) -> None:
    """Code 0 and a text that is no list of channels; nothing is subscribed, and the socket still answers."""
    socket = await arena.socket(MEXC_HOST, "/ws")
    await (socket.send_binary if case.binary else socket.send)(case.value)
    reply = await socket.json()
    assert reply is not None
    assert (reply["code"], reply["id"]) == (0, case.number)
    assert reply["msg"].startswith(case.says)
    assert [len(outbox.channels) for outbox in arena.world.mexc_app.stream.connections] == [1, 0]
    await socket.send({"method": "PING"})
    assert (await socket.json())["msg"] == "PONG"


@pytest.mark.parametrize("key", ["", "x", "%00", "a" * 20_000, "%F0%9F%98%80"])
async def test_a_bad_listen_key_is_told_in_plain_text(key: str, autojump_clock: Any, arena: Any) -> None:
    """`Invalid listen key`, no JSON (section 5), and the socket closes."""
    socket = await arena.socket(MEXC_HOST, f"/ws?listenKey={key}")
    opcode, text = await socket.receive()
    assert (opcode, text) == (1, b"Invalid listen key")
    assert await socket.close_code() == 1000


async def test_the_31st_subscription_does_not_take_effect(autojump_clock: Any, arena: Any) -> None:
    """Thirty a connection, one after another or all at once (section 1); thousands more change nothing."""
    names = [f"spot@public.kline.v3.api.pb@BTCUSDT@{interval}" for interval in INTERVALS]
    names += [f"spot@public.limit.depth.v3.api.pb@BTCUSDT@{levels}" for levels in (5, 10, 20)]
    names += [f"spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC{sign}{hour}" for sign in "+-" for hour in range(12)]
    socket = await arena.socket(MEXC_HOST, "/ws")
    await socket.send({"method": "SUBSCRIPTION", "params": names * 200})
    assert (await socket.json())["msg"].startswith(BLOCKED)
    attacker = list(arena.world.mexc_app.stream.connections)[-1]
    assert len(attacker.channels) == 30


async def test_a_loud_client_is_cut(autojump_clock: Any, arena: Any) -> None:
    """More than hundred messages a second disconnect, without a close frame (section 1)."""
    socket = await arena.socket(MEXC_HOST, "/ws")
    for _ in range(150):
        await socket.send({"method": "PING"})
    assert await socket.close_code() == 1006


async def test_garbage_keeps_no_connection_alive_for_ever(autojump_clock: Any, arena: Any) -> None:
    """A connection that never subscribes anything valid is closed after 30 s, however much it says (section 1)."""
    socket = await arena.socket(MEXC_HOST, "/ws")
    started_s = trio.current_time()
    opcode = 1
    while opcode == 1 and trio.current_time() < started_s + 100:
        await socket.send("garbage")
        opcode, payload = await socket.receive()
        await trio.sleep(1)
    assert (opcode, payload) == (8, b"")
    assert trio.current_time() - started_s < 45
