"""The database of a simulated fleet: tasks, leases and books in one, its clock, and a standby some commits behind.

What one transaction does in PostgreSQL is done here without a wait in between: a claim fences the book, an incarnation
begins only while its lease stands, and an append finds the book where the last one left it. `tests/contracts` compares.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import attrs
import trio

from dnbot.domain.errors import InvariantBroken, StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Record
from dnbot.domain.order import OrderIntent
from dnbot.domain.pair import Opportunity
from dnbot.domain.transfer import Transfer
from dnbot.fakes.world import SIMULATION_EPOCH_NS
from dnbot.fleet.words import Granted, Lease, NewTask
from dnbot.lab.tap import NS_PER_S
from dnbot.ports.memory_budgets import MemoryBudget, MemoryBudgetsDatabase
from dnbot.ports.memory_store import MemoryBook, MemoryDatabase, MemoryStore
from dnbot.ports.memory_tasks import MemoryTask, MemoryTasks, MemoryTasksDatabase

Row = TypeVar("Row", MemoryBook, MemoryTask)
TAKES_S = 0.002
"""The way of a call to the database."""


@attrs.frozen
class Held:
    """When a lease was granted or extended, virtual seconds, and whether the one before had been released."""

    claimed_s: float
    was_released: bool
    newest_s: float


@attrs.frozen
class Standby:
    """A copy of everything, as of so many commits."""

    commits: int
    books: dict[Symbol, MemoryBook]
    runs: list[tuple[int, Symbol, str, str, int]]
    tasks: MemoryTasksDatabase
    budgets: dict[str, MemoryBudget]


@attrs.define(eq=False)
class FleetDatabase:
    """What all workers share. What the judge is told of it (`held`, `ever`) outlives a failover."""

    books: MemoryDatabase = attrs.field(factory=MemoryDatabase)
    tasks: MemoryTasksDatabase = attrs.field(init=False)
    budgets: MemoryBudgetsDatabase = attrs.field(init=False)
    ahead_s: float = 0.0
    """How far its clock is ahead of the others."""
    away: int = 0
    """For how many reasons nobody reaches it."""
    commits: int = 0
    failovers: int = 0
    held: dict[Lease, Held] = attrs.field(factory=dict)
    ever: set[str] = attrs.field(factory=set)
    """Client ids of all intents that were ever committed."""
    _wrote: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.budgets = MemoryBudgetsDatabase(self.now_s)
        self.tasks = MemoryTasksDatabase(self.now_s, granted=self._granted, renewed=self._renewed)

    def now_s(self) -> float:
        """Its own clock."""
        return trio.current_time() + self.ahead_s

    def now_ns(self) -> int:
        """The same as wall time."""
        return SIMULATION_EPOCH_NS + round(self.now_s() * NS_PER_S)

    async def add(self, new: NewTask) -> None:
        """A person adds a task; its book is there from then on, as in `add_task`."""
        await MemoryTasks(self.tasks).add(new, who="a person")
        self.books.books.setdefault(new.symbol, MemoryBook(new.symbol))

    def wrote(self) -> None:
        """A transaction that wrote is committed."""
        self.commits += 1
        self._wrote.set()

    async def until(self, commits: int) -> None:
        """Wait for that commit."""
        while self.commits < commits:
            self._wrote = trio.Event()
            await self._wrote.wait()

    # --- what claims and renewals do ----------------------------------------------------------------------------------
    def _granted(self, granted: Granted) -> None:
        now_s = trio.current_time()
        self.held[granted.lease] = Held(now_s, granted.since_end_s is None, now_s)
        self.fence(granted.lease)

    def fence(self, lease: Lease) -> None:
        """Nobody who had the book can write any more: no incarnation has the epoch 0."""
        self.books.books[self.tasks.tasks[lease.task_id].new.symbol].epoch = 0

    def _renewed(self, lease: Lease) -> None:
        self.held[lease] = attrs.evolve(self.held[lease], newest_s=trio.current_time())

    # --- the standby --------------------------------------------------------------------------------------------------
    def standby(self) -> Standby:
        """What a replica has now."""
        books = {symbol: _copied(book) for symbol, book in self.books.books.items()}
        tasks = attrs.evolve(
            self.tasks, tasks={name: _copied(row) for name, row in self.tasks.tasks.items()},
            workers=dict(self.tasks.workers), ended=dict(self.tasks.ended), events=list(self.tasks.events),
            listeners=[],
        )
        return Standby(self.commits, books, list(self.books.runs), tasks, copy.deepcopy(self.budgets.budgets))

    def fail_over(self, to: Standby) -> int:
        """From now on that is the database; returns how many commits are lost. Call it while it is away."""
        self.failovers += 1
        self.books.books, self.books.runs = to.books, to.runs
        self.tasks.tasks, self.tasks.workers = to.tasks.tasks, to.tasks.workers
        self.tasks.ended, self.tasks.events = to.tasks.ended, to.tasks.events
        self.budgets.budgets = to.budgets
        return self.commits - to.commits


def _copied(row: Row) -> Row:
    """With containers of its own; what is in them never changes."""
    return attrs.evolve(row, **{f.name: copy.copy(getattr(row, f.name)) for f in attrs.fields(type(row))})


@attrs.define(eq=False)
class Reach:
    """How one worker reaches the database."""

    database: FleetDatabase
    cut_off: int = 0
    """For how many reasons it alone does not."""

    def check(self) -> None:
        """Raises StoreUnreachable when a call ends nowhere."""
        if self.cut_off or self.database.away:
            raise StoreUnreachable("the database is away")


@attrs.define(eq=False)
class LeasedStore(MemoryStore):
    """The store of a bot that runs on a lease, as `PostgresStore.of_task` is one."""

    reach: Reach = attrs.field(kw_only=True)
    lease: Lease = attrs.field(kw_only=True)
    _begins: bool = attrs.field(default=False, init=False)

    @classmethod
    def on(cls, reach: Reach, lease: Lease) -> LeasedStore:
        """A new one; its `begin_run` checks the lease."""
        return cls(reach.database.books, delay_s=TAKES_S, reach=reach, lease=lease)

    async def begin_run(self, symbol: Symbol, *, version: str, settings: str, started_at_ns: int) -> int:
        """See `Store`. The start is by the database's clock, whatever the worker's says.

        Raises:
            LeaseLost: the lease does not stand.
        """
        self._begins, started_at_ns = True, self.reach.database.now_ns()
        try:
            epoch = await super().begin_run(symbol, version=version, settings=settings, started_at_ns=started_at_ns)
        finally:
            self._begins = False
        self.reach.database.wrote()
        return epoch

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """See `Store`."""
        await super().commit_intents(intents, execution_id=execution_id, opportunity=opportunity)
        self.reach.database.ever.update(intent.client_order_id for intent in intents)
        self.reach.database.wrote()

    async def commit_transfer(self, transfer: Transfer) -> None:
        """See `Store`."""
        await super().commit_transfer(transfer)
        self.reach.database.wrote()

    async def append(self, records: Sequence[Record]) -> None:
        """See `Store`. A book that is not where the last append left it has lost some, or has another writer."""
        await super().append(records)
        self.reach.database.wrote()

    async def _arrive(self) -> None:
        await super()._arrive()
        self.reach.check()
        if self._begins:
            self.reach.database.tasks.fence(self.lease)

    def _check(self, record: Record) -> None:
        """Asked of every record before the first is written."""
        book = self._book()
        if book.sequence != self._numbers.sequence:
            raise InvariantBroken(f"records after {book.sequence} expected, {self._numbers.sequence} found")
        super()._check(record)
