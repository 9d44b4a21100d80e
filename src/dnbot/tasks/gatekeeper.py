"""The gate between a commit and a send: the machine's newest context, read synchronously.

What it allows stays true until the caller awaits, so both legs of a pair are handed over in the same turn.
"""

from __future__ import annotations

import attrs

from dnbot.domain.order import OrderIntent, Purpose
from dnbot.domain.transfer import Transfer, TransferStatus
from dnbot.ports.clock import Clock
from dnbot.ports.latch import Latch, MemoryLatch
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.countdowns import lapsed
from dnbot.strategy.states import TradingMode, allows_transfer, gate_code

_NOT_FORCED = frozenset({Purpose.ENTRY, Purpose.EXIT, Purpose.ESTABLISH})


@attrs.define
class Gatekeeper:
    """Written by the strategist after every step; read by execution and desks."""

    clock: Clock
    context: StrategyContext | None = None
    latch: Latch = attrs.field(factory=MemoryLatch)
    """A halt from outside counts at once, whatever the context says: this process may just have been asleep."""

    def denial(self, intent: OrderIntent) -> str | None:
        """Why this order may not leave now, or None. Fails closed before the first step."""
        context = self.context
        if context is None:
            return "STATE_NOT_TRADING: the machine has not started"
        mode = self.mode(context)
        code = gate_code(context.current_state, mode, intent.purpose)
        if code is not None:
            return f"{code}: {intent.purpose.name} in {context.current_state.name}/{mode.name}"
        if self.clock.now_ns() >= intent.expires_at_ns:
            return "EXPIRED: the intent is older than its own expiry"
        order = context.orders.get(intent.client_order_id)
        if order is None or order.status.is_final:
            return "DUPLICATE: the machine does not wait for this order"
        if intent.purpose in _NOT_FORCED and self._stale(context, intent):
            return "DATA_STALE: a book is older than allowed"
        if intent.purpose in _NOT_FORCED and lapsed(context, self.clock.monotonic_s()):
            return "COUNTDOWN: a venue may be cancelling our orders by itself"
        return None

    def denial_of_transfer(self, transfer: Transfer) -> str | None:
        """Why this transfer may not be asked for now, or None. Fails closed before the first step."""
        context = self.context
        if context is None:
            return "STATE_NOT_TRADING: the machine has not started"
        mode = self.mode(context)
        if not allows_transfer(context.current_state, mode):
            return f"STATE_NOT_TRADING: a transfer in {context.current_state.name}/{mode.name}"
        if self.clock.now_ns() >= transfer.expires_at_ns:
            return "EXPIRED: the transfer is older than its own expiry"
        waiting = (t.transfer_id for t in context.transfers if t.status is TransferStatus.PENDING)
        if transfer.transfer_id not in waiting:
            return "DUPLICATE: the machine does not wait for this transfer"
        return None

    def mode(self, context: StrategyContext) -> TradingMode:
        """The trading mode that an order meets now."""
        return TradingMode.HALTED if self.latch.is_set() else context.mode

    def _stale(self, context: StrategyContext, intent: OrderIntent) -> bool:
        book = context.market.books.get(intent.venue)
        age_s = self.clock.monotonic_s() - book.received_s if book else float("inf")
        return age_s * 1000 > context.params.market_age_ms_max
