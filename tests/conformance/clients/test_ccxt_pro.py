"""ccxt.pro (streams): public and private streams of both venues; MEXC's frames by google's protobuf runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pytest
from ccxt_client import SPOT, SWAP, options, pointed
from fakes_server import Fakes

WAIT_S = 60
FRAMES = 10


@pytest.fixture
async def gate(fakes: Fakes) -> AsyncIterator[Any]:
    """Gate with the trader's key."""
    exchange = pointed(ccxt.pro.gate(options(fakes, uid=fakes.uid)), fakes)
    await exchange.load_markets()
    yield exchange
    await exchange.close()


@pytest.fixture
async def mexc(fakes: Fakes) -> AsyncIterator[Any]:
    """MEXC with the trader's key."""
    exchange = pointed(ccxt.pro.mexc(options(fakes)), fakes)
    await exchange.load_markets()
    yield exchange
    await exchange.close()


@pytest.fixture
def venue(request: pytest.FixtureRequest) -> Any:
    """The exchange of that name."""
    return request.getfixturevalue(request.param)


def both(function: Any) -> Any:
    """The same check for each market of each venue."""
    cases = [("gate", SPOT), ("gate", SWAP), ("mexc", SPOT)]
    return pytest.mark.parametrize(("venue", "symbol"), cases, indirect=["venue"])(function)


async def until(watch: Any, wanted: Any, *arguments: Any) -> Any:
    """Watch until what comes is wanted."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = await watch(*arguments)
            if wanted(found):
                return found


async def asked(exchange: Any) -> None:
    """Wait until subscriptions have left on an open socket; the library does not tell when they are acknowledged."""
    async with asyncio.timeout(WAIT_S):
        while not has_asked(exchange):  # noqa: ASYNC110 (the library sets no event)
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)


def has_asked(exchange: Any) -> bool:
    """Whether there are subscriptions, and each on a socket that is open."""
    asking = [client for client in exchange.clients.values() if client.subscriptions]
    return bool(asking) and all(client.connected.done() for client in asking)


def small(symbol: str) -> float:
    """An amount that fills at once."""
    return 0.0006 if symbol == SPOT else 3


@both
async def test_order_book(venue: Any, symbol: str) -> None:
    """A book that stays sorted while it is updated, and on Gate is never crossed.

    For MEXC the library drops a frame that the snapshot ends inside of, whole; other clients check that book.
    """
    async with asyncio.timeout(WAIT_S):
        for _ in range(FRAMES):
            book = await venue.watch_order_book(symbol)
            bids, asks = [row[0] for row in book["bids"]], [row[0] for row in book["asks"]]
            assert bids == sorted(bids, reverse=True)
            assert asks == sorted(asks)
            assert venue.id == "mexc" or bids[0] < asks[0]


@both
async def test_ticker(venue: Any, symbol: str) -> None:
    """A last price, or best prices that are not crossed, and the symbol's name."""
    ticker = await until(venue.watch_ticker, lambda found: found["last"] or found["bid"], symbol)
    assert ticker["symbol"] == symbol
    assert ticker["bid"] is None or ticker["bid"] < ticker["ask"]


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_bids_and_asks(gate: Any, symbol: str) -> None:
    """The best prices are not crossed (for MEXC the library still reads the frames of before protobuf)."""
    found = await until(gate.watch_bids_asks, lambda rows: symbol in rows, [symbol])
    assert found[symbol]["bid"] < found[symbol]["ask"]


@both
async def test_trades(venue: Any, symbol: str) -> None:
    """A trade of ours comes by."""
    watching = asyncio.create_task(
        until(venue.watch_trades, lambda rows: any(row["side"] == "buy" for row in rows), symbol)
    )
    await asked(venue)
    await buy(venue, symbol)
    assert all(row["price"] > 0 for row in await watching)
    await sell(venue, symbol)


@both
async def test_candles(venue: Any, symbol: str) -> None:
    """Candles of the present minute."""
    watching = asyncio.create_task(until(venue.watch_ohlcv, bool, symbol, "1m"))
    await asked(venue)
    await buy(venue, symbol)
    _, opened, high, low, close, _ = (await watching)[-1]
    await sell(venue, symbol)
    assert low <= min(opened, close) <= max(opened, close) <= high


async def buy(venue: Any, symbol: str) -> Any:
    """A market buy that fills at once."""
    if symbol == SPOT:
        return await venue.create_market_buy_order_with_cost(symbol, 40)
    return await venue.create_order(symbol, "market", "buy", small(symbol))


@both
async def test_own_orders_and_trades(venue: Any, symbol: str) -> None:
    """One buy is told on the stream of orders and on that of trades, as REST has it."""
    orders = asyncio.create_task(
        until(venue.watch_orders, lambda rows: any(row["status"] == "closed" for row in rows), symbol)
    )
    trades = asyncio.create_task(until(venue.watch_my_trades, bool, symbol))
    await asked(venue)
    order = await buy(venue, symbol)
    [told] = [row for row in await orders if row["status"] == "closed"][-1:]
    assert told["id"] == order["id"]
    own = {row["id"]: row for row in await venue.fetch_my_trades(symbol)}
    for row in await trades:
        assert (row["order"], row["price"], row["amount"]) == (
            order["id"],
            own[row["id"]]["price"],
            own[row["id"]]["amount"],
        )
    await sell(venue, symbol)


async def sell(venue: Any, symbol: str) -> None:
    """Take the position back, where there is one."""
    if symbol == SWAP:
        await venue.close_position(symbol)


@both
async def test_a_resting_order_and_its_cancel(venue: Any, symbol: str) -> None:
    """Open, then canceled."""
    price = (await venue.fetch_order_book(symbol))["bids"][0][0] * 0.97
    opened = asyncio.create_task(until(venue.watch_orders, lambda rows: rows[-1]["status"] == "open", symbol))
    await asked(venue)
    order = await venue.create_order(symbol, "limit", "buy", small(symbol), price)
    assert (await opened)[-1]["id"] == order["id"]
    ended = asyncio.create_task(until(venue.watch_orders, lambda rows: rows[-1]["status"] == "canceled", symbol))
    await asyncio.sleep(0.1)
    await venue.cancel_order(order["id"], symbol)
    assert (await ended)[-1]["id"] == order["id"]


@pytest.mark.parametrize(("venue", "kind"), [("gate", "spot"), ("gate", "swap"), ("mexc", "spot")], indirect=["venue"])
async def test_balance(venue: Any, kind: str) -> None:
    """A trade moves the balance on the stream to what REST says."""
    symbol = SWAP if kind == "swap" else SPOT
    coin = "USDT" if kind == "swap" else "BTC"
    watching = asyncio.create_task(until(venue.watch_balance, lambda held: coin in held, {"type": kind}))
    await asked(venue)
    await buy(venue, symbol)
    told = (await watching)[coin]
    await sell(venue, symbol)
    assert told["total" if told["total"] is not None else "free"] > 0


async def test_positions(gate: Any) -> None:
    """A position comes and goes."""
    await gate.set_leverage(5, SWAP)
    watching = asyncio.create_task(
        until(gate.watch_positions, lambda rows: any(row["contracts"] for row in rows), [SWAP])
    )
    await asked(gate)
    await gate.create_order(SWAP, "market", "sell", 3)
    held = [row for row in await watching if row["contracts"]][-1]
    assert (held["symbol"], held["side"]) == (SWAP, "short")
    await gate.close_position(SWAP)


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_orders_over_the_socket(gate: Any, symbol: str) -> None:
    """Placed, read, changed and cancelled by WebSocket alone."""
    async with asyncio.timeout(WAIT_S):
        price = (await gate.fetch_order_book(symbol))["bids"][0][0] * 0.97
        order = await gate.create_order_ws(symbol, "limit", "buy", small(symbol), price)
        found = await gate.fetch_order_ws(order["id"], symbol)
        assert (found["id"], found["status"]) == (order["id"], "open")
        changed = await gate.edit_order_ws(order["id"], symbol, "limit", "buy", small(symbol), price * 0.999)
        assert changed["id"] == order["id"]
        assert (await gate.cancel_order_ws(order["id"], symbol))["id"] == order["id"]
