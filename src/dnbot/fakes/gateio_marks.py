"""What is remembered of each contract besides its trades: mark, index and premium over time, and open interest.

Source: Gate API v4 docs, "Futures: Get futures candlesticks" (`mark_` and `index_` names), "Premium Index K-Line",
"Futures stats". The premium is (mark - index) / index.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from .exchange import Exchange
from .gateio_bars import VALUE_RESOLUTIONS, BarSeries
from .records import GATE_FUTURES, ZERO, MarkState, PositionState, PrivateEvent

PREMIUM_STEP = Decimal("1e-8")
RATIO_STEP = Decimal("0.0001")


def _series() -> BarSeries:
    return BarSeries(VALUE_RESOLUTIONS)


@attrs.frozen
class OpenInterest:
    """Contracts held long by everybody (as many are short), and how many accounts are on each side."""

    size: Decimal
    long_users: int
    short_users: int

    @property
    def account_ratio(self) -> Decimal:
        """Long accounts per short account, 0 without a short one."""
        return ratio(Decimal(self.long_users), Decimal(self.short_users))


def ratio(above: Decimal, below: Decimal) -> Decimal:
    """A quotient with four decimals, 0 when it has no meaning."""
    return (above / below).quantize(RATIO_STEP) if below else ZERO


def open_interest(exchange: Exchange, symbol: str) -> OpenInterest:
    """Counted over all accounts, the outside world being one."""
    held = [
        account.positions[symbol].contracts
        for account in exchange.state.accounts.by_uid.values()
        if symbol in account.positions
    ]
    long_users, short_users = sum(size > 0 for size in held), sum(size < 0 for size in held)
    return OpenInterest(sum((size for size in held if size > 0), ZERO), long_users, short_users)


@attrs.define(eq=False)
class MarkHistory:
    """One contract's series."""

    mark: BarSeries = attrs.field(factory=_series)
    index: BarSeries = attrs.field(factory=_series)
    premium: BarSeries = attrs.field(factory=_series)
    interest: BarSeries = attrs.field(factory=_series)
    account_ratio: BarSeries = attrs.field(factory=_series)


@attrs.define(eq=False)
class MarkHistories:
    """The series of every contract, by symbol; they begin with the first mark that is heard."""

    exchange: Exchange
    by_symbol: dict[str, MarkHistory] = attrs.field(factory=dict)

    def attach(self) -> None:
        """Begin to listen, with the present marks."""
        for mark in self.exchange.state.marks.values():
            self._marked(mark)
        self.exchange.subscribe_marks(self._marked)
        self.exchange.subscribe_private(self._changed)

    def of(self, symbol: str) -> MarkHistory:
        """The series of one contract."""
        return self.by_symbol.setdefault(symbol, MarkHistory())

    def _marked(self, mark: MarkState) -> None:
        history, now_s = self.of(mark.symbol), self._now_s()
        history.mark.add(now_s, mark.mark)
        history.index.add(now_s, mark.index)
        premium = (mark.mark - mark.index) / mark.index if mark.index else ZERO
        history.premium.add(now_s, premium.quantize(PREMIUM_STEP))

    def _changed(self, event: PrivateEvent) -> None:
        if isinstance(event, PositionState):
            history, now_s = self.of(event.symbol), self._now_s()
            interest = open_interest(self.exchange, event.symbol)
            history.interest.add(now_s, interest.size)
            history.account_ratio.add(now_s, interest.account_ratio)

    def _now_s(self) -> int:
        return self.exchange.clock.seconds(GATE_FUTURES)
