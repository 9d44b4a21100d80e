"""A fake world while it lives: the market moves, funding falls due, what happens is kept and can be audited."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from .audit import audit
from .clock import FakeClock
from .config import FakesConfig
from .exchange import Exchange
from .funding import FundingSchedule
from .gateio_app import GateApp
from .history import History
from .market import MarketModel, Quotes
from .market_params import MarketParams
from .mexc_app import MexcApp
from .network import MemoryNetwork
from .requests import RequestLog
from .server import serve_connection
from .state import Journal
from .web import App

GATE_HOST, MEXC_HOST = "gate.fake", "mexc.fake"
BEHIND_S_MAX = 1.0  # a market that fell further behind (a suspended machine) skips ahead instead of racing
NOTE_S = 1.0
SNAPSHOT_LINES_MAX = 50_000
MARK_EVERY_STEPS = 18


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
    history: History = attrs.field(init=False)
    _fronts: tuple[GateApp, MexcApp] | None = attrs.field(default=None, init=False)
    opening_this_start: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    behind_s_max: float = 0.0
    """How late a step of the market came at most, since somebody last set this to 0."""

    def __attrs_post_init__(self) -> None:
        self.requests = RequestLog(self.clock)
        self.funding = FundingSchedule(self.exchange, self.models, self.config.funding_interval_s)
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

    def listen(self, network: MemoryNetwork) -> None:
        """Serve both fronts on a network in memory, at gate.fake and mexc.fake, ports 80 and 443."""
        hosts: list[tuple[str, App]] = [(GATE_HOST, self.gate_app), (MEXC_HOST, self.mexc_app)]
        for host, app in hosts:
            for port in (80, 443):
                network.listen(host, port, partial(serve_connection, app=app))

    def _attached(self) -> tuple[GateApp, MexcApp]:
        if self._fronts is None:
            raise RuntimeError("this world was built without fronts")
        return self._fronts

    # -- time

    def step_market(self, symbol: str) -> Quotes:
        """Let the next venue's outsiders act once; what they did to API accounts is committed."""
        model = self.models[symbol]
        quotes = model.step()
        exchange = self.exchange
        for op, order_id, side, price, quantity in quotes.commands:
            if op == "place":
                exchange.external_place(quotes.venue, symbol, order_id, side, price, quantity)
            elif op == "cancel":
                exchange.external_cancel(quotes.venue, symbol, order_id)
            else:
                exchange.external_take(quotes.venue, symbol, side, quantity)
        if model.position.step % MARK_EVERY_STEPS == 0 or symbol not in exchange.state.marks:
            self.funding.update_mark(symbol)
        exchange.commit()
        return quotes

    def tick(self) -> None:
        """What happens by the clock: funding that is due, liquidations."""
        self.funding.settle_due()
        for account in list(self.exchange.state.accounts.api()):
            self.exchange.liquidate_if_needed(account.uid)

    async def run(self) -> None:
        """Market, funding, persistence and the fronts, until cancelled."""
        async with trio.open_nursery() as nursery:
            for symbol in self.config.symbols:
                nursery.start_soon(self._run_market, symbol)
            nursery.start_soon(self._run_ticks)
            for app in self._fronts or ():
                nursery.start_soon(app.run)

    # -- persistence and audit

    def position(self) -> dict[str, Any]:
        """What the journal keeps besides the exchange: market position, book ids, funding schedule."""
        return {
            "models": {symbol: msgspec.to_builtins(model.position) for symbol, model in self.models.items()},
            "books": {f"{v} {s}": market.book_id for (v, s), market in self.exchange.state.markets.items()},
            "funding_next_s": dict(self.funding.next_s),
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
        report["forgotten"] = attrs.asdict(self.history.forgotten)
        return report

    def write_audit(self) -> Path | None:
        """Write ``audit.json`` (first account) and ``audit-<uid>.json`` (others) to the state directory, atomically."""
        directory = self.config.state_dir
        if directory is None:
            return None
        for number, account in enumerate(self.config.accounts):
            name = "audit.json" if number == 0 else f"audit-{account.uid}.json"
            temporary = directory / f"{name}.tmp"
            temporary.write_text(json.dumps(self.audit(account.uid), indent=1))
            temporary.replace(directory / name)
        return directory / "audit.json"

    def close(self) -> None:
        """Flush everything; the world can be built again from its directory."""
        self.write_audit()
        if self.journal is not None:
            self.journal.snapshot(self.position())
            self.journal.close()

    # -- inside

    async def _run_market(self, symbol: str) -> None:
        model = self.models[symbol]
        origin_s = trio.current_time() - model.elapsed_s
        while True:
            await trio.sleep_until(origin_s + model.elapsed_s)
            behind_s = trio.current_time() - origin_s - model.elapsed_s
            self.behind_s_max = max(self.behind_s_max, behind_s)
            if behind_s > BEHIND_S_MAX:
                origin_s = trio.current_time() - model.elapsed_s
            self.step_market(symbol)

    async def _run_ticks(self) -> None:
        while True:
            await trio.sleep(NOTE_S)
            self.tick()
            self.history.trim()
            if self.journal is not None:
                if self.journal.lines > SNAPSHOT_LINES_MAX:
                    self.journal.snapshot(self.position())
                else:
                    self.journal.note(self.position())
