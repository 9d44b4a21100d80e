"""Judges each create when its bytes leave: intent first, once, gate, epoch, kill, caps, numbers, reduce-only."""

from __future__ import annotations

from collections import Counter, deque
from decimal import Decimal

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.order import FINAL_STATUSES, OrderIntent, Purpose, Side, epoch_of, is_ours
from dnbot.fakes.instruments import Instrument
from dnbot.fakes.records import ZERO, OrderState
from dnbot.lab.oracle_create import Create, read_create
from dnbot.lab.oracle_scene import ROUND_TRIP_MS, SKEW_MS, Scene
from dnbot.lab.oracle_words import FAKE_OF, NS_PER_MS, NS_PER_S, REPAIRS, TAKES_RISK, VENUE_OF, Life
from dnbot.lab.wire_reader import GATE_TEXT_PREFIX, Said
from dnbot.strategy.states import TradingMode, allows

ORDERS_IN_FLIGHT_MAX = 4
"""As in `strategy/risk_standing.py`; a test compares them."""
FAR = Decimal("0.96")
"""A buy below this share of the best bid cannot trade: no market here moves so far while an order is on its way."""
MINUTE_NS = 60 * NS_PER_S
CLOSED_IS_NEWS_NS = 3 * MINUTE_NS
"""A bot that was away learns so late, at worst, what the venue closed; its minute begins then."""
FINAL = frozenset(status.value for status in FINAL_STATUSES)
TERMS_S_MAX = 600
"""Instruments are polled: an order may still follow the terms that held so long ago."""


@attrs.define(eq=False)
class OrderJudge:
    """Asked for every create on the wire, and told of every order that a venue accepts."""

    scene: Scene
    said: Counter[str] = attrs.field(factory=Counter)
    """How often each client id was in a create."""
    statuses: dict[str, str] = attrs.field(factory=dict)
    """The newest recorded status of each order."""
    in_flight: set[str] = attrs.field(factory=set)
    """Orders of the present life that may still trade, by its own records and what left."""
    grants: list[tuple[int, int]] = attrs.field(factory=list)
    """Epochs and when each was granted, ns."""
    accepted: Counter[str] = attrs.field(factory=Counter)
    """How many orders the venues made of each client id."""
    probes: int = 0
    _taken: deque[int] = attrs.field(factory=deque)
    _repaired: deque[tuple[int, Decimal]] = attrs.field(factory=deque)
    _closed: deque[tuple[int, Decimal]] = attrs.field(factory=lambda: deque(maxlen=64))
    _terms: dict[Venue, deque[tuple[int, Instrument]]] = attrs.field(factory=dict)

    # -- on the wire

    def create(self, actor: str, is_gate: bool, said: Said, now_ns: int) -> Create | None:
        """Judge one create; returns it when it is read, and could become an order."""
        findings, life = self.scene.findings, self.scene.lives.get(actor)
        create = read_create(is_gate, said)
        name = said.created_id
        self.said[name] += 1
        findings.check("I2", self.said[name] == 1, lambda: f"{name} was on the wire {self.said[name]} times")
        status = self.statuses.get(name, "")
        findings.check("I2", status not in FINAL, lambda: f"{name} left although its order is {status}")
        if not findings.check("I21", create is not None and create.are_plain, lambda: f"{name}: {said.target[:200]} "
                              f"{said.body[:300]!r} is not an order in plain numbers") or create is None:
            return None
        intent = self.scene.committed(name)
        findings.check("I1", intent is not None, f"{name} left, and its intent is not durable")
        if intent is None:
            return create
        findings.check("I1", not (why := self._difference(create, intent)), lambda: f"{name}: {why}")
        if life is None:
            return create
        self._one_writer(life, intent)
        if self._is_probe(create, intent):
            self.probes += 1
            findings.check("I15", life.mode is not TradingMode.HALTED, f"the probe {name} left while HALTED")
            return None
        self._gate(life, intent, now_ns)
        self._rests(create, intent)
        self._numbers(create, now_ns)
        self._caps(intent, now_ns)
        self._reducing(intent)
        self.in_flight.add(name)
        return create

    def _difference(self, create: Create, intent: OrderIntent) -> str:
        instrument = self.scene.instrument(create.venue)
        wire = (
            create.venue, create.symbol_name, create.side, create.quantity * instrument.multiplier, create.price,
            create.tif, create.reduce_only,
        )
        reduce_only = intent.reduce_only and not intent.venue.is_spot
        kept = (
            intent.venue, instrument.name, intent.side.value, intent.quantity, intent.price,
            intent.time_in_force.value, reduce_only,
        )
        if wire != kept:
            return f"on the wire {wire}, committed {kept}"
        return "" if epoch_of(create.client_id) == intent.epoch else f"committed by epoch {intent.epoch}"

    def _is_probe(self, create: Create, intent: OrderIntent) -> bool:
        """Whether a create on a socket asks what the venue does with an expired order, made so that it cannot trade.

        It is known by that: it was committed when its expiry was over, and now it is, or (when the venue lied about its
        time) its price is far from the book. An order that a process held while it stood still is none.
        """
        if create.venue is Venue.MEXC_SPOT or create.expires_ms is None or intent.expires_at_ns >= intent.created_at_ns:
            return False
        if create.expires_ms < self.scene.world.clock.ms(FAKE_OF[create.venue]) - SKEW_MS:
            return True
        best = self.scene.exchange.depth(FAKE_OF[create.venue], self.scene.symbol, 1).bids
        return create.side == "buy" and create.tif == "ioc" and bool(best) and create.price < best[0][0] * FAR

    def _one_writer(self, life: Life, intent: OrderIntent) -> None:
        newest = self.grants[-1][0] if self.grants else 0
        holds = intent.epoch == life.epoch == newest
        text = f"{intent.client_order_id} of epoch {intent.epoch} left in epoch {life.epoch}, granted is {newest}"
        self.scene.findings.check("I8", holds, text)

    def _gate(self, life: Life, intent: OrderIntent, now_ns: int) -> None:
        findings, purpose = self.scene.findings, intent.purpose
        lately = life.lately(now_ns - self.scene.in_flight_ns())
        text = f"{intent.client_order_id} ({purpose.value}) left in {life.state.name}, {life.mode.name}"
        findings.check("I7", any(allows(state, mode, purpose) for state, mode in lately), text)
        if purpose in TAKES_RISK:
            findings.check("I15", any(mode is not TradingMode.HALTED for _, mode in lately), text)

    def _rests(self, create: Create, intent: OrderIntent) -> None:
        """MEXC has no countdown: what rests there when the bot dies rests until it is started again. So nothing does,
        but a leg that may, of no more than the value that was allowed.
        """
        params = self.scene.params
        holds = create.venue is not Venue.MEXC_SPOT or create.tif == "ioc"
        if not holds and params.maker_first and create.tif == "poc":
            worth = create.quantity * create.price
            holds = intent.purpose in (Purpose.ENTRY, Purpose.EXIT) and worth <= params.maker_order_max_quote
        self.scene.findings.check("I13", holds, f"{create.client_id} would rest where nobody takes it away")

    def _numbers(self, create: Create, now_ns: int) -> None:
        kept = self._terms.setdefault(create.venue, deque(maxlen=8))
        terms = self.scene.instrument(create.venue)
        if not kept or kept[-1][1] != terms:
            kept.append((now_ns, terms))
        after_ns = [*[began_ns for began_ns, _ in kept][1:], now_ns]
        usable = [t for end_ns, (_, t) in zip(after_ns, kept, strict=True) if now_ns - end_ns < TERMS_S_MAX * NS_PER_S]
        problems = [_problem(create, terms) for terms in usable]
        text = f"{create.client_id}: {create.quantity} at {create.price} on {create.venue.value}: {problems[-1]}"
        self.scene.findings.check("I21", "" in problems, text)

    def at_its_budget(self, now_ns: int) -> bool:
        """Whether repairs of the last minute leave less than a contract of the hedge budget."""
        total = self._repaired_within(now_ns, closed_ns=MINUTE_NS)
        return total > self.scene.params.hedge_budget_base - self.scene.perp_lot()

    def _repaired_within(self, now_ns: int, *, closed_ns: int) -> Decimal:
        """Repairs of the last minute, base units, less what the venue closed within `closed_ns`."""
        _forget(self._repaired, now_ns)
        closed = sum((base for at_ns, base in self._closed if now_ns - at_ns < closed_ns), ZERO)
        return max(ZERO, sum((quantity for _, quantity in self._repaired), ZERO) - closed)

    def _caps(self, intent: OrderIntent, now_ns: int) -> None:
        findings, params, name = self.scene.findings, self.scene.params, intent.client_order_id
        worth = intent.quantity * intent.price
        findings.check("I9", worth <= params.max_order_notional_quote, f"{name} is worth {worth}")
        if intent.purpose in TAKES_RISK:
            others = len(self.in_flight - {name})
            findings.check("I9", others < ORDERS_IN_FLIGHT_MAX, f"{name} left beside {others} orders in flight")
        if intent.purpose in REPAIRS:
            total = intent.quantity + self._repaired_within(now_ns, closed_ns=CLOSED_IS_NEWS_NS)
            most = params.hedge_budget_base
            findings.check("I9", total <= most, f"{name} makes {total} of repairs in a minute, the budget is {most}")

    def _reducing(self, intent: OrderIntent) -> None:
        if intent.venue is not Venue.GATE_FUTURES:
            return
        closes = intent.side is Side.BUY and intent.purpose in (Purpose.ENTRY, Purpose.EXIT, Purpose.FLATTEN)
        text = f"{intent.client_order_id} closes ({intent.purpose.value}) and is not reduce-only"
        self.scene.findings.check("I24", intent.reduce_only or not closes, text)

    # -- in the records and at the venues

    def taken(self, now_ns: int) -> None:
        """An opportunity went to execution."""
        while self._taken and now_ns - self._taken[0] >= MINUTE_NS - NS_PER_S:
            self._taken.popleft()
        self._taken.append(now_ns)
        most = self.scene.params.round_trips_per_minute_max
        self.scene.findings.check("I9", len(self._taken) <= most, f"{len(self._taken)} executions in a minute")

    def filled(self, name: str, quantity: Decimal, now_ns: int) -> None:
        """A fill of ours, base units: repairs use up their budget."""
        intent = self.scene.intents.get(name)
        if intent is not None and intent.purpose in REPAIRS:
            self._repaired.append((now_ns, quantity))

    def closed(self, base: Decimal, now_ns: int) -> None:
        """Somebody else closed part of the perpetual: what that takes away may be hedged beyond the budget."""
        self._closed.append((now_ns, base))

    def ordered(self, order: OrderState, now_ns: int) -> None:
        """A venue made an order: of an epoch that was not over, one for each intent."""
        name = order.client_id.removeprefix(GATE_TEXT_PREFIX)
        if not is_ours(name) or name not in self.said:
            return
        self.accepted[name] += 1
        epoch = epoch_of(name) or 0
        late_ns = (self.scene.params.order_expiry_ms + SKEW_MS + ROUND_TRIP_MS) * NS_PER_MS
        over_ns = next((at_ns for other, at_ns in self.grants if other > epoch), None)
        holds = over_ns is None or now_ns <= over_ns + late_ns
        text = f"{VENUE_OF[order.venue].value} accepted {name} of epoch {epoch}, long after the next one began"
        self.scene.findings.check("I8", holds, text)


def _forget(repaired: deque[tuple[int, Decimal]], now_ns: int) -> None:
    while repaired and now_ns - repaired[0][0] >= MINUTE_NS - NS_PER_S:
        repaired.popleft()


def _problem(create: Create, terms: Instrument) -> str:
    quantity, price = create.quantity, create.price
    if price <= 0 or price % terms.price_tick:
        return f"tick {terms.price_tick}"
    if quantity <= 0 or quantity % terms.lot:
        return f"lot {terms.lot}"
    if quantity < terms.quantity_min or quantity > terms.quantity_max:
        return f"quantity {terms.quantity_min} to {terms.quantity_max}"
    worth = terms.notional(price, quantity)
    return "" if terms.notional_min <= worth <= terms.notional_max else f"notional {worth}"
