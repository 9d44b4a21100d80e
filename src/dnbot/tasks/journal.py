"""Records to the store, in order, in batches; an absent database is told to the machine and waited for.

A batch is kept until it is written: nothing is lost while the process lives, and meanwhile no new risk is taken.
Intents that wait in the spill file go with the next batch, and leave the file when that is written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import attrs
import trio

from dnbot.domain.errors import ConfigError, OperatingError, StoreUnreachable, Superseded
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Alert, InboxEvent, ModeChanged, OrderChanged, Record, StoreFound, StoreLost
from dnbot.domain.order import Order, OrderIntent, OrderStatus
from dnbot.metrics.histogram import Histogram
from dnbot.ports.clock import Clock
from dnbot.ports.latch import Halt
from dnbot.ports.log import EventLog
from dnbot.ports.spill import MemoryMedium, Spill, open_spill
from dnbot.ports.store import Store
from dnbot.ports.store_rebuild import says_something
from dnbot.strategy.states import TradingMode
from dnbot.tasks.gatekeeper import Gatekeeper

BATCH_MAX = 512
RETRY_S = 0.5
TIDY_EVERY_S = 3600.0
TIDY_RETRY_S = 60.0
FAREWELL_S = 5.0
"""How long the last records may take, beside the bot's own farewell and not out of its time."""


@attrs.define
class Journal:
    """`run` is supervised; an unwritten batch survives its restart."""

    records: trio.MemoryReceiveChannel[Record]
    inbox: trio.MemorySendChannel[InboxEvent]
    store: Store
    clock: Clock
    log: EventLog
    retention_days: int
    gate: Gatekeeper
    """Shows whether the machine believes the store to be away, whoever told it so; has the latch of the next start."""
    spill: Spill = attrs.field(factory=lambda: open_spill(MemoryMedium()))
    written: int = 0
    appends: Histogram = attrs.field(factory=Histogram)
    """What each batch took that the database has."""
    _since_s: float | None = attrs.field(default=None, init=False)
    """When the oldest record was taken that is not written; None while all are."""
    _batch: list[Record] = attrs.field(factory=list, init=False)
    _loading: dict[str, None] = attrs.field(factory=dict, init=False)
    """Spilled intents that the batch brings to the store."""
    _left: deque[Record] = attrs.field(factory=deque, init=False)
    """At the end: what comes after the batch."""

    async def run(self) -> None:
        """Never returns while healthy."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tidy, name="tidy")
            while True:
                await self._collect()
                await self._write()

    async def _collect(self) -> None:
        if not self._batch:
            self._batch.append(await self.records.receive())
            self._since_s = trio.current_time()
        self._drain()
        self._take_spilled()

    def _drain(self) -> None:
        while len(self._batch) < BATCH_MAX:
            try:
                record = self.records.receive_nowait()
            except trio.WouldBlock:
                return
            self._batch.append(record)

    async def _write(self) -> None:
        told = False
        while True:
            began_s = trio.current_time()
            try:
                await self.store.append(self._batch)
            except StoreUnreachable as error:
                if not told:
                    told = True
                    self.log.error("store_lost", what=str(error))
                    await self.inbox.send(StoreLost(str(error)))
                await trio.sleep(RETRY_S)
                continue
            self.appends.observe(trio.current_time() - began_s)
            break
        for record in self._batch:
            if isinstance(record, Alert):
                tell = self.log.critical if record.level == "critical" else self.log.warning
                tell("alert", level=record.level, key=record.key, text=record.text)
        self._wrote()
        # The loss may have been told by a commit, or by this task before it was restarted.
        if told or (self.gate.context is not None and not self.gate.context.store_up):
            await self.inbox.send(StoreFound())

    def _take_spilled(self) -> None:
        """Add what the file holds to the end of the batch: a repeated append must begin as the failed one did.

        An order that the batch speaks of is stored with its intent by that, and must not be taken back to unknown.
        """
        fresh = [intent for intent in self.spill.pending if intent.client_order_id not in self._loading]
        if not fresh:
            return
        told = {
            record.order.intent.client_order_id: None
            for record in self._batch
            if isinstance(record, OrderChanged) and says_something(record.order)
        }
        self._batch.extend(unknown_order(i, self.clock.now_ns()) for i in fresh if i.client_order_id not in told)
        self._loading.update((intent.client_order_id, None) for intent in fresh)

    def _wrote(self) -> None:
        self.written += len(self._batch)
        self._batch.clear()
        self._since_s = None
        if self._loading:
            self.spill.forget(self._loading)
            self.log.info("spill_loaded", intents=len(self._loading), left=len(self.spill.pending))
            self._loading.clear()

    def lag_s(self) -> float:
        """How long the oldest record that the database does not have has been waiting, seconds; 0 when it has all."""
        return 0.0 if self._since_s is None else trio.current_time() - self._since_s

    async def _tidy(self) -> None:
        """Housekeeping waits for better times: that it fails is no reason to stop writing."""
        while True:
            pause_s = TIDY_EVERY_S
            try:
                await self.store.keep_tidy(now_ns=self.clock.now_ns(), retention_days=self.retention_days)
            except StoreUnreachable as error:
                self.log.warning("not_tidied", what=str(error))
                pause_s = TIDY_RETRY_S
            await trio.sleep(pause_s)

    async def flush(self, rest: Iterable[Record] = ()) -> None:
        """Write everything that is queued, and then what did not fit: the last act before the store is closed.

        Raises:
            StoreUnreachable: it could not be written.
        """
        with suppress(trio.WouldBlock):
            while True:
                self._left.append(self.records.receive_nowait())
        self._left.extend(rest)
        while True:
            while self._left and len(self._batch) < BATCH_MAX:
                self._batch.append(self._left.popleft())
            self._take_spilled()
            if not self._batch:
                return
            await self.store.append(self._batch)
            self._wrote()

    async def finish(self, rest: Iterable[Record], asked: Halt | None = None) -> bool:
        """`flush` within `FAREWELL_S`, whoever cancels meanwhile; whether the store has everything.

        A lowered mode that it did not take becomes a halt in the state folder: the next start would read the mode from
        before, and trade. Without one, so does an end that somebody `asked` for: a supervisor would start again.

        Raises:
            Exception: a bug kept the store from taking it, or a newer incarnation, whose latch is left alone.
        """
        what = f"no answer within {FAREWELL_S:g} s"
        try:
            with trio.move_on_after(FAREWELL_S, shield=True):
                await self.flush(rest)
                return True
        except OperatingError as error:
            what = str(error)
        except Superseded:
            raise
        except Exception as error:
            self._not_written(repr(error), asked)
            raise
        self._not_written(what, asked)
        return False

    def _not_written(self, what: str, asked: Halt | None) -> None:
        self.log.error("journal_not_written", what=what, records=len(self._batch) + len(self._left))
        changes = [record for record in (*self._batch, *self._left) if isinstance(record, ModeChanged)]
        newest, standing = changes[-1] if changes else None, self.gate.latch.newest()
        if newest is not None and newest.to_mode != TradingMode.ACTIVE.name:
            if standing is None or standing.why != newest.why:  # else it came from there
                self._halt(newest.to_mode, Halt(who=newest.by, reason=newest.why, at_ns=newest.at_ns, unwritten=True))
        elif asked is not None:
            self.halt_next_start(asked)

    def halt_next_start(self, asked: Halt) -> None:
        """Somebody asked for an end that is none of code 0: a supervisor would start again, and trade. A halt that
        stands already says more."""
        if self.gate.latch.newest() is None:
            self._halt(TradingMode.HALTED.name, asked)

    def _halt(self, mode: str, halt: Halt) -> None:
        try:
            self.gate.latch.set(halt)
        except ConfigError as error:
            self.log.critical("mode_lost", mode=mode, why=halt.reason, what=str(error))
        else:
            self.log.critical("mode_latched", mode=mode, why=halt.reason)


def unknown_order(intent: OrderIntent, at_ns: int) -> OrderChanged:
    """The record that brings a spilled intent to the store: it may have left, and nothing else is known."""
    order = Order(
        intent=intent, status=OrderStatus.AMBIGUOUS, reason="spilled while the database was away", changed_at_ns=at_ns
    )
    return OrderChanged(order, at_ns)


async def load_spilled(spill: Spill, store: Store, symbol: Symbol, clock: Clock, log: EventLog) -> None:
    """What was committed while the database was away goes into it before anything else happens.

    An order of which the store knows more than its intent stays as it is: the process ended between the batch that
    told of it and the shortening of the file.

    Raises:
        StoreUnreachable: the database did not take it; the file keeps it.
        ConfigError: the file is another symbol's.
    """
    if spill.damaged:
        log.error("spill_damaged", copy=spill.damaged, what="a record could not be read; its fills will be")
    for intent in spill.pending:
        if intent.symbol != symbol:
            raise ConfigError("spill file", "symbol", str(intent.symbol), f"orders of {symbol} alone")
    names = [intent.client_order_id for intent in spill.pending]
    if names:
        stored = await store.orders_of(symbol, names)
        told = {o.intent.client_order_id: None for o in stored if o.status is not OrderStatus.PENDING}
        now_ns = clock.now_ns()
        fresh = [unknown_order(intent, now_ns) for intent in spill.pending if intent.client_order_id not in told]
        if fresh:
            await store.append(fresh)
        spill.forget(names)
    log.warning("spill_loaded", intents=len(names), left=0)
