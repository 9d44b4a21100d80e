"""The profile `canary` at work: after so many pairs the mode is lowered, and a person looks before the next ones.

A pair counts when an order of it may have left. It is counted when the gate has let both orders pass and not
before, so that the last one never loses a leg to its own count; the machine runs one at a time, so none follows. What
counts is in the database too: a restart gives none away. A person's `resume` begins a new count.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from dnbot.config import Settings
from dnbot.config.rules_canary import CANARY
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import InboxEvent, SetMode
from dnbot.domain.order import Order, OrderStatus, Purpose
from dnbot.domain.records import ModeChanged, OrderChanged, Record
from dnbot.operate.same_world import Reads
from dnbot.strategy.states import TradingMode

DONE_SQL = """
select count(distinct i.execution_id) as n
from order_intents i join orders o using (client_order_id)
where i.symbol = $1 and i.purpose in ('entry', 'exit') and o.status <> 'not_sent' and i.created_at_ns > (
    select coalesce(max(at_ns), 0) from trading_modes where symbol = $1 and to_mode = 'ACTIVE'
)
"""
"""Pairs of which an order may have left since a person last raised the mode. One that hangs counts."""
_PAIRS = frozenset({Purpose.ENTRY, Purpose.EXIT})


@attrs.define
class Canary:
    """Sees every record in the turn in which it was made, and returns at once."""

    most: int
    done: int = 0
    """Pairs, entries and exits, since a person last raised the mode."""
    tell: Callable[[InboxEvent], None] | None = None
    """Into the machine's inbox, without waiting."""
    alert: Callable[[str, str, str], None] | None = None
    """Level, key, text."""
    _waiting: dict[str, set[str]] = attrs.field(factory=dict, init=False)
    """Execution -> orders that the gate may still refuse."""
    _left: set[str] = attrs.field(factory=set, init=False)
    """Executions that wait, and of which an order may have left."""
    _owed: bool = attrs.field(default=False, init=False)
    """The inbox was full when the mode should have been lowered."""

    def take(self, record: Record) -> None:
        """See one record."""
        match record:
            case OrderChanged(order=order) if order.intent.purpose in _PAIRS and order.intent.execution_id:
                self._order(order)
            case ModeChanged(to_mode="ACTIVE"):
                self.done, self._owed = 0, False
            case ModeChanged(by="canary", why=why) if self.alert is not None:
                self.alert("critical", "mode:reducing", f"trading mode is now REDUCING: {why}")
            case _:
                pass
        if self._owed:
            self.lower()

    def lower(self) -> None:
        """Ask for REDUCING, as `dnbot reduce` does, if there were enough; a stricter mode is left alone."""
        if self.done < self.most:
            return
        assert self.tell is not None
        why = f"canary: {self.done} pairs since a person last looked; read dnbot report, then resume"
        try:
            self.tell(SetMode(mode=TradingMode.REDUCING.name, why=why, by=CANARY, seen=TradingMode.ACTIVE.name))
        except trio.WouldBlock:
            self._owed = True
        else:
            self._owed = False

    def _order(self, order: Order) -> None:
        name, execution = order.intent.client_order_id, order.intent.execution_id
        if order.status is OrderStatus.PENDING:
            self._waiting.setdefault(execution, set()).add(name)
            return
        waiting = self._waiting.get(execution)
        if waiting is None:
            return
        waiting.discard(name)
        if order.status is not OrderStatus.NOT_SENT:
            self._left.add(execution)
        if waiting:
            return
        del self._waiting[execution]
        if execution in self._left:
            self._left.discard(execution)
            self.done += 1
            self.lower()


async def canary_of(settings: Settings, store: Reads, symbol: Symbol) -> Canary | None:
    """The profile's watch with what is counted already; None in every other profile."""
    if settings.profile != CANARY:
        return None
    rows = await store.read(DONE_SQL, str(symbol))
    return Canary(settings.canary.pairs_max, done=int(rows[0]["n"]))
