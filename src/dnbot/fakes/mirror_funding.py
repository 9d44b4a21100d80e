"""Mark, index, rate and settlement times as another venue has them; each of its settlements is charged here once.

The last rate that was told before a settlement is charged, at the mark told then. A settlement shows in two ways: our
clock reaches it, or the venue names the next one because its clock reached it first.
"""

from __future__ import annotations

import attrs

from .funding import FundingSchedule
from .mirror_words import RatesTold

ROLLED_S = 120
"""A venue that names a later settlement so shortly before the one that was due has settled; else it has moved it."""


@attrs.define(eq=False)
class ToldFunding(FundingSchedule):
    """Publishes and charges what was told, nothing before anything was."""

    first: dict[str, RatesTold] = attrs.field(factory=dict)
    """What is published until something is told."""
    told: dict[str, RatesTold] = attrs.field(factory=dict)
    charged_s: dict[str, int] = attrs.field(factory=dict)
    """The newest settlement that was charged."""

    def tell(self, symbol: str, rates: RatesTold) -> None:
        """Take in the newest."""
        due_s, now_s = self.next_s[symbol], self.exchange.clock.seconds()
        self.interval_s = rates.interval_s
        if symbol not in self.told:
            self.told[symbol] = rates
            self.charged_s[symbol] = due_s - self.interval_s  # what was due since, while nobody was here, is not
            self.settle_due()
        elif rates.next_s > due_s and due_s - now_s <= ROLLED_S:
            self._charge(symbol)
        self.told[symbol] = rates
        if rates.next_s > self.charged_s[symbol]:
            self.next_s[symbol] = rates.next_s
        self.update_mark(symbol)

    def settle_due(self) -> None:
        """Charge what is due; a settlement that fell into a stop is charged once, at the present mark and rate."""
        for symbol in self.told:
            if self.exchange.clock.seconds() >= self.next_s[symbol]:
                self._charge(symbol)

    def update_mark(self, symbol: str) -> None:
        """Publish the newest that was told."""
        rates = self.told.get(symbol) or self.first[symbol]
        self.publish(symbol, rates.mark, rates.index, rates.rate)

    def _charge(self, symbol: str) -> None:
        self.update_mark(symbol)
        self.exchange.settle_funding(symbol)
        self.charged_s[symbol] = self.next_s[symbol]
        missed = max(0, self.exchange.clock.seconds() - self.next_s[symbol]) // self.interval_s
        self.next_s[symbol] += (missed + 1) * self.interval_s
