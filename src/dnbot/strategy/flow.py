"""How lively one venue is: trades a second, who is the aggressor, and how far the mid moves."""

from __future__ import annotations

import math
from decimal import Decimal

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.market import PublicTrade, TradeFlow

DECAY_S = 60.0
"""An observation counts for 1/e after this long."""


@attrs.define
class FlowMeter:
    """Time-decayed sums; floats, because nothing of it is ever booked."""

    venue: Venue
    volume_24h_quote: Decimal | None = None
    _trades: float = 0.0
    _bought: float = 0.0
    _sold: float = 0.0
    _variance: float = 0.0
    _elapsed: float = 0.0
    _at_s: float | None = None
    _mid: float | None = None
    _mid_s: float = 0.0

    def observe_trade(self, trade: PublicTrade, now_s: float) -> None:
        """One public trade."""
        self._age(now_s)
        self._trades += 1.0
        if trade.taker_bought:
            self._bought += float(trade.quantity)
        else:
            self._sold += float(trade.quantity)

    def observe_mid(self, mid: float, now_s: float) -> None:
        """The mid now; its squared moves per second give the variance."""
        self._age(now_s)
        if self._mid is not None and now_s > self._mid_s:
            self._variance += (math.log(mid / self._mid) * 10_000) ** 2
            self._elapsed += now_s - self._mid_s
        self._mid, self._mid_s = mid, now_s

    def observe_volume(self, volume_quote: Decimal) -> None:
        """The venue's own 24 h turnover."""
        self.volume_24h_quote = volume_quote

    def flow(self, now_s: float) -> TradeFlow:
        """The figures as of now."""
        self._age(now_s)
        total = self._bought + self._sold
        return TradeFlow(
            venue=self.venue,
            trades_per_s=self._trades / DECAY_S,
            buy_share=self._bought / total if total > 0 else 0.5,
            move_bps_per_s=math.sqrt(self._variance / self._elapsed) if self._elapsed > 0 else 0.0,
            volume_24h_quote=self.volume_24h_quote,
        )

    def _age(self, now_s: float) -> None:
        if self._at_s is not None and now_s > self._at_s:
            keep = math.exp((self._at_s - now_s) / DECAY_S)
            self._trades *= keep
            self._bought *= keep
            self._sold *= keep
            self._variance *= keep
            self._elapsed *= keep
        self._at_s = now_s
