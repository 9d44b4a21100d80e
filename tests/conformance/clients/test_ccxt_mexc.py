"""ccxt (REST): MEXC as a user of the general trading library sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt
import pytest
from ccxt_client import SPOT, options, pointed
from fakes_server import Fakes

D = Decimal


@pytest.fixture
def mexc(fakes: Fakes) -> Iterator[Any]:
    """The trader's exchange with its markets loaded, without open orders afterwards."""
    exchange = pointed(ccxt.mexc(options(fakes)), fakes)
    exchange.load_markets()
    yield exchange
    exchange.cancel_all_orders(SPOT)


def passive(mexc: Any) -> float:
    """A price to buy at that nobody will sell at soon."""
    return mexc.fetch_order_book(SPOT)["bids"][0][0] * 0.9


def raw_balances(mexc: Any) -> dict[str, Decimal]:
    """Totals as the venue wrote them; ccxt's own numbers are floats."""
    rows = mexc.fetch_balance()["info"]["balances"]
    return {row["asset"]: D(row["free"]) + D(row["locked"]) for row in rows}


def test_markets(mexc: Any) -> None:
    """One spot market, active, with its steps; the futures API is there and empty."""
    market = mexc.market(SPOT)
    assert (market["id"], market["active"], market["spot"]) == ("BTCUSDT", True, True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.000001)
    assert (market["maker"], market["taker"]) == (0.0, 0.0005)


def test_time_and_status(mexc: Any) -> None:
    """Now, and well."""
    assert abs(mexc.fetch_time() - time.time() * 1000) < 5000
    assert mexc.fetch_status()["status"] == "ok"


def test_currencies(mexc: Any) -> None:
    """Both coins with a network, deposits and withdrawals open."""
    coins = mexc.fetch_currencies()
    assert {"BTC", "USDT"} <= set(coins)
    assert coins["BTC"]["networks"]


def test_order_book(mexc: Any) -> None:
    """Sorted, not crossed, with a nonce."""
    book = mexc.fetch_order_book(SPOT, 20)
    assert all(a[0] > b[0] for a, b in pairwise(book["bids"]))
    assert all(a[0] < b[0] for a, b in pairwise(book["asks"]))
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["nonce"] > 0


def test_tickers(mexc: Any) -> None:
    """Alone, in the list, and as best prices."""
    mexc.create_market_buy_order_with_cost(SPOT, 10)
    one = mexc.fetch_ticker(SPOT)
    assert one["bid"] < one["ask"]
    assert one["low"] <= one["last"] <= one["high"]
    assert SPOT in mexc.fetch_tickers()
    assert mexc.fetch_bids_asks()[SPOT]["bid"] < mexc.fetch_bids_asks()[SPOT]["ask"] * 1.01


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M"])
def test_candles(mexc: Any, timeframe: str) -> None:
    """Rows of six in the order of time."""
    mexc.create_market_buy_order_with_cost(SPOT, 10)
    rows = mexc.fetch_ohlcv(SPOT, timeframe, limit=5)
    assert rows
    for _, opened, high, low, close, _ in rows:
        assert low <= min(opened, close) <= max(opened, close) <= high


def test_public_trades(mexc: Any) -> None:
    """Recent trades have a side, a price and an amount."""
    mexc.create_market_buy_order_with_cost(SPOT, 10)
    assert all(row["side"] in ("buy", "sell") and row["cost"] > 0 for row in mexc.fetch_trades(SPOT))


def test_a_resting_order(mexc: Any) -> None:
    """Created, found by both ids, listed, cancelled."""
    order = mexc.create_order(SPOT, "limit", "buy", 0.001, passive(mexc), {"clientOrderId": "ccxt-1"})
    found = mexc.fetch_order(order["id"], SPOT)
    assert (found["status"], found["filled"], found["clientOrderId"]) == ("open", 0, "ccxt-1")
    assert mexc.fetch_order(None, SPOT, {"clientOrderId": "ccxt-1"})["id"] == order["id"]
    assert [row["id"] for row in mexc.fetch_open_orders(SPOT)] == [order["id"]]
    used = mexc.fetch_balance()["USDT"]["used"]
    assert used > 0
    assert mexc.cancel_order(order["id"], SPOT)["id"] == order["id"]
    assert mexc.fetch_order(order["id"], SPOT)["status"] == "canceled"
    assert order["id"] in {row["id"] for row in mexc.fetch_canceled_orders(SPOT)}


def orders(mexc: Any) -> dict[str, Callable[[], Any]]:
    """Ways to trade at once."""
    ask = mexc.fetch_order_book(SPOT)["asks"][0][0]
    return {
        "market buy by cost": lambda: mexc.create_market_buy_order_with_cost(SPOT, 30),
        "market buy by amount": lambda: mexc.create_order(
            SPOT, "market", "buy", 0.0005, None, {"createMarketBuyOrderRequiresPrice": False, "cost": 30}
        ),
        "market sell": lambda: mexc.create_order(SPOT, "market", "sell", 0.0003),
        "ioc": lambda: mexc.create_order(SPOT, "limit", "buy", 0.0003, ask * 1.003, {"timeInForce": "IOC"}),
        "fok": lambda: mexc.create_order(SPOT, "limit", "buy", 0.0003, ask * 1.003, {"timeInForce": "FOK"}),
    }


@pytest.mark.parametrize("way", ["market buy by cost", "market buy by amount", "market sell", "ioc", "fok"])
def test_fills_explain_the_balances(mexc: Any, way: str) -> None:
    """Fills and fees of the order are all that changed, to the last digit."""
    call, before = orders(mexc)[way], raw_balances(mexc)
    order = mexc.fetch_order(call()["id"], SPOT)
    assert order["status"] == "closed"
    trades = mexc.fetch_order_trades(order["id"], SPOT)
    assert trades
    for trade in trades:
        row = trade["info"]
        sign = 1 if row["isBuyer"] else -1
        before["BTC"] = before.get("BTC", D(0)) + sign * D(row["qty"])
        before["USDT"] -= sign * D(row["quoteQty"])
        before[row["commissionAsset"]] -= D(row["commission"])
    assert raw_balances(mexc) == before
    assert {row["id"] for row in trades} <= {row["id"] for row in mexc.fetch_my_trades(SPOT)}


def test_post_only(mexc: Any) -> None:
    """A passive one rests."""
    order = mexc.create_order(SPOT, "limit", "buy", 0.0003, passive(mexc), {"postOnly": True})
    assert mexc.fetch_order(order["id"], SPOT)["status"] == "open"


def test_a_batch(mexc: Any) -> None:
    """Two at once, then all are cancelled."""
    item = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.001, "price": passive(mexc), "params": {}}
    made = mexc.create_orders([item, item])
    assert {row["id"] for row in mexc.fetch_open_orders(SPOT)} == {row["id"] for row in made}
    assert {row["id"] for row in mexc.cancel_all_orders(SPOT)} == {row["id"] for row in made}


def test_refusals_have_the_librarys_names(mexc: Any, fakes: Fakes) -> None:
    """Each refusal is mapped by its code to the library's exception for it; it has none for -2013."""
    price = passive(mexc)
    with pytest.raises(ccxt.InsufficientFunds):
        mexc.create_order(SPOT, "limit", "buy", 5, price)
    with pytest.raises(ccxt.InvalidOrder):
        mexc.create_order(SPOT, "limit", "buy", 0.000001, price)
    with pytest.raises(ccxt.ExchangeError, match="-2013"):
        mexc.fetch_order("C02__1", SPOT)
    with pytest.raises(ccxt.BadRequest, match="-2011"):
        mexc.cancel_order("C02__1", SPOT)


@pytest.mark.parametrize(("wrong", "kind"), [("apiKey", ccxt.BadRequest), ("secret", ccxt.AuthenticationError)])
def test_wrong_key_or_secret(fakes: Fakes, wrong: str, kind: type[Exception]) -> None:
    """10072 is a bad request to the library, 700002 an authentication error."""
    exchange = pointed(ccxt.mexc(options(fakes, **{wrong: "wrong"})), fakes)
    with pytest.raises(kind, match=r"10072|700002"):
        exchange.fetch_accounts()


def test_an_old_timestamp(fakes: Fakes, mexc: Any) -> None:
    """InvalidNonce."""
    mexc.nonce = lambda: int(time.time() * 1000) - 6000
    with pytest.raises(ccxt.InvalidNonce):
        mexc.fetch_balance()
    del mexc.nonce


def test_account_calls(mexc: Any) -> None:
    """Fees, accounts, deposits, withdrawals, transfers."""
    assert mexc.fetch_trading_fee(SPOT)["taker"] == 0.0005
    assert mexc.fetch_accounts()
    assert [row["currency"] for row in mexc.fetch_deposits()] == ["USDT"]
    assert mexc.fetch_withdrawals() == []
    transfers = mexc.fetch_transfers(params={"fromAccountType": "SPOT", "toAccountType": "FUTURES"})
    assert transfers == []


def test_the_audit_agrees(mexc: Any, fakes: Fakes) -> None:
    """What the library reads at the end is what the fakes' own books hold."""
    held = {asset: D(amount) for asset, amount in fakes.audit()["balances"]["mexc_spot"].items()}
    assert {asset: amount for asset, amount in raw_balances(mexc).items() if amount} == held
