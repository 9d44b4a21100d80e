"""The channels between tasks, their limits, and the few cells that one task writes and others read.

A limit is a promise: what fills it is said in `docs/architecture.md`, and what happens then is never "wait for ever".
"""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs
import trio

from dnbot.domain.instrument import VENUES, FeeSchedule, Instrument, Venue
from dnbot.domain.messages import Command, ExecutePair, InboxEvent, Record

INBOX_LIMIT = 1024  # a burst of every private stream; senders wait, the machine never does
ORDERS_LIMIT = 64  # above the in-flight limit of the risk checks, so it cannot fill
EXECUTION_LIMIT = 4  # the machine runs one execution at a time
RECORDS_LIMIT = 4096  # seconds of a stalled database; when full we do not trade what we cannot record

T = TypeVar("T")


@attrs.define
class Cell(Generic[T]):
    """One value with one writer; readers see the newest or wait for the first."""

    value: T | None = None
    _filled: trio.Event = attrs.field(factory=trio.Event, init=False)

    def put(self, value: T) -> None:
        """Replace the value."""
        self.value = value
        filled, self._filled = self._filled, trio.Event()
        filled.set()

    async def first(self) -> T:
        """The value, waiting until there is one."""
        while self.value is None:
            await self._filled.wait()
        return self.value

    async def after(self, known: T) -> T:
        """The value, waiting until it is another one than `known`."""
        while self.value is None or self.value == known:
            await self._filled.wait()
        return self.value


@attrs.define
class Boards:
    """What is published for others to read: instruments (written by feeds) and fees (written by sessions)."""

    instruments: dict[Venue, Cell[Instrument]] = attrs.field(factory=lambda: {venue: Cell() for venue in VENUES})
    fees: dict[Venue, Cell[FeeSchedule]] = attrs.field(factory=lambda: {venue: Cell() for venue in VENUES})

    def known_fees(self) -> dict[Venue, FeeSchedule]:
        """Fee schedules read so far."""
        return {venue: cell.value for venue, cell in self.fees.items() if cell.value is not None}


@attrs.frozen
class Pipe(Generic[T]):
    """Both ends of one bounded channel; kept by the root so that a restarted child finds its queue again."""

    send: trio.MemorySendChannel[T]
    receive: trio.MemoryReceiveChannel[T]


def pipe(limit: int) -> Pipe[T]:
    """A channel of `limit` items."""
    send, receive = trio.open_memory_channel[T](limit)
    return Pipe(send, receive)


@attrs.frozen
class Channels:
    """Every channel of the bot, by its name in `docs/architecture.md`."""

    inbox: Pipe[InboxEvent]
    orders: dict[Venue, Pipe[Command]]
    executions: Pipe[ExecutePair]
    records: Pipe[Record]

    @classmethod
    def open(cls) -> Channels:
        """Fresh channels with their limits."""
        return cls(
            inbox=pipe(INBOX_LIMIT),
            orders={venue: pipe(ORDERS_LIMIT) for venue in VENUES},
            executions=pipe(EXECUTION_LIMIT),
            records=pipe(RECORDS_LIMIT),
        )
