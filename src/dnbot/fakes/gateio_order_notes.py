"""What Gate shows of an order and the exchange core does not keep: where it came from, and an iceberg's displayed size.

Source: Gate API v4 docs, field `text` of orders: an order without a custom id shows its origin, `apiv4` (spot) or `api`
(futures) for REST and `apiv4-ws` for the WebSocket API; field `iceberg`: what is displayed, 0 for an ordinary order.
The books of the fakes show every order whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import attrs

from .records import GATE_FUTURES, GATE_SPOT, ZERO, OrderEvent, OrderState, PrivateEvent, UserTrade, Venue

WS_API_TEXT = "apiv4-ws"
REST_TEXT: dict[Venue, str] = {GATE_SPOT: "apiv4", GATE_FUTURES: "api"}


@attrs.frozen
class OrderNote:
    """The `text` of one order, and what its owner displays of it."""

    text: str
    iceberg: Decimal = ZERO


@attrs.define(eq=False)
class OrderNotes:
    """Notes of the orders that are not ordinary; an order's note is known before anybody is told of the order."""

    _notes: dict[tuple[Venue, str], OrderNote] = attrs.field(factory=dict)
    _placing: OrderNote | None = None

    def of(self, item: OrderState | UserTrade) -> OrderNote:
        """The note of an order, or of the order that a fill belongs to."""
        note = self._notes.get((item.venue, item.order_id)) or OrderNote(REST_TEXT[item.venue])
        return attrs.evolve(note, text=item.client_id) if item.client_id else note

    def forget(self, orders: Iterable[tuple[Venue, str]]) -> None:
        """These orders are gone."""
        for key in orders:
            self._notes.pop(key, None)

    @contextmanager
    def placing(self, venue: Venue, *, over_ws: bool, iceberg: Decimal) -> Iterator[None]:
        """The order that is created inside the block came that way, and displays so much."""
        self._placing = OrderNote(WS_API_TEXT if over_ws else REST_TEXT[venue], iceberg)
        try:
            yield
        finally:
            self._placing = None

    def hear(self, event: PrivateEvent) -> None:
        """To be called with every private event, before the streams are."""
        note = self._placing
        if note is None or not isinstance(event, OrderEvent) or event.kind != "put":
            return
        if note != OrderNote(REST_TEXT[event.order.venue]):
            self._notes[event.order.venue, event.order.order_id] = note
