"""Several orders in one request to the Gate fake, over REST and sockets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import trio

U = "/futures/usdt"


def spot(text: str, price: Decimal | str, **more: Any) -> dict[str, Any]:
    return {
        "text": text, "currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": str(price)
    } | more  # fmt: skip


def perp(text: str, price: Decimal | str, size: int = 1, **more: Any) -> dict[str, Any]:
    return {"text": text, "contract": "BTC_USDT", "size": size, "price": str(price)} | more


async def test_spot_batch_says_of_each_item_whether_it_succeeded(autojump_clock: Any, gate: Any) -> None:
    """Good items are orders, bad ones label and message; the order of the answer is that of the request."""
    items = [spot("t-a", 50000), spot("t-b", 50000, amount="9"), spot("", 50000), spot("t-d", 50000, action_mode="ACK")]
    answer = await gate.call("POST", "/spot/batch_orders", body=items)
    assert answer.status == 200
    good, poor, nameless, short = answer.value
    assert (good["succeeded"], good["text"], good["status"], good["order_id"]) == (True, "t-a", "open", good["id"])
    assert poor == {
        "text": "t-b", "succeeded": False, "label": "BALANCE_NOT_ENOUGH", "message": "Not enough balance"
    }  # fmt: skip
    assert nameless["label"] == "MISSING_REQUIRED_PARAM"
    assert set(short) == {"order_id", "succeeded", "id", "text", "amend_text"}


async def test_spot_batch_is_refused_whole(autojump_clock: Any, gate: Any) -> None:
    """Too many orders of a pair, accounts that differ, too long or no array at all."""
    for items in (
        [spot(f"t-{number}", 50000) for number in range(11)],
        [spot("t-a", 50000), spot("t-b", 50000, account="unified")],
        [spot(f"t-{number}", 50000) for number in range(41)],
        [],
        {"text": "t-a"},
    ):
        answer = await gate.call("POST", "/spot/batch_orders", body=items)
        assert answer.status == 400, items
    assert await gate.ok("GET", "/spot/open_orders") == []


async def test_a_spot_batch_is_one_request_per_market(autojump_clock: Any, gate: Any) -> None:
    """Ten requests a second and market, however many orders are in each."""
    bodies = [[spot(f"t-{batch}-{number}", 50000) for number in range(10)] for batch in range(11)]
    answers = [await gate.call("POST", "/spot/batch_orders", body=body) for body in bodies]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert answers[0].headers["x-gate-ratelimit-limit"] == "10"


async def test_spot_amend_batch(autojump_clock: Any, gate: Any) -> None:
    """Up to five changes by id or custom id; what was said about a change is shown in the order."""
    await gate.ok("POST", "/spot/batch_orders", body=[spot("t-a", 50000), spot("t-b", 50000)])
    pair = {"currency_pair": "BTC_USDT"}
    changes = [
        {"order_id": "t-a", "price": "50001", "amend_text": "t-moved"} | pair,
        {"order_id": "t-b", "amount": "0.002"} | pair,
        {"order_id": "t-c", "price": "1"} | pair,
        {"order_id": "t-a", "price": "1"},
    ]
    first, second, third, fourth = await gate.ok("POST", "/spot/amend_batch_orders", body=changes)
    assert (first["price"], first["amend_text"], second["amount"]) == ("50001", "t-moved", "0.002")
    assert (third["succeeded"], third["label"]) == (False, "CLIENT_ID_NOT_FOUND")
    assert fourth["label"] == "MISSING_REQUIRED_PARAM"
    assert (await gate.ok("GET", "/spot/orders/t-a", "currency_pair=BTC_USDT"))["amend_text"] == "t-moved"
    answer = await gate.call("POST", "/spot/amend_batch_orders", body=[changes[0]] * 6)
    assert (answer.status, answer.value["label"]) == (400, "TOO_BIG")


async def test_futures_batch(autojump_clock: Any, gate: Any) -> None:
    """A malformed item fails the whole request; what the venue refuses fails alone, with `detail`."""
    answer = await gate.call("POST", f"{U}/batch_orders", body=[perp("t-a", 50000), perp("t-b", "x")])
    assert (answer.status, answer.value["label"]) == (400, "INVALID_ARGUMENT")
    assert await gate.ok("GET", f"{U}/orders", "status=open") == []
    items = [perp("t-a", 50000), perp("t-b", 1), perp("t-c", 50000, contract="NOPE_USDT"), perp("t-d", 50000, -9)]
    good, far, unknown, crossing = await gate.ok("POST", f"{U}/batch_orders", body=items)
    assert (good["succeeded"], good["text"], type(good["id"])) == (True, "t-a", int)
    assert (far["succeeded"], far["label"]) == (False, "PRICE_TOO_DEVIATED")
    assert set(far) == {"succeeded", "label", "detail"}
    assert unknown["label"] == "CONTRACT_NOT_FOUND"
    assert crossing["finish_as"] == "filled"
    changed, missing = await gate.ok(
        "POST", f"{U}/batch_amend_orders", body=[{"order_id": good["id"], "price": "50001"}, {"text": "t-z", "size": 1}]
    )
    assert (changed["price"], missing["label"]) == ("50001", "ORDER_NOT_FOUND")
    body = [str(good["id"]), "t-a", "77"]
    rows = await gate.ok("POST", f"{U}/batch_cancel_orders", body=body)
    assert rows[0] == {"id": str(good["id"]), "user_id": 10001, "succeeded": True, "message": ""}
    assert [row["message"] for row in rows[1:]] == ["ORDER_NOT_FOUND"] * 2
    for bad in ([], {}, [1.5], [str(number) for number in range(21)]):
        assert (await gate.call("POST", f"{U}/batch_cancel_orders", body=bad)).status == 400


async def test_every_order_of_a_futures_batch_counts(autojump_clock: Any, gate: Any) -> None:
    """A hundred orders a second: those of a batch beyond it come back as TOO_MANY_REQUESTS, the others are placed."""
    gone = {"label": "CONTRACT_NOT_FOUND"}
    body = [perp("", 50000, contract="NOPE_USDT") for _ in range(10)]
    for _ in range(9):
        assert [row["label"] for row in await gate.ok("POST", f"{U}/batch_orders", body=body)] == [gone["label"]] * 10
    for _ in range(5):
        await gate.call("POST", f"{U}/orders", body=body[0])
    labels = [row["label"] for row in await gate.ok("POST", f"{U}/batch_orders", body=body)]
    assert labels == [gone["label"]] * 5 + ["TOO_MANY_REQUESTS"] * 5
    assert (await gate.call("POST", f"{U}/orders", body=body[0])).status == 429
    await trio.sleep(1)
    assert (await gate.call("POST", f"{U}/orders", body=body[0])).status == 400


async def test_cancelling_by_side_spares_reduce_only(autojump_clock: Any, gate: Any) -> None:
    """`side` is bid or ask; `exclude_reduce_only` leaves orders that only reduce; without a contract all go."""
    ask, _ = await gate.best("ask", futures=True)
    await gate.ok("POST", f"{U}/orders", body=perp("t-open", 0, 5, tif="ioc"))
    await gate.ok("POST", f"{U}/orders", body=perp("t-out", ask + 50, -5, reduce_only=True))
    await gate.ok("POST", f"{U}/orders", body=perp("t-ask", ask + 60, -1))
    await gate.ok("POST", f"{U}/orders", body=perp("t-bid", ask - 90, 1))
    query = "contract=BTC_USDT&side=ask&exclude_reduce_only=true"
    assert [row["text"] for row in await gate.ok("DELETE", f"{U}/orders", query)] == ["t-ask"]
    left = await gate.ok("DELETE", f"{U}/orders", "action_mode=ACK")
    assert [set(row) for row in left] == [{"id", "text", "amend_text"}] * 2
    for bad in ("side=buy", "exclude_reduce_only=1"):
        assert (await gate.call("DELETE", f"{U}/orders", f"contract=BTC_USDT&{bad}")).status == 400


async def test_open_orders_are_paged_within_a_pair(autojump_clock: Any, gate: Any) -> None:
    """`total` counts all orders of the pair, `orders` is the page of them."""
    await gate.ok("POST", "/spot/batch_orders", body=[spot(f"t-{number}", 50000) for number in range(5)])
    answer = await gate.call("GET", "/spot/open_orders", "page=2&limit=2")
    (row,) = answer.value
    assert (row["total"], [order["text"] for order in row["orders"]]) == (5, ["t-2", "t-1"])
    assert (answer.headers["x-pagination-page"], answer.headers["x-pagination-limit"]) == ("2", "2")
    assert (await gate.call("GET", "/spot/open_orders", "limit=101")).status == 400
