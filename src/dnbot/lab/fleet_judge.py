"""The judge of a simulated fleet: one writer, from the venues' order logs and from what passes at the ports.

A judge looks at one task, whoever runs it. It knows each incarnation by the database's answer to its `begin_run`, in
the order in which they began, and asks neither bots nor workers.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderIntent, epoch_of, is_ours
from dnbot.fakes.records import OrderEvent, PrivateEvent, UserTrade
from dnbot.fakes.running import GATE_HOST
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.words import Lease
from dnbot.lab.fleet_database import FleetDatabase
from dnbot.lab.fleet_gap import GapJudge
from dnbot.lab.oracle_create import read_create
from dnbot.lab.oracle_ledger import LedgerJudge
from dnbot.lab.oracle_reads import ReadJudge
from dnbot.lab.oracle_scene import Scene, since_start_ns
from dnbot.lab.oracle_words import NS_PER_S, VENUE_OF, Life
from dnbot.lab.tap import Tapped
from dnbot.lab.wire_reader import GATE_TEXT_PREFIX, Said
from dnbot.strategy.states import StrategyState, TradingMode

WRITES = frozenset({"commit_intents", "commit_transfer", "append"})
REFUSALS = ("InvariantBroken", "Superseded")
FENCED = ("may not write", "records after")
"""What a bot says that ended because the database refused it: the fence worked."""
AT_WORK = frozenset({
    StrategyState.MONITORING_SPREADS, StrategyState.PREPARING_ARBITRAGE, StrategyState.EXECUTING_ARBITRAGE,
})
ROUNDING_S = 0.001


@attrs.define(eq=False)
class FleetLife(Life):
    """One incarnation of the task, and on whose lease it runs."""

    lease: Lease = attrs.field(kw_only=True)
    reads: ReadJudge = attrs.field(kw_only=True)


@attrs.define(eq=False)
class TaskJudge:
    """Attach it before the first worker starts; the engine tells it what only the engine knows."""

    name: str
    scene: Scene
    database: FleetDatabase
    terms: LeaseTerms
    ledger: LedgerJudge = attrs.field(init=False)
    gap: GapJudge = attrs.field(init=False)
    lives: dict[str, FleetLife] = attrs.field(factory=dict)
    began: list[FleetLife] = attrs.field(factory=list)
    """Incarnations in the order in which the database let them begin."""
    accepted: Counter[str] = attrs.field(factory=Counter)
    """How many orders the venues made of each client id."""
    said: Counter[str] = attrs.field(factory=Counter)
    creates: Counter[str] = attrs.field(factory=Counter)
    """How many orders of each incarnation the venues accepted."""
    fills: int = 0
    fenced: int = 0
    """Incarnations that ended because the database refused to let them write."""
    stood_s: dict[str, float] = attrs.field(factory=dict)
    """When each worker last went on after it had stood still."""
    _intents: dict[str, OrderIntent] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.ledger, self.gap = LedgerJudge(self.scene), GapJudge(self.scene, self.terms)

    def attach(self) -> None:
        """Listen to the tap and to the venues."""
        self.scene.tap.observers.append(self._heard)
        self.scene.exchange.subscribe_private(self._happened, uid=self.scene.uid)
        self.scene.exchange.subscribe_marks(lambda _mark: self.gap.look(since_start_ns()))
        self.scene.perp_opening = self.scene.perp()

    @property
    def newest(self) -> FleetLife | None:
        """The incarnation that began last."""
        return self.began[-1] if self.began else None

    def at_work(self) -> bool:
        """Whether the newest incarnation runs, and may trade or was halted for a reason that it names."""
        life = self.newest
        return life is not None and not life.is_over and (life.state in AT_WORK or life.mode is TradingMode.HALTED)

    def rest(self) -> None:
        """All workers have ended cleanly: nothing is open, and the ledger explains every digit."""
        scene = self.scene
        self.gap.close(since_start_ns())
        open_now = [
            order.client_id for venue in VENUE_OF for order in scene.exchange.open_orders(venue, scene.uid)
            if is_ours(order.client_id.removeprefix(GATE_TEXT_PREFIX))
        ]
        self._check("I13", not open_now, f"open at a venue: {open_now[:5]}")
        book = scene.book
        unsettled = [] if book is None else [name for name, order in book.orders.items() if not order.is_settled]
        self._check("I13", not unsettled, f"not settled in the database: {unsettled[:5]}")
        row = self.database.tasks.tasks[self.name]
        self._check("I8", row.holder is None, f"all have ended, and {row.holder} still has the lease")
        read_ms: dict[Venue, int] = {}
        for life in self.began:
            read_ms |= life.reads.read_ms
        self.ledger.rest(read_ms)

    def _check(self, invariant: str, holds: bool, text: str) -> bool:
        return self.scene.findings.check(invariant, holds, f"{self.name}: {text}")

    # --- the venues ---------------------------------------------------------------------------------------------------
    def _happened(self, event: PrivateEvent) -> None:
        if isinstance(event, UserTrade) and event.symbol == self.scene.symbol:
            self.fills += 1
            self.ledger.filled(event)
            self.gap.look(since_start_ns())
        elif isinstance(event, OrderEvent) and event.kind == "put":
            self._accepted(event.order.client_id.removeprefix(GATE_TEXT_PREFIX), VENUE_OF[event.order.venue])

    def _accepted(self, name: str, venue: Venue) -> None:
        """A venue made an order: of the incarnation that began last, and the only one of its id."""
        if not is_ours(name):
            return
        self.accepted[name] += 1
        self._check("I2", self.accepted[name] == 1, f"{venue.value} made {self.accepted[name]} orders of {name}")
        epoch = epoch_of(name) or 0
        newest = self.newest
        self.creates["" if newest is None else newest.actor] += 1
        late_s = (since_start_ns() - newest.started_ns) / NS_PER_S if newest is not None else 0.0
        holds = newest is not None and newest.epoch == epoch
        text = f"{venue.value} accepted {name} of epoch {epoch}, {late_s:.3f} s after another one began"
        self._check("I8", holds, text)

    # --- the tap ------------------------------------------------------------------------------------------------------
    def _heard(self, event: Tapped) -> None:
        if event.port == "life" and event.actor.startswith(f"{self.name}."):
            self._lived(event)
            return
        if event.port == "worker" and event.what == "went on":
            self.stood_s[event.actor] = event.time_ns / NS_PER_S
        life = self.lives.get(event.actor)
        if life is None or life.is_over:
            return
        self.scene.see_strikes(event.time_ns)
        if event.port == "wire":
            self._wired(life, event)
        elif event.port == "store":
            self._stored(life, event)
        elif event.port == "record":
            self._recorded(life, event)

    def _lived(self, event: Tapped) -> None:
        if event.what == "started":
            lease = event.data[0]
            assert isinstance(lease, Lease)
            # What was answered before it was there is not its own.
            reads = ReadJudge(self.scene, notes_seen=self.scene.world.requests.count)
            self.lives[event.actor] = FleetLife(event.actor, event.time_ns, lease=lease, reads=reads)
            reads.begin()
            return
        life = self.lives[event.actor]
        life.is_over = True
        if event.what != "ended":
            return
        kind, text = str(event.data[0]), str(event.data[1])
        refused = any(name in f"{kind} {text}" for name in REFUSALS) and any(words in text for words in FENCED)
        self.fenced += refused
        allowed = not kind or refused or kind in ("OperatingError", "LeaseLost", "StoreUnreachable")
        self._check("I17", allowed, f"{event.actor} ended by {kind}: {text[:300]}")

    def _stored(self, life: FleetLife, event: Tapped) -> None:
        method = str(event.data[0])
        if event.what == "asked" and method == "commit_intents":
            asked: Any = event.data[1]
            self._intents.update((intent.client_order_id, intent) for intent in asked)
        if event.what != "done":
            return
        if method == "begin_run":
            self._begun(life, event.time_ns)
        elif method in WRITES:
            newest = self.newest
            text = f"epoch {life.epoch} wrote ({method}) after {newest.epoch if newest else 0} had begun"
            self._check("I8", newest is life, text)

    def _begun(self, life: FleetLife, now_ns: int) -> None:
        """The database let it begin: on a lease that stands, when nothing of the one before can come any more."""
        life.epoch = self.scene.book.epoch if self.scene.book is not None else 0
        life.started_ns = now_ns
        known = [before.epoch for before in self.began]
        self._check("I2", life.epoch not in known, f"epoch {life.epoch} was given twice")
        self.began.append(life)
        held = self.database.held[life.lease]
        first = sum(before.lease == life.lease for before in self.began) == 1
        waited_s = now_ns / NS_PER_S - held.claimed_s
        least_s = self.terms.venue_skew_s + self.terms.order_life_s - ROUNDING_S
        text = f"epoch {life.epoch} began {waited_s:.3f} s after its claim, orders of the one before live {least_s} s"
        self._check("I8", held.was_released or not first or waited_s >= least_s, text)

    def _recorded(self, life: FleetLife, event: Tapped) -> None:
        fields: Any = event.data[0]
        if event.what == "StateChanged":
            life.state = StrategyState[fields["to_state"]]
        elif event.what == "ModeChanged":
            life.mode = TradingMode[fields["to_mode"]]

    # --- the wire -----------------------------------------------------------------------------------------------------
    def _wired(self, life: FleetLife, event: Tapped) -> None:
        is_gate, said = event.data[0] == GATE_HOST, event.data[-1]
        if not isinstance(said, Said):
            return
        life.reads.see_answers()
        life.reads.said(is_gate, said, event.time_ns)
        if said.created_id and read_create(is_gate, said) is not None:
            self._create(life, said.created_id, event.time_ns)

    def _create(self, life: FleetLife, name: str, now_ns: int) -> None:
        """An order leaves: once, written down, while its worker may act, and with every account read before."""
        self.said[name] += 1
        self._check("I2", self.said[name] == 1, f"{name} was on the wire {self.said[name]} times")
        intent = self._intents.get(name)
        durable = name in self.database.ever or any(name.encode() in line for line in reversed(self.scene.disk.spilled))
        self._check("I1", durable, f"{name} left, and its intent is not durable")
        held = self.database.held[life.lease]
        over_s = now_ns / NS_PER_S - (held.newest_s + self.terms.ttl_s - self.terms.margin_s)
        stood = self.stood_s.get(life.lease.holder, float("-inf")) > held.newest_s
        text = f"{name} left {over_s:.3f} s after the last moment in which the lease of {life.lease.holder} let it act"
        self._check("I8", over_s <= 0 or stood, text)
        if intent is not None:
            life.reads.create(life, intent, now_ns)
