"""An execution that is under way, as its stages left their stamps; and the spans that are made of it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from dnbot.domain.order import Fill, Order
from dnbot.domain.records import ExecutionClosed
from dnbot.domain.units import plain
from dnbot.ports.spans import Attribute, Span, Trace

_UNANSWERED = ("refused", "not_sent", "ambiguous", "no_effect")


@attrs.define
class Leg:
    """One order of an execution."""

    order: Order
    begin_s: float
    sent_s: float | None = None
    answered_s: float | None = None
    outcome: str = ""
    settled_s: float | None = None
    """The stream may overtake the answer."""
    fills: list[tuple[float, Fill]] = attrs.field(factory=list)

    def ended_s(self, closed_s: float) -> float:
        """When it was settled and answered; the end of the execution where it was not settled."""
        return max(self.settled_s or closed_s, self.answered_s or 0.0)


@attrs.frozen
class End:
    """What came of an execution, and when."""

    name: str
    facts: dict[str, Attribute]
    status: str
    at_s: float


@attrs.define
class Draft:
    """An execution that is under way."""

    begin_s: float
    evaluated_s: float | None = None
    decided_s: float | None = None
    committed_s: float | None = None
    legs: dict[str, Leg] = attrs.field(factory=dict)
    end: End | None = None

    @property
    def waits(self) -> bool:
        """Whether an order was sent and its desk has not told yet what came of it, as it does of each."""
        return any(leg.sent_s is not None and leg.answered_s is None for leg in self.legs.values())


def facts_of(closed: ExecutionClosed) -> dict[str, Attribute]:
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


def trace_of(execution_id: str, draft: Draft, end: End, offset_ns: int) -> Trace:
    """The trace of an execution that is done; `offset_ns` is the wall clock less trio's."""
    moments = _Moments(offset_ns)
    whole = Span(
        name=end.name, begin_ns=moments.ns(draft.begin_s), end_ns=moments.ns(end.at_s),
        failed=end.status in ("failed", "aborted"),
        attributes={"dnbot.execution_id": execution_id, "dnbot.status": end.status, **end.facts},
    )
    return Trace(execution_id=execution_id, spans=(whole, *_spans(draft, moments, end.at_s)))


def _spans(draft: Draft, moments: _Moments, closed_s: float) -> list[Span]:
    spans = _Spans(moments)
    if draft.evaluated_s is not None:
        spans.add("evaluate", draft.begin_s, draft.evaluated_s)
    spans.add("decide", draft.evaluated_s, draft.decided_s)
    spans.add("commit", draft.decided_s, draft.committed_s)
    for leg in draft.legs.values():
        _add_leg(spans, leg, draft.committed_s, closed_s)
    return spans.found


def _add_leg(spans: _Spans, leg: Leg, committed_s: float | None, closed_s: float) -> None:
    order, intent = leg.order, leg.order.intent
    own: dict[str, Attribute] = {
        "dnbot.client_order_id": intent.client_order_id, "dnbot.venue": intent.venue.value,
        "dnbot.side": intent.side.value, "dnbot.purpose": intent.purpose.value,
        "dnbot.quantity_base": plain(intent.quantity), "dnbot.price_quote": plain(intent.price),
        "dnbot.filled_base": plain(order.filled), "dnbot.status": order.status.value,
    }
    place = spans.add(f"order {intent.venue.value}", leg.begin_s, leg.ended_s(closed_s), own)
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
