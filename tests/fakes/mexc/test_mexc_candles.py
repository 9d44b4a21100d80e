"""Candles, aggregated trades and mini tickers of the MEXC fake are made of what traded."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.mexc_intervals import REST_INTERVALS, STREAM_INTERVALS, ZONES, day_start_s
from dnbot.fakes.mexc_tape import Tape
from dnbot.fakes.records import MEXC_SPOT, PublicTrade

MONDAY_S, FIRST_S, MIDNIGHT_S = 1_799_625_600, 1_798_761_600, 1_799_971_200
"""2027-01-11 00:00, 2027-01-01 00:00 and 2027-01-15 00:00 in UTC; the venue's clock starts on the last, at 08:00."""


def trade(time_ms: int, price: int, quantity: str = "1", side: Any = "buy") -> PublicTrade:
    """A public trade of BTC/USDT."""
    return PublicTrade(MEXC_SPOT, "BTC/USDT", 1, side, Decimal(price), Decimal(quantity), time_ms)


@given(st.integers(0, 4_000_000_000), st.sampled_from(sorted(REST_INTERVALS)))
def test_windows_tile_time(at_s: int, name: str) -> None:
    """Every second lies in exactly one window, and windows meet."""
    interval = REST_INTERVALS[name]
    start_s = interval.start_s(at_s)
    end_s = interval.end_s(start_s)
    assert start_s <= at_s < end_s
    assert interval.start_s(end_s - 1) == start_s
    assert interval.start_s(end_s) == end_s


def test_weeks_months_and_names() -> None:
    """Weeks begin on Monday, months on the first; both name sets mean the same widths."""
    assert REST_INTERVALS["1W"].start_s(MIDNIGHT_S) == MONDAY_S
    assert REST_INTERVALS["1M"].start_s(MIDNIGHT_S) == FIRST_S
    assert REST_INTERVALS["1M"].end_s(FIRST_S) == FIRST_S + 31 * 86_400
    assert STREAM_INTERVALS["Min60"] == REST_INTERVALS["60m"]
    assert STREAM_INTERVALS["Month1"] == REST_INTERVALS["1M"]


@given(st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(sorted(ZONES)))
def test_days_of_zones(now_s: int, zone: str) -> None:
    """A zone's day began at most 24 hours ago, at midnight there."""
    start_s = day_start_s(zone, now_s)
    assert now_s - 86_400 <= start_s <= now_s
    ahead_s = ZONES[zone]
    assert ahead_s is None or (start_s + ahead_s) % 86_400 == 0


TRADES = st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 99), st.integers(1, 9)), min_size=1, max_size=40)


@given(TRADES, st.sampled_from(sorted(REST_INTERVALS)))
def test_candles_hold_every_trade_once(rows: list[tuple[int, int, int]], name: str) -> None:
    """Volumes and amounts add up to what traded; open, close, high and low are those of the window's trades."""
    tape, at_ms = Tape(), 1_800_000_000_000
    made: list[PublicTrade] = []
    for gap_ms, price, quantity in rows:
        at_ms += gap_ms
        made.append(trade(at_ms, price, str(quantity)))
        tape.add(made[-1])
    interval = REST_INTERVALS[name]
    bars = tape.bars(interval)
    assert [bar.start_s for bar in bars] == sorted({interval.start_s(t.time_ms // 1000) for t in made})
    for bar in bars:
        inside = [t for t in made if interval.start_s(t.time_ms // 1000) == bar.start_s]
        prices = [t.price for t in inside]
        assert (bar.opened, bar.closed) == (prices[0], prices[-1])
        assert (bar.high, bar.low) == (max(prices), min(prices))
        assert bar.volume == sum(t.quantity for t in inside)
        assert bar.amount == sum(t.quantity * t.price for t in inside)
    assert tape.newest_bar(interval) == bars[-1]


def test_candle_windows_and_limits(fake: Any) -> None:
    """The newest candles by default, the oldest from startTime on, both times inclusive, eight columns."""
    for minute in range(5):
        fake.now_s[0] = 60.0 * minute
        fake.quote("buy", "60001", "0.01", f"x{minute}")
    base_ms = 1_800_000_000_000

    def minutes(query: str) -> list[int]:
        rows = fake.public("klines", f"symbol=BTCUSDT&interval=1m&{query}")
        assert all(len(row) == 8 and row[6] == row[0] + 60_000 for row in rows)
        return [(row[0] - base_ms) // 60_000 for row in rows]

    assert minutes("limit=2") == [3, 4]
    assert minutes(f"limit=2&startTime={base_ms}") == [0, 1]
    assert minutes(f"startTime={base_ms + 1}&endTime={base_ms + 180_000}") == [1, 2, 3]
    assert minutes("limit=0") == []
    hour = fake.public("klines", "symbol=BTCUSDT&interval=60m")[0]
    assert (hour[5], hour[7]) == ("0.05", "3000.05")


def test_the_day_forgets_what_is_older(fake: Any) -> None:
    """Volume and range of the ticker are those of the last 24 hours by the venue's clock, whatever is remembered."""
    fake.quote("buy", "60001", "0.01", "a")
    fake.now_s[0] = 23 * 3600.0
    fake.quote("buy", "60002", "0.03", "b")
    day = fake.public("ticker/24hr", "symbol=BTCUSDT")
    assert (day["volume"], day["openPrice"]) == ("0.04", "60001.00")
    fake.now_s[0] = 24 * 3600.0 + 60
    day = fake.public("ticker/24hr", "symbol=BTCUSDT")
    assert (day["volume"], day["quoteVolume"], day["openPrice"]) == ("0.03", "1800.03", "60001.00")
    fake.now_s[0] = 48 * 3600.0
    day = fake.public("ticker/24hr", "symbol=BTCUSDT")
    assert (Decimal(day["volume"]), day["lastPrice"]) == (0, "60001.00")


def test_quiet_candles(fake: Any) -> None:
    """With the switch, windows without a trade are flat candles up to now; without it they are missing."""
    fake.quote("buy", "60001", "0.01", "x")
    fake.now_s[0] = 185.0
    assert len(fake.public("klines", "symbol=BTCUSDT&interval=1m")) == 1
    fake.app.settings.quiet_candles = True
    rows = fake.public("klines", "symbol=BTCUSDT&interval=1m")
    assert [row[0] % 1_000_000 for row in rows] == [0, 60_000, 120_000, 180_000]
    assert [row[1:6] for row in rows[1:]] == [["60001.00"] * 4 + ["0"]] * 3


def test_aggregated_trades_join_one_moment(fake: Any) -> None:
    """Fills at one time, side and price are one row; another price is another row, newest first."""
    fake.quote("sell", "60001", "0.1", "same-level")
    fake.order(type="IMMEDIATE_OR_CANCEL", quantity="0.7", price="60002")
    assert [row["qty"] for row in fake.public("trades", "symbol=BTCUSDT")] == ["0.1", "0.1", "0.5"]
    rows = fake.public("aggTrades", "symbol=BTCUSDT")
    assert [(row["p"], row["q"]) for row in rows] == [("60002", "0.1"), ("60001", "0.6")]
    assert len(fake.public("aggTrades", "symbol=BTCUSDT&limit=1")) == 1
    assert fake.public("aggTrades", "symbol=BTCUSDT&startTime=1")["code"] == -1128


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.booleans()), max_size=30))
def test_aggregation_keeps_volume(rows: list[tuple[int, int, bool]]) -> None:
    """Aggregating changes neither the volume nor the order of prices, and leaves no two neighbours to join."""
    tape, at_ms = Tape(), 1_800_000_000_000
    for gap_ms, price, bought in rows:
        at_ms += gap_ms
        tape.add(trade(at_ms, price, side="buy" if bought else "sell"))
    joined = list(tape.aggregated())
    assert sum(t.quantity for t in joined) == len(rows)
    keys = [(t.time_ms, t.side, t.price) for t in joined]
    assert all(a != b for a, b in pairwise(keys))
    assert list(dict.fromkeys(keys)) == list(dict.fromkeys((t.time_ms, t.side, t.price) for t in reversed(tape.trades)))


@pytest.mark.parametrize(("zone", "zoned"), [("24H", "0.1"), ("UTC+0", "0"), ("UTC+8", "0.1")])
async def test_mini_ticker_rates(autojump_clock: Any, live: Any, zone: str, zoned: str) -> None:
    """rate counts from midnight in UTC+8 (16:00 UTC), zonedRate from the zone's own; high and low are of 24 hours."""
    tape = live.app.venue.tapes["BTCUSDT"]
    for time_s, price in ((MIDNIGHT_S - 7 * 3600, 100), (MIDNIGHT_S + 60, 110), (MIDNIGHT_S + 3600, 110)):
        tape.add(trade(time_s * 1000, price))
    client = await live.open()
    await client.ask("SUBSCRIPTION", f"spot@public.miniTicker.v3.api.pb@BTCUSDT@{zone}")
    mini = (await client.push()).publicMiniTicker
    assert (mini.rate, mini.zonedRate, mini.high, mini.low) == ("0.1", zoned, "110", "100")
    assert (mini.price, mini.quantity, mini.volume) == ("110", "3", "320")
    assert mini.lastCloseZonedRate == "0.1"
