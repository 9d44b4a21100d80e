"""Candles of the Gate fake: every interval agrees with what its trades say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.gateio_bars import INTERVALS_S, TRADE_RESOLUTIONS, Bar, BarSeries, end_of, start_of
from dnbot.fakes.gateio_tape import MarketTape, percent
from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.records import GATE_SPOT, PublicTrade

START_S = 1_800_000_000
TRADES = st.lists(
    st.tuples(
        st.integers(0, 400), st.decimals("1", "9", places=1), st.decimals("0.1", "5", places=1), st.booleans()
    ),
    min_size=1,
    max_size=40,
)


def filled(trades: list[tuple[int, Decimal, Decimal, bool]]) -> tuple[BarSeries, list[tuple[int, Decimal, Decimal]]]:
    series, told, now_s = BarSeries(TRADE_RESOLUTIONS), [], START_S
    for gap_s, price, size, buys in trades:
        now_s += gap_s
        series.add(now_s, price, size, price * size, size if buys else Decimal(0))
        told.append((now_s, price, size))
    return series, told


@given(TRADES, st.sampled_from(sorted(INTERVALS_S)))
def test_candles_are_what_the_trades_say(
    trades: list[tuple[int, Decimal, Decimal, bool]], interval: str
) -> None:
    """Prices and sums of a candle are those of its trades; a quiet one repeats the close before it; none is missing."""
    series, told = filled(trades)
    first_s, last_s = told[0][0], told[-1][0]
    assume(interval != "1s" or last_s - first_s < 3000)  # otherwise many seconds, each as the one before
    bars = series.candles(interval, start_of(interval, first_s), last_s)
    assert bars[0].start_s == start_of(interval, first_s)
    close = bars[0].open
    for bar, following in zip(bars, [*bars[1:], None], strict=True):
        assert following is None or following.start_s == end_of(interval, bar.start_s)
        inside = [(p, q) for at_s, p, q in told if bar.start_s <= at_s < end_of(interval, bar.start_s)]
        prices = [price for price, _ in inside] or [close]
        assert (bar.open, bar.close) == (prices[0], prices[-1])
        assert (bar.high, bar.low) == (max(prices), min(prices))
        assert bar.volume == sum((size for _, size in inside), Decimal(0))
        assert bar.quote == sum((price * size for price, size in inside), Decimal(0))
        close = bar.close
    assert bars[-1].start_s <= last_s < end_of(interval, bars[-1].start_s)


@pytest.mark.parametrize(
    ("interval", "moment", "start"),
    [
        ("1w", datetime(2027, 1, 13, 5, tzinfo=UTC), datetime(2027, 1, 11, tzinfo=UTC)),
        ("30d", datetime(2027, 2, 28, 23, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
        ("7d", datetime(1970, 1, 10, tzinfo=UTC), datetime(1970, 1, 8, tzinfo=UTC)),
        ("4h", datetime(2027, 1, 1, 7, 59, tzinfo=UTC), datetime(2027, 1, 1, 4, tzinfo=UTC)),
    ],
)
def test_long_intervals_begin_where_the_documents_say(interval: str, moment: datetime, start: datetime) -> None:
    """A week begins on Monday, 30d is a calendar month, 7d counts from the epoch."""
    assert start_of(interval, int(moment.timestamp())) == int(start.timestamp())
    assert start_of(interval, end_of(interval, int(start.timestamp()))) == end_of(interval, int(start.timestamp()))


def test_a_range_begins_in_the_middle() -> None:
    """Only intervals that begin within the range are told, quiet ones among them."""
    series = BarSeries(TRADE_RESOLUTIONS)
    series.add(START_S, Decimal(5))
    series.add(START_S + 300, Decimal(6))
    found = series.candles("1m", START_S + 61, START_S + 299)
    assert found == [Bar(START_S + at, *[Decimal(5)] * 4) for at in (120, 180, 240)]
    assert series.candles("1m", START_S - 600, START_S - 1) == []
    assert series.last == 6


def test_an_unknown_interval_is_an_error_of_the_caller() -> None:
    """Routes check intervals; the series refuses to guess."""
    with pytest.raises(ValueError, match="2m"):
        BarSeries(TRADE_RESOLUTIONS).candles("2m", 0, 1)


def test_the_day_forgets_what_is_older() -> None:
    """Volume, range and opening price cover 24 hours; the change is in percent."""
    market = instruments_for(SYMBOLS["BTC/USDT"])[0]
    tape, clock = MarketTape(market), FakeClock(START_S * 10**9, monotonic_s=lambda: 0.0)
    assert tape.last_id == 0
    for number, (hours, price) in enumerate([(0, 100), (1, 50), (23, 80), (25, 90)]):
        at_ms = clock.ms() + hours * 3_600_000
        tape.note(PublicTrade(GATE_SPOT, "BTC/USDT", number + 1, "buy", Decimal(price), Decimal(2), at_ms))
    day = tape.day(START_S + 25 * 3600 + 30, Decimal(0))
    assert (day.open, day.high, day.low, day.last) == (80, 90, 80, 90)
    assert (day.volume, day.quote, day.change) == (4, 340, 10)
    assert (tape.volume, tape.last_id) == (8, 4)
    assert percent(day.last, day.open, 2) == "12.50"
    assert percent(day.last, Decimal(0), 2) == "0.00"
