"""Candles, tickers and trades of the Gate fake over REST and sockets, built from its own trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT

DECIMAL = {"x-gate-size-decimal": "1"}
U = "/futures/usdt"


def trade(gate: Any, side: str, quantity: str, *, futures: bool = False) -> None:
    """Somebody outside takes from the book."""
    venue = GATE_FUTURES if futures else GATE_SPOT
    gate.world.exchange.external_take(venue, "BTC/USDT", side, Decimal(quantity))


async def test_spot_candles(autojump_clock: Any, gate: Any) -> None:
    """Rows are text: time, quote, close, high, low, open, base, complete; a quiet minute is flat."""
    ask, _ = await gate.best("ask")
    bid, _ = await gate.best("bid")
    start_s = gate.now_s() // 60 * 60
    trade(gate, "buy", "0.001")
    trade(gate, "sell", "0.002")
    await trio.sleep(120)
    rows = await gate.ok("GET", "/spot/candlesticks", "currency_pair=BTC_USDT&interval=1m&limit=3", signed=False)
    assert all(isinstance(text, str) for row in rows for text in row)
    assert [row[0] for row in rows] == [str(start_s + 60 * number) for number in range(3)]
    quote = ask * Decimal("0.001") + bid * Decimal("0.002")
    assert [Decimal(text) for text in rows[0][1:7]] == [quote, bid, ask, bid, ask, Decimal("0.003")]
    assert rows[1][1:] == ["0", rows[0][2], rows[0][2], rows[0][2], rows[0][2], "0", "true"]
    assert [row[7] for row in rows] == ["true", "true", "false"]
    ranged = f"currency_pair=BTC_USDT&interval=1m&from={start_s}&to={start_s + 60}"
    assert await gate.ok("GET", "/spot/candlesticks", ranged, signed=False) == rows[:2]
    assert len(await gate.ok("GET", "/spot/candlesticks", "currency_pair=BTC_USDT", signed=False)) == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("interval=2m", "Invalid parameter `interval` with value: 2m"),
        ("interval=1m&limit=1001", "Invalid parameter `limit` with value: 1001"),
        ("interval=1m&limit=5&from=1799999000", "`limit` conflicts with `from` and `to`"),
        ("interval=1m&from=x", "Invalid parameter `from` with value: x"),
        ("interval=1s&from=1799990001&to=1799999999", "Candlestick range too broad. Maximum 1000 data points are"),
        ("interval=1m&from=1&to=600", "Candlestick too long ago. Maximum 10000 points ago are allowed"),
        ("interval=1m&from=1800000000&to=1799999000", "Invalid parameter `from` with value: 1800000000"),
    ],
)
async def test_candles_are_refused(autojump_clock: Any, gate: Any, query: str, text: str) -> None:
    """Bad intervals, limits and ranges are 400 INVALID_PARAM_VALUE with the recorded texts."""
    answer = await gate.call("GET", "/spot/candlesticks", f"currency_pair=BTC_USDT&{query}", signed=False)
    assert (answer.status, answer.value["label"]) == (400, "INVALID_PARAM_VALUE")
    assert answer.value["message"].startswith(text)


async def test_limit_with_a_range_is_a_switch(autojump_clock: Any, gate: Any) -> None:
    """Documented as refused, seen to work: a setting lets `limit` count from `from` on."""
    trade(gate, "buy", "0.001")
    await trio.sleep(300)
    gate.app.settings.candle_limit_with_range = "honoured"
    query = f"currency_pair=BTC_USDT&interval=1m&limit=2&from={gate.now_s() - 240}"
    assert len(await gate.ok("GET", "/spot/candlesticks", query, signed=False)) == 2


async def test_futures_candles_and_their_prefixes(autojump_clock: Any, gate: Any) -> None:
    """`v` is contracts, text under the header; mark, index and premium have prices and no volume."""
    trade(gate, "buy", "7", futures=True)
    query = "contract=BTC_USDT&interval=10s&limit=1"
    row = (await gate.ok("GET", f"{U}/candlesticks", query, signed=False))[0]
    assert (row["v"], set(row)) == (7, {"t", "v", "c", "h", "l", "o", "sum"})
    assert Decimal(row["sum"]) == Decimal(row["c"]) * 7 * Decimal("0.0001")
    row = (await gate.ok("GET", f"{U}/candlesticks", query, signed=False, headers=DECIMAL))[0]
    assert row["v"] == "7"
    mark = gate.world.exchange.mark("BTC/USDT")
    for prefix, price in (("mark_", mark.mark), ("index_", mark.index)):
        query = f"contract={prefix}BTC_USDT&interval=1m"
        row = (await gate.ok("GET", f"{U}/candlesticks", query, signed=False))[-1]
        assert (Decimal(row["c"]), set(row)) == (price, {"t", "c", "h", "l", "o"})
    row = (await gate.ok("GET", f"{U}/premium_index", "contract=BTC_USDT", signed=False))[-1]
    assert Decimal(row["c"]) == ((mark.mark - mark.index) / mark.index).quantize(Decimal("1e-8"))
    refusal = await gate.call("GET", f"{U}/premium_index", signed=False)
    assert refusal.value == {"label": "MISSING_REQUIRED_PARAM", "message": "Missing required parameter: contract"}
    refusal = await gate.call("GET", f"{U}/candlesticks", "contract=mark_NOPE_USDT", signed=False)
    assert refusal.value == {"label": "CONTRACT_NOT_FOUND"}


async def test_candle_streams(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """The running candle is told when it changed, and once more, with `w` true, when it is over."""
    async with connect("/ws/v4/") as stream:
        await stream.subscribe("spot.candlesticks", ["10s", "BTC_USDT"])
        trade(gate, "buy", "0.001")
        row = (await stream.next("spot.candlesticks", "update"))["result"]
        assert list(row) == ["t", "v", "c", "h", "l", "o", "n", "a", "w"]
        assert (row["n"], row["a"], row["w"]) == ("10s_BTC_USDT", "0.001", False)
        assert all(isinstance(row[name], str) for name in row if name != "w")
        closed = (await stream.next("spot.candlesticks", "update"))["result"]
        assert (closed["t"], closed["w"]) == (row["t"], True)
        following = (await stream.next("spot.candlesticks", "update"))["result"]
        assert (int(following["t"]), following["v"], following["w"]) == (int(row["t"]) + 10, "0", False)
        bad = await stream.subscribe("spot.candlesticks", ["1m_BTC_USDT"])
        assert bad["error"] == {"code": 1, "message": "request payload does not follow json schema"}
        bad = await stream.subscribe("spot.candlesticks", ["3m", "BTC_USDT"])
        assert bad["error"]["code"] == 2
    for headers, size in (({}, 4), (DECIMAL, "4")):
        async with connect("/v4/ws/usdt", headers) as stream:
            await stream.subscribe("futures.candlesticks", ["1m", "BTC_USDT"])
            await stream.subscribe("futures.candlesticks", ["1m", "mark_BTC_USDT"])
            trade(gate, "sell", "4", futures=True)
            by_name: dict[str, Any] = {}
            while len(by_name) < 2:
                row = (await stream.next("futures.candlesticks", "update"))["result"][0]
                by_name[row["n"]] = row
            assert type(by_name["1m_BTC_USDT"]["v"]) is type(size)
            assert type(by_name["1m_BTC_USDT"]["t"]) is int
            assert "v" not in by_name["1m_mark_BTC_USDT"]


async def test_tickers_cover_the_day(autojump_clock: Any, gate: Any) -> None:
    """Change, range and volume come from trades; REST and stream agree; sizes only for a single pair."""
    ask, size = await gate.best("ask")
    trade(gate, "buy", "0.001")
    trade(gate, "buy", str(size))
    last = gate.world.exchange.last_price(GATE_SPOT, "BTC/USDT")
    row = (await gate.ok("GET", "/spot/tickers", "currency_pair=BTC_USDT", signed=False))[0]
    assert (Decimal(row["low_24h"]), Decimal(row["high_24h"])) == (ask, last)
    assert Decimal(row["base_volume"]) == size + Decimal("0.001")
    assert row["change_percentage"] == f"{(last / ask - 1) * 100:.4f}"
    assert row["change_utc0"] == row["change_utc8"] == row["change_percentage"]
    assert {"lowest_size", "highest_size"} <= set(row)
    assert not {"lowest_size", "highest_size"} & set((await gate.ok("GET", "/spot/tickers", signed=False))[0])
    bad = await gate.call("GET", "/spot/tickers", "timezone=utc9", signed=False)
    assert bad.value["label"] == "INVALID_PARAM_VALUE"
    trade(gate, "buy", "3", futures=True)
    await gate.ok("POST", f"{U}/orders", body={"contract": "BTC_USDT", "size": 2, "price": "0", "tif": "ioc"})
    row = (await gate.ok("GET", f"{U}/tickers", "contract=BTC_USDT", signed=False))[0]
    assert (row["volume_24h"], row["volume_24h_base"], row["total_size"]) == ("5", "0.0005", "2")
    assert all(isinstance(text, str) for text in row.values())
    contract = await gate.ok("GET", f"{U}/contracts/BTC_USDT", signed=False)
    assert (contract["trade_size"], contract["position_size"]) == (5, 2)
    assert (contract["long_users"], contract["short_users"]) == (1, 1)
    trades = await gate.ok("GET", f"{U}/trades", "contract=BTC_USDT", signed=False)
    assert contract["trade_id"] == trades[0]["id"]


async def test_trades_honour_their_parameters(autojump_clock: Any, gate: Any) -> None:
    """Newest first; `last_id` with `reverse`, `from`/`to`, `page`, `limit` and `offset` choose among them."""
    for number in range(5):
        trade(gate, "buy" if number % 2 else "sell", "0.001")
        trade(gate, "buy" if number % 2 else "sell", "1", futures=True)
        await trio.sleep(10)
    pair = "currency_pair=BTC_USDT"
    rows = await gate.ok("GET", "/spot/trades", pair, signed=False)
    ids = [int(row["id"]) for row in rows]
    assert ids == sorted(ids, reverse=True)

    async def spot(query: str) -> list[int]:
        return [int(row["id"]) for row in await gate.ok("GET", "/spot/trades", f"{pair}&{query}", signed=False)]

    assert await spot(f"last_id={ids[2]}") == ids[:2]
    assert await spot(f"last_id={ids[2]}&reverse=true") == ids[3:]
    assert await spot("limit=2&page=2") == ids[2:4]
    assert await spot(f"from={rows[3]['create_time']}&to={rows[1]['create_time']}") == ids[1:4]
    for bad in ("limit=1001", "limit=0", "limit=x", "page=0", "reverse=yes", "from=-1"):
        answer = await gate.call("GET", "/spot/trades", f"{pair}&{bad}", signed=False)
        assert (answer.status, answer.value["label"]) == (400, "INVALID_PARAM_VALUE"), bad
    rows = await gate.ok("GET", f"{U}/trades", "contract=BTC_USDT", signed=False)
    assert [row["size"] for row in rows] == [-1, 1, -1, 1, -1]
    query = f"contract=BTC_USDT&limit=2&offset=1&last_id={rows[0]['id']}"
    answer = await gate.call("GET", f"{U}/trades", query, signed=False)
    assert answer.value == rows[2:4]
    assert (answer.headers["x-pagination-limit"], answer.headers["x-pagination-offset"]) == ("2", "1")


async def test_books_are_merged(autojump_clock: Any, gate: Any) -> None:
    """`interval` merges levels: bids rounded down, asks up, sizes summed; nonsense is refused."""
    fine = await gate.ok("GET", "/spot/order_book", "currency_pair=BTC_USDT&limit=1000", signed=False)
    coarse = await gate.ok("GET", "/spot/order_book", "currency_pair=BTC_USDT&interval=10&limit=1000", signed=False)
    for side in ("bids", "asks"):
        assert all(Decimal(price) % 10 == 0 for price, _ in coarse[side])
        assert len(coarse[side]) < len(fine[side])
        assert sum(Decimal(q) for _, q in coarse[side]) == sum(Decimal(q) for _, q in fine[side])
    assert Decimal(coarse["bids"][0][0]) <= Decimal(fine["bids"][0][0])
    assert Decimal(coarse["asks"][0][0]) >= Decimal(fine["asks"][0][0])
    book = await gate.ok("GET", f"{U}/order_book", "contract=BTC_USDT&interval=1&limit=3", signed=False)
    assert all(Decimal(level["p"]) % 1 == 0 for level in book["asks"])
    for bad in ("interval=x", "interval=-1", "with_id=yes", "limit=1001"):
        answer = await gate.call("GET", "/spot/order_book", f"currency_pair=BTC_USDT&{bad}", signed=False)
        assert answer.value["label"] == "INVALID_PARAM_VALUE", bad
