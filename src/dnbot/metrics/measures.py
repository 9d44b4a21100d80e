"""Everything that the running tasks measure, in one hand: given to them when they are wired, read by whoever tells."""

from __future__ import annotations

import attrs

from dnbot.domain.messages import InboxEvent, OrderAnswered, OrderSent, PairAborted, Record
from dnbot.metrics.histogram import Histogram
from dnbot.metrics.stages import Stages
from dnbot.metrics.tallies import Tallies
from dnbot.strategy.orders import Orders

_HEARD = frozenset({OrderAnswered, OrderSent, PairAborted})
"""What is measured although nothing was written down of it: most events are of no interest here."""


@attrs.define
class Measures:
    """Of one bot."""

    stages: Stages = attrs.field(factory=Stages)
    tallies: Tallies = attrs.field(factory=Tallies)
    appends: Histogram = attrs.field(factory=Histogram)
    """Batches of records that the database took."""

    def note(self, event: InboxEvent, records: tuple[Record, ...], orders: Orders) -> None:
        """What the machine saw, what it wrote down of it, and the orders as it knows them now."""
        if not records and type(event) not in _HEARD:
            return
        self.stages.note(event, records, orders)
        self.tallies.note(event, records, orders)
