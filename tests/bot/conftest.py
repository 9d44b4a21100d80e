"""The whole bot on the whole fake world, in memory and on virtual time; judged by the venues' audit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Record, StateChanged
from dnbot.domain.pair import Pair
from dnbot.fakes.config import FakesConfig
from dnbot.lab.audit_check import check_audit
from dnbot.lab.world import Stage, stage
from dnbot.ports.latch import Latch
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spill import Spill
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState
from dnbot.venues.factory import BUILT_IN, Codecs

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(
    symbol=SYMBOL,
    base_position_size=Decimal("0.06"),
    max_order_notional_quote=Decimal(1500),
    round_trips_per_minute_max=240,
    consecutive_loss_limit=20,
    max_daily_loss_quote=Decimal(500),
)
READS = {
    "gate_spot": [f"/api/v4/spot/{what}" for what in ("accounts", "orders", "my_trades")],
    "gate_futures": [f"/api/v4/futures/usdt/{what}" for what in ("accounts", "orders", "my_trades_timerange")],
    "mexc_spot": [f"/api/v3/{what}" for what in ("account", "openOrders", "myTrades")],
}


@attrs.define(repr=False)  # what hangs on it is megabytes of text
class Trial:
    """One incarnation of the bot on a stage."""

    stage: Stage
    store: Ledger
    wire: Wire
    bot: Bot
    codes: list[int] = attrs.field(factory=list)
    errors: list[BaseException] = attrs.field(factory=list)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)
    fault_moments: list[tuple[int, list[str]]] = attrs.field(factory=list)
    """At each edge into ERROR_RECOVERY: how many requests the venues had seen, and which client ids had left."""

    def witness(self, record: Record) -> None:
        """Take note of the very moment at which the machine enters ERROR_RECOVERY."""
        if isinstance(record, StateChanged) and record.trigger == "FAULT":
            self.fault_moments.append((len(self.notes()), self.sent()))

    @property
    def state(self) -> StrategyState:
        """The machine's present state."""
        return self.bot.context.current_state

    async def run(self) -> None:
        """Run the bot to its end and keep how it ended."""
        try:
            with self.scope:
                self.codes.append(await self.bot.run())
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 (kept, for the test to judge)
            self.errors.append(error)
        finally:
            self.ended.set()

    async def until(
        self, holds: Callable[[], bool], what: str, s_max: float = 30.0, *, poll_s: float = 0.01
    ) -> None:
        """Wait until something holds, looking every `poll_s` of virtual time."""
        with trio.move_on_after(s_max):
            while not holds():
                assert not self.ended.is_set() or holds(), f"the bot ended before {what}: {self.errors}"
                await trio.sleep(poll_s)
        assert holds(), f"not within {s_max} s: {what}; state {self.state.name}; {self.last_lines()}"

    async def until_trades(self, more: int = 2, s_max: float = 40.0) -> None:
        """Wait until that many more pairs were executed and settled."""
        wanted = self.trades() + more
        await self.until(lambda: self.trades() >= wanted, f"{more} more trades", s_max)

    def trades(self) -> int:
        """Pairs that were executed and closed, by what is stored; establishing does not count."""
        return sum(closed.pair_name in Pair.__members__ for closed in self.store.database.books[SYMBOL].closed.values())

    async def end(self, policy: str = "") -> int:
        """Stop cleanly and return the exit code."""
        self.bot.stop("the test is over", policy)
        with trio.move_on_after(60):
            await self.ended.wait()
        assert self.ended.is_set(), f"did not end: {self.bot.context.leaving}; {self.last_lines()}"
        assert not self.errors, self.errors
        return self.codes[0]

    def crash(self) -> None:
        """End as a power cut does: no byte and no row leaves any more, and only then everything is cancelled.

        What is left of the process goes on dying beside its successor, and can do nothing.
        """
        self.wire.revoked = True
        self.store.revoked = True
        self.stage.network.cut("*")
        self.scope.cancel()

    async def verdict(self) -> dict[str, Any]:
        """The ledger against the venues' audit."""
        return await check_audit(self.stage.audit(), self.store, self.bot.context)

    async def assert_clean(self) -> None:
        """Every residual is zero, no order is open, nothing was adjusted, delta is within its tolerance."""
        verdict = await self.verdict()
        left = [value for assets in verdict["ledger_residual"].values() for value in assets.values()]
        assert len(left) == 6, verdict
        assert set(left) == {"0"}, (verdict, self.last_lines())
        assert verdict["adjustments"] == 0, verdict
        assert verdict["open_orders_final"] == 0, verdict
        tolerance = self.bot.context.tolerance
        assert tolerance is not None
        assert abs(self.bot.context.portfolio.delta) <= tolerance
        assert abs(self.true_delta()) <= tolerance

    def true_delta(self) -> Decimal:
        """Delta as the venues know it, base units; the bot takes no part in it."""
        audit = self.stage.audit()
        spot = sum(Decimal(audit["balances"][v].get("BTC", "0")) for v in ("gate_spot", "mexc_spot"))
        perp = sum(Decimal(p["size"]) * Decimal(p["multiplier"]) for p in audit["positions"].values())
        return Decimal(spot + perp)

    def transitions(self) -> list[StateChanged]:
        """Every edge that was recorded so far, all incarnations."""
        return list(self.store.database.books[SYMBOL].transitions)

    def creates(self, since: int = 0) -> list[str]:
        """Client ids of create requests in the order in which the venues saw them."""
        return [note.client_id for note in self.notes(since) if is_create(note)]

    def notes(self, since: int = 0) -> list[Any]:
        """The fakes' record of private requests, from the given one on."""
        return list(self.stage.world.requests.tail)[since:]

    def sent(self) -> list[str]:
        """Client ids that this incarnation ever handed to a connection."""
        return [name for desk in self.bot.desks.values() for name in desk.sent_ids]

    def last_lines(self) -> list[str]:
        """The newest lines of the log, for a failure's message."""
        self.stage.log.flush_now()
        return [str(line)[:240] for line in self.stage.lines.lines[-8:]]


def is_create(note: Any) -> bool:
    """Whether a request asks for a new order."""
    return bool(note.method == "POST" and note.path.endswith(("/orders", "/order")))


def assert_reads_before_creates(trial: Trial) -> None:
    """After the last fault no new create reached any venue before every account was read whole."""
    since, sent_before = trial.fault_moments[-1]
    missing = {(venue, path) for venue, paths in READS.items() for path in paths}
    for note in trial.notes(since):
        if note.method == "GET":
            missing.discard((note.venue, note.path))
        elif is_create(note) and note.client_id.removeprefix("t-") not in sent_before:
            assert not missing, f"{note} came before {sorted(missing)}"
    assert not missing


@attrs.define
class Wire:
    """A stream opener that can be revoked for ever, which is what a dead process's network looks like."""

    opener: Callable[[str, int], Any]
    revoked: bool = False

    async def __call__(self, host: str, port: int) -> trio.abc.Stream:
        if self.revoked:
            raise OSError("this process is dead")
        stream: trio.abc.Stream = await self.opener(host, port)
        return stream


class Ledger(MemoryStore):
    """A store that can be revoked for ever: what a dead process asked for is never written."""

    revoked: bool = False

    async def _arrive(self) -> None:
        if self.revoked:
            await trio.sleep_forever()
        await super()._arrive()


@attrs.define
class Lab:
    """What the tests use; the fixture `lab` hands it out."""

    params: StrategyParameters = PARAMS
    symbol: Symbol = SYMBOL
    stage: Callable[..., AbstractAsyncContextManager[Stage]] = stage
    assert_reads_before_creates: Callable[..., None] = assert_reads_before_creates

    @asynccontextmanager
    async def on(
        self, stage: Stage, store: MemoryStore | None = None, *, countdown_s: int = 30, codecs: Codecs = BUILT_IN,
        latch: Latch | None = None, spill: Spill | None = None, **params: Any,
    ) -> AsyncIterator[Trial]:
        """A bot that runs on this stage; whatever is left of it at the end of the block is cancelled."""
        kept = Ledger() if store is None else Ledger(database=store.database)
        wanted = msgspec.structs.replace(self.params, **params)
        wire = Wire(stage.network.open_stream)
        trials: list[Trial] = []

        def witness(record: Record) -> None:
            trials[0].witness(record)

        bot = await stage.bot(
            wanted, kept, opener=wire, witness=witness, countdown_s=countdown_s, codecs=codecs, latch=latch,
            spill=spill,
        )
        trial = Trial(stage, kept, wire, bot)
        trials.append(trial)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trial.run, name="bot")
            yield trial
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def trading(self, config: FakesConfig | None = None, **params: Any) -> AsyncIterator[Trial]:
        """A bot on a fresh lively world that has begun to trade."""
        async with self.stage(config or FakesConfig(seed=1)) as on, self.on(on, **params) as trial:
            await trial.until_trades(2)
            yield trial


@pytest.fixture
def lab() -> Lab:
    """How to put bots on fake worlds."""
    return Lab()
