"""Intent first, whatever the database does: what leads out goes to the spill file when the database is away or slow.

An entry waits for the database for as long as it would not be stale, and is then refused. A hedge, unwind or flatten
waits little, because the file is as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.messages import InboxEvent, StoreLost
from dnbot.domain.order import OrderIntent, Purpose
from dnbot.domain.pair import Opportunity
from dnbot.domain.transfer import Transfer
from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.ports.spill import Spill

WAYS_OUT = frozenset({Purpose.HEDGE, Purpose.UNWIND, Purpose.FLATTEN, Purpose.CANCEL})
WAY_OUT_S_MAX = 0.2
LIFE_SHARE = 2
"""An order that was committed after half of its life would reach the venue as it expires."""
AWAY_S = 1.0
"""So long after a failure a way out goes to the file at once, instead of waiting for the database again."""
LINGERING_MAX = 4
"""Commits that were given up and have not ended: a database that hangs takes seconds to be cut off."""
TRANSFER_S_MAX = 1.0
PUT_S_NOTED = 0.05


class Commits(Protocol):
    """The part of a store that makes intents durable; see `Store.commit_intents`."""

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """Make intents durable, or raise StoreUnreachable."""
        ...

    async def commit_transfer(self, transfer: Transfer) -> None:
        """Make a transfer durable, or raise StoreUnreachable."""
        ...


@attrs.define
class _Attempt:
    done: bool = False
    failure: str = ""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)


@attrs.define
class Committer:
    """Commits for desks and execution. `run` is supervised: commits that were given up end in it."""

    store: Commits
    spill: Spill
    inbox: trio.MemorySendChannel[InboxEvent]
    clock: Clock
    log: EventLog
    spilled: int = 0
    _away_until_s: float = attrs.field(default=float("-inf"), init=False)
    _lingering: int = attrs.field(default=0, init=False)
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)

    async def run(self) -> None:
        """Never returns while healthy."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """Make intents durable, in the database or, for ways out, in the file; the machine is told of the difference.

        Raises:
            StoreUnreachable: they are in neither, and must not be sent.
        """
        way_out = all(intent.purpose in WAYS_OUT for intent in intents)
        if way_out:
            failure = await self._quickly(intents, execution_id, opportunity)
        else:
            failure = await self._in_time(intents, execution_id, opportunity)
        if not failure:
            return
        if way_out:
            self._put(intents, failure)
            await self.inbox.send(StoreLost(failure))
            return
        raise StoreUnreachable(failure)

    async def commit_transfer(self, transfer: Transfer) -> None:
        """Make a transfer durable, in the database alone: what may be moved in a day is counted there.

        Raises:
            StoreUnreachable: it is not known to be, and must not be asked for.
        """
        failure = f"no answer in {TRANSFER_S_MAX} s"
        with trio.move_on_after(TRANSFER_S_MAX):
            try:
                await self.store.commit_transfer(transfer)
            except StoreUnreachable as error:
                failure = str(error)
            else:
                return
        await self.inbox.send(StoreLost(self._failed(failure)))
        raise StoreUnreachable(failure)

    async def _in_time(
        self, intents: Sequence[OrderIntent], execution_id: str, opportunity: Opportunity | None
    ) -> str:
        left_s = min(intent.expires_at_ns for intent in intents) / 1e9 - self.clock.now_ns() / 1e9
        with trio.move_on_after(max(0.0, left_s / LIFE_SHARE)):
            try:
                await self.store.commit_intents(intents, execution_id=execution_id, opportunity=opportunity)
            except StoreUnreachable as error:
                return self._failed(str(error))
            return ""
        return self._failed(f"no answer in {max(0.0, left_s / LIFE_SHARE):.2f} s")

    async def _quickly(
        self, intents: Sequence[OrderIntent], execution_id: str, opportunity: Opportunity | None
    ) -> str:
        """As `_in_time`, but the caller does not wait for a commit that was given up to come to its end."""
        if trio.current_time() < self._away_until_s:
            return "it did not answer a moment ago"
        if self._nursery is None or self._lingering >= LINGERING_MAX:
            return self._failed("earlier commits have not ended")
        attempt = _Attempt()
        self._nursery.start_soon(self._try, attempt, intents, execution_id, opportunity, name="commit")
        with trio.move_on_after(WAY_OUT_S_MAX):
            await attempt.ended.wait()
        if attempt.done:
            return ""
        attempt.scope.cancel()
        return self._failed(attempt.failure or f"no answer in {WAY_OUT_S_MAX} s")

    async def _try(
        self, attempt: _Attempt, intents: Sequence[OrderIntent], execution_id: str, opportunity: Opportunity | None
    ) -> None:
        self._lingering += 1
        try:
            with attempt.scope:
                await self.store.commit_intents(intents, execution_id=execution_id, opportunity=opportunity)
                attempt.done = True
        except StoreUnreachable as error:
            attempt.failure = str(error)
        finally:
            self._lingering -= 1
            attempt.ended.set()

    def _failed(self, failure: str) -> str:
        self._away_until_s = trio.current_time() + AWAY_S
        return failure

    def _put(self, intents: Sequence[OrderIntent], why: str) -> None:
        began_s = self.clock.monotonic_s()
        self.spill.put(intents)
        took_s = self.clock.monotonic_s() - began_s
        self.spilled += len(intents)
        names = ", ".join(intent.client_order_id for intent in intents)
        self.log.warning("spilled", client_order_ids=names, why=why, took_us=int(took_s * 1e6))
        if took_s > PUT_S_NOTED:
            self.log.error("spill_slow", took_s=took_s, allowed_s=PUT_S_NOTED)
