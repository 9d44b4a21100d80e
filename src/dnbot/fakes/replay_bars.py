"""Recorded bars and funding rates, and a price path through the bars.

Formats, told apart by their header line (gzip when the name ends in .gz):

- ``date,open,high,low,close,volume``: one market, freqtrade's CSV export; the name says which
  (``BTC_USDT_USDT-2h-futures.csv``, ``BTC_USDT-1h.csv``), and ``..-funding_rate.csv`` holds the rate in ``open``
- ``time,exchange,crypto,pair,contract,open,high,low,close,volume,funding rate``: many markets of several exchanges
- ``Symbol,Date,Funding Rate``: one contract's funding history
"""

from __future__ import annotations

import csv
import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

import attrs

from .replay_files import ReplayError, opened

SMALLEST_RANGE = 1e-9


@attrs.frozen
class Bar:
    """Prices of one stretch of time that begins at ``start_s`` (seconds since 1970)."""

    start_s: float
    opened: float
    high: float
    low: float
    closed: float


@attrs.define
class Rates:
    """Funding rates by the second at which each was charged, in order."""

    times_s: list[float] = attrs.field(factory=list)
    rates: list[Decimal] = attrs.field(factory=list)

    def next_after(self, at_s: float) -> Decimal | None:
        """The rate that is charged next, or the last one after the end; None when there is none at all."""
        if not self.rates:
            return None
        return self.rates[min(bisect_right(self.times_s, at_s), len(self.rates) - 1)]


@attrs.define(eq=False)
class BarPath:
    """A path that opens, turns and closes as each bar says and never leaves its range.

    A bar that rose is taken to have made its low first, a bar that fell its high; when, is chance. Between these points
    the path is a Brownian bridge with the bar's own volatility (Parkinson's estimate from its range). Asked for falling
    times it begins anew on the straight line.
    """

    bars: list[Bar]
    rng: random.Random
    _starts: list[float] = attrs.field(init=False)
    _number: int = -1
    _points: list[tuple[float, float]] = attrs.field(factory=list)
    _at: tuple[float, float] = (math.inf, 0.0)

    def __attrs_post_init__(self) -> None:
        self._starts = [bar.start_s for bar in self.bars]

    @property
    def last(self) -> float:
        """The price at the time that was asked for last."""
        return self._at[1]

    @property
    def end_s(self) -> float:
        """When the last bar ends, as the one before it was long."""
        return self.bars[-1].start_s + self._width(len(self.bars) - 1)

    def price(self, at_s: float) -> float:
        """The price at a time, which is cut to the bars'."""
        at_s = min(max(at_s, self._starts[0]), self.end_s)
        number = bisect_right(self._starts, at_s) - 1
        bar = self.bars[number]
        if number != self._number:
            self._number, self._points = number, self._turning_points(number)
        target = next((point for point in self._points if point[0] >= at_s), self._points[-1])
        before_s, before = self._at
        if not bar.start_s <= before_s <= at_s:
            before_s, before = self._straight(at_s)
        last = max((point for point in self._points if point[0] <= at_s), default=self._points[0])
        if last[0] > before_s:
            before_s, before = last
        value = self._bridge(bar, before_s, before, target, at_s)
        self._at = (at_s, value)
        return value

    def _bridge(self, bar: Bar, from_s: float, start: float, target: tuple[float, float], at_s: float) -> float:
        whole, done = target[0] - from_s, at_s - from_s
        if whole <= 0:
            return target[1]
        part = done / whole
        sigma = math.log(max(bar.high / bar.low, 1 + SMALLEST_RANGE)) / math.sqrt(4 * math.log(2))
        spread = sigma / math.sqrt(self._width(self._number)) * math.sqrt(done * (1 - part))
        value = (start + (target[1] - start) * part) * (1 + spread * self.rng.gauss(0, 1))
        return min(max(value, bar.low), bar.high)

    def _straight(self, at_s: float) -> tuple[float, float]:
        """Where the straight line between the turning points is."""
        for (from_s, start), (to_s, end) in pairwise(self._points):
            if from_s <= at_s <= to_s:
                return at_s, start + (end - start) * (at_s - from_s) / max(to_s - from_s, SMALLEST_RANGE)
        return self._points[-1]

    def _turning_points(self, number: int) -> list[tuple[float, float]]:
        bar, width = self.bars[number], self._width(number)
        first, second = (bar.low, bar.high) if bar.closed >= bar.opened else (bar.high, bar.low)
        times = (0.0, self.rng.uniform(0.15, 0.45), self.rng.uniform(0.55, 0.85), 1.0)
        values = (bar.opened, first, second, bar.closed)
        return [(bar.start_s + width * part, value) for part, value in zip(times, values, strict=True)]

    def _width(self, number: int) -> float:
        if number + 1 < len(self._starts):
            return self._starts[number + 1] - self._starts[number]
        return self._starts[number] - self._starts[number - 1]


def read_bars(path: Path) -> list[Bar]:
    """Bars of a file of one market. Raises ReplayError for anything else, OSError when it cannot be read."""
    rows = [_bar(row, "date", where) for where, row in _rows(path, ("date", "open", "high", "low", "close"))]
    return _checked([row for row in rows if row is not None], path)


def read_exchange_bars(path: Path) -> dict[tuple[str, str, str], tuple[list[Bar], Rates]]:
    """(exchange, pair, contract) -> bars and rates of a file of many markets. Raises as ``read_bars`` does."""
    found: dict[tuple[str, str, str], tuple[list[Bar], Rates]] = {}
    columns = ("time", "exchange", "pair", "contract", "open", "high", "low", "close", "funding rate")
    for where, row in _rows(path, columns):
        bars, rates = found.setdefault((row["exchange"], row["pair"], row["contract"]), ([], Rates()))
        bar = _bar(row, "time", where)
        if bar is None:
            continue
        bars.append(bar)
        if row["funding rate"]:
            rates.times_s.append(bar.start_s)
            rates.rates.append(_decimal(row["funding rate"], where))
    return {key: (_checked(bars, path), rates) for key, (bars, rates) in found.items() if bars}


def read_rates(path: Path) -> Rates:
    """Funding rates of a file of one contract, of either kind. Raises as ``read_bars`` does."""
    time, rate = ("Date", "Funding Rate") if _header(path)[:1] == ["Symbol"] else ("date", "open")
    rates = Rates()
    for where, row in _rows(path, (time, rate)):
        rates.times_s.append(_seconds(row[time], where))
        rates.rates.append(_decimal(row[rate], where))
    if not rates.rates:
        raise ReplayError(f"{path}: no rates in it")
    return rates


def _header(path: Path) -> list[str]:
    with opened(path) as file:
        return file.readline().strip().split(",")


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with the words that say where it is."""
    with opened(path) as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise ReplayError(f"{path}: no column {', '.join(sorted(missing))}")
        for row in reader:
            yield f"{path} line {reader.line_num}", row


def _bar(row: dict[str, str], time: str, where: str) -> Bar | None:
    """None for a bar in which nothing is known."""
    if not row["close"]:
        return None
    prices = [float(_decimal(row[name], where)) for name in ("open", "high", "low", "close")]
    if min(prices) <= 0 or prices[1] < max(prices) or prices[2] > min(prices):
        raise ReplayError(f"{where}: prices {prices} are not those of a bar")
    return Bar(_seconds(row[time], where), *prices)


def _checked(bars: list[Bar], path: Path) -> list[Bar]:
    bars.sort(key=lambda bar: bar.start_s)
    if len(bars) < 2 or any(a.start_s == b.start_s for a, b in pairwise(bars)):
        raise ReplayError(f"{path}: fewer than two bars, or two of the same time")
    return bars


def _seconds(text: str, where: str) -> float:
    """A time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ReplayError(f"{where}: {text!r} is not a time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _decimal(text: str, where: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ReplayError(f"{where}: {text!r} is not a number") from None
    if not value.is_finite():
        raise ReplayError(f"{where}: {text!r} is not a number")
    return value
