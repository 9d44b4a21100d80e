"""What the machine saw and wrote, counted by kinds of which there are few."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    Alert,
    ExecutionClosed,
    InboxEvent,
    OrderAnswered,
    PairAborted,
    Record,
    StateChanged,
)
from dnbot.domain.order import Order
from dnbot.strategy.orders import Orders

CODES_MAX = 64
"""Distinct codes that one count keeps apart; what comes later is counted as OTHER."""
OTHER = "OTHER"


def count(counts: dict[str, int], key: str) -> None:
    """One more of `key`, or of OTHER once there are too many kinds."""
    if key not in counts and len(counts) >= CODES_MAX:
        key = OTHER
    counts[key] = counts.get(key, 0) + 1


def capped(counts: Mapping[str, int]) -> dict[str, int]:
    """The same with no more than `CODES_MAX` kinds and OTHER."""
    kept: dict[str, int] = {}
    for key, number in counts.items():
        name = key if len(kept) < CODES_MAX else OTHER
        kept[name] = kept.get(name, 0) + number
    return kept


@attrs.define
class Tallies:
    """Told by the strategist after each step that wrote something."""

    executions: dict[str, int] = attrs.field(factory=dict)
    """Closed executions by status."""
    answers: dict[tuple[Venue, str], int] = attrs.field(factory=dict)
    """What came of creates, by venue and outcome."""
    unsent: dict[str, int] = attrs.field(factory=dict)
    """Orders and pairs that did not leave, by our code of why."""
    alerts: dict[str, int] = attrs.field(factory=dict)
    """By level."""
    transitions: dict[str, int] = attrs.field(factory=dict)
    """By the state that was entered."""

    def note(self, event: InboxEvent, records: tuple[Record, ...], orders: Orders) -> None:
        """What the machine saw, what it wrote down of it, and the orders as it knows them now."""
        match event:
            case OrderAnswered():
                self._answered(event, orders.get(event.client_order_id))
            case PairAborted(reason=reason):
                count(self.unsent, reason)
            case _:
                pass
        for record in records:
            match record:
                case ExecutionClosed(status=status):
                    count(self.executions, status)
                case Alert(level=level):
                    count(self.alerts, level)
                case StateChanged(to_state=state):
                    count(self.transitions, state)
                case _:
                    pass

    def _answered(self, event: OrderAnswered, order: Order | None) -> None:
        if event.outcome == "not_sent":  # only then is the code a word of ours; what venues call a refusal is unbounded
            count(self.unsent, event.code)
        if order is not None:
            key = order.intent.venue, event.outcome
            self.answers[key] = self.answers.get(key, 0) + 1
