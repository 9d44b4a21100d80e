"""Candles: one value over time (a price, a mark, an open interest), kept in a few resolutions and merged into others.

Source: Gate API v4 docs, "Market candlesticks" of spot and of futures: `1w` is a week from Monday, `7d` is aligned to
the Unix epoch, `30d` is a calendar month. A quiet interval has a flat candle of volume 0 (recorded 2026-09).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import attrs

from .records import ZERO

DAY_S = 86400
INTERVALS_S = {
    "1s": 1, "10s": 10, "1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14400, "6h": 21600,
    "8h": 28800, "12h": 43200, "1d": DAY_S, "7d": 7 * DAY_S, "1w": 7 * DAY_S, "30d": 30 * DAY_S,
}  # fmt: skip
MONDAY_S = 4 * DAY_S  # 1970-01-05 was a Monday
TRADE_RESOLUTIONS: Mapping[int, int] = {1: 300, 10: 1080, 60: 1500, 3600: 2000}
VALUE_RESOLUTIONS: Mapping[int, int] = {10: 360, 60: 1500, 3600: 2000}


@attrs.define
class Bar:
    """One interval from `start_s` on: prices, volume in base coins or contracts, of it bought by takers, and quote."""

    start_s: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote: Decimal = ZERO
    bought: Decimal = ZERO

    def add(self, price: Decimal, volume: Decimal, quote: Decimal, bought: Decimal) -> None:
        """Take in one trade, or one value without a volume."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume += volume
        self.quote += quote
        self.bought += bought

    def join(self, later: Bar) -> None:
        """Take in a later bar of a finer resolution."""
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume
        self.quote += later.quote
        self.bought += later.bought


def start_of(interval: str, time_s: int) -> int:
    """When the interval began that holds a moment."""
    if interval == "30d":
        moment = datetime.fromtimestamp(time_s, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp())
    length_s = INTERVALS_S[interval]
    shift_s = MONDAY_S if interval == "1w" else 0
    return (time_s - shift_s) // length_s * length_s + shift_s


def end_of(interval: str, start_s: int) -> int:
    """When an interval ends and the next one begins."""
    if interval == "30d":
        return start_of("30d", start_s + 32 * DAY_S)
    return start_s + INTERVALS_S[interval]


@attrs.define(eq=False)
class BarSeries:
    """Bars of one value; `kept` says how many bars of which resolution (in seconds) are remembered."""

    kept: Mapping[int, int]
    _bars: dict[int, deque[Bar]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = {resolution_s: deque(maxlen=count) for resolution_s, count in self.kept.items()}

    def add(
        self, time_s: int, price: Decimal, volume: Decimal = ZERO, quote: Decimal = ZERO, bought: Decimal = ZERO
    ) -> None:
        """Note one trade or one value; times never go back."""
        for resolution_s, bars in self._bars.items():
            start_s = time_s // resolution_s * resolution_s
            if bars and bars[-1].start_s >= start_s:
                bars[-1].add(price, volume, quote, bought)
            else:
                bars.append(Bar(start_s, price, price, price, price, volume, quote, bought))

    @property
    def last(self) -> Decimal | None:
        """The newest value."""
        finest = next(iter(self._bars.values()))
        return finest[-1].close if finest else None

    def stored(self, resolution_s: int, since_s: int) -> list[Bar]:
        """The remembered bars of one resolution that begin at or after a moment, oldest first."""
        found: list[Bar] = []
        for bar in reversed(self._bars[resolution_s]):
            if bar.start_s < since_s:
                break
            found.append(bar)
        return found[::-1]

    def candles(self, interval: str, from_s: int, to_s: int) -> list[Bar]:
        """The candles whose interval begins in `from_s`..`to_s`, oldest first, without a gap after the first trade."""
        if interval not in INTERVALS_S:
            raise ValueError(f"{interval} is not an interval")
        finest = [resolution for resolution in self._bars if INTERVALS_S[interval] % resolution == 0]
        if not finest:
            return []
        merged = _merge(interval, self._bars[max(finest)])
        return [bar for bar in _without_gaps(interval, merged, from_s, to_s) if from_s <= bar.start_s <= to_s]


def _merge(interval: str, bars: Iterable[Bar]) -> Iterator[Bar]:
    current: Bar | None = None
    for bar in bars:
        start_s = start_of(interval, bar.start_s)
        if current is not None and current.start_s == start_s:
            current.join(bar)
            continue
        if current is not None:
            yield current
        current = attrs.evolve(bar, start_s=start_s)
    if current is not None:
        yield current


def _without_gaps(interval: str, bars: Iterable[Bar], from_s: int, to_s: int) -> Iterator[Bar]:
    first_s, next_s, close = start_of(interval, from_s), 0, None
    for bar in bars:
        if close is not None:
            yield from _flat(interval, max(first_s, next_s), bar.start_s - 1, close)
        yield bar
        next_s, close = end_of(interval, bar.start_s), bar.close
    if close is not None:
        yield from _flat(interval, max(first_s, next_s), to_s, close)


def _flat(interval: str, from_s: int, to_s: int, close: Decimal) -> Iterator[Bar]:
    while from_s <= to_s:
        yield Bar(from_s, close, close, close, close)
        from_s = end_of(interval, from_s)
