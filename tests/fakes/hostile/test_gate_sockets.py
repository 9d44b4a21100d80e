"""Malformed frames on Gate's two sockets: gateio.md section 6.1 (streams) and section 2.4 (WebSocket API).

Error code 1 is a body that is not parsable, which a payload of another shape than the channel's counts as; 2 is a bad
argument, 4 a failed signature. The socket stays open after each. Where the documents are silent on a frame of a wrong
shape, code 2 is fixed here, and INVALID_ARGUMENT for API calls.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import attrs
import pytest

from dnbot.fakes.running import GATE_HOST

PATHS = {"spot": "/ws/v4/", "futures": "/v4/ws/usdt"}
KEY, SECRET = "fake-key", "fake-secret"
NO_JSON, SCHEMA, ARGUMENT, AUTH = 1, 1, 2, 4


@attrs.frozen
class Case:
    """A frame (JSON of `value`, or `value` itself when it is text or bytes) and the error code of its answer."""

    name: str
    product: str
    code: int
    value: Any
    binary: bool = False


def stream(name: str, code: int, channel: Any, payload: Any = None, *, event: Any = "subscribe", **more: Any) -> Case:
    """A subscription on the socket of its channel."""
    product = "futures" if str(channel).startswith("futures") else "spot"
    value = {"time": 1_800_000_000, "channel": channel, "event": event} | more
    return Case(name, product, code, value | ({} if payload is None else {"payload": payload}))


def private(name: str, channel: str = "spot.orders", *, event: str = "subscribe", **auth: Any) -> Case:
    """A private subscription with something wrong about its signature, which is right but for `auth`."""
    sign = hmac.new(SECRET.encode(), f"channel={channel}&event={event}&time=1800000000".encode(), hashlib.sha512)
    sound = {"method": "api_key", "KEY": KEY, "SIGN": sign.hexdigest()}
    return stream(name, AUTH, channel, ["!all"], auth=sound | auth)


NOT_JSON: list[tuple[str, Any]] = [
    ("word", "hello"),
    ("empty", ""),
    ("open-brace", "{"),
    ("single-quotes", "{'time':1}"),
    ("comma-at-end", '{"time":1,}'),
    ("nan", '{"time":NaN}'),
    ("two-values", "{}{}"),
    ("nul", "\0"),
    ("mexc-words", "SUBSCRIPTION spot@public"),
    ("megabyte", "x" * 1_000_000),
    ("lone-surrogate", '{"channel":"\\ud800"}'),
    ("byte-order-mark", "\ufeff{}"),
]
WRONG_SHAPE: list[tuple[str, Any]] = [
    ("deep", "[" * 100_000),
    ("number", "3"),
    ("null", "null"),
    ("text", '"spot.ping"'),
    ("array", "[]"),
    ("array-of-frames", '[{"channel":"spot.ping"}]'),
    ("channel-number", {"channel": 5}),
    ("channel-null", {"channel": None}),
    ("event-list", {"channel": "spot.trades", "event": ["subscribe"]}),
    ("time-list", {"time": [], "channel": "spot.trades", "event": "subscribe"}),
    ("auth-text", {"channel": "spot.orders", "event": "subscribe", "auth": "key"}),
    ("auth-key-number", {"channel": "spot.orders", "event": "subscribe", "auth": {"KEY": 5}}),
]
CASES = [
    *(Case(f"no-json-{name}", "spot", NO_JSON, text) for name, text in NOT_JSON),
    *(Case(f"shape-{name}", "spot", ARGUMENT, value) for name, value in WRONG_SHAPE),
    Case("binary-bad-utf8", "spot", NO_JSON, b'{"channel":"\xff\xfe"}', binary=True),
    Case("binary-bad-utf8-as-a-client-id", "spot", ARGUMENT, b'{"channel":"spot.trades","text":"t-\xff"}', binary=True),
    Case("binary-gzip", "futures", NO_JSON, b"\x1f\x8b\x08\x00\x00\x00", binary=True),
    Case("binary-protobuf", "futures", NO_JSON, b"\x0a\x05hello\x10\x01", binary=True),
    stream("channel-unknown", ARGUMENT, "spot.nope", ["BTC_USDT"]),
    stream("channel-of-futures-on-spot", ARGUMENT, "spot.futures.trades", ["BTC_USDT"]),
    stream("channel-empty", ARGUMENT, "", ["BTC_USDT"]),
    stream("channel-of-100-kilobytes", ARGUMENT, "spot." + "x" * 100_000, ["BTC_USDT"]),
    stream("event-unknown", ARGUMENT, "spot.trades", ["BTC_USDT"], event="listen"),
    stream("event-empty", ARGUMENT, "spot.trades", ["BTC_USDT"], event=""),
    stream("event-update", ARGUMENT, "spot.trades", ["BTC_USDT"], event="update"),
    stream("payload-absent", SCHEMA, "spot.trades"),
    stream("payload-empty", SCHEMA, "spot.trades", []),
    stream("payload-object", SCHEMA, "spot.trades", {"pair": "BTC_USDT"}),
    stream("payload-text", SCHEMA, "spot.trades", "BTC_USDT"),
    stream("payload-number", SCHEMA, "spot.trades", 5),
    stream("payload-of-numbers", SCHEMA, "spot.trades", [1, 2]),
    stream("payload-of-nulls", SCHEMA, "spot.trades", [None]),
    stream("payload-deep", SCHEMA, "spot.trades", [[[["BTC_USDT"]]]]),
    stream("pair-unknown", ARGUMENT, "spot.trades", ["NOPE_USDT"]),
    stream("pair-lower", ARGUMENT, "spot.trades", ["btc_usdt"]),
    stream("pair-not-ascii", ARGUMENT, "spot.tickers", ["比特币"]),
    stream("one-bad-pair-of-two", ARGUMENT, "spot.trades", ["BTC_USDT", "NOPE_USDT"]),
    stream("one-bad-pair-of-5000", ARGUMENT, "spot.book_ticker", ["BTC_USDT"] * 5000 + ["NOPE"]),
    stream("interval-absent", ARGUMENT, "spot.order_book_update", ["BTC_USDT"]),
    stream("interval-unknown", ARGUMENT, "spot.order_book_update", ["BTC_USDT", "1ms"]),
    stream("interval-number", SCHEMA, "spot.order_book_update", ["BTC_USDT", 100]),
    stream("book-level-unknown", SCHEMA, "spot.order_book", ["BTC_USDT", "7", "100ms"]),
    stream("book-interval-unknown", SCHEMA, "spot.order_book", ["BTC_USDT", "5", "5ms"]),
    stream("obu-of-numbers", SCHEMA, "spot.obu", [5]),
    stream("perp-contract-unknown", ARGUMENT, "futures.trades", ["NOPE_USDT"]),
    stream("perp-level-unknown", ARGUMENT, "futures.order_book_update", ["BTC_USDT", "100ms", "30"]),
    stream("perp-level-of-20ms", ARGUMENT, "futures.order_book_update", ["BTC_USDT", "20ms", "100"]),
    stream("perp-frequency-unknown", ARGUMENT, "futures.order_book_update", ["BTC_USDT", "NaN"]),
    stream("perp-channel-unknown", ARGUMENT, "futures.nope", ["BTC_USDT"]),
    stream("private-unsigned", AUTH, "spot.orders", ["!all"]),
    stream("private-auth-null", AUTH, "spot.orders", ["!all"], auth=None),
    stream("private-auth-empty", AUTH, "spot.balances", [], auth={}),
    stream("private-time-text", AUTH, "spot.orders", ["!all"], time="1800000000", auth={"KEY": KEY, "SIGN": "x"}),
    stream("private-time-fraction", AUTH, "spot.orders", ["!all"], time=1.8e9 + 0.5, auth={"KEY": KEY, "SIGN": "x"}),
    stream("private-time-negative", AUTH, "spot.orders", ["!all"], time=-1, auth={"KEY": KEY, "SIGN": "x"}),
    stream("private-time-old", AUTH, "futures.orders", ["1", "!all"], time=1, auth={"KEY": KEY, "SIGN": "x"}),
    private("private-key-unknown", KEY="nobody"),
    private("private-key-empty", KEY=""),
    private("private-key-of-100-kilobytes", KEY="k" * 100_000),
    private("private-sign-wrong", SIGN="0" * 128),
    private("private-sign-empty", SIGN=""),
    private("private-sign-not-ascii", SIGN="é" * 64),
    private("private-sign-of-another-channel", "futures.usertrades", SIGN="ab" * 64),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_gate_streams_refuse(case: Case, autojump_clock: Any, arena: Any) -> None:
    """The documented code, status "fail", no subscription, and the socket still answers."""
    socket = await arena.socket(GATE_HOST, PATHS[case.product])
    if case.binary:
        await socket.send_binary(case.value)
    else:
        await socket.send(case.value)
    answer = await socket.json()
    assert answer is not None
    assert (answer["error"]["code"], answer["result"]) == (case.code, {"status": "fail"}), answer["error"]
    hub = getattr(arena.world.gate_app, case.product).hub
    assert sum(len(listeners) for listeners in hub._by_topic.values()) == (1 if case.product == "spot" else 0)
    await socket.send({"time": 1, "channel": f"{case.product}.ping"})
    assert await socket.json(channel=f"{case.product}.pong") is not None


SPOT = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "59000"}
PERP = {"contract": "BTC_USDT", "size": 1, "price": "59000"}


@attrs.frozen
class ApiCase:
    """An API call, and the status and label of its answer; `payload` replaces the sound one."""

    name: str
    wanted: tuple[str, str]
    channel: str
    param: Any = None
    payload: Any = None
    login: bool = True


def api(name: str, label: str, channel: str, param: Any = None, *, status: str = "400", **more: Any) -> ApiCase:
    """A call after a sound login."""
    return ApiCase(name, (status, label), channel, param, **more)


API = [
    api("before-login", "AUTHENTICATION_FAILED", "spot.order_place", SPOT, login=False),
    api("perp-before-login", "AUTHENTICATION_FAILED", "futures.order_place", PERP, login=False),
    api("channel-unknown", "INVALID_ARGUMENT", "spot.order_explode", SPOT),
    api("channel-of-the-other-socket", "INVALID_ARGUMENT", "spot.futures.order_place", PERP),
    api("login-key-unknown", "INVALID_KEY", "spot.login", status="401", payload={"api_key": "x", "timestamp": "NOW"}),
    api("login-sign-wrong", "INVALID_SIGNATURE", "spot.login", status="401",
        payload={"api_key": KEY, "signature": "ab", "timestamp": "NOW"}),
    api("login-sign-not-ascii", "INVALID_SIGNATURE", "spot.login", status="401",
        payload={"api_key": KEY, "signature": "é", "timestamp": "NOW"}),
    api("login-old", "REQUEST_EXPIRED", "spot.login", status="403", payload={"api_key": KEY, "timestamp": "1"}),
    api("login-time-nan", "REQUEST_EXPIRED", "futures.login", status="403", payload={"timestamp": "NaN"}),
    api("login-time-of-5000-digits", "REQUEST_EXPIRED", "spot.login", status="403", payload={"timestamp": "9" * 5000}),
    api("login-empty", "REQUEST_EXPIRED", "spot.login", status="403", payload={}),
    api("login-time-list", "INVALID_ARGUMENT", "spot.login", payload={"timestamp": []}),
    api("payload-text", "INVALID_ARGUMENT", "spot.order_place", payload="order"),
    api("payload-array", "INVALID_ARGUMENT", "spot.order_place", payload=[SPOT]),
    api("payload-number", "INVALID_ARGUMENT", "futures.order_place", payload=5),
    api("req-id-number", "INVALID_ARGUMENT", "spot.order_place", payload={"req_id": 5, "req_param": SPOT}),
    api("param-text", "INVALID_ARGUMENT", "spot.order_place", "order"),
    api("param-number", "INVALID_ARGUMENT", "spot.order_place", 7),
    api("param-true", "INVALID_ARGUMENT", "futures.order_place", True),
    api("param-empty", "MISSING_REQUIRED_PARAM", "spot.order_place", {}),
    api("param-empty-list", "INVALID_ARGUMENT", "spot.order_place", []),
    api("perp-param-empty", "INVALID_ARGUMENT", "futures.order_place", {}),
    api("perp-param-list", "INVALID_ARGUMENT", "futures.order_place", [PERP]),
    api("amount-nan", "INVALID_PARAM_VALUE", "spot.order_place", SPOT | {"amount": "NaN"}),
    api("amount-negative", "INVALID_PARAM_VALUE", "spot.order_place", SPOT | {"amount": "-1"}),
    api("amount-of-400-digits", "INVALID_PARAM_VALUE", "spot.order_place", SPOT | {"amount": 10**400}),
    api("side-capitals", "INVALID_PARAM_VALUE", "spot.order_place", SPOT | {"side": "BUY"}),
    api("price-negative", "INVALID_PARAM_VALUE", "spot.order_place", SPOT | {"price": "-59000"}),
    api("text-bad", "INVALID_PARAM_VALUE", "spot.order_place", SPOT | {"text": "x"}),
    api("pair-unknown", "INVALID_CURRENCY_PAIR", "spot.order_place", SPOT | {"currency_pair": "X"}),
    api("too-much", "BALANCE_NOT_ENOUGH", "spot.order_place", SPOT | {"amount": "10"}),
    api("size-nan", "INVALID_ARGUMENT", "futures.order_place", PERP | {"size": "NaN"}),
    api("size-zero", "INVALID_ARGUMENT", "futures.order_place", PERP | {"size": 0}),
    api("size-of-400-digits", "INVALID_ARGUMENT", "futures.order_place", PERP | {"size": 10**400}),
    api("perp-price-zero", "INVALID_ARGUMENT", "futures.order_place", PERP | {"price": "0"}),
    api("perp-too-far", "PRICE_TOO_DEVIATED", "futures.order_place", PERP | {"price": "20000"}),
    api("perp-batch-of-11", "INVALID_ARGUMENT", "futures.order_batch_place", [PERP] * 11),
    api("perp-batch-of-texts", "INVALID_ARGUMENT", "futures.order_batch_place", ["a"]),
    api("cancel-nothing", "MISSING_REQUIRED_PARAM", "spot.order_cancel", {}),
    api("cancel-unknown", "ORDER_NOT_FOUND", "spot.order_cancel", {"order_id": "1", "currency_pair": "BTC_USDT"},
        status="404"),
    api("cancel-id-list", "ORDER_NOT_FOUND", "spot.order_cancel", {"order_id": [1], "currency_pair": "BTC_USDT"},
        status="404"),
    api("cancel-ids-object", "INVALID_ARGUMENT", "spot.order_cancel_ids", {"id": "1"}),
    api("cancel-ids-of-21", "INVALID_ARGUMENT", "futures.order_cancel_ids", ["1"] * 21),
    api("cancel-cp-side", "INVALID_PARAM_VALUE", "spot.order_cancel_cp", {"currency_pair": "BTC_USDT", "side": "x"}),
    api("amend-unknown", "ORDER_NOT_FOUND", "spot.order_amend",
        {"order_id": "1", "currency_pair": "BTC_USDT", "price": "1"}, status="404"),
    api("perp-amend-size-nan", "ORDER_NOT_FOUND", "futures.order_amend", {"order_id": "1", "size": "NaN"},
        status="404"),
    api("status-unknown", "ORDER_NOT_FOUND", "spot.order_status", {"order_id": "9", "currency_pair": "BTC_USDT"},
        status="404"),
    api("list-status-unknown", "INVALID_PARAM_VALUE", "spot.order_list", {"status": "gone"}),
    api("exptime-passed", "REQUEST_EXPIRED", "spot.order_place", status="403",
        payload={"req_id": "r", "req_param": SPOT, "req_header": {"x-gate-exptime": "1"}}),
    api("exptime-of-5000-digits", "INVALID_ARGUMENT", "spot.order_place",
        payload={"req_id": "r", "req_param": SPOT, "req_header": {"x-gate-exptime": "9" * 5000}}),
    api("exptime-list", "INVALID_ARGUMENT", "futures.order_place",
        payload={"req_id": "r", "req_param": PERP, "req_header": {"x-gate-exptime": [1]}}),
]  # fmt: skip


@pytest.mark.parametrize("case", API, ids=lambda case: case.name)
async def test_gate_api_calls_refuse(case: ApiCase, autojump_clock: Any, arena: Any, socket_login: Any) -> None:
    """Status and label are the documented ones; an acknowledgement may come before, nothing after."""
    product = "futures" if case.channel.startswith("futures") else "spot"
    socket = await arena.socket(GATE_HOST, PATHS[product])
    if case.login:
        await socket_login(socket, product, str(arena.now_s()))
    payload = {"req_id": "r", "req_param": case.param} if case.payload is None else case.payload
    if isinstance(payload, dict) and payload.get("timestamp") == "NOW":
        payload = payload | {"timestamp": str(arena.now_s())}
    await socket.send({"time": arena.now_s(), "channel": case.channel, "event": "api", "payload": payload})
    answer = await socket.json()
    if answer is not None and answer.get("ack"):
        answer = await socket.json()
    assert answer is not None
    assert (answer["header"]["status"], answer["data"]["errs"]["label"]) == case.wanted, answer
    assert await socket.json() is None
