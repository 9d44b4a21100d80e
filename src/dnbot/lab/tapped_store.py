"""The store's port with a tap on it, which also can be a dead process's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Record
from dnbot.domain.order import Fill, Order, OrderIntent
from dnbot.domain.pair import Opportunity
from dnbot.domain.transfer import Transfer
from dnbot.lab.tap import Tap
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.store import LedgerTotal, StoredState, UnresolvedIntent

T = TypeVar("T")


@attrs.define(eq=False)
class TappedStore:
    """`Store` as a bot sees it. What a dead process asks for never happens, and it never learns so."""

    tap: Tap
    actor: str
    inner: MemoryStore
    revoked: bool = False

    async def begin_run(self, symbol: Symbol, *, version: str, settings: str, started_at_ns: int) -> int:
        """See `Store`."""
        return await self._call(
            "begin_run", (str(symbol),),
            lambda: self.inner.begin_run(symbol, version=version, settings=settings, started_at_ns=started_at_ns),
        )

    async def load(self, symbol: Symbol) -> StoredState:
        """See `Store`."""
        return await self._call("load", (), lambda: self.inner.load(symbol))

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """See `Store`."""
        await self._call(
            "commit_intents", tuple(intents),
            lambda: self.inner.commit_intents(intents, execution_id=execution_id, opportunity=opportunity),
        )

    async def commit_transfer(self, transfer: Transfer) -> None:
        """See `Store`."""
        await self._call("commit_transfer", (transfer,), lambda: self.inner.commit_transfer(transfer))

    async def append(self, records: Sequence[Record]) -> None:
        """See `Store`."""
        await self._call("append", tuple(records), lambda: self.inner.append(records))

    async def ledger_totals(self, symbol: Symbol) -> tuple[LedgerTotal, ...]:
        """See `Store`."""
        return await self._call("ledger_totals", (), lambda: self.inner.ledger_totals(symbol))

    async def fills_of(self, symbol: Symbol, orders: Sequence[UnresolvedIntent] | None = None) -> tuple[Fill, ...]:
        """See `Store`."""
        return await self._call("fills_of", (), lambda: self.inner.fills_of(symbol, orders))

    async def orders_of(self, symbol: Symbol, names: Sequence[str] | None = None) -> tuple[Order, ...]:
        """See `Store`."""
        return await self._call("orders_of", (), lambda: self.inner.orders_of(symbol, names))

    async def ping(self) -> None:
        """See `Store`."""
        await self._call("ping", (), self.inner.ping)

    async def keep_tidy(self, *, now_ns: int, retention_days: int) -> None:
        """See `Store`."""
        await self._call(
            "keep_tidy", (), lambda: self.inner.keep_tidy(now_ns=now_ns, retention_days=retention_days)
        )

    async def aclose(self) -> None:
        """See `Store`."""
        await self.inner.aclose()

    async def _call(self, method: str, data: tuple[object, ...], call: Callable[[], Awaitable[T]]) -> T:
        await self._unless_dead()
        self.tap.tell(self.actor, "store", "asked", method, data)
        try:
            answer = await call()
        except StoreUnreachable as error:
            self.tap.tell(self.actor, "store", "failed", method, str(error))
            raise
        await self._unless_dead()
        self.tap.tell(self.actor, "store", "done", method)
        return answer

    async def _unless_dead(self) -> None:
        if self.revoked:
            await trio.sleep_forever()
