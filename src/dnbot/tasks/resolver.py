"""What became of an intent? Lists and trades, never one "not found"; absence counts only when it is complete and late.

Positive evidence ends it at any step. Negative evidence is believed when the venue's clock has passed the intent's own
expiry by the matching lag and two complete passes, one lag apart, know nothing of it.

Venues list ended orders for a while only: of an older intent the open orders decide, and the trades, which are listed
for longer. One that is older than these too cannot be decided: it is given up by name, and balances tell the rest.
"""

from __future__ import annotations

import attrs
import trio

from dnbot.domain.errors import VenueError
from dnbot.domain.messages import FORGOTTEN, FillReported, InboxEvent, OrderAnswered, OrderReported
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus
from dnbot.domain.word import Word
from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.strategy.doubting import CLOCK_SKEW_MS
from dnbot.tasks.accounts import OVERLAP_MS, reachable, read_trades
from dnbot.tasks.link import Line
from dnbot.tasks.patience import Patience
from dnbot.venues.wire import DAY_MS, PrivateCodec

PASSES = 2
TRY_PAUSE_S = 0.3
QUICK_TRIES = 15
"""For about as long as a leg may be in doubt; a venue that is down for longer is asked less often."""
TRY_PAUSE_S_MAX = 2.0


@attrs.frozen
class Lists:
    """One complete pass over what a venue's lists have since `since_ms`; a part that failed would have raised."""

    began_s: float
    since_ms: int
    reports: tuple[OrderReport, ...]
    fills: tuple[Fill, ...]


class Seen(Word):
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
    _busy: dict[str, OrderIntent] = attrs.field(factory=dict, init=False)
    _listing: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _lists: Lists | None = attrs.field(default=None, init=False)

    async def resolve(self, intent: OrderIntent, venue_order_id: str) -> None:
        """Tell everything that the venue knows of an intent; end with its final state or with NO_EFFECT.

        Gives up silently at its deadline: the machine asks again for as long as the order is unsettled.
        """
        if intent.client_order_id in self._busy:
            return
        self._busy[intent.client_order_id] = intent
        try:
            with trio.move_on_after(self.deadline_s):
                await self._until_known(intent, venue_order_id)
        finally:
            self._busy.pop(intent.client_order_id, None)

    async def _until_known(self, intent: OrderIntent, venue_order_id: str) -> None:
        blank_passes = 0
        patience = Patience(TRY_PAUSE_S, QUICK_TRIES, TRY_PAUSE_S_MAX)
        while True:
            try:
                began_ms = self.line.venue_now_ms()
                seen = await self._look(intent, venue_order_id)
            except VenueError as error:
                self.log.info("resolve_waits", client_order_id=intent.client_order_id, what=str(error))
                await trio.sleep(patience.after_failure())
                continue
            patience.after_success()
            if seen is Seen.ENDED and not self._is_forgotten(intent):
                return
            blank = seen is not Seen.ALIVE and began_ms > self._decidable_ms(intent)
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
        seen = await self._look_by_id(venue_order_id) if venue_order_id else Seen.NOWHERE
        lists = await self._complete_lists(self._since_ms(intent))
        for report in lists.reports:
            if report.client_order_id == intent.client_order_id or report.venue_order_id == venue_order_id:
                await self.inbox.send(OrderReported(report))
                venue_order_id = venue_order_id or report.venue_order_id
                seen = seen if seen is Seen.ENDED else _seen(report)
        for fill in lists.fills:
            mine = fill.client_order_id == intent.client_order_id
            if mine or (venue_order_id and fill.venue_order_id == venue_order_id):
                await self.inbox.send(FillReported(fill))
        return seen

    async def _complete_lists(self, since_ms: int) -> Lists:
        """A pass that began after this call. Those who waited for it share it: after a crash many orders are unresolved
        at once, and a pass for each would spend the venue's budget for seconds.
        """
        asked_s = trio.current_time()
        async with self._listing:
            lists = self._lists
            if lists is None or lists.began_s < asked_s or lists.since_ms > since_ms + 1:  # rounding of two clocks
                oldest = min((self._since_ms(other) for other in self._busy.values()), default=since_ms)
                self._lists = lists = await self._read_lists(min(oldest, since_ms))
        return lists

    async def _read_lists(self, since_ms: int) -> Lists:
        began_s, now_ms, kept = trio.current_time(), self.line.venue_now_ms(), self.codec.kept
        finished_since_ms = reachable(since_ms, kept.finished_ms, now_ms)
        reports: list[OrderReport] = []
        for request in (
            self.codec.open_orders_request(self.line.venue_now_ms()),
            self.codec.finished_orders_request(self.line.venue_now_ms(), finished_since_ms),
        ):
            reports.extend(self.codec.orders(await self.line.read(self.codec, request)))
        fills = await read_trades(self.codec, self.line, reachable(since_ms, kept.trades_ms, now_ms))
        return Lists(began_s, since_ms, tuple(reports), fills)

    async def _look_by_id(self, venue_order_id: str) -> Seen:
        request = self.codec.order_request(venue_order_id, self.line.venue_now_ms())
        reply = await self.line.ask(request, deadline_s=2.0)
        if self.line.verdict(self.codec, request, reply) is not None:
            return Seen.NOWHERE  # a finished order may be forgotten under its id: the lists decide
        report = self.codec.order(reply)
        await self.inbox.send(OrderReported(report))
        return _seen(report)

    def _since_ms(self, intent: OrderIntent) -> int:
        """From when on lists can know of an intent, by the venue's clock."""
        age_ms = (self.clock.now_ns() - intent.created_at_ns) // 1_000_000
        return self.line.venue_now_ms() - OVERLAP_MS - max(0, age_ms)

    def _is_forgotten(self, intent: OrderIntent) -> bool:
        """Whether it may have traded before the venue's list of trades begins."""
        since_ms = self._since_ms(intent)
        return reachable(since_ms, self.codec.kept.trades_ms, self.line.venue_now_ms()) > since_ms

    async def _tell_nothing(self, intent: OrderIntent) -> None:
        code, text = "EXPIRED", "past its expiry, and complete lists do not know it"
        if self._is_forgotten(intent):
            days = self.codec.kept.trades_ms / DAY_MS
            code, text = FORGOTTEN, f"older than the {days:.0f} days for which {self.line.venue.value} lists trades"
        await self.inbox.send(
            OrderAnswered(
                client_order_id=intent.client_order_id, outcome="no_effect", code=code, text=text,
                at_ns=self.clock.now_ns(),
            )
        )


def _seen(report: OrderReport) -> Seen:
    return Seen.ALIVE if report.status is OrderStatus.OPEN else Seen.ENDED
