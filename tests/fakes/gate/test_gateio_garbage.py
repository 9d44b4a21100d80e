"""Whatever a client sends, the Gate fake answers it; nothing a client sends may stop the world."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from dnbot.fakes.gateio_http import as_decimal
from dnbot.fakes.web import HttpRequest

ODD: list[Any] = [
    None, True, 0, -1, 1, 1.5, 10**30, "", "0", "1", "-1", "1e999999", "NaN", "Infinity", "0.1", "1_0", "x", "t-a",
    "t-", "BTC_USDT", "buy", "sell", "limit", "market", "ioc", "poc", "fok", "gtc", "bid", "open", "finished", "60000",
    "１", [], {}, ["BTC_USDT"], {"a": 1}, "9" * 50, "0." + "1" * 35, "\ud800",
]  # fmt: skip
NAMES = [
    "currency_pair", "contract", "side", "type", "time_in_force", "tif", "amount", "size", "price", "text", "close",
    "reduce_only", "timeout", "from", "to", "currency", "status", "limit", "offset", "page", "order_id", "id",
    "account", "leverage", "mode", "action_mode", "iceberg", "stp_act", "last_id", "with_id",
]  # fmt: skip

SOUND: dict[str, Any] = {
    "currency_pair": "BTC_USDT", "contract": "BTC_USDT", "side": "buy", "price": "59000", "amount": "0.001", "size": 1,
    "status": "open", "order_id": "1", "id": "1", "text": "t-a", "timeout": 5,
}  # fmt: skip


def odd_object(rng: random.Random) -> dict[str, Any]:
    odd = {name: rng.choice(ODD) for name in rng.sample(NAMES, rng.randint(0, 12))}
    return odd if rng.random() < 0.3 else SOUND | odd


def odd_value(rng: random.Random) -> Any:
    return rng.choice([odd_object(rng), [odd_object(rng)], rng.choice(ODD), [rng.choice(ODD), rng.choice(ODD)]])


def odd_query(rng: random.Random) -> str:
    return "&".join(f"{name}={value}" for name, value in odd_object(rng).items() if isinstance(value, str | int))


@pytest.mark.slow
async def test_rest_answers_everything(autojump_clock: Any, gate: Any) -> None:
    """Every route answers odd queries and bodies with JSON and a status below 500."""
    rng = random.Random(1)
    gate.app.context.limiter.enforce = False
    for _ in range(40):
        for route in gate.app.gateway.routes:
            path = route.pattern.pattern
            for name in ("order_id", "contract", "pair"):
                path = path.replace(f"(?P<{name}>[^/]+)", rng.choice(["123", "t-a", "BTC_USDT", "%00"]))
            query = odd_query(rng).encode("ascii", "ignore").decode()
            answer = await gate.call(route.method, path, query, odd_value(rng))
            assert answer.status < 500, (route.method, path, query)
            assert isinstance(answer.value, dict | list)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"null", b"3"])
async def test_unreadable_bodies_are_refused(autojump_clock: Any, gate: Any, body: bytes) -> None:
    """A body that is no JSON object is a 400, signed or not."""
    unsigned = HttpRequest("POST", "/api/v4/spot/orders", "", (), body)
    assert (await gate.app.handle_http(unsigned)).status == 400
    for path in ("/spot/orders", "/futures/usdt/orders", "/spot/batch_orders", "/wallet/transfers"):
        answer = await gate.call("POST", path, raw=body)
        assert (answer.status, answer.value["label"]) == (400, "INVALID_REQUEST_BODY")


async def test_sockets_answer_everything(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Odd frames, payloads and API parameters leave both sockets alive."""
    rng = random.Random(2)
    for path, product in (("/ws/v4/", gate.app.spot), ("/v4/ws/usdt", gate.app.futures)):
        channels = [*product.channels, *product.api.commands, "x"]
        async with connect(path) as stream:
            await stream.login(product.name)
            for _ in range(600):
                payload = rng.choice([odd_value(rng), {"req_id": "r", "req_param": odd_value(rng)}])
                frame = {
                    "time": rng.choice([gate.now_s(), "x", None, 1.5]),
                    "channel": rng.choice(channels),
                    "event": rng.choice(["subscribe", "unsubscribe", "api", "x", ""]),
                    "payload": payload,
                    "id": rng.choice(ODD),
                }
                await stream.ws.send_message(rng.choice([json.dumps(frame)] * 9 + ["[" * 5000]))
            await stream.send({"time": 1, "channel": f"{product.name}.ping"})
            pong = await stream.next(f"{product.name}.pong")
            assert pong["result"] is None


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e99", "1_0", "１", "0." + "1" * 21, "", " 1", "0x1", "1e-30"])
def test_numbers_out_of_the_ordinary_are_none(text: str) -> None:
    """Only plain decimal numbers of a size that arithmetic keeps exact are read."""
    assert as_decimal(text) is None
