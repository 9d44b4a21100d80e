"""What the documents say about Gate's sockets beside orders and books: switches, limits, families, announcements."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio
import trio_websocket

from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT

SPOT, FUTURES = "/ws/v4/", "/v4/ws/usdt"
DECIMAL = {"x-gate-size-decimal": "1"}
LIMIT = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "50000"}


def quote(gate: Any, venue: Any = GATE_FUTURES) -> None:
    """Somebody outside adds a level at the best bid, or takes it away again."""
    exchange, market = gate.world.exchange, gate.world.exchange.state.markets[venue, "BTC/USDT"]
    if market.order("extra") is not None:
        exchange.external_cancel(venue, "BTC/USDT", "extra")
    else:
        best = market.best("buy")
        assert best is not None
        exchange.external_place(venue, "BTC/USDT", "extra", "buy", best[0], Decimal(5))


async def test_action_mode_chooses_the_fields(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """ACK gives three fields, RESULT no fees, FULL all; without a wish a switch decides, as the sources disagree."""
    async with connect(SPOT) as stream:
        await stream.login("spot")

        async def fields(text: str, **more: Any) -> set[str]:
            await stream.api("spot.order_place", text, LIMIT | {"text": text} | more)
            return set((await stream.next("spot.order_place"))["data"]["result"])

        assert await fields("t-a", action_mode="ACK") == {"id", "text", "amend_text"}
        bare = await fields("t-b")
        assert bare == await fields("t-c", action_mode="RESULT")
        whole = await fields("t-d", action_mode="FULL")
        assert {"fee", "fee_currency", "point_fee", "gt_fee", "rebated_fee", "gt_discount"} <= whole - bare
        assert bare < whole
        gate.app.settings.ws_api_fees = True
        assert await fields("t-e") == whole
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        param = {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc", "action_mode": "FULL"}
        await stream.api("futures.order_place", "r", param)
        order = (await stream.next("futures.order_place"))["data"]["result"]
        assert (order["tkfr"], order["mkfr"]) == ("0.0005", "0.0002")


async def test_orders_of_the_socket_say_so(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Without a custom id an order of the WebSocket API shows `apiv4-ws`, everywhere; one of REST its own origin."""
    async with connect(SPOT) as stream:
        await stream.login("spot")
        await stream.subscribe("spot.orders", ["!all"], private=True)
        await stream.api("spot.order_place", "r1", LIMIT)
        pushed = (await stream.next("spot.orders", "update"))["result"][0]
        order = (await stream.next("spot.order_place"))["data"]["result"]
        assert order["text"] == pushed["text"] == "apiv4-ws"
        await stream.api("spot.order_place", "r2", LIMIT | {"iceberg": "0.0005"})
        assert (await stream.next("spot.order_place"))["data"]["result"]["iceberg"] == "0.0005"
    rest = await gate.ok("POST", "/spot/orders", body=LIMIT)
    assert rest["text"] == "apiv4"
    texts = [row["text"] for row in await gate.ok("GET", "/spot/orders", "currency_pair=BTC_USDT&status=open")]
    assert texts == ["apiv4", "apiv4-ws", "apiv4-ws"]


async def test_trading_answers_tell_the_limit(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Placements and amendments carry remaining, limit and reset (ms); nothing that is 0; look-ups carry none."""
    async with connect(SPOT) as stream:
        await stream.login("spot")
        ack = await stream.api("spot.order_place", "r1", LIMIT | {"text": "t-a"})
        header = ack["header"]
        assert (header["x_gate_ratelimit_requests_remain"], header["x_gate_ratelimit_limit"]) == (9, 10)
        assert header["x_gate_ratelimit_reset_timestamp"] == gate.now_s() * 1000
        for _ in range(9):
            await stream.api("spot.order_place", "r", LIMIT | {"amount": "9"})
        frames = [await stream.next("spot.order_place") for _ in range(10)]
        assert "x_gate_ratelimit_requests_remain" not in frames[-1]["header"]
        status = await stream.api("spot.order_status", "s", {"order_id": "t-a", "currency_pair": "BTC_USDT"})
        assert not [name for name in status["header"] if "ratelimit" in name]


async def test_order_lists_honour_their_parameters(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """order_list takes what its REST twin takes, and refuses the same."""
    for number in range(3):
        await gate.ok("POST", "/spot/orders", body=LIMIT | {"text": f"t-{number}"})
        body = {"contract": "BTC_USDT", "size": 1, "price": "50000", "text": f"t-{number}"}
        await gate.ok("POST", "/futures/usdt/orders", body=body)
    async with connect(SPOT) as stream:
        await stream.login("spot")
        param = {"currency_pair": "BTC_USDT", "status": "open", "page": 2, "limit": 2}
        rows = (await stream.api("spot.order_list", "l", param))["data"]["result"]
        assert [row["text"] for row in rows] == ["t-0"]
        bad = await stream.api("spot.order_list", "l", param | {"limit": 101})
        assert (bad["header"]["status"], bad["data"]["errs"]["label"]) == ("400", "INVALID_PARAM_VALUE")
        bad = await stream.api("spot.order_list", "l", {"status": "open"})
        assert bad["data"]["errs"]["label"] == "MISSING_REQUIRED_PARAM"
        empty = await stream.api("spot.order_list", "l", param | {"account": "margin"})
        assert empty["data"]["result"] == []
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        rows = (await stream.api("futures.order_list", "l", {"status": "open", "limit": 2}))["data"]["result"]
        assert [row["text"] for row in rows] == ["t-2", "t-1"]
        param = {"status": "open", "last_id": rows[1]["id"]}
        rows = (await stream.api("futures.order_list", "l", param))["data"]["result"]
        assert [row["text"] for row in rows] == ["t-0"]
        bad = await stream.api("futures.order_list", "l", {"status": "all"})
        assert bad["data"]["errs"]["label"] == "INVALID_ARGUMENT"


async def test_a_socket_batch(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Items succeed or fail alone, by `message` on spot, by `detail` on futures; a malformed one there fails all."""
    async with connect(SPOT) as stream:
        await stream.login("spot")
        items = [LIMIT | {"text": "t-a"}, LIMIT | {"text": "t-b", "amount": "9"}]
        ack = await stream.api("spot.order_place", "b", items)
        assert ack["ack"] is True
        good, poor = (await stream.next("spot.order_place"))["data"]["result"]
        assert (good["succeeded"], good["text"]) == (True, "t-a")
        assert (poor["text"], poor["label"], poor["message"]) == ("t-b", "BALANCE_NOT_ENOUGH", "Not enough balance")
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        item = {"contract": "BTC_USDT", "size": 1, "price": "50000", "text": "t-a"}
        await stream.api("futures.order_batch_place", "b", [item, item | {"price": "1", "text": "t-b"}])
        good, far = (await stream.next("futures.order_batch_place"))["data"]["result"]
        assert (good["succeeded"], "tkfr" in good) == (True, False)
        assert (far["succeeded"], far["label"], "detail" in far) == (False, "PRICE_TOO_DEVIATED", True)
        await stream.api("futures.order_batch_place", "b", [item | {"text": "t-c"}, item | {"size": "x"}])
        answer = await stream.next("futures.order_batch_place")
        assert answer["data"]["errs"]["label"] == "INVALID_ARGUMENT"
    assert [o["text"] for o in await gate.ok("GET", "/futures/usdt/orders", "status=open")] == ["t-a"]


async def test_one_order_book_v2_per_market(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A second depth of the same market is an error that names it; after unsubscribing it is welcome."""
    async with connect(FUTURES) as stream:
        assert "error" not in await stream.subscribe("futures.obu", ["ob.BTC_USDT.50"])
        refused = await stream.subscribe("futures.obu", ["ob.BTC_USDT.400"])
        assert refused["error"] == {"code": 2, "message": "Alert sub ob.BTC_USDT.400"}
        unsubscribe = {"time": 1, "channel": "futures.obu", "event": "unsubscribe", "payload": ["ob.BTC_USDT.50"]}
        await stream.send(unsubscribe)
        await stream.next("futures.obu", "unsubscribe")
        assert "error" not in await stream.subscribe("futures.obu", ["ob.BTC_USDT.400"])
        both = await stream.subscribe("futures.obu", ["ob.X_USDT.50", "ob.X_USDT.400"])
        assert both["error"]["code"] == 2


async def test_whole_books_come_at_any_time(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A whole book replaces an increment when it is asked for, or by chance; its ids go on without a gap."""
    async with connect(FUTURES) as stream:
        await stream.subscribe("futures.order_book_update", ["BTC_USDT", "100ms", "20"])
        await stream.subscribe("futures.obu", ["ob.BTC_USDT.50"])
        quote(gate)
        first = (await stream.next("futures.order_book_update", "update"))["result"]
        gate.app.send_whole_book(GATE_FUTURES, "BTC/USDT")
        quote(gate)
        obu = (await stream.next("futures.obu", "update"))["result"]
        whole = (await stream.next("futures.order_book_update", "update"))["result"]
        assert ("full" in first, whole["full"], whole["U"]) == (False, True, first["u"] + 1)
        assert (len(whole["b"]), len(whole["a"])) == (20, 20)
        assert (obu["full"], obu["u"], "U" in obu) == (True, whole["u"], False)
        quote(gate)
        assert "full" not in (await stream.next("futures.order_book_update", "update"))["result"]
        gate.app.settings.full_frame_share = 1.0
        quote(gate)
        assert (await stream.next("futures.order_book_update", "update"))["result"]["full"] is True


async def test_channels_of_whole_books(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """They begin with the present book and send it again when it changed; the perpetual one has the event `all`."""
    async with connect(SPOT) as stream:
        await stream.subscribe("spot.order_book", ["BTC_USDT", "5", "100ms"])
        book = (await stream.next("spot.order_book", "update"))["result"]
        assert list(book) == ["t", "lastUpdateId", "s", "l", "bids", "asks"]
        assert (len(book["bids"]), book["l"]) == (5, "5")
        quote(gate, GATE_SPOT)
        assert (await stream.next("spot.order_book", "update"))["result"]["lastUpdateId"] > book["lastUpdateId"]
        for bad in (["BTC_USDT", "7", "100ms"], ["BTC_USDT", "5"], ["BTC_USDT"]):
            assert (await stream.subscribe("spot.order_book", bad))["error"]["code"] == 1
    for headers, kind in (({}, int), (DECIMAL, str)):
        async with connect(FUTURES, headers) as stream:
            await stream.subscribe("futures.order_book", ["BTC_USDT", "20", "0"])
            book = (await stream.next("futures.order_book", "all"))["result"]
            assert list(book) == ["t", "id", "contract", "asks", "bids", "l"]
            assert (list(book["asks"][0]), type(book["asks"][0]["s"])) == (["p", "s"], kind)
            quote(gate)
            assert (await stream.next("futures.order_book", "all"))["result"]["id"] == book["id"] + 1
            assert (await stream.subscribe("futures.order_book", ["BTC_USDT", "20", "1"]))["error"]["code"] == 1


@pytest.mark.parametrize("path", ["/v4/ws/btc", "/v4/ws", "/v4/ws/usd1", "/v4/ws/futures/btc"])
async def test_sockets_of_other_settle_currencies(autojump_clock: Any, gate: Any, connect: Any, path: str) -> None:
    """Nothing is listed there: unknown contracts are refused, those of another family acknowledged; no order works."""
    async with connect(path) as stream:
        await stream.send({"time": 1, "channel": "futures.ping"})
        assert (await stream.next("futures.pong"))["result"] is None
        for channel, payload in (
            ("futures.trades", ["BTC_USDT"]),
            ("futures.order_book_update", ["BTC_USDT", "100ms", "100"]),
            ("futures.order_book", ["BTC_USDT", "20", "0"]),
            ("futures.candlesticks", ["1m", "BTC_USDT"]),
            ("futures.contract_stats", ["BTC_USDT", "1m"]),
        ):
            assert (await stream.subscribe(channel, payload))["result"]["status"] == "success", channel
        assert (await stream.subscribe("futures.trades", ["NOPE"]))["error"]["code"] == 2
        assert "error" not in await stream.subscribe("futures.orders", ["10001", "!all"], private=True)
        assert (await stream.login("futures"))["header"]["status"] == "200"
        param = {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc"}
        answer = await stream.api("futures.order_place", "r", param)
        assert answer["data"]["errs"]["label"] == "CONTRACT_NOT_FOUND"
    assert await gate.ok("GET", "/futures/usdt/my_trades") == []


async def test_contracts_of_another_family_are_acknowledged_and_silent(
    autojump_clock: Any, gate: Any, connect: Any
) -> None:
    """On the USDT socket an inverse contract is acknowledged; an unknown USDT one is refused, and with it its list."""
    async with connect(FUTURES) as stream:
        assert "error" not in await stream.subscribe("futures.book_ticker", ["BTC_USD", "BTC_USDT"])
        refused = await stream.subscribe("futures.trades", ["BTC_USDT", "NOPE_USDT"])
        assert refused["error"] == {"code": 2, "message": "unknown contract NOPE_USDT"}
        quote(gate)
        assert (await stream.next("", "update"))["result"]["s"] == "BTC_USDT"


async def test_other_addresses_of_the_same_sockets(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """The testnet's paths lead to the same products, with or without a slash at the end."""
    for path, product in (("/v4/ws/spot", "spot"), ("/v4/ws/futures/usdt/", "futures"), ("/ws/v4", "spot")):
        async with connect(path) as stream:
            await stream.send({"time": 1, "channel": f"{product}.ping"})
            assert (await stream.next())["channel"] == f"{product}.pong"
    assert not gate.app.serves_websocket("/v4/ws/eur")


async def test_an_upgrade_is_announced(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """futures.system tells every client, whatever it subscribed to."""
    async with connect(FUTURES) as stream:
        await trio.sleep(1)
        gate.app.announce("the service will be upgraded soon")
        frame = await stream.next("futures.system", "update")
        assert frame["result"] == {"type": "upgrade", "msg": "the service will be upgraded soon"}


async def test_connections_per_address_are_bounded(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """One socket too many of an address is cut at once; those that are open stay."""
    gate.app.settings.connections_max = 1
    async with connect(FUTURES) as first:
        await trio.sleep(0.1)
        async with connect(SPOT) as second:
            with pytest.raises(trio_websocket.ConnectionClosed):
                await second.raw()
        await first.send({"time": 1, "channel": "futures.ping"})
        assert (await first.next())["channel"] == "futures.pong"


async def test_read_only_keys_may_look(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Look-ups and subscriptions pass, everything that changes something is 403 READ_ONLY."""
    gate.app.settings.read_only_keys = frozenset({"fake-key"})
    await gate.ok("GET", "/spot/accounts")
    answer = await gate.call("POST", "/spot/orders", body=LIMIT)
    assert (answer.status, answer.value["label"]) == (403, "READ_ONLY")
    assert (await gate.ok("GET", "/account/main_keys"))["perms"][0]["read_only"] is True
    async with connect(FUTURES) as stream:
        await stream.login("futures")
        refused = await stream.api("futures.order_cancel", "c", {"order_id": "1"})
        assert (refused["header"]["status"], refused["data"]["errs"]["label"]) == ("403", "READ_ONLY")
        listed = await stream.api("futures.order_list", "l", {"status": "open"})
        assert listed["data"]["result"] == []
