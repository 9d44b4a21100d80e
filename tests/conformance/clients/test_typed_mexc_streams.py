"""typed-mexc (asyncio, streams): frames decoded by betterproto2, a second protobuf runtime, from generated classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from fakes_server import Fakes
from typed_mexc import MEXC

D = Decimal
SYMBOL = "BTCUSDT"
WAIT_S = 60
FRAMES = 15


@pytest.fixture
async def mexc(fakes: Fakes) -> AsyncIterator[MEXC]:
    """The trader's client."""
    urls = {"spot_base_url": fakes.mexc_rest, "spot_ws_url": fakes.mexc_ws}
    async with MEXC.new(fakes.key, fakes.secret, **urls) as client:
        yield client


async def frames(manager: Any, count: int) -> list[Any]:
    """The next so many frames of a stream."""
    found: list[Any] = []
    async with asyncio.timeout(WAIT_S), manager as stream:
        async for frame in stream:
            found.append(frame)
            if len(found) == count:
                break
    return found


async def test_book_tickers(mexc: MEXC) -> None:
    """One-line books that are not crossed."""
    for frame in await frames(mexc.spot.streams.market.book_ticker("100ms", SYMBOL), FRAMES):
        assert D(frame.bid_price) < D(frame.ask_price)
        assert D(frame.bid_quantity) > 0


async def test_batched_book_tickers(mexc: MEXC) -> None:
    """Batches of at least one."""
    for frame in await frames(mexc.spot.streams.market.book_ticker_batch(SYMBOL), 3):
        assert frame.items
        assert all(D(item.bid_price) < D(item.ask_price) for item in frame.items)


@pytest.mark.parametrize("level", [5, 10, 20])
async def test_partial_books(mexc: MEXC, level: int) -> None:
    """Whole top of the book each time, with a rising version."""
    found = await frames(mexc.spot.streams.market.depth(SYMBOL, level), 5)
    for frame in found:
        assert 0 < len(frame.bids) <= level
        assert D(frame.bids[0].price) < D(frame.asks[0].price)
    versions = [int(frame.version) for frame in found]
    assert versions == sorted(versions)


@pytest.mark.parametrize("speed", ["100ms", "10ms"])
async def test_increments_follow_one_another(mexc: MEXC, speed: str) -> None:
    """Each frame begins one after the last one's end."""
    found = await frames(mexc.spot.streams.market.depth_updates(speed, SYMBOL), FRAMES)
    for earlier, later in pairwise(found):
        assert int(later.from_version) == int(earlier.to_version) + 1
        assert int(later.to_version) >= int(later.from_version)


async def test_the_documented_book_ends_as_the_venues_book(mexc: MEXC) -> None:
    """Snapshot and increments by the documented procedure; then a second snapshot is met on the way, level by level."""
    market = mexc.spot.http.market
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    states: dict[int, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
    async with asyncio.timeout(WAIT_S), mexc.spot.streams.market.depth_updates("10ms", SYMBOL) as stream:
        source = aiter(stream)
        first = await anext(source)
        snapshot = await market.depth(symbol=SYMBOL, limit=5000)
        while int(snapshot["lastUpdateId"]) < int(first.from_version):
            snapshot = await market.depth(symbol=SYMBOL, limit=5000)
        version = int(snapshot["lastUpdateId"])
        bids |= {D(p): D(q) for p, q in snapshot["bids"]}
        asks |= {D(p): D(q) for p, q in snapshot["asks"]}
        frame, target = first, None
        while True:
            if int(frame.to_version) > version:
                assert int(frame.from_version) <= version + 1
                for side, changes in ((bids, frame.bids), (asks, frame.asks)):
                    for change in changes:
                        side[D(change.price)] = D(change.quantity)
                        if not D(change.quantity):
                            del side[D(change.price)]
                version = int(frame.to_version)
                states[version] = (dict(bids), dict(asks))
            if target is None and len(states) == FRAMES:
                target = await market.depth(symbol=SYMBOL, limit=5000)
            if target is not None and version >= int(target["lastUpdateId"]):
                if int(target["lastUpdateId"]) in states:
                    break
                target = await market.depth(symbol=SYMBOL, limit=5000)
            frame = await anext(source)
    found = states[int(target["lastUpdateId"])]
    assert found[0] == {D(p): D(q) for p, q in target["bids"]}
    assert found[1] == {D(p): D(q) for p, q in target["asks"]}


async def test_deals(mexc: MEXC) -> None:
    """A trade of ours comes by on the public stream with its price and side."""
    async with asyncio.timeout(WAIT_S), mexc.spot.streams.market.trades("100ms", SYMBOL) as stream:
        order = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.0007"}
        await mexc.spot.http.trade.place_order(order)
        async for frame in stream:
            assert all(deal.trade_type in (1, 2) and D(deal.price) > 0 for deal in frame.deals)
            if any(deal.trade_type == 1 for deal in frame.deals):
                break


async def test_candles(mexc: MEXC) -> None:
    """A candle of the present minute."""
    [frame] = await frames(mexc.spot.streams.market.candles(SYMBOL, "Min1"), 1)
    assert frame.interval == "Min1"
    assert int(frame.window_end) - int(frame.window_start) == 60
    assert D(frame.lowest_price) <= D(frame.closing_price) <= D(frame.highest_price)


async def until(stream: Any, wanted: Any) -> Any:
    """The next frame that is wanted."""
    async for frame in stream:
        if wanted(frame):
            return frame
    raise AssertionError("the stream ended")


async def test_an_order_is_told_on_all_three_private_streams(mexc: MEXC) -> None:
    """Order, deal and account frames of one market buy agree with each other and with REST, to the last digit."""
    user, rest = mexc.spot.streams.user, mexc.spot.http
    async with asyncio.timeout(WAIT_S), user.orders() as orders, user.trades() as deals, user.account() as account:
        sent = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.0006", "newClientOrderId": "st-1"}
        order = await rest.trade.place_order(sent)
        done = await until(orders, lambda f: f.id == order["orderId"] and f.status in (2, 4, 5))
        deal = await until(deals, lambda f: f.order_id == order["orderId"])
        coin = await until(account, lambda f: f.vcoin_name == "BTC")
    assert (done.client_id, done.order_type, done.trade_type, done.status) == ("st-1", 5, 1, 2)
    assert (D(done.cumulative_quantity), D(done.remain_quantity)) == (D("0.0006"), 0)
    fills = await rest.account.trades(symbol=SYMBOL, order_id=order["orderId"])
    told = next(fill for fill in fills if fill["id"] == deal.trade_id)
    assert (D(deal.price), D(deal.quantity), D(deal.amount)) == (told["price"], told["qty"], told["quoteQty"])
    assert (D(deal.fee_amount), deal.fee_currency) == (told["commission"], told["commissionAsset"])
    assert (deal.client_order_id, deal.trade_type) == ("st-1", 1)
    assert D(coin.balance_amount_change) > 0


async def test_a_resting_order_and_its_cancel_are_told(mexc: MEXC) -> None:
    """Status 1 then 4; what is frozen, the taker's fee included, comes and goes."""
    user, rest = mexc.spot.streams.user, mexc.spot.http
    bid = (await rest.market.book_ticker(symbol=SYMBOL))["bidPrice"]
    price = str((bid * D("0.9")).quantize(D("0.01")))
    async with asyncio.timeout(WAIT_S), user.orders() as orders, user.account() as account:
        sent = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": price}
        order = await rest.trade.place_order(sent)
        new = await until(orders, lambda f: f.id == order["orderId"])
        placed = await until(account, lambda f: f.type == "ENTRUST_PLACE")
        await rest.trade.cancel_order(symbol=SYMBOL, order_id=order["orderId"])
        gone = await until(orders, lambda f: f.id == order["orderId"] and f.status != 1)
        freed = await until(account, lambda f: f.type != "ENTRUST_PLACE")
    assert (new.status, gone.status, D(gone.remain_quantity)) == (1, 4, D("0.001"))
    rate = D(str((await rest.account.trade_fee(SYMBOL))["data"]["takerCommission"]))
    assert D(placed.frozen_amount_change) == D(price) * D("0.001") * (1 + rate) == -D(freed.frozen_amount_change)
    assert D(placed.balance_amount_change) == -D(placed.frozen_amount_change)


async def test_the_other_account_hears_nothing_of_it(mexc: MEXC, fakes: Fakes) -> None:
    """Private streams are private."""
    urls = {"spot_base_url": fakes.mexc_rest, "spot_ws_url": fakes.mexc_ws}
    async with (
        MEXC.new(fakes.maker_key, fakes.maker_secret, **urls) as other,
        other.spot.streams.user.orders() as stream,
    ):
        sent = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.0006"}
        async with asyncio.timeout(WAIT_S), mexc.spot.streams.user.orders() as mine:
            order = await mexc.spot.http.trade.place_order(sent)
            await until(mine, lambda f: f.id == order["orderId"] and f.status == 2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await until(stream, lambda _: True)
