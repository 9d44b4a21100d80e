"""The private domain of one venue: who we are, the private stream, its key, and the venue's clock.

Nothing is replayed by a venue after a gap: each connection ends in `SessionUp`, and the machine then reads everything.
"""

from __future__ import annotations

from collections import deque

import attrs
import trio

from dnbot.domain.account import AccountFacts, Balance, PositionReport
from dnbot.domain.errors import FrameUnreadable, VenueRefused, VenueUnreachable
from dnbot.domain.instrument import FeeSchedule, Instrument, Venue
from dnbot.domain.messages import (
    BalanceChanged,
    FeesChanged,
    FillReported,
    InboxEvent,
    OrderReported,
    PositionChanged,
    SessionDown,
    SessionUp,
    StreamProven,
)
from dnbot.ports.channels import Cell
from dnbot.ports.log import EventLog
from dnbot.ports.net import StreamOpener
from dnbot.ports.websocket import WebSocket, open_websocket
from dnbot.tasks.link import READ_DEADLINE_S, Line, as_error, set_leverage
from dnbot.venues.wire import (
    AskedTooOften,
    Capability,
    FillNews,
    OrderNews,
    Pong,
    PrivateCodec,
    PrivateMessage,
    PublicCodec,
    Reply,
    Request,
    Subscribed,
    SubscriptionRefused,
    UnknownFrame,
    UpgradeAhead,
)

SILENCE_S_MAX = 45.0  # a quiet account says nothing but pongs, and a pong comes at each ping
SUBSCRIBE_S_MAX = 10.0
LISTEN_KEY_RENEW_S = 20 * 60.0
CLOCK_SAMPLES_FIRST = 3
CLOCK_EVERY_S = 30.0
FEES_EVERY_S = 3600.0
PROBLEM_S = 10.0
"""An account that may not trade is looked at again after this: what was in the way may be gone."""
FAREWELL_S = 2.0


@attrs.define
class Session:
    """One venue's private task; `run` is supervised."""

    codec: PrivateCodec
    clock_codec: PublicCodec
    line: Line
    opener: StreamOpener
    stream_url: str
    inbox: trio.MemorySendChannel[InboxEvent]
    instrument: Cell[Instrument]
    fees: Cell[FeeSchedule]
    log: EventLog
    leverage: int
    margin_mode: str
    unknown: int = 0
    connects: int = 0
    _pings_s: deque[float] = attrs.field(factory=deque, init=False)
    """When the pings left that are not answered yet, oldest first: a stream answers them in order."""
    _asked: trio.Event = attrs.field(factory=trio.Event, init=False)
    _given_up: str = attrs.field(default="", init=False)
    """Why the stream shall be opened anew; empty while it need not be."""

    @property
    def venue(self) -> Venue:
        """Whose account this is."""
        return self.codec.venue

    def prove(self) -> None:
        """Have the stream pinged now; its answer is told as `StreamProven`."""
        self._asked.set()

    def reopen(self, why: str) -> None:
        """Have the stream opened anew now."""
        self._given_up = why
        self._asked.set()

    async def run(self) -> None:
        """Never returns while healthy.

        Raises:
            VenueUnreachable, VenueThrottled, VenueRefused, AuthenticationFailed, FrameUnreadable: the session must be
                opened anew.
        """
        instrument = await self.instrument.first()
        self.codec.learn_instrument(instrument)
        for _ in range(CLOCK_SAMPLES_FIRST):
            await self.line.measure_clock(self.clock_codec)
        facts = await self._facts()
        fees = await self._read_fees()
        listen_key = await self._listen_key()
        try:
            await self._stream(facts, fees, listen_key, instrument)
        finally:
            with trio.move_on_after(FAREWELL_S, shield=True):
                await self.inbox.send(SessionDown(venue=self.venue, why="the private stream ended"))
                await self._drop_listen_key(listen_key)

    async def _stream(self, facts: AccountFacts, fees: FeeSchedule, listen_key: str, instrument: Instrument) -> None:
        url = self.stream_url + self.codec.stream_target(listen_key)
        async with open_websocket(
            self.opener, url, venue=self.venue.value, silence_s_max=SILENCE_S_MAX,
            extra_headers=self.codec.stream_headers(),
        ) as socket, trio.open_nursery() as nursery:
            await self._subscribe(socket, facts)
            self.connects += 1
            self._pings_s.clear()
            self._given_up = ""
            await self.inbox.send(SessionUp(venue=self.venue, facts=facts, fees=fees))
            nursery.start_soon(self._ping, socket, name=f"ping:{self.venue.value}")
            nursery.start_soon(self._watch_clock, name=f"clock:{self.venue.value}")
            nursery.start_soon(self._watch_fees, name=f"fees:{self.venue.value}")
            nursery.start_soon(self._watch_instrument, instrument, name=f"unit:{self.venue.value}")
            if facts.problem is not None:
                nursery.start_soon(self._watch_problem, facts, name=f"problem:{self.venue.value}")
            if listen_key:
                nursery.start_soon(self._renew, listen_key, name=f"listen-key:{self.venue.value}")
            while True:
                await self._handle(self.codec.decode(await socket.receive()))

    async def _subscribe(self, socket: WebSocket, facts: AccountFacts) -> None:
        frames = self._subscriptions(facts)
        for frame in frames:
            await socket.send(frame)
        waiting = len(frames)
        with trio.move_on_after(SUBSCRIBE_S_MAX):
            while waiting > 0:
                messages = self.codec.decode(await socket.receive())
                waiting -= sum(isinstance(message, Subscribed) for message in messages)
                await self._handle(messages)
        if waiting > 0:
            raise VenueUnreachable(self.venue.value, f"{waiting} subscriptions were not acknowledged")

    def _subscriptions(self, facts: AccountFacts) -> tuple[str, ...]:
        """Raises VenueRefused with the account's problem where that is why there are none, as for want of a user id."""
        try:
            return self.codec.subscribe_frames(self.line.venue_now_ms() // 1000, facts.user_id)
        except FrameUnreadable as error:
            if facts.problem is None:
                raise
            raise VenueRefused(self.venue.value, "ACCOUNT", facts.problem) from error

    async def _handle(self, messages: tuple[PrivateMessage, ...]) -> None:
        """Private events are never dropped: a full inbox makes this socket wait."""
        for message in messages:
            match message:
                case OrderNews(report=report):
                    await self.inbox.send(OrderReported(report, streamed=True))
                case FillNews(fill=fill):
                    await self.inbox.send(FillReported(fill, streamed=True))
                case Balance():
                    await self.inbox.send(BalanceChanged(message, trio.current_time()))
                case PositionReport():
                    await self.inbox.send(PositionChanged(message, trio.current_time()))
                case Pong() if self._pings_s:
                    await self.inbox.send(StreamProven(self.venue, self._pings_s.popleft()))
                case SubscriptionRefused(channel=channel, text=text):
                    raise VenueRefused(self.venue.value, channel, text)
                case UpgradeAhead(text=text):
                    raise VenueUnreachable(self.venue.value, f"the venue announces maintenance: {text}")
                case UnknownFrame(text=text):
                    self.unknown += 1
                    self.log.warning("unknown_private_frame", venue=self.venue.value, text=text[:200])
                case _:
                    pass

    # --- reads at start -----------------------------------------------------------------------------------------------
    async def _facts(self) -> AccountFacts:
        requests = self.codec.facts_requests(self.line.venue_now_ms())
        facts = self.codec.facts([await self._fact(request) for request in requests])
        for warning in facts.warnings:
            self.log.warning("account", venue=self.venue.value, what=warning)
        if Capability.POSITION in self.codec.capabilities and facts.problem is None:
            await set_leverage(self.codec, self.line, self.leverage, self.margin_mode)
        return facts

    async def _fact(self, request: Request) -> Reply:
        """A reply whose refusal is a fact too; one that came too often tells nothing of the account."""
        reply = await self.line.ask(request, deadline_s=READ_DEADLINE_S, patience_s=self.line.patience_s)
        trouble = self.line.verdict(self.codec, request, reply)
        if isinstance(trouble, AskedTooOften):
            raise as_error(self.venue, trouble)
        return reply

    async def _read_fees(self) -> FeeSchedule:
        requests = self.codec.fees_requests(self.line.venue_now_ms())
        fees = self.codec.fees([await self.line.read(self.codec, request) for request in requests])
        self.fees.put(fees)
        return fees

    async def _listen_key(self) -> str:
        if Capability.LISTEN_KEY not in self.codec.capabilities:
            return ""
        return self.codec.listen_key(
            await self.line.read(self.codec, self.codec.listen_key_request(self.line.venue_now_ms()))
        )

    async def _drop_listen_key(self, listen_key: str) -> None:
        if not listen_key:
            return
        try:
            now_ms = self.line.venue_now_ms()
            await self.line.read(self.codec, self.codec.drop_listen_key_request(listen_key, now_ms))
        except (VenueUnreachable, VenueRefused) as error:
            self.log.warning("listen_key_kept", venue=self.venue.value, what=str(error))

    # --- while it lives -----------------------------------------------------------------------------------------------
    async def _ping(self, socket: WebSocket) -> None:
        while True:
            with trio.move_on_after(self.codec.ping_interval_s):
                await self._asked.wait()
            self._asked = trio.Event()
            if self._given_up:
                raise VenueUnreachable(self.venue.value, self._given_up)
            self._pings_s.append(trio.current_time())
            await socket.send(self.codec.ping_frame(self.line.venue_now_ms() // 1000))

    async def _renew(self, listen_key: str) -> None:
        while True:
            await trio.sleep(LISTEN_KEY_RENEW_S)
            now_ms = self.line.venue_now_ms()
            await self.line.read(self.codec, self.codec.renew_listen_key_request(listen_key, now_ms))

    async def _watch_clock(self) -> None:
        """Measure on schedule, and at once when the venue refused a time: until then it refuses every order."""
        while True:
            with trio.move_on_after(CLOCK_EVERY_S):
                await self.line.clock.doubted(self.venue.value)
            await self.line.measure_clock(self.clock_codec)

    async def _watch_fees(self) -> None:
        while True:
            await trio.sleep(FEES_EVERY_S)
            before = self.fees.value
            after = await self._read_fees()
            if before != after:
                self.log.info("fees_changed", venue=self.venue.value, maker=str(after.maker), taker=str(after.taker))
                await self.inbox.send(FeesChanged(venue=self.venue, fees=after))

    async def _watch_problem(self, known: AccountFacts) -> None:
        """Have the session opened anew once the account is another.

        Raises:
            VenueUnreachable: its problem is gone, or is another one.
        """
        while True:
            await trio.sleep(PROBLEM_S)
            facts = await self._facts()
            if facts.problem != known.problem:
                raise VenueUnreachable(self.venue.value, f"the account is another: {facts.problem or 'it may trade'}")

    async def _watch_instrument(self, known: Instrument) -> None:
        """Count in a contract's new unit from the moment on at which it is read.

        Raises:
            VenueUnreachable: what this session told so far was in another unit; everything must be read again.
        """
        while True:
            instrument = await self.instrument.after(known)
            self.codec.learn_instrument(instrument)
            if instrument.multiplier != known.multiplier:
                text = f"a contract was {known.multiplier} base units and is {instrument.multiplier}"
                raise VenueUnreachable(self.venue.value, text)
            known = instrument
