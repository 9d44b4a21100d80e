"""The lives of orders and of the machine, from what is recorded: I11, I14, I15, I29; and evidence: I10, I22."""

from __future__ import annotations

import heapq
from decimal import Decimal
from typing import Any

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderStatus, may_become
from dnbot.domain.pair import Pair
from dnbot.lab.oracle_orders import FINAL, OrderJudge
from dnbot.lab.oracle_scene import ROUND_TRIP_MS, Scene
from dnbot.lab.oracle_words import FAKE_OF, NS_PER_MS, NS_PER_S, Life
from dnbot.strategy.states import TRANSITIONS, StrategyState, TradingMode, Trigger

KILL_S_MAX = 5.0
"""Open orders are gone so long after HALTED, when their venue can be reached."""


@attrs.define
class Known:
    """An order as it was last recorded, and by whom."""

    actor: str
    status: OrderStatus
    filled: Decimal
    quantity: Decimal


@attrs.define(eq=False)
class LifecycleJudge:
    """Told of the records of orders, states, modes and opportunities."""

    scene: Scene
    orders: OrderJudge
    known: dict[str, Known] = attrs.field(factory=dict)
    _limbo: list[tuple[int, str]] = attrs.field(factory=list)
    """When each order that has no end must have one, ns."""
    _kills: list[int] = attrs.field(factory=list)

    # -- orders

    def order_changed(self, life: Life, fields: dict[str, Any], now_ns: int) -> None:
        """An order is as it is now told."""
        order = fields["order"]
        name, status = order["intent"]["client_order_id"], OrderStatus(order["status"])
        new = Known(life.actor, status, Decimal(order["filled"]), Decimal(order["intent"]["quantity"]))
        before = self._before(name, life)
        if before is None:
            heapq.heappush(self._limbo, (now_ns + self._limbo_ns(), name))
        else:
            legal = may_become(before.status, status)
            self.scene.findings.check("I11", legal, f"{name}: {before.status.value} became {status.value}")
            grew = new.filled >= before.filled
            self.scene.findings.check("I11", grew, f"{name}: filled {before.filled} became {new.filled}")
        most = new.quantity * max(1, self.orders.accepted[name])
        self.scene.findings.check("I11", new.filled <= most, f"{name}: filled {new.filled} of {new.quantity}")
        self.known[name] = new
        self.orders.statuses[name] = status.value
        if status.value in FINAL:
            self.orders.in_flight.discard(name)

    def _before(self, name: str, life: Life) -> Known | None:
        """What was known: by this life, or, at its first word, what the database had."""
        known = self.known.get(name)
        if known is None or known.actor == life.actor:
            return known
        book = self.scene.book
        stored = book.orders.get(name) if book is not None else None
        return None if stored is None else Known(life.actor, stored.status, stored.filled, stored.intent.quantity)

    def _limbo_ns(self) -> int:
        params = self.scene.params
        return (params.order_expiry_ms + params.resolve_deadline_ms) * NS_PER_MS + self.scene.slow_ns()

    def judge(self, now_ns: int) -> None:
        """Orders whose time to be resolved is over; orders that are open long after a kill."""
        while self._limbo and self._limbo[0][0] <= now_ns:
            due_ns, name = heapq.heappop(self._limbo)
            self._resolved(name, due_ns, now_ns)
        while self._kills and now_ns - self._kills[0] > KILL_S_MAX * NS_PER_S:
            at_ns = self._kills.pop(0)
            if self.scene.alive is None or self.scene.was_unreachable(at_ns) or self.scene.was_ambiguous(at_ns):
                continue
            left = own_open(self.scene, self.orders)
            self.scene.findings.check("I15", not left, f"open {KILL_S_MAX} s after HALTED: {left}")

    def _resolved(self, name: str, due_ns: int, now_ns: int) -> None:
        known = self.known[name]
        if known.status.value in FINAL:
            self.scene.findings.checks["I14"] += 1
            return
        maker = self.scene.lives.get(known.actor)
        if maker is not None and maker.is_over and self.scene.committed(name) is None:
            return  # it died before the commit: the order never left, and nobody can know of it
        life, early_ns = self.scene.alive, due_ns - self._limbo_ns()
        excused = life is None or life.reconciled_ns is None or life.reconciled_ns > early_ns
        if excused or self.scene.was_unreachable(early_ns) or self.scene.was_ambiguous(early_ns):
            heapq.heappush(self._limbo, (now_ns + self._limbo_ns(), name))
            return
        self.scene.findings.check("I14", False, f"{name} is still {known.status.value}")

    # -- states and modes

    def state_changed(self, life: Life, fields: dict[str, Any], now_ns: int) -> None:
        """An edge of the table was taken: the next one, from where the machine was."""
        sequence, before = int(fields["sequence"]), StrategyState[fields["from_state"]]
        after, trigger = StrategyState[fields["to_state"]], Trigger[fields["trigger"]]
        findings = self.scene.findings
        findings.check("I29", sequence == life.sequence + 1, f"edge {life.sequence} was followed by {sequence}")
        findings.check("I29", before is life.state, f"in {life.state.name}, and an edge from {before.name} was taken")
        legal = TRANSITIONS[before].get(trigger) is after
        findings.check("I11", legal, f"no edge {before.name} on {trigger.name} to {after.name}")
        life.sequence, life.state = sequence, after
        if before is StrategyState.INITIALIZING and trigger is Trigger.RECONCILED and life.reconciled_ns is None:
            life.reconciled_ns = now_ns
        if before is StrategyState.ERROR_RECOVERY and life.reconciled_ns is None and after is not before:
            life.reconciled_ns = now_ns
        life.stands(now_ns)

    def mode_changed(self, life: Life, fields: dict[str, Any], now_ns: int) -> None:
        """The trading mode changed: a person alone makes it less strict."""
        before, after = TradingMode[fields["from_mode"]], TradingMode[fields["to_mode"]]
        findings, strict = self.scene.findings, list(TradingMode)
        findings.check("I29", before is life.mode, f"the mode was {life.mode.name}, told is {before.name}")
        raised = strict.index(after) < strict.index(before)
        by = fields["by"]
        findings.check("I15", not raised or by != "latch", f"{by} raised the mode from {before.name} to {after.name}")
        if after is TradingMode.HALTED:
            self._kills.append(now_ns)
        life.mode = after
        life.stands(now_ns)

    # -- evidence

    def opportunity_taken(self, life: Life, fields: dict[str, Any], now_ns: int) -> None:
        """Its books were synced, young, and of one time."""
        opportunity, findings = fields["opportunity"], self.scene.findings
        params, name = self.scene.params, opportunity["opportunity_id"]
        pair = Pair[opportunity["pair_name"]]
        wanted = {pair.buy_venue.value, pair.sell_venue.value}
        ages = {_text(venue): int(age) for venue, age in opportunity["book_ages_ms"].items()}
        ids = {_text(venue): int(number) for venue, number in opportunity["book_ids"].items()}
        has_all = wanted <= set(ages) and wanted <= set(ids)
        if not findings.check("I10", has_all, f"{name} has no evidence of both books: {ids}, {ages}"):
            return
        used = [ages[venue] for venue in wanted]
        findings.check("I10", max(used) <= params.market_age_ms_max, f"{name}: books of {used} ms")
        findings.check("I10", max(used) - min(used) <= params.market_skew_ms_max, f"{name}: books of {used} ms")
        since_ms = (now_ns - life.started_ns) // NS_PER_MS + ROUND_TRIP_MS
        findings.check("I22", all(0 <= age <= since_ms for age in used), f"{name}: ages {used} ms")
        for venue in pair.buy_venue, pair.sell_venue:
            newest = self.scene.exchange.state.markets[(FAKE_OF[venue], self.scene.symbol)].book_id
            text = f"{name}: book {ids[venue.value]} of {venue.value}, the venue has made {newest}"
            findings.check("I10", ids[venue.value] <= newest, text)


def _text(venue: object) -> str:
    return venue.value if isinstance(venue, Venue) else str(venue)


def own_open(scene: Scene, orders: OrderJudge) -> list[str]:
    """Client ids of our orders that are open at a venue."""
    found = [
        order.client_id for fake in FAKE_OF.values() for order in scene.exchange.open_orders(fake, scene.uid)
    ]
    return [name for name in (text.removeprefix("t-") for text in found) if name in orders.said]
