"""What one Gate market remembers of its trades: the newest ones, candles of all of them, and sums of 24 hours.

Everything here comes from trades of this run; nothing is older than the fakes.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import attrs

from .gateio_bars import DAY_S, TRADE_RESOLUTIONS, Bar, BarSeries
from .instruments import Instrument
from .records import ZERO, PublicTrade

RECENT_TRADES_MAX = 1000
MINUTE_S, HOUR_S = 60, 3600
UTC8_S = 8 * HOUR_S


@attrs.frozen
class DayStats:
    """The last 24 hours: `open` is the price they began with; volumes in base coins or contracts, and in quote."""

    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    quote: Decimal

    @property
    def change(self) -> Decimal:
        """How far the price moved."""
        return self.last - self.open


def percent(last: Decimal, before: Decimal, decimals: int) -> str:
    """A change in percent, with so many decimals."""
    share = (last / before - 1) * 100 if before else ZERO
    return f"{share:.{decimals}f}"


@attrs.define(eq=False)
class MarketTape:
    """Trades of one market; call `note` for each of them, in order."""

    market: Instrument
    trades: deque[PublicTrade] = attrs.field(factory=lambda: deque(maxlen=RECENT_TRADES_MAX))
    bars: BarSeries = attrs.field(factory=lambda: BarSeries(TRADE_RESOLUTIONS))
    volume: Decimal = ZERO
    _closed: tuple[int, Bar | None] = (-1, None)

    def note(self, trade: PublicTrade) -> None:
        """Remember one trade."""
        self.trades.append(trade)
        self.volume += trade.quantity
        bought = trade.quantity if trade.side == "buy" else ZERO
        quote = self.market.notional(trade.price, trade.quantity)
        self.bars.add(trade.time_ms // 1000, trade.price, trade.quantity, quote, bought)

    @property
    def last_id(self) -> int:
        """The newest trade's number, 0 before the first."""
        return self.trades[-1].trade_id if self.trades else 0

    def day(self, now_s: int, price: Decimal) -> DayStats:
        """The 24 hours until now, counted in whole minutes; `price` stands in for a trade before the first one."""
        minute_s = now_s // MINUTE_S * MINUTE_S
        running = self.bars.stored(MINUTE_S, minute_s)
        total = self._closed_minutes(minute_s)
        for bar in running:
            if total is None:
                total = attrs.evolve(bar)
            else:
                total.join(bar)
        if total is None:
            return DayStats(price, price, price, price, ZERO, ZERO)
        return DayStats(total.open, total.high, total.low, total.close, total.volume, total.quote)

    def opened(self, day_start_s: int, price: Decimal) -> Decimal:
        """The first price at or after a moment, in whole hours."""
        found = self.bars.stored(HOUR_S, day_start_s)
        return found[0].open if found else self.bars.last or price

    def changes(self, now_s: int, price: Decimal) -> tuple[Decimal, Decimal]:
        """The opening prices of the present day in UTC and in UTC+8."""
        utc0_s = now_s // DAY_S * DAY_S
        utc8_s = (now_s + UTC8_S) // DAY_S * DAY_S - UTC8_S
        return self.opened(utc0_s, price), self.opened(utc8_s, price)

    def _closed_minutes(self, minute_s: int) -> Bar | None:
        """All minutes of the last 24 hours before the running one, merged; counted once per minute."""
        if self._closed[0] != minute_s:
            merged: Bar | None = None
            for bar in self.bars.stored(MINUTE_S, minute_s - DAY_S + MINUTE_S):
                if bar.start_s >= minute_s:
                    break
                if merged is None:
                    merged = attrs.evolve(bar)
                else:
                    merged.join(bar)
            self._closed = (minute_s, merged)
        return None if self._closed[1] is None else attrs.evolve(self._closed[1])
