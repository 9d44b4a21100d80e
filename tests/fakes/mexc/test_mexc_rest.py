"""Public data, account and listen key endpoints of the MEXC fake: keys, order and types of each reply."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dnbot.fakes.records import MEXC_SPOT
from dnbot.fakes.web import HttpRequest

SYMBOL_KEYS = (
    "symbol status baseAsset baseAssetPrecision quoteAsset quotePrecision quoteAssetPrecision baseCommissionPrecision"
    " quoteCommissionPrecision orderTypes isSpotTradingAllowed isMarginTradingAllowed quoteAmountPrecision"
    " baseSizePrecision permissions filters maxQuoteAmount makerCommission takerCommission quoteAmountPrecisionMarket"
    " maxQuoteAmountMarket fullName tradeSideType contractAddress st conceptPlateIds"
).split()
DAY_KEYS = (
    "symbol priceChange priceChangePercent prevClosePrice lastPrice bidPrice bidQty askPrice askQty openPrice highPrice"
    " lowPrice volume quoteVolume openTime closeTime count"
).split()


def trade_once(fake: Any) -> None:
    """One outside trade at 60001."""
    fake.exchange.external_take(MEXC_SPOT, "BTC/USDT", "buy", Decimal("0.1"))
    fake.exchange.commit()


def test_time_and_ping(fake: Any) -> None:
    """ping is an empty object, time one number."""
    assert fake.send("GET", "ping").body == b"{}"
    assert fake.send("GET", "time").body == b'{"serverTime":1800000000000}'


def test_venue_clock_is_skewed(fake: Any) -> None:
    """The venue answers and judges by its own clock."""
    fake.exchange.clock.skew_ns[MEXC_SPOT] = 900_000_000
    assert fake.public("time")["serverTime"] == 1_800_000_000_900


def test_exchange_info(fake: Any) -> None:
    """One entry per symbol with the recorded keys; precisions are numbers, minima strings."""
    info = fake.public("exchangeInfo")
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert [entry["symbol"] for entry in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    entry = fake.public("exchangeInfo", "symbol=BTCUSDT")["symbols"][0]
    assert list(entry) == SYMBOL_KEYS
    assert (entry["status"], entry["baseAssetPrecision"], entry["quotePrecision"]) == ("1", 6, 2)
    assert (entry["baseSizePrecision"], entry["quoteAmountPrecision"]) == ("0.000001", "1")
    assert (entry["makerCommission"], entry["takerCommission"], entry["tradeSideType"]) == ("0", "0.0005", 1)
    assert len(fake.public("exchangeInfo", "symbols=BTCUSDT,ETHUSDT")["symbols"]) == 2
    assert fake.public("exchangeInfo", "symbol=NOPE")["code"] == -1121


def test_depth(fake: Any) -> None:
    """Padded strings, bids descending, asks ascending, a numeric update id and timestamp."""
    depth = fake.public("depth", "symbol=BTCUSDT&limit=2")
    assert list(depth) == ["lastUpdateId", "bids", "asks", "timestamp"]
    assert depth["bids"] == [["59999.00", "0.50000000"], ["59998.00", "0.50000000"]]
    assert depth["asks"] == [["60001.00", "0.50000000"], ["60002.00", "0.50000000"]]
    assert (type(depth["lastUpdateId"]), type(depth["timestamp"])) == (int, int)
    assert fake.public("depth", "symbol=NOPE")["code"] == -1121


def test_public_trades_and_candles(fake: Any) -> None:
    """trades, aggTrades, klines and avgPrice show the tape in their own forms."""
    fake.now_s[0] = 61.25
    trade_once(fake)
    trade = fake.public("trades", "symbol=BTCUSDT")[0]
    assert trade == {
        "id": None,
        "price": "60001",
        "qty": "0.1",
        "quoteQty": "6000.1",
        "time": 1_800_000_061_250,
        "isBuyerMaker": False,
        "isBestMatch": True,
        "tradeType": "BID",
    }
    assert fake.public("aggTrades", "symbol=BTCUSDT")[0]["T"] == 1_800_000_061_000
    row = fake.public("klines", "symbol=BTCUSDT&interval=1m")[0]
    assert row == [1800000060000, *["60001.00"] * 4, "0.1", 1800000120000, "6000.1"]
    assert fake.public("avgPrice", "symbol=BTCUSDT") == {"mins": 5, "price": "60001.00"}
    assert fake.public("klines", "symbol=BTCUSDT&interval=2m")["code"] == -1120


def test_aggregate_trades_window(fake: Any) -> None:
    """More than an hour is refused with msg first."""
    reply = fake.send("GET", "aggTrades", "symbol=BTCUSDT&startTime=1&endTime=3600002")
    assert (reply.status, reply.body) == (
        400,
        b'{"msg":"More than 1 hours between startTime and endTime.","code":-1127}',
    )


def test_tickers(fake: Any) -> None:
    """An object with a symbol, an array without; the change is a fraction."""
    trade_once(fake)
    fake.quote("sell", "59998.5", "0.1", "x")  # trades against the best bid
    day = fake.public("ticker/24hr", "symbol=BTCUSDT")
    assert list(day) == DAY_KEYS
    assert (day["lastPrice"], day["priceChange"], day["priceChangePercent"]) == ("59999.00", "-2", "0")
    assert fake.public("ticker/price", "symbol=BTCUSDT") == {"symbol": "BTCUSDT", "price": "59999.00"}
    assert fake.public("ticker/price", "symbol=MXUSDT") == {"symbol": "MXUSDT", "price": "2"}
    top = fake.public("ticker/bookTicker")
    assert top[0]["bidPrice"] == "59999.00"
    assert top[1] == {"symbol": "ETHUSDT", "bidPrice": None, "bidQty": None, "askPrice": None, "askQty": None}


def test_account(fake: Any) -> None:
    """Free and locked as strings, null commissions, nothing without a balance."""
    fake.order()
    account = fake.call("GET", "account")
    assert list(account)[:4] == ["makerCommission", "takerCommission", "buyerCommission", "sellerCommission"]
    assert account["balances"] == [
        {"asset": "USDT", "free": "199409.705", "locked": "590.295"},
        {"asset": "BTC", "free": "1", "locked": "0"},
    ]


def test_trade_fee_prints_numbers(fake: Any) -> None:
    """Rates are JSON numbers with eighteen decimals."""
    body = fake.signed("GET", "tradeFee", "symbol=BTCUSDT").body
    assert body.startswith(
        b'{"data":{"makerCommission":0.000000000000000000,"takerCommission":0.000500000000000000},"code":0,'
    )


def test_small_account_endpoints(fake: Any) -> None:
    """selfSymbols, kyc, uid, capital config and the MX switch answer their documented shapes."""
    assert fake.call("GET", "selfSymbols")["data"] == ["BTCUSDT", "ETHUSDT"]
    assert fake.call("GET", "kyc/status") == {"status": "3"}
    assert fake.call("GET", "uid") == {"uid": "10001"}
    assert fake.call("GET", "capital/config/getall")[0]["coin"] == "BTC"
    assert fake.call("GET", "mxDeduct/enable")["data"] == {"mxDeductEnable": False}
    assert fake.call("POST", "mxDeduct/enable", "mxDeductEnable=true")["data"] == {"mxDeductEnable": True}


def test_listen_key_endpoints(fake: Any) -> None:
    """POST, GET, PUT and DELETE of userDataStream, and the string error code of an unknown key."""
    key = fake.call("POST", "userDataStream")["listenKey"]
    assert fake.call("GET", "userDataStream") == {"total": 60, "listenKey": [key], "available": 59}
    assert fake.call("PUT", "userDataStream", f"listenKey={key}") == {"listenKey": key}
    assert fake.call("DELETE", "userDataStream", f"listenKey={key}") == {"listenKey": key}
    gone = fake.signed("PUT", "userDataStream", f"listenKey={key}")
    assert (gone.status, gone.body) == (400, b'{"code":"730708","msg":"listen key information error"}')


@pytest.mark.parametrize(
    ("key", "secret", "code"), [("", "secret-1", 400), ("nobody", "secret-1", 10072), ("key-1", "wrong", 700002)]
)
def test_authentication(fake: Any, key: str, secret: str, code: int) -> None:
    """A missing key, an unknown key and a wrong signature are refused with HTTP 400."""
    reply = fake.signed("GET", "account", key=key, secret=secret)
    assert reply.status == 400
    assert reply.body.startswith(b'{"code":%d,' % code)


def test_missing_permission(fake: Any) -> None:
    """A key without the trade permission may read and not trade."""
    fake.app.settings.permissions["trade"] = False
    assert fake.order()["code"] == 700007
    assert "balances" in fake.call("GET", "account")


def test_unknown_path(fake: Any) -> None:
    """A path or verb that does not exist is 404."""
    assert fake.send("GET", "nothing").status == 404
    assert fake.send("POST", "depth").status == 404


async def test_app_protocol(fake: Any) -> None:
    """The app speaks the server's request and response types and serves one stream path."""
    request = HttpRequest("GET", "/api/v3/time", "", ())
    response = await fake.app.handle_http(request)
    assert (response.status, response.body) == (200, b'{"serverTime":1800000000000}')
    assert dict(response.headers)["content-type"].startswith("application/json")
    assert fake.app.serves_websocket("/ws")
    assert not fake.app.serves_websocket("/")
