"""Public trade history of one MEXC market: recent trades, candles and the rolling ticker."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

import attrs

from .records import ZERO, PublicTrade

__all__ = ["REST_INTERVALS_S", "Bar", "Tape", "TickerStats"]

TRADES_KEPT: Final = 1_000
BARS_KEPT: Final = 8 * 1_440
"""Eight days of minutes: what the longest ticker and a test's candles need."""

REST_INTERVALS_S: Final[dict[str, int]] = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "60m": 3_600,
    "4h": 14_400,
    "1d": 86_400,
    "1W": 604_800,
    "1M": 2_592_000,
}


@attrs.define
class Bar:
    """One candle; `start_s` is its open time, `volume` in base, `amount` in quote."""

    start_s: int
    opened: Decimal
    high: Decimal
    low: Decimal
    closed: Decimal
    volume: Decimal = ZERO
    amount: Decimal = ZERO

    def absorb(self, other: Bar) -> None:
        """Extend this candle by a later one."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.closed = other.closed
        self.volume += other.volume
        self.amount += other.amount


@attrs.frozen
class TickerStats:
    """The last 24 hours."""

    opened: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    amount: Decimal

    @property
    def change(self) -> Decimal:
        """Price change in quote."""
        return self.last - self.opened

    @property
    def change_fraction(self) -> Decimal:
        """Price change as a fraction of the opening price, four decimals."""
        return (self.change / self.opened).quantize(Decimal("0.0001")) if self.opened else ZERO


@attrs.define
class Tape:
    """What traded, oldest first; before the first trade prices are `first_price`."""

    first_price: Decimal = ZERO
    trades: deque[PublicTrade] = attrs.field(factory=lambda: deque(maxlen=TRADES_KEPT))
    _minutes: deque[Bar] = attrs.field(factory=lambda: deque(maxlen=BARS_KEPT))

    @property
    def last_price(self) -> Decimal:
        """Price of the newest trade."""
        return self.trades[-1].price if self.trades else self.first_price

    def add(self, trade: PublicTrade) -> None:
        """Count one trade; trades come in time order."""
        self.trades.append(trade)
        start_s = trade.time_ms // 60_000 * 60
        amount = trade.price * trade.quantity
        bar = Bar(start_s, trade.price, trade.price, trade.price, trade.price, trade.quantity, amount)
        if self._minutes and self._minutes[-1].start_s == start_s:
            self._minutes[-1].absorb(bar)
        else:
            self._minutes.append(bar)

    def bars(self, interval_s: int, *, start_s: int = 0, end_s: int | None = None) -> list[Bar]:
        """Candles of that width with an open time in the range, oldest first; empty ones are left out."""
        merged: dict[int, Bar] = {}
        for minute in self._minutes:
            at_s = minute.start_s // interval_s * interval_s
            if at_s < start_s or (end_s is not None and at_s > end_s):
                continue
            if at_s in merged:
                merged[at_s].absorb(minute)
            else:
                merged[at_s] = attrs.evolve(minute, start_s=at_s)
        return list(merged.values())

    def day(self, now_s: int) -> TickerStats:
        """The 24 hours before now."""
        minutes = [bar for bar in self._minutes if bar.start_s > now_s - 86_400]
        if not minutes:
            last = self.last_price
            return TickerStats(last, last, last, last, ZERO, ZERO)
        return TickerStats(
            opened=minutes[0].opened,
            high=max(bar.high for bar in minutes),
            low=min(bar.low for bar in minutes),
            last=minutes[-1].closed,
            volume=sum((bar.volume for bar in minutes), ZERO),
            amount=sum((bar.amount for bar in minutes), ZERO),
        )
