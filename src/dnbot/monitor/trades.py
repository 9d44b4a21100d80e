"""The trade monitor: a fold of the machine's records into what our own trades look like within a window.

It trusts no figure of the machine that it can make itself: a fill is judged by the order that it names, as that order
was decided, and by the fee schedule that the venue told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import attrs

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.order import Fill, Order, OrderStatus, Side
from dnbot.domain.pair import Pair
from dnbot.domain.records import ExecutionClosed, FillBooked, OrderChanged, Record
from dnbot.domain.units import TEN_THOUSAND, ZERO, divide
from dnbot.monitor.snapshot import Anomaly, TradeFigures

ORDERS_KEPT = 1_000
PAIRS_KEPT = 100
"""Drift is judged by the newest so many."""
VALUE_MIN = Decimal(20)
"""Quote units. Venues round a fee to the eighth digit of its coin: of one at 100,000 that is half a bps of this."""
KINDS = ("fill_outside_cap", "fill_unexpected", "fee_differs")
_DEAD = frozenset({OrderStatus.NOT_SENT, OrderStatus.REJECTED, OrderStatus.NO_EFFECT})


@attrs.frozen
class _Seen:
    """Something that counts until the window has passed."""

    at_s: float
    kind: str
    venue: str = ""
    text: str = ""


@attrs.define
class _Known:
    """An order as it was decided, and what became of it."""

    order: Order
    filled: Decimal = ZERO
    counted: set[str] = attrs.field(factory=set)


@attrs.define
class TradeWatch:
    """Give it each record in order, in the turn in which it was made; every method returns at once."""

    window_s: float
    fee_tolerance_bps: Decimal
    _orders: dict[str, _Known] = attrs.field(factory=dict, init=False)
    _seen: deque[_Seen] = attrs.field(factory=deque, init=False)
    _drifts: deque[tuple[Decimal, Decimal]] = attrs.field(factory=lambda: deque(maxlen=PAIRS_KEPT), init=False)
    """Of each pair: net less estimate, and what it traded, quote units."""
    _traded: dict[str, Decimal] = attrs.field(factory=dict, init=False)
    """Execution -> what its buys traded, quote units, until it is closed."""

    def take(self, record: Record, fees: Mapping[Venue, FeeSchedule], now_s: float) -> None:
        """See one record."""
        match record:
            case OrderChanged(order=order):
                self._order(order, now_s)
            case FillBooked(fill=fill, execution_id=execution_id):
                self._fill(fill, execution_id, fees.get(fill.venue), now_s)
            case ExecutionClosed():
                self._closed(record, now_s)
            case _:
                pass

    def figures(self, now_s: float) -> TradeFigures:
        """What holds now."""
        while self._seen and now_s - self._seen[0].at_s >= self.window_s:
            self._seen.popleft()
        counts = dict[str, int]()
        for seen in self._seen:
            counts[seen.kind] = counts.get(seen.kind, 0) + 1
        traded = sum((value for _, value in self._drifts), ZERO)
        drift = sum((difference for difference, _ in self._drifts), ZERO)
        return TradeFigures(
            orders=counts.get("order", 0), rejected=counts.get("rejected", 0), ambiguous=counts.get("ambiguous", 0),
            pairs=counts.get("pair", 0), one_sided=counts.get("one_sided", 0),
            edge_drift_bps=float(divide(drift * TEN_THOUSAND, traded)) if traded > 0 else None,
            drift_pairs=len(self._drifts), anomalies=self._anomalies(),
        )

    def _anomalies(self) -> tuple[Anomaly, ...]:
        """Of every kind and venue, those without any too: that is how an alert ends."""
        found: list[Anomaly] = []
        for kind in KINDS:
            for venue in Venue:
                texts = [seen.text for seen in self._seen if seen.kind == kind and seen.venue == venue.value]
                found.append(
                    Anomaly(kind=kind, venue=venue.value, times=len(texts), text=texts[-1] if texts else "none")
                )
        return tuple(found)

    # --- orders -------------------------------------------------------------------------------------------------------
    def _order(self, order: Order, now_s: float) -> None:
        name = order.intent.client_order_id
        known = self._orders.setdefault(name, _Known(order))
        known.order = order
        if order.status is not OrderStatus.PENDING:
            self._count(known, "order", now_s)
        if order.status is OrderStatus.REJECTED:
            self._count(known, "rejected", now_s)
        elif order.status is OrderStatus.AMBIGUOUS:
            self._count(known, "ambiguous", now_s)
        while len(self._orders) > ORDERS_KEPT:
            del self._orders[next(iter(self._orders))]

    def _count(self, known: _Known, kind: str, now_s: float) -> None:
        if kind not in known.counted:
            known.counted.add(kind)
            self._seen.append(_Seen(now_s, kind))

    # --- fills --------------------------------------------------------------------------------------------------------
    def _fill(self, fill: Fill, execution_id: str, fees: FeeSchedule | None, now_s: float) -> None:
        known = self._orders.get(fill.client_order_id)
        if fill.side is Side.BUY and execution_id:
            self._traded[execution_id] = self._traded.get(execution_id, ZERO) + fill.value
        if known is not None:
            self._judge(fill, known, now_s)
        differs = fee_difference_bps(fill, fees) if fees is not None else None
        if differs is not None and abs(differs) > self.fee_tolerance_bps:
            text = f"trade {fill.trade_id} on {fill.venue.value} paid {differs:+.2f} bps more than its schedule says"
            self._note("fee_differs", fill, text, now_s)

    def _judge(self, fill: Fill, known: _Known, now_s: float) -> None:
        intent, name = known.order.intent, fill.client_order_id
        known.filled += fill.quantity
        if (fill.price - intent.price) * fill.side.sign > 0:
            text = f"{name}: {fill.side.value} at {fill.price} on {fill.venue.value}, its limit is {intent.price}"
            self._note("fill_outside_cap", fill, text, now_s)
        if known.filled > intent.quantity:
            text = f"{name}: {known.filled} filled of {intent.quantity}"
        elif fill.side is not intent.side:
            text = f"{name}: a {fill.side.value}, and the order was a {intent.side.value}"
        elif known.order.status in _DEAD:
            text = f"{name}: {fill.quantity} filled after it ended as {known.order.status.value}"
        else:
            return
        self._note("fill_unexpected", fill, f"{text} on {fill.venue.value}", now_s)

    def _note(self, kind: str, fill: Fill, text: str, now_s: float) -> None:
        self._seen.append(_Seen(now_s, kind, fill.venue.value, text))

    # --- pairs --------------------------------------------------------------------------------------------------------
    def _closed(self, closed: ExecutionClosed, now_s: float) -> None:
        traded = self._traded.pop(closed.execution_id, ZERO)
        if closed.pair_name not in Pair.__members__ or not (closed.bought or closed.sold):
            return
        self._seen.append(_Seen(now_s, "pair"))
        if closed.status == "repaired" or closed.bought == 0 or closed.sold == 0:
            self._seen.append(_Seen(now_s, "one_sided"))
        elif closed.status == "complete" and traded > 0:
            self._drifts.append((closed.net_quote - closed.estimate_net_quote, traded))


def fee_difference_bps(fill: Fill, fees: FeeSchedule) -> Decimal | None:
    """What a fill paid above the venue's schedule, bps of its value; None where it cannot be told: a fee in a third
    coin, which has its own discount, or a trade so small that the rounding of its fee is larger than the rate.
    """
    value, paid = fill.value, fill.fee_quote
    if paid is None or fill.fee_is_in_a_third_coin or value < VALUE_MIN:
        return None
    rate = fees.maker if fill.is_maker else fees.taker
    return divide((paid - value * rate) * TEN_THOUSAND, value)

