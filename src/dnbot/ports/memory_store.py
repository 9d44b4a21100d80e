"""The store without a database: the same promises, for simulations. Keep the object, and a restarted bot finds it all.

It can be told to fail: before it does anything (`fail_next`, `down`, `delay_s`), or after, so that the answer is lost
(`lose_next_answers`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

import attrs
import msgspec
import trio

from dnbot.domain.errors import InvariantBroken, StoreUnreachable, Superseded
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.messages import (
    Alert,
    ExecutionClosed,
    FillBooked,
    InstrumentChanged,
    ModeChanged,
    OpportunityTaken,
    OrderChanged,
    PortfolioSaved,
    Record,
    RowBooked,
    StateChanged,
    TransferChanged,
)
from dnbot.domain.order import Fill, Order, OrderIntent, Purpose
from dnbot.domain.pair import Opportunity
from dnbot.domain.position import EntryKind, LedgerEntry, Portfolio
from dnbot.domain.records import CRASH_WINDOW_S, REPAIR_WINDOW_S
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import ZERO
from dnbot.ports.record_numbers import RecordNumbers
from dnbot.ports.store import LedgerTotal, StoredState, UnresolvedIntent
from dnbot.ports.store_rebuild import PORTFOLIOS_KEPT, SEEN_MAX, is_row, rebuilt, says_something, young_transfers

SAMPLES_MAX = 100_000
HALTED = "HALTED"
SHUTDOWN = "SHUTDOWN"
ANSWER_S_MAX = 1.0
"""A delay above this is a database that does not answer."""
_NS_PER_DAY = 86_400 * 1_000_000_000

EPOCH_ORIGIN_S = 1_700_000_000
"""An epoch is never below the start's own second since then: a fresh store on a used account repeats no client id."""


@attrs.define
class MemoryBook:
    """All that is stored of one symbol. Keys are those of the database's tables; values with a number are ordered."""

    symbol: Symbol
    epoch: int = 0
    sequence: int = 0
    instruments: dict[Venue, Instrument] = attrs.field(factory=dict)
    orders: dict[str, Order] = attrs.field(factory=dict)
    committed: set[str] = attrs.field(factory=set)
    fills: dict[tuple[Venue, str], tuple[int, Fill]] = attrs.field(factory=dict)
    entries: dict[str, tuple[int, LedgerEntry, bool]] = attrs.field(factory=dict)
    """By entry id: number, entry, and whether a fill caused it."""
    transfers: dict[str, Transfer] = attrs.field(factory=dict)
    portfolios: deque[tuple[int, Portfolio]] = attrs.field(factory=lambda: deque(maxlen=PORTFOLIOS_KEPT))
    transitions: list[StateChanged] = attrs.field(factory=list)
    modes: list[ModeChanged] = attrs.field(factory=list)
    halts: list[tuple[int, str]] = attrs.field(factory=list)
    """How many changes of the mode there were, and why it was halted from outside."""
    alerts: list[Alert] = attrs.field(factory=list)
    opportunities: dict[str, tuple[str, Opportunity]] = attrs.field(factory=dict)
    """By opportunity id: `committed` or `taken`, and the opportunity."""
    closed: dict[str, ExecutionClosed] = attrs.field(factory=dict)
    samples: deque[Record] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))


@attrs.define
class MemoryDatabase:
    """What outlives a store. Several stores may stand on one, as several processes on a database."""

    books: dict[Symbol, MemoryBook] = attrs.field(factory=dict)
    runs: list[tuple[int, Symbol, str, str, int]] = attrs.field(factory=list)
    """Epoch, symbol, version, settings, start in ns."""


@attrs.define
class MemoryStore:
    """`Store` in memory. A call checks everything, then changes everything, and does not wait between the two."""

    database: MemoryDatabase = attrs.field(factory=MemoryDatabase)
    down: bool = False
    """While true, every call raises StoreUnreachable and does nothing."""
    delay_s: float = 0.0
    """How long every call takes."""
    _failures: int = 0
    _lost_answers: int = 0
    _symbol: Symbol | None = None
    _epoch: int = 0
    _numbers: RecordNumbers = attrs.field(factory=RecordNumbers)
    _appending: trio.Lock = attrs.field(factory=trio.Lock)

    def fail_next(self, count: int = 1) -> None:
        """The next calls raise StoreUnreachable and do nothing."""
        self._failures = count

    def lose_next_answers(self, count: int = 1) -> None:
        """The next appends are done and raise StoreUnreachable all the same."""
        self._lost_answers = count

    async def begin_run(self, symbol: Symbol, *, version: str, settings: str, started_at_ns: int) -> int:
        """See `Store`."""
        await self._arrive()
        book = self.database.books.setdefault(symbol, MemoryBook(symbol))
        last = self.database.runs[-1][0] if self.database.runs else 0
        self._epoch = book.epoch = max(last + 1, started_at_ns // 1_000_000_000 - EPOCH_ORIGIN_S)
        self._symbol = symbol
        self.database.runs.append((self._epoch, symbol, version, settings, started_at_ns))
        self._numbers.restart(book.sequence)
        return self._epoch

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """See `Store`."""
        book = self._book()
        await self._arrive()
        self._fence(book)
        names = [intent.client_order_id for intent in intents]
        if len(set(names)) != len(names) or not book.committed.isdisjoint(names):
            raise InvariantBroken(f"committed before, or twice: {names}")
        for intent in intents:
            self._check_intent(intent)
        if opportunity is not None and not execution_id:
            raise InvariantBroken("an opportunity is committed for an execution")
        book.committed.update(names)
        for intent in intents:
            book.orders.setdefault(intent.client_order_id, Order(intent=intent))
        if opportunity is not None:
            book.opportunities.setdefault(opportunity.opportunity_id, ("committed", opportunity))

    async def commit_transfer(self, transfer: Transfer) -> None:
        """See `Store`."""
        book = self._book()
        await self._arrive()
        self._fence(book)
        if transfer.transfer_id in book.transfers or not (_is_finite(transfer.amount) and transfer.amount > 0):
            raise InvariantBroken(f"committed before, or not an amount: {transfer}")
        book.transfers[transfer.transfer_id] = transfer

    async def append(self, records: Sequence[Record]) -> None:
        """See `Store`."""
        book = self._book()
        async with self._appending:
            await self._arrive()
            left = tuple(records)
            if not self._numbers.is_sure and not (left := self._numbers.without_known(left, book.sequence)):
                self._numbers.written(left)
                return
            self._fence(book)
            for record in left:
                self._check(record)
            for record in left:
                book.sequence += 1
                _write(book, record)
            if self._lost_answers:
                self._lost_answers -= 1
                self._numbers.unanswered(left)
                raise StoreUnreachable("the answer was lost")
            self._numbers.written(left)

    async def halt(self, symbol: Symbol, *, who: str, why: str, at_ns: int) -> None:
        """See `Halts`."""
        await self._arrive()
        book = self.database.books.setdefault(symbol, MemoryBook(symbol))
        book.halts.append((len(book.modes), why))

    async def load(self, symbol: Symbol) -> StoredState:
        """See `Store`."""
        await self._arrive()
        book = self.database.books.get(symbol)
        return StoredState() if book is None else _state(book, self.database.runs)

    async def ledger_totals(self, symbol: Symbol) -> tuple[LedgerTotal, ...]:
        """See `Store`."""
        await self._arrive()
        book = self.database.books.get(symbol) or MemoryBook(symbol)
        accounts = sorted({(entry.venue.value, entry.asset) for _, entry, _ in book.entries.values()})
        return tuple(_total(book, Venue(venue), asset) for venue, asset in accounts)

    async def fills_of(self, symbol: Symbol, orders: Sequence[UnresolvedIntent] | None = None) -> tuple[Fill, ...]:
        """See `Store`."""
        await self._arrive()
        found = [fill for _, fill in self.database.books.get(symbol, MemoryBook(symbol)).fills.values()]
        return tuple(fill for fill in found if orders is None or any(order.owns(fill) for order in orders))

    async def entries_of(self, symbol: Symbol) -> tuple[LedgerEntry, ...]:
        """Every ledger entry, in the order of booking."""
        await self._arrive()
        book = self.database.books.get(symbol)
        if book is None:
            return ()
        found = sorted(book.entries.values(), key=lambda item: (item[0], item[1].entry_id))
        return tuple(entry for _, entry, _ in found)

    async def orders_of(self, symbol: Symbol, names: Sequence[str] | None = None) -> tuple[Order, ...]:
        """See `Store`."""
        await self._arrive()
        found = self.database.books.get(symbol, MemoryBook(symbol)).orders.items()
        return _oldest_first(order for name, order in found if names is None or name in names)

    async def ping(self) -> None:
        """See `Store`."""
        await self._arrive()

    async def keep_tidy(self, *, now_ns: int, retention_days: int) -> None:
        """See `Store`."""
        await self._arrive()
        cutoff_day = (now_ns - retention_days * _NS_PER_DAY) // _NS_PER_DAY
        for book in self.database.books.values():
            kept = [sample for sample in book.samples if _at_ns(sample) // _NS_PER_DAY >= cutoff_day]
            book.samples = deque(kept, maxlen=SAMPLES_MAX)

    async def aclose(self) -> None:
        """See `Store`. What was stored stays."""
        await trio.lowlevel.checkpoint()

    async def _arrive(self) -> None:
        """The way to the database: it takes its time, and may end nowhere."""
        if self.delay_s > ANSWER_S_MAX:
            await trio.sleep(ANSWER_S_MAX)
            raise StoreUnreachable(f"no answer in {ANSWER_S_MAX} s")
        await trio.sleep(self.delay_s)
        if self._failures:
            self._failures -= 1
            raise StoreUnreachable("told to fail")
        if self.down:
            raise StoreUnreachable("down")

    def _book(self) -> MemoryBook:
        if self._symbol is None:
            raise InvariantBroken("begin_run comes before any other write")
        return self.database.books[self._symbol]

    def _fence(self, book: MemoryBook) -> None:
        if book.epoch != self._epoch:
            raise Superseded(f"{book.symbol}: epoch {self._epoch} may not write, {book.epoch} has begun")

    def _check(self, record: Record) -> None:
        if isinstance(record, OrderChanged):
            self._check_intent(record.order.intent)
        elif isinstance(record, FillBooked):
            if record.fill.symbol != self._symbol:
                raise InvariantBroken(f"a fill of {record.fill.symbol} in the book of {self._symbol}")
            if not all(_is_finite(entry.amount) for entry in record.entries) or not _is_finite(record.fill.price):
                raise InvariantBroken(f"not a number: {record.fill}")
        elif isinstance(record, RowBooked) and not all(_is_finite(entry.amount) for entry in record.entries):
            raise InvariantBroken(f"not a number: {record.entries}")

    def _check_intent(self, intent: OrderIntent) -> None:
        if intent.symbol != self._symbol or all(run[0] != intent.epoch for run in self.database.runs):
            raise InvariantBroken(f"{intent.client_order_id}: unknown symbol {intent.symbol} or epoch {intent.epoch}")
        if not (_is_finite(intent.quantity) and _is_finite(intent.price) and intent.quantity > 0 < intent.price):
            raise InvariantBroken(f"{intent.client_order_id}: {intent.quantity} at {intent.price}")


def _is_finite(value: Decimal) -> bool:
    return value.is_finite()


def _write(book: MemoryBook, record: Record) -> None:
    match record:
        case OrderChanged():
            if says_something(record.order):
                book.orders[record.order.intent.client_order_id] = record.order
        case FillBooked():
            fill = record.fill
            book.fills.setdefault((fill.venue, fill.trade_id), (book.sequence, fill))
            for entry in record.entries:
                book.entries.setdefault(entry.entry_id, (book.sequence, entry, True))
        case RowBooked():
            for entry in record.entries:
                book.entries.setdefault(entry.entry_id, (book.sequence, entry, False))
        case TransferChanged():
            if record.transfer.transfer_id in book.transfers:  # else its commit is still to come
                book.transfers[record.transfer.transfer_id] = record.transfer
        case PortfolioSaved():
            # Through JSON, as in the database: what cannot be stored is found out in a simulation.
            encoded = msgspec.json.encode(record.portfolio)
            book.portfolios.append((book.sequence, msgspec.json.decode(encoded, type=Portfolio)))
        case StateChanged():
            book.transitions.append(record)
        case ModeChanged():
            book.modes.append(record)
        case Alert():
            book.alerts.append(record)
        case OpportunityTaken():
            book.opportunities[record.opportunity.opportunity_id] = ("taken", record.opportunity)
        case ExecutionClosed():
            book.closed[record.execution_id] = record
        case InstrumentChanged():
            book.instruments[record.instrument.venue] = record.instrument
        case _:
            book.samples.append(record)


def _state(book: MemoryBook, runs: Sequence[tuple[int, Symbol, str, str, int]]) -> StoredState:
    after, saved = book.portfolios[-1] if book.portfolios else (0, None)
    items: list[tuple[int, str, Fill | LedgerEntry]] = [
        (number, "", fill) for number, fill in book.fills.values() if number > after
    ]
    items += [(n, entry.entry_id, entry) for n, entry, of_fill in book.entries.values() if n > after and not of_fill]
    rows = [entry for _, entry, of_fill in book.entries.values() if not of_fill]
    return StoredState(
        portfolio=rebuilt(book.symbol, saved, [item for *_, item in sorted(items, key=lambda item: item[:2])]),
        unresolved=tuple(
            UnresolvedIntent(
                intent=order.intent, status=order.status, venue_order_id=order.venue_order_id,
                reported_filled=order.reported_filled,
            )
            for order in _oldest_first(book.orders.values())
            if not order.is_settled
        ),
        seen=_seen(book),
        fill_ms=_newest({}, ((fill.venue, fill.traded_at_ns) for _, fill in book.fills.values())),
        row_ms=_newest({}, ((entry.venue, entry.at_ns) for entry in rows if is_row(entry.entry_id))),
        repairs=_repairs(book, runs),
        transfers=young_transfers(book.transfers.values(), _newest_start(book, runs)),
        crashes=_crashes(book, runs),
        opened=tuple(venue for venue in sorted(Venue, key=lambda v: v.value) if _is_open(rows, venue)),
        **_mode(book),
    )


def _mode(book: MemoryBook) -> dict[str, str]:
    newest = book.modes[-1] if book.modes else None
    if newest is None or newest.to_mode != HALTED:
        for count, why in reversed(book.halts):
            if not any(m.from_mode == HALTED != m.to_mode for m in book.modes[count:]):
                return {"mode": HALTED, "mode_why": why}
    return {} if newest is None else {"mode": newest.to_mode, "mode_why": newest.why}


def _newest_start(book: MemoryBook, runs: Sequence[tuple[int, Symbol, str, str, int]]) -> int:
    return next((at_ns for _, symbol, _, _, at_ns in reversed(runs) if symbol == book.symbol), 0)


def _repairs(book: MemoryBook, runs: Sequence[tuple[int, Symbol, str, str, int]]) -> tuple[Order, ...]:
    newest_ns = _newest_start(book, runs)
    return tuple(
        order for order in _oldest_first(book.orders.values())
        if order.is_settled and order.intent.purpose in (Purpose.HEDGE, Purpose.UNWIND)
        and order.intent.created_at_ns >= newest_ns - REPAIR_WINDOW_S * 10**9
    )  # fmt: skip


def _crashes(book: MemoryBook, runs: Sequence[tuple[int, Symbol, str, str, int]]) -> int:
    starts = [at_ns for _, symbol, _, _, at_ns in runs if symbol == book.symbol]
    shutdowns = [change.at_ns for change in book.transitions if change.to_state == SHUTDOWN]
    ends = starts[1:]
    return sum(
        start >= starts[-1] - CRASH_WINDOW_S * 10**9 and not any(start <= at_ns < end for at_ns in shutdowns)
        for start, end in zip(starts, ends, strict=False)
    )


def _seen(book: MemoryBook) -> tuple[str, ...]:
    keys = [(number, f"{fill.venue.value}:{fill.trade_id}") for number, fill in book.fills.values()]
    keys += [(number, entry.entry_id) for number, entry, of_fill in book.entries.values() if not of_fill]
    return tuple(key for _, key in sorted(keys)[-SEEN_MAX:])


def _newest(newest: dict[Venue, int], times: Iterable[tuple[Venue, int]]) -> dict[Venue, int]:
    for venue, at_ns in times:
        newest[venue] = max(newest.get(venue, 0), at_ns // 1_000_000)
    return newest


def _is_open(rows: Iterable[LedgerEntry], venue: Venue) -> bool:
    return any(entry.venue is venue and entry.kind is EntryKind.OPENING for entry in rows)


def _oldest_first(orders: Iterable[Order]) -> tuple[Order, ...]:
    return tuple(sorted(orders, key=lambda order: (order.intent.created_at_ns, order.intent.client_order_id)))


def _total(book: MemoryBook, venue: Venue, asset: str) -> LedgerTotal:
    entries = [entry for _, entry, _ in book.entries.values() if entry.venue is venue and entry.asset == asset]
    with localcontext() as context:
        context.prec = 1000  # no sum of the ledger is ever rounded
        opening = sum((entry.amount for entry in entries if entry.kind is EntryKind.OPENING), ZERO)
        rest = sum((entry.amount for entry in entries if entry.kind is not EntryKind.OPENING), ZERO)
    adjustments = sum(entry.kind is EntryKind.ADJUSTMENT for entry in entries)
    return LedgerTotal(venue, asset, opening, rest, adjustments)


def _at_ns(sample: Record) -> int:
    return 0 if isinstance(sample, InstrumentChanged | ExecutionClosed) else sample.at_ns
