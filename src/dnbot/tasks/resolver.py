"""What became of an intent? Lists and trades, never one "not found"; absence counts only when it is complete and late.

Positive evidence ends it at any step. Negative evidence is believed when the venue's clock has passed the intent's own
expiry by the matching lag and two complete passes, one lag apart, know nothing of it.
"""

from __future__ import annotations

from enum import Enum

import attrs
import trio

from dnbot.domain.errors import VenueError
from dnbot.domain.messages import FillReported, InboxEvent, OrderAnswered, OrderReported
from dnbot.domain.order import OrderIntent, OrderReport, OrderStatus
from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.tasks.accounts import OVERLAP_MS, read_trades
from dnbot.tasks.link import Line
from dnbot.venues.wire import PrivateCodec

CLOCK_SKEW_MS = 100  # what the measured offset may be wrong by
PASSES = 2
TRY_PAUSE_S = 0.3


class Seen(Enum):
    """What one complete pass over the lists says of an order."""

    NOWHERE = "nowhere"
    ALIVE = "alive"  # open: its end is still to come, and absence is out of the question
    ENDED = "ended"


@attrs.define
class Resolver:
    """Resolves one venue's intents, each at most once at a time."""

    codec: PrivateCodec
    line: Line
    inbox: trio.MemorySendChannel[InboxEvent]
    clock: Clock
    log: EventLog
    match_lag_ms: int
    deadline_s: float
    _busy: dict[str, None] = attrs.field(factory=dict, init=False)

    async def resolve(self, intent: OrderIntent, venue_order_id: str) -> None:
        """Tell everything that the venue knows of an intent; end with its final state or with NO_EFFECT.

        Gives up silently at its deadline: the machine asks again for as long as the order is unsettled.
        """
        if intent.client_order_id in self._busy:
            return
        self._busy[intent.client_order_id] = None
        try:
            with trio.move_on_after(self.deadline_s):
                await self._until_known(intent, venue_order_id)
        finally:
            self._busy.pop(intent.client_order_id, None)

    async def _until_known(self, intent: OrderIntent, venue_order_id: str) -> None:
        blank_passes = 0
        while True:
            try:
                began_ms = self.line.venue_now_ms()
                seen = await self._look(intent, venue_order_id)
            except VenueError as error:
                self.log.info("resolve_waits", client_order_id=intent.client_order_id, what=str(error))
                await trio.sleep(TRY_PAUSE_S)
                continue
            if seen is Seen.ENDED:
                return
            blank = seen is Seen.NOWHERE and began_ms > self._decidable_ms(intent)
            blank_passes = blank_passes + 1 if blank else 0
            if blank_passes >= PASSES:
                await self._tell_nothing(intent)
                return
            await trio.sleep(self.match_lag_ms / 1000)

    def _decidable_ms(self, intent: OrderIntent) -> int:
        """The venue's time after which a create that is not there will never be."""
        offset_ms = self.line.venue_now_ms() - self.clock.now_ns() // 1_000_000
        return intent.expires_at_ns // 1_000_000 + offset_ms + CLOCK_SKEW_MS + self.match_lag_ms

    async def _look(self, intent: OrderIntent, venue_order_id: str) -> Seen:
        """One complete pass: by id, open list, finished list, trades. A part that fails raises: it is no answer."""
        since_ms = self.line.venue_now_ms() - OVERLAP_MS - max(0, self._age_ms(intent))
        seen = await self._look_by_id(venue_order_id) if venue_order_id else Seen.NOWHERE
        for request in (
            self.codec.open_orders_request(self.line.venue_now_ms()),
            self.codec.finished_orders_request(self.line.venue_now_ms(), since_ms),
        ):
            for report in self.codec.orders(await self.line.read(self.codec, request)):
                if report.client_order_id == intent.client_order_id or report.venue_order_id == venue_order_id:
                    await self.inbox.send(OrderReported(report))
                    venue_order_id = venue_order_id or report.venue_order_id
                    seen = seen if seen is Seen.ENDED else _seen(report)
        for fill in await read_trades(self.codec, self.line, since_ms):
            mine = fill.client_order_id == intent.client_order_id
            if mine or (venue_order_id and fill.venue_order_id == venue_order_id):
                await self.inbox.send(FillReported(fill))
        return seen

    async def _look_by_id(self, venue_order_id: str) -> Seen:
        reply = await self.line.ask(
            self.codec.order_request(venue_order_id, self.line.venue_now_ms()), deadline_s=2.0
        )
        if self.codec.trouble(reply) is not None:
            return Seen.NOWHERE  # a finished order may be forgotten under its id: the lists decide
        report = self.codec.order(reply)
        await self.inbox.send(OrderReported(report))
        return _seen(report)

    def _age_ms(self, intent: OrderIntent) -> int:
        return (self.clock.now_ns() - intent.created_at_ns) // 1_000_000

    async def _tell_nothing(self, intent: OrderIntent) -> None:
        await self.inbox.send(
            OrderAnswered(
                client_order_id=intent.client_order_id, outcome="no_effect", code="EXPIRED",
                text="past its expiry, and complete lists do not know it", at_ns=self.clock.now_ns(),
            )
        )


def _seen(report: OrderReport) -> Seen:
    return Seen.ALIVE if report.status is OrderStatus.OPEN else Seen.ENDED
