"""ccxt (REST): Gate spot and perpetual as a user of the general trading library sees them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt
import pytest
from ccxt_client import SPOT, SWAP, options, pointed
from fakes_server import Fakes

D = Decimal
BOTH = pytest.mark.parametrize("symbol", [SPOT, SWAP])
MULTIPLIER = D("0.0001")


@pytest.fixture
def gate(fakes: Fakes) -> Iterator[Any]:
    """The trader's exchange with its markets loaded; flat and without open orders afterwards."""
    exchange = pointed(ccxt.gate(options(fakes)), fakes)
    exchange.load_markets()
    yield exchange
    for symbol in (SPOT, SWAP):
        exchange.cancel_all_orders(symbol)
    if contracts(exchange):
        exchange.close_position(SWAP)
    assert contracts(exchange) == 0


def contracts(gate: Any) -> Decimal:
    """Signed contracts held, as the venue wrote them."""
    return sum((D(str(row["info"]["size"])) for row in gate.fetch_positions([SWAP])), D(0))


def passive(gate: Any, symbol: str) -> float:
    """A price to buy at that nobody will sell at soon, within the venue's band."""
    return gate.fetch_order_book(symbol)["bids"][0][0] * 0.97


def spot_totals(gate: Any) -> dict[str, Decimal]:
    """Totals as the venue wrote them; ccxt's own numbers are floats."""
    return {row["currency"]: D(row["available"]) + D(row["locked"]) for row in gate.fetch_balance()["info"]}


def swap_total(gate: Any) -> Decimal:
    """The perpetual's wallet as the venue wrote it."""
    [row] = gate.fetch_balance({"type": "swap"})["info"]
    return D(row["total"])


@BOTH
def test_markets(gate: Any, symbol: str) -> None:
    """Active, with steps and limits."""
    market = gate.market(symbol)
    assert (market["active"], market["precision"]["price"]) == (True, 0.1)
    if symbol == SWAP:
        assert (market["contractSize"], market["linear"], market["settle"]) == (0.0001, True, "USDT")


def test_time_and_currencies(gate: Any) -> None:
    """Now; both coins."""
    assert abs(gate.fetch_time() - time.time() * 1000) < 5000
    assert {"BTC", "USDT"} <= set(gate.fetch_currencies())


@BOTH
def test_order_book(gate: Any, symbol: str) -> None:
    """Sorted, not crossed, with a nonce."""
    book = gate.fetch_order_book(symbol, 20)
    assert all(a[0] > b[0] for a, b in pairwise(book["bids"]))
    assert all(a[0] < b[0] for a, b in pairwise(book["asks"]))
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["nonce"] > 0


@BOTH
def test_tickers(gate: Any, symbol: str) -> None:
    """Alone and in the list."""
    one = gate.fetch_ticker(symbol)
    assert one["bid"] < one["ask"]
    assert symbol in gate.fetch_tickers([symbol])


@BOTH
@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
def test_candles(gate: Any, symbol: str, timeframe: str) -> None:
    """Rows in the order of time, low and high around open and close."""
    for _, opened, high, low, close, _ in gate.fetch_ohlcv(symbol, timeframe, limit=5):
        assert low <= min(opened, close) <= max(opened, close) <= high


@BOTH
def test_public_trades(gate: Any, symbol: str) -> None:
    """Recent trades have a side, a price and an amount."""
    assert all(row["side"] in ("buy", "sell") and row["amount"] > 0 for row in gate.fetch_trades(symbol))


def test_funding(gate: Any) -> None:
    """The estimate, its next time, the history, all contracts at once."""
    rate = gate.fetch_funding_rate(SWAP)
    assert abs(rate["fundingRate"]) < 0.02
    assert rate["fundingTimestamp"] > time.time() * 1000 - 120_000
    assert SWAP in gate.fetch_funding_rates([SWAP])
    assert isinstance(gate.fetch_funding_rate_history(SWAP), list)
    assert isinstance(gate.fetch_funding_history(SWAP), list)


def test_leverage_tiers_and_open_interest(gate: Any) -> None:
    """Tiers of this contract, and statistics."""
    assert gate.fetch_market_leverage_tiers(SWAP)[0]["maxLeverage"] > 1
    assert SWAP in gate.fetch_leverage_tiers([SWAP], {"type": "swap"})
    assert isinstance(gate.fetch_open_interest_history(SWAP, "5m"), list)


@BOTH
def test_a_resting_order(gate: Any, symbol: str) -> None:
    """Created, found, listed, changed, cancelled."""
    amount = 0.002 if symbol == SPOT else 2
    params = {"clientOrderId": f"t-{'spot' if symbol == SPOT else 'swap'}1"}
    order = gate.create_order(symbol, "limit", "buy", amount, passive(gate, symbol), params)
    assert (order["status"], order["filled"]) == ("open", 0)
    assert gate.fetch_order(order["id"], symbol)["clientOrderId"] == params["clientOrderId"]
    assert [row["id"] for row in gate.fetch_open_orders(symbol)] == [order["id"]]
    lower = gate.edit_order(order["id"], symbol, "limit", "buy", amount, passive(gate, symbol) * 0.999)
    assert lower["price"] < order["price"]
    assert gate.cancel_order(order["id"], symbol)["status"] in ("canceled", "closed")
    assert order["id"] in {row["id"] for row in gate.fetch_closed_orders(symbol)}


@pytest.mark.parametrize("way", ["market buy by cost", "market sell", "ioc", "fok"])
def test_spot_fills_explain_the_balances(gate: Any, way: str) -> None:
    """Fills and fees of the order are all that changed, to the last digit."""
    ask = gate.fetch_order_book(SPOT)["asks"][0][0]
    if way == "market sell":
        gate.create_market_buy_order_with_cost(SPOT, 50)
    before = spot_totals(gate)
    if way == "market buy by cost":
        order = gate.create_market_buy_order_with_cost(SPOT, 30)
    elif way == "market sell":
        order = gate.create_order(SPOT, "market", "sell", 0.0004)
    else:
        order = gate.create_order(SPOT, "limit", "buy", 0.0004, ask * 1.01, {"timeInForce": way.upper()})
    trades = gate.fetch_order_trades(order["id"], SPOT)
    assert trades
    for trade in trades:
        row = trade["info"]
        sign = 1 if row["side"] == "buy" else -1
        before["BTC"] = before.get("BTC", D(0)) + sign * D(row["amount"])
        before["USDT"] -= sign * D(row["amount"]) * D(row["price"])
        before[row["fee_currency"]] -= D(row["fee"])
    assert spot_totals(gate) == before


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_position_is_opened_and_closed(gate: Any, side: str) -> None:
    """Market orders; the wallet changes by exactly fills and fees."""
    before = swap_total(gate)
    opened = gate.create_order(SWAP, "market", side, 5)
    [held] = [row for row in gate.fetch_positions([SWAP]) if row["contracts"]]
    assert (held["side"], held["contracts"]) == ("long" if side == "buy" else "short", 5)
    assert gate.fetch_position(SWAP)["contracts"] == 5
    closed = gate.close_position(SWAP)
    cash = D(0)
    for order in (opened, closed):
        for trade in gate.fetch_my_trades(SWAP):
            row = trade["info"] if trade["order"] == order["id"] else {"size": 0, "price": "0", "fee": "0"}
            cash -= D(str(row["size"])) * D(row["price"]) * MULTIPLIER + D(row["fee"])
    assert swap_total(gate) == before + cash
    assert {opened["id"], closed["id"]} <= {row["order"] for row in gate.fetch_my_trades(SWAP)}


def test_leverage_and_mode(gate: Any) -> None:
    """Set and read; the position mode is single already."""
    gate.set_leverage(7, SWAP)
    assert gate.fetch_position(SWAP)["leverage"] == 7
    with pytest.raises(ccxt.BaseError, match="NO_CHANGE"):
        gate.set_position_mode(False, SWAP)


def test_margin(gate: Any) -> None:
    """Added to an isolated position and taken away again."""
    gate.set_leverage(5, SWAP)
    gate.create_order(SWAP, "market", "buy", 5)
    before = float(gate.fetch_position(SWAP)["info"]["margin"])
    assert gate.add_margin(SWAP, 3)["total"] == pytest.approx(before + 3)
    assert gate.reduce_margin(SWAP, 2)["total"] == pytest.approx(before + 1)


def test_transfers(gate: Any) -> None:
    """What leaves spot arrives at the perpetual."""
    spot, swap = spot_totals(gate)["USDT"], swap_total(gate)
    gate.transfer("USDT", 12.5, "spot", "swap")
    assert (spot_totals(gate)["USDT"], swap_total(gate)) == (spot - D("12.5"), swap + D("12.5"))


def test_batches(gate: Any) -> None:
    """Two at once on spot; cancelled by ids."""
    item = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.001, "price": passive(gate, SPOT), "params": {}}
    made = gate.create_orders([item, item])
    assert {row["id"] for row in gate.fetch_open_orders(SPOT)} == {row["id"] for row in made}
    assert len(gate.cancel_orders([row["id"] for row in made], SPOT)) == 2
    assert gate.fetch_open_orders(SPOT) == []


@BOTH
def test_refusals_have_the_librarys_names(gate: Any, symbol: str) -> None:
    """Each refusal is mapped by its label to the library's exception for it."""
    price = passive(gate, symbol)
    with pytest.raises(ccxt.InsufficientFunds):
        gate.create_order(symbol, "limit", "buy", 5 if symbol == SPOT else 900_000, price)
    with pytest.raises(ccxt.OrderNotFound):
        gate.fetch_order("999999999999", symbol)
    with pytest.raises(ccxt.OrderNotFound):
        gate.cancel_order("999999999999", symbol)
    ask = gate.fetch_order_book(symbol)["asks"][0][0]
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        gate.create_order(symbol, "limit", "buy", 0.001 if symbol == SPOT else 1, ask * 1.01, {"postOnly": True})


@pytest.mark.parametrize("wrong", ["apiKey", "secret"])
def test_wrong_key_or_secret(fakes: Fakes, wrong: str) -> None:
    """AuthenticationError."""
    exchange = pointed(ccxt.gate(options(fakes, **{wrong: "wrong"})), fakes)
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance()


def test_an_old_timestamp(gate: Any) -> None:
    """An expired request is an authentication error of the library."""
    now = gate.milliseconds
    gate.milliseconds = gate.nonce = lambda: now() - 90_000
    try:
        with pytest.raises(ccxt.BaseError, match="REQUEST_EXPIRED"):
            gate.fetch_my_trades(SPOT)
    finally:
        del gate.milliseconds, gate.nonce


def test_account_calls(gate: Any) -> None:
    """Fees, ledger, deposits, withdrawals, liquidations, past positions."""
    assert gate.fetch_trading_fee(SPOT)["taker"] == 0.002
    assert SPOT in gate.fetch_trading_fees()
    assert isinstance(gate.fetch_ledger("USDT"), list)
    assert isinstance(gate.fetch_deposits(), list)
    assert gate.fetch_withdrawals() == []
    assert gate.fetch_my_liquidations(SWAP) == []
    assert isinstance(gate.fetch_liquidations(SWAP), list)
    assert isinstance(gate.fetch_positions_history([SWAP]), list)


def test_the_audit_agrees(gate: Any, fakes: Fakes) -> None:
    """What the library reads at the end is what the fakes' own books hold."""
    audit = fakes.audit()["balances"]
    held = {asset: D(amount) for asset, amount in audit["gate_spot"].items()}
    assert {asset: amount for asset, amount in spot_totals(gate).items() if amount} == held
    assert swap_total(gate) == D(audit["gate_futures"]["USDT"])
