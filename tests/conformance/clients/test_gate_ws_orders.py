"""gate-ws (official, orders over the socket), with gate-api beside it for what only REST can tell."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from fakes_server import Fakes
from gate_client import CONTRACT, PAIR, Gate
from gate_ws import futures as perp
from gate_ws import spot
from gate_ws_client import Heard, connected

D = Decimal
FRAMES = 15


@pytest.fixture
def gate(fakes: Fakes) -> Gate:
    """The trader over REST."""
    return Gate(fakes, fakes.key, fakes.secret)


async def outcome(heard: Heard, channel: str, req_id: str) -> dict[str, Any]:
    """The last frame of a request: the one that is no acknowledgement."""
    found = await heard.until(channel, lambda r: answers(r, req_id) and not json.loads(r.body).get("ack"))
    return json.loads(found.body, parse_float=D)


def answers(response: Any, req_id: str) -> bool:
    """Whether an answer is to that request."""
    return json.loads(response.body).get("request_id") == req_id


async def test_a_spot_order_lives_over_the_socket(on_spot: Heard, gate: Gate) -> None:
    """Login, ack with the raw echo, result; status, amend, cancel; REST sees the same."""
    price = str(int((await asyncio.to_thread(gate.best))[0] * D("0.97")))
    body = {"currency_pair": PAIR, "side": "buy", "type": "limit", "amount": "0.001", "price": price, "text": "t-api"}
    spot.SpotOrderPlaceChannel(on_spot.connection).api_request(body, "", "place-1")
    login = json.loads((await on_spot.until("spot.login", lambda _: True)).body)
    assert (login["header"]["status"], login["data"]["result"]["uid"]) == (
        "200",
        str(gate.account.get_account_detail().user_id),
    )
    ack = await on_spot.until("spot.order_place", lambda r: answers(r, "place-1") and json.loads(r.body).get("ack"))
    assert json.loads(ack.body)["data"]["result"]["req_param"] == body
    placed = await outcome(on_spot, "spot.order_place", "place-1")
    order = placed["data"]["result"]
    assert (placed["header"]["status"], order["status"], order["text"]) == ("200", "open", "t-api")
    look = {"order_id": order["id"], "currency_pair": PAIR}
    spot.SpotOrderStatusChannel(on_spot.connection).api_request(look, "", "status-1")
    assert (await outcome(on_spot, "spot.order_status", "status-1"))["data"]["result"]["id"] == order["id"]
    spot.SpotOrderAmendChannel(on_spot.connection).api_request({**look, "amount": "0.002"}, "", "amend-1")
    assert (await outcome(on_spot, "spot.order_amend", "amend-1"))["data"]["result"]["amount"] == "0.002"
    spot.SpotOrderCancelChannel(on_spot.connection).api_request(look, "", "cancel-1")
    assert (await outcome(on_spot, "spot.order_cancel", "cancel-1"))["data"]["result"]["finish_as"] == "cancelled"
    assert (await asyncio.to_thread(gate.spot.get_order, order["id"], PAIR)).status == "cancelled"


async def test_spot_cancels_of_many(on_spot: Heard, gate: Gate) -> None:
    """By ids, item by item; by pair and side."""
    price = int((await asyncio.to_thread(gate.best))[0] * D("0.97"))
    orders = [await asyncio.to_thread(gate.place, "buy", "0.001", price) for _ in range(2)]
    wanted = [{"currency_pair": PAIR, "id": orders[0].id}, {"currency_pair": PAIR, "id": "999"}]
    spot.SpotOrderCancelIdsChannel(on_spot.connection).api_request(wanted, "", "ids-1")
    good, bad = (await outcome(on_spot, "spot.order_cancel_ids", "ids-1"))["data"]["result"]
    assert (good["id"], good["succeeded"]) == (orders[0].id, True)
    assert bad["label"] == "ORDER_NOT_FOUND"
    body = {"currency_pair": PAIR, "side": "buy"}
    spot.SpotOrderCancelCpChannel(on_spot.connection).api_request(body, "", "cp-1")
    [gone] = (await outcome(on_spot, "spot.order_cancel_cp", "cp-1"))["data"]["result"]
    assert gone["id"] == orders[1].id


@pytest.mark.parametrize(
    ("body", "status", "label"),
    [
        ({"amount": "5"}, "400", "BALANCE_NOT_ENOUGH"),
        ({"amount": "0.00002"}, "400", "INVALID_PARAM_VALUE"),
        ({"currency_pair": "NO_PAIR"}, "400", "INVALID_CURRENCY_PAIR"),
        ({"text": "mine"}, "400", "INVALID_PARAM_VALUE"),
    ],
)
async def test_spot_refusals_over_the_socket(
    on_spot: Heard, gate: Gate, body: dict[str, str], status: str, label: str
) -> None:
    """The request is acknowledged before it is judged, then refused with the label inside the message, too."""
    price = str(int((await asyncio.to_thread(gate.best))[0] * D("0.97")))
    whole = {"currency_pair": PAIR, "side": "buy", "type": "limit", "amount": "0.001", "price": price, **body}
    spot.SpotOrderPlaceChannel(on_spot.connection).api_request(whole, "", "bad-1")
    found = await outcome(on_spot, "spot.order_place", "bad-1")
    assert (found["header"]["status"], found["data"]["errs"]["label"]) == (status, label)
    assert label in found["data"]["errs"]["message"]


async def test_an_unknown_spot_order_over_the_socket(on_spot: Heard) -> None:
    """404 ORDER_NOT_FOUND."""
    look = {"order_id": "123456789", "currency_pair": PAIR}
    spot.SpotOrderStatusChannel(on_spot.connection).api_request(look, "", "none-1")
    found = await outcome(on_spot, "spot.order_status", "none-1")
    assert (found["header"]["status"], found["data"]["errs"]["label"]) == ("404", "ORDER_NOT_FOUND")


@pytest.mark.parametrize(
    ("key", "secret", "label"), [("wrong", None, "INVALID_KEY"), (None, "wrong", "INVALID_SIGNATURE")]
)
async def test_a_login_with_a_wrong_key_or_secret(
    fakes: Fakes, key: str | None, secret: str | None, label: str
) -> None:
    """401 on the login, and what follows on that socket is refused."""
    async with connected(fakes, "spot", key, secret) as heard:
        spot.SpotOrderStatusChannel(heard.connection).api_request({"order_id": "1", "currency_pair": PAIR}, "", "no-1")
        login = json.loads((await heard.until("spot.login", lambda _: True)).body)
        after = await outcome(heard, "spot.order_status", "no-1")
    assert (login["header"]["status"], login["data"]["errs"]["label"]) == ("401", label)
    assert after["header"]["status"] != "200"


async def test_a_futures_order_lives_over_the_socket(on_perp: Heard, gate: Gate) -> None:
    """Ack, result, list, amend, cancel; sizes are integers without the header."""
    price = str(int((await asyncio.to_thread(gate.perp_best))[0] * D("0.97")))
    body = {"contract": CONTRACT, "size": 5, "price": price, "tif": "gtc", "text": "t-api"}
    perp.FuturesOrderPlaceChannel(on_perp.connection).api_request(body, "", "place-1")
    ack = await on_perp.until("futures.order_place", lambda r: answers(r, "place-1") and json.loads(r.body).get("ack"))
    assert json.loads(ack.body)["data"]["result"]["req_param"] == body
    order = (await outcome(on_perp, "futures.order_place", "place-1"))["data"]["result"]
    assert (order["status"], order["size"], order["left"]) == ("open", 5, 5)
    look = {"order_id": str(order["id"])}
    perp.FuturesOrderListChannel(on_perp.connection).api_request({"contract": CONTRACT, "status": "open"}, "", "list-1")
    assert [o["id"] for o in (await outcome(on_perp, "futures.order_list", "list-1"))["data"]["result"]] == [
        order["id"]
    ]
    perp.FuturesOrderAmendChannel(on_perp.connection).api_request({**look, "size": 3}, "", "amend-1")
    assert (await outcome(on_perp, "futures.order_amend", "amend-1"))["data"]["result"]["size"] == 3
    perp.FuturesOrderStatusChannel(on_perp.connection).api_request(look, "", "status-1")
    assert (await outcome(on_perp, "futures.order_status", "status-1"))["data"]["result"]["left"] == 3
    perp.FuturesOrderCancelChannel(on_perp.connection).api_request(look, "", "cancel-1")
    assert (await outcome(on_perp, "futures.order_cancel", "cancel-1"))["data"]["result"]["finish_as"] == "cancelled"


async def test_a_futures_batch_and_cancel_by_side(on_perp: Heard, gate: Gate) -> None:
    """Item by item; then all bids of the contract."""
    price = str(int((await asyncio.to_thread(gate.perp_best))[0] * D("0.97")))
    item = {"contract": CONTRACT, "size": 2, "price": price, "tif": "gtc"}
    perp.FuturesOrderBatchPlaceChannel(on_perp.connection).api_request(
        [item, {**item, "price": "20000"}], "", "batch-1"
    )
    good, bad = (await outcome(on_perp, "futures.order_batch_place", "batch-1"))["data"]["result"]
    assert (good["succeeded"], bad["succeeded"], bad["label"]) == (True, False, "PRICE_TOO_DEVIATED")
    perp.FuturesOrderCancelCpChannel(on_perp.connection).api_request({"contract": CONTRACT, "side": "bid"}, "", "cp-1")
    assert [o["id"] for o in (await outcome(on_perp, "futures.order_cancel_cp", "cp-1"))["data"]["result"]] == [
        good["id"]
    ]


async def test_a_refused_futures_order_over_the_socket(on_perp: Heard) -> None:
    """An unknown order cannot be cancelled: ORDER_NOT_FOUND."""
    perp.FuturesOrderCancelChannel(on_perp.connection).api_request({"order_id": "999999999999"}, "", "none-1")
    found = await outcome(on_perp, "futures.order_cancel", "none-1")
    assert found["data"]["errs"]["label"] == "ORDER_NOT_FOUND"
