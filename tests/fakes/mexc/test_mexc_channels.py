"""Details of the MEXC stream's channels: names in frames, batches, ids, and kinds of balance changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio
import trio_websocket
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.mexc_channels import parse_channel
from dnbot.fakes.records import MEXC_SPOT

ROOT = "spot@public."
BATCH = f"{ROOT}increase.depth.batch.v3.api.pb@BTCUSDT"
ACCOUNT = "spot@private.account.v3.api.pb"


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("aggre.depth.v3.api.pb@100ms@BTCUSDT", "aggre.depth.v3.api.pb@100ms"),
        ("aggre.deals.v3.api.pb@10ms@BTCUSDT", "aggre.deals.v3.api.pb@10ms"),
        ("limit.depth.v3.api.pb@BTCUSDT@5", "limit.depth.v3.api.pb"),
        ("increase.depth.batch.v3.api.pb@BTCUSDT", "increase.depth.batch.v3.api.pb"),
    ],
)
def test_event_types(name: str, event_type: str) -> None:
    """eventType is the name up to the symbol, as the documents' samples have it."""
    channel = parse_channel(ROOT + name)
    assert channel is not None
    assert channel.event_type == ROOT + event_type


@pytest.mark.parametrize(
    "name",
    [
        "deals.v3.api.pb@BTCUSDT",
        "depth.v3.api.pb@BTCUSDT",
        "increase.depth.v3.api.pb@BTCUSDT",
        "bookTicker.v3.api.pb@BTCUSDT",
        "bookTicker.v3.api@BTCUSDT",
        "aggre.deals.v3.api.pb@100ms@btcusdt",
        "aggre.deals.v3.api.pb@1000ms@BTCUSDT",
        "aggre.deals.v3.api.pb@BTCUSDT",
        "kline.v3.api.pb@BTCUSDT@Min3",
        "miniTicker.v3.api.pb@BTCUSDT@UTC+99",
        "miniTickers.v3.api.pb",
        "limit.depth.v3.api.pb@BTCUSDT",
    ],
)
def test_names_that_do_not_exist(name: str) -> None:
    """Retired, unsuffixed, lower-case and wrongly timed names are no channels."""
    assert parse_channel(ROOT + name) is None


@given(st.text(max_size=60))
def test_any_text_is_a_channel_or_none(name: str) -> None:
    """Nothing a client may send breaks the parser; what is accepted keeps its name."""
    channel = parse_channel(name)
    assert channel is None or channel.name == name


async def test_good_and_bad_channels_in_one_request(autojump_clock: Any, live: Any) -> None:
    """The bad ones are named in the refusal, the good ones are subscribed all the same."""
    client = await live.open()
    reply = await client.ask("SUBSCRIPTION", BATCH, "nonsense", number=4)
    assert reply == {"id": 4, "code": 0, "msg": "Not Subscribed successfully! [nonsense].  Reason\uff1a Blocked! "}
    live.quote("buy", "59000", "1", "n")
    assert (await client.push()).channel == BATCH


async def test_batch_holds_every_change(autojump_clock: Any, live: Any) -> None:
    """One item per book version, none left out, at most five a frame, within 5 ms; together they make the book."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", BATCH)
    before = live.public("depth", "symbol=BTCUSDT&limit=5000")
    start_s = trio.current_time()
    for number in range(7):
        live.quote("buy", str(59000 + number), "1.50", f"n{number}")
    live.exchange.external_cancel(MEXC_SPOT, "BTC/USDT", "a2")
    frames = await client.pushes_for(0.5)
    assert trio.current_time() - start_s < 0.6
    batches = [frame.publicIncreaseDepthsBatch for frame in frames]
    assert [len(batch.items) for batch in batches] == [5, 3]
    assert {batch.eventType for batch in batches} == {f"{ROOT}increase.depth.batch.v3.api.pb"}
    items = [item for batch in batches for item in batch.items]
    assert [int(item.version) for item in items] == [before["lastUpdateId"] + n for n in range(1, 9)]
    assert {item.eventType for item in items} == {""}
    book = {("a", Decimal(p)): Decimal(q) for p, q in before["asks"]}
    book |= {("b", Decimal(p)): Decimal(q) for p, q in before["bids"]}
    for item in items:
        book |= {("a", Decimal(level.price)): Decimal(level.quantity) for level in item.asks}
        book |= {("b", Decimal(level.price)): Decimal(level.quantity) for level in item.bids}
    after = live.public("depth", "symbol=BTCUSDT&limit=5000")
    expected = {("a", Decimal(p)): Decimal(q) for p, q in after["asks"]}
    expected |= {("b", Decimal(p)): Decimal(q) for p, q in after["bids"]}
    assert {level: quantity for level, quantity in book.items() if quantity} == expected


async def test_candle_frame(autojump_clock: Any, live: Any) -> None:
    """A candle frame names the market by symbol and by a fixed symbolId of 32 digits, and spans its whole window."""
    client = await live.open()
    channel = f"{ROOT}kline.v3.api.pb@BTCUSDT@Hour8"
    await client.ask("SUBSCRIPTION", channel)
    live.take("buy", "0.1")
    first = await client.push()
    live.take("buy", "0.1")
    second = await client.push()
    assert (first.symbol, len(first.symbolId), first.symbolId) == ("BTCUSDT", 32, second.symbolId)
    kline = second.publicSpotKline
    assert kline.windowEnd - kline.windowStart == 28_800
    assert (kline.interval, kline.volume) == ("Hour8", "0.2")


async def test_mini_tickers_come_every_three_seconds(autojump_clock: Any, live: Any) -> None:
    """However much trades, a mini ticker is pushed once in three seconds."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", f"{ROOT}miniTicker.v3.api.pb@BTCUSDT@24H")
    for _ in range(20):
        live.take("buy", "0.01")
        await trio.sleep(0.6)
    assert len(await client.pushes_for(3.5)) == 4


async def test_unsubscribed_feeds_stop(autojump_clock: Any, live: Any) -> None:
    """After the last listener left nothing is pushed, and a new listener starts afresh."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", BATCH)
    live.quote("buy", "59000", "1", "n1")
    assert len(await client.pushes_for(0.1)) == 1
    await client.ask("UNSUBSCRIPTION", BATCH)
    live.quote("buy", "59001", "1", "n2")
    assert await client.pushes_for(0.1) == []
    await client.ask("SUBSCRIPTION", BATCH)
    live.quote("buy", "59002", "1", "n3")
    frames = await client.pushes_for(0.1)
    assert [item.bids[0].price for item in frames[0].publicIncreaseDepthsBatch.items] == ["59002"]


async def test_kinds_of_releases(autojump_clock: Any, live: Any) -> None:
    """Money of a cancelled order comes back as ENTRUST_CANCEL, what an immediate order left as ENTRUST_UNFROZEN."""
    key = live.call("POST", "userDataStream")["listenKey"]
    client = await live.open(key)
    await client.ask("SUBSCRIPTION", ACCOUNT)
    order_id = live.order()["orderId"]
    live.call("DELETE", "order", f"symbol=BTCUSDT&orderId={order_id}")
    live.order(type="IMMEDIATE_OR_CANCEL", price="60000")
    kinds = [frame.privateAccount.type for frame in await client.pushes_for(0.2)]
    assert kinds == ["ENTRUST_PLACE", "ENTRUST_CANCEL", "ENTRUST_PLACE", "ENTRUST_UNFROZEN"]


async def shout(client: Any) -> None:
    """More messages in a second than a client may send."""
    for _ in range(200):
        await client.ask("PING")


async def test_banned_address_gets_no_stream(autojump_clock: Any, live: Any) -> None:
    """An address that was cut for its messages too often is banned from streams, where that is switched on."""
    live.app.venue.limits.loud_max = 0
    client = await live.open()
    with pytest.raises(trio_websocket.ConnectionClosed):
        await shout(client)
    again = await live.open()
    with pytest.raises(trio_websocket.ConnectionClosed):
        await again.ask("PING")
