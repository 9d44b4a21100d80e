"""Malformed MEXC REST calls: what mexc.md sections 2, 3.3, 3.5 and 6 say is answered, by its code.

Business refusals are HTTP 400; which auth failures are 400 and which 401 is unknown (section 6), so either passes.
Where the documents name no code, the nearest is fixed here: 700004 for what is missing, 700008 for illegal characters.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import attrs
import pytest

from dnbot.fakes.running import MEXC_HOST

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "59900"}
NO_KEY, UNKNOWN_KEY, SIGNATURE, TIME, MISSING, WINDOW, ILLEGAL, CONTENT = (
    400, 10072, 700002, 700003, 700004, 700005, 700008, 700013,
)  # fmt: skip
BAD_SYMBOL, SYMBOL, ORDER_TYPE, PARAMETER, DECIMALS, NOT_POSITIVE = 10007, -1121, 30041, 33333, 10096, 10102
TOO_SMALL, TOO_LARGE, INSUFFICIENT, OVERSOLD, BAND = 30002, 30003, 30004, 30005, 30087
CANCEL_UNKNOWN, NO_ORDER, KEY_INFO, KEY_PARAMETER, NOT_FOUND = -2011, -2013, "730708", "730002", 404


@attrs.frozen
class Case:
    """What is wrong, and the code it is answered with; the rest are arguments of `Arena.mexc`."""

    name: str
    code: int | str
    arguments: dict[str, Any]


def query_of(fields: dict[str, Any]) -> str:
    """Fields as a query, percent-encoded; those that are None are left out."""
    return "&".join(f"{name}={quote(str(text), safe='')}" for name, text in fields.items() if text is not None)


def auth(name: str, code: int, query: str = "", **more: Any) -> Case:
    """A sound order with something wrong about how it is authorised."""
    text = query or query_of(ORDER)
    return Case(f"auth-{name}", code, {"method": "POST", "path": "order", "query": text} | more)


def order(name: str, code: int, **fields: Any) -> Case:
    """A create with these fields."""
    return Case(f"order-{name}", code, {"method": "POST", "path": "order", "query": query_of(ORDER | fields)})


def call(name: str, code: int | str, line: str, **more: Any) -> Case:
    """Any signed call: "METHOD path?query"."""
    method, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    return Case(name, code, {"method": method, "path": path, "query": query} | more)


def stamped(text: str, **more: Any) -> dict[str, Any]:
    """Arguments of a request whose timestamp is this text."""
    return {"query": f"{query_of(ORDER)}&timestamp={text}", "stamped": False} | more


AUTH = [
    auth("no-key", NO_KEY, headers={"X-MEXC-APIKEY": ""}),
    auth("unknown-key", UNKNOWN_KEY, key="nobody"),
    auth("key-of-another-case", UNKNOWN_KEY, key="FAKE-KEY"),
    auth("key-with-high-bytes", UNKNOWN_KEY, key="k\xe9\xff"),
    auth("key-of-30-kilobytes", UNKNOWN_KEY, key="k" * 30_000),
    auth("wrong-secret", SIGNATURE, secret="another"),
    auth("anothers-key", SIGNATURE, key="good-key"),
    auth("no-signature", MISSING, signature=""),
    auth("signature-short", SIGNATURE, signature="abc"),
    auth("signature-in-capitals", SIGNATURE, signature="A" * 64),
    auth("signature-not-ascii", SIGNATURE, signature="%F0%9F%98%80"),
    auth("signature-of-30-kilobytes", SIGNATURE, signature="a" * 30_000),
    auth("signature-twice", SIGNATURE, signature="00&signature=11"),
    auth("no-timestamp", MISSING, stamped=False),
    auth("stamp-of-words", ILLEGAL, **stamped("yesterday")),
    auth("stamp-nan", ILLEGAL, **stamped("NaN")),
    auth("stamp-negative", ILLEGAL, **stamped("-1")),
    auth("stamp-fraction", ILLEGAL, **stamped("1800000000000.5")),
    auth("stamp-of-5000-digits", ILLEGAL, **stamped("9" * 5000)),
    auth("stamp-wide-digits", ILLEGAL, **stamped(quote("１８"))),
    auth("stamp-in-seconds", TIME, **stamped("1800000000")),
    auth("stamp-far-ahead", TIME, **stamped("9" * 13)),
    auth("window-too-wide", WINDOW, query_of(ORDER | {"recvWindow": "60001"})),
    auth("window-of-words", ILLEGAL, query_of(ORDER | {"recvWindow": "long"})),
    auth("window-negative", ILLEGAL, query_of(ORDER | {"recvWindow": "-1"})),
    auth("window-of-5000-digits", ILLEGAL, query_of(ORDER | {"recvWindow": "9" * 5000})),
    auth("window-empty", ILLEGAL, query_of(ORDER | {"recvWindow": ""})),
    auth("content-type-xml", CONTENT, headers={"Content-Type": "text/xml"}),
    auth("content-type-nonsense", CONTENT, headers={"Content-Type": ";;;"}),
    call("auth-unknown-path", NOT_FOUND, "POST nowhere"),
    call("auth-wrong-method", NOT_FOUND, "PATCH order"),
]
ORDERS = [
    order("no-symbol", MISSING, symbol=None),
    order("symbol-empty", MISSING, symbol=""),
    order("symbol-unknown", BAD_SYMBOL, symbol="NOPEUSDT"),
    order("symbol-lower", BAD_SYMBOL, symbol="btcusdt"),
    order("symbol-of-gate", BAD_SYMBOL, symbol="BTC_USDT"),
    order("symbol-not-ascii", BAD_SYMBOL, symbol="比特币"),
    order("symbol-nul", BAD_SYMBOL, symbol="\0"),
    order("symbol-of-20-kilobytes", BAD_SYMBOL, symbol="B" * 20_000),
    order("no-side", MISSING, side=None),
    order("side-lower", ILLEGAL, side="buy"),
    order("side-unknown", ILLEGAL, side="HOLD"),
    order("no-type", MISSING, type=None),
    order("type-unknown", ORDER_TYPE, type="STOP_LOSS"),
    order("type-of-the-docs-example", ORDER_TYPE, type="LIMIT_ORDER"),
    order("no-quantity", MISSING, quantity=None),
    order("quantity-nan", ILLEGAL, quantity="NaN"),
    order("quantity-infinite", ILLEGAL, quantity="Infinity"),
    order("quantity-negative", ILLEGAL, quantity="-0.001"),
    order("quantity-plus", ILLEGAL, quantity="+0.001"),
    order("quantity-exponent", ILLEGAL, quantity="1e-3"),
    order("quantity-overflows", ILLEGAL, quantity="1e999999"),
    order("quantity-words", ILLEGAL, quantity="much"),
    order("quantity-hex", ILLEGAL, quantity="0x1"),
    order("quantity-wide-digits", ILLEGAL, quantity="１"),
    order("quantity-two-points", ILLEGAL, quantity="0.0.1"),
    order("quantity-newline", ILLEGAL, quantity="0.001\n"),
    order("quantity-of-5000-digits", ILLEGAL, quantity="9" * 5000),
    order("quantity-zero", NOT_POSITIVE, quantity="0"),
    order("quantity-zeros", NOT_POSITIVE, quantity="0.000"),
    order("quantity-too-precise", DECIMALS, quantity="0.00100001"),
    order("no-price", MISSING, price=None),
    order("price-nan", ILLEGAL, price="nan"),
    order("price-negative", ILLEGAL, price="-59000"),
    order("price-zero", NOT_POSITIVE, price="0"),
    order("price-exponent", ILLEGAL, price="5.9e4"),
    order("price-too-precise", PARAMETER, price="59900.001"),
    order("price-outside-the-band", BAND, price="90000"),
    order("value-too-small", TOO_SMALL, quantity="0.000001"),
    order("value-too-large", TOO_LARGE, quantity="900"),
    order("more-than-there-is", INSUFFICIENT, quantity="1"),
    order("sell-more-than-there-is", OVERSOLD, side="SELL", quantity="5", price="61000"),
    order("market-with-both-amounts", MISSING, type="MARKET", quoteOrderQty="10"),
    order("market-with-neither", MISSING, type="MARKET", quantity=None, price=None),
    order("market-quote-nan", ILLEGAL, type="MARKET", quantity=None, price=None, quoteOrderQty="NaN"),
    order("client-id-too-long", ILLEGAL, newClientOrderId="a" * 33),
    order("client-id-blank", ILLEGAL, newClientOrderId="a b"),
    order("client-id-not-ascii", ILLEGAL, newClientOrderId="é"),
    order("client-id-newline", ILLEGAL, newClientOrderId="a\n"),
    order("client-id-markup", ILLEGAL, newClientOrderId="<script>"),
]
CALLS = [
    call("cancel-unknown", CANCEL_UNKNOWN, "DELETE order?symbol=BTCUSDT&orderId=C02__1"),
    call("cancel-no-id", MISSING, "DELETE order?symbol=BTCUSDT"),
    call("cancel-no-symbol", MISSING, "DELETE order?orderId=C02__1"),
    call("cancel-id-not-ascii", CANCEL_UNKNOWN, "DELETE order?symbol=BTCUSDT&orderId=%FF%FE"),
    call("cancel-six-symbols", PARAMETER, "DELETE openOrders?symbol=" + "%2C".join(["BTCUSDT"] * 6)),
    call("cancel-open-no-symbol", MISSING, "DELETE openOrders"),
    call("query-unknown", NO_ORDER, "GET order?symbol=BTCUSDT&orderId=9"),
    call("query-client-id-bad", ILLEGAL, "GET order?symbol=BTCUSDT&origClientOrderId=a%20b"),
    call("query-id-of-20-kilobytes", NO_ORDER, f"GET order?symbol=BTCUSDT&orderId={'9' * 20_000}"),
    call("all-orders-too-old", PARAMETER, "GET allOrders?symbol=BTCUSDT&startTime=1"),
    call("all-orders-time-of-words", ILLEGAL, "GET allOrders?symbol=BTCUSDT&startTime=now"),
    call("all-orders-limit-negative", ILLEGAL, "GET allOrders?symbol=BTCUSDT&limit=-1"),
    call("trades-too-old", PARAMETER, "GET myTrades?symbol=BTCUSDT&startTime=1"),
    call("trades-limit-of-5000-digits", ILLEGAL, f"GET myTrades?symbol=BTCUSDT&limit={'9' * 5000}"),
    call("batch-no-list", MISSING, "POST batchOrders"),
    call("batch-bad-json", PARAMETER, "POST batchOrders?batchOrders=%5B%7B"),
    call("batch-object", PARAMETER, "POST batchOrders?batchOrders=%7B%7D"),
    call("batch-empty", PARAMETER, "POST batchOrders?batchOrders=%5B%5D"),
    call("batch-of-numbers", PARAMETER, "POST batchOrders?batchOrders=%5B1%5D"),
    call("batch-bad-utf8", PARAMETER, "POST batchOrders?batchOrders=%5B%22%FF%22%5D"),
    call("batch-deep", PARAMETER, "POST batchOrders?batchOrders=" + "%5B" * 10_000),
    call("batch-of-21", PARAMETER, "POST batchOrders?batchOrders=" + quote("[" + ",".join(["{}"] * 21) + "]")),
    call("batch-of-two-symbols", PARAMETER, "POST batchOrders?batchOrders=" + quote('[{"symbol":"A"},{"symbol":"B"}]')),
    call("listen-key-missing", KEY_PARAMETER, "PUT userDataStream"),
    call("listen-key-unknown", KEY_INFO, "PUT userDataStream?listenKey=abc"),
    call("listen-key-delete-unknown", KEY_INFO, "DELETE userDataStream?listenKey=%00"),
    call("mx-deduct-word", PARAMETER, "POST mxDeduct/enable?mxDeductEnable=perhaps"),
    call("depth-no-symbol", MISSING, "GET depth"),
    call("depth-unknown", SYMBOL, "GET depth?symbol=NOPE"),
    call("depth-limit-words", ILLEGAL, "GET depth?symbol=BTCUSDT&limit=ten"),
    call("depth-limit-zero", PARAMETER, "GET depth?symbol=BTCUSDT&limit=0"),
    call("agg-trades-too-wide", -1127, "GET aggTrades?symbol=BTCUSDT&startTime=1&endTime=99999999999"),
    call("agg-trades-one-time", -1128, "GET aggTrades?symbol=BTCUSDT&startTime=5"),
    call("ticker-of-nobody", SYMBOL, "GET ticker/24hr?symbol=%F0%9F%98%80"),
    call("info-of-nobody", SYMBOL, "GET exchangeInfo?symbols=BTCUSDT,NOPE"),
]
CASES = [*AUTH, *ORDERS, *CALLS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_mexc_refuses(case: Case, autojump_clock: Any, arena: Any) -> None:
    """The code is the documented one, under a status that is one of a refusal."""
    answer = await arena.ask(MEXC_HOST, arena.mexc(**case.arguments))
    assert answer is not None
    assert answer.value["code"] == case.code, answer.value
    assert answer.status == (404 if case.code == NOT_FOUND else 400) or (case in AUTH and answer.status == 401)


BODIES = [b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000, b"null", b"&&&===&", b"=" * 100_000, b"%zz%%%", b"symbol=\xff"]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_bodies_that_are_no_form_hold_no_parameters(body: bytes, autojump_clock: Any, arena: Any) -> None:
    """The body is signed as raw bytes after the query, and read as a form; what is none gives no symbol."""
    answer = await arena.ask(MEXC_HOST, arena.mexc("POST", "order", "side=BUY", body))
    assert answer is not None
    assert answer.status == 400
    assert answer.value["code"] in (MISSING, BAD_SYMBOL)
