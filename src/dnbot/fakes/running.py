"""A fake world while it lives: the market moves, funding falls due, what happens is kept and can be audited."""

from __future__ import annotations

import heapq
import json
from functools import partial
from typing import Any

import attrs
import msgspec
import trio

from .alarm import sleep_until
from .audit import audit
from .clock import FakeClock
from .config import FakesConfig
from .exchange import Exchange
from .faults_catalogue import KINDS, checked
from .faults_conditions import EXCHANGES
from .faults_edge import Around, VenueFront, serve_with_faults
from .faults_engine import FaultEngine
from .funding import FundingSchedule
from .gateio_app import GateApp
from .history import History
from .listings import ListingSchedule
from .market import MarketModel, Quotes
from .market_params import SCRIPTED, MarketParams
from .market_script import MarketScript
from .mexc_app import MexcApp
from .mirror import Mirror
from .mirror_funding import ToldFunding
from .network import MemoryNetwork
from .records import Venue
from .requests import RequestLog
from .script_funding import ScriptedFunding
from .state import Journal

GATE_HOST, MEXC_HOST = "gate.fake", "mexc.fake"
BEHIND_S_MAX = 1.0  # a market that fell further behind (a suspended machine) skips ahead instead of racing
TICK_S = 1.0
MODELS_PER_NOTE = 10  # with more symbols than this, what is noted of them is noted less often
SNAPSHOT_LINES_MAX = 50_000


@attrs.define(eq=False)
class World:
    """Everything of one fake world. Synchronous methods change it; ``run`` calls them in time.

    ``gate_app`` and ``mexc_app`` answer the wire; both work on sockets and on a MemoryNetwork.
    """

    config: FakesConfig
    clock: FakeClock
    exchange: Exchange
    params: MarketParams
    models: dict[str, MarketModel] = attrs.field(factory=dict)
    journal: Journal | None = None
    requests: RequestLog = attrs.field(init=False)
    funding: FundingSchedule = attrs.field(init=False)
    faults: FaultEngine = attrs.field(init=False)
    script: MarketScript | None = attrs.field(default=None, init=False)
    """What moves the market when nothing else does: there in a scripted market alone."""
    mirror: Mirror | None = attrs.field(default=None, init=False)
    """What knows the market when that is kept elsewhere."""
    history: History = attrs.field(init=False)
    _fronts: tuple[GateApp, MexcApp] | None = attrs.field(default=None, init=False)
    opening_this_start: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    behind_s_max: float = 0.0
    """How late a step of the market came at most, since somebody last set this to 0."""
    listings: ListingSchedule = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.requests = RequestLog(self.clock)
        self.listings = ListingSchedule(self.exchange, self.models, (), self.clock.seconds())
        self.funding = FundingSchedule(self.exchange, self.models, self.config.funding_interval_s)
        self.faults = FaultEngine(self.clock, KINDS, checked)
        if self.params.name == SCRIPTED:
            self.funding = scripted = ScriptedFunding(self.exchange, self.models, self.config.funding_interval_s)
            self.script = MarketScript(self.exchange, scripted)
        if self.config.terms is not None:
            terms = self.config.terms
            self.funding = told = ToldFunding(self.exchange, self.models, terms.rates.interval_s)
            told.first[terms.symbol] = terms.rates
            self.mirror = Mirror(self.exchange, told, terms)
        self.history = History(self.exchange.state, self.config.history_newest)

    # -- fronts

    def attach_fronts(self, gate: GateApp, mexc: MexcApp) -> None:
        """Let these answer for the venues; ``run`` runs them too."""
        self._fronts = (gate, mexc)
        self.history.before.append(gate.context.ledger.read_all)
        self.history.after.append(gate.context.forget)

    @property
    def gate_app(self) -> GateApp:
        """The front of Gate, spot and futures."""
        return self._attached()[0]

    @property
    def mexc_app(self) -> MexcApp:
        """The front of MEXC."""
        return self._attached()[1]

    def listen(self, network: MemoryNetwork, around: Around | None = None) -> None:
        """Serve both fronts on a network in memory, at gate.fake and mexc.fake, ports 80 and 443.

        ``around`` puts something in front of them that faults do not reach.
        """
        hosts: list[tuple[str, VenueFront]] = [(GATE_HOST, self.gate_app), (MEXC_HOST, self.mexc_app)]
        for host, front in hosts:
            refuses = partial(self.faults.doors.is_shut, EXCHANGES[front.venue_of("/")])
            for port in (80, 443):
                handler = partial(serve_with_faults, front=front, engine=self.faults, around=around)
                network.listen(host, port, handler, refuses=refuses)

    def _attached(self) -> tuple[GateApp, MexcApp]:
        if self._fronts is None:
            raise RuntimeError("this world was built without fronts")
        return self._fronts

    # -- time

    def step_market(self, symbol: str) -> Quotes:
        """Let the next venue's outsiders act once; what they did to API accounts is committed.

        What they would do in a market that is not open is not done.
        """
        model = self.models[symbol]
        quotes = model.step()
        exchange, key = self.exchange, (quotes.venue, symbol)
        commands = quotes.commands if exchange.state.instruments[key].tradable else []
        exchange.external_turn(*key, self.faults.bent(*key, commands))
        if model.mark_due and symbol in exchange.state.marks:
            self.funding.update_mark(symbol)
        exchange.commit()
        return quotes

    def quote_anew(self, venue: Venue, symbol: str) -> None:
        """Let outsiders take back all that they quote in a book and quote it anew, where book and model part ways.

        What faults that are in force have placed stays. A market by script, or one that is kept elsewhere, is left
        alone: no model quotes it. So is one that stands still: when that ends, it is quoted anew.
        """
        exchange, key = self.exchange, (venue, symbol)
        if self.script is not None or self.mirror is not None:
            return
        if self.faults.stands_still(venue) or not exchange.state.instruments[key].tradable:
            return
        spared = {order_id for where, what, order_id in self.faults.placed if (where, what) == key}
        exchange.external_clear(*key, spared)
        exchange.external_turn(*key, self.faults.bent(*key, self.models[symbol].requote(venue)))
        exchange.commit()

    def tick(self) -> None:
        """What happens by the clock: listings, funding that is due, liquidations."""
        self.listings.apply_due()
        self.funding.settle_due()
        for account in list(self.exchange.state.accounts.api()):
            self.exchange.liquidate_if_needed(account.uid)

    async def run(self) -> None:
        """Market, funding, persistence and the fronts, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_markets)
            nursery.start_soon(self._run_ticks)
            nursery.start_soon(self.faults.run)
            if self.script is not None:
                nursery.start_soon(self.script.run)
            if self.mirror is not None:
                nursery.start_soon(self.mirror.run)
            for app in self._fronts or ():
                nursery.start_soon(app.run)

    # -- persistence and audit

    def position(self) -> dict[str, Any]:
        """What the journal keeps besides the exchange: market position, book ids, funding schedule."""
        return {
            "models": {symbol: msgspec.to_builtins(model.position) for symbol, model in self.models.items()},
            "books": {f"{v} {s}": market.book_id for (v, s), market in self.exchange.state.markets.items()},
            "funding_next_s": dict(self.funding.next_s),
            "begin_s": self.listings.begin_s,
            "opening": {
                account.uid: [[v, a, str(amount)] for (v, a), amount in account.opening.items()]
                for account in self.exchange.state.accounts.api()
            },
        }

    def audit(self, uid: str | None = None) -> dict[str, Any]:
        """The audit of one account, by default the first configured one."""
        uid = uid or self.config.accounts[0].uid
        report = audit(self.exchange, self.requests, uid, self.opening_this_start.get(uid, {}))
        report["market"] = self.params.describe()
        report["faults"] = self.faults.report() | {"scenario": self.config.scenario}
        report["forgotten"] = attrs.asdict(self.history.forgotten)
        return report

    def written_audit(self, uid: str) -> dict[str, Any]:
        """The audit of one account, which is also written to the state directory, atomically: to ``audit.json`` for the
        first configured account, to ``audit-<uid>.json`` for another one. Of the others nothing is read or written."""
        report, directory = self.audit(uid), self.config.state_dir
        if directory is not None:
            name = "audit.json" if uid == self.config.accounts[0].uid else f"audit-{uid}.json"
            temporary = directory / f"{name}.tmp"
            temporary.write_text(json.dumps(report, indent=1))
            temporary.replace(directory / name)
        return report

    def close(self) -> None:
        """Flush everything; the world can be built again from its directory."""
        for account in self.config.accounts if self.config.state_dir is not None else ():
            self.written_audit(account.uid)
        if self.journal is not None:
            self.journal.snapshot(self.position())
            self.journal.close()

    # -- inside

    async def _run_markets(self) -> None:
        """Step whichever symbol is due next, on one time line for all of them."""
        due = [(model.elapsed_s, number, symbol) for number, (symbol, model) in enumerate(self.models.items())]
        heapq.heapify(due)
        origin_s = trio.current_time() - due[0][0]
        while True:
            due_s, number, symbol = due[0]
            await sleep_until(origin_s + due_s)
            late_s = trio.current_time() - origin_s - due_s
            self.behind_s_max = max(self.behind_s_max, late_s)
            if late_s > BEHIND_S_MAX:
                origin_s += late_s
            self.step_market(symbol)
            heapq.heapreplace(due, (self.models[symbol].elapsed_s, number, symbol))

    async def _run_ticks(self) -> None:
        ticks_per_note, tick = 1 + len(self.models) // MODELS_PER_NOTE, 0
        while True:
            await trio.sleep(TICK_S)
            self.tick()
            self.history.trim()
            tick += 1
            if self.journal is None:
                continue
            if self.journal.lines > SNAPSHOT_LINES_MAX:
                self.journal.snapshot(self.position())
            elif tick % ticks_per_note == 0:
                self.journal.note(self.position())
