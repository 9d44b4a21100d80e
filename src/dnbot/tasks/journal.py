"""Records to the store, in order, in batches; an absent database is told to the machine and waited for.

A batch is kept until it is written: nothing is lost while the process lives, and meanwhile no new risk is taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.messages import Alert, InboxEvent, Record, StoreFound, StoreLost
from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.ports.store import Store
from dnbot.tasks.gatekeeper import Gatekeeper

BATCH_MAX = 512
RETRY_S = 0.5
TIDY_EVERY_S = 3600.0
TIDY_RETRY_S = 60.0
FAREWELL_S = 5.0


@attrs.define
class Journal:
    """`run` is supervised; an unwritten batch survives its restart."""

    records: trio.MemoryReceiveChannel[Record]
    inbox: trio.MemorySendChannel[InboxEvent]
    store: Store
    clock: Clock
    log: EventLog
    retention_days: int
    gate: Gatekeeper
    """Shows whether the machine believes the store to be away, whoever told it so."""
    written: int = 0
    _batch: list[Record] = attrs.field(factory=list, init=False)

    async def run(self) -> None:
        """Never returns while healthy."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tidy, name="tidy")
            while True:
                await self._collect()
                await self._write()

    async def _collect(self) -> None:
        if not self._batch:
            self._batch.append(await self.records.receive())
        self._drain()

    def _drain(self) -> None:
        while len(self._batch) < BATCH_MAX:
            try:
                record = self.records.receive_nowait()
            except trio.WouldBlock:
                return
            self._batch.append(record)

    async def _write(self) -> None:
        told = False
        while True:
            try:
                await self.store.append(self._batch)
            except StoreUnreachable as error:
                if not told:
                    told = True
                    self.log.error("store_lost", what=str(error))
                    await self.inbox.send(StoreLost(str(error)))
                await trio.sleep(RETRY_S)
                continue
            break
        for record in self._batch:
            if isinstance(record, Alert):
                self.log.warning("alert", level=record.level, key=record.key, text=record.text)
        self.written += len(self._batch)
        self._batch.clear()
        # The loss may have been told by a commit, or by this task before it was restarted.
        if told or (self.gate.context is not None and not self.gate.context.store_up):
            await self.inbox.send(StoreFound())

    async def _tidy(self) -> None:
        """Housekeeping waits for better times: that it fails is no reason to stop writing."""
        while True:
            pause_s = TIDY_EVERY_S
            try:
                await self.store.keep_tidy(now_ns=self.clock.now_ns(), retention_days=self.retention_days)
            except StoreUnreachable as error:
                self.log.warning("not_tidied", what=str(error))
                pause_s = TIDY_RETRY_S
            await trio.sleep(pause_s)

    async def flush(self, rest: Iterable[Record] = ()) -> None:
        """Write everything that is queued, and then what did not fit: the last act before the store is closed.

        Raises:
            StoreUnreachable: it could not be written.
        """
        left = deque(rest)
        while True:
            self._drain()
            while left and len(self._batch) < BATCH_MAX:
                self._batch.append(left.popleft())
            if not self._batch:
                return
            await self.store.append(self._batch)
            self.written += len(self._batch)
            self._batch.clear()
