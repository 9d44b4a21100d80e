"""gate-ws (official, streams), with gate-api beside it for what only REST can tell."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from fakes_server import Fakes
from gate_client import CONTRACT, PAIR, SETTLE, Gate
from gate_ws import futures as perp
from gate_ws import spot
from gate_ws_client import Heard, connected

D = Decimal
FRAMES = 15


@pytest.fixture
def gate(fakes: Fakes) -> Gate:
    """The trader over REST."""
    return Gate(fakes, fakes.key, fakes.secret)


def exact(response: Any) -> Any:
    """The result with every number as the decimal it was written as."""
    return json.loads(response.body, parse_float=D)["result"]


# -- public


@pytest.mark.parametrize(
    ("channel", "payload", "keys"),
    [
        (spot.SpotTickerChannel, [PAIR], {"currency_pair", "last", "lowest_ask", "highest_bid", "change_percentage",
                                          "base_volume", "quote_volume", "high_24h", "low_24h"}),
        (spot.SpotBookTickerChannel, [PAIR], {"t", "u", "s", "b", "B", "a", "A"}),
        (spot.SpotOrderBookUpdateChannel, [PAIR, "100ms"], {"t", "e", "E", "s", "U", "u", "b", "a"}),
        (spot.SpotOrderBookChannel, [PAIR, "20", "100ms"], {"t", "lastUpdateId", "s", "bids", "asks"}),
        (spot.SpotCandlesticksChannel, ["1m", PAIR], {"t", "v", "c", "h", "l", "o", "n", "a"}),
        (spot.SpotPublicTradeChannel, [PAIR], {"id", "create_time", "create_time_ms", "side", "currency_pair",
                                               "amount", "price"}),
    ],
)  # fmt: skip
async def test_spot_channels(on_spot: Heard, gate: Gate, channel: Any, payload: list[str], keys: set[str]) -> None:
    """Subscribe is acknowledged with the payload, data has the documented keys, unsubscribe is acknowledged."""
    stream = channel(on_spot.connection)
    stream.subscribe(payload)
    ack = await on_spot.acknowledged(stream.name)
    assert (ack.result, ack.error, json.loads(ack.body)["payload"]) == ({"status": "success"}, None, payload)
    if stream.name == "spot.trades":
        await asyncio.to_thread(gate.place, "buy", "10")
    [result] = await on_spot.updates(stream.name, 1)
    assert keys <= set(result)
    stream.unsubscribe(payload)
    assert (await on_spot.acknowledged(stream.name, "unsubscribe")).result == {"status": "success"}


@pytest.mark.parametrize(
    ("channel", "payload", "keys", "many"),
    [
        (perp.FuturesTickerChannel, [CONTRACT], {"contract", "last", "mark_price", "index_price", "funding_rate",
                                                 "funding_rate_indicative", "volume_24h", "quanto_base_rate"}, True),
        (perp.FuturesBookTickerChannel, [CONTRACT], {"t", "u", "s", "b", "B", "a", "A"}, False),
        (perp.FuturesOrderBookUpdateChannel, [CONTRACT, "100ms", "100"], {"t", "s", "U", "u", "b", "a", "l"}, False),
        (perp.FuturesCandlesticksChannel, ["1m", CONTRACT], {"t", "v", "c", "h", "l", "o", "n"}, True),
        (perp.FuturesPublicTradeChannel, [CONTRACT], {"id", "size", "create_time", "create_time_ms", "price",
                                                      "contract"}, True),
    ],
)  # fmt: skip
async def test_futures_channels(
    on_perp: Heard, gate: Gate, channel: Any, payload: list[str], keys: set[str], many: bool
) -> None:
    """As on spot; some results are arrays."""
    stream = channel(on_perp.connection)
    stream.subscribe(payload)
    assert (await on_perp.acknowledged(stream.name)).result == {"status": "success"}
    if stream.name == "futures.trades":
        await asyncio.to_thread(gate.perp, 1)
        await asyncio.to_thread(gate.perp, -1)
    [result] = await on_perp.updates(stream.name, 1)
    assert isinstance(result, list) == many
    assert keys <= set(result[0] if many else result)


async def test_book_updates_follow_one_another(on_spot: Heard, on_perp: Heard) -> None:
    """Each frame begins one after the last one's end, on both products."""
    spot.SpotOrderBookUpdateChannel(on_spot.connection).subscribe([PAIR, "20ms"])
    perp.FuturesOrderBookUpdateChannel(on_perp.connection).subscribe([CONTRACT, "20ms", "20"])
    for heard, channel in ((on_spot, "spot.order_book_update"), (on_perp, "futures.order_book_update")):
        found = await heard.updates(channel, FRAMES)
        assert all(later["U"] == earlier["u"] + 1 for earlier, later in pairwise(found))


async def test_the_documented_spot_book_ends_as_the_venues_book(on_spot: Heard, gate: Gate) -> None:
    """Snapshot and updates by the documented procedure; a later snapshot is met on the way, level by level."""
    spot.SpotOrderBookUpdateChannel(on_spot.connection).subscribe([PAIR, "100ms"])
    await on_spot.acknowledged("spot.order_book_update")
    [frame] = await on_spot.updates("spot.order_book_update", 1)
    base = await snapshot(gate)
    while base.id + 1 < frame["U"]:
        base = await snapshot(gate)
    sides = {"b": dict(map(tuple, base.bids)), "a": dict(map(tuple, base.asks))}
    last, states, target = base.id, {}, None
    while target is None or target.id not in states:
        if frame["u"] > last:
            assert frame["U"] <= last + 1
            for name, side in sides.items():
                side |= dict(map(tuple, frame[name]))
                sides[name] = {price: size for price, size in side.items() if D(size)}
            last = frame["u"]
            states[last] = {name: dict(side) for name, side in sides.items()}
        if len(states) % 5 == 0 and (target is None or target.id < last):
            target = await snapshot(gate)
        [frame] = await on_spot.updates("spot.order_book_update", 1)
    found = states[target.id]
    depth = {name: sorted(map(D, side), reverse=name == "b")[: len(target.bids)] for name, side in found.items()}
    assert depth["b"] == [D(price) for price, _ in target.bids]
    assert depth["a"] == [D(price) for price, _ in target.asks]
    assert all(found["b"][price] == size for price, size in target.bids)


async def snapshot(gate: Gate) -> Any:
    """The book over REST, as deep as the stream."""
    return await asyncio.to_thread(gate.spot.list_order_book, PAIR, limit=100, with_id=True)


async def test_pings_are_answered(on_spot: Heard, on_perp: Heard) -> None:
    """The SDK pings by itself; the pong has no event and no result."""
    for heard, channel in ((on_spot, "spot.pong"), (on_perp, "futures.pong")):
        pong = await heard.until(channel, lambda _: True)
        assert (pong.event, pong.result, pong.error) == ("", None, None)


@pytest.mark.parametrize(
    ("app", "channel", "payload"),
    [
        ("spot", spot.SpotTickerChannel, ["NO_PAIR"]),
        ("spot", spot.SpotTickerChannel, [PAIR, "NO_PAIR"]),
        ("spot", spot.SpotOrderBookUpdateChannel, [PAIR, "33ms"]),
        ("futures", perp.FuturesTickerChannel, ["NO_ONE"]),
        ("futures", perp.FuturesOrderBookUpdateChannel, [CONTRACT, "100ms", "30"]),
    ],
)
async def test_bad_subscriptions(fakes: Fakes, app: str, channel: Any, payload: list[str]) -> None:
    """Error code 2 and status fail, for the whole list."""
    async with connected(fakes, app) as heard:
        stream = channel(heard.connection)
        stream.subscribe(payload)
        ack = await heard.acknowledged(stream.name)
    assert (ack.error.code, ack.result) == (2, {"status": "fail"})


# -- private


@pytest.mark.parametrize(
    ("key", "secret", "label"), [("wrong", None, "INVALID_KEY"), (None, "wrong", "INVALID_SIGNATURE")]
)
@pytest.mark.parametrize(("app", "channel"), [("spot", spot.SpotOrderChannel), ("futures", perp.FuturesOrderChannel)])
async def test_wrong_key_or_secret(
    fakes: Fakes, app: str, channel: Any, key: str | None, secret: str | None, label: str
) -> None:
    """Error code 4, whose message is a JSON text of its own that ends with a newline."""
    async with connected(fakes, app, key, secret) as heard:
        stream = channel(heard.connection)
        stream.subscribe([PAIR] if app == "spot" else [fakes.uid, CONTRACT])
        ack = await heard.acknowledged(stream.name)
    assert ack.error.code == 4
    assert json.loads(ack.error.message)["label"] == label
    assert ack.error.message.endswith("\n")


async def test_a_spot_order_is_told_on_three_channels(on_spot: Heard, gate: Gate) -> None:
    """Put and finish, the trades, and a balance for each coin: all agree with REST to the last digit."""
    for channel, payload in (
        (spot.SpotOrderChannel, ["!all"]), (spot.SpotUserTradesChannel, [PAIR]), (spot.SpotBalanceChannel, []),
    ):  # fmt: skip
        stream = channel(on_spot.connection)
        stream.subscribe(payload)
        assert (await on_spot.acknowledged(stream.name)).result == {"status": "success"}
    order = await asyncio.to_thread(gate.place, "buy", "30", text="t-ws")
    put = await on_spot.until("spot.orders", of_order(order.id, "put"))
    finish = await on_spot.until("spot.orders", of_order(order.id, "finish"))
    assert put.result[0]["left"] == "30"
    [end] = [row for row in finish.result if row["id"] == order.id]
    assert (end["text"], end["finish_as"], end["filled_total"], end["left"]) == (
        "t-ws",
        "filled",
        order.filled_total,
        order.left,
    )
    assert isinstance(end["create_time_ms"], str)
    told = await on_spot.until("spot.usertrades", lambda r: r.event == "update" and r.result[0]["order_id"] == order.id)
    fills = {fill.id: fill for fill in await asyncio.to_thread(gate.trades_of, order.id)}
    for row in told.result:
        fill = fills[str(row["id"])]
        assert (row["amount"], row["price"], row["fee"], row["fee_currency"]) == (
            fill.amount,
            fill.price,
            fill.fee,
            fill.fee_currency,
        )
    held = await asyncio.to_thread(gate.balances)
    for coin in ("BTC", "USDT"):
        await on_spot.until("spot.balances", lambda r, coin=coin: r.event == "update" and any(
            row["currency"] == coin and D(row["total"]) == held[coin] for row in r.result))  # fmt: skip


def of_order(order_id: str, event: str) -> Any:
    """Whether a push tells that of an order."""
    return lambda r: r.event == "update" and any(row["id"] == order_id and row["event"] == event for row in r.result)


async def test_a_futures_order_is_told_on_four_channels(on_perp: Heard, gate: Gate, fakes: Fakes) -> None:
    """Order, trades, position and balance rows agree with REST; orders have numbers where REST has strings."""
    for channel, payload in (
        (perp.FuturesOrderChannel, [fakes.uid, "!all"]), (perp.FuturesUserTradesChannel, [fakes.uid, CONTRACT]),
        (perp.FuturesPositionsChannel, [fakes.uid, CONTRACT]), (perp.FuturesBalanceChannel, [fakes.uid]),
    ):  # fmt: skip
        stream = channel(on_perp.connection)
        stream.subscribe(payload)
        assert (await on_perp.acknowledged(stream.name)).result == {"status": "success"}
    order = await asyncio.to_thread(gate.perp, -4, text="t-ws")
    done = await on_perp.until("futures.orders", lambda r: r.event == "update" and r.result[0]["status"] == "finished")
    [row] = exact(done)
    assert (row["id"], row["size"], row["left"], row["finish_as"], row["text"]) == (order.id, -4, 0, "filled", "t-ws")
    assert isinstance(row["fill_price"], int | D)
    trades = await on_perp.until("futures.usertrades", lambda r: r.event == "update")
    assert {(t["order_id"], t["role"]) for t in trades.result} == {(str(order.id), "taker")}
    assert all(isinstance(t["price"], str) and isinstance(t["size"], int) for t in trades.result)
    await on_perp.until("futures.positions", lambda r: r.event == "update" and r.result[-1]["size"] == -4)
    account = await asyncio.to_thread(gate.futures.list_futures_accounts, SETTLE)
    money = await on_perp.until("futures.balances", lambda r: r.event == "update" and near(r.result[-1], account.total))
    assert money.result[0]["type"] == "fee"
    await asyncio.to_thread(gate.perp, 4, reduce_only=True)


def near(row: dict[str, Any], total: str) -> bool:
    """Whether a pushed balance, a float on this stream, is that total."""
    return abs(D(str(row["balance"])) - D(total)) < D("0.000001")


async def test_another_users_id_is_acknowledged_and_silent(on_perp: Heard, gate: Gate, fakes: Fakes) -> None:
    """The id in the payload is not validated; nothing comes for a wrong one."""
    perp.FuturesOrderChannel(on_perp.connection).subscribe([fakes.maker_uid, "!all"])
    assert (await on_perp.acknowledged("futures.orders")).result == {"status": "success"}
    await asyncio.to_thread(gate.perp, 1)
    await asyncio.to_thread(gate.perp, -1)
    await asyncio.sleep(0.3)
    assert on_perp.queues["futures.orders"].empty()
