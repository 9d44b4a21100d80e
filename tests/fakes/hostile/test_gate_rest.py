"""Malformed Gate REST calls: what gateio.md sections 2.1, 4.3, 5.3 and 9 say is answered, with status and label.

Where the documents name no label the one of the nearest documented case is fixed here: a bad value is
INVALID_PARAM_VALUE on spot and INVALID_ARGUMENT on futures, a body that is no JSON object INVALID_REQUEST_BODY.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from dnbot.fakes.running import GATE_HOST

pytestmark = pytest.mark.slow

SPOT = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "59000"}
PERP = {"contract": "BTC_USDT", "size": 1, "price": "59000"}
VALUE, ARGUMENT, BODY = (400, "INVALID_PARAM_VALUE"), (400, "INVALID_ARGUMENT"), (400, "INVALID_REQUEST_BODY")
MISSING, HEADER = (400, "MISSING_REQUIRED_PARAM"), (400, "MISSING_REQUIRED_HEADER")
EXPIRED, SIGNATURE, UNKNOWN_KEY = (403, "REQUEST_EXPIRED"), (401, "INVALID_SIGNATURE"), (401, "INVALID_KEY")
PAIR, CONTRACT = (400, "INVALID_CURRENCY_PAIR"), (400, "CONTRACT_NOT_FOUND")
PRECISION, NOT_FOUND = (400, "INVALID_PRECISION"), (404, "ORDER_NOT_FOUND")
TOO_BIG = (400, "TOO_BIG")
LEAP = 61  # seconds; the window is 60


@attrs.frozen
class Case:
    """What is wrong, and the status and label it is answered with; the rest are arguments of `Arena.gate`."""

    name: str
    wanted: tuple[int, str]
    arguments: dict[str, Any]


def auth(name: str, wanted: tuple[int, str], **more: Any) -> Case:
    """A sound order with something wrong about its signature."""
    return Case(f"auth-{name}", wanted, {"method": "POST", "path": "/spot/orders", "body": SPOT} | more)


def spot(name: str, wanted: tuple[int, str], **fields: Any) -> Case:
    """A spot create with these fields, or without those that are None here."""
    body = {key: value for key, value in (SPOT | fields).items() if value is not ABSENT}
    return Case(f"spot-{name}", wanted, {"method": "POST", "path": "/spot/orders", "body": body})


def perp(name: str, wanted: tuple[int, str], **fields: Any) -> Case:
    """A perpetual create, likewise."""
    body = {key: value for key, value in (PERP | fields).items() if value is not ABSENT}
    return Case(f"perp-{name}", wanted, {"method": "POST", "path": "/futures/usdt/orders", "body": body})


def raw(name: str, wanted: tuple[int, str], body: bytes, path: str = "/spot/orders") -> Case:
    """Bytes as the body of a POST, properly signed."""
    return Case(f"body-{name}", wanted, {"method": "POST", "path": path, "body": body})


def call(name: str, wanted: tuple[int, str], line: str, body: Any = b"", **more: Any) -> Case:
    """Any signed call: "METHOD /path?query"."""
    method, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    return Case(name, wanted, {"method": method, "path": path, "query": query, "body": body} | more)


def transfer(name: str, wanted: tuple[int, str], **fields: str) -> Case:
    """A transfer between wallets with these fields."""
    body = {"currency": "USDT", "from": "spot", "to": "futures", "amount": "5"} | fields
    return Case(f"transfer-{name}", wanted, {"method": "POST", "path": "/wallet/transfers", "body": body})


ABSENT = object()
LEVERAGE = "POST /futures/usdt/positions/BTC_USDT/leverage"
AUTH = [
    auth("unsigned", HEADER, signed=False),
    auth("no-key", HEADER, headers={"KEY": ""}),
    auth("no-timestamp", HEADER, headers={"Timestamp": ""}),
    auth("no-sign", HEADER, headers={"SIGN": ""}),
    auth("unknown-key", UNKNOWN_KEY, key="nobody"),
    auth("key-of-another-case", UNKNOWN_KEY, key="FAKE-KEY"),
    auth("key-with-high-bytes", UNKNOWN_KEY, key="k\xe9y\xff"),
    auth("key-of-4000-letters", UNKNOWN_KEY, key="k" * 4000),
    auth("wrong-secret", SIGNATURE, secret="another"),
    auth("anothers-key", SIGNATURE, key="good-key"),
    auth("empty-body-signed", SIGNATURE, signed_body=b""),
    auth("other-body-signed", SIGNATURE, signed_body=b"{}"),
    auth("sign-in-capitals", SIGNATURE, headers={"SIGN": "A" * 128}),
    auth("sign-short", SIGNATURE, headers={"SIGN": "abc"}),
    auth("sign-with-high-bytes", SIGNATURE, headers={"SIGN": "\xff" * 128}),
    auth("sign-of-60-kilobytes", SIGNATURE, headers={"SIGN": "a" * 60_000}),
    auth("stamp-of-words", EXPIRED, headers={"Timestamp": "yesterday"}),
    auth("stamp-nan", EXPIRED, headers={"Timestamp": "NaN"}),
    auth("stamp-infinite", EXPIRED, headers={"Timestamp": "inf"}),
    auth("stamp-overflows", EXPIRED, headers={"Timestamp": "1e999"}),
    auth("stamp-of-5000-digits", EXPIRED, headers={"Timestamp": "9" * 5000}),
    auth("stamp-negative", EXPIRED, headers={"Timestamp": "-1"}),
    auth("stamp-in-milliseconds", EXPIRED, headers={"Timestamp": "1800000000000"}),
    auth("stamp-with-high-bytes", EXPIRED, headers={"Timestamp": "\xb2\xb3"}),
    auth("expired-and-unknown", EXPIRED, key="nobody", headers={"Timestamp": "1"}),
    auth("late-exptime", EXPIRED, headers={"x-gate-exptime": "1"}),
    auth("exptime-of-words", ARGUMENT, headers={"x-gate-exptime": "soon"}),
    auth("exptime-negative", ARGUMENT, headers={"x-gate-exptime": "-5"}),
    auth("exptime-of-5000-digits", ARGUMENT, headers={"x-gate-exptime": "9" * 5000}),
    auth("exptime-high-digits", ARGUMENT, headers={"x-gate-exptime": "\xb2\xb3"}),
    call("auth-unknown-path", (404, "INVALID_PROTOCOL"), "GET /no/such/path"),
    call("auth-unknown-path-unsigned", HEADER, "GET /no/such/path", signed=False),
    call("auth-settle-of-nobody", HEADER, "GET /futures/usdc/contracts", signed=False),
]
BODIES = [
    raw("empty", BODY, b""),
    raw("open-brace", BODY, b"{"),
    raw("comma-at-end", BODY, b'{"side":"buy",}'),
    raw("single-quotes", BODY, b"{'side':'buy'}"),
    raw("bad-utf8", BODY, b'{"side":"\xff\xfe"}'),
    raw("utf16", BODY, '{"side":"buy"}'.encode("utf-16")),
    raw("byte-order-mark", BODY, b'\xef\xbb\xbf{"side":"buy"}'),
    raw("lone-surrogate", BODY, b'{"side":"\\ud800"}'),
    raw("control-character", BODY, b'{"side":"buy\x00"}'),
    raw("deep-array", BODY, b"[" * 100_000),
    raw("deep-object", BODY, b'{"a":' * 50_000),
    raw("null", BODY, b"null"),
    raw("number", BODY, b"3"),
    raw("text", BODY, b'"order"'),
    raw("array", BODY, b"[]"),
    raw("two-values", BODY, b"{}{}"),
    raw("nan-word", BODY, b'{"currency_pair":"BTC_USDT","side":"buy","amount":NaN,"price":"59000"}'),
    raw("infinity-word", BODY, b'{"currency_pair":"BTC_USDT","side":"buy","amount":Infinity,"price":"59000"}'),
    raw("form", BODY, b"side=buy&amount=1"),
    raw("xml", BODY, b"<order/>"),
    raw("gzip", BODY, b"\x1f\x8b\x08\x00\x00\x00\x00\x00"),
    raw("megabyte-of-blanks", BODY, b" " * 1_000_000),
    raw("megabyte-of-text", PAIR, b'{"currency_pair":"' + b"X" * 1_000_000 + b'"}'),
    raw("empty-object", MISSING, b"{}"),
    raw("perp-empty", BODY, b"", "/futures/usdt/orders"),
    raw("perp-bad-utf8", BODY, b'{"contract":"\xff"}', "/futures/usdt/orders"),
    raw("perp-nan-word", BODY, b'{"contract":"BTC_USDT","size":NaN}', "/futures/usdt/orders"),
    raw("perp-array", BODY, b"[{}]", "/futures/usdt/orders"),
    raw("perp-empty-object", ARGUMENT, b"{}", "/futures/usdt/orders"),
    raw("batch-object", BODY, b"{}", "/spot/batch_orders"),
    raw("batch-empty", BODY, b"[]", "/spot/batch_orders"),
    raw("batch-of-numbers", BODY, b"[1,2]", "/spot/batch_orders"),
    raw("batch-of-100", TOO_BIG, b"[" + b",".join([b"{}"] * 100) + b"]", "/spot/batch_orders"),
    raw("perp-batch-of-texts", BODY, b'["a"]', "/futures/usdt/batch_orders"),
    raw("perp-batch-of-11", TOO_BIG, b"[" + b",".join([b"{}"] * 11) + b"]", "/futures/usdt/batch_orders"),
    raw("cancel-batch-of-21", TOO_BIG, b"[" + b",".join([b"{}"] * 21) + b"]", "/spot/cancel_batch_orders"),
]
SPOT_ORDERS = [
    spot("no-pair", MISSING, currency_pair=ABSENT),
    spot("pair-empty", MISSING, currency_pair=""),
    spot("pair-null", MISSING, currency_pair=None),
    spot("pair-number", VALUE, currency_pair=7),
    spot("pair-list", VALUE, currency_pair=["BTC_USDT"]),
    spot("pair-unknown", PAIR, currency_pair="NOPE_USDT"),
    spot("pair-lower", PAIR, currency_pair="btc_usdt"),
    spot("pair-of-mexc", PAIR, currency_pair="BTCUSDT"),
    spot("no-side", MISSING, side=ABSENT),
    spot("side-of-futures", VALUE, side="bid"),
    spot("side-capitals", VALUE, side="BUY"),
    spot("side-true", VALUE, side=True),
    spot("no-amount", MISSING, amount=ABSENT),
    spot("amount-nan", VALUE, amount="NaN"),
    spot("amount-infinite", VALUE, amount="Infinity"),
    spot("amount-negative", VALUE, amount="-0.001"),
    spot("amount-zero", VALUE, amount="0"),
    spot("amount-minus-zero", VALUE, amount="-0"),
    spot("amount-overflows", VALUE, amount="1e999999999"),
    spot("amount-vanishes", VALUE, amount="1e-999999999"),
    spot("amount-words", VALUE, amount="much"),
    spot("amount-hex", VALUE, amount="0x1"),
    spot("amount-underscore", VALUE, amount="1_0"),
    spot("amount-wide-digits", VALUE, amount="１"),
    spot("amount-two-points", VALUE, amount="0.0.1"),
    spot("amount-comma", VALUE, amount="0,001"),
    spot("amount-blank", VALUE, amount=" 0.001"),
    spot("amount-true", VALUE, amount=True),
    spot("amount-list", VALUE, amount=[1]),
    spot("amount-of-5000-digits", VALUE, amount="9" * 5000),
    spot("amount-number-of-400-digits", VALUE, amount=10**400),
    spot("amount-too-precise", PRECISION, amount="0.0000001234"),
    spot("amount-too-small", VALUE, amount="0.000001"),
    spot("amount-too-large", (400, "AMOUNT_TOO_MUCH"), amount="9999999"),
    spot("no-price", MISSING, price=ABSENT),
    spot("price-nan", VALUE, price="nan"),
    spot("price-infinite", VALUE, price="-Infinity"),
    spot("price-negative", VALUE, price="-59000"),
    spot("price-zero", VALUE, price="0"),
    spot("price-overflows", VALUE, price="1e400"),
    spot("price-too-precise", PRECISION, price="59000.01"),
    spot("price-object", VALUE, price={"a": 1}),
    spot("type-unknown", VALUE, type="stop"),
    spot("type-number", VALUE, type=5),
    spot("tif-unknown", VALUE, time_in_force="day"),
    spot("market-gtc", VALUE, type="market"),
    spot("market-poc", VALUE, type="market", time_in_force="poc"),
    spot("text-without-prefix", VALUE, text="abc"),
    spot("text-too-long", VALUE, text="t-" + "a" * 29),
    spot("text-only-prefix", VALUE, text="t-"),
    spot("text-with-blank", VALUE, text="t-a b"),
    spot("text-with-newline", VALUE, text="t-a\n"),
    spot("text-not-ascii", VALUE, text="t-é"),
    spot("text-number", VALUE, text=5),
    spot("account-unknown", VALUE, account="margin-of-nobody"),
    spot("stp-without-group", VALUE, stp_act="cn"),
    spot("more-than-there-is", (400, "BALANCE_NOT_ENOUGH"), amount="10"),
    spot("sell-more-than-there-is", (400, "BALANCE_NOT_ENOUGH"), side="sell", amount="5", price="61000"),
    spot("post-only-takes", (400, "POC_FILL_IMMEDIATELY"), price="61000", time_in_force="poc"),
    spot("fill-or-kill-too-large", (400, "FOK_NOT_FILL"), price="60100", amount="0.3", time_in_force="fok"),
]
PERP_ORDERS = [
    perp("no-contract", ARGUMENT, contract=ABSENT),
    perp("contract-number", ARGUMENT, contract=1),
    perp("contract-unknown", CONTRACT, contract="NOPE_USDT"),
    perp("contract-lower", CONTRACT, contract="btc_usdt"),
    perp("size-nan", ARGUMENT, size="NaN"),
    perp("size-infinite", ARGUMENT, size="-inf"),
    perp("size-zero", ARGUMENT, size=0),
    perp("size-fraction", ARGUMENT, size=1.5),
    perp("size-words", ARGUMENT, size="one"),
    perp("size-true", ARGUMENT, size=True),
    perp("size-null", ARGUMENT, size=None),
    perp("size-list", ARGUMENT, size=[1]),
    perp("size-overflows", ARGUMENT, size="1e400"),
    perp("size-beyond-64-bits", ARGUMENT, size=2**70),
    perp("size-too-large", (400, "SIZE_TOO_LARGE"), size=2_000_000),
    perp("close-with-size", ARGUMENT, close=True),
    perp("close-nothing", (400, "INCREASE_POSITION"), size=0, close=True, price="0", tif="ioc"),
    perp("close-word", ARGUMENT, close="yes"),
    perp("reduce-nothing", (400, "INCREASE_POSITION"), reduce_only=True),
    perp("reduce-number", ARGUMENT, reduce_only=1),
    perp("price-nan", ARGUMENT, price="nan"),
    perp("price-negative", ARGUMENT, price="-1"),
    perp("price-zero-gtc", ARGUMENT, price="0"),
    perp("price-true", ARGUMENT, price=True),
    perp("price-too-precise", ARGUMENT, price="59000.01"),
    perp("price-too-far", (400, "PRICE_TOO_DEVIATED"), price="30000"),
    perp("tif-unknown", ARGUMENT, tif="day"),
    perp("text-bad", ARGUMENT, text="no-prefix"),
    perp("auto-size-in-single-mode", ARGUMENT, auto_size="close_long"),
    perp("too-little-margin", (400, "INSUFFICIENT_AVAILABLE"), size=900_000),
    perp("post-only-takes", (400, "ORDER_POC_IMMEDIATE"), price="61000", tif="poc"),
    perp("fill-or-kill-too-large", (400, "ORDER_FOK"), price="60030", size=30_000, tif="fok"),
]
CALLS = [
    call("get-order-unknown", NOT_FOUND, "GET /spot/orders/999999?currency_pair=BTC_USDT"),
    call("get-order-no-pair", MISSING, "GET /spot/orders/1"),
    call("get-order-text-unknown", (404, "CLIENT_ID_NOT_FOUND"), "GET /spot/orders/t-x?currency_pair=BTC_USDT"),
    call("get-order-id-of-4000", NOT_FOUND, f"GET /spot/orders/{'9' * 4000}?currency_pair=BTC_USDT"),
    call("get-order-id-nul", NOT_FOUND, "GET /spot/orders/%00?currency_pair=BTC_USDT"),
    call("get-order-id-dots", NOT_FOUND, "GET /spot/orders/..?currency_pair=BTC_USDT"),
    call("cancel-unknown", NOT_FOUND, "DELETE /spot/orders/1?currency_pair=BTC_USDT"),
    call("cancel-pair-unknown", PAIR, "DELETE /spot/orders/1?currency_pair=X"),
    call("cancel-all-side", VALUE, "DELETE /spot/orders?currency_pair=BTC_USDT&side=up"),
    call("amend-unknown", NOT_FOUND, "PATCH /spot/orders/1?currency_pair=BTC_USDT", {"price": "1"}),
    call("amend-no-pair", MISSING, "PATCH /spot/orders/1", {"price": "1"}),
    call("list-no-status", MISSING, "GET /spot/orders?currency_pair=BTC_USDT"),
    call("list-status-unknown", VALUE, "GET /spot/orders?status=gone"),
    call("list-page-zero", VALUE, "GET /spot/orders?currency_pair=BTC_USDT&status=open&page=0"),
    call("list-limit-101", VALUE, "GET /spot/orders?currency_pair=BTC_USDT&status=open&limit=101"),
    call("list-limit-words", VALUE, "GET /spot/my_trades?limit=ten"),
    call("list-limit-of-5000-digits", VALUE, f"GET /spot/my_trades?limit={'9' * 5000}"),
    call("trades-order-no-pair", MISSING, "GET /spot/my_trades?order_id=1"),
    call("trades-window-reversed", VALUE, "GET /spot/my_trades?from=1790000000&to=1700000000"),
    call("book-no-pair", MISSING, "GET /spot/order_book", signed=False),
    call("book-pair-unknown", PAIR, "GET /spot/order_book?currency_pair=%00", signed=False),
    call("book-limit-negative", VALUE, "GET /spot/order_book?currency_pair=BTC_USDT&limit=-1", signed=False),
    call("perp-book-limit", TOO_BIG, "GET /futures/usdt/order_book?contract=BTC_USDT&limit=1000", signed=False),
    call("perp-contract-unknown", CONTRACT, "GET /futures/usdt/contracts/%F0%9F%98%80", signed=False),
    call("perp-order-unknown", NOT_FOUND, "GET /futures/usdt/orders/999"),
    call("perp-cancel-unknown", NOT_FOUND, "DELETE /futures/usdt/orders/999"),
    call("perp-cancel-all-of-nothing", CONTRACT, "DELETE /futures/usdt/orders?contract=X_USDT"),
    call("perp-cancel-all-side", ARGUMENT, "DELETE /futures/usdt/orders?contract=BTC_USDT&side=buy"),
    call("perp-amend-unknown", NOT_FOUND, "PUT /futures/usdt/orders/999", {"size": 1}),
    call("perp-amend-nothing", BODY, "PUT /futures/usdt/orders/999", b""),
    call("leverage-nan", ARGUMENT, LEVERAGE + "?leverage=NaN"),
    call("leverage-negative", ARGUMENT, LEVERAGE + "?leverage=-3"),
    call("leverage-too-high", (400, "LEVERAGE_TOO_HIGH"), LEVERAGE + "?leverage=999"),
    call("leverage-below-one", (400, "LEVERAGE_TOO_LOW"), LEVERAGE + "?leverage=0.5"),
    call("leverage-contract", CONTRACT, "POST /futures/usdt/positions/X_USDT/leverage?leverage=3"),
    call("dual-mode-word", ARGUMENT, "POST /futures/usdt/dual_mode?dual_mode=yes"),
    call("position-mode-word", ARGUMENT, "POST /futures/usdt/set_position_mode?position_mode=triple"),
    call("cross-mode-word", ARGUMENT, "POST /futures/usdt/positions/cross_mode", {"mode": "X", "contract": "BTC_USDT"}),
    call("countdown-short", VALUE, "POST /spot/countdown_cancel_all", {"timeout": 1}),
    call("countdown-negative", VALUE, "POST /spot/countdown_cancel_all", {"timeout": -30}),
    call("countdown-text", VALUE, "POST /spot/countdown_cancel_all", {"timeout": "30"}),
    call("countdown-fraction", VALUE, "POST /spot/countdown_cancel_all", {"timeout": 30.5}),
    call("countdown-huge", VALUE, "POST /spot/countdown_cancel_all", {"timeout": 2**62}),
    call("countdown-true", VALUE, "POST /futures/usdt/countdown_cancel_all", {"timeout": True}),
    call("countdown-pair", PAIR, "POST /spot/countdown_cancel_all", {"timeout": 30, "currency_pair": "X"}),
    transfer("nan", VALUE, amount="NaN"),
    transfer("negative", VALUE, amount="-5"),
    transfer("too-much", (400, "BALANCE_NOT_ENOUGH"), amount="99999999"),
    transfer("to-itself", VALUE, to="spot"),
    transfer("currency", (400, "INVALID_CURRENCY"), currency="XYZ"),
    call("fees-of-51-pairs", TOO_BIG, "GET /spot/batch_fee?currency_pairs=" + ",".join(["BTC_USDT"] * 51)),
]
CASES = [*AUTH, *BODIES, *SPOT_ORDERS, *PERP_ORDERS, *CALLS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_gate_refuses(case: Case, autojump_clock: Any, arena: Any) -> None:
    """Status and label are the documented ones, and the reply carries the headers that every reply has."""
    answer = await arena.ask(GATE_HOST, arena.gate(**case.arguments))
    assert answer is not None
    assert (answer.status, answer.value["label"]) == case.wanted, answer.value
    assert {"x-gate-trace-id", "x-in-time", "x-out-time"} <= set(answer.headers)


@pytest.mark.parametrize("ahead_s", [-LEAP, LEAP])
async def test_gate_refuses_a_clock_that_is_off(ahead_s: int, autojump_clock: Any, arena: Any) -> None:
    """The window is 60 s, both ways (gateio.md section 2.1)."""
    stamp = str(arena.now_s() + ahead_s)
    data = arena.gate("POST", "/spot/orders", body=SPOT, headers={"Timestamp": stamp})
    answer = await arena.ask(GATE_HOST, data)
    assert (answer.status, answer.value["label"]) == EXPIRED
