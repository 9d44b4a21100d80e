"""The futures API beside MEXC spot: an exchange without contracts, for clients that load both."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from dnbot.fakes.mexc_auth import MexcRequest
from dnbot.fakes.mexc_contract import CONTRACT_PATHS

SECRET = "secret-1"
PAGE = ["pageSize", "totalCount", "totalPage", "currentPage", "resultList"]
PUBLIC = """
ping detail support_currencies depth/BTC_USDT depth_commits/BTC_USDT/5 index_price/BTC_USDT fair_price/BTC_USDT
funding_rate/BTC_USDT kline/BTC_USDT kline/index_price/BTC_USDT kline/fair_price/BTC_USDT deals/BTC_USDT ticker
risk_reverse risk_reverse/BTC_USDT risk_reverse/history funding_rate/history
""".split()
PRIVATE = """
account/assets account/asset/USDT account/transfer_record account/risk_limit account/tiered_fee_rate
position/open_positions position/list/history_positions position/funding_records position/position_mode
position/leverage order/list/open_orders order/list/open_orders/BTC_USDT order/list/history_orders
order/list/order_deals order/list/close_orders order/get/1 order/external/BTC_USDT/x order/batch_query
planorder/list/orders stoporder/list/orders stoporder/open_orders trackorder/list/orders
""".split()


def ask(fake: Any, verb: str, path: str, query: str = "", body: str = "", **headers: str) -> tuple[int, Any]:
    """Status and decoded body of one request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = fake.app.answer(MexcRequest(verb, f"/api/v1/{path}", query, body, named))
    return reply.status, msgspec.json.decode(reply.body)


def signed(fake: Any, verb: str, path: str, text: str = "", *, secret: str = SECRET, ahead_ms: int = 0) -> Any:
    """A signed request, its parameters in the query or the body as the verb wants them."""
    stamp = str(fake.app.venue.now_ms + ahead_ms)
    sign = hmac.new(secret.encode(), f"key-1{stamp}{text}".encode(), hashlib.sha256).hexdigest()
    query, body = ("", text) if verb == "POST" else (text, "")
    return ask(fake, verb, path, query, body, apikey="key-1", request_time=stamp, signature=sign)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_paths(fake: Any, path: str) -> None:
    """Lists are empty, pages are whole, and every single contract is unknown, all at HTTP 200."""
    status, body = ask(fake, "GET", f"contract/{path}")
    assert status == 200
    if "BTC_USDT" in path:
        assert body == {"success": False, "code": 1001, "message": "The contract does not exist!"}
    else:
        assert (body["success"], body["code"]) == (True, 0)
        assert path == "ping" or body["data"] == [] or list(body["data"]) == PAGE


def test_ping_tells_the_time(fake: Any) -> None:
    """ping answers the venue's clock in ms."""
    assert ask(fake, "GET", "contract/ping") == (200, {"success": True, "code": 0, "data": 1_800_000_000_000})


@pytest.mark.parametrize("path", PRIVATE)
def test_private_paths(fake: Any, path: str) -> None:
    """Each private path answers a signed request, and nobody else's."""
    status, body = signed(fake, "GET", f"private/{path}")
    assert (status, body["code"]) == (200, 2040 if path.startswith(("order/get", "order/external")) else 0)
    assert ask(fake, "GET", f"private/{path}")[0] == 401


def test_detail_of_one_contract(fake: Any) -> None:
    """A named contract does not exist, where the list of all is empty."""
    assert ask(fake, "GET", "contract/detail", "symbol=BTC_USDT")[1]["code"] == 1001


def test_signature(fake: Any) -> None:
    """The sorted query or the raw body is signed; a wrong secret, an old stamp and a lost order are told apart."""
    path = "private/order/list/history_orders"
    assert signed(fake, "GET", path, "page_num=1&page_size=20")[1]["success"]
    assert signed(fake, "GET", path, secret="wrong")[1]["code"] == 602
    assert signed(fake, "GET", path, ahead_ms=-10_001)[1]["code"] == 513
    assert signed(fake, "POST", "private/order/create", '{"symbol":"BTC_USDT"}')[1]["code"] == 1001
    assert signed(fake, "GET", "private/nothing")[0] == 404


def test_paths_are_told_apart(fake: Any) -> None:
    """No template hides another: each table entry answers with its own data."""
    for (verb, template), data in CONTRACT_PATHS.items():
        path = template.replace("{", "").replace("}", "")
        call = signed if path.startswith("private") else ask
        body = call(fake, verb, path)[1]
        assert body.get("data") == data if body["success"] else body["code"] == data.code
