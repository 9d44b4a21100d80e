"""The REST life of orders on the MEXC fake."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from dnbot.fakes.mexc_faults import HttpFault
from dnbot.fakes.records import MEXC_SPOT

ORDER_KEYS = (
    "symbol orderId orderListId clientOrderId price origQty executedQty cummulativeQuoteQty status stpMode timeInForce"
    " type side stopPrice icebergQty time updateTime isWorking origQuoteOrderQty"
).split()
CREATED_KEYS = "symbol orderId orderListId price origQty type side transactTime".split()
CANCELLED_KEYS = "symbol orderId price origQty type side executedQty cummulativeQuoteQty status".split()
TRADE_KEYS = (
    "symbol id orderId orderListId price qty quoteQty commission commissionAsset time isBuyer isMaker isBestMatch"
    " isSelfTrade clientOrderId"
).split()


def test_create_reply(fake: Any) -> None:
    """The reply has eight keys, no status; the id is a snowflake of transactTime."""
    reply = fake.order(newClientOrderId="my-1")
    assert list(reply) == CREATED_KEYS
    assert (reply["orderListId"], reply["price"], reply["origQty"]) == (-1, "59000", "0.01")
    assert reply["orderId"].startswith("C02__")
    snowflake = int(reply["orderId"][5:-3])
    assert (snowflake >> 22) + 1615782235866 == reply["transactTime"]


def test_life_of_a_limit_order(fake: Any) -> None:
    """NEW with exact ms and no update time, PARTIALLY_FILLED, FILLED with both times in whole seconds."""
    fake.now_s[0] = 0.4217
    order_id = fake.order(price="59999.5", newClientOrderId="c1")["orderId"]
    state = fake.call("GET", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert list(state) == ORDER_KEYS
    assert (state["status"], state["updateTime"], state["time"] % 1000) == ("NEW", None, 421)
    assert (state["clientOrderId"], state["origQuoteOrderQty"]) == ("c1", "599.995")
    fake.exchange.external_take(MEXC_SPOT, "BTC/USDT", "sell", Decimal("0.004"))
    fake.exchange.commit()
    state = fake.call("GET", "order", "symbol=BTCUSDT&origClientOrderId=c1")
    assert (state["status"], state["executedQty"], state["updateTime"]) == ("PARTIALLY_FILLED", "0.004", None)
    fake.now_s[0] = 1.733
    fake.exchange.external_take(MEXC_SPOT, "BTC/USDT", "sell", Decimal("0.006"))
    fake.exchange.commit()
    state = fake.call("GET", "order", "symbol=BTCUSDT&origClientOrderId=c1")
    assert (state["status"], state["cummulativeQuoteQty"]) == ("FILLED", "599.995")
    assert (state["time"] % 100_000, state["updateTime"] % 100_000) == (0, 2000)
    assert fake.call("GET", "openOrders", "symbol=BTCUSDT") == []


def test_cancel_reply_shows_the_state_before(fake: Any) -> None:
    """Nine keys with the old status; afterwards -2011 and status CANCELED."""
    order_id = fake.order()["orderId"]
    reply = fake.call("DELETE", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert list(reply) == CANCELLED_KEYS
    assert (reply["status"], reply["executedQty"]) == ("NEW", "0")
    again = fake.signed("DELETE", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert (again.status, again.body) == (400, b'{"code":-2011,"msg":"Unknown order sent."}')
    assert fake.call("GET", "order", f"symbol=BTCUSDT&orderId={order_id}")["status"] == "CANCELED"


def test_partly_filled_then_cancelled(fake: Any) -> None:
    """The cancel shows PARTIALLY_FILLED, the final state is PARTIALLY_CANCELED with its fills."""
    order_id = fake.order(price="59999.5")["orderId"]
    fake.exchange.external_take(MEXC_SPOT, "BTC/USDT", "sell", Decimal("0.003"))
    fake.exchange.commit()
    assert fake.call("DELETE", "order", f"symbol=BTCUSDT&orderId={order_id}")["status"] == "PARTIALLY_FILLED"
    state = fake.call("GET", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert (state["status"], state["executedQty"]) == ("PARTIALLY_CANCELED", "0.003")


@pytest.mark.parametrize(
    ("kind", "quantity", "price", "status", "executed"),
    [
        ("IMMEDIATE_OR_CANCEL", "0.1", "60001", "FILLED", "0.1"),
        ("IMMEDIATE_OR_CANCEL", "0.1", "60000", "CANCELED", "0"),
        ("IMMEDIATE_OR_CANCEL", "0.2", "60001.5", "FILLED", "0.2"),
        ("FILL_OR_KILL", "0.6", "60001", "CANCELED", "0"),
        ("FILL_OR_KILL", "0.3", "60001", "FILLED", "0.3"),
        ("LIMIT_MAKER", "0.1", "60001", "CANCELED", "0"),
        ("LIMIT_MAKER", "0.1", "60000", "NEW", "0"),
    ],
)
def test_types(fake: Any, kind: str, quantity: str, price: str, status: str, executed: str) -> None:
    """Each type is accepted by POST and ends as its rules say; it comes back under its own name."""
    order_id = fake.order(type=kind, quantity=quantity, price=price)["orderId"]
    state = fake.call("GET", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert (state["type"], state["status"], state["executedQty"]) == (kind, status, executed)


def test_immediate_order_partly_filled(fake: Any) -> None:
    """What an immediate order cannot trade is cancelled: PARTIALLY_CANCELED."""
    fake.quote("sell", "60000.5", "0.05", "thin")
    order_id = fake.order(type="IMMEDIATE_OR_CANCEL", quantity="0.1", price="60000.5")["orderId"]
    state = fake.call("GET", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert (state["status"], state["executedQty"]) == ("PARTIALLY_CANCELED", "0.05")


def test_market_orders_carry_a_protection_price(fake: Any) -> None:
    """Price is 5 % through the best opposite price; a buy by quote amount shows spend divided by it as origQty."""
    bought = fake.order(type="MARKET", quantity="0.01", price="")
    assert (bought["price"], bought["origQty"], bought["type"]) == ("63001.05", "0.01", "MARKET")
    sold = fake.order(type="MARKET", side="SELL", quantity="0.01", price="")
    assert sold["price"] == "56999.05"
    spent = fake.order(type="MARKET", quantity="", quoteOrderQty="600", price="")
    assert spent["origQty"] == "0.009523"
    state = fake.call("GET", "order", f"symbol=BTCUSDT&orderId={spent['orderId']}")
    assert state["status"] == "FILLED"
    assert 599 < Decimal(state["cummulativeQuoteQty"]) <= 600


def test_market_order_stops_at_its_protection(fake: Any) -> None:
    """A market order leaves alone what is beyond 5 % and ends PARTIALLY_CANCELED."""
    for number in range(3):
        fake.exchange.external_cancel(MEXC_SPOT, "BTC/USDT", f"b{number}")
    fake.quote("buy", "59000", "0.01", "near")
    fake.quote("buy", "50000", "1", "far")
    order_id = fake.order(type="MARKET", side="SELL", quantity="0.02", price="")["orderId"]
    state = fake.call("GET", "order", f"symbol=BTCUSDT&orderId={order_id}")
    assert (state["status"], state["executedQty"]) == ("PARTIALLY_CANCELED", "0.01")


def test_trades(fake: Any) -> None:
    """myTrades carries the documented keys and types, the fee in quote, ids of the order's snowflake."""
    fake.now_s[0] = 0.6
    order_id = fake.order(type="IMMEDIATE_OR_CANCEL", quantity="0.7", price="60002", side="BUY")["orderId"]
    other_id = fake.order(type="MARKET", side="SELL", quantity="0.1", price="", newClientOrderId="s")["orderId"]
    rows = fake.call("GET", "myTrades", f"symbol=BTCUSDT&orderId={order_id}")
    assert list(rows[0]) == TRADE_KEYS
    assert [(row["price"], row["qty"], row["commission"]) for row in rows] == [
        ("60002", "0.2", "6.0002"),
        ("60001", "0.5", "15.00025"),
    ]
    assert [row["id"] for row in rows] == [f"{order_id[5:-3]}X2", f"{order_id[5:-3]}X1"]
    newest = fake.call("GET", "myTrades", "symbol=BTCUSDT&limit=1")[0]
    assert (newest["orderId"], newest["clientOrderId"], newest["isBuyer"]) == (other_id, "s", False)
    assert (newest["commissionAsset"], newest["isMaker"], newest["time"] % 1000) == ("USDT", False, 0)
    assert rows[0]["clientOrderId"] is None


def refused(fake: Any, **fields: str) -> tuple[int, Any]:
    """Status and code of a refused create."""
    fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "59000"} | fields
    text = "&".join(f"{name}={value}" for name, value in fields.items() if value)
    reply = fake.signed("POST", "order", text)
    return reply.status, msgspec.json.decode(reply.body)["code"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "NOPEUSDT"}, 10007),
        ({"side": "LONG"}, 700008),
        ({"side": ""}, 700004),
        ({"type": "STOP_LIMIT"}, 30041),
        ({"quantity": ""}, 700004),
        ({"price": ""}, 700004),
        ({"quantity": "1e-2"}, 700008),
        ({"price": "5.9E4"}, 700008),
        ({"quantity": "-1"}, 700008),
        ({"quantity": "0"}, 10102),
        ({"quantity": "0.0000001"}, 10096),
        ({"price": "59000.001"}, 33333),
        ({"quantity": "0.000001"}, 30002),
        ({"quantity": "4"}, 30004),
        ({"side": "SELL", "quantity": "1.1", "price": "61000"}, 30005),
        ({"price": "63500"}, 30087),
        ({"side": "SELL", "price": "56000"}, 30087),
        ({"newClientOrderId": "x" * 33}, 700008),
        ({"newClientOrderId": "a.b"}, 700008),
        ({"type": "MARKET", "quoteOrderQty": "100"}, 700004),
        ({"quantity": "50"}, 30003),
        ({"type": "MARKET", "price": "", "quantity": "2"}, 30003),
    ],
)
def test_refusals(fake: Any, fields: dict[str, str], code: int) -> None:
    """Each impossible order is refused with its code at HTTP 400 and leaves no order behind."""
    assert refused(fake, **fields) == (400, code)
    assert fake.exchange.orders(MEXC_SPOT, "10001") == []


def test_venue_switches(fake: Any) -> None:
    """Closed symbols, one-way trading and disabled market orders are refused with their codes."""
    settings = fake.app.settings
    settings.trade_side["BTCUSDT"] = 3
    assert refused(fake) == (400, 30001)
    settings.trade_side["BTCUSDT"] = 1
    settings.market_orders_allowed = False
    assert refused(fake, type="MARKET", price="") == (400, 30019)
    settings.closed_to_api["BTCUSDT"] = True
    assert refused(fake) == (400, 10007)
    assert fake.public("exchangeInfo", "symbol=BTCUSDT")["symbols"][0]["isSpotTradingAllowed"] is False
    assert fake.public("defaultSymbols")["data"] == ["ETHUSDT"]


def test_test_order_validates_and_places_nothing(fake: Any) -> None:
    """order/test answers an empty object or the refusal."""
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity={}&price=59000"
    assert fake.call("POST", "order/test", text.format("0.01")) == {}
    assert fake.call("POST", "order/test", text.format("4"))["code"] == 30004
    assert fake.exchange.orders(MEXC_SPOT, "10001") == []


def test_batch(fake: Any) -> None:
    """Good items carry ids, bad ones msg and code, all at HTTP 200."""
    items = (
        '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.01","price":"59000","newClientOrderId":"g"},'
        '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"4","price":"59000","newClientOrderId":"b"}]'
    )
    good, bad = fake.call("POST", "batchOrders", f"batchOrders={quote(items)}")
    assert list(good) == ["symbol", "orderId", "newClientOrderId", "orderListId"]
    assert bad == {"newClientOrderId": "b", "msg": "Insufficient position", "code": 30004}


def test_cancel_open_orders_newest_first(fake: Any) -> None:
    """openOrders DELETE answers the old states, newest first; order/all DELETE a plain success."""
    ids = [fake.order(price=price)["orderId"] for price in ("59000", "58000")]
    rows = fake.call("DELETE", "openOrders", "symbol=BTCUSDT,ETHUSDT")
    assert [row["orderId"] for row in rows] == ids[::-1]
    assert all(list(row) == CANCELLED_KEYS and row["status"] == "NEW" for row in rows)
    fake.order()
    assert list(fake.call("DELETE", "order/all")) == ["code", "msg", "timestamp"]
    assert fake.call("GET", "openOrders") == []
    statuses = [row["status"] for row in fake.call("GET", "allOrders", "symbol=BTCUSDT")]
    assert statuses == ["CANCELED"] * 3


def test_queries_that_find_nothing(fake: Any) -> None:
    """An unknown order is -2013 with msg first; no id at all is 700004; another account's order is unknown."""
    reply = fake.signed("GET", "order", "symbol=BTCUSDT&orderId=C02__1")
    assert (reply.status, reply.body) == (400, b'{"msg":"Order does not exist.","code":-2013,"_extend":null}')
    assert fake.call("GET", "order", "symbol=BTCUSDT")["code"] == 700004
    order_id = fake.order()["orderId"]
    other = fake.signed("GET", "order", f"symbol=BTCUSDT&orderId={order_id}", key="key-2", secret="secret-2")
    assert other.status == 400
    assert fake.call("GET", "order", f"symbol=ETHUSDT&orderId={order_id}")["code"] == -2013


def test_history_windows(fake: Any) -> None:
    """allOrders reaches seven days back, a day by default."""
    fake.order(newClientOrderId="old")
    fake.now_s[0] = 2 * 86_400.0
    assert fake.call("GET", "allOrders", "symbol=BTCUSDT") == []
    start_ms = fake.app.venue.now_ms - 3 * 86_400_000
    assert len(fake.call("GET", "allOrders", f"symbol=BTCUSDT&startTime={start_ms}")) == 1
    start_ms = fake.app.venue.now_ms - 8 * 86_400_000
    assert fake.signed("GET", "allOrders", f"symbol=BTCUSDT&startTime={start_ms}").status == 400


def test_fault_unseen_and_lagging(fake: Any) -> None:
    """Right after POST a query says -2013, and fills reach myTrades later."""
    fake.app.faults.order_unseen_ms, fake.app.faults.trades_lag_ms = 200, 1000
    order_id = fake.order(type="IMMEDIATE_OR_CANCEL", price="60001", quantity="0.01")["orderId"]
    query = f"symbol=BTCUSDT&orderId={order_id}"
    assert fake.call("GET", "order", query)["code"] == -2013
    fake.now_s[0] = 0.3
    assert fake.call("GET", "order", query)["status"] == "FILLED"
    assert fake.call("GET", "myTrades", query) == []
    fake.now_s[0] = 1.1
    assert len(fake.call("GET", "myTrades", query)) == 1


def test_fault_cancel_while_filling(fake: Any) -> None:
    """A cancel can be answered "Order filled." while the fill is on its way, and always is after a fill."""
    order_id = fake.order(price="59999.5")["orderId"]
    fake.app.faults.cancels_say_filled = 1
    query = f"symbol=BTCUSDT&orderId={order_id}"
    assert fake.signed("DELETE", "order", query).body == b'{"code":-2011,"msg":"Order filled."}'
    assert fake.call("GET", "order", query)["status"] == "NEW"
    fake.exchange.external_take(MEXC_SPOT, "BTC/USDT", "sell", Decimal("0.01"))
    fake.exchange.commit()
    assert fake.signed("DELETE", "order", query).body == b'{"code":-2011,"msg":"Order filled."}'


def test_fault_reply_lost_and_http_errors(fake: Any) -> None:
    """A lost reply leaves the order alive; an override answers as told, with or without effect."""
    faults = fake.app.faults
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=59000&newClientOrderId={}"
    faults.replies_lost["POST", "/api/v3/order"] = 1
    assert fake.signed("POST", "order", text.format("lost")).lost
    faults.http.append(HttpFault("POST", "/api/v3/order", 503, b"busy", handled=True))
    faults.http.append(HttpFault("POST", "/api/v3/order", 500))
    assert fake.signed("POST", "order", text.format("busy")).status == 503
    assert fake.signed("POST", "order", text.format("never")).status == 500
    assert not fake.signed("POST", "order", text.format("fine")).lost
    alive = [row["clientOrderId"] for row in fake.call("GET", "openOrders", "symbol=BTCUSDT")]
    assert alive == ["fine", "busy", "lost"]


def test_order_budget(fake: Any) -> None:
    """The thirteenth order operation of a second is 429 with Retry-After."""
    replies = [fake.signed("DELETE", "order", "symbol=BTCUSDT&orderId=x") for _ in range(13)]
    assert [reply.status for reply in replies] == [400] * 12 + [429]
    assert replies[-1].headers == (("retry-after", "1"),)
