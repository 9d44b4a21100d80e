"""One pair at a time: commit both intents and the evidence in one transaction, hand both over in the same turn.

Settling and repairing are the machine's: it sees fills, reports and answers in its one inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Command, ExecutePair, InboxEvent, PairAborted, PairCommitted, PlaceOrder, StoreLost
from dnbot.metrics.stages import Stages
from dnbot.ports.clock import Clock
from dnbot.tasks.committing import Commits
from dnbot.tasks.gatekeeper import Gatekeeper

RATE_WAIT_S_MAX = 0.02  # more would age the books that the decision stands on


@attrs.define
class Executor:
    """`run` is supervised; it holds nothing between two pairs."""

    executions: trio.MemoryReceiveChannel[ExecutePair]
    desks: Mapping[Venue, trio.MemorySendChannel[Command]]
    inbox: trio.MemorySendChannel[InboxEvent]
    gate: Gatekeeper
    store: Commits
    clock: Clock
    rate_wait_s: Mapping[Venue, Callable[[], float]]
    """How long a create at each venue would have to wait for its rate budget."""
    stages: Stages = attrs.field(factory=Stages)

    async def run(self) -> None:
        """Never returns while healthy."""
        async for pair in self.executions:
            await self._commit_and_send(pair)

    async def _commit_and_send(self, pair: ExecutePair) -> None:
        try:
            await self.store.commit_intents(
                pair.intents, execution_id=pair.execution_id, opportunity=pair.opportunity
            )
        except StoreUnreachable as error:
            await self.inbox.send(StoreLost(str(error)))
            await self._abort(pair, "DB_UNAVAILABLE", str(error))
            return
        self.stages.committed(pair.execution_id)
        denials = [denial for intent in pair.intents if (denial := self.gate.denial(intent)) is not None]
        if denials:
            code, _, text = denials[0].partition(": ")
            await self._abort(pair, code, text)
            return
        waits = [self.rate_wait_s[intent.venue]() for intent in pair.intents]
        if max(waits) > RATE_WAIT_S_MAX:
            await self._abort(pair, "RATE", f"a create would wait {max(waits):.2f} s for its rate budget")
            return
        # No await between these: what the gate allowed is still true, and both legs leave in the same turn.
        for intent in pair.intents:
            self.desks[intent.venue].send_nowait(PlaceOrder(intent, committed=True))
        await self.inbox.send(PairCommitted(pair.execution_id, self.clock.now_ns()))

    async def _abort(self, pair: ExecutePair, reason: str, text: str) -> None:
        await self.inbox.send(PairAborted(pair.execution_id, reason, text, self.clock.now_ns()))
