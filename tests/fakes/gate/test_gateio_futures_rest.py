"""REST of the Gate perpetual fake: contracts, orders, positions, ledger."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
import trio

DECIMAL = {"x-gate-size-decimal": "1"}
BASE = "/futures/usdt"


def order_of(size: int | str, price: Decimal | str, tif: str = "gtc", **more: Any) -> dict[str, Any]:
    return {"contract": "BTC_USDT", "size": size, "price": str(price), "tif": tif, "text": "t-leg1"} | more


async def test_contract_types(autojump_clock: Any, gate: Any) -> None:
    """A contract has integer sizes, or text under the size-decimal header, and placeholder fees."""
    row = await gate.ok("GET", f"{BASE}/contracts/BTC_USDT", signed=False)
    assert (row["quanto_multiplier"], row["order_size_min"], row["market_order_size_max"]) == ("0.0001", 1, "1000000")
    assert (row["maker_fee_rate"], row["taker_fee_rate"]) == ("-0.0001", "0.00075")
    assert isinstance(row["funding_next_apply"], int)
    assert isinstance(row["funding_rate"], str)
    row = await gate.ok("GET", f"{BASE}/contracts/BTC_USDT", signed=False, headers=DECIMAL)
    assert row["order_size_min"] == "1"
    answer = await gate.call("GET", f"{BASE}/contracts/NOPE_USDT", signed=False)
    assert (answer.status, answer.value) == (400, {"label": "CONTRACT_NOT_FOUND"})


async def test_book_types(autojump_clock: Any, gate: Any) -> None:
    """A book has times in fractional seconds, `s` before `p`, and at most 300 levels."""
    query = "contract=BTC_USDT&limit=20&with_id=true"
    book = await gate.ok("GET", f"{BASE}/order_book", query, signed=False)
    assert list(book) == ["id", "current", "update", "asks", "bids"]
    assert isinstance(book["current"], Decimal)
    assert list(book["asks"][0]) == ["s", "p"]
    assert isinstance(book["asks"][0]["s"], int)
    book = await gate.ok("GET", f"{BASE}/order_book", query, signed=False, headers=DECIMAL)
    assert isinstance(book["asks"][0]["s"], str)
    answer = await gate.call("GET", f"{BASE}/order_book", "contract=BTC_USDT&limit=1000", signed=False)
    assert (answer.status, answer.value) == (400, {"label": "TOO_BIG", "message": "limit 300"})


async def test_short_sold_and_bought_back(autojump_clock: Any, gate: Any) -> None:
    """A market sell opens a signed short; buying it back makes a pnl row; the ledger's balance chain is unbroken."""
    sold = await gate.call("POST", f"{BASE}/orders", body=order_of(-3, "0", "ioc"))
    assert sold.status == 201
    order = sold.value
    assert (order["size"], order["left"], order["status"], order["finish_as"]) == (-3, 0, "finished", "filled")
    assert isinstance(order["id"], int)
    assert order["id"] > 2**53
    assert isinstance(order["create_time"], Decimal | int)
    assert (order["price"], order["tkfr"], order["mkfr"]) == ("0", "0.0005", "0.0002")
    position = await gate.ok("GET", f"{BASE}/positions/BTC_USDT")
    assert (position["size"], position["leverage"], position["mode"]) == (-3, "0", "single")
    assert Decimal(position["entry_price"]) == Decimal(order["fill_price"])
    assert Decimal(position["liq_price"]) > Decimal(position["entry_price"])
    await gate.ok("POST", f"{BASE}/orders", body=order_of(3, "0", "ioc", reduce_only=True, text="t-leg2"))
    rows = await gate.ok("GET", f"{BASE}/account_book")
    assert {row["type"] for row in rows} == {"dnw", "fee", "pnl"}
    for newer, older in itertools.pairwise(rows):
        assert Decimal(newer["balance"]) == Decimal(older["balance"]) + Decimal(newer["change"])
    assert all(isinstance(row["id"], str) for row in rows)
    fees = [row for row in rows if row["type"] == "fee"]
    trades = await gate.ok("GET", f"{BASE}/my_trades", "contract=BTC_USDT")
    assert sorted(row["trade_id"] for row in fees) == sorted(str(trade["id"]) for trade in trades)
    assert sum(-Decimal(row["change"]) for row in fees) == sum(Decimal(trade["fee"]) for trade in trades)
    assert {row["text"] for row in fees} == {f"BTC_USDT:{trade['order_id']}" for trade in trades}
    opened = [trade for trade in trades if trade["text"] == "t-leg1"]
    closed = [trade for trade in trades if trade["text"] == "t-leg2"]
    assert sum(trade["size"] for trade in opened) == -3
    assert all(trade["close_size"] == 0 for trade in opened)
    assert sum(trade["close_size"] for trade in closed) == 3
    assert (await gate.ok("GET", f"{BASE}/positions/BTC_USDT"))["size"] == 0
    assert await gate.ok("GET", f"{BASE}/positions", "holding=true") == []
    assert len(await gate.ok("GET", f"{BASE}/positions")) == 1
    kinds = await gate.ok("GET", f"{BASE}/account_book", "type=pnl&contract=BTC_USDT")
    assert {row["type"] for row in kinds} == {"pnl"}


async def test_trade_types(autojump_clock: Any, gate: Any) -> None:
    """my_trades: `id` integer, `order_id` text, fee positive, size text under the header."""
    await gate.ok("POST", f"{BASE}/orders", body=order_of(2, "0", "ioc"))
    trade = (await gate.ok("GET", f"{BASE}/my_trades"))[0]
    assert (type(trade["id"]), type(trade["order_id"]), type(trade["size"])) == (int, str, int)
    assert Decimal(trade["fee"]) == Decimal(trade["price"]) * trade["size"] * Decimal("0.0001") * Decimal("0.0005")
    trade = (await gate.ok("GET", f"{BASE}/my_trades", headers=DECIMAL))[0]
    assert isinstance(trade["size"], str)


async def test_resting_order_and_text_window(autojump_clock: Any, gate: Any) -> None:
    """A sell rests with negative left; its text works for 60 s after the end, its id for ten minutes without fills."""
    ask, _ = await gate.best("ask", futures=True)
    order = await gate.ok("POST", f"{BASE}/orders", body=order_of(-1, ask + 100))
    assert (order["status"], order["size"], order["left"]) == ("open", -1, -1)
    assert "finish_as" not in order
    assert "finish_time" not in order
    assert len(await gate.ok("GET", f"{BASE}/orders", "status=open")) == 1
    ended = await gate.ok("DELETE", f"{BASE}/orders/t-leg1")
    assert (ended["status"], ended["finish_as"]) == ("finished", "cancelled")
    again = await gate.call("DELETE", f"{BASE}/orders/{order['id']}")
    assert (again.status, again.value["label"]) == (404, "ORDER_NOT_FOUND")
    await trio.sleep(60)
    assert (await gate.ok("GET", f"{BASE}/orders/t-leg1"))["id"] == order["id"]
    await trio.sleep(1)
    assert (await gate.call("GET", f"{BASE}/orders/t-leg1")).status == 404
    assert (await gate.ok("GET", f"{BASE}/orders/{order['id']}"))["id"] == order["id"]
    assert len(await gate.ok("GET", f"{BASE}/orders", "status=finished")) == 1
    await trio.sleep(600)
    assert (await gate.call("GET", f"{BASE}/orders/{order['id']}")).status == 404
    assert await gate.ok("GET", f"{BASE}/orders", "status=finished") == []


@pytest.mark.parametrize(
    ("change", "label", "key"),
    [
        ({"size": 0}, "INVALID_ARGUMENT", "detail"),
        ({"size": "1.5"}, "INVALID_ARGUMENT", "detail"),
        ({"size": 900000}, "INSUFFICIENT_AVAILABLE", "message"),
        ({"size": 2000000}, "SIZE_TOO_LARGE", "detail"),
        ({"price": "1000"}, "PRICE_TOO_DEVIATED", "detail"),
        ({"price": "0"}, "INVALID_ARGUMENT", "detail"),
        ({"reduce_only": True}, "INCREASE_POSITION", "message"),
        ({"text": "leg"}, "INVALID_ARGUMENT", "detail"),
        ({"size": 0, "close": True}, "INCREASE_POSITION", "message"),
    ],
)
async def test_refusals(autojump_clock: Any, gate: Any, change: dict[str, Any], label: str, key: str) -> None:
    """Impossible orders are refused with 400, the documented label, and the text under its documented key."""
    bid, _ = await gate.best("bid", futures=True)
    answer = await gate.call("POST", f"{BASE}/orders", body=order_of(1, bid - 100) | change)
    assert (answer.status, answer.value["label"]) == (400, label)
    assert key in answer.value


async def test_post_only_detail(autojump_clock: Any, gate: Any) -> None:
    """A crossing POC names both prices under `detail`."""
    ask, _ = await gate.best("ask", futures=True)
    answer = await gate.call("POST", f"{BASE}/orders", body=order_of(1, ask, "poc"))
    expected = f"order price {ask:f} while counter price {ask:f}"
    assert (answer.status, answer.value) == (400, {"label": "ORDER_POC_IMMEDIATE", "detail": expected})


async def test_close_flattens(autojump_clock: Any, gate: Any) -> None:
    """size 0 with close flattens the position."""
    await gate.ok("POST", f"{BASE}/orders", body=order_of(5, "0", "ioc"))
    order = await gate.ok("POST", f"{BASE}/orders", body=order_of(0, "0", "ioc", close=True))
    assert order["is_close"] is True
    assert (await gate.ok("GET", f"{BASE}/positions/BTC_USDT"))["size"] == 0


async def test_leverage_and_modes(autojump_clock: Any, gate: Any) -> None:
    """Leverage goes by query; dual mode is refused while holding, and single-mode calls are refused in dual mode."""
    assert (await gate.call("GET", f"{BASE}/positions/BTC_USDT")).value["label"] == "POSITION_NOT_FOUND"
    path = f"{BASE}/positions/BTC_USDT/leverage"
    assert (await gate.ok("POST", path, "leverage=0&cross_leverage_limit=5"))["lever"] == "5"
    assert (await gate.ok("POST", path, "leverage=3"))["pos_margin_mode"] == "isolated"
    assert (await gate.call("POST", path, "leverage=500")).value["label"] == "LEVERAGE_TOO_HIGH"
    assert (await gate.call("POST", f"{BASE}/dual_mode", "dual_mode=false")).value["label"] == "NO_CHANGE"
    await gate.ok("POST", f"{BASE}/orders", body=order_of(1, "0", "ioc"))
    assert (await gate.call("POST", f"{BASE}/dual_mode", "dual_mode=true")).value["label"] == "POSITION_HOLDING"
    await gate.ok("POST", f"{BASE}/orders", body=order_of(0, "0", "ioc", close=True))
    account = await gate.ok("POST", f"{BASE}/dual_mode", "dual_mode=true")
    assert (account["in_dual_mode"], account["position_mode"]) == (True, "dual")
    answer = await gate.call("POST", f"{BASE}/orders", body=order_of(1, "0", "ioc"))
    assert answer.value["label"] == "POSITION_DUAL_MODE"


async def test_account_and_fee_types(autojump_clock: Any, gate: Any) -> None:
    """The account's money is text, its counters integers; the fee is the account's own."""
    account = await gate.ok("GET", f"{BASE}/accounts")
    assert (account["total"], account["available"], account["user"]) == ("10000", "10000", 10001)
    assert (account["position_mode"], account["margin_mode"]) == ("single", 0)
    fee = await gate.ok("GET", f"{BASE}/fee", "contract=BTC_USDT")
    assert fee == {"BTC_USDT": {"taker_fee": "0.0005", "maker_fee": "0.0002", "rpi_maker_fee": ""}}


async def test_pagination_headers(autojump_clock: Any, gate: Any) -> None:
    """Lists answer with their limit and offset."""
    for _ in range(3):
        await gate.ok("POST", f"{BASE}/orders", body=order_of(1, "0", "ioc"))
    answer = await gate.call("GET", f"{BASE}/orders", "status=finished&limit=2&offset=1")
    assert len(answer.value) == 2
    assert (answer.headers["x-pagination-limit"], answer.headers["x-pagination-offset"]) == ("2", "1")


async def test_amend_total_size(autojump_clock: Any, gate: Any) -> None:
    """PUT takes the new total size with the order's sign; the other sign is refused."""
    bid, _ = await gate.best("bid", futures=True)
    order = await gate.ok("POST", f"{BASE}/orders", body=order_of(5, bid - 100))
    path = f"{BASE}/orders/{order['id']}"
    assert (await gate.ok("PUT", path, body={"size": 3}))["left"] == 3
    assert (await gate.call("PUT", path, body={"size": -3})).value["label"] == "INVALID_ARGUMENT"


async def test_funding_row(autojump_clock: Any, gate: Any) -> None:
    """A settlement appears in the public history and as a `fund` row, paid by the long when the rate is positive."""
    await gate.ok("POST", f"{BASE}/orders", body=order_of(10, "0", "ioc"))
    gate.world.exchange.settle_funding("BTC/USDT")
    mark = gate.world.exchange.mark("BTC/USDT")
    row = (await gate.ok("GET", f"{BASE}/account_book", "type=fund"))[0]
    assert Decimal(row["change"]) == -(mark.mark * 10 * Decimal("0.0001") * mark.funding_rate)
    history = await gate.ok("GET", f"{BASE}/funding_rate", "contract=BTC_USDT", signed=False)
    assert Decimal(history[0]["r"]) == mark.funding_rate
    assert isinstance(history[0]["t"], int)
    answer = await gate.call("GET", f"{BASE}/funding_rate", "contract=BTC_USDT&from=1", signed=False)
    assert answer.value["message"] == "from time exceeds 180-day limit"


async def test_account_without_futures_wallet(autojump_clock: Any, gate: Any) -> None:
    """Before the first transfer into it, the perpetual wallet does not exist."""
    account = gate.world.exchange.account("10001")
    account.ledger.clear()
    account.balances.pop(("gate_futures", "USDT"))
    assert (await gate.call("GET", f"{BASE}/accounts")).value["label"] == "USER_NOT_FOUND"
