"""One transfer between wallets of ours: committed first, asked for once, and an honest outcome.

The venue has no place for an id of ours, so nothing may be asked for a second time: what became of a request without an
answer is seen in the account book of the wallet that the money went to.
"""

from __future__ import annotations

import attrs
import trio

from dnbot.domain.errors import StoreUnreachable, VenueError, VenueUnreachable
from dnbot.domain.messages import InboxEvent, TransferAnswered
from dnbot.domain.transfer import Transfer
from dnbot.ports.clock import Clock
from dnbot.ports.limiter import Priority
from dnbot.tasks.committing import Commits
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.link import Line
from dnbot.tasks.order_socket import outcome_of, outcome_of_failure
from dnbot.venues.wire import PrivateCodec

ANSWER_S_MAX = 5.0
RECORD_S_MAX = 1.0
Outcome = tuple[str, str, str, str]
"""Outcome, code and text of `TransferAnswered`, and the venue's number of an accepted one."""


@attrs.define
class Mover:
    """Moves money out of one venue's wallet."""

    codec: PrivateCodec
    line: Line
    inbox: trio.MemorySendChannel[InboxEvent]
    gate: Gatekeeper
    store: Commits
    clock: Clock
    sent_ids: dict[str, None] = attrs.field(factory=dict)
    """Every transfer that this process ever asked for."""

    async def move(self, transfer: Transfer) -> None:
        """Commit, ask the gate again, ask the venue once, and tell what came of it."""
        outcome: Outcome = ("ambiguous", "CANCELLED", "cancelled while the answer was awaited", "")
        try:
            outcome = await self._outcome(transfer)
        finally:
            with trio.move_on_after(RECORD_S_MAX, shield=True):
                await self._tell(transfer, outcome)

    async def _outcome(self, transfer: Transfer) -> Outcome:
        try:
            await self.store.commit_transfer(transfer)
        except StoreUnreachable as error:
            return "not_sent", "DB_UNAVAILABLE", str(error), ""
        denial = self.gate.denial_of_transfer(transfer)
        if denial is None and transfer.transfer_id in self.sent_ids:
            denial = "DUPLICATE: this transfer was already asked for"
        if denial is not None:
            code, _, text = denial.partition(": ")
            return "not_sent", code, text, ""
        try:
            request = self.codec.transfer_request(transfer, self.line.venue_now_ms())
        except VenueError as error:
            return "not_sent", "CLOCK", str(error), ""
        self.sent_ids[transfer.transfer_id] = None
        try:
            reply = await self.line.ask(request, priority=Priority.RESERVED, deadline_s=ANSWER_S_MAX)
        except VenueUnreachable as error:
            return (*outcome_of_failure(error)[:3], "")
        trouble = self.line.verdict(self.codec, request, reply)
        if trouble is not None:
            return (*outcome_of(trouble)[:3], "")
        try:
            return "accepted", "", "", self.codec.transferred(reply)
        except VenueError as error:
            return "ambiguous", "UNREADABLE", str(error), ""

    async def _tell(self, transfer: Transfer, outcome: Outcome) -> None:
        what, code, text, venue_id = outcome
        await self.inbox.send(
            TransferAnswered(
                transfer_id=transfer.transfer_id, outcome=what, venue_id=venue_id, code=code, text=text,
                at_ns=self.clock.now_ns(),
            )
        )
