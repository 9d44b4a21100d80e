"""The public side of all tasks of one worker: for each venue at one address a line, its terms, and few connections.

Tasks share what has the same address; those on different exchanges do not meet. A connection begins when a market finds
no room on another one, and ends with its last market. Nobody restarts it for its own sake: the feeds that it failed
are started again by their tasks, as ever, and the first of them opens the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from dnbot.domain.instrument import Venue
from dnbot.ports.clock import Clock, VenueClock
from dnbot.ports.http import HttpClient
from dnbot.ports.limiter import Budget
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint, StreamOpener
from dnbot.tasks.link import Line
from dnbot.tasks.shared_stream import Seat, SharedStream, Traffic
from dnbot.tasks.shared_terms import SharedTerms
from dnbot.tasks.source import MarketStream, Source
from dnbot.tasks.supervisor import is_cancellation
from dnbot.venues.factory import SHARING
from dnbot.venues.wire import PublicCodec, Reply, RequestClass

BudgetOf = Callable[[Venue, Endpoint], Budget]
"""What all public reads at one address spend from."""
PATIENCE_S = 60.0
"""After a lost connection all of its books are read again, one after the other within the budget."""


@attrs.frozen
class Address:
    """What tasks must have in common to share."""

    venue: Venue
    rest: Endpoint
    stream_url: str
    ca_file: Path | None
    """The authority of a fake's certificate."""


@attrs.define(eq=False)
class SharedVenue:
    """One venue at one address."""

    address: Address
    opener: StreamOpener
    line: Line
    terms: SharedTerms
    nursery: trio.Nursery
    """Of the worker: connections live in it."""
    log: EventLog
    traffic: Traffic = attrs.field(factory=Traffic)
    streams: list[SharedStream] = attrs.field(factory=list)

    def seat(self, codec: PublicCodec, shunned: SharedStream | None) -> Seat:
        """A seat on the first connection with room, or on a new one that is being opened.

        Args:
            shunned: where this market failed last; it gets another connection.
        """
        name = self.terms.sharing.name_of(codec.symbol)
        for stream in self.streams:
            if stream is not shunned and stream.has_room_for(name):
                return stream.sit(name)
        stream = SharedStream(
            self.address.venue, self.terms.sharing, self.opener, self.address.stream_url, self.line, self.log,
            self.traffic,
        )
        self.streams.append(stream)
        self.nursery.start_soon(self._run, stream, codec, name=f"shared:{self.address.venue.value}")
        return stream.sit(name)

    @property
    def seats(self) -> list[Seat]:
        """Every market that is carried now."""
        return [seat for stream in self.streams for seat in stream.seats.values()]

    async def _run(self, stream: SharedStream, codec: PublicCodec) -> None:
        try:
            await stream.run(codec)
        finally:
            self.streams.remove(stream)


@attrs.define(eq=False)
class SharedSource:
    """A `Source` of one task's market."""

    shared: SharedVenue
    is_shared: bool = attrs.field(default=True, init=False)
    _shunned: SharedStream | None = attrs.field(default=None, init=False)

    @property
    def line(self) -> Line:
        """Of all."""
        return self.shared.line

    @asynccontextmanager
    async def connected(self, codec: PublicCodec) -> AsyncIterator[MarketStream]:
        """See `Source.connected`: a seat, which is given up at the end."""
        seat = self.shared.seat(codec, self._shunned)
        try:
            await seat.stream.opened()
            yield seat
        except BaseException as error:
            self._shunned = None if is_cancellation(error) else seat.stream
            raise
        finally:
            farewell = self.shared.terms.sharing.farewell(codec.symbol, self.line.wall_s())
            seat.stream.leave(seat, farewell)

    async def keep_alive(self, codec: PublicCodec, stream: MarketStream) -> None:
        """See `Source.keep_alive`: the connection does it."""
        del codec, stream
        await trio.sleep_forever()

    async def terms(self, codec: PublicCodec, young_s: float) -> Sequence[Reply]:
        """See `Source.terms`."""
        return await self.shared.terms.of(codec, young_s)

    def terms_due_s(self, codec: PublicCodec, every_s: float) -> float:
        """See `Source.terms_due_s`."""
        return self.shared.terms.due_s(codec, every_s)


@attrs.define(eq=False)
class SharedFeeds:
    """All venues that the tasks of a worker read, by address; see `shared_feeds`."""

    nursery: trio.Nursery
    clock: Clock
    log: EventLog
    budget_of: BudgetOf
    venues: dict[Address, SharedVenue] = attrs.field(factory=dict)

    def sources(self, addresses: Mapping[Venue, Address], opener: StreamOpener) -> Callable[[Venue], Source]:
        """For the feeds of one task: where each venue is.

        Args:
            opener: used when this task is the first at an address; it can reach all of these and trusts their
                authority.
        """
        return lambda venue: SharedSource(self._venue(addresses[venue], opener))

    def _venue(self, address: Address, opener: StreamOpener) -> SharedVenue:
        found = self.venues.get(address)
        if found is None:
            venue = address.venue
            client = HttpClient(opener, address.rest, clock=self.clock, venue=venue.value)
            budgets = {RequestClass.PUBLIC: self.budget_of(venue, address.rest)}
            line = Line(venue, {RequestClass.PUBLIC: client}, budgets, VenueClock(self.clock), patience_s=PATIENCE_S)
            terms = SharedTerms(SHARING[venue], line)
            found = SharedVenue(address, opener, line, terms, self.nursery, self.log)
            self.venues[address] = found
        return found

    async def aclose(self) -> None:
        """Let go of the connections for reads."""
        for shared in self.venues.values():
            for client in shared.line.clients.values():
                await client.aclose()


@asynccontextmanager
async def shared_feeds(clock: Clock, log: EventLog, budget_of: BudgetOf) -> AsyncIterator[SharedFeeds]:
    """Inside the block tasks can share. Resource handling: connections end with the block, after the tasks."""
    async with trio.open_nursery() as nursery:
        feeds = SharedFeeds(nursery, clock, log, budget_of)
        try:
            yield feeds
        finally:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await feeds.aclose()
