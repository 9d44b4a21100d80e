"""One trace per execution, made of the stamps that its stages leave. Nothing is looked at per tick, nothing waits.

The whole begins with the bytes of the newest book of the decision, where they are known, and ends when the execution is
closed. What has no stamp has no span, and none is guessed. Stamps are trio's clock, brought to the wall clock once,
when the trace is made, so that a wall clock that is set meanwhile bends no duration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import trio

from dnbot.domain.market import MarketView
from dnbot.domain.messages import ExecutePair, InboxEvent, OrderAnswered, OrderSent, PairAborted, Record
from dnbot.domain.order import Fill, Order, OrderStatus
from dnbot.domain.records import ExecutionClosed, FillBooked, OrderChanged
from dnbot.domain.units import plain
from dnbot.metrics.stages import Stages
from dnbot.ports.spans import Attribute, Span, Trace
from dnbot.strategy.orders import Orders

DRAFTS_MAX = 64
"""Executions that are followed at once; one is under way at a time, and what is never closed makes room."""
FILLS_MAX = 50
"""Of one order."""
_UNANSWERED = ("refused", "not_sent", "ambiguous", "no_effect")


@attrs.define
class _Leg:
    """One order of an execution."""

    order: Order
    begin_s: float
    sent_s: float | None = None
    answered_s: float | None = None
    outcome: str = ""
    settled_s: float | None = None
    fills: list[tuple[float, Fill]] = attrs.field(factory=list)


@attrs.define
class _Draft:
    """An execution that is under way."""

    begin_s: float
    evaluated_s: float | None = None
    decided_s: float | None = None
    committed_s: float | None = None
    legs: dict[str, _Leg] = attrs.field(factory=dict)


@attrs.define(kw_only=True)
class TracedStages(Stages):
    """Stages that also make a trace of every execution; `take` gets it in the turn in which it is closed."""

    take: Callable[[Trace], None]
    now_ns: Callable[[], int]
    """The wall clock."""
    forgotten: int = 0
    """Executions that were not closed before they made room for others."""
    _drafts: dict[str, _Draft] = attrs.field(factory=dict, init=False)

    def decided(self, pair: ExecutePair, market: MarketView) -> None:
        """As `Stages`; the trace begins with the bytes that the decision is about."""
        super().decided(pair, market)
        now_s, followed = trio.current_time(), self._open.get(pair.execution_id)
        draft = self._drafts.setdefault(pair.execution_id, _Draft(now_s))
        draft.decided_s = now_s
        if followed is not None and followed.read_s is not None and followed.read_s <= self._evaluated_s <= now_s:
            draft.begin_s, draft.evaluated_s = followed.read_s, self._evaluated_s
        while len(self._drafts) > DRAFTS_MAX:
            del self._drafts[next(iter(self._drafts))]
            self.forgotten += 1

    def committed(self, execution_id: str) -> None:
        """As `Stages`."""
        super().committed(execution_id)
        if (draft := self._drafts.get(execution_id)) is not None:
            draft.committed_s = trio.current_time()

    def note(self, event: InboxEvent, records: tuple[Record, ...], orders: Orders) -> None:
        """As `Stages`."""
        super().note(event, records, orders)
        if isinstance(event, OrderSent | OrderAnswered) and (leg := self._leg(event.client_order_id)) is not None:
            _told(leg, event)
        for record in records:
            match record:
                case OrderChanged(order=order):
                    self._changed(order)
                case FillBooked(fill=fill):
                    self._filled(fill)
                case ExecutionClosed():
                    self._close(record.execution_id, f"execution {record.pair_name}", _facts(record), record.status)
                case _:
                    pass
        if isinstance(event, PairAborted):
            facts: dict[str, Attribute] = {"dnbot.reason": event.reason}
            self._close(event.execution_id, "execution aborted", facts, "aborted")

    # --- inside
    def _changed(self, order: Order) -> None:
        draft = self._drafts.get(order.intent.execution_id)
        if draft is None and order.status is OrderStatus.PENDING and order.intent.execution_id:
            draft = self._drafts[order.intent.execution_id] = _Draft(trio.current_time())
        if draft is None:
            return
        leg = draft.legs.setdefault(order.intent.client_order_id, _Leg(order, trio.current_time()))
        leg.order = order
        if order.is_settled and leg.settled_s is None:
            leg.settled_s = trio.current_time()

    def _filled(self, fill: Fill) -> None:
        """Also where the venue tells its own id of the order alone."""
        leg = self._leg(fill.client_order_id)
        if leg is None and not fill.client_order_id:
            mine = (fill.venue, fill.venue_order_id)
            legs = (leg for draft in self._drafts.values() for leg in draft.legs.values())
            leg = next((one for one in legs if (one.order.intent.venue, one.order.venue_order_id) == mine), None)
        if leg is not None and len(leg.fills) < FILLS_MAX:
            leg.fills.append((trio.current_time(), fill))

    def _leg(self, client_order_id: str) -> _Leg | None:
        found = (draft.legs.get(client_order_id) for draft in self._drafts.values())
        return next((leg for leg in found if leg is not None), None)

    def _close(self, execution_id: str, name: str, facts: dict[str, Attribute], status: str) -> None:
        draft = self._drafts.pop(execution_id, None)
        if draft is None:
            return
        now_s = trio.current_time()
        facts = {"dnbot.execution_id": execution_id, "dnbot.status": status, **facts}
        spans = _spans(draft, _Moments(self.now_ns() - round(now_s * 1e9)), now_s)
        whole = Span(
            name=name, begin_ns=spans.moments.ns(draft.begin_s), end_ns=spans.moments.ns(now_s),
            failed=status in ("failed", "aborted"), attributes=facts,
        )
        self.take(Trace(execution_id=execution_id, spans=(whole, *spans.found)))


def _told(leg: _Leg, event: OrderSent | OrderAnswered) -> None:
    if isinstance(event, OrderSent):
        leg.sent_s = event.at_s
        return
    leg.outcome = event.outcome
    waited_s = event.sent_to_answer_us / 1e6
    leg.answered_s = leg.sent_s + waited_s if leg.sent_s is not None and waited_s else trio.current_time()


def _facts(closed: ExecutionClosed) -> dict[str, Attribute]:
    """What came of it; money is text with every digit."""
    return {
        "dnbot.pair": closed.pair_name, "dnbot.purpose": closed.purpose, "dnbot.bought_base": plain(closed.bought),
        "dnbot.sold_base": plain(closed.sold), "dnbot.net_quote": plain(closed.net_quote),
        "dnbot.estimate_net_quote": plain(closed.estimate_net_quote), "dnbot.fees_quote": plain(closed.fees_quote),
        "dnbot.residual_base": plain(closed.residual_base), "dnbot.naked_ms": closed.naked_ms,
        "dnbot.ambiguous": closed.ambiguous,
    }


# --- from stamps to spans ---------------------------------------------------------------------------------------------
@attrs.frozen
class _Moments:
    """From trio's clock to the wall clock."""

    offset_ns: int

    def ns(self, at_s: float) -> int:
        return self.offset_ns + round(at_s * 1e9)


@attrs.define
class _Spans:
    """Spans below the whole, which has the place 0."""

    moments: _Moments
    found: list[Span] = attrs.field(factory=list)

    def add(
        self, name: str, begin_s: float | None, end_s: float | None, attributes: dict[str, Attribute] | None = None,
        *, parent: int = 0, failed: bool = False,
    ) -> int:
        """Add one that has both its stamps; returns its place, or its parent's."""
        if begin_s is None or end_s is None:
            return parent
        self.found.append(Span(
            name=name, begin_ns=self.moments.ns(begin_s), end_ns=self.moments.ns(max(begin_s, end_s)), parent=parent,
            failed=failed, attributes=attributes or {},
        ))
        return len(self.found)


def _spans(draft: _Draft, moments: _Moments, now_s: float) -> _Spans:
    spans = _Spans(moments)
    if draft.evaluated_s is not None:
        spans.add("evaluate", draft.begin_s, draft.evaluated_s)
    spans.add("decide", draft.evaluated_s, draft.decided_s)
    spans.add("commit", draft.decided_s, draft.committed_s)
    for leg in draft.legs.values():
        _add_leg(spans, leg, draft.committed_s, now_s)
    return spans


def _add_leg(spans: _Spans, leg: _Leg, committed_s: float | None, now_s: float) -> None:
    order, intent = leg.order, leg.order.intent
    own: dict[str, Attribute] = {
        "dnbot.client_order_id": intent.client_order_id, "dnbot.venue": intent.venue.value,
        "dnbot.side": intent.side.value, "dnbot.purpose": intent.purpose.value,
        "dnbot.quantity_base": plain(intent.quantity), "dnbot.price_quote": plain(intent.price),
        "dnbot.filled_base": plain(order.filled), "dnbot.status": order.status.value,
    }
    place = spans.add(f"order {intent.venue.value}", leg.begin_s, leg.settled_s or now_s, own)
    is_of_pair = committed_s is not None and leg.begin_s <= committed_s
    spans.add("send", committed_s if is_of_pair else leg.begin_s, leg.sent_s, parent=place)
    answer: dict[str, Attribute] = {"dnbot.outcome": leg.outcome}
    failed = leg.outcome in _UNANSWERED
    spans.add("ack", leg.sent_s, leg.answered_s, answer, parent=place, failed=failed)
    for booked_s, fill in leg.fills:
        spans.add("fill", leg.sent_s, booked_s, dict(_fill_facts(fill)), parent=place)


def _fill_facts(fill: Fill) -> Iterator[tuple[str, Attribute]]:
    """`traded_at_ns` is the venue's clock."""
    yield "dnbot.trade_id", fill.trade_id
    yield "dnbot.price_quote", plain(fill.price)
    yield "dnbot.quantity_base", plain(fill.quantity)
    yield "dnbot.fee", plain(fill.fee)
    yield "dnbot.fee_asset", fill.fee_asset
    yield "dnbot.is_maker", fill.is_maker
    yield "dnbot.traded_at_ns", fill.traded_at_ns
