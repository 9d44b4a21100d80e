"""One venue's REST as tasks use it: budgets, deadlines, corrected clocks, and honest outcomes."""

from __future__ import annotations

from contextlib import AsyncExitStack

import attrs
import trio

from dnbot.domain.errors import (
    AuthenticationFailed,
    RequestAmbiguous,
    RequestNotSent,
    VenueRefused,
    VenueThrottled,
    VenueUnreachable,
)
from dnbot.domain.instrument import Venue
from dnbot.ports.clock import VenueClock
from dnbot.ports.http import HttpClient
from dnbot.ports.limiter import Budget, Priority
from dnbot.ports.net import Endpoint, StreamOpener
from dnbot.tasks.budgets import BudgetsOf, account_reads
from dnbot.venues.wire import AskedTooOften, PrivateCodec, PublicCodec, Refused, Reply, Request, RequestClass, Trouble

READ_DEADLINE_S = 5.0
READ_PATIENCE_S = 20.0
"""A read waits so long for room in its budget: two of the longest windows. Given up earlier, what a start has read
already would be paid for again, out of the same budget.
"""
THROTTLE_PAUSE_S = 1.0


@attrs.frozen
class Line:
    """HTTP clients and budgets of one venue and one domain. Orders and ways out have connections of their own."""

    venue: Venue
    clients: dict[RequestClass, HttpClient]
    budgets: dict[RequestClass, Budget]
    clock: VenueClock
    paging: trio.Lock = attrs.field(factory=trio.Lock)
    """Held for a reading of several pages: a codec may know only one at a time, and two would overtake each other."""
    patience_s: float = READ_PATIENCE_S
    """So long a read's wait for the budget does not count against its deadline."""
    account_reads: Budget | None = None
    """What reads of the whole account spend besides; None: nothing."""

    async def ask(
        self, request: Request, *, priority: Priority = Priority.NORMAL, deadline_s: float,
        patience_s: float = 0.0, queue_s_max: float | None = None,
    ) -> Reply:
        """Send one request within its budget and return the reply, whatever its status.

        The wait for the budget counts against `deadline_s`, but for `patience_s`: what was decided must not leave long
        after. A signature that would grow old is made after the wait. `queue_s_max` bounds the wait for a free
        connection alone.

        Raises:
            RequestNotSent, RequestAmbiguous: as `HttpClient.request`; not sent, too, when the budget stayed spent.
        """
        asked_s = trio.current_time()
        due_s = asked_s + deadline_s
        granted = False
        with trio.CancelScope(deadline=due_s + patience_s):
            await self.budgets[request.budget].acquire(priority, request.weight)
            if request.reads_account and self.account_reads is not None:  # the narrow one last: spent as it leaves
                await self.account_reads.acquire(priority)
            granted = True
        waited_s = trio.current_time() - asked_s
        due_s += min(patience_s, waited_s)
        if not granted:
            limit_s = deadline_s + patience_s
            raise RequestNotSent(self.venue.value, f"no room in the {request.budget.value} budget in {limit_s} s")
        if waited_s > 0 and request.signed_at is not None:
            request = request.signed_at(self.venue_now_ms())
        # What leads out (hedges, unwinds, cancels) never queues behind an entry: it has a connection of its own.
        way_out = priority is Priority.RESERVED and RequestClass.CANCEL in self.clients
        client = self.clients[RequestClass.CANCEL if way_out else request.budget]
        answer = await client.request(
            request.method, request.target, dict(request.headers), request.body,
            deadline_s=max(0.0, due_s - trio.current_time()), queue_s_max=queue_s_max,
        )
        return Reply(status=answer.status, headers=dict(answer.headers), body=answer.body)

    async def read(self, codec: PublicCodec | PrivateCodec, request: Request) -> Reply:
        """A read that must succeed.

        Raises:
            VenueThrottled, AuthenticationFailed, VenueRefused, VenueUnreachable: what kind of no it was.
        """
        reply = await self.ask(request, deadline_s=READ_DEADLINE_S, patience_s=self.patience_s)
        trouble = self.verdict(codec, request, reply)
        if trouble is not None:
            raise as_error(self.venue, trouble)
        return reply

    def verdict(self, codec: PublicCodec | PrivateCodec, request: Request, reply: Reply) -> Trouble | None:
        """What kind of no the reply to a request is, noted; None for a success. For all who `ask` and not `read`."""
        trouble = codec.trouble(reply)
        if trouble is not None:
            self.note(trouble, request.budget)
        return trouble

    def note(self, trouble: Trouble, budget: RequestClass) -> None:
        """Let a rate refusal pause its budget, and a refused time have the clock measured."""
        if isinstance(trouble, AskedTooOften):
            self.budgets[budget].penalise(trouble.retry_after_s or THROTTLE_PAUSE_S)
        elif isinstance(trouble, Refused) and trouble.clock:
            self.clock.doubt(self.venue.value)

    def wall_s(self) -> int:
        """Our own clock, whole seconds since the epoch, which public frames are stamped with."""
        return self.clock.clock.now_ns() // 1_000_000_000

    def create_wait_s(self) -> float:
        """How long a create would wait for its budget now."""
        return self.budgets[RequestClass.CREATE].wait_s(Priority.NORMAL)

    async def measure_clock(self, codec: PublicCodec) -> None:
        """One sample of the venue's clock."""
        sent_s = self.clock.clock.monotonic_s()
        reply = await self.read(codec, codec.server_time_request())
        self.clock.observe(self.venue.value, sent_s, codec.server_time_ms(reply), self.clock.clock.monotonic_s())

    def venue_now_ms(self) -> int:
        """The venue's time now.

        Raises:
            VenueUnreachable: its clock has not been measured.
        """
        now_ms = self.clock.now_ms(self.venue.value)
        if now_ms is None:
            raise VenueUnreachable(self.venue.value, "its clock has not been measured yet")
        return now_ms


def as_error(venue: Venue, trouble: Trouble) -> VenueThrottled | VenueRefused | VenueUnreachable:
    """The error that says the same as a codec's verdict."""
    if isinstance(trouble, AskedTooOften):
        return VenueThrottled(venue.value, trouble.text, trouble.retry_after_s)
    if isinstance(trouble, Refused):
        kind = AuthenticationFailed if trouble.authentication else VenueRefused
        return kind(venue.value, trouble.code, trouble.text)
    return RequestAmbiguous(venue.value, trouble.text)


async def set_leverage(codec: PrivateCodec, line: Line, leverage: int, margin_mode: str) -> None:
    """Set the perpetual's leverage and margin mode.

    Raises:
        VenueThrottled, AuthenticationFailed, VenueRefused, VenueUnreachable: see `Line.read`.
    """
    for request in codec.leverage_requests(line.venue_now_ms(), leverage, margin_mode):
        await line.read(codec, request)


def line_of(
    opener: StreamOpener, rest: Endpoint, venue: Venue, venue_clock: VenueClock, stack: AsyncExitStack, *,
    private: bool, budgets: BudgetsOf,
) -> Line:
    """A venue's line: one client in public, one per class in private, so that nothing queues behind reads.

    Its connections end with `stack`.
    """
    classes = (RequestClass.READ, RequestClass.CREATE, RequestClass.CANCEL) if private else (RequestClass.PUBLIC,)
    clients: dict[RequestClass, HttpClient] = {}
    for budget in classes:
        client = HttpClient(opener, rest, clock=venue_clock.clock, venue=venue.value)
        stack.push_async_callback(client.aclose)
        clients[budget] = client
    clients.setdefault(RequestClass.PUBLIC, clients[classes[0]])  # a session measures the clock with its read client
    return Line(venue, clients, budgets(venue), venue_clock, account_reads=account_reads(venue) if private else None)
