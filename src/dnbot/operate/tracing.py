"""One trace per execution, made of the stamps that its stages leave. Nothing is looked at per tick, nothing waits.

The whole begins with the bytes of the newest book of the decision, where they are known, and ends when the execution is
closed; only an answer that the stream has overtaken may end later. What has no stamp has no span, and none is guessed.
Stamps are trio's clock, brought to the wall clock once, when the trace is made, so that a wall clock that is set
meanwhile bends no duration.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from dnbot.domain.market import MarketView
from dnbot.domain.messages import ExecutePair, InboxEvent, OrderAnswered, OrderSent, PairAborted, Record
from dnbot.domain.order import Fill, Order, OrderStatus
from dnbot.domain.records import ExecutionClosed, FillBooked, OrderChanged
from dnbot.metrics.stages import Stages
from dnbot.operate.trace_draft import Draft, End, Leg, facts_of, trace_of
from dnbot.ports.spans import Attribute, Trace
from dnbot.strategy.orders import Orders

DRAFTS_MAX = 64
"""Executions that are followed at once; one is under way at a time, and what is never closed makes room."""
FILLS_MAX = 50
"""Of one order."""


@attrs.define(kw_only=True)
class TracedStages(Stages):
    """Stages that also make a trace of every execution; `take` gets it in the turn in which it is closed."""

    take: Callable[[Trace], None]
    now_ns: Callable[[], int]
    """The wall clock."""
    forgotten: int = 0
    """Executions that were not closed before they made room for others."""
    _drafts: dict[str, Draft] = attrs.field(factory=dict, init=False)

    def decided(self, pair: ExecutePair, market: MarketView) -> None:
        """As `Stages`; the trace begins with the bytes that the decision is about."""
        super().decided(pair, market)
        now_s, followed = trio.current_time(), self._open.get(pair.execution_id)
        draft = self._draft(pair.execution_id)
        draft.decided_s = now_s
        if followed is not None and followed.read_s is not None and followed.read_s <= self._evaluated_s <= now_s:
            draft.begin_s, draft.evaluated_s = followed.read_s, self._evaluated_s

    def committed(self, execution_id: str) -> None:
        """As `Stages`."""
        super().committed(execution_id)
        if (draft := self._drafts.get(execution_id)) is not None:
            draft.committed_s = trio.current_time()

    def note(self, event: InboxEvent, records: tuple[Record, ...], orders: Orders) -> None:
        """As `Stages`."""
        super().note(event, records, orders)
        for record in records:
            match record:
                case OrderChanged(order=order):
                    self._changed(order)
                case FillBooked(fill=fill):
                    self._filled(fill)
                case ExecutionClosed():
                    self._close(record.execution_id, f"execution {record.pair_name}", facts_of(record), record.status)
                case _:
                    pass
        if isinstance(event, OrderSent | OrderAnswered):
            self._told(event)
        elif isinstance(event, PairAborted):
            facts: dict[str, Attribute] = {"dnbot.reason": event.reason}
            self._close(event.execution_id, "execution aborted", facts, "aborted")

    # --- inside
    def _draft(self, execution_id: str) -> Draft:
        draft = self._drafts.setdefault(execution_id, Draft(trio.current_time()))
        while len(self._drafts) > DRAFTS_MAX:
            del self._drafts[next(iter(self._drafts))]
            self.forgotten += 1
        return draft

    def _told(self, event: OrderSent | OrderAnswered) -> None:
        for execution_id, draft in self._drafts.items():
            if (leg := draft.legs.get(event.client_order_id)) is not None:
                _note(leg, event)
                self._finish(execution_id, draft)
                return

    def _changed(self, order: Order) -> None:
        draft = self._drafts.get(order.intent.execution_id)
        if draft is None and order.status is OrderStatus.PENDING and order.intent.execution_id:
            draft = self._draft(order.intent.execution_id)
        if draft is None:
            return
        leg = draft.legs.setdefault(order.intent.client_order_id, Leg(order, trio.current_time()))
        leg.order = order
        if order.is_settled and leg.settled_s is None:
            leg.settled_s = trio.current_time()

    def _filled(self, fill: Fill) -> None:
        """Also where the venue tells its own id of the order alone."""
        for leg in (leg for draft in self._drafts.values() for leg in draft.legs.values()):
            intent = leg.order.intent
            nameless = not fill.client_order_id and intent.venue is fill.venue
            if fill.client_order_id == intent.client_order_id or (
                nameless and fill.venue_order_id == leg.order.venue_order_id
            ):
                if len(leg.fills) < FILLS_MAX:
                    leg.fills.append((trio.current_time(), fill))
                return

    def _close(self, execution_id: str, name: str, facts: dict[str, Attribute], status: str) -> None:
        draft = self._drafts.get(execution_id)
        if draft is not None and draft.end is None:
            draft.end = End(name, facts, status, trio.current_time())
            self._finish(execution_id, draft)

    def _finish(self, execution_id: str, draft: Draft) -> None:
        """Make the trace as soon as nothing is to come any more."""
        if draft.end is None or draft.waits:
            return
        del self._drafts[execution_id]
        self.take(trace_of(execution_id, draft, draft.end, self.now_ns() - round(trio.current_time() * 1e9)))


def _note(leg: Leg, event: OrderSent | OrderAnswered) -> None:
    if isinstance(event, OrderSent):
        leg.sent_s = event.at_s
        return
    leg.outcome = event.outcome
    waited_s = event.sent_to_answer_us / 1e6
    leg.answered_s = leg.sent_s + waited_s if leg.sent_s is not None and waited_s else trio.current_time()
