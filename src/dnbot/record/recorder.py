"""The recorder: the bot's own feed of each market, tapped, and supervised as in the bot. It holds no key.

Each market has a connection of its own. Of every new segment a whole book is asked for once, so that a reader can begin
there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

import attrs
import msgspec
import trio

from dnbot.bot import Place
from dnbot.domain.errors import OperatingError
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import InboxEvent
from dnbot.ports.channels import Cell
from dnbot.ports.clock import Clock, VenueClock
from dnbot.ports.limiter import RateLimiter
from dnbot.ports.log import EventLog
from dnbot.ports.net import StreamOpener
from dnbot.record.intake import Intake
from dnbot.record.taps import MarketTap, TappedCodec, TappedHttp
from dnbot.record.words import ENDED, Market, What
from dnbot.tasks.feed import Feed
from dnbot.tasks.link import Line
from dnbot.tasks.source import OwnSource
from dnbot.tasks.supervisor import Supervisor
from dnbot.venues.factory import public_codec
from dnbot.venues.wire import RequestClass

BUDGETS = {Venue.GATE_SPOT: (10.0, 100), Venue.GATE_FUTURES: (10.0, 100), Venue.MEXC_SPOT: (10.0, 100)}
"""Weight per second and at once, shared by all markets of a venue: at most as much as a bot takes for its public reads,
and half of that at Gate in the long run, because one may be running beside it."""
LOOK_S = 0.2


@attrs.define
class RecordedMarket:
    """One market while it is recorded."""

    tap: MarketTap
    feed: Feed
    codec: TappedCodec
    reconnects: int = 0

    async def run(self) -> None:
        """The feed, whose failure is written down. Raises as it does."""
        try:
            await self.feed.run()
        except BaseException as error:
            why = _told(error)
            self.tap.disconnected(why)
            self.reconnects += why != ENDED
            raise

    async def ask_book(self) -> None:
        """A whole book for whoever reads from here on; it is written down as it comes, and not used otherwise."""
        try:
            await self.feed.line.read(self.codec, self.codec.snapshot_request())
        except OperatingError as error:  # also when there was no room for it in the budget
            self.tap.event(What.UNANSWERED, f"a whole book: {error}")


@attrs.define
class Recorder:
    """Records until cancelled."""

    intake: Intake
    markets: Sequence[RecordedMarket]
    log: EventLog
    about: Mapping[str, object]
    clients: AsyncExitStack

    async def run(self) -> None:
        """Never returns while healthy; on cancellation everything that came is on the disk.

        Raises:
            RecordingFailed, RecordingFull: it cannot be written any more.
        """
        self.intake.event(What.STARTED, msgspec.json.encode(self.about).decode())
        send, receive = trio.open_memory_channel[InboxEvent](len(self.markets) + 1)
        supervisor = Supervisor(send, self.log)
        async with self.clients, trio.open_nursery() as disk:
            writing: trio.CancelScope = await disk.start(_outliving, self.intake.run)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.log.drain, name="log")
                    nursery.start_soon(_discard, receive, name="faults")
                    nursery.start_soon(self._books, nursery, name="books")
                    for market in self.markets:
                        name = market.tap.market.name
                        nursery.start_soon(supervisor.supervise, name, market.run, name=name)
            finally:
                writing.cancel()

    async def _books(self, nursery: trio.Nursery) -> None:
        known = self.intake.writer.opened
        while True:
            await trio.sleep(LOOK_S)
            opened = self.intake.writer.opened
            if opened > max(known, 1):  # the first segment begins with the books that the feeds ask for
                for venue in {market.codec.venue for market in self.markets}:
                    nursery.start_soon(self._ask_books, venue, name=f"books:{venue.value}")
            known = opened

    async def _ask_books(self, venue: Venue) -> None:
        """One after the other: many at once would take the budget from feeds that connect again."""
        for market in self.markets:
            if market.codec.venue is venue:
                await market.ask_book()


async def _outliving(run: Callable[[], Awaitable[None]], task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    """Runs until its scope is cancelled, which is done when nothing comes any more."""
    with trio.CancelScope(shield=True) as scope:
        task_status.started(scope)
        await run()


async def _discard(receive: trio.MemoryReceiveChannel[InboxEvent]) -> None:
    """Failures are in the recording already."""
    async for _ in receive:
        pass


def _told(error: BaseException) -> str:
    """The first of a group; a nursery wraps even a single one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return ENDED if isinstance(error, trio.Cancelled) else f"{type(error).__name__}: {error}"


def build_recorder(
    intake: Intake, markets: Sequence[Market], places: Mapping[Venue, Place], opener: StreamOpener, clock: Clock,
    about: Mapping[str, object],
) -> Recorder:
    """A recorder of these markets, not yet running. Raises ValueError for a symbol that a venue cannot have."""
    log, stack, venue_clock = EventLog(clock, []), AsyncExitStack(), VenueClock(clock)
    budgets = {venue: RateLimiter(*BUDGETS[venue]) for venue in {market.venue for market in markets}}
    one = partial(_recorded, intake, opener=opener, clock=venue_clock, log=log, stack=stack)
    found = [one(market, place=places[market.venue], budget=budgets[market.venue]) for market in markets]
    return Recorder(intake, found, log, about, stack)


def _recorded(
    intake: Intake, market: Market, *, place: Place, budget: RateLimiter, opener: StreamOpener, clock: VenueClock,
    log: EventLog, stack: AsyncExitStack,
) -> RecordedMarket:
    tap = MarketTap(market, intake)
    codec = TappedCodec(public_codec(market.venue, market.symbol), tap)
    client = TappedHttp(tap, codec, opener, place.rest, clock=clock.clock)
    stack.push_async_callback(client.aclose)
    line = Line(market.venue, {RequestClass.PUBLIC: client}, {RequestClass.PUBLIC: budget}, clock)
    feed = Feed(codec, OwnSource(line, opener, place.stream_url), tap, Cell(), log)
    return RecordedMarket(tap, feed, codec)
