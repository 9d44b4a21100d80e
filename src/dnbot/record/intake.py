"""Where everything that is received is numbered and waits for the disk. The count of what does not fit is kept.

The receiving side never waits. Writing runs elsewhere (in a thread), so that a slow disk makes no frame look late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import attrs
import msgspec
import trio

from dnbot.ports.clock import Clock
from dnbot.record.words import Answer, Entry, Event, Frame, Loss, Market, What
from dnbot.record.writing import RecordingWriter

FLUSH_S = 0.5
"""So often what waits goes to the disk: a killed recorder loses no more than this and the writing itself."""
WAITING_BYTES_MAX = 64 * 1024 * 1024
EARLY_BYTES = 4 * 1024 * 1024
"""So much is not left waiting until then."""
ENTRY_BYTES = 200
"""An entry's own weight, beside what it carries."""
NS_PER_S = 1_000_000_000

Elsewhere = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a call that blocks."""


async def in_thread(call: Callable[[], None]) -> None:
    """Run it in a worker thread. The order of entries is decided before: the thread only writes what it is given."""
    await trio.to_thread.run_sync(call)  # noqa: TID251 (because a disk must not hold up whoever takes the time)


class Stamp(msgspec.Struct, frozen=True):
    """When something was received, and its place among everything."""

    number: int
    received_ns: int
    monotonic_ns: int


@attrs.define
class IntakeStatistics:
    """Entries and bytes since the start."""

    entries: int = 0
    bytes: int = 0
    dropped: int = 0
    dropped_bytes: int = 0


@attrs.define
class Intake:
    """Numbers, keeps and hands over. Only one task runs `run`; anybody may put, in the turn of receipt."""

    writer: RecordingWriter
    clock: Clock
    elsewhere: Elsewhere = in_thread
    waiting_bytes_max: int = WAITING_BYTES_MAX
    flush_s: float = FLUSH_S
    statistics: IntakeStatistics = attrs.field(factory=IntakeStatistics)
    _number: int = 0
    _connections: int = 0
    _waiting: list[Entry] = attrs.field(factory=list)
    _waiting_bytes: int = 0
    _writing_bytes: int = 0
    _dropped: Counter[str] = attrs.field(factory=Counter)
    _dropped_bytes: int = 0
    _early: trio.Event = attrs.field(factory=trio.Event)

    def stamp(self) -> Stamp:
        """Now, and the next number: whoever takes one puts an entry with it in the same turn."""
        self._number += 1
        return Stamp(self._number, self.clock.now_ns(), round(self.clock.monotonic_s() * NS_PER_S))

    def next_connection(self) -> int:
        """The number of a stream that was opened."""
        self._connections += 1
        return self._connections

    def event(self, what: What, text: str = "", market: Market | None = None, connection: int = 0) -> None:
        """Write down what happened, now."""
        stamp = self.stamp()
        self.put(Event(
            number=stamp.number, received_ns=stamp.received_ns, monotonic_ns=stamp.monotonic_ns, market=market,
            connection=connection, what=what, text=text,
        ))

    def put(self, entry: Entry) -> None:
        """Keep an entry for the disk, or count it as dropped."""
        size = _weight(entry)
        if self._waiting_bytes + self._writing_bytes + size > self.waiting_bytes_max:
            self._dropped["recorder" if entry.market is None else entry.market.name] += 1
            self._dropped_bytes += size
            self.statistics.dropped += 1
            self.statistics.dropped_bytes += size
            return
        if self._dropped:
            entry = self._after_drops(entry)
        self._keep(entry, size)
        if self._waiting_bytes >= EARLY_BYTES:
            self._early.set()

    def _keep(self, entry: Entry, size: int) -> None:
        self._waiting.append(entry)
        self._waiting_bytes += size
        self.statistics.entries += 1
        self.statistics.bytes += size

    def _after_drops(self, entry: Entry) -> Entry:
        """The loss gets the number of the entry after it, and that entry the next one: numbers tell the gap."""
        told = Loss(self._dropped.total(), self._dropped_bytes, dict(self._dropped))
        self._dropped.clear()
        self._dropped_bytes = 0
        event = Event(
            number=entry.number, received_ns=entry.received_ns, monotonic_ns=entry.monotonic_ns, market=None,
            connection=0, what=What.DROPPED, text=msgspec.json.encode(told).decode(),
        )
        self._keep(event, _weight(event))
        self._number += 1
        return msgspec.structs.replace(entry, number=self._number)

    async def run(self) -> None:
        """Write what comes, until cancelled; then the rest, and close.

        Raises:
            RecordingFailed, RecordingFull: the folder is left as it is.
        """
        try:
            while True:
                with trio.move_on_after(self.flush_s):
                    await self._early.wait()
                with trio.CancelScope(shield=True):  # what was taken to be written is written
                    await self._write()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await self._finish()
            raise
        except BaseException:
            self.writer.abandon()
            raise

    async def _finish(self) -> None:
        try:
            await self._write()
            self.event(What.STOPPED)  # now there is room, for a loss that was not told yet as well
            await self._write()
            await self.elsewhere(self.writer.close)
        except BaseException:
            self.writer.abandon()
            raise

    async def _write(self) -> None:
        entries, self._waiting = self._waiting, []
        self._writing_bytes, self._waiting_bytes = self._waiting_bytes, 0
        self._early = trio.Event()
        if entries:
            await self.elsewhere(partial(self.writer.write, entries))
        self._writing_bytes = 0


def _weight(entry: Entry) -> int:
    match entry:
        case Frame(payload=carried) | Answer(body=carried):
            return ENTRY_BYTES + len(carried)
        case Event(text=text):
            return ENTRY_BYTES + len(text)
