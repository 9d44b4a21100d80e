"""Orders that rest when a fault strikes: ours, of the bot's epoch and of an older one, and a foreign one per venue.

Ours leave through the bot's own `Desk`, so their intents are committed first and they are sent once. The drill commits
them under the epoch of the incarnation that has the book (`PostgresStore.join_run`), without fencing it off. An older
epoch is one that the drill began, and left, before that incarnation started; its orders are what a process that is gone
left behind. The bot knows of neither kind but by their prefix and, after a restart, by their intents.
"""

from __future__ import annotations

from decimal import Decimal

import attrs
import trio

from dnbot import __version__
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import VENUES, Instrument, Venue
from dnbot.domain.messages import Command, InboxEvent, OrderAnswered, PlaceOrder
from dnbot.domain.order import OrderIntent, Purpose, Side, TimeInForce, client_order_id, is_ours
from dnbot.domain.units import ZERO, Quantity, ceil_to, divide
from dnbot.lab.drills_stage import SYMBOL, Stage
from dnbot.ports.clock import VenueClock
from dnbot.ports.http import HttpClient
from dnbot.ports.limiter import Budget, RateLimiter
from dnbot.tasks.desk import Desk
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.link import Line
from dnbot.tasks.resolver import Resolver
from dnbot.venues.factory import private_codec, public_codec
from dnbot.venues.wire import AskedTooOften, RequestClass

LEG = "drill"
"""The last part of the client ids that the drill makes: no sequence number of the bot's can meet them."""
FOREIGN = "hand-made"
AWAY = Decimal("0.10")
"""So far below the best bid: inside every band, and never reached."""
NOTIONAL = Decimal(12)
LIFE_MS = 1_500
PAUSE_S = 0.02
RATE_TRIES = 6
RATE_PAUSE_S = 0.4
MATCH_LAG_MS = 250


@attrs.define
class _OpenGate(Gatekeeper):
    """A gate for orders that no machine waits for: only their expiry counts."""

    def denial(self, intent: OrderIntent) -> str | None:
        if self.clock.now_ns() >= intent.expires_at_ns:
            return "EXPIRED: the intent is older than its own expiry"
        return None


@attrs.define
class _Counter:
    desk: Desk
    told: trio.MemoryReceiveChannel[InboxEvent]
    instrument: Instrument
    price: Decimal
    client: HttpClient


@attrs.define
class Hand:
    """Places orders on all three venues, as an incarnation of the bot that nobody knows would."""

    stage: Stage
    older_epoch: int = 0
    placed: dict[str, Venue] = attrs.field(factory=dict)
    """Every own order ever placed here, by client id."""
    foreign: dict[str, Venue] = attrs.field(factory=dict)
    _numbers: int = 0
    _counters: dict[Venue, _Counter] = attrs.field(factory=dict)

    async def open(self) -> None:
        """Connect to the venues and learn their instruments."""
        for venue in VENUES:
            self._counters[venue] = await self._counter(venue)

    async def begin_epoch(self) -> None:
        """Take an epoch of our own, which fences off whoever ran: only between two runs of the bot."""
        self.older_epoch = await self.stage.store.begin_run(
            SYMBOL, version=f"{__version__} drill", settings="{}", started_at_ns=self.stage.clock.now_ns()
        )

    async def place_older(self) -> list[str]:
        """One order per venue of the older epoch."""
        await self.stage.store.join_run(SYMBOL)
        return await self._everywhere(self.older_epoch, 1)

    async def place_fresh(self, each: int) -> list[str]:
        """So many orders per venue of the epoch that has the book."""
        return await self._everywhere(await self.stage.store.join_run(SYMBOL), each)

    async def _everywhere(self, epoch: int, each: int) -> list[str]:
        """At all venues at once: the bot sweeps what it does not know, and one by one would take too long."""
        names: list[str] = []

        async def at(venue: Venue) -> None:
            names.extend([await self._place(venue, epoch) for _ in range(each)])

        async with trio.open_nursery() as nursery:
            for venue in VENUES:
                nursery.start_soon(at, venue)
        return names

    async def place_foreign(self) -> None:
        """One order per venue without our prefix and without an intent, by a signed request past every desk."""
        for venue, counter in self._counters.items():
            self.foreign[await self._place_foreign(venue, counter)] = venue

    async def _place_foreign(self, venue: Venue, counter: _Counter) -> str:
        await self._measure(counter)
        line, codec = counter.desk.line, counter.desk.codec
        found = b""
        for _ in range(RATE_TRIES):
            self._numbers += 1
            name = f"{FOREIGN}-{self._numbers}"
            now_ms = line.venue_now_ms()
            request = codec.place_request(self._intent(counter, venue, 0, name), now_ms, now_ms + LIFE_MS)
            reply = await line.ask(request, deadline_s=5.0)
            trouble, found = codec.trouble(reply), reply.body[:200]
            if trouble is None:
                return name
            if not isinstance(trouble, AskedTooOften):
                break
            await trio.sleep(RATE_PAUSE_S)  # the bot trades on the same account, and has spent the second's creates
        raise ConfigError("drill", f"foreign order at {venue.value}", found, "an accepted order")

    async def aclose(self) -> None:
        for counter in self._counters.values():
            await counter.client.aclose()

    async def _place(self, venue: Venue, epoch: int) -> str:
        counter, outcome = self._counters[venue], None
        await self._measure(counter)
        for _ in range(RATE_TRIES):
            self._numbers += 1
            intent = self._intent(counter, venue, epoch, client_order_id(epoch, self._numbers, LEG))
            assert is_ours(intent.client_order_id)
            await counter.desk.perform(PlaceOrder(intent))
            outcome = _outcome(counter, intent.client_order_id)
            if outcome is not None and outcome.outcome == "accepted":
                self.placed[intent.client_order_id] = venue
                await trio.sleep(PAUSE_S)
                return intent.client_order_id
            if outcome is None or outcome.code != "RATE":
                break
            await trio.sleep(RATE_PAUSE_S)  # the bot trades on the same account, and has spent the second's creates
        raise ConfigError("drill", f"order at {venue.value}", str(outcome), "an accepted order")

    def _intent(self, counter: _Counter, venue: Venue, epoch: int, name: str) -> OrderIntent:
        now_ns = self.stage.clock.now_ns()
        instrument = counter.instrument
        price = instrument.price_down(counter.price * (1 - AWAY))
        least = max(instrument.min_quantity, divide(max(NOTIONAL, instrument.min_notional), price))
        quantity = instrument.lot_size if not venue.is_spot else ceil_to(least, instrument.lot_size)
        return OrderIntent(
            client_order_id=name, epoch=epoch, venue=venue, symbol=SYMBOL, side=Side.BUY,
            quantity=Quantity(quantity + ZERO), price=price, purpose=Purpose.ENTRY, time_in_force=TimeInForce.GTC,
            created_at_ns=now_ns, expires_at_ns=now_ns + LIFE_MS * 1_000_000,
        )

    async def _measure(self, counter: _Counter) -> None:
        """A fresh sample of the venue's clock: drills move it."""
        counter.desk.line = line = attrs.evolve(counter.desk.line, clock=VenueClock(self.stage.clock))
        await line.measure_clock(public_codec(line.venue, SYMBOL))

    async def _counter(self, venue: Venue) -> _Counter:
        around, clock = self.stage.around, self.stage.clock
        client = HttpClient(around.opener, around.places[venue].rest, clock=clock, venue=venue.value)
        budgets: dict[RequestClass, Budget] = {budget: RateLimiter(10, 100) for budget in RequestClass}
        line = Line(venue, dict.fromkeys(RequestClass, client), budgets, VenueClock(clock))
        public, private = public_codec(venue, SYMBOL), private_codec(venue, SYMBOL, around.signers[venue])
        instrument = public.instrument([await line.read(public, request) for request in public.instrument_requests()])
        private.learn_instrument(instrument)
        snapshot = public.snapshot(await line.read(public, public.snapshot_request()))
        _, nobody = trio.open_memory_channel[Command](0)  # commands are handed over, not sent
        inbox, told = trio.open_memory_channel[InboxEvent](10_000)
        resolver = Resolver(private, line, inbox, clock, self.stage.log, MATCH_LAG_MS, 10.0)
        desk = Desk(
            private, line, nobody, inbox, _OpenGate(clock), self.stage.store, clock, self.stage.log, resolver,
            prove_stream=_nothing, reopen_stream=_take_note, read_instrument=_nothing,
        )
        return _Counter(desk, told, instrument, snapshot.bids[0][0], client)


def _outcome(counter: _Counter, name: str) -> OrderAnswered | None:
    """What the desk told of one create; the rest of what it told is dropped."""
    found = None
    while True:
        try:
            event = counter.told.receive_nowait()
        except trio.WouldBlock:
            return found
        if isinstance(event, OrderAnswered) and event.client_order_id == name:
            found = event


def is_drill(client_id: str) -> bool:
    """Whether the drill itself made this order of ours."""
    return client_id.endswith(f"-{LEG}")


def _take_note(_why: str) -> None:
    """No stream hangs on this desk."""


def _nothing() -> None:
    """Of a desk without a private stream or a feed."""
