"""The machine's inbox: take an event, step, send commands and records. It never waits for anyone but its inbox.

The periodic Tick comes at least every 100 ms. Sends are without waiting: a full desk is a bug, full records a fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
import trio

from dnbot.domain.errors import InvariantBroken, OperatingError, StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    BalancesSampled,
    BookTopSampled,
    CancelAll,
    CancelOrder,
    Command,
    ExecutePair,
    FundingSampled,
    InboxEvent,
    MetricSampled,
    MoveMoney,
    OpportunityDeclined,
    PlaceOrder,
    PositionSampled,
    ProveStream,
    ReadAccount,
    Record,
    ReopenStream,
    ResolveOrder,
    SetLeverage,
    SetMode,
    Signal,
    Tick,
)
from dnbot.metrics.measures import Measures
from dnbot.ports.channels import Channels
from dnbot.ports.clock import Clock
from dnbot.ports.latch import KILLED_BY, Halt
from dnbot.ports.log import EventLog
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step, step
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.pausing import PauseWatch

TICK_S = 0.1
VIEW_S = 0.25
_SAMPLES = (BalancesSampled, BookTopSampled, FundingSampled, MetricSampled, OpportunityDeclined, PositionSampled)

Keep = Callable[[StrategyContext, InboxEvent, Step | Exception], None]
"""Sees each step: the context before it, the event, and what came of it. It must return at once, and change nothing."""


def nobody_keeps(_before: StrategyContext, _event: InboxEvent, _outcome: Step | Exception) -> None:
    """Steps that no journal takes."""


def _nothing_new() -> None:
    """Who has no market to look at."""


@attrs.define
class Strategist:
    """`run` is supervised. The context lives here and survives a restart of the task."""

    channels: Channels
    gate: Gatekeeper
    clock: Clock
    log: EventLog
    context: StrategyContext
    publish: Callable[[StrategyContext], None]
    """Shows the newest context to whoever watches, at most four times a second."""
    witness: Callable[[Record], None]
    """Sees each record in order, before it is written."""
    pull: Callable[[], Signal | None] = _nothing_new
    """The newest market, if the machine has not seen it; asked for before each event."""
    keep: Keep = nobody_keeps
    measures: Measures = attrs.field(factory=Measures)
    finished: trio.Event = attrs.field(factory=trio.Event)
    held: deque[Record] = attrs.field(factory=deque, init=False)
    """Records that did not fit into their channel yet: none may be lost, but for samples."""
    _heeded: Halt | None = attrs.field(default=None, init=False)
    """The newest halt from outside that the machine was told of."""
    _pauses: PauseWatch = attrs.field(factory=PauseWatch, init=False)
    _ticked_s: float = attrs.field(default=float("-inf"), init=False)
    _shown_s: float = attrs.field(default=float("-inf"), init=False)
    _decided: bool = attrs.field(default=False, init=False)
    """Whether a pair was decided since it was last asked whether to show."""
    _is_running: bool = attrs.field(default=False, init=False)
    _failure: OperatingError | None = attrs.field(default=None, init=False)
    """What went wrong while somebody else had the machine see a market."""

    async def run(self) -> None:
        """Until the machine says that everything is done.

        Raises:
            StoreUnreachable: records pile up.
        """
        self.gate.context = self.context
        self._is_running, self._failure = True, None
        try:
            while self.context.exit_code is None:
                event = await self._next()
                if self.context.exit_code is None:  # a market that was seen meanwhile may have been the end
                    self._see(event)
                if self._failure is not None:
                    raise self._failure
        finally:
            self._is_running = False
        self.publish(self.context)
        self.finished.set()
        await trio.sleep_forever()

    def see_market(self, signal: Signal) -> bool:
        """Have the machine see a market in the caller's turn.

        What goes wrong is the strategist's to raise. False: it does not run, or has events to see first; it asks for
        the newest market before each of them, so that no event overtakes another.
        """
        inbox = self.channels.inbox.receive.statistics()
        is_idle = inbox.tasks_waiting_receive > 0 and inbox.current_buffer_used == 0
        is_over = self._failure is not None or self.context.exit_code is not None
        if not self._is_running or is_over or not is_idle:
            return False
        try:
            self._see(signal)
        except OperatingError as error:
            self._failure = error
        return True

    def is_eager(self) -> bool:
        """Whether every market matters: whatever is under way may turn on it."""
        return self.context.current_state is not StrategyState.MONITORING_SPREADS

    def _see(self, event: InboxEvent) -> None:
        """One event with what goes before it: a halt from outside, the clock, and the newest market."""
        self._heed_latch()
        # Facts are folded at the time they are seen: the clock goes first, in the same turn.
        self._take(event if isinstance(event, Tick) else self._now())
        if not isinstance(event, Signal) and (newest := self.pull()) is not None:
            self._take(newest)
        if not isinstance(event, Tick):
            self._take(event)
        self._hand_over_records()
        self._show()

    def _show(self) -> None:
        """Orders that were just decided leave in the turn after this one: whoever looks on waits for the next event."""
        decided, self._decided = self._decided, False
        if not decided and self.context.now_s - self._shown_s >= VIEW_S:
            self._shown_s = self.context.now_s
            self.publish(self.context)

    async def _next(self) -> InboxEvent:
        due_s = self._ticked_s + TICK_S
        with trio.move_on_at(due_s):
            return await self.channels.inbox.receive.receive()
        return self._now()

    def _heed_latch(self) -> None:
        """A halt from outside becomes the machine's mode, and with that a record, before the next event is seen.

        A mode that was HALTED for another reason keeps it: who lifts the halt has both to look at.
        """
        if not self.gate.latch.is_set():
            self._heeded = None
            return
        halt = self.gate.latch.newest()
        if halt is None or halt == self._heeded:
            return
        self._heeded = halt
        mode, before = self.context.mode, self.context.mode_why
        if mode is TradingMode.HALTED and halt.why in before:
            return
        other = mode is TradingMode.HALTED and not before.startswith(KILLED_BY)
        why = f"{before}; {halt.why}" if other else halt.why
        self.log.warning("halted_from_outside", who=halt.who, reason=halt.reason)
        self._take(SetMode(mode=TradingMode.HALTED.name, why=why, by=halt.who))

    def _now(self) -> Tick:
        self._ticked_s, now_ns = trio.current_time(), self.clock.now_ns()
        paused = self._pauses.look(now_ns, self._ticked_s)
        if paused is not None:
            self._take(paused)
        return Tick(now_ns, self._ticked_s)

    def _take(self, event: InboxEvent) -> None:
        begun, before = self.context, self.context.current_state
        try:
            result = step(begun, event)
        except Exception as error:
            self.keep(begun, event, error)
            raise
        self.keep(begun, event, result)
        self.context = result.context
        self.gate.context = result.context
        for record in result.records:
            self.witness(record)
            self.held.append(record)
        self.measures.note(event, result.records, result.context.orders)
        for command in result.commands:
            self._command(command)
        if before is not self.context.current_state:
            self._tell_state(before)

    def _tell_state(self, before: StrategyState) -> None:
        self.log.info("state", before=before.name, after=self.context.current_state.name)

    def _hand_over_records(self) -> None:
        """In order. What a full channel does not take is kept here, but for samples, and each time it is a fault."""
        while self.held:
            try:
                self.channels.records.send.send_nowait(self.held[0])
            except trio.WouldBlock:
                self.held = deque(record for record in self.held if not isinstance(record, _SAMPLES))
                raise StoreUnreachable("records pile up faster than the database takes them") from None
            self.held.popleft()

    def _command(self, command: Command) -> None:
        try:
            if isinstance(command, ExecutePair):
                self._decided = True
                self.measures.stages.decided(command, self.context.market)
                self.channels.executions.send.send_nowait(command)
            else:
                self.channels.orders[_venue_of(command)].send.send_nowait(command)
        except trio.WouldBlock:
            if isinstance(command, ResolveOrder):
                return  # asked again within a second
            raise InvariantBroken(f"a queue of orders is full at {command}") from None


def _venue_of(command: Command) -> Venue:
    match command:
        case PlaceOrder(intent=intent) | ResolveOrder(intent=intent):
            return intent.venue
        case MoveMoney(transfer=transfer):
            return transfer.source
        case CancelOrder(venue=venue) | CancelAll(venue=venue) | ReadAccount(venue=venue):
            return venue
        case ProveStream(venue=venue) | ReopenStream(venue=venue) | SetLeverage(venue=venue):
            return venue
        case ExecutePair():
            raise InvariantBroken("a pair goes to execution, not to a desk")
