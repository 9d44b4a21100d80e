"""Displayed sizes of iceberg orders, as their owners gave them; the books of the fakes show every order whole.

Source: Gate API v4 docs, field `iceberg` of spot and futures orders: what is displayed, 0 for an ordinary order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import attrs

from .records import ZERO, OrderEvent, OrderState, PrivateEvent, Venue


@attrs.define(eq=False)
class Icebergs:
    """The displayed size of each order that has one; known before anybody is told of the order."""

    _sizes: dict[tuple[Venue, str], Decimal] = attrs.field(factory=dict)
    _placing: Decimal = ZERO

    def of(self, order: OrderState) -> Decimal:
        """What is displayed of an order, 0 for an ordinary one."""
        return self._sizes.get((order.venue, order.order_id), ZERO)

    @contextmanager
    def placing(self, size: Decimal) -> Iterator[None]:
        """The order that is created inside the block has this displayed size."""
        self._placing = size
        try:
            yield
        finally:
            self._placing = ZERO

    def hear(self, event: PrivateEvent) -> None:
        """To be called with every private event, before the streams are."""
        if self._placing and isinstance(event, OrderEvent) and event.kind == "put":
            self._sizes[event.order.venue, event.order.order_id] = self._placing
