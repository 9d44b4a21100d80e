"""Private frames of the MEXC fake: sequences, arithmetic, listen keys and their silent death."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio
import trio_websocket
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.mexc_auth import signature_of
from dnbot.fakes.mexc_private import account_frame, order_frame
from dnbot.fakes.records import MEXC_SPOT, ZERO, BalanceChange, OrderEvent, OrderState
from dnbot.fakes.server import serve_connection

ACCOUNT, DEALS, ORDERS = (f"spot@private.{kind}.v3.api.pb" for kind in ("account", "deals", "orders"))
BTC = instruments_for(SYMBOLS["BTC/USDT"])[2]


async def private(live: Any, *channels: str) -> Any:
    """A subscribed private connection."""
    key = live.call("POST", "userDataStream")["listenKey"]
    client = await live.open(key)
    assert (await client.ask("SUBSCRIPTION", *channels))["msg"] == ",".join(channels)
    return client


async def test_limit_order_then_cancel(autojump_clock: Any, live: Any) -> None:
    """NEW then CANCELED, with the amounts of the recorded cancelled order's kind."""
    client = await private(live, ORDERS)
    made = live.order(newClientOrderId="c-1", quantity="0.02")
    first = await client.push()
    live.call("DELETE", "order", f"symbol=BTCUSDT&orderId={made['orderId']}")
    last = await client.push()
    assert (first.channel, first.symbol) == (ORDERS, "BTCUSDT")
    assert first.HasField("sendTime")
    new, end = first.privateOrders, last.privateOrders
    assert (new.id, new.clientId, new.status, new.orderType, new.tradeType) == (made["orderId"], "c-1", 1, 1, 1)
    assert (new.amount, new.remainAmount, new.remainQuantity) == ("1180", "1180", "0.02")
    assert (end.status, end.avgPrice, end.cumulativeQuantity, end.remainAmount) == (4, "0", "0", "1180")
    assert not end.HasField("lastDealQuantity")
    assert new.createTime == made["transactTime"]


async def test_order_frame_leaves_before_deal_frame(autojump_clock: Any, live: Any) -> None:
    """Of one fill the order frame comes first, or the deal frame when so armed; ids agree with REST."""
    client = await private(live, ORDERS, DEALS)
    fields = {"type": "IMMEDIATE_OR_CANCEL", "price": "60001", "quantity": "0.1", "newClientOrderId": "k"}
    made = live.order(**fields)
    frames = await client.pushes_for(0.1)
    assert [frame.WhichOneof("body") for frame in frames] == ["privateOrders", "privateOrders", "privateDeals"]
    deal, row = frames[2].privateDeals, live.call("GET", "myTrades", "symbol=BTCUSDT")[0]
    assert (deal.tradeId, deal.orderId, deal.clientOrderId) == (row["id"], made["orderId"], "k")
    assert (deal.price, deal.quantity, deal.amount, deal.tradeType) == ("60001", "0.1", "6000.1", 1)
    assert (deal.feeAmount, deal.feeCurrency, deal.isMaker) == ("3.00005", "USDT", False)
    live.app.faults.first_frame = "deal"
    live.order(**fields)
    frames = await client.pushes_for(0.1)
    assert [frame.WhichOneof("body") for frame in frames] == ["privateDeals", "privateOrders", "privateOrders"]


@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        ({"type": "IMMEDIATE_OR_CANCEL", "price": "60000"}, [1, 4]),
        ({"type": "IMMEDIATE_OR_CANCEL", "price": "60001", "quantity": "0.6"}, [1, 3, 5]),
        ({"type": "FILL_OR_KILL", "price": "60001", "quantity": "0.6"}, [1, 4]),
        ({"type": "LIMIT_MAKER", "price": "60001"}, [1, 4]),
        ({"type": "IMMEDIATE_OR_CANCEL", "price": "60003", "quantity": "1.2"}, [1, 3, 3, 2]),
        ({"type": "MARKET", "price": "", "quantity": "0.5"}, [1, 2]),
        ({"type": "LIMIT", "price": "60001", "quantity": "0.6"}, [1, 3]),
    ],
)
async def test_statuses(autojump_clock: Any, live: Any, fields: dict[str, str], statuses: list[int]) -> None:
    """Unfilled immediate orders end with 4, partly filled ones with 5, filled ones with 2."""
    client = await private(live, ORDERS)
    live.order(**fields)
    assert [frame.privateOrders.status for frame in await client.pushes_for(0.1)] == statuses


async def test_market_order_frame(autojump_clock: Any, live: Any) -> None:
    """amount is 0, price the protection price, remainAmount what the lock still held (recorded arithmetic)."""
    client = await private(live, ORDERS)
    live.order(type="MARKET", price="", quantity="0.01")
    order = (await client.pushes_for(0.1))[-1].privateOrders
    assert (order.orderType, order.status, order.price, order.amount) == (5, 2, "63001.05", "0")
    assert (order.avgPrice, order.cumulativeAmount, order.lastDealQuantity) == ("60001", "600.01", "0.01")
    assert (order.remainQuantity, order.remainAmount) == ("0", "30.0005")


async def test_account_frames_add_up(autojump_clock: Any, live: Any) -> None:
    """One frame per asset change; replaying the deltas gives the balances that REST shows."""
    client = await private(live, ACCOUNT)
    live.order(price="59999.5", quantity="0.01")
    live.take("sell", "0.004")
    live.order(type="MARKET", side="SELL", price="", quantity="0.05")
    live.call("DELETE", "order/all")
    frames = await client.pushes_for(0.1)
    assert all(frame.HasField("createTime") and not frame.HasField("symbol") for frame in frames)
    held = {"USDT": [Decimal(200000), ZERO], "BTC": [Decimal(1), ZERO]}
    kinds = []
    for frame in frames:
        body = frame.privateAccount
        free_locked = held[body.vcoinName]
        free_locked[0] += Decimal(body.balanceAmountChange or "0")
        free_locked[1] += Decimal(body.frozenAmountChange or "0")
        assert free_locked == [Decimal(body.balanceAmount), Decimal(body.frozenAmount)]
        kinds.append(body.type)
    rows = live.call("GET", "account")["balances"]
    assert held == {row["asset"]: [Decimal(row["free"]), Decimal(row["locked"])] for row in rows}
    assert kinds[0] == "ENTRUST_PLACE"
    assert {"ENTRUST", "TRADE_FEE"} <= set(kinds)


async def test_only_the_own_account_is_heard(autojump_clock: Any, live: Any) -> None:
    """Another account's orders never reach this stream."""
    client = await private(live, ORDERS, DEALS, ACCOUNT)
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.0001&price=59000"
    assert live.signed("POST", "order", text, key="key-2", secret="secret-2").status == 200
    assert await client.pushes_for(1.0) == []


async def test_bad_listen_key(autojump_clock: Any, live: Any) -> None:
    """A bad key is told so in plain text and the socket closes."""
    client = await live.open("nonsense")
    assert await client.ws.get_message() == "Invalid listen key"
    with pytest.raises(trio_websocket.ConnectionClosed):
        await client.ws.get_message()


async def test_at_most_five_sockets_per_key(autojump_clock: Any, live: Any) -> None:
    """A key serves five sockets; one that leaves makes room."""
    key = live.call("POST", "userDataStream")["listenKey"]
    clients = [await live.open(key) for _ in range(5)]
    for client in clients:
        await client.ask("PING")
    assert await (await live.open(key)).ws.get_message() == "Invalid listen key"
    await clients[0].ws.aclose()
    await trio.sleep(0.1)
    assert (await (await live.open(key)).ask("PING"))["msg"] == "PONG"


async def test_deleted_key_closes_its_stream(autojump_clock: Any, live: Any) -> None:
    """DELETE userDataStream ends the connection without a status code."""
    client = await private(live, ORDERS)
    key = live.call("GET", "userDataStream")["listenKey"][0]
    live.call("DELETE", "userDataStream", f"listenKey={key}")
    with pytest.raises(trio_websocket.ConnectionClosed) as closed:
        await client.ws.get_message()
    assert closed.value.reason is not None
    assert closed.value.reason.code == 1005


async def hold_open(client: Any, seconds: float) -> list[Any]:
    """Pushes of the next seconds while a PING goes out every 20 s."""
    found = []
    end_s = trio.current_time() + seconds
    while trio.current_time() < end_s:
        found += await client.pushes_for(20.0)
        await client.ask("PING")
    return found


async def test_key_expires_after_an_hour_unless_renewed(autojump_clock: Any, live: Any) -> None:
    """PUT every half hour keeps the stream; without it the connection closes when the hour is over."""
    client = await private(live, ORDERS)
    key = live.call("GET", "userDataStream")["listenKey"][0]
    await hold_open(client, 1800)
    live.call("PUT", "userDataStream", f"listenKey={key}")
    await hold_open(client, 3500)
    live.order()
    assert (await client.push()).privateOrders.status == 1
    with trio.fail_after(200), pytest.raises(trio_websocket.ConnectionClosed):
        await hold_open(client, 3600)


async def test_silent_death(autojump_clock: Any, live: Any) -> None:
    """A key that dies silently leaves the socket open and answering, sends nothing, and cannot be renewed."""
    client = await private(live, ORDERS)
    key = live.call("GET", "userDataStream")["listenKey"][0]
    live.app.venue.keys.silence("10001")
    live.order()
    assert await hold_open(client, 100) == []
    assert (await client.ask("PING"))["msg"] == "PONG"
    assert live.call("PUT", "userDataStream", f"listenKey={key}")["code"] == "730708"


async def test_delayed_lost_and_repeated_frames(autojump_clock: Any, live: Any) -> None:
    """Armed faults delay, drop or double private frames while REST already knows."""
    client = await private(live, ORDERS)
    live.app.faults.private_delay_ms = 1500
    start_s = trio.current_time()
    live.order()
    await client.push()
    assert trio.current_time() - start_s == pytest.approx(1.5, abs=0.01)
    live.app.faults.private_delay_ms = 0
    live.app.faults.frames_lost = 1
    live.order()
    assert await client.pushes_for(1.0) == []
    live.app.faults.frames_repeated = 1
    live.order()
    first, second = await client.pushes_for(1.0)
    assert first == second


async def test_fee_in_base(autojump_clock: Any, live: Any) -> None:
    """With the switch set, a buy pays its fee in the bought coin, in frames and in myTrades."""
    live.exchange.state.fee_policy[MEXC_SPOT] = "received"
    client = await private(live, DEALS)
    live.order(type="MARKET", price="", quantity="0.01")
    deal = (await client.push()).privateDeals
    assert (deal.feeAmount, deal.feeCurrency) == ("0.000005", "BTC")
    assert live.call("GET", "myTrades", "symbol=BTCUSDT")[0]["commissionAsset"] == "BTC"


AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=8)


@given(total=AMOUNTS, locked=AMOUNTS, change=AMOUNTS, locked_change=AMOUNTS)
def test_balance_is_total_less_locked(total: Decimal, locked: Decimal, change: Decimal, locked_change: Decimal) -> None:
    """balanceAmount is what is available after the change, and its delta is the change of that."""
    event = BalanceChange("u", MEXC_SPOT, "USDT", "order_match", change, -locked_change, total, locked, 1)
    frame = account_frame(event)
    assert Decimal(frame.balance_amount) == total - locked
    assert Decimal(frame.balance_change) == change + locked_change
    assert (Decimal(frame.frozen_amount), Decimal(frame.frozen_change)) == (locked, -locked_change)


@given(
    price=st.integers(1, 10**7),
    lots=st.integers(1, 10**6),
    filled=st.integers(0, 10**6),
    bought=st.booleans(),
    market=st.booleans(),
)
def test_order_frame_arithmetic(price: int, lots: int, filled: int, bought: bool, market: bool) -> None:
    """Remaining and cumulative quantity make the order; amount is price x quantity, or 0 for MARKET."""
    quantity, done = Decimal(lots) / 1000, Decimal(min(filled, lots)) / 1000
    order = OrderState(
        "C02__1", "", MEXC_SPOT, "u", "BTC/USDT", "buy" if bought else "sell", "market" if market else "limit", "ioc",
        Decimal(price) / 100, quantity, None, False, False, 1, 1, filled=done, filled_quote=done * Decimal(price) / 100,
    )  # fmt: skip
    frame = order_frame(OrderEvent("update", order), BTC)
    assert Decimal(frame.remain_quantity) + Decimal(frame.cumulative_quantity) == quantity
    assert Decimal(frame.amount) == (0 if market else order.price * quantity)
    assert Decimal(frame.remain_amount) == order.price * (quantity - done)


def test_recorded_market_buy() -> None:
    """The recorded market buy (2000 at 0.001007 inside 0.001053) gives remainAmount 0.092."""
    xrp = instruments_for(SYMBOLS["XRP/USDT"])[2]
    order = OrderState(
        "C02__583905164440776704043", "", MEXC_SPOT, "u", "XRP/USDT", "buy", "market", "ioc", Decimal("0.001053"),
        Decimal(2000), None, False, False, 1754996075502, 1, "closed", "filled", Decimal(2000), Decimal("2.014"),
        last_filled=Decimal(2000),
    )  # fmt: skip
    frame = order_frame(OrderEvent("finish", order), xrp)
    assert (frame.remain_amount, frame.remain_quantity, frame.average_price) == ("0.092", "0", "0.001007")
    assert (frame.status, frame.amount, frame.last_deal_quantity) == (2, "0", "2000")


async def test_reply_lost_on_the_wire(autojump_clock: Any, live: Any) -> None:
    """With a lost reply the connection ends without an answer and the order is in the book."""
    ours, theirs = trio.testing.memory_stream_pair()
    live.nursery.start_soon(serve_connection, theirs, live.app)
    live.app.faults.replies_lost["POST", "/api/v3/order"] = 1
    text = f"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=59000&timestamp={live.app.venue.now_ms}"
    target = f"/api/v3/order?{text}&signature={signature_of('secret-1', text)}"
    head = f"POST {target} HTTP/1.1\r\nhost: m\r\nx-mexc-apikey: key-1\r\ncontent-type: application/json\r\n"
    await ours.send_all(f"{head}content-length: 0\r\n\r\n".encode())
    received = b""
    try:
        received = bytes(await ours.receive_some())
    except trio.BrokenResourceError:
        received = b""
    assert received == b""
    assert len(live.call("GET", "openOrders", "symbol=BTCUSDT")) == 1
    assert msgspec.json.decode(live.signed("GET", "account").body)["canTrade"] is True
