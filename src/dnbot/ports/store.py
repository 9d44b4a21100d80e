"""Where everything durable goes, as a protocol; `postgres.py` and `memory_store.py` keep the same promises.

The contract suite in `tests/contracts` runs against both.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import Record
from dnbot.domain.order import Fill, Order, OrderIntent, OrderStatus
from dnbot.domain.pair import Opportunity
from dnbot.domain.position import Portfolio
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import ZERO, Quantity


class UnresolvedIntent(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose fate the last incarnation did not record."""

    intent: OrderIntent
    status: OrderStatus
    venue_order_id: str
    reported_filled: Quantity = Quantity(ZERO)
    """What the venue last claimed as filled, base units: fills up to that are to come, if they are not booked."""

    def owns(self, fill: Fill) -> bool:
        """Whether a fill is this order's, by our id or by the venue's."""
        if fill.venue is not self.intent.venue:
            return False
        is_named = fill.client_order_id == self.intent.client_order_id
        return is_named or (self.venue_order_id != "" and fill.venue_order_id == self.venue_order_id)


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """What a new incarnation starts from. Everything is as of the last committed transaction."""

    portfolio: Portfolio | None = None
    """None: this database has never traded the symbol."""
    mode: str = "ACTIVE"
    mode_why: str = "start"
    unresolved: tuple[UnresolvedIntent, ...] = ()
    seen: tuple[str, ...] = ()
    """Keys of the newest booked fills and account rows, `VENUE:trade` and `VENUE:row:id`, oldest first."""
    fill_ms: dict[Venue, int] = {}
    row_ms: dict[Venue, int] = {}
    repairs: tuple[Order, ...] = ()
    """Settled hedges and unwinds that were decided within `REPAIR_WINDOW_S` before the newest start, oldest first."""
    transfers: tuple[Transfer, ...] = ()
    """Those whose end is not known, and all of `TRANSFER_WINDOW_S` before the newest start, oldest first."""
    crashes: int = 0
    """Starts within `CRASH_WINDOW_S` before the newest one whose run never reached SHUTDOWN."""
    opened: tuple[Venue, ...] = ()
    """Venues with opening entries (or an opening record of nothing)."""


class LedgerTotal(msgspec.Struct, frozen=True):
    """Σ of one venue's and asset's ledger entries; openings are apart."""

    venue: Venue
    asset: str
    opening: Decimal
    entries: Decimal
    adjustments: int


class Store(Protocol):
    """Every method is one transaction. Raises StoreUnreachable when it cannot be done (and then nothing was)."""

    async def begin_run(self, symbol: Symbol, *, version: str, settings: str, started_at_ns: int) -> int:
        """Record a new incarnation and return its epoch: above any before, and never below the start's own second.

        Client order ids are made of it, so they stay unique even when a fresh database meets a used account.
        """
        ...

    async def load(self, symbol: Symbol) -> StoredState:
        """What the last incarnation left."""
        ...

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """Make intents and their evidence durable, in one round trip. A second commit of an id is an error."""
        ...

    async def commit_transfer(self, transfer: Transfer) -> None:
        """Make a transfer durable before it is asked for. A second commit of an id is an error."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Write records in order, in one transaction; fills and rows already known are skipped, by their venue ids.

        An `ExecutionClosed` writes its trade record, the position tracking and its performance metrics together.
        """
        ...

    async def ledger_totals(self, symbol: Symbol) -> tuple[LedgerTotal, ...]:
        """All-time sums per venue and asset."""
        ...

    async def fills_of(self, symbol: Symbol, orders: Sequence[UnresolvedIntent] | None = None) -> tuple[Fill, ...]:
        """Booked fills, oldest first: those of these orders, or all, which a start has no time for."""
        ...

    async def orders_of(self, symbol: Symbol, names: Sequence[str] | None = None) -> tuple[Order, ...]:
        """Orders as last recorded, oldest first: those with these client ids, or all. One only committed is PENDING."""
        ...

    async def ping(self) -> None:
        """Succeeds when a write would."""
        ...

    async def keep_tidy(self, *, now_ns: int, retention_days: int) -> None:
        """Create the coming partitions and drop those past retention; never touches orders, fills or the ledger.

        In a database, whose days all symbols share, nothing goes that its own clock, or the setting of another symbol's
        newest run, still keeps.
        """
        ...

    async def aclose(self) -> None:
        """Let go of every connection."""
        ...


class Halts(Protocol):
    """What somebody who is not the bot may write; the stores keep it beside `Store`."""

    async def halt(self, symbol: Symbol, *, who: str, why: str, at_ns: int) -> None:
        """Latch HALTED from outside: `load` says so until a later record raises the mode out of HALTED.

        It needs no `begin_run`, fences nobody off, and may be repeated.
        """
        ...
