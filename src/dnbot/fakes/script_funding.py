"""Mark, index and funding rate of a scripted market; when funding is charged stays the schedule's business."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .funding import FundingSchedule
from .records import GATE_FUTURES, GATE_SPOT, ZERO, Venue


@attrs.define
class Said:
    """What the script last said of one symbol. ``mid``: the common middle; ``rate``: funding, as a fraction.

    ``mark`` and ``index`` are None while they follow the books: the perp's and Gate spot's.
    """

    mid: Decimal
    rate: Decimal = ZERO
    mark: Decimal | None = None
    index: Decimal | None = None
    middles: dict[Venue, Decimal] = attrs.field(factory=dict)
    """Newest middle of what outsiders want to show, per venue."""

    def middle(self, venue: Venue) -> Decimal:
        """The common one for a venue that has none."""
        return self.middles.get(venue, self.mid)


@attrs.define(eq=False)
class ScriptedFunding(FundingSchedule):
    """Publishes what was said, exactly; before anything was said, what the still market model thinks."""

    said: dict[str, Said] = attrs.field(factory=dict)

    def update_mark(self, symbol: str) -> None:
        """Publish mark, index and rate as the script has them."""
        said = self.said.get(symbol)
        if said is None:
            super().update_mark(symbol)
            return
        mark = said.middle(GATE_FUTURES) if said.mark is None else said.mark
        index = said.middle(GATE_SPOT) if said.index is None else said.index
        self.publish(symbol, mark, index, said.rate)
