"""Public trade history of one MEXC market: recent trades, candles and the rolling ticker."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import attrs

from .mexc_intervals import DAY_S, Interval
from .records import ZERO, PublicTrade

__all__ = ["Bar", "Tape", "TickerStats"]

TRADES_KEPT: Final = 1_000
BARS_KEPT: Final = 8 * 1_440
"""Eight days of minutes in which something traded: what the longest ticker and a test's candles need."""


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


def change_fraction(now: Decimal, before: Decimal) -> Decimal:
    """How far the price went from `before`, as a fraction with four decimals, as recorded tickers show it."""
    return ((now - before) / before).quantize(Decimal("0.0001")) if before else ZERO


@attrs.frozen
class TickerStats:
    """The time since some moment; `closed_before` is the price when it began."""

    opened: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    amount: Decimal
    closed_before: Decimal

    @property
    def change(self) -> Decimal:
        """Price change in quote."""
        return self.last - self.opened

    @property
    def change_fraction(self) -> Decimal:
        """Price change as a fraction of the opening price, four decimals."""
        return change_fraction(self.last, self.opened)


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

    def bars(self, interval: Interval, *, start_s: int = 0, end_s: int | None = None) -> list[Bar]:
        """Candles of that width with an open time in the range, oldest first; those without a trade are left out."""
        merged: list[Bar] = []
        for minute in self._minutes_since(interval.start_s(start_s)):
            at_s = interval.start_s(minute.start_s)
            if at_s < start_s or (end_s is not None and at_s > end_s):
                continue
            if merged and merged[-1].start_s == at_s:
                merged[-1].absorb(minute)
            else:
                merged.append(attrs.evolve(minute, start_s=at_s))
        return merged

    def newest_bar(self, interval: Interval) -> Bar | None:
        """The candle of the newest trade; None before the first."""
        if not self._minutes:
            return None
        return self.bars(interval, start_s=interval.start_s(self._minutes[-1].start_s))[-1]

    def since(self, start_s: int) -> TickerStats:
        """What happened from the minute of that second on."""
        minutes = self._minutes_since(start_s // 60 * 60)
        closed_before = self._minutes[-len(minutes) - 1].closed if len(self._minutes) > len(minutes) else None
        if not minutes:
            last = self.last_price
            return TickerStats(last, last, last, last, ZERO, ZERO, last)
        return TickerStats(
            opened=minutes[0].opened,
            high=max(bar.high for bar in minutes),
            low=min(bar.low for bar in minutes),
            last=minutes[-1].closed,
            volume=sum((bar.volume for bar in minutes), ZERO),
            amount=sum((bar.amount for bar in minutes), ZERO),
            closed_before=minutes[0].opened if closed_before is None else closed_before,
        )

    def day(self, now_s: int) -> TickerStats:
        """The 24 hours before now."""
        return self.since(now_s - DAY_S + 60)

    def aggregated(self) -> Iterator[PublicTrade]:
        """Trades, newest first; what traded in one moment on one side at one price counts as one."""
        held: PublicTrade | None = None
        for trade in reversed(self.trades):
            same = held is not None and (held.time_ms, held.side, held.price) == (
                trade.time_ms, trade.side, trade.price,
            )  # fmt: skip
            if held is not None and same:
                held = held._replace(quantity=held.quantity + trade.quantity)
                continue
            if held is not None:
                yield held
            held = trade
        if held is not None:
            yield held

    def _minutes_since(self, start_s: int) -> list[Bar]:
        """The minutes that began then or later, oldest first."""
        found: list[Bar] = []
        for minute in reversed(self._minutes):
            if minute.start_s < start_s:
                break
            found.append(minute)
        return found[::-1]
