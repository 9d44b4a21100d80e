"""What stands between a MEXC client and an order: gates of symbols, keys and addresses; and forms of a request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import attrs
import msgspec
import pytest

from dnbot.fakes.mexc_auth import MexcRequest, parse_parameters, signature_of
from dnbot.fakes.mexc_errors import MexcRefusal
from dnbot.fakes.mexc_limits import MexcLimits
from dnbot.fakes.records import MEXC_SPOT


def test_order_types_of_a_symbol(fake: Any) -> None:
    """A type that the symbol does not take is 30041 and missing in exchangeInfo; the others go on."""
    fake.app.settings.order_types["BTCUSDT"] = ("LIMIT", "IMMEDIATE_OR_CANCEL")
    assert fake.order(type="MARKET", price="")["code"] == 30041
    assert fake.order(type="LIMIT_MAKER")["code"] == 30041
    assert fake.order()["type"] == "LIMIT"
    assert fake.order(type="IMMEDIATE_OR_CANCEL")["type"] == "IMMEDIATE_OR_CANCEL"
    symbols = {row["symbol"]: row["orderTypes"] for row in fake.public("exchangeInfo")["symbols"]}
    assert symbols == {"BTCUSDT": ["LIMIT"], "ETHUSDT": ["LIMIT", "MARKET", "LIMIT_MAKER"]}


def test_symbol_banned_for_one_user(fake: Any) -> None:
    """70011 and missing in selfSymbols for that user; defaultSymbols and other users are untouched."""
    fake.app.settings.banned_symbols["10001"] = ("BTCUSDT",)
    assert fake.order()["code"] == 70011
    assert fake.call("GET", "selfSymbols")["data"] == ["ETHUSDT"]
    assert fake.public("defaultSymbols")["data"] == ["BTCUSDT", "ETHUSDT"]
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.0001&price=59000"
    assert fake.signed("POST", "order", text, key="key-2", secret="secret-2").status == 200


def test_bound_addresses(fake: Any) -> None:
    """After POST apiKeyInfo the key works from the bound addresses only (700006), and GET shows them."""
    assert fake.call("GET", "apiKeyInfo", "accessKey=key-1")["remainingValidity"] == 90
    made = fake.call("POST", "apiKeyInfo", "apiKey=key-1&ipWhiteList=1.1.1.1,2.2.2.2&note=n")
    assert made == {"note": "n", "apikey": "key-1", "ipWhiteList": "1.1.1.1,2.2.2.2"}
    assert fake.call("GET", "uid") == {"code": 700006, "msg": "IP non white list"}
    text = f"accessKey=key-1&timestamp={fake.app.venue.now_ms}"
    query = f"{text}&signature={signature_of('secret-1', text)}"
    request = MexcRequest("GET", "/api/v3/apiKeyInfo", query, "", {"x-mexc-apikey": "key-1"}, "2.2.2.2")
    info = msgspec.json.decode(fake.app.answer(request).body)
    keys = "note accessKey createTime permissions remainingValidity ipWhiteList status".split()
    assert list(info) == keys
    assert (info["note"], info["remainingValidity"], info["ipWhiteList"]) == ("n", -999, "1.1.1.1,2.2.2.2")
    assert info["createTime"] == "2027-01-15T08:00:00.000+00:00"
    assert info["permissions"] == "SPOT_ACCOUNT_READ,SPOT_DEAL_READ,SPOT_DEAL_WRITE"


def test_too_many_addresses(fake: Any) -> None:
    """Twenty-one addresses are refused and bind nothing."""
    many = ",".join(f"1.1.1.{n}" for n in range(21))
    assert fake.call("POST", "apiKeyInfo", f"apiKey=key-1&ipWhiteList={many}")["code"] == 33333
    assert fake.call("GET", "uid") == {"uid": "10001"}


def test_self_trade_mode_is_kept(fake: Any) -> None:
    """stpMode shows in the create reply that asked for it and in every query; a wrong one is 700008."""
    plain, mode = fake.order(), fake.order(stpMode="cancel_taker", newClientOrderId="s")
    assert "stpMode" not in plain
    assert list(mode)[-2:] == ["stpMode", "transactTime"]
    query = "symbol=BTCUSDT&origClientOrderId=s"
    assert fake.call("GET", "order", query)["stpMode"] == "cancel_taker"
    assert [row["stpMode"] for row in fake.call("GET", "openOrders")] == ["cancel_taker", ""]
    assert [row["stpMode"] for row in fake.call("GET", "allOrders", "symbol=BTCUSDT")] == ["cancel_taker", ""]
    assert fake.order(stpMode="cancel_all")["code"] == 700008
    assert fake.call("GET", "strategy/group", "tradeGroupName=g")["data"] == []


def test_replies_of_2026(fake: Any) -> None:
    """With the switch the create reply and balances carry the keys that newer documents print."""
    fake.app.settings.replies_of_2026 = True
    assert fake.order()["stpMode"] == ""
    row = fake.call("GET", "account")["balances"][0]
    assert list(row) == ["asset", "free", "locked", "available"]
    assert row["available"] == row["free"]


def test_batch_as_documented(fake: Any) -> None:
    """The documents' own example works: LIMIT_ORDER, a number as client id, no client id; every type is taken."""
    items = (
        '[{"type": "LIMIT_ORDER","price": "59000","quantity": "0.0002","symbol": "BTCUSDT","side": "BUY",'
        '"newClientOrderId": 9588234},{"type": "IMMEDIATE_OR_CANCEL","price": 60001,"quantity": 0.0003,'
        '"symbol": "BTCUSDT","side": "BUY","newClientOrderId": null}]'
    )
    first, second = fake.call("POST", "batchOrders", f"batchOrders={quote(items)}")
    assert first["newClientOrderId"] == "9588234"
    assert second["newClientOrderId"] == ""
    query = f"symbol=BTCUSDT&orderId={second['orderId']}"
    assert fake.call("GET", "order", query)["executedQty"] == "0.0003"
    assert fake.call("GET", "order", "symbol=BTCUSDT&origClientOrderId=9588234")["type"] == "LIMIT"


@pytest.mark.parametrize(
    "items",
    [
        "[]",
        "{}",
        "[1]",
        "nonsense",
        '[{"symbol":"BTCUSDT"},{"symbol":"ETHUSDT"}]',
        "[" + ",".join(['{"symbol":"BTCUSDT"}'] * 21) + "]",
        '[{"symbol":"\\ud800"}]',
    ],
)
def test_batches_that_cannot_be(fake: Any, items: str) -> None:
    """No items, too many, two symbols and nonsense are refused as a whole."""
    reply = fake.signed("POST", "batchOrders", f"batchOrders={quote(items)}")
    assert (reply.status, msgspec.json.decode(reply.body)["code"]) == (400, 33333)


def test_json_body() -> None:
    """A body may be a JSON object: its fields are parameters, the query wins, null and what is no JSON are nothing."""
    body = '{"symbol":"BTCUSDT","quantity":0.10,"price":null,"flag":true,"note":"a&b=c"}'
    assert parse_parameters("symbol=ETHUSDT&x=1", body) == {
        "symbol": "ETHUSDT",
        "x": "1",
        "quantity": "0.10",
        "flag": "true",
        "note": "a&b=c",
    }
    assert parse_parameters("x=1", '{"a":') == {"x": "1"}
    assert parse_parameters("", '{"a":"\xff"}') == {}


def test_signed_json_body(fake: Any) -> None:
    """Query and JSON body are signed as they came, joined without an ampersand."""
    body = '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.01","price":"59000"}'
    query = f"timestamp={fake.app.venue.now_ms}"
    signature = signature_of("secret-1", query + body)
    headers = {"x-mexc-apikey": "key-1", "content-type": "application/json"}
    request = MexcRequest("POST", "/api/v3/order", f"{query}&signature={signature}", body, headers)
    assert fake.app.answer(request).status == 200


def test_mx_deduct_is_of_the_account(fake: Any) -> None:
    """One account's switch leaves the other's fees alone; without MX the fee falls back to the venue's own coin."""
    state = fake.exchange.state
    fake.exchange.deposit("10001", MEXC_SPOT, "MX", Decimal(1))
    fake.call("POST", "mxDeduct/enable", "mxDeductEnable=True")
    text = "symbol=BTCUSDT&side=BUY&type=IMMEDIATE_OR_CANCEL&quantity=0.001&price=60001"
    fake.call("POST", "order", text)
    assert fake.signed("POST", "order", text, key="key-2", secret="secret-2").status == 200
    other = fake.signed("GET", "myTrades", "symbol=BTCUSDT", key="key-2", secret="secret-2")
    assert msgspec.json.decode(other.body)[0]["commissionAsset"] == "USDT"
    assert fake.call("GET", "myTrades", "symbol=BTCUSDT")[0]["commissionAsset"] == "MX"
    state.fee_policy[MEXC_SPOT] = "received"
    fake.exchange.deposit("10001", MEXC_SPOT, "MX", -state.accounts.available("10001", MEXC_SPOT, "MX"))
    fake.call("POST", "order", text)
    assert fake.call("GET", "myTrades", "symbol=BTCUSDT")[0]["commissionAsset"] == "BTC"
    assert fake.call("POST", "mxDeduct/enable", "mxDeductEnable=maybe")["code"] == 33333


def test_reused_listen_key(fake: Any) -> None:
    """With the switch POST hands back the key that is alive, and a fresh one when none is."""
    first = fake.call("POST", "userDataStream")["listenKey"]
    assert fake.call("POST", "userDataStream")["listenKey"] != first
    fake.app.settings.listen_key_reused = True
    newest = fake.call("GET", "userDataStream")["listenKey"][-1]
    assert fake.call("POST", "userDataStream")["listenKey"] == newest
    fake.now_s[0] = 3600.0
    assert fake.call("POST", "userDataStream")["listenKey"] not in (first, newest)


def test_page_of_my_trades(fake: Any) -> None:
    """At most a hundred rows whatever is asked, unless the setting allows more."""
    fake.app.venue.limits.enabled = False
    for _ in range(103):
        fake.order(type="IMMEDIATE_OR_CANCEL", quantity="0.001", price="60001")
    assert len(fake.call("GET", "myTrades", "symbol=BTCUSDT&limit=1000")) == 100
    fake.app.settings.my_trades_max = 1000
    assert len(fake.call("GET", "myTrades", "symbol=BTCUSDT&limit=1000")) == 103
    assert len(fake.call("GET", "myTrades", "symbol=BTCUSDT")) == 100


def test_suspended_symbol_is_offline(fake: Any) -> None:
    """A paused market is status 2, in symbol/offline with state 2, out of defaultSymbols, and refuses orders."""
    state = fake.exchange.state
    for key, instrument in list(state.instruments.items()):
        if instrument.name == "BTCUSDT":
            state.instruments[key] = attrs.evolve(instrument, phase="prelaunch")
    assert fake.public("symbol/offline")["data"] == [{"symbol": "BTCUSDT", "state": 2}]
    assert fake.public("defaultSymbols")["data"] == ["ETHUSDT"]
    assert fake.public("exchangeInfo", "symbol=BTCUSDT")["symbols"][0]["status"] == "2"
    assert fake.order() == {"msg": "suspended transaction for the symbol", "code": 30000}


def test_loud_addresses() -> None:
    """Only where a number is set does an address that is cut again and again get banned, and for a while only."""
    limits = MexcLimits(loud_max=1)
    limits.note_loud("ip", 0.0)
    assert not limits.banned("ip", 0.0)
    limits.note_loud("ip", 1.0)
    assert limits.banned("ip", 1.0)
    with pytest.raises(MexcRefusal) as refused:
        limits.charge("ip", {"ip": 1}, "", 2.0)
    assert refused.value.status == 418
    assert not limits.banned("ip", 121.0)
    patient = MexcLimits()
    for _ in range(10):
        patient.note_loud("ip", 0.0)
    assert not patient.banned("ip", 0.0)
