"""REST of the Gate spot fake: the life of orders, JSON types, refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.fakes.gateio_faults import delay, drop_reply, http_error
from dnbot.fakes.web import DropConnection

LIMIT: dict[str, Any] = {"currency_pair": "BTC_USDT", "side": "buy", "type": "limit", "account": "spot"}


def limit_order(price: Decimal | str, amount: str, side: str = "buy", **more: Any) -> dict[str, Any]:
    return LIMIT | {"side": side, "price": str(price), "amount": amount, "text": "t-leg1"} | more


async def free(gate: Any, currency: str) -> Decimal:
    rows = await gate.ok("GET", "/spot/accounts", f"currency={currency}")
    return Decimal(rows[0]["available"]) if rows else Decimal(0)


async def test_public_shapes(autojump_clock: Any, gate: Any) -> None:
    """Time, pairs, books, tickers and trades have the documented types."""
    assert isinstance((await gate.ok("GET", "/spot/time", signed=False))["server_time"], int)
    pair = await gate.ok("GET", "/spot/currency_pairs/BTC_USDT", signed=False)
    assert pair["id"] == "BTC_USDT"
    assert (pair["precision"], pair["amount_precision"], pair["min_quote_amount"]) == (1, 6, "3")
    book = await gate.ok("GET", "/spot/order_book", "currency_pair=BTC_USDT&limit=5&with_id=true", signed=False)
    assert list(book) == ["id", "current", "update", "asks", "bids"]
    assert all(isinstance(book[name], int) for name in ("id", "current", "update"))
    assert len(book["asks"]) == 5
    assert [type(text) for text in book["asks"][0]] == [str, str]
    assert Decimal(book["bids"][0][0]) > Decimal(book["bids"][1][0])
    assert "id" not in await gate.ok("GET", "/spot/order_book", "currency_pair=BTC_USDT", signed=False)
    ticker = (await gate.ok("GET", "/spot/tickers", "currency_pair=BTC_USDT", signed=False))[0]
    assert all(isinstance(text, str) for text in ticker.values())
    assert isinstance(await gate.ok("GET", "/spot/trades", "currency_pair=BTC_USDT", signed=False), list)


async def test_common_headers(autojump_clock: Any, gate: Any) -> None:
    """Every reply has trace, timing and rate headers."""
    first = await gate.call("GET", "/spot/time", signed=False)
    second = await gate.call("GET", "/spot/time", signed=False)
    for name in ("x-in-time", "x-out-time", "x-gate-trace-id", "x-gate-ratelimit-reset-timestamp"):
        assert second.headers[name]
    assert second.headers["x-gate-ratelimit-limit"] == "200"
    remain = "x-gate-ratelimit-requests-remain"
    assert int(first.headers[remain]) - int(second.headers[remain]) == 1


async def test_limit_order_rests_and_is_cancelled(autojump_clock: Any, gate: Any) -> None:
    """A passive order is created with 201, locks its cost, is listed, and comes back cancelled in full."""
    bid, _ = await gate.best("bid")
    before = await free(gate, "USDT")
    answer = await gate.call("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"))
    assert answer.status == 201
    order = answer.value
    assert isinstance(order["id"], str)
    assert isinstance(order["create_time"], str)
    assert isinstance(order["create_time_ms"], int)
    assert (order["status"], order["finish_as"], order["left"], order["text"]) == ("open", "open", "0.001", "t-leg1")
    assert (order["fee"], order["fee_currency"], order["filled_amount"]) == ("0", "BTC", "0")
    assert "avg_deal_price" not in order
    assert await free(gate, "USDT") == before - (bid - 100) * Decimal("0.001")
    query = "currency_pair=BTC_USDT"
    assert [row["id"] for row in await gate.ok("GET", "/spot/orders", f"{query}&status=open")] == [order["id"]]
    assert (await gate.ok("GET", "/spot/open_orders"))[0]["total"] == 1
    assert (await gate.ok("GET", "/spot/orders/t-leg1", query))["id"] == order["id"]
    ended = await gate.ok("DELETE", f"/spot/orders/{order['id']}", query)
    assert (ended["status"], ended["finish_as"], ended["left"]) == ("cancelled", "cancelled", "0.001")
    assert await free(gate, "USDT") == before
    again = await gate.call("DELETE", f"/spot/orders/{order['id']}", query)
    assert (again.status, again.value["label"]) == (404, "ORDER_NOT_FOUND")
    assert (await gate.ok("GET", f"/spot/orders/{order['id']}", query))["status"] == "cancelled"
    finished = await gate.ok("GET", "/spot/orders", f"{query}&status=finished")
    assert [row["id"] for row in finished] == [order["id"]]


async def test_text_lookup_ends_with_the_order(autojump_clock: Any, gate: Any) -> None:
    """A custom id is found only while its order is open."""
    bid, _ = await gate.best("bid")
    order = await gate.ok("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"))
    await gate.ok("DELETE", f"/spot/orders/{order['id']}", "currency_pair=BTC_USDT")
    answer = await gate.call("GET", "/spot/orders/t-leg1", "currency_pair=BTC_USDT")
    assert (answer.status, answer.value["label"]) == (404, "CLIENT_ID_NOT_FOUND")


async def test_ioc_partial_fill_is_cancelled_as_ioc(autojump_clock: Any, gate: Any) -> None:
    """An IOC order that meets too little ends cancelled/ioc with fills; the fee is an exact product in base."""
    ask, size = await gate.best("ask")
    amount = size + Decimal("0.001")
    order = await gate.ok("POST", "/spot/orders", body=limit_order(ask, str(amount), time_in_force="ioc"))
    assert (order["status"], order["finish_as"]) == ("cancelled", "ioc")
    assert Decimal(order["left"]) == Decimal("0.001")
    assert Decimal(order["filled_amount"]) == size
    assert Decimal(order["filled_total"]) == size * ask == Decimal(order["fill_price"])
    assert Decimal(order["avg_deal_price"]) == ask
    assert Decimal(order["fee"]) == size * Decimal("0.002")
    assert await free(gate, "BTC") == size * Decimal("0.998")


async def test_trades_carry_the_documented_types(autojump_clock: Any, gate: Any) -> None:
    """my_trades rows are all text and name order, role and fee."""
    ask, _ = await gate.best("ask")
    order = await gate.ok("POST", "/spot/orders", body=limit_order(ask, "0.001", time_in_force="ioc"))
    rows = await gate.ok("GET", "/spot/my_trades", f"currency_pair=BTC_USDT&order_id={order['id']}")
    assert rows
    assert all(isinstance(value, str) for row in rows for value in row.values())
    assert {(row["order_id"], row["role"], row["fee_currency"], row["text"]) for row in rows} == {
        (order["id"], "taker", "BTC", "t-leg1")
    }
    refusal = await gate.call("GET", "/spot/my_trades", f"order_id={order['id']}")
    assert refusal.value["label"] == "MISSING_REQUIRED_PARAM"


async def test_passive_ioc_is_accepted_and_ends_empty(autojump_clock: Any, gate: Any) -> None:
    """An IOC that meets nobody is created and ends without a fill."""
    bid, _ = await gate.best("bid")
    order = await gate.ok("POST", "/spot/orders", body=limit_order(bid - 100, "0.001", time_in_force="ioc"))
    assert (order["status"], order["finish_as"], order["left"]) == ("cancelled", "ioc", "0.001")


async def test_market_buy_spends_quote(autojump_clock: Any, gate: Any) -> None:
    """A market buy's amount is quote; base is floored to the lot and the rest of the quote stays."""
    body = LIMIT | {"type": "market", "amount": "20", "time_in_force": "ioc"}
    order = await gate.ok("POST", "/spot/orders", body=body)
    assert (order["status"], order["finish_as"], order["amount"]) == ("closed", "filled", "20")
    spent, left = Decimal(order["filled_total"]), Decimal(order["left"])
    assert spent + left == 20
    assert 0 <= left < Decimal("0.1")
    assert Decimal(order["filled_amount"]) % Decimal("0.000001") == 0


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"amount": "0.00001", "price": "100"}, "INVALID_PARAM_VALUE"),
        ({"amount": "5"}, "BALANCE_NOT_ENOUGH"),
        ({"price": "100.01", "amount": "1"}, "INVALID_PRECISION"),
        ({"currency_pair": "NOPE_USDT"}, "INVALID_CURRENCY_PAIR"),
        ({"text": "leg1"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-" + "x" * 29}, "INVALID_PARAM_VALUE"),
        ({"side": "BUY"}, "INVALID_PARAM_VALUE"),
        ({"time_in_force": "gtx"}, "INVALID_PARAM_VALUE"),
        ({"account": "unified"}, "INVALID_PARAM_VALUE"),
        ({"amount": "NaN"}, "INVALID_PARAM_VALUE"),
    ],
)
async def test_refusals(autojump_clock: Any, gate: Any, change: dict[str, str], label: str) -> None:
    """Impossible orders are refused with 400 and the documented label, and leave nothing behind."""
    bid, _ = await gate.best("bid")
    answer = await gate.call("POST", "/spot/orders", body=limit_order(bid - 100, "0.001") | change)
    assert (answer.status, answer.value["label"]) == (400, label)
    assert await gate.ok("GET", "/spot/open_orders") == []


async def test_minimum_notional_text(autojump_clock: Any, gate: Any) -> None:
    """The refusal below the minimum quotes the captured wording."""
    bid, _ = await gate.best("bid")
    answer = await gate.call("POST", "/spot/orders", body=limit_order(bid - 100, "0.00001"))
    assert answer.value["message"].endswith("USDT is too small. The minimum is 3 USDT")


async def test_post_only_and_fill_or_kill_refusals(autojump_clock: Any, gate: Any) -> None:
    """A crossing POC and an unfillable FOK are refused whole."""
    ask, _ = await gate.best("ask")
    poc = await gate.call("POST", "/spot/orders", body=limit_order(ask, "0.001", time_in_force="poc"))
    assert (poc.status, poc.value["label"]) == (400, "POC_FILL_IMMEDIATELY")
    fok = await gate.call("POST", "/spot/orders", body=limit_order("50000", "0.001", time_in_force="fok"))
    assert (fok.status, fok.value["label"]) == (400, "FOK_NOT_FILL")


async def test_unknown_order(autojump_clock: Any, gate: Any) -> None:
    """An id that never existed is 404 ORDER_NOT_FOUND."""
    answer = await gate.call("GET", "/spot/orders/123", "currency_pair=BTC_USDT")
    assert (answer.status, answer.value["label"]) == (404, "ORDER_NOT_FOUND")


async def test_unsigned_private_and_unknown_paths(autojump_clock: Any, gate: Any) -> None:
    """Both answer MISSING_REQUIRED_HEADER, message first."""
    for path in ("/spot/accounts", "/nowhere"):
        answer = await gate.call("GET", path, signed=False)
        assert answer.status == 400
        assert list(answer.value) == ["message", "label"]
        assert answer.value["label"] == "MISSING_REQUIRED_HEADER"


async def test_late_request_is_refused_before_anything_happens(autojump_clock: Any, gate: Any) -> None:
    """x-gate-exptime in the past refuses creates and cancels; in the future it changes nothing."""
    bid, _ = await gate.best("bid")
    late = {"x-gate-exptime": str(gate.now_s() * 1000 - 1)}
    answer = await gate.call("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"), headers=late)
    assert answer.value["label"] == "REQUEST_EXPIRED"
    assert await gate.ok("GET", "/spot/open_orders") == []
    soon = {"x-gate-exptime": str(gate.now_s() * 1000 + 3000)}
    order = await gate.ok("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"), headers=soon)
    path = f"/spot/orders/{order['id']}"
    refused = await gate.call("DELETE", path, "currency_pair=BTC_USDT", headers=late)
    assert refused.value["label"] == "REQUEST_EXPIRED"


async def test_placing_is_limited_to_ten_a_second_per_market(autojump_clock: Any, gate: Any) -> None:
    """The eleventh create within a second is 429; a second later creates pass again."""
    bid, _ = await gate.best("bid")
    bodies = [limit_order(bid - 100, "0.0001", text=f"t-{number}") for number in range(12)]
    statuses = [(await gate.call("POST", "/spot/orders", body=body)).status for body in bodies[:11]]
    assert statuses == [201] * 10 + [429]
    await trio.sleep(1)
    assert (await gate.call("POST", "/spot/orders", body=bodies[11])).status == 201


async def test_countdown_cancels_what_is_not_renewed(autojump_clock: Any, gate: Any) -> None:
    """An armed countdown cancels at its end; renewing postpones it, 0 disarms it."""
    bid, _ = await gate.best("bid")
    await gate.ok("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"))
    arm = {"timeout": 5, "currency_pair": "BTC_USDT"}
    answer = await gate.ok("POST", "/spot/countdown_cancel_all", body=arm)
    assert isinstance(answer["triggerTime"], str)
    await trio.sleep(4)
    await gate.ok("POST", "/spot/countdown_cancel_all", body=arm)
    await trio.sleep(4)
    assert await gate.ok("GET", "/spot/open_orders") != []
    await trio.sleep(1.5)
    assert await gate.ok("GET", "/spot/open_orders") == []
    assert (await gate.call("POST", "/spot/countdown_cancel_all", body={"timeout": 3})).status == 400


async def test_countdown_disarmed_does_nothing(autojump_clock: Any, gate: Any) -> None:
    """A disarmed countdown leaves orders alone."""
    bid, _ = await gate.best("bid")
    await gate.ok("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"))
    await gate.ok("POST", "/spot/countdown_cancel_all", body={"timeout": 5})
    await gate.ok("POST", "/spot/countdown_cancel_all", body={"timeout": 0})
    await trio.sleep(10)
    assert await gate.ok("GET", "/spot/open_orders") != []


async def test_amend_changes_price_and_amount(autojump_clock: Any, gate: Any) -> None:
    """PATCH moves an open order; an unchanged amendment is refused."""
    bid, _ = await gate.best("bid")
    order = await gate.ok("POST", "/spot/orders", body=limit_order(bid - 100, "0.001"))
    path, query = f"/spot/orders/{order['id']}", "currency_pair=BTC_USDT"
    moved = await gate.ok("PATCH", path, query, {"price": str(bid - 50), "amount": "0.002"})
    assert (moved["price"], moved["amount"], moved["left"]) == (f"{bid - 50:f}", "0.002", "0.002")
    same = await gate.call("PATCH", path, query, {"amount": "0.002"})
    assert same.value["label"] == "NO_CHANGE"


async def test_transfer_and_ledger(autojump_clock: Any, gate: Any) -> None:
    """Money moves between wallets and shows up in both ledgers."""
    body = {"currency": "USDT", "from": "spot", "to": "futures", "amount": "10", "settle": "usdt"}
    before = await free(gate, "USDT")
    assert isinstance((await gate.ok("POST", "/wallet/transfers", body=body))["tx_id"], int)
    assert await free(gate, "USDT") == before - 10
    row = (await gate.ok("GET", "/spot/account_book", "currency=USDT"))[0]
    assert (row["change"], type(row["time"]), type(row["id"])) == ("-10", int, str)
    newest = (await gate.ok("GET", "/futures/usdt/account_book"))[0]
    assert (newest["type"], newest["change"], newest["balance"]) == ("dnw", "10", "10010")
    poor = await gate.call("POST", "/wallet/transfers", body=body | {"amount": "1000000"})
    assert (poor.status, poor.value["label"]) == (400, "BALANCE_NOT_ENOUGH")


async def test_fees_and_account(autojump_clock: Any, gate: Any) -> None:
    """Fee and account objects have the documented types."""
    fee = await gate.ok("GET", "/wallet/fee")
    assert (fee["taker_fee"], fee["futures_taker_fee"], fee["user_id"]) == ("0.002", "0.0005", 10001)
    assert (await gate.ok("GET", "/account/detail"))["user_id"] == 10001
    assert (await gate.ok("GET", "/spot/batch_fee", "currency_pairs=BTC_USDT"))["BTC_USDT"]["maker_fee"] == "0.002"
    assert (await gate.ok("GET", "/unified/unified_mode"))["mode"] == "classic"
    gate.app.settings.account_mode = "unified"
    assert Decimal((await gate.ok("GET", "/unified/accounts"))["balances"]["USDT"]["available"]) == 30000
    assert (await gate.ok("GET", "/spot/accounts", "currency=USDT"))[0]["available"] == "0"


async def test_faults_strike_before_or_after_execution(autojump_clock: Any, gate: Any) -> None:
    """A status override executes nothing, a lost reply executes everything, a delay can outlive the expiry."""
    bid, _ = await gate.best("bid")
    body = limit_order(bid - 100, "0.001")
    gate.app.faults.append(http_error("/spot/orders", 500))
    assert (await gate.call("POST", "/spot/orders", body=body)).status == 500
    assert await gate.ok("GET", "/spot/open_orders") == []
    gate.app.faults.append(drop_reply("/spot/orders", method="POST"))
    with pytest.raises(DropConnection):
        await gate.call("POST", "/spot/orders", body=body)
    assert len(await gate.ok("GET", "/spot/open_orders")) == 1
    gate.app.faults.append(delay("/spot/orders", 5.0))
    soon = {"x-gate-exptime": str(gate.now_s() * 1000 + 3000)}
    answer = await gate.call("POST", "/spot/orders", body=body, headers=soon)
    assert answer.value["label"] == "REQUEST_EXPIRED"
