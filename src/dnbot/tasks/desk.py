"""The orders of one venue: commit, re-check the gate, send once, say honestly what came of it, resolve the unknown.

A create is sent at most once per client id, whatever happens. Cancels and reads may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from dnbot.domain.errors import OperatingError, StoreUnreachable, VenueError, VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    CancelAll,
    CancelOrder,
    Command,
    InboxEvent,
    MoveMoney,
    OrderAnswered,
    OrderReported,
    OrderSent,
    PlaceOrder,
    ProveStream,
    ReadAccount,
    ReopenStream,
    ResolveOrder,
    SetLeverage,
)
from dnbot.domain.order import OrderIntent, OrderReport, Purpose
from dnbot.ports.clock import Clock
from dnbot.ports.limiter import Priority
from dnbot.ports.log import EventLog
from dnbot.tasks.accounts import read_account
from dnbot.tasks.committing import Commits
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.line_orders import cancel_until_gone
from dnbot.tasks.link import Line, set_leverage
from dnbot.tasks.order_socket import OrderSocket, Outcome, outcome_of, outcome_of_failure
from dnbot.tasks.resolver import Resolver
from dnbot.tasks.sweeping import Swept, cancel_ours, open_orders, ours_of, sweep
from dnbot.tasks.transferring import Mover
from dnbot.venues.wire import PrivateCodec

RECORD_S_MAX = 1.0  # an outcome is told within this, even while everything is being cancelled
QUEUE_S_MAX = 0.05
"""So long an order waits for a free connection: its pair's other leg is on its way, and what repairs has another."""
SENT_IDS_MAX = 100_000
_WAYS_OUT = frozenset({Purpose.HEDGE, Purpose.UNWIND, Purpose.FLATTEN})


@attrs.define
class Desk:
    """One venue's order task; `run` is supervised."""

    codec: PrivateCodec
    line: Line
    orders: trio.MemoryReceiveChannel[Command]
    inbox: trio.MemorySendChannel[InboxEvent]
    gate: Gatekeeper
    store: Commits
    clock: Clock
    log: EventLog
    resolver: Resolver
    prove_stream: Callable[[], None]
    """Have the private stream pinged now."""
    reopen_stream: Callable[[str], None]
    """Have it opened anew, for that reason."""
    read_instrument: Callable[[], None]
    """Have the instrument read now."""
    socket: OrderSocket | None = None
    """Where creates leave while it is proven; otherwise, and without one, they leave by REST."""
    sent_ids: dict[str, None] = attrs.field(factory=dict)
    """Every client id that this process ever put on this wire; it outlives a restart of the task."""
    mover: Mover = attrs.field(init=False)
    _reading: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _read_began_s: float = attrs.field(default=float("-inf"), init=False)
    """When the newest read that succeeded began."""

    def __attrs_post_init__(self) -> None:
        self.mover = Mover(self.codec, self.line, self.inbox, self.gate, self.store, self.clock)

    @property
    def venue(self) -> Venue:
        """Whose orders these are."""
        return self.codec.venue

    async def run(self) -> None:
        """Never returns while healthy. What one command meets never ends the desk: its outcome is an event."""
        async with trio.open_nursery() as nursery:
            async for command in self.orders:
                nursery.start_soon(self.perform, command, name=f"{type(command).__name__}:{self.venue.value}")

    async def perform(self, command: Command) -> None:
        """Carry out one command; an operating error is logged, because the machine asks again for what matters."""
        try:
            match command:
                case PlaceOrder(intent=intent, committed=committed):
                    await self._place(intent, committed=committed)
                case ResolveOrder(intent=intent, venue_order_id=venue_order_id):
                    await self.resolver.resolve(intent, venue_order_id)
                case CancelOrder(venue_order_id=venue_order_id):
                    await cancel_until_gone(self.codec, self.line, venue_order_id, self._tell_report)
                case CancelAll():
                    await self._cancel_all()
                case MoveMoney(transfer=transfer):
                    await self.mover.move(transfer)
                case ProveStream():
                    self.prove_stream()
                case ReopenStream(why=why):
                    self.reopen_stream(why)
                case SetLeverage(leverage=leverage, margin_mode=margin_mode):
                    await set_leverage(self.codec, self.line, leverage, margin_mode)
                    await self._read("leverage")
                case ReadAccount(why=why):
                    await self._read(why)
                case _:
                    raise AssertionError(f"not a desk's command: {command}")
        except OperatingError as error:
            self.log.warning(
                "command_failed", venue=self.venue.value, command=type(command).__name__, what=str(error)
            )

    # --- creating -----------------------------------------------------------------------------------------------------
    async def _place(self, intent: OrderIntent, *, committed: bool) -> None:
        if not committed:
            try:
                await self.store.commit_intents([intent], execution_id=intent.execution_id, opportunity=None)
            except StoreUnreachable as error:
                await self._answer(intent, "not_sent", "DB_UNAVAILABLE", str(error))
                return
        denial = self.gate.denial(intent)
        if denial is None and intent.client_order_id in self.sent_ids:
            denial = "DUPLICATE: this id was already on the wire"
        if denial is not None:
            code, _, text = denial.partition(": ")
            await self._answer(intent, "not_sent", code, text)
            return
        await self._send(intent)

    async def _send(self, intent: OrderIntent) -> None:
        try:
            now_ms, expires_at_ms = self._times(intent)
        except VenueError as error:
            await self._answer(intent, "not_sent", "CLOCK", str(error))
            return
        self.sent_ids[intent.client_order_id] = None
        if len(self.sent_ids) > SENT_IDS_MAX:
            self.sent_ids.pop(next(iter(self.sent_ids)))
        await self._tell_sent(OrderSent(intent.client_order_id, self.clock.now_ns(), trio.current_time()))
        began_s = trio.current_time()
        outcome, code, text = "ambiguous", "CANCELLED", "cancelled while the answer was awaited"
        report: OrderReport | None = None
        try:
            outcome, code, text, report = await self._exchange(intent, now_ms, expires_at_ms)
        finally:
            if outcome == "refused" and code != "RATE":  # perhaps by terms that we do not know yet
                self.read_instrument()
            with trio.move_on_after(RECORD_S_MAX, shield=True):
                if report is not None:
                    await self._tell_report(report)
                waited_us = int((trio.current_time() - began_s) * 1e6)
                await self._answer(intent, outcome, code, text, waited_us)

    async def _tell_sent(self, sent: OrderSent) -> None:
        """Without a turn while the inbox has room: what others do of it would come before the order."""
        try:
            self.inbox.send_nowait(sent)
        except trio.WouldBlock:
            await self.inbox.send(sent)

    def _times(self, intent: OrderIntent) -> tuple[int, int]:
        """Now, and when the order expires, both on the venue's clock in ms."""
        now_ms = self.line.venue_now_ms()
        offset_ms = now_ms - self.clock.now_ns() // 1_000_000
        return now_ms, intent.expires_at_ns // 1_000_000 + offset_ms

    async def _exchange(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Outcome:
        priority = Priority.RESERVED if intent.purpose in _WAYS_OUT else Priority.NORMAL
        deadline_s = max(0.05, (intent.expires_at_ns - self.clock.now_ns()) / 1e9) + 1.0
        if self.socket is not None:
            told = await self.socket.place(intent, now_ms, expires_at_ms, priority, deadline_s)
            if told is not None:
                return told
        try:
            request = self.codec.place_request(intent, now_ms, expires_at_ms)
        except VenueError as error:
            return "not_sent", "CODEC", str(error), None
        try:
            reply = await self.line.ask(
                request, priority=priority, deadline_s=deadline_s, queue_s_max=QUEUE_S_MAX
            )
        except VenueUnreachable as error:
            return outcome_of_failure(error)
        try:
            trouble = self.line.verdict(self.codec, request, reply)
            if trouble is not None:
                return outcome_of(trouble)
            return "accepted", "", "", self.codec.placed(reply, intent)
        except VenueError as error:
            return "ambiguous", "UNREADABLE", str(error), None

    async def _answer(self, intent: OrderIntent, outcome: str, code: str, text: str = "", waited_us: int = 0) -> None:
        await self.inbox.send(
            OrderAnswered(
                client_order_id=intent.client_order_id, outcome=outcome, code=code, text=text,
                at_ns=self.clock.now_ns(), sent_to_answer_us=waited_us,
            )
        )

    async def _tell_report(self, report: OrderReport) -> None:
        await self.inbox.send(OrderReported(report))

    # --- cancelling and reading ---------------------------------------------------------------------------------------
    async def _cancel_all(self) -> None:
        """Cancel every open order with our prefix; foreign ones are never touched.

        One that cannot be cancelled does not spare the others: its error is raised when all were tried.
        """
        await cancel_ours(self.codec, self.line, ours_of(await open_orders(self.codec, self.line)), self._tell_report)

    async def sweep(self, match_lag_s: float, within_s: float) -> Swept:
        """Cancel every order of ours and prove it; the machine hears of each. See `sweeping.sweep`."""
        return await sweep(
            self.codec, self.line, self._tell_report, match_lag_s=match_lag_s, within_s=within_s
        )

    async def _read(self, why: str) -> None:
        """Read the whole account; reads of one venue queue up, and one that a later read has answered is skipped."""
        asked_s = trio.current_time()
        async with self._reading:
            if self._read_began_s > asked_s:
                return
            began_s = trio.current_time()
            context = self.gate.context
            account = context.accounts[self.venue] if context else None
            await self.inbox.send(await read_account(self.codec, self.line, account, why))
            self._read_began_s = began_s

