"""pymexc (threads): REST over curl, streams over websocket-client, frames decoded by MEXC's own protobuf classes."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pymexc.base_websocket
import pytest
from fakes_server import Fakes
from pymexc import spot
from pymexc.base import MexcAPIError

D = Decimal
SYMBOL = "BTCUSDT"
WAIT_S = 60


@pytest.fixture
def http(fakes: Fakes) -> Iterator[spot.HTTP]:
    """The trader's client, without open orders afterwards."""
    client = client_of(fakes, fakes.key, fakes.secret)
    yield client
    client.cancel_all_open_orders(SYMBOL)


def client_of(fakes: Fakes, key: str | None, secret: str | None) -> spot.HTTP:
    """An unmodified client that is told where the venue is and whom to trust."""
    client = spot.HTTP(api_key=key, api_secret=secret)
    client.base_url = fakes.mexc_rest
    client.session.verify = fakes.ca_file
    return client


@pytest.fixture
def streams(fakes: Fakes, http: spot.HTTP, monkeypatch: pytest.MonkeyPatch) -> Iterator[spot.WebSocket]:
    """A socket with a listen key of the trader."""
    monkeypatch.setattr(pymexc.base_websocket, "SPOT", fakes.mexc_ws)  # by it the client tells spot from futures
    client = spot.WebSocket(listenKey=http.create_listen_key()["listenKey"], restart_on_error=False)
    client.endpoint = f"{fakes.mexc_ws}?listenKey={client.listenKey}"
    yield client
    client.exit()


def passive(http: spot.HTTP) -> str:
    """A price to buy at that nobody will sell at soon."""
    return str((D(http.ticker_book_price(SYMBOL)["bidPrice"]) * D("0.9")).quantize(D("0.01")))


def held(http: spot.HTTP) -> dict[str, Decimal]:
    """Total of every coin."""
    rows = http.account_information()["balances"]
    return {row["asset"]: D(row["free"]) + D(row["locked"]) for row in rows}


def refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """What the refusal that a call must meet says."""
    with pytest.raises(MexcAPIError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# -- public


def test_ping_and_time(http: spot.HTTP) -> None:
    """The empty object, and milliseconds of this very second."""
    assert http.ping() == {}
    assert abs(http.time()["serverTime"] - time.time() * 1000) < 5000


def test_exchange_info(http: spot.HTTP) -> None:
    """Numbers are numbers and strings are strings, as recorded."""
    [row] = http.exchange_info(symbol=SYMBOL)["symbols"]
    kinds = {
        "status": str, "baseAssetPrecision": int, "quotePrecision": int, "baseSizePrecision": str,
        "quoteAmountPrecision": str, "maxQuoteAmount": str, "makerCommission": str, "takerCommission": str,
        "isSpotTradingAllowed": bool, "tradeSideType": int, "orderTypes": list, "permissions": list, "filters": list,
        "st": bool, "contractAddress": str,
    }  # fmt: skip
    assert {name: type(row[name]) for name in kinds} == kinds


def test_default_symbols(http: spot.HTTP) -> None:
    """The symbol is open to API orders."""
    assert SYMBOL in http.default_symbols()["data"]
    assert SYMBOL in http.get_default_symbols()["data"]


def test_depth(http: spot.HTTP) -> None:
    """String pairs, sorted, not crossed, with a number as version."""
    book = http.order_book(SYMBOL, limit=10)
    assert isinstance(book["lastUpdateId"], int)
    assert all(D(a) > D(b) for (a, _), (b, _) in pairwise(book["bids"]))
    assert all(D(a) < D(b) for (a, _), (b, _) in pairwise(book["asks"]))
    assert D(book["bids"][0][0]) < D(book["asks"][0][0])


@pytest.mark.parametrize("name", ["trades", "agg_trades", "klines", "avg_price", "ticker_24h", "ticker_price"])
def test_public_lists(http: spot.HTTP, name: str) -> None:
    """Each of the public calls answers, once there was a trade."""
    http.order(SYMBOL, "BUY", "MARKET", quantity="0.0005")
    arguments = {"interval": "1m"} if name == "klines" else {}
    assert getattr(http, name)(symbol=SYMBOL, **arguments)


def test_an_unknown_symbol(http: spot.HTTP) -> None:
    """-1121."""
    assert "-1121" in refusal(http.depth, "NOPAIR")


# -- signing


@pytest.mark.parametrize(
    ("key", "secret", "code"), [("wrong", None, "10072"), (None, "wrong", "700002"), ("wrong", "wrong", "10072")]
)
def test_wrong_key_or_secret(fakes: Fakes, key: str | None, secret: str | None, code: str) -> None:
    """The key is judged first, then the signature."""
    client = client_of(fakes, key or fakes.key, secret or fakes.secret)
    assert code in refusal(client.account_information)


@pytest.mark.parametrize(("off_s", "passes"), [(-6, False), (-4, True), (2, False)])
def test_the_clock(http: spot.HTTP, monkeypatch: pytest.MonkeyPatch, off_s: float, passes: bool) -> None:
    """With this client's recvWindow of 5 s: 700003 beyond it or more than a second ahead."""
    now = time.time
    monkeypatch.setattr(pymexc.base.time, "time", lambda: now() + off_s)
    if passes:
        assert http.account_information()["canTrade"]
    else:
        assert "700003" in refusal(http.account_information)


def test_values_are_signed_as_they_were_sent(http: spot.HTTP) -> None:
    """Percent-encoded text, brackets and quotes of a batch included, is what the signature covers."""
    item = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": passive(http)}
    [good] = batch(http, [{**item, "newClientOrderId": "sig-1"}])
    assert good["newClientOrderId"] == "sig-1"


def batch(http: spot.HTTP, items: list[dict[str, str]]) -> Any:
    """Several orders. The client's own wrapper sends Python's form of a list, and signs blanks otherwise than curl."""
    text = json.dumps(items, separators=(",", ":"))
    return http.call("POST", "api/v3/batchOrders", params={"batchOrders": text})


# -- orders and money


@pytest.mark.parametrize("kind", ["LIMIT", "LIMIT_MAKER"])
def test_a_resting_order(http: spot.HTTP, kind: str) -> None:
    """The create names no status; it is NEW, listed, and cancelled with the status before."""
    before = http.account_information()["balances"]
    sent = http.order(SYMBOL, "BUY", kind, quantity="0.001", price=passive(http), new_client_order_id=f"r-{kind}")
    assert list(sent) == ["symbol", "orderId", "orderListId", "price", "origQty", "type", "side", "transactTime"]
    assert http.query_order(SYMBOL, order_id=sent["orderId"])["status"] == "NEW"
    assert [row["orderId"] for row in http.current_open_orders(SYMBOL)] == [sent["orderId"]]
    gone = http.cancel_order(SYMBOL, orig_client_order_id=f"r-{kind}")
    assert (gone["orderId"], gone["status"]) == (sent["orderId"], "NEW")
    assert http.query_order(SYMBOL, orig_client_order_id=f"r-{kind}")["status"] == "CANCELED"
    assert http.account_information()["balances"] == before


@pytest.mark.parametrize(
    ("side", "fields"),
    [("BUY", {"quote_order_qty": "40"}), ("BUY", {"quantity": "0.0005"}), ("SELL", {"quantity": "0.0005"})],
)
def test_market_orders_reconcile(http: spot.HTTP, side: str, fields: dict[str, str]) -> None:
    """Fills and fees explain the balances to the last digit."""
    before = held(http)
    sent = http.order(SYMBOL, side, "MARKET", **fields)
    order = http.query_order(SYMBOL, order_id=sent["orderId"])
    assert order["status"] == "FILLED"
    for fill in http.account_trade_list(SYMBOL, order_id=sent["orderId"]):
        sign = 1 if fill["isBuyer"] else -1
        before["BTC"] = before.get("BTC", D(0)) + sign * D(fill["qty"])
        before["USDT"] -= sign * D(fill["quoteQty"])
        before[fill["commissionAsset"]] -= D(fill["commission"])
    assert held(http) == before


def test_ioc_and_fok(http: spot.HTTP) -> None:
    """Types of their own: too much at the ask ends short, all or nothing ends with nothing."""
    ask = http.ticker_book_price(SYMBOL)["askPrice"]
    ioc = http.order(SYMBOL, "BUY", "IMMEDIATE_OR_CANCEL", quantity="0.25", price=ask)
    assert http.query_order(SYMBOL, order_id=ioc["orderId"])["status"] in ("PARTIALLY_CANCELED", "CANCELED")
    fok = http.order(SYMBOL, "BUY", "FILL_OR_KILL", quantity="0.25", price=passive(http))
    assert http.query_order(SYMBOL, order_id=fok["orderId"])["executedQty"] == "0"


def test_refusals(http: spot.HTTP) -> None:
    """Funds, value, symbol, unknown orders."""
    price = passive(http)
    assert "30004" in refusal(http.order, SYMBOL, "BUY", "LIMIT", quantity="5", price=price)
    assert "30002" in refusal(http.order, SYMBOL, "BUY", "LIMIT", quantity="0.000001", price=price)
    assert "10007" in refusal(http.order, "NOPAIR", "BUY", "LIMIT", quantity="1", price=price)
    assert "-2013" in refusal(http.query_order, SYMBOL, order_id="C02__1")
    assert "-2011" in refusal(http.cancel_order, SYMBOL, order_id="C02__1")


def test_a_batch_answers_item_by_item(http: spot.HTTP) -> None:
    """The good order has an id, the impossible one its code, and the whole is a 200."""
    item = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "price": passive(http)}
    good, bad = batch(http, [{**item, "quantity": "0.001", "newClientOrderId": "b1"}, {**item, "quantity": "5"}])
    assert (good["symbol"], good["newClientOrderId"], good["orderListId"]) == (SYMBOL, "b1", -1)
    assert bad["code"] == 30004
    assert [row["orderId"] for row in http.cancel_all_open_orders(SYMBOL)] == [good["orderId"]]


def test_account_calls(http: spot.HTTP, fakes: Fakes) -> None:
    """uid, KYC, fees, deduction."""
    assert http.get_uid()["uid"] == fakes.uid
    assert http.get_kyc_status()["status"] in ("1", "2", "3", "4")
    assert http.query_symbol_commission(SYMBOL)["data"]["takerCommission"] == 0.0005
    assert http.query_mx_deduct_status()["data"] == {"mxDeductEnable": False}
    assert {"BTC", "USDT"} <= {row["coin"] for row in http.get_currency_info()}


# -- streams


class Inbox:
    """Frames of one channel as they come."""

    def __init__(self) -> None:
        self.frames: queue.Queue[Any] = queue.Queue()

    def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The next frame that is wanted."""
        deadline = time.monotonic() + WAIT_S
        while True:
            frame = self.frames.get(timeout=max(0.0, deadline - time.monotonic()))
            if wanted(frame):
                return frame

    def take(self, count: int) -> list[Any]:
        """The next so many frames."""
        return [self.until(lambda _: True) for _ in range(count)]


def test_public_streams(streams: spot.WebSocket) -> None:
    """Book, top of book, tickers: the frames parse into MEXC's own classes, and increments follow one another."""
    depth, ticker, batches, mini = Inbox(), Inbox(), Inbox(), Inbox()
    streams.depth_stream(depth.frames.put, SYMBOL, "10ms")
    streams.book_ticker_stream(ticker.frames.put, SYMBOL)
    streams.book_ticker_batch_stream(batches.frames.put, [SYMBOL])
    streams.mini_ticker_stream(mini.frames.put, SYMBOL, "UTC+8")
    for earlier, later in pairwise(depth.take(15)):
        assert int(later.fromVersion) == int(earlier.toVersion) + 1
        assert later.eventType == "spot@public.aggre.depth.v3.api.pb@10ms"
    for frame in ticker.take(5):
        assert D(frame.bidPrice) < D(frame.askPrice)
    assert batches.take(1)[0].items
    assert mini.take(1)[0].symbol == SYMBOL


def test_public_trades_and_candles(streams: spot.WebSocket, http: spot.HTTP) -> None:
    """A trade of ours is a deal on the stream and in the candle."""
    deals, candles = Inbox(), Inbox()
    streams.deals_stream(deals.frames.put, SYMBOL, "100ms")
    streams.kline_stream(candles.frames.put, SYMBOL, "Min1")
    http.order(SYMBOL, "BUY", "MARKET", quantity="0.0007")
    assert deals.until(lambda frame: any(deal.tradeType == 1 for deal in frame.deals))
    candle = candles.take(1)[0]
    assert (candle.interval, candle.windowEnd - candle.windowStart) == ("Min1", 60)


def test_private_streams(streams: spot.WebSocket, http: spot.HTTP) -> None:
    """Order, deal and account frames of one market buy agree with REST, to the last digit."""
    orders, deals, account = Inbox(), Inbox(), Inbox()
    streams.account_orders(orders.frames.put)
    streams.account_deals(deals.frames.put)
    streams.account_update(account.frames.put)
    time.sleep(0.3)  # this client does not tell when a subscription is acknowledged
    sent = http.order(SYMBOL, "BUY", "MARKET", quantity="0.0006", new_client_order_id="ps-1")
    done = orders.until(lambda frame: frame.id == sent["orderId"] and frame.status != 1)
    deal = deals.until(lambda frame: frame.orderId == sent["orderId"])
    coin = account.until(lambda frame: frame.vcoinName == "BTC")
    told = {fill["id"]: fill for fill in http.account_trade_list(SYMBOL, order_id=sent["orderId"])}[deal.tradeId]
    assert (done.clientId, done.status, D(done.cumulativeQuantity)) == ("ps-1", 2, D("0.0006"))
    assert (deal.price, deal.quantity, deal.amount) == (told["price"], told["qty"], told["quoteQty"])
    assert (deal.feeAmount, deal.feeCurrency) == (told["commission"], told["commissionAsset"])
    assert D(coin.balanceAmount) == held(http)["BTC"]
