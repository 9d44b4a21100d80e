"""The stream of the MEXC fake: control frames, closes, public feeds and the documented local book procedure."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
import trio
import trio_websocket

from dnbot.fakes.records import MEXC_SPOT

DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"
FAST_DEPTH = "spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT"
TICKER = "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"
DEALS = "spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT"
LIMIT = "spot@public.limit.depth.v3.api.pb@BTCUSDT@5"
BATCH = "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT"
KLINE = "spot@public.kline.v3.api.pb@BTCUSDT@Min1"
MINI = "spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8"
MINIS = "spot@public.miniTickers.v3.api.pb@24H"


async def test_control_replies(autojump_clock: Any, live: Any) -> None:
    """Replies echo the id (0 without one) and the joined channel names; PING answers PONG with id 0."""
    client = await live.open()
    assert await client.ask("SUBSCRIPTION", DEPTH, TICKER, number=7) == {"id": 7, "code": 0, "msg": f"{DEPTH},{TICKER}"}
    assert await client.ask("UNSUBSCRIPTION", TICKER) == {"id": 0, "code": 0, "msg": TICKER}
    assert await client.ask("PING") == {"id": 0, "code": 0, "msg": "PONG"}
    assert (await client.ask("ping"))["msg"] == "PONG"
    assert (await client.ask("SHOUT"))["msg"] == "invalid request"


@pytest.mark.parametrize(
    "channel",
    [
        "spot@public.aggre.depth.v3.api@100ms@BTCUSDT",
        "spot@public.depth.v3.api.pb@BTCUSDT",
        "spot@public.aggre.depth.v3.api.pb@50ms@BTCUSDT",
        "spot@public.aggre.depth.v3.api.pb@100ms@NOPEUSDT",
        "spot@public.limit.depth.v3.api.pb@BTCUSDT@50",
        "spot@public.miniTicker.v3.api.pb@BTCUSDT",
        "spot@private.orders.v3.api.pb",
    ],
)
async def test_refused_channels(autojump_clock: Any, live: Any, channel: str) -> None:
    """A bad channel is refused with code 0 and the recorded text."""
    client = await live.open()
    reply = await client.ask("SUBSCRIPTION", channel, number=3)
    text = f"Not Subscribed successfully! [{channel}].  Reason\uff1a Blocked! "
    assert reply == {"id": 3, "code": 0, "msg": text}


async def test_at_most_thirty_subscriptions(autojump_clock: Any, live: Any) -> None:
    """The thirty-first channel of a connection does not take effect."""
    client = await live.open()
    names = [f"spot@public.kline.v3.api.pb@{s}@Min{n}" for s in ("BTCUSDT", "ETHUSDT") for n in (1, 5, 15, 30, 60)]
    names += [f"spot@public.limit.depth.v3.api.pb@{s}@{n}" for s in ("BTCUSDT", "ETHUSDT") for n in (5, 10, 20)]
    names += [f"spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+{n}" for n in range(14)]
    assert (await client.ask("SUBSCRIPTION", *names))["msg"] == ",".join(names)
    assert "Blocked!" in (await client.ask("SUBSCRIPTION", DEPTH))["msg"]
    await client.ask("UNSUBSCRIPTION", names[0])
    assert (await client.ask("SUBSCRIPTION", DEPTH))["msg"] == DEPTH


async def talk(client: Any, ping_every_s: float | None) -> None:
    """Read for ever, with a PING now and then."""
    while True:
        with trio.move_on_after(ping_every_s or 1e6):
            await client.ws.get_message()
        await client.ask("PING")


async def closed_after(client: Any, give_up_s: float, *, ping_every_s: float | None = None) -> float:
    """Seconds until the server closes the connection, which it does without a status code."""
    start_s = trio.current_time()
    with trio.fail_after(give_up_s), pytest.raises(trio_websocket.ConnectionClosed) as closed:
        await talk(client, ping_every_s)
    assert closed.value.reason is not None
    assert closed.value.reason.code == 1005
    return trio.current_time() - start_s


async def test_closes_when_nothing_is_subscribed(autojump_clock: Any, live: Any) -> None:
    """Thirty seconds without a valid subscription end the connection, PING or not."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", "nonsense")
    assert 29 <= await closed_after(client, 40, ping_every_s=10) <= 41


async def test_closes_without_traffic(autojump_clock: Any, live: Any) -> None:
    """Sixty seconds without any data end a subscribed connection."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", DEPTH)
    assert 59 <= await closed_after(client, 70) <= 62


@pytest.mark.slow
async def test_ping_keeps_a_quiet_connection_for_a_day(autojump_clock: Any, live: Any) -> None:
    """A client PING counts as traffic; after 24 hours the connection ends all the same."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", DEPTH)
    assert 86_399 <= await closed_after(client, 90_000, ping_every_s=50) <= 86_460


async def test_too_many_messages_drop_the_client(autojump_clock: Any, live: Any) -> None:
    """More than a hundred messages in a second end the connection without a close frame."""
    client = await live.open()
    with pytest.raises(trio_websocket.ConnectionClosed) as closed:
        await talk(client, 1e-9)
    assert closed.value.reason is not None
    assert closed.value.reason.code == 1006


async def test_slow_client_is_dropped_and_others_go_on(autojump_clock: Any, live: Any) -> None:
    """A client that does not read is given up once its queue is full; a reader keeps receiving."""
    reader, slow = await live.open(), await live.open()
    await reader.ask("SUBSCRIPTION", FAST_DEPTH)
    await slow.ask("SUBSCRIPTION", FAST_DEPTH)
    slow_outbox = list(live.app.stream.connections)[-1]
    for _ in range(5000):
        slow_outbox.push(b"x", trio.current_time())
    await trio.sleep(0.001)
    assert len(live.app.stream.connections) == 1
    assert slow_outbox not in live.app.stream.connections
    live.quote("buy", "59000", "1", "n")
    assert (await reader.push()).publicAggreDepths.bids[0].price == "59000"


async def test_depth_frame(autojump_clock: Any, live: Any) -> None:
    """Absolute unpadded quantities, "0" for a removed level, eventType without the symbol, sendTime only."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", DEPTH)
    version = live.exchange.depth(MEXC_SPOT, "BTC/USDT").book_id
    live.quote("buy", "59000", "1.50", "n")
    live.exchange.external_cancel(MEXC_SPOT, "BTC/USDT", "a2")
    frame = await client.push()
    depth = frame.publicAggreDepths
    assert (frame.channel, frame.symbol) == (DEPTH, "BTCUSDT")
    assert frame.HasField("sendTime")
    assert not frame.HasField("createTime")
    assert depth.eventType == "spot@public.aggre.depth.v3.api.pb@100ms"
    assert [(level.price, level.quantity) for level in depth.bids] == [("59000", "1.5")]
    assert [(level.price, level.quantity) for level in depth.asks] == [("60003", "0")]
    assert (depth.fromVersion, depth.toVersion) == (str(version + 1), str(version + 2))


async def disturb(live: Any, rng: random.Random, seconds: float) -> None:
    """A restless outside market."""
    end_s, number = trio.current_time() + seconds, 0
    while trio.current_time() < end_s:
        number += 1
        side, offset = rng.choice(("buy", "sell")), rng.randrange(1, 200)
        price = 60000 - offset if side == "buy" else 60000 + offset
        live.quote(side, str(price), str(Decimal(rng.randrange(1, 100)) / 1000), f"d{number}")
        live.exchange.external_cancel(MEXC_SPOT, "BTC/USDT", f"d{rng.randrange(1, number + 1)}")
        if number % 7 == 0:
            live.take(rng.choice(("buy", "sell")), "0.01")
        await trio.sleep(rng.random() * 0.03)


def apply(book: dict[tuple[str, Decimal], Decimal], side: str, levels: Any) -> None:
    """Put absolute quantities into a local book."""
    for level in levels:
        book[side, Decimal(level.price)] = Decimal(level.quantity)


@pytest.mark.parametrize("channel", [DEPTH, FAST_DEPTH])
async def test_local_book_procedure(autojump_clock: Any, live: Any, channel: str) -> None:
    """Buffer, snapshot, drop, check, apply: the documented steps end with exactly the server's book, without a gap."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", channel)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(disturb, live, random.Random(7), 5.0)
        buffered = await client.pushes_for(0.5)
        snapshot = live.public("depth", "symbol=BTCUSDT&limit=5000")
        frames = buffered + await client.pushes_for(6.0)
    version = snapshot["lastUpdateId"]
    assert version >= int(frames[0].publicAggreDepths.fromVersion)
    book = {("b", Decimal(p)): Decimal(q) for p, q in snapshot["bids"]}
    book |= {("a", Decimal(p)): Decimal(q) for p, q in snapshot["asks"]}
    rest = [f.publicAggreDepths for f in frames if int(f.publicAggreDepths.toVersion) > version]
    assert len(rest) > 20
    assert int(rest[0].fromVersion) <= version + 1
    for number, depth in enumerate(rest):
        assert number == 0 or int(depth.fromVersion) == version + 1
        apply(book, "a", depth.asks)
        apply(book, "b", depth.bids)
        version = int(depth.toVersion)
    final = live.public("depth", "symbol=BTCUSDT&limit=5000")
    assert version == final["lastUpdateId"]
    expected = {("b", Decimal(p)): Decimal(q) for p, q in final["bids"]}
    expected |= {("a", Decimal(p)): Decimal(q) for p, q in final["asks"]}
    assert {level: quantity for level, quantity in book.items() if quantity} == expected


async def test_lost_and_empty_depth_frames(autojump_clock: Any, live: Any) -> None:
    """An armed fault drops a frame, which is a version gap, or sends a body-less one before the next."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", FAST_DEPTH)
    live.app.faults.depth_frames_lost = 1
    live.quote("buy", "59000", "1", "n1")
    await trio.sleep(0.1)
    live.app.faults.depth_frames_empty = 1
    live.quote("buy", "59001", "1", "n2")
    empty, depth = await client.push(), (await client.push()).publicAggreDepths
    assert empty.WhichOneof("body") is None
    assert (depth.fromVersion, depth.bids[0].price) == (
        str(live.public("depth", "symbol=BTCUSDT")["lastUpdateId"]),
        "59001",
    )


async def test_tickers_and_limit_depth(autojump_clock: Any, live: Any) -> None:
    """bookTicker comes on change only, limit.depth is the whole top with the book's version, a batch holds tops."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", TICKER)
    assert (await client.push()).publicAggreBookTicker.bidPrice == "59999"
    live.quote("buy", "59000", "1", "deep")
    assert await client.pushes_for(0.5) == []
    live.quote("buy", "60000", "0.25", "best")
    ticker = (await client.push()).publicAggreBookTicker
    assert (ticker.bidPrice, ticker.bidQuantity, ticker.askPrice) == ("60000", "0.25", "60001")
    await client.ask("UNSUBSCRIPTION", TICKER)
    await client.ask("SUBSCRIPTION", LIMIT)
    limit = (await client.push()).publicLimitDepths
    assert [level.price for level in limit.bids] == ["60000", "59999", "59998", "59997", "59000"]
    assert limit.version == str(live.public("depth", "symbol=BTCUSDT")["lastUpdateId"])
    await client.ask("UNSUBSCRIPTION", LIMIT)
    await client.ask("SUBSCRIPTION", BATCH)
    assert (await client.push()).publicBookTickerBatch.items[0].bidPrice == "60000"


async def test_deals_candles_and_mini_tickers(autojump_clock: Any, live: Any) -> None:
    """A trade shows in deals with its side, in the candle, and in both mini tickers."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", DEALS)
    live.take("sell", "0.2")
    deals = (await client.push()).publicAggreDeals
    assert [(d.price, d.quantity, d.tradeType) for d in deals.deals] == [("59999", "0.2", 2)]
    await client.ask("UNSUBSCRIPTION", DEALS)
    await client.ask("SUBSCRIPTION", KLINE)
    candle = await client.push()
    assert (candle.publicSpotKline.closingPrice, candle.publicSpotKline.interval) == ("59999", "Min1")
    assert candle.HasField("createTime")
    assert not candle.HasField("sendTime")
    await client.ask("SUBSCRIPTION", MINI)
    mini = (await client.push()).publicMiniTicker
    assert (mini.symbol, mini.price, mini.volume, mini.quantity) == ("BTCUSDT", "59999", "11999.8", "0.2")
    await client.ask("UNSUBSCRIPTION", KLINE, MINI)
    await client.ask("SUBSCRIPTION", MINIS)
    everything = await client.push()
    assert [item.symbol for item in everything.publicMiniTickers.items] == ["BTCUSDT", "ETHUSDT"]


async def test_mute_but_answering(autojump_clock: Any, live: Any) -> None:
    """A muted venue answers PING and pushes nothing; unmuted, the next depth frame holds all that was missed."""
    client = await live.open()
    await client.ask("SUBSCRIPTION", FAST_DEPTH)
    live.app.faults.public_mute = True
    live.quote("buy", "59000", "1", "n1")
    assert await client.pushes_for(5.0) == []
    assert (await client.ask("PING"))["msg"] == "PONG"
    live.app.faults.public_mute = False
    live.quote("buy", "59001", "1", "n2")
    assert [level.price for level in (await client.push()).publicAggreDepths.bids] == ["59000", "59001"]
