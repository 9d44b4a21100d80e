"""What a venue says about an instrument, an account and its fees, by GET alone: nothing here can change anything."""

from __future__ import annotations

from contextlib import AsyncExitStack
from decimal import Decimal

import attrs

from dnbot.domain.account import AccountFacts
from dnbot.domain.errors import InvariantBroken, VenueUnreachable
from dnbot.domain.instrument import VENUES, FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.units import divide
from dnbot.operate.places import Reach, Surroundings
from dnbot.ports.clock import Clock, VenueClock
from dnbot.ports.http import HttpClient
from dnbot.ports.limiter import Budget, RateLimiter
from dnbot.tasks.budgets import BudgetsOf
from dnbot.tasks.link import READ_DEADLINE_S, Line
from dnbot.venues.factory import Codecs
from dnbot.venues.wire import PrivateCodec, PublicCodec, Reply, Request, RequestClass, Signer

CLOCK_SAMPLES = 3
RATE_PER_S, BURST = 10.0, 100  # half of the tightest read budget of the three: a bot may be running beside us


@attrs.frozen
class VenueFacts:
    """One venue as a check sees it."""

    instrument: Instrument
    mid: Decimal
    account: AccountFacts
    fees: FeeSchedule | None
    """None when the account has a problem: then nothing more is asked of it."""


@attrs.frozen
class Reader:
    """One venue's line, through which nothing but GET passes."""

    line: Line

    async def get(self, codec: PublicCodec | PrivateCodec, request: Request) -> Reply:
        """A read that must succeed; errors as `Line.read`."""
        return await self.line.read(codec, only_get(request))

    async def ask(self, request: Request) -> Reply:
        """A read whose refusal is an answer; errors as `Line.ask`."""
        return await self.line.ask(
            only_get(request), deadline_s=READ_DEADLINE_S, patience_s=self.line.patience_s
        )


def only_get(request: Request) -> Request:
    """The request itself; raises InvariantBroken for any method that could change something."""
    if request.method != "GET":
        raise InvariantBroken(f"a check must not send {request.method} {request.target}")
    return request


def check_budgets(_venue: Venue) -> dict[RequestClass, Budget]:
    """Of one who asks beside a bot of the same address, and has nothing to do with it."""
    budget = RateLimiter(RATE_PER_S, BURST)
    return {RequestClass.PUBLIC: budget, RequestClass.READ: budget}


async def read_venues(
    around: Surroundings, symbol: Symbol, clock: Clock, budgets: BudgetsOf = check_budgets
) -> dict[Venue, VenueFacts]:
    """Everything that a check needs to know, venue after venue.

    Raises:
        VenueUnreachable, VenueRefused, VenueThrottled, FrameUnreadable: a venue did not tell.
    """
    venue_clock = VenueClock(clock)
    found: dict[Venue, VenueFacts] = {}
    for venue in VENUES:
        async with AsyncExitStack() as stack:
            reader = _reader(Reach(around.places, around.opener), venue, venue_clock, stack, budgets)
            market = reader
            if around.market is not None:
                market = _reader(around.market, venue, VenueClock(clock), stack, check_budgets)
            found[venue] = await _read(market, reader, around.signers[venue], symbol, around.codecs)
    return found


def _reader(reach: Reach, venue: Venue, clock: VenueClock, stack: AsyncExitStack, budgets: BudgetsOf) -> Reader:
    client = HttpClient(reach.opener, reach.places[venue].rest, clock=clock.clock, venue=venue.value)
    stack.push_async_callback(client.aclose)
    classes = (RequestClass.PUBLIC, RequestClass.READ)
    return Reader(Line(venue, dict.fromkeys(classes, client), budgets(venue), clock))


async def _read(market: Reader, reader: Reader, signer: Signer, symbol: Symbol, codecs: Codecs) -> VenueFacts:
    venue = reader.line.venue
    public, private = codecs.public_codec(venue, symbol), codecs.private_codec(venue, symbol, signer)
    instrument = public.instrument([await market.get(public, request) for request in public.instrument_requests()])
    private.learn_instrument(instrument)
    mid = await mid_of(market, public)
    for _ in range(CLOCK_SAMPLES):
        only_get(public.server_time_request())
        await reader.line.measure_clock(public)
    account = private.facts([await reader.ask(r) for r in private.facts_requests(reader.line.venue_now_ms())])
    fees = None
    if account.problem is None:
        requests = private.fees_requests(reader.line.venue_now_ms())
        fees = private.fees([await reader.get(private, request) for request in requests])
    return VenueFacts(instrument, mid, account, fees)


async def mid_of(reader: Reader, public: PublicCodec) -> Decimal:
    """Between best bid and best ask; errors as `Line.read`, and VenueUnreachable for a book with an empty side."""
    book = public.snapshot(await reader.get(public, public.snapshot_request()))
    if not book.bids or not book.asks:
        raise VenueUnreachable(public.venue.value, "its book has an empty side: there is no price to reckon with")
    return divide(book.bids[0][0] + book.asks[0][0], Decimal(2))
