"""The judge of a simulated bot: every invariant that can be seen from the venues, the wire, the records and the disk.

It never asks the bot; an import contract forbids it. `docs/simulation-invariants.md` says what is judged and how.
Every event costs the same, however long the run: nothing here walks what has passed, but at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Record
from dnbot.domain.order import OrderStatus
from dnbot.domain.units import plain
from dnbot.fakes.records import GATE_FUTURES, BalanceChange, MarkState, OrderEvent, PrivateEvent, UserTrade
from dnbot.fakes.running import GATE_HOST, World
from dnbot.lab.disk import Disk
from dnbot.lab.oracle_delta import CALM, DeltaJudge
from dnbot.lab.oracle_ledger import LedgerJudge
from dnbot.lab.oracle_lifecycle import LifecycleJudge, own_open
from dnbot.lab.oracle_margin import MarginJudge
from dnbot.lab.oracle_orders import OrderJudge
from dnbot.lab.oracle_reads import ReadJudge
from dnbot.lab.oracle_resting import RestingJudge
from dnbot.lab.oracle_scene import Scene, since_start_ns
from dnbot.lab.oracle_secrets import SecretJudge
from dnbot.lab.oracle_transfers import TransferJudge
from dnbot.lab.oracle_words import NS_PER_S, Findings, Life, Violation
from dnbot.lab.tap import Tap, Tapped
from dnbot.lab.wire_reader import Said
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState, TradingMode

__all__ = ["Oracle", "Violation"]

LIVE_S_MAX = 60.0
"""The bot is at work again so long after the last fault, or has halted."""
BOT_PREFIX = "bot."
_DECISIONS = frozenset({"REPAIR_FAILED", "RECOVERY_SPENT"})
BLIND = "blind:"
"""The key of the alert that says that nobody tells of an order: its middle is hedged, and half of it stays in doubt."""
_AT_WORK = frozenset({
    StrategyState.MONITORING_SPREADS, StrategyState.PREPARING_ARBITRAGE, StrategyState.EXECUTING_ARBITRAGE,
})


class Oracle:
    """Attach it before the first bot starts; the engine tells it what only the engine knows; ask it at the end."""

    def __init__(
        self, world: World, tap: Tap, params: StrategyParameters, disk: Disk, uid: str | None = None
    ) -> None:
        self.findings = Findings(since_start_ns)
        self.scene = Scene(world, tap, params, disk, uid or world.config.accounts[0].uid, self.findings)
        self.orders = OrderJudge(self.scene)
        self.delta = DeltaJudge(self.scene)
        self.lifecycle = LifecycleJudge(self.scene, self.orders)
        self.resting = RestingJudge(self.scene, self.orders)
        self.ledger = LedgerJudge(self.scene)
        self.reads = ReadJudge(self.scene)
        self.secrets = SecretJudge(self.scene)
        self.margin = MarginJudge(self.scene)
        self.transfers = TransferJudge(self.scene)
        self._asked: dict[tuple[str, str], Sequence[Any]] = {}
        self._at_work_ns: int | None = None
        self._live_is_judged = False
        self._at_its_budget_ns: int | None = None
        self._waits_ns: int | None = None

    # -- what the engine wants to know

    @property
    def violations(self) -> list[Violation]:
        """What did not hold; the first of each invariant is always among them."""
        return self.findings.violations

    @property
    def checks(self) -> Counter[str]:
        """How often each invariant was evaluated."""
        return self.findings.checks

    def summary(self) -> dict[str, Any]:
        """Figures of the run, computed from the venues' truth."""
        naked = {f"naked_seconds_worst_{kind}": worst for kind, worst in self.delta.naked_s_worst.items()}
        return {
            **naked,
            "naked_notional_worst_quote": plain(self.delta.naked_notional_worst),
            "loss_worst_quote": plain(self.delta.loss_worst),
            "executions": len(self.delta.executions),
            "fills": self.delta.fills,
            "creates": sum(self.orders.said.values()),
            "probes": self.orders.probes,
            "rested": self.resting.rested,
            "creates_made_twice_by_a_venue": sum(count > 1 for count in self.orders.accepted.values()),
            "connections": self.reads.dials,
            "lives": len(self.scene.lives),
            "violations": dict(self.findings.found),
        }

    # -- what the engine tells

    def attach(self) -> None:
        """Listen to the tap and to the venues."""
        self.scene.tap.observers.append(self._heard)
        exchange, uid = self.scene.exchange, self.scene.uid
        exchange.subscribe_private(self._happened, uid=uid)
        exchange.subscribe_marks(self._marked)
        self.scene.perp_opening = self.scene.perp()
        self.delta.begin(since_start_ns())
        self.secrets.begin()

    def heal(self) -> None:
        """All faults have ended: from here the bot must come back."""
        self.scene.faults_end_ns = since_start_ns()
        self._at_work_ns, self._live_is_judged = None, False
        for venue in list(self.scene.unreachable):
            self.reachable(venue, True)

    def reachable(self, venue: Venue, flag: bool) -> None:
        """A venue, or a link to it, comes under a fault of the engine's own (False), or is whole again."""
        now_ns = since_start_ns()
        if flag:
            if self.scene.unreachable.pop(venue, None) is not None:
                self.scene.healed[venue] = now_ns
        else:
            self.scene.unreachable.setdefault(venue, now_ns)

    def sampled(self, queues: Mapping[str, tuple[int, int]]) -> None:
        """Sizes and limits of the bot's channels, by name."""
        for name, (size, most) in queues.items():
            self.findings.check("I18", size <= most, f"{name} holds {size}, its limit is {most}")

    def told(self, line: str) -> None:
        """A line of the log."""
        self.secrets.written("the log", line)

    def ended(self, leftovers: Mapping[str, int]) -> None:
        """What was left of a bot after it ended, by what it is: tasks, connections, transactions."""
        left = {name: count for name, count in leftovers.items() if count}
        self.findings.check("I17", not left, f"left behind: {left}")

    def quiesce(self) -> None:
        """The bot has ended cleanly and nothing moves: judge what holds at rest."""
        now_ns = since_start_ns()
        self._judge(now_ns)
        self._live(now_ns, at_end=True)
        left = own_open(self.scene, self.orders)
        self.findings.check("I13", not left, f"open at a venue: {left}")
        book = self.scene.book
        if book is not None:
            unknown = [name for name, order in book.orders.items() if not order.is_settled]
            self.findings.check("I13", not unknown, f"not settled in the database: {unknown[:5]}")
            names = set(self.orders.said) - set(book.orders)
            self.findings.check("I29", not names, f"sent, and not in the database: {sorted(names)[:5]}")
            self._journalled(len(book.transitions))
        self.ledger.rest(self.reads.read_ms)
        self.delta.close(now_ns)

    def _journalled(self, stored: int) -> None:
        lives = self.scene.lives.values()
        if all(life.ended_cleanly for life in lives):
            made = sum(life.sequence for life in lives)
            self.findings.check("I29", stored == made, f"{made} edges were taken, {stored} are stored")

    # -- the venues

    def _happened(self, event: PrivateEvent) -> None:
        now_ns, scene = since_start_ns(), self.scene
        if isinstance(event, UserTrade):
            if event.symbol != scene.symbol:
                return
            self.ledger.filled(event)
            name = scene.own_id(event)
            self.delta.filled(name, event, now_ns)
            unit = scene.exchange.state.instruments[(event.venue, event.symbol)].multiplier
            self.orders.filled(name, event.quantity * unit, now_ns)
            if name and event.venue == GATE_FUTURES and event.side == "buy":
                self.margin.acted(now_ns)
            if not name and event.close_quantity:
                self.orders.closed(event.close_quantity * unit, now_ns)
        elif isinstance(event, OrderEvent):
            if event.kind == "put":
                self.orders.ordered(event.order, now_ns)
        elif isinstance(event, BalanceChange) and event.kind in ("dnw", "transfer"):
            is_own = self.transfers.is_own(event.change)
            self.delta.money_moved(event.asset, event.change, now_ns, is_own=is_own)
            if is_own:
                self.margin.acted(now_ns)

    def _marked(self, mark: MarkState) -> None:
        if mark.symbol == self.scene.symbol:
            now_ns = since_start_ns()
            self.delta.value()
            self.margin.marked(now_ns)
            self._judge(now_ns)

    # -- the tap

    def _heard(self, event: Tapped) -> None:
        if not event.actor.startswith(BOT_PREFIX):
            return
        self.scene.see_strikes(event.time_ns)
        self.reads.see_answers()
        self._judge(event.time_ns)
        if event.port == "life":
            self._lived(event)
        elif (life := self.scene.lives.get(event.actor)) is not None and not life.is_over:
            if event.port == "wire":
                self._wired(life, event)
            elif event.port == "store":
                self._stored(life, event)
            elif event.port == "record":
                self._recorded(life, event)

    def _judge(self, now_ns: int) -> None:
        if self.delta.window is not None and self.orders.at_its_budget(now_ns):
            self.delta.decide(now_ns)
        self.delta.look(now_ns)
        self.lifecycle.judge(now_ns)
        self.resting.judge(now_ns)
        self._live(now_ns)

    def _live(self, now_ns: int, *, at_end: bool = False) -> None:
        """After the last fault the bot comes back to work, or halts, and says so."""
        healed_ns = self.scene.faults_end_ns
        if healed_ns is None or self._live_is_judged:
            return
        life = self.scene.alive
        if life is not None and (life.state in _AT_WORK or life.mode is TradingMode.HALTED):
            self._at_work_ns = now_ns
        is_over = now_ns - healed_ns > LIVE_S_MAX * NS_PER_S
        if self._at_work_ns is not None or is_over:
            self._live_is_judged = True
            where = "no bot" if life is None else f"{life.state.name}, {life.mode.name}"
            at_budget = self._at_its_budget_ns is not None and now_ns - self._at_its_budget_ns <= LIVE_S_MAX * NS_PER_S
            waits = self._waits_ns is not None and self._waits_ns >= healed_ns and self.margin.carries_nothing()
            holds = self._at_work_ns is not None or at_budget or waits
            self.findings.check("I23", holds, f"{where} {LIVE_S_MAX} s after the last fault")
        elif at_end:
            self._live_is_judged = True

    def _lived(self, event: Tapped) -> None:
        if event.what == "started":
            life = self.scene.lives[event.actor] = Life(event.actor, event.time_ns)
            self.orders.in_flight.clear()
            self.reads.begin()
            life.stands(event.time_ns)
            return
        if self.scene.stands_still:
            self.scene.stands_still, self.scene.went_on_ns = False, event.time_ns
        if event.what in ("stopped", "went on"):
            self.scene.stands_still = event.what == "stopped"
            return
        life = self.scene.lives[event.actor]
        life.is_over = True
        if event.what == "ended":
            error = str(event.data[1])
            self.findings.check("I17", not error, f"{event.actor} ended by {error}")
            has_journal = not self.scene.disk.store.down
            life.ended_cleanly = not error and has_journal

    def _wired(self, life: Life, event: Tapped) -> None:
        is_gate = event.data[0] == GATE_HOST
        if event.what == "opened":
            self.reads.dialled(str(event.data[0]), event.time_ns)
            return
        said = event.data[1]
        if not isinstance(said, Said):
            return
        self.secrets.said(is_gate, said)
        self.reads.said(is_gate, said, event.time_ns)
        self.transfers.said(life, said, event.time_ns)
        if said.creates and not (said.created_ids and all(said.created_ids)):
            self.findings.check("I1", False, f"without a client order id: {said.target[:200]} {said.body[:300]!r}")
        for name in said.created_ids if not said.created_id else ():
            holds = not name or self.scene.committed(name) is not None
            self.findings.check("I1", holds, f"{name} left in a batch, and its intent is not durable")
        create = self.orders.create(event.actor, is_gate, said, event.time_ns) if said.created_id else None
        if create is not None:
            self.resting.created(create, event.time_ns)
            intent = self.scene.committed(said.created_id)
            if intent is not None:
                self.reads.create(life, intent, event.time_ns)
                self.margin.create(intent, event.time_ns)
                self.delta.left_behind(intent.purpose, intent.client_order_id, event.time_ns)

    def _stored(self, life: Life, event: Tapped) -> None:
        method, rest = str(event.data[0]), event.data[1:]
        if event.what == "asked":
            asked: Any = rest[0]
            self._asked[(event.actor, method)] = asked
            if method in ("append", "commit_intents"):
                self.secrets.written(f"a call of {method}", asked)
            if method == "commit_intents":
                self.scene.intents.update((intent.client_order_id, intent) for intent in asked)
            return
        if method == "append":
            records: Sequence[Record] = self._asked.pop((event.actor, method), ())
            self.ledger.appended(records)
        if event.what != "done":
            return
        if method == "begin_run":
            life.epoch = self.scene.book.epoch if self.scene.book is not None else 0
            self.orders.grants.append((life.epoch, event.time_ns))
        elif method == "load":
            book = self.scene.book
            if book is not None and book.modes:
                life.mode = TradingMode[book.modes[-1].to_mode]
                life.stands(event.time_ns)
            self.ledger.begin()
        else:
            newest = self.orders.grants[-1][0] if self.orders.grants else 0
            self.findings.check("I8", life.epoch == newest, f"epoch {life.epoch} wrote, granted is {newest}")

    def _recorded(self, life: Life, event: Tapped) -> None:
        fields: Any = event.data[0]
        kind, now_ns = event.what, event.time_ns
        if kind == "OrderChanged":
            self.lifecycle.order_changed(life, fields, now_ns)
            if OrderStatus(fields["order"]["status"]).is_final:
                self.delta.out_of_doubt(fields["order"]["intent"]["client_order_id"], now_ns)
        elif kind == "FillBooked":
            self.ledger.fill_booked(life, fields)
        elif kind == "RowBooked":
            self.ledger.row_booked(life, fields)
        elif kind == "PortfolioSaved":
            self.ledger.portfolio_saved(fields)
        elif kind == "StateChanged":
            self.lifecycle.state_changed(life, fields, now_ns)
            if fields["trigger"] in _DECISIONS:
                self.delta.decide(now_ns)
            elif life.state in CALM and life.mode is not TradingMode.HALTED and not self.orders.at_its_budget(now_ns):
                self.delta.calm_again(now_ns)
            self._live(now_ns)
        elif kind == "ModeChanged":
            self.lifecycle.mode_changed(life, fields, now_ns)
            if life.mode is TradingMode.HALTED:
                self.delta.decide(now_ns)
        elif kind == "OpportunityTaken":
            self.orders.taken(now_ns)
            self.lifecycle.opportunity_taken(life, fields, now_ns)
        elif kind == "PositionSampled":
            self.delta.sampled(fields, now_ns)
        elif kind == "Alert":
            self.secrets.written("an alert", fields)
            if fields["key"] == "hedge_budget":
                self._at_its_budget_ns = now_ns
            if fields["key"] == "waiting:establish":
                self._waits_ns = now_ns
            intent = self.scene.intents.get(str(fields["key"]).removeprefix(BLIND))
            if intent is not None:
                self.delta.in_doubt(intent.client_order_id, intent.quantity, now_ns)
