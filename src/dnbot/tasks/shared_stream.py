"""One public connection that carries several markets, each to a feed of another task.

Every frame is brought to its market's feed in the turn in which its bytes were read, and after the last one of a burst
each of these feeds concludes: there is no queue in which a task could fall behind. What goes wrong in a feed's turn is
that feed's alone, and what goes wrong with the connection ends it for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import attrs
import trio

from dnbot.domain.errors import InvariantBroken, OperatingError, VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.metrics.histogram import Histogram
from dnbot.ports.log import EventLog
from dnbot.ports.net import StreamOpener
from dnbot.ports.websocket import WebSocket, open_websocket
from dnbot.tasks.link import Line
from dnbot.tasks.source import DATA_SILENCE_S_MAX, ping
from dnbot.venues.sharing import Sharing
from dnbot.venues.wire import PublicCodec

EARLY_MAX = 512  # frames that come before their feed listens; more means that it never will
OUTBOX_MAX = 1024  # subscriptions of all its markets and their ends; who finds it full waits
WINDOW_S = 10.0  # the longest wait of a market is told of the last ones of these
STALL_S = 0.25  # a feed's turn that takes so long holds up all others, and is told


@attrs.define
class Traffic:
    """What the connections of one venue did, for whoever asks; it outlives each of them."""

    opened: int = 0
    ended: int = 0
    """Of the opened ones, those that failed; one that nobody needed any more is none."""
    frames: int = 0
    stray: int = 0
    """Frames about a market that nobody listens to: mostly the last of one that was left."""
    stalls: int = 0
    """Turns of one feed that held up the others for STALL_S and more."""
    turns: Histogram = attrs.field(factory=Histogram)
    """From the bytes of a burst to all that its feeds decided about it."""


@attrs.define(eq=False)
class Seat:
    """One market's place on a connection: the `MarketStream` of its feed."""

    stream: SharedStream
    name: str
    turns: int = 0
    """Bursts with a word about it."""
    _waits_s: tuple[float, float] = (0.0, 0.0)
    """The longest of this window, and of the one before."""
    _window_s: float = 0.0
    """When this window began, trio's clock."""
    _early: deque[str | bytes] = attrs.field(factory=deque, init=False)
    _take: Callable[[str | bytes], None] | None = attrs.field(default=None, init=False)
    _end_burst: Callable[[], None] | None = attrs.field(default=None, init=False)
    _error: Exception | None = attrs.field(default=None, init=False)
    _over: trio.Event = attrs.field(factory=trio.Event, init=False)

    @property
    def read_s(self) -> float:
        """When the newest bytes of the connection were read, trio's clock."""
        return self.stream.read_s

    @property
    def wait_s_max(self) -> float:
        """The longest, of its last bursts within WINDOW_S or two, from bytes to what its feed decided about them."""
        return max(self._waits_s)

    def note_turn(self, wait_s: float, now_s: float) -> None:
        """Its feed has decided about a burst, so long after the bytes."""
        self.turns += 1
        newest, before = self._waits_s
        if now_s - self._window_s > WINDOW_S:
            self._window_s, newest, before = now_s, 0.0, newest
        self._waits_s = max(newest, wait_s), before

    async def send(self, message: str | bytes) -> None:
        """Hand it to the connection, whose own task sends it: a feed that is cancelled leaves no half of a message.

        Raises VenueUnreachable when the connection has ended.
        """
        try:
            if self._error is None:
                await self.stream.outbox.send(message)
        except trio.ClosedResourceError:  # it ended while the message waited, and every seat was told before
            pass
        if self._error is not None:
            raise self._error

    async def deliver(self, take: Callable[[str | bytes], None], conclude: Callable[[], None]) -> NoReturn:
        """As `WebSocket.deliver`, for what the connection says of this market."""
        self._take, self._end_burst = take, conclude
        try:
            if self._early and self._error is None:
                early, self._early = self._early, deque()
                for frame in early:
                    self.hear(frame)
                self.conclude()
            await self._over.wait()
        finally:
            self._take = self._end_burst = None
        assert self._error is not None
        raise self._error

    def hear(self, frame: str | bytes) -> None:
        """Bring a frame to the feed; what it raises is the feed's."""
        if self._error is not None:
            return
        if self._take is None:
            self._early.append(frame)
            if len(self._early) > EARLY_MAX:
                self.fail(VenueUnreachable(self.stream.venue.value, f"{EARLY_MAX} frames came before they were heard"))
            return
        try:
            self._take(frame)
        except Exception as error:  # noqa: BLE001 (it is the feed's, not the connection's)
            self.fail(error)

    def conclude(self) -> None:
        """The burst is over; what the feed decides now may raise, and that is the feed's."""
        if self._end_burst is None or self._error is not None:
            return
        try:
            self._end_burst()
        except Exception as error:  # noqa: BLE001 (the same)
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Nothing more is brought to the feed; its `deliver` raises this."""
        self._error = self._error or error
        self._over.set()


@attrs.define(eq=False)
class SharedStream:
    """A connection from its opening to its end; `run` is its task. A seat may be taken before it is open."""

    venue: Venue
    sharing: Sharing
    opener: StreamOpener
    url: str
    """Scheme, host and port, without path."""
    line: Line
    log: EventLog
    traffic: Traffic
    seats: dict[str, Seat] = attrs.field(factory=dict)
    """By market."""
    error: Exception | None = None
    """Why it ended."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    outbox: trio.MemorySendChannel[str | bytes] = attrs.field(init=False)
    _out: trio.MemoryReceiveChannel[str | bytes] = attrs.field(init=False)
    _socket: WebSocket | None = attrs.field(default=None, init=False)
    _decided: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Whether it is open."""
    _heard: dict[str, Seat] = attrs.field(factory=dict, init=False)
    """Seats with a word in this burst, in the order of their first."""

    def __attrs_post_init__(self) -> None:
        self.outbox, self._out = trio.open_memory_channel[str | bytes](OUTBOX_MAX)

    @property
    def read_s(self) -> float:
        """When the newest bytes were read, trio's clock; 0 before."""
        return 0.0 if self._socket is None else self._socket.read_s

    def has_room_for(self, name: str) -> bool:
        """Whether this market could have a seat. Two feeds of one market sit on two connections."""
        is_over = self.error is not None or self.scope.cancel_called
        return not is_over and name not in self.seats and len(self.seats) < self.sharing.markets_max

    def sit(self, name: str) -> Seat:
        """A seat, of which nothing is said until its feed has subscribed."""
        assert self.has_room_for(name)
        seat = self.seats[name] = Seat(self, name)
        return seat

    def leave(self, seat: Seat, farewell: tuple[str, ...]) -> None:
        """Give the seat up. The last one ends the connection; others have the venue told that this market ends."""
        self.seats.pop(seat.name, None)
        if not self.seats:
            self.scope.cancel()
            return
        if self.error is None and self._socket is not None:
            try:
                for frame in farewell:
                    self.outbox.send_nowait(frame)
            except trio.WouldBlock:  # its last frames are stray, and the venue goes on sending them
                self.log.warning("shared_stream_full", venue=self.venue.value, market=seat.name)

    async def opened(self) -> None:
        """Wait until it is open. Raises VenueUnreachable when it could not be opened, or has ended."""
        await self._decided.wait()
        if self.error is not None:
            raise self._told()

    async def run(self, codec: PublicCodec) -> None:
        """Until nobody has a seat any more, or it fails, which every seat is told; returns then.

        Args:
            codec: of any of its markets: all have the same path, headers and pings.
        """
        try:
            with self.scope:
                await self._run(codec)
        except Exception as error:  # noqa: BLE001 (it is told to every seat, where a bug ends the task)
            self._fail(_first(error))
        finally:
            self._decided.set()

    async def _run(self, codec: PublicCodec) -> None:
        url = self.url + codec.stream_target()
        async with open_websocket(
            self.opener, url, venue=self.venue.value, silence_s_max=DATA_SILENCE_S_MAX,
            extra_headers=codec.stream_headers(),
        ) as self._socket, trio.open_nursery() as nursery:
            self.traffic.opened += 1
            nursery.start_soon(self._send, self._socket, name=f"shared-out:{self.venue.value}")
            nursery.start_soon(ping, self.line, codec, self._socket, name=f"shared-ping:{self.venue.value}")
            self._decided.set()
            await self._socket.deliver(self._take, partial(self._conclude, self._socket))

    async def _send(self, socket: WebSocket) -> None:
        async for message in self._out:
            await socket.send(message)

    def _take(self, frame: str | bytes) -> None:
        self.traffic.frames += 1
        names = self.sharing.markets(frame)
        if names is None:
            for seat in list(self.seats.values()):
                self._hear(seat, frame)
            return
        for name in names:
            seat_of = self.seats.get(name)
            if seat_of is None:
                self.traffic.stray += 1
            else:
                self._hear(seat_of, frame if len(names) == 1 else self.sharing.part(frame, name))

    def _hear(self, seat: Seat, frame: str | bytes) -> None:
        self._heard[seat.name] = seat
        seat.hear(frame)

    def _conclude(self, socket: WebSocket) -> None:
        began_s = trio.current_time()
        for seat in self._heard.values():
            seat.conclude()
            ended_s = trio.current_time()
            seat.note_turn(ended_s - socket.read_s, ended_s)
            if ended_s - began_s >= STALL_S:
                self.traffic.stalls += 1
                self.log.warning("feed_stalls", venue=self.venue.value, market=seat.name, took_s=ended_s - began_s)
            began_s = ended_s
        self._heard.clear()
        self.traffic.turns.observe(began_s - socket.read_s)

    def _fail(self, error: Exception) -> None:
        self.error = error
        self.traffic.ended += self._socket is not None
        is_bug = not isinstance(error, OperatingError)
        tell = self.log.error if is_bug else self.log.warning
        tell("shared_stream_ended", venue=self.venue.value, markets=len(self.seats), what=str(error))
        for seat in self.seats.values():
            seat.fail(self._told())
        self.outbox.close()

    def _told(self) -> Exception:
        """The error anew for each who is told: an operating one as what a lost connection is."""
        if isinstance(self.error, OperatingError):
            return VenueUnreachable(self.venue.value, f"the shared connection ended: {self.error}")
        return InvariantBroken(f"{self.venue.value}: the shared connection broke: {self.error!r}")


def _first(error: Exception) -> Exception:
    """The first of a group that is no operating error, or else its first: a nursery wraps even a single one."""
    if not isinstance(error, ExceptionGroup):
        return error
    rest = error.split(OperatingError)[1]
    return _first((rest or error).exceptions[0])
