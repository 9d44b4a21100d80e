"""Orders over the sockets of the Gate fake."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

SPOT, FUTURES = "/ws/v4/", "/v4/ws/usdt"


async def test_login(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A login answers the user id as text; a wrong signature is 401."""
    async with connect(FUTURES) as stream:
        answer = await stream.login("futures")
        assert answer["header"]["status"] == "200"
        assert answer["data"]["result"] == {"uid": "10001", "api_key": "fake-key"}
        assert answer["request_id"] == "login-1"
        assert isinstance(answer["header"]["response_time"], str)
        stamp = str(gate.now_s())
        bad = await stream.api("futures.login", "l2", timestamp=stamp, api_key="fake-key", signature="00")
        assert (bad["header"]["status"], bad["data"]["errs"]["label"]) == ("401", "INVALID_SIGNATURE")


async def test_trading_needs_a_login(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Without a login every trading call is refused with 400 "Not login"."""
    async with connect(SPOT) as stream:
        answer = await stream.api("spot.order_place", "r1", {"currency_pair": "BTC_USDT"})
        assert answer["header"]["status"] == "400"
        assert answer["data"]["errs"] == {"label": "AUTHENTICATION_FAILED", "message": "Not login"}


async def test_spot_place_acks_then_answers(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A placement gives an ack that echoes it and a result without fee fields; status and cancel give one frame."""
    bid, _ = await gate.best("bid")
    async with connect(SPOT) as stream:
        await stream.login("spot")
        param = {"text": "t-w1", "currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": str(bid - 9)}
        ack = await stream.api("spot.order_place", "r1", param)
        assert ack["ack"] is True
        assert ack["data"]["result"]["req_param"] == param
        result = await stream.next("spot.order_place")
        assert "ack" not in result
        assert result["request_id"] == ack["request_id"] == "r1"
        order = result["data"]["result"]
        assert (order["status"], order["text"], type(order["create_time_ms"])) == ("open", "t-w1", int)
        assert not [name for name in order if "fee" in name]
        ids = {"order_id": order["id"], "currency_pair": "BTC_USDT"}
        assert (await stream.api("spot.order_status", "r2", ids))["data"]["result"]["id"] == order["id"]
        cancelled = await stream.api("spot.order_cancel", "r3", ids)
        assert cancelled["data"]["result"]["finish_as"] == "cancelled"
        gone = await stream.api("spot.order_cancel", "r4", ids)
        assert (gone["header"]["status"], gone["data"]["errs"]["label"]) == ("404", "ORDER_NOT_FOUND")


async def test_refused_placement_is_acked_first(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """The ack comes before validation, even for nonsense; the refusal wraps label and text."""
    async with connect(SPOT) as stream:
        await stream.login("spot")
        param = {"currency_pair": "BTC_USDT", "side": "BUY", "amount": "-1", "price": "1"}
        assert (await stream.api("spot.order_place", "r1", param))["ack"] is True
        errs = (await stream.next("spot.order_place"))["data"]["errs"]
        assert errs["label"] == "INVALID_PARAM_VALUE"
        assert errs["message"].startswith("label: INVALID_PARAM_VALUE, message: ")
        answer = await stream.api("spot.order_place", "r2", "nonsense")
        assert "ack" not in answer
        assert answer["data"]["errs"] == {"label": "INVALID_ARGUMENT", "message": "OrderPlace request params error"}


async def test_futures_place_and_the_two_not_founds(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A short fills by socket; cancelling the unknown is 400, cancelling the ended 404, both with an empty text."""
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        param = {"contract": "BTC_USDT", "size": -2, "price": "0", "tif": "ioc", "text": "t-w2"}
        assert (await stream.api("futures.order_place", "r1", param))["ack"] is True
        order = (await stream.next("futures.order_place"))["data"]["result"]
        assert (order["size"], order["status"], order["finish_as"]) == (-2, "finished", "filled")
        assert "left" not in order
        assert "is_reduce_only" not in order
        assert isinstance(order["id"], int)
        assert isinstance(order["create_time"], Decimal | int)
        message = "label: ORDER_NOT_FOUND, message: "
        unknown = await stream.api("futures.order_cancel", "r2", {"order_id": "123"})
        assert (unknown["header"]["status"], unknown["data"]["errs"]["message"]) == ("400", message)
        late = await stream.api("futures.order_cancel", "r3", {"order_id": str(order["id"])})
        assert (late["header"]["status"], late["data"]["errs"]["message"]) == ("404", message)


async def test_cancel_cp(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Every open order of a contract and side is cancelled and returned."""
    bid, _ = await gate.best("bid", futures=True)
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        for number in range(2):
            param = {"contract": "BTC_USDT", "size": 1, "price": str(bid - 100 - number)}
            await stream.api("futures.order_place", f"r{number}", param)
            await stream.next("futures.order_place")
        answer = await stream.api("futures.order_cancel_cp", "c", {"contract": "BTC_USDT", "side": "bid"})
        assert [order["finish_as"] for order in answer["data"]["result"]] == ["cancelled", "cancelled"]


async def test_expiry_in_req_header_is_a_switch(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """x-gate-exptime in req_header refuses a late placement, unless the venue ignores it there."""
    late = {"x-gate-exptime": str(gate.now_s() * 1000 - 1)}
    param = {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc"}
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        await stream.api("futures.order_place", "r1", param, req_header=late)
        assert (await stream.next("futures.order_place"))["data"]["errs"]["label"] == "REQUEST_EXPIRED"
        gate.app.settings.exptime_on_ws_api = False
        await stream.api("futures.order_place", "r2", param, req_header=late)
        assert (await stream.next("futures.order_place"))["data"]["result"]["finish_as"] == "filled"


async def test_spot_placements_are_limited(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """The eleventh placement within a second is 429 with the documented text, without an ack."""
    bid, _ = await gate.best("bid")
    param = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": str(bid - 9)}
    async with connect(SPOT) as stream:
        await stream.login("spot")
        for number in range(11):
            payload = {"req_id": f"r{number}", "req_param": param}
            await stream.send({"time": 1, "channel": "spot.order_place", "event": "api", "payload": payload})
        frames = [await stream.next("spot.order_place") for _ in range(21)]
        errs = frames[-1]["data"]["errs"]
        assert frames[-1]["header"]["status"] == "429"
        assert errs == {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (211)"}
