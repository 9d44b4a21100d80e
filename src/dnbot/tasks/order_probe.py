"""Does the venue refuse an expired order on its socket? A real order asks, made so that it cannot trade.

It is what every other order is: committed first, sent once, resolved when its end is unknown. Only the gate's rule is
its own: it may leave while nothing is being traded, repaired or ended, and never when halted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import attrs
import msgspec
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.messages import Alert, FillReported, InboxEvent, OrderAnswered, OrderChanged, OrderReported, Record
from dnbot.domain.order import (
    Order,
    OrderIntent,
    OrderStatus,
    Purpose,
    Side,
    client_order_id,
    with_fill,
    with_report,
    with_status,
)
from dnbot.domain.units import Price, Quantity, ceil_to, divide
from dnbot.ports.channels import Cell
from dnbot.ports.clock import Clock
from dnbot.ports.limiter import Priority
from dnbot.ports.log import EventLog
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.tasks.committing import Commits
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.link import Line
from dnbot.tasks.resolver import Resolver
from dnbot.venues.wire import AskedTooOften, PrivateCodec, Refused, RequestClass, SocketReply

EXPIRED_MS = 2_000
"""How long before its sending the probe expired: more than any error of the measured offset."""
DISTANCE = Decimal("0.1")
"""How far below the best bid the probe buys, as a fraction; less where the venue's price band is narrower."""
BAND_SHARE = 2
RESULT_S_MAX = 3.0
LOOK_S = 0.1
RETRY_S = 1.0
UNCLEAR_MAX = 3
"""Probes without a clear answer, one after the other, until the path is given up."""
_QUIET = frozenset({
    StrategyState.ESTABLISHING_DELTA_NEUTRAL, StrategyState.DELTA_NEUTRAL_ACTIVE, StrategyState.MONITORING_SPREADS,
})

Ask = Callable[[OrderIntent, int, int, float], Awaitable[SocketReply | str]]
"""Sends (intent, the venue's now, its expiry, deadline in s) over the socket and returns its result, or why not."""


@attrs.define
class Prober:
    """Probes one venue's order socket, once a connection."""

    codec: PrivateCodec
    line: Line
    instrument: Cell[Instrument]
    gate: Gatekeeper
    store: Commits
    inbox: trio.MemorySendChannel[InboxEvent]
    records: trio.MemorySendChannel[Record]
    clock: Clock
    log: EventLog
    match_lag_ms: int
    resolve_deadline_s: float
    given_up: str = ""
    """Why the path is not used any more in this process; empty while it may be."""
    _unclear: int = attrs.field(default=0, init=False)
    _number: int = attrs.field(default=0, init=False)
    _order: Order | None = attrs.field(default=None, init=False)
    """A probe that was handed to the connection and whose end is not known."""

    @property
    def venue(self) -> Venue:
        """Whose socket is probed."""
        return self.codec.venue

    async def prove(self, ask: Ask) -> bool:
        """Wait for a quiet moment, send the probe, and say whether the venue refused it as expired."""
        intent = await self._committed()
        now_ms = self.line.venue_now_ms()
        sent = with_status(Order(intent=intent), OrderStatus.SENT, at_ns=self.clock.now_ns())
        self._order = msgspec.structs.replace(sent, sent_at_ns=self.clock.now_ns())
        return await self._judge(self._order, await ask(intent, now_ms, now_ms - EXPIRED_MS, RESULT_S_MAX))

    async def settle(self) -> None:
        """Find out what became of a probe without a final answer, as of any other order, for as long as it takes."""
        order = self._order
        if order is None:
            return
        if order.status is OrderStatus.SENT:  # the connection ended around it
            await self._unsure("the connection was lost")
            order = with_status(order, OrderStatus.AMBIGUOUS, at_ns=self.clock.now_ns())
        await self._keep(order)
        trades: dict[str, None] = {}
        told, events = trio.open_memory_channel[InboxEvent](256)
        resolver = Resolver(
            self.codec, self.line, told, self.clock, self.log, self.match_lag_ms, self.resolve_deadline_s
        )
        while not order.is_settled:
            await resolver.resolve(order.intent, order.venue_order_id)
            while events.statistics().current_buffer_used:
                order = await self._fold(order, events.receive_nowait(), trades)
            await trio.sleep(LOOK_S)
        self.log.info("probe_settled", venue=self.venue.value, status=order.status.value, filled=str(order.filled))
        self._order = None

    # --- the order ----------------------------------------------------------------------------------------------------
    async def _committed(self) -> OrderIntent:
        """A durable intent that may leave now."""
        while True:
            intent = await self._next()
            await self.line.budgets[RequestClass.CREATE].acquire(Priority.NORMAL)
            try:
                await self.store.commit_intents([intent], execution_id="", opportunity=None)
            except StoreUnreachable as error:
                await self._not_sent(intent, f"DB_UNAVAILABLE {error}")
                await trio.sleep(RETRY_S)
                continue
            if self._may_leave() is not None:
                return intent
            await self._not_sent(intent, "STATE_NOT_TRADING")

    async def _next(self) -> OrderIntent:
        while True:
            context = self._may_leave()
            intent = self._intent(context) if context is not None else None
            if intent is not None:
                return intent
            await trio.sleep(LOOK_S)

    def _may_leave(self) -> StrategyContext | None:
        context = self.gate.context
        if context is None or self.gate.mode(context) is TradingMode.HALTED or not context.store_up:
            return None
        if self.line.clock.now_ms(self.venue.value) is None:
            return None
        return context if context.current_state in _QUIET else None

    def _intent(self, context: StrategyContext) -> OrderIntent | None:
        """The smallest order that is valid, to buy far below the market; None while the market is not known."""
        book, instrument = context.book(self.venue), self.instrument.value
        if book is None or instrument is None or not instrument.tradable:
            return None
        band = instrument.price_deviation_max
        distance = DISTANCE if band is None else min(DISTANCE, divide(band, Decimal(BAND_SHARE)))
        price = instrument.price_down(book.bids[0][0] * (1 - distance))
        if price <= 0:
            return None
        least = max(instrument.min_quantity, instrument.lot_size, divide(instrument.min_notional, price))
        quantity = ceil_to(least, instrument.lot_size)
        if instrument.problem_with(quantity, price) is not None:
            return None
        self._number += 1
        now_ns = self.clock.now_ns()
        return OrderIntent(
            client_order_id=client_order_id(context.epoch, self._number, "ps" if self.venue.is_spot else "pf"),
            epoch=context.epoch, venue=self.venue, symbol=context.params.symbol, side=Side.BUY,
            quantity=Quantity(quantity), price=Price(price), purpose=Purpose.ESTABLISH, created_at_ns=now_ns,
            expires_at_ns=now_ns - EXPIRED_MS * 1_000_000,
        )

    async def _not_sent(self, intent: OrderIntent, why: str) -> None:
        order = with_status(Order(intent=intent), OrderStatus.NOT_SENT, at_ns=self.clock.now_ns(), reason=why)
        await self.records.send(OrderChanged(order, self.clock.now_ns()))

    # --- the answer ---------------------------------------------------------------------------------------------------
    async def _judge(self, order: Order, reply: SocketReply | str) -> bool:
        now_ns = self.clock.now_ns()
        if isinstance(reply, SocketReply) and isinstance(reply.trouble, Refused | AskedTooOften):
            code = reply.trouble.code if isinstance(reply.trouble, Refused) else "RATE"
            refused = with_status(order, OrderStatus.REJECTED, at_ns=now_ns, reason=f"{code} {reply.trouble.text}")
            await self._keep(refused)
            self._order = None
            return await self._weigh(reply.trouble)
        if isinstance(reply, SocketReply) and reply.report is not None:
            await self._give_up(f"the venue accepted {order.intent.client_order_id}, which had expired")
            await self._keep(with_report(order, reply.report, at_ns=now_ns))
            return False
        why = reply if isinstance(reply, str) else reply.trouble.text if reply.trouble else "an empty result"
        await self._unsure(why)
        await self._keep(with_status(order, OrderStatus.AMBIGUOUS, at_ns=now_ns, reason=why))
        return False

    async def _weigh(self, trouble: Refused | AskedTooOften) -> bool:
        if isinstance(trouble, AskedTooOften):
            self.line.note(trouble, RequestClass.CREATE)
            await self._unsure(trouble.text)
            return False
        if not trouble.clock:
            await self._give_up(f"an expired order was refused for another reason: {trouble.code} {trouble.text}")
            return False
        self._unclear = 0
        self.log.info("order_socket_trusted", venue=self.venue.value, what=f"{trouble.code} {trouble.text}")
        return True

    async def _unsure(self, why: str) -> None:
        self._unclear += 1
        self.log.warning("probe_unclear", venue=self.venue.value, what=why, times=self._unclear)
        if self._unclear >= UNCLEAR_MAX:
            await self._give_up(f"{self._unclear} probes without a clear answer; the last: {why}")

    async def _give_up(self, why: str) -> None:
        self.given_up = why
        self.log.error("order_socket_not_used", venue=self.venue.value, what=why)
        text = f"orders on {self.venue.value} leave by REST, not by its socket: {why}"
        key = f"order_socket:{self.venue.value}"
        await self.records.send(Alert(level="critical", key=key, text=text, at_ns=self.clock.now_ns()))

    async def _keep(self, order: Order) -> Order:
        self._order = order
        await self.records.send(OrderChanged(order, self.clock.now_ns()))
        return order

    async def _fold(self, order: Order, event: InboxEvent, trades: dict[str, None]) -> Order:
        """What the resolver found; the machine books the fills."""
        now_ns = self.clock.now_ns()
        match event:
            case OrderReported(report=report):
                order = with_report(order, report, at_ns=now_ns)
            case FillReported(fill=fill):
                if fill.trade_id not in trades:  # every pass over the lists tells all of them
                    trades[fill.trade_id] = None
                    order = with_fill(order, fill, at_ns=now_ns)
            case OrderAnswered(code=code, text=text):
                order = with_status(order, OrderStatus.NO_EFFECT, at_ns=now_ns, reason=f"{code} {text}")
            case _:
                raise AssertionError(f"not a resolver's word: {event}")
        await self.inbox.send(event)
        return await self._keep(order)
