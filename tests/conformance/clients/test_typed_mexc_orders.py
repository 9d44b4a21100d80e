"""typed-mexc (asyncio, REST): a spot order's whole life, and money to the last digit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from fakes_server import Fakes
from typed_mexc import MEXC
from typed_mexc_client import SYMBOL, TICK, balances, best, client_of, passive, place, read, refused

D = Decimal


@pytest.fixture
async def mexc(fakes: Fakes) -> AsyncIterator[MEXC]:
    """The trader's client, without open orders afterwards."""
    async with client_of(fakes, fakes.key, fakes.secret) as client:
        yield client
        await client.spot.http.trade.cancel_open_orders(SYMBOL, validate=False)


async def test_a_resting_order_reserves_and_frees(mexc: MEXC) -> None:
    """Locked is value and taker's fee; the cancel says the status before it; then everything is as it was."""
    before = await balances(mexc)
    price = await passive(mexc)
    order = await place(mexc, "BUY", "LIMIT", quantity="0.001", price=price, newClientOrderId="rest_1-A")
    assert (order["type"], order["side"], order["orderListId"]) == ("LIMIT", "BUY", -1)
    assert "status" not in order
    locked = (
        price * D("0.001") * (1 + D(str((await mexc.spot.http.account.trade_fee(SYMBOL))["data"]["takerCommission"])))
    )
    assert (await balances(mexc))["USDT"] == (before["USDT"][0] - locked, locked)
    seen = await read(mexc, order)
    assert (seen["status"], seen["clientOrderId"], seen["updateTime"]) == ("NEW", "rest_1-A", None)
    listed = await mexc.spot.http.account.open_orders(SYMBOL)
    assert [row["orderId"] for row in listed] == [order["orderId"]]
    cancelled = await mexc.spot.http.trade.cancel_order(symbol=SYMBOL, order_id=order["orderId"])
    assert cancelled["status"] == "NEW"
    ended = await mexc.spot.http.account.order(symbol=SYMBOL, order_id=order["orderId"])
    assert (ended["status"], ended["executedQty"]) == ("CANCELED", 0)
    assert await balances(mexc) == before


async def test_an_order_is_found_and_cancelled_by_its_client_id(mexc: MEXC) -> None:
    """origClientOrderId does what orderId does."""
    order = await place(mexc, "BUY", "LIMIT", quantity="0.001", price=await passive(mexc), newClientOrderId="mine")
    found = await mexc.spot.http.account.order(symbol=SYMBOL, orig_client_order_id="mine", validate=False)
    assert found["orderId"] == order["orderId"]
    gone = await mexc.spot.http.trade.cancel_order(symbol=SYMBOL, orig_client_order_id="mine")
    assert gone["orderId"] == order["orderId"]


async def reconcile(mexc: MEXC, before: dict[str, tuple[Decimal, Decimal]], order: Any) -> Any:
    """Fills explain the order and the balances to the last digit; returns the order."""
    ended = await mexc.spot.http.account.order(symbol=SYMBOL, order_id=order["orderId"])
    fills = await mexc.spot.http.account.trades(symbol=SYMBOL, order_id=order["orderId"])
    assert sum((f["qty"] for f in fills), D(0)) == ended["executedQty"]
    assert sum((f["quoteQty"] for f in fills), D(0)) == ended["cummulativeQuoteQty"]
    expected = {asset: free + locked for asset, (free, locked) in before.items()}
    for fill in fills:
        sign = 1 if fill["isBuyer"] else -1
        assert fill["quoteQty"] == fill["qty"] * fill["price"]
        expected["BTC"] = expected.get("BTC", D(0)) + sign * fill["qty"]
        expected["USDT"] -= sign * fill["quoteQty"]
        expected[fill["commissionAsset"]] -= fill["commission"]
    held = {asset: free + locked for asset, (free, locked) in (await balances(mexc)).items()}
    assert {a: v for a, v in held.items() if v} == {a: v for a, v in expected.items() if v}
    rate = D(str((await mexc.spot.http.account.trade_fee(SYMBOL))["data"]["takerCommission"]))
    assert all(f["commission"] == f["quoteQty"] * rate for f in fills if not f["isMaker"])
    return ended


async def test_a_market_buy_by_quote(mexc: MEXC) -> None:
    """It spends no more than it may and fills."""
    before = await balances(mexc)
    order = await place(mexc, "BUY", "MARKET", quoteOrderQty="30")
    ended = await reconcile(mexc, before, order)
    assert ended["status"] == "FILLED"
    assert D(29) < ended["cummulativeQuoteQty"] <= 30


async def test_market_orders_by_quantity(mexc: MEXC) -> None:
    """Buy and sell of the same quantity; each carries a protection price on its far side."""
    before = await balances(mexc)
    buy = await place(mexc, "BUY", "MARKET", quantity="0.0005")
    assert (await reconcile(mexc, before, buy))["status"] == "FILLED"
    bid, ask = await best(mexc)
    assert buy["price"] > ask
    before = await balances(mexc)
    sell = await place(mexc, "SELL", "MARKET", quantity="0.0005")
    assert (await reconcile(mexc, before, sell))["status"] == "FILLED"
    assert sell["price"] < bid


async def test_an_ioc_that_finds_less_than_it_wants(mexc: MEXC) -> None:
    """PARTIALLY_CANCELED with some fill, CANCELED with none; final either way."""
    before = await balances(mexc)
    order = await place(mexc, "BUY", "IMMEDIATE_OR_CANCEL", quantity="0.25", price=(await best(mexc))[1])
    ended = await reconcile(mexc, before, order)
    assert ended["status"] == ("PARTIALLY_CANCELED" if ended["executedQty"] else "CANCELED")
    empty = await place(mexc, "BUY", "IMMEDIATE_OR_CANCEL", quantity="0.001", price=await passive(mexc))
    assert (await read(mexc, empty))["status"] == "CANCELED"


async def test_fok_is_all_or_nothing(mexc: MEXC) -> None:
    """Too much ends CANCELED without a fill, little fills whole."""
    bid, ask = await best(mexc)
    nothing = await place(mexc, "BUY", "FILL_OR_KILL", quantity="0.3", price=bid)
    ended = await read(mexc, nothing)
    assert (ended["status"], D(ended["executedQty"])) == ("CANCELED", 0)
    whole = await place(mexc, "BUY", "FILL_OR_KILL", quantity="0.0005", price=(ask * D("1.004")).quantize(TICK))
    assert (await read(mexc, whole))["status"] == "FILLED"


async def test_post_only(mexc: MEXC) -> None:
    """One that would take ends without a fill; one that rests is NEW."""
    crossing = await place(
        mexc, "BUY", "LIMIT_MAKER", quantity="0.001", price=((await best(mexc))[1] * D("1.003")).quantize(TICK)
    )
    assert (await read(mexc, crossing))["status"] == "CANCELED"
    resting = await place(mexc, "BUY", "LIMIT_MAKER", quantity="0.001", price=await passive(mexc))
    assert (await read(mexc, resting))["status"] == "NEW"


async def test_two_accounts_meet(mexc: MEXC, fakes: Fakes) -> None:
    """The resting side pays the maker's fee, and both sides tell the same trade."""
    async with client_of(fakes, fakes.maker_key, fakes.maker_secret) as maker:
        await place(mexc, "BUY", "MARKET", quantity="0.002")
        for _ in range(8):
            bid, ask = await best(mexc)
            price = min(bid + TICK, ask - TICK)
            resting = await place(maker, "BUY", "LIMIT_MAKER", quantity="0.001", price=price)
            before = await balances(mexc)
            taking = await place(mexc, "SELL", "IMMEDIATE_OR_CANCEL", quantity="0.001", price=price)
            await reconcile(mexc, before, taking)
            fills = await maker.spot.http.account.trades(symbol=SYMBOL, order_id=resting["orderId"])
            if fills:
                break
            await maker.spot.http.trade.cancel_open_orders(SYMBOL, validate=False)
    assert all((fill["isMaker"], fill["commission"], fill["isBuyer"]) == (True, 0, True) for fill in fills)
    assert fills


REFUSED: dict[str, tuple[dict[str, str], int]] = {
    "too little": ({"quantity": "0.000001"}, 30002),
    "more than there is": ({"quantity": "5"}, 30004),
    "a long client id": ({"newClientOrderId": "x" * 33}, 700008),
    "an exponent": ({"quantity": "1E-3"}, 700008),
    "an unknown symbol": ({"symbol": "NOPAIR"}, 10007),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_bad_orders(mexc: MEXC, case: str) -> None:
    """400 with the code of the mistake; nothing comes into being."""
    fields, code = REFUSED[case]
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": str(await passive(mexc))}
    body = await refused(mexc.spot.http.trade.place_order({**order, **fields}))
    assert body["code"] == code
    assert await mexc.spot.http.account.open_orders(SYMBOL) == []


async def test_selling_what_is_not_there(mexc: MEXC) -> None:
    """30005 oversold, or 30004."""
    order = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "quantity": "5", "price": str((await best(mexc))[1])}
    assert (await refused(mexc.spot.http.trade.place_order(order)))["code"] in (30004, 30005)


async def test_a_price_off_the_band(mexc: MEXC) -> None:
    """30087."""
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "90000"}
    assert (await refused(mexc.spot.http.trade.place_order(order)))["code"] == 30087


async def test_unknown_orders(mexc: MEXC) -> None:
    """-2013 on a query, -2011 on a cancel, 700004 without any id."""
    assert (await refused(mexc.spot.http.account.order(symbol=SYMBOL, order_id="C02__1")))["code"] == -2013
    assert (await refused(mexc.spot.http.trade.cancel_order(symbol=SYMBOL, order_id="C02__1")))["code"] == -2011
    assert (await refused(mexc.spot.http.account.order(symbol=SYMBOL)))["code"] == 700004


async def test_an_ended_order_cannot_be_cancelled_again(mexc: MEXC) -> None:
    """-2011."""
    order = await place(mexc, "BUY", "LIMIT", quantity="0.001", price=await passive(mexc))
    await mexc.spot.http.trade.cancel_order(symbol=SYMBOL, order_id=order["orderId"])
    again = mexc.spot.http.trade.cancel_order(symbol=SYMBOL, order_id=order["orderId"])
    assert (await refused(again))["code"] == -2011


async def test_the_trial_order(mexc: MEXC) -> None:
    """Judged like an order and leaves no trace."""
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": str(await passive(mexc))}
    assert await mexc.spot.http.trade.test_order(order) == {}
    assert (await refused(mexc.spot.http.trade.test_order({**order, "quantity": "0.000001"})))["code"] == 30002
    assert await mexc.spot.http.account.open_orders(SYMBOL) == []


async def test_cancelling_all_open_orders(mexc: MEXC) -> None:
    """Each is named with its string id, as recorded; the client's model has the integer of the documents' example."""
    price = await passive(mexc)
    placed = [await place(mexc, "BUY", "LIMIT", quantity="0.001", price=price) for _ in range(2)]
    gone = await mexc.spot.http.trade.cancel_open_orders(SYMBOL, validate=False)
    assert {row["orderId"] for row in gone} == {order["orderId"] for order in placed}
    assert {row["status"] for row in gone} == {"NEW"}
    assert await mexc.spot.http.account.open_orders(SYMBOL) == []


async def test_history_is_newest_first(mexc: MEXC) -> None:
    """allOrders and myTrades."""
    for _ in range(2):
        await place(mexc, "BUY", "MARKET", quoteOrderQty="10")
    orders = await mexc.spot.http.account.orders(SYMBOL, validate=False)
    assert all(a["time"] >= b["time"] for a, b in pairwise(orders))
    fills = await mexc.spot.http.account.trades(symbol=SYMBOL)
    assert all(a["time"] >= b["time"] for a, b in pairwise(fills))


async def test_the_audit_agrees(mexc: MEXC, fakes: Fakes) -> None:
    """What the client reads at the end is what the fakes' own books hold."""
    held = {asset: D(amount) for asset, amount in fakes.audit()["balances"]["mexc_spot"].items()}
    assert {asset: free + locked for asset, (free, locked) in (await balances(mexc)).items()} == held
