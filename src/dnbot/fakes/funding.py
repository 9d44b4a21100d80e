"""Mark, index and funding of each contract, and when funding is charged."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .exchange import Exchange
from .market import MarketModel
from .records import GATE_FUTURES, MarkState

ESTIMATE_S = 60  # the estimate is made anew about once a minute; what is charged is made at the settlement itself
SHOWN_LAG_S = 60  # Gate keeps showing the charged rate for about a minute after a settlement
MARK_STEP = Decimal("0.01")


@attrs.define(eq=False)
class FundingSchedule:
    """Settles funding when it is due; rates and marks come from the market models."""

    exchange: Exchange
    models: dict[str, MarketModel]
    interval_s: int
    next_s: dict[str, int] = attrs.field(factory=dict)
    shown: dict[str, tuple[Decimal, int]] = attrs.field(factory=dict)  # charged rate, and until when it is shown
    estimates: dict[str, tuple[Decimal, int]] = attrs.field(factory=dict)  # rate, and when it is made anew

    def start(self, symbol: str, first_after_s: float | None) -> None:
        """The first settlement that many seconds from now, or on the interval's grid when None."""
        now_s = self.exchange.clock.seconds()
        if first_after_s is None:
            self.next_s[symbol] = (now_s // self.interval_s + 1) * self.interval_s
        else:
            self.next_s[symbol] = now_s + round(first_after_s)

    def settle_due(self) -> None:
        """Charge what is due; a settlement that fell into a stop is charged once, at the present mark."""
        for symbol, due_s in list(self.next_s.items()):
            now_s = self.exchange.clock.seconds()
            if now_s >= due_s:
                self.estimates.pop(symbol, None)
                self.update_mark(symbol)
                rate = self.exchange.mark(symbol).funding_rate
                self.exchange.settle_funding(symbol)
                self.next_s[symbol] = (now_s // self.interval_s + 1) * self.interval_s
                self.shown[symbol] = (rate, now_s + SHOWN_LAG_S)
                self.update_mark(symbol)

    def update_mark(self, symbol: str) -> None:
        """Publish the present mark, index, estimate, and the rate that is shown."""
        model, rate = self.models[symbol], self._estimate(symbol)
        self.publish(symbol, Decimal(repr(model.fair(GATE_FUTURES))), Decimal(repr(model.position.fundamental)), rate)

    def publish(self, symbol: str, mark: Decimal, index: Decimal, rate: Decimal) -> None:
        """Publish these, prices on the contract's steps; for a while after a settlement the charged rate is shown.

        Of a symbol without a contract nothing is published.
        """
        contract = self.exchange.state.instruments.get((GATE_FUTURES, symbol))
        if contract is None:
            return
        step = min(contract.price_tick, MARK_STEP)
        shown, until_s = self.shown.get(symbol, (rate, 0))
        self.exchange.set_mark(
            MarkState(
                symbol,
                mark.quantize(step),
                index.quantize(step),
                rate,
                shown if self.exchange.clock.seconds() < until_s else rate,
                self.interval_s,
                self.next_s.get(symbol, 0),
            )
        )

    def _estimate(self, symbol: str) -> Decimal:
        now_s = self.exchange.clock.seconds()
        rate, until_s = self.estimates.get(symbol, (Decimal(0), 0))
        if now_s >= until_s:
            rate = self.models[symbol].funding_rate()
            self.estimates[symbol] = (rate, (now_s // ESTIMATE_S + 1) * ESTIMATE_S)
        return rate
