"""Streams of the Gate fake: envelopes, the documented book procedure, private sequences, liveness."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import trio
import trio_websocket

from dnbot.fakes.gateio_hub import StreamFault
from dnbot.fakes.outgoing import FRAMES_MAX

pytestmark = pytest.mark.slow

SPOT, FUTURES = "/ws/v4/", "/v4/ws/usdt"
DECIMAL = {"X-Gate-Size-Decimal": "1"}


def pairs(levels: list[Any]) -> list[tuple[Decimal, Decimal]]:
    """Levels of either product as numbers."""
    if levels and isinstance(levels[0], dict):
        return [(Decimal(level["p"]), Decimal(level["s"])) for level in levels]
    return [(Decimal(price), Decimal(size)) for price, size in levels]


class Book:
    """A client's book: absolute sizes, 0 deletes."""

    def __init__(self, bids: list[Any], asks: list[Any]) -> None:
        self.sides = {"bids": dict(pairs(bids)), "asks": dict(pairs(asks))}

    def apply(self, bids: list[Any], asks: list[Any]) -> None:
        for name, levels in (("bids", bids), ("asks", asks)):
            for price, size in pairs(levels):
                if size:
                    self.sides[name][price] = size
                else:
                    self.sides[name].pop(price, None)

    def top(self, name: str, depth: int) -> list[tuple[Decimal, Decimal]]:
        return sorted(self.sides[name].items(), reverse=name == "bids")[:depth]


async def test_ack_echoes_the_raw_payload(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """An ack repeats id and payload byte for byte; spot acks end with the request id."""
    async with connect(SPOT) as stream:
        await stream.ws.send_message(
            '{"time":1,"id":7,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT" ]}'
        )
        text = await stream.raw()
        assert '"payload":["BTC_USDT" ]' in text
        ack = json.loads(text)
        names = ["time", "time_ms", "id", "conn_id", "trace_id", "channel", "event", "payload", "result", "requestId"]
        assert list(ack) == names
        assert ack["result"] == {"status": "success"}
        assert ack["id"] == 7


async def test_failures_keep_the_socket_open(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Bad JSON is code 1, unknown names are code 2, a list with one bad symbol subscribes to nothing."""
    async with connect(SPOT) as stream:
        await stream.ws.send_message("hello")
        frame = await stream.next()
        assert frame["error"] == {"code": 1, "message": "request message need json scheme"}
        ack = await stream.subscribe("spot.nope", ["BTC_USDT"])
        assert ack["error"] == {"code": 2, "message": "Unknown channel spot.nope"}
        ack = await stream.subscribe("spot.trades", ["BTC_USDT", "NOPE_USDT"])
        assert ack["error"] == {"code": 2, "message": "unknown currency pair: NOPE_USDT"}
        assert ack["result"] == {"status": "fail"}
        assert not gate.app.spot.hub.listens(("spot.trades", "BTC_USDT"))
        assert (await stream.subscribe("spot.trades", ["BTC_USDT"]))["result"]["status"] == "success"


async def test_futures_refusals(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Perpetual channels word their refusals as recorded."""
    async with connect(FUTURES) as stream:
        ack = await stream.subscribe("futures.order_book_update", ["NOPE_USDT", "100ms", "100"])
        assert ack["error"]["message"] == "unknown currency pair NOPE_USDT"
        ack = await stream.subscribe("futures.order_book_update", ["BTC_USDT", "100ms", "30"])
        assert ack["error"]["message"] == "provided level not supported: 30"
        assert "requestId" not in ack


async def test_auth_error_is_json_in_a_string(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A private channel without a good signature fails with code 4 and a JSON text ending in a newline."""
    async with connect(SPOT) as stream:
        auth = {"method": "api_key", "KEY": "nobody", "SIGN": "00"}
        frame = {"channel": "spot.orders", "event": "subscribe", "payload": ["!all"], "auth": auth}
        await stream.send(frame | {"time": gate.now_s()})
        error = (await stream.next())["error"]
        assert error == {"code": 4, "message": '{"label":"INVALID_KEY","message":"Invalid key provided"}\n'}
        await stream.send(frame | {"time": gate.now_s(), "auth": auth | {"KEY": "fake-key"}})
        assert "INVALID_SIGNATURE" in (await stream.next())["error"]["message"]


async def test_ping_and_idle_close(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A ping is answered and postpones the idle rule; 30 s without a frame and a subscription cut the line."""
    async with connect(FUTURES) as stream:
        await trio.sleep(20)
        await stream.send({"time": 1, "channel": "futures.ping"})
        pong = await stream.next()
        assert (pong["channel"], pong["event"], pong["result"]) == ("futures.pong", "", None)
        asked_s = trio.current_time()
        with pytest.raises(trio_websocket.ConnectionClosed) as caught:
            await stream.raw()
        assert 29.9 < trio.current_time() - asked_s < 30.1
        reason = caught.value.reason
        assert reason is not None
        assert reason.code == 1006


async def test_subscribed_socket_stays(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A silent client with a subscription is not dropped."""
    async with connect(SPOT) as stream:
        await stream.subscribe("spot.trades", ["BTC_USDT"])
        await trio.sleep(120)
        await stream.send({"time": 1, "channel": "spot.ping"})
        assert (await stream.next())["channel"] == "spot.pong"


@pytest.mark.parametrize(
    ("path", "channel", "payload", "query", "depth"),
    [
        (SPOT, "spot.order_book_update", ["BTC_USDT", "100ms"], "currency_pair", 100),
        (SPOT, "spot.order_book_update", ["BTC_USDT", "20ms"], "currency_pair", 20),
        (FUTURES, "futures.order_book_update", ["BTC_USDT", "100ms", "100"], "contract", 100),
        (FUTURES, "futures.order_book_update", ["BTC_USDT", "20ms", "20"], "contract", 20),
    ],
)
async def test_documented_book_procedure(
    autojump_clock: Any,
    nursery: trio.Nursery,
    gate: Any,
    connect: Any,
    path: str,
    channel: str,
    payload: list[str],
    query: str,
    depth: int,
) -> None:
    """Subscribe, snapshot, align, apply: after a minute of market the client's first levels are the server's."""
    nursery.start_soon(gate.world.run)
    await trio.sleep(1)
    product = "/spot" if path == SPOT else "/futures/usdt"
    async with connect(path) as stream:
        await stream.subscribe(channel, payload)
        await trio.sleep(0.5)
        found = await gate.ok(
            "GET", f"{product}/order_book", f"{query}=BTC_USDT&limit={depth}&with_id=true", signed=False
        )
        book, base, first = Book(found["bids"], found["asks"]), found["id"], True
        venue = "gate_spot" if path == SPOT else "gate_futures"
        end_s, frames = trio.current_time() + 60, 0
        while trio.current_time() < end_s or base != gate.world.exchange.depth(venue, "BTC/USDT", 1).book_id:
            result = (await stream.next(channel, "update"))["result"]
            if result["u"] < base + 1:
                continue
            assert result["U"] <= base + 1 if first else result["U"] == base + 1
            assert "full" not in result
            assert result["l"] == str(depth)
            first, base, frames = False, result["u"], frames + 1
            book.apply(result["b"], result["a"])
        assert frames > 100
        server = gate.world.exchange.depth(venue, "BTC/USDT", depth)
        assert book.top("bids", depth) == list(server.bids)
        assert book.top("asks", depth) == list(server.asks)


@pytest.mark.parametrize(
    ("path", "channel", "name", "depth"),
    [
        (SPOT, "spot.obu", "ob.BTC_USDT.50", 50),
        (FUTURES, "futures.obu", "ob.BTC_USDT.400", 400),
        (FUTURES, "futures.obu", "ob.BTC_USDT.50", 50),
    ],
)
async def test_obu_needs_no_snapshot(
    autojump_clock: Any,
    nursery: trio.Nursery,
    gate: Any,
    connect: Any,
    path: str,
    channel: str,
    name: str,
    depth: int,
) -> None:
    """A full frame and unbroken deltas keep exactly the top levels; a second subscription is refused."""
    nursery.start_soon(gate.world.run)
    async with connect(path) as stream:
        await stream.subscribe(channel, [name])
        full = (await stream.next(channel, "update"))["result"]
        assert full["full"] is True
        assert "U" not in full
        assert isinstance(full["a"][0][1], str)
        ack = await stream.subscribe(channel, [name])
        assert ack["error"]["message"] == f"Alert sub {name}"
        book, base = Book(full["b"], full["a"]), full["u"]
    async with connect(path) as stream:
        await stream.subscribe(channel, [name])
        full = (await stream.next(channel, "update"))["result"]
        book, base = Book(full["b"], full["a"]), full["u"]
        venue = "gate_spot" if path == SPOT else "gate_futures"
        end_s = trio.current_time() + 20
        while trio.current_time() < end_s or base != gate.world.exchange.depth(venue, "BTC/USDT", 1).book_id:
            delta = (await stream.next(channel, "update"))["result"]
            assert delta["U"] == base + 1
            base = delta["u"]
            book.apply(delta.get("b", []), delta.get("a", []))
        server = gate.world.exchange.depth(venue, "BTC/USDT", depth)
        assert book.top("bids", depth + 1) == list(server.bids)
        assert book.top("asks", depth + 1) == list(server.asks)


async def test_obu_acknowledges_anything(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """An unknown obu name is acknowledged and stays silent."""
    async with connect(FUTURES) as stream:
        ack = await stream.subscribe("futures.obu", ["ob.NOPE_USDT.50"])
        assert ack["result"]["status"] == "success"
        with trio.move_on_after(5) as scope:
            await stream.raw()
        assert scope.cancelled_caught


async def test_data_can_come_before_the_ack(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """With that switch on, the full frame precedes its own ack, as was recorded."""
    gate.app.settings.data_before_ack = True
    async with connect(FUTURES) as stream:
        await stream.send({"time": 1, "channel": "futures.obu", "event": "subscribe", "payload": ["ob.BTC_USDT.50"]})
        assert [(await stream.next())["event"] for _ in range(2)] == ["update", "subscribe"]


async def test_public_pushes_have_their_types(
    autojump_clock: Any, nursery: trio.Nursery, gate: Any, connect: Any
) -> None:
    """Best prices, trades and tickers of both products carry the documented types."""
    nursery.start_soon(gate.world.run)
    async with connect(SPOT) as stream:
        for name in ("book_ticker", "trades", "tickers"):
            await stream.subscribe(f"spot.{name}", ["BTC_USDT"])
        best = (await stream.next("spot.book_ticker", "update"))["result"]
        assert [type(best[key]) for key in "tusbBaA"] == [int, int, str, str, str, str, str]
        trade = (await stream.next("spot.trades", "update"))["result"]
        assert [type(trade[key]) for key in ("id", "create_time", "create_time_ms")] == [int, int, str]
        assert (await stream.next("spot.tickers", "update"))["result"]["currency_pair"] == "BTC_USDT"
    async with connect(FUTURES) as stream:
        for name in ("book_ticker", "trades", "tickers"):
            await stream.subscribe(f"futures.{name}", ["BTC_USDT"])
        best = (await stream.next("futures.book_ticker", "update"))["result"]
        assert [type(best[key]) for key in "tusbBaA"] == [int, int, str, str, int, str, int]
        trade = (await stream.next("futures.trades", "update"))["result"][0]
        assert [type(trade[key]) for key in ("id", "size", "create_time_ms", "price")] == [int, int, int, str]
        ticker = (await stream.next("futures.tickers", "update"))["result"][0]
        assert [type(ticker[key]) for key in ("mark_price", "funding_rate", "funding_next_apply", "t")] == [
            str,
            str,
            int,
            int,
        ]
    async with connect(FUTURES, DECIMAL) as stream:
        await stream.subscribe("futures.book_ticker", ["BTC_USDT"])
        assert isinstance((await stream.next("futures.book_ticker", "update"))["result"]["B"], str)


async def collect(stream: Any, seconds: float = 1.0) -> list[dict[str, Any]]:
    """Every frame that arrives within that time."""
    frames: list[dict[str, Any]] = []
    with trio.move_on_after(seconds):
        while True:
            frames.append(await stream.next())
    return frames


async def test_spot_ioc_sequence(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """An IOC that fills in part: put, one trade, update, finish/ioc; balances chain to the final balance."""
    ask, size = await gate.best("ask")
    async with connect(SPOT) as stream:
        await stream.subscribe("spot.orders", ["BTC_USDT"], private=True)
        await stream.subscribe("spot.usertrades", ["!all"], private=True)
        await stream.subscribe("spot.balances", [], private=True)
        body = {"currency_pair": "BTC_USDT", "side": "buy", "price": str(ask), "text": "t-a", "time_in_force": "ioc"}
        placed = await gate.ok("POST", "/spot/orders", body=body | {"amount": str(size + Decimal("0.001"))})
        frames = await collect(stream)
    orders = [frame["result"][0] for frame in frames if frame["channel"] == "spot.orders"]
    assert [order["event"] for order in orders] == ["put", "update", "finish"]
    assert [order["finish_as"] for order in orders] == ["open", "open", "ioc"]
    assert orders[0]["left"] == orders[0]["amount"]
    assert {order["id"] for order in orders} == {placed["id"]}
    strings = ("id", "create_time", "create_time_ms", "amount", "left", "fee", "avg_deal_price")
    assert all(isinstance(order[name], str) for order in orders for name in strings)
    assert all(isinstance(order[name], int) for order in orders for name in ("user", "stp_id"))
    assert "status" not in orders[0]
    trades = [frame["result"][0] for frame in frames if frame["channel"] == "spot.usertrades"]
    assert [type(trades[0][name]) for name in ("id", "user_id", "create_time", "order_id", "create_time_ms")] == [
        int, int, int, str, str,
    ]  # fmt: skip
    assert Decimal(trades[0]["amount"]) == size
    assert Decimal(trades[0]["fee"]) == size * Decimal("0.002")
    balances = [frame["result"][0] for frame in frames if frame["channel"] == "spot.balances"]
    assert all(isinstance(value, str) for row in balances for value in row.values())
    assert balances[0]["change_type"] == "order-create"
    newest = {row["currency"]: row for row in balances}
    for row in await gate.ok("GET", "/spot/accounts"):
        assert newest[row["currency"]]["available"] == row["available"]
        assert newest[row["currency"]]["freeze"] == row["locked"] == "0"


async def test_futures_ioc_sequence(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A partly filled short IOC: `_new` then `ioc`, prices as numbers, left negative; position and balance follow."""
    bid, size = await gate.best("bid", futures=True)
    async with connect(FUTURES) as stream:
        for name in ("orders", "usertrades", "positions"):
            await stream.subscribe(f"futures.{name}", ["10001", "BTC_USDT"], private=True)
        await stream.subscribe("futures.balances", ["10001"], private=True)
        body = {"contract": "BTC_USDT", "size": -int(size) - 7, "price": str(bid), "tif": "ioc", "text": "t-b"}
        await gate.ok("POST", "/futures/usdt/orders", body=body)
        frames = await collect(stream)
    orders = [frame["result"][0] for frame in frames if frame["channel"] == "futures.orders"]
    assert [order["finish_as"] for order in orders] == ["_new", "_update", "ioc"]
    assert [order["status"] for order in orders] == ["open", "open", "finished"]
    assert (orders[0]["left"], orders[-1]["left"], orders[0]["size"]) == (-int(size) - 7, -7, -int(size) - 7)
    assert isinstance(orders[0]["price"], Decimal | int)
    assert (type(orders[0]["id"]), type(orders[0]["user"]), type(orders[0]["stp_id"])) == (int, str, str)
    assert orders[0]["update_id"] < orders[1]["update_id"] < orders[2]["update_id"]
    trade = next(frame["result"][0] for frame in frames if frame["channel"] == "futures.usertrades")
    assert (type(trade["id"]), type(trade["order_id"]), type(trade["price"])) == (str, str, str)
    assert (trade["size"], type(trade["fee"])) == (-int(size), Decimal)
    position = next(frame["result"][0] for frame in frames if frame["channel"] == "futures.positions")
    assert (position["size"], type(position["user"])) == (-int(size), str)
    assert "mark_price" not in position
    assert isinstance(position["entry_price"], Decimal | int)
    balance = next(frame["result"][0] for frame in frames if frame["channel"] == "futures.balances")
    assert (balance["type"], balance["currency"], balance["user"]) == ("fee", "usdt", "10001")
    assert balance["change"] < 0
    assert balance["text"].startswith("BTC_USDT:")


async def test_wrong_user_id_is_acknowledged_and_silent(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A foreign user id subscribes to nothing."""
    async with connect(FUTURES) as stream:
        ack = await stream.subscribe("futures.orders", ["999", "!all"], private=True)
        assert ack["result"]["status"] == "success"
        body = {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc"}
        await gate.ok("POST", "/futures/usdt/orders", body=body)
        assert await collect(stream) == []


async def test_unsubscribe_ends_the_pushes(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """After an unsubscribe ack nothing more is pushed."""
    async with connect(FUTURES) as stream:
        await stream.subscribe("futures.trades", ["BTC_USDT"])
        await stream.send({"time": 1, "channel": "futures.trades", "event": "unsubscribe", "payload": ["BTC_USDT"]})
        assert (await stream.next())["event"] == "unsubscribe"
        body = {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc"}
        await gate.ok("POST", "/futures/usdt/orders", body=body)
        assert await collect(stream) == []


async def test_client_that_does_not_read_is_dropped(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A full queue cuts the connection and frees its subscriptions; others are not disturbed."""
    async with connect(SPOT) as slow, connect(SPOT) as quick:
        for stream in (slow, quick):
            await stream.subscribe("spot.trades", ["BTC_USDT"])
        victim = next(iter(gate.app.spot.hub._by_topic["spot.trades", "BTC_USDT"]))
        for _ in range(FRAMES_MAX + 1):
            victim.push(b"{}")
        await trio.sleep(1)
        assert list(gate.app.spot.hub._by_topic["spot.trades", "BTC_USDT"]) != [victim]
        assert len(gate.app.spot.hub._by_topic["spot.trades", "BTC_USDT"]) == 1
        await quick.send({"time": 1, "channel": "spot.ping"})
        assert (await quick.next())["channel"] == "spot.pong"


async def test_lost_and_repeated_pushes(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A stream fault loses or repeats exactly the pushes it was told to."""
    body = {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc"}
    gate.app.stream_fault(StreamFault("futures.usertrades", copies=0, skip=1))
    gate.app.stream_fault(StreamFault("futures.usertrades", copies=2, skip=3))
    async with connect(FUTURES) as stream:
        await stream.subscribe("futures.usertrades", ["10001", "!all"], private=True)
        for _ in range(4):
            await gate.ok("POST", "/futures/usdt/orders", body=body)
        pushed = [frame["result"][0]["id"] for frame in await collect(stream)]
    made = [str(row["id"]) for row in await gate.ok("GET", "/futures/usdt/my_trades")][::-1]
    assert pushed == [made[0], made[2], made[3], made[3]]


async def test_stale_snapshot_is_served_once(autojump_clock: Any, nursery: trio.Nursery, gate: Any) -> None:
    """An armed old book answers one REST request, then the present book is back."""
    old = gate.world.exchange.depth("gate_spot", "BTC/USDT", 100)
    nursery.start_soon(gate.world.run)
    await trio.sleep(2)
    gate.app.stale_books["gate_spot", "BTC/USDT"] = [old]
    query = "currency_pair=BTC_USDT&with_id=true&limit=5"
    stale = await gate.ok("GET", "/spot/order_book", query, signed=False)
    assert (stale["id"], len(stale["asks"])) == (old.book_id, 5)
    assert (await gate.ok("GET", "/spot/order_book", query, signed=False))["id"] > old.book_id
