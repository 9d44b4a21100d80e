"""Creates over a venue's WebSocket API: one connection for orders alone, logged in once, proven before it is used.

An acknowledgement means nothing; the result decides. No result in time, or a connection lost after the first byte,
leaves the order ambiguous. Without a proven connection the desk sends over REST, because nothing was sent.
"""

from __future__ import annotations

from functools import partial

import attrs
import trio

from dnbot.domain.errors import RequestNotSent, VenueError, VenueUnreachable
from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.messages import SYMBOL_CLOSED, InboxEvent, OrderReported
from dnbot.domain.order import OrderIntent, OrderReport
from dnbot.ports.channels import Cell
from dnbot.ports.limiter import Priority
from dnbot.ports.log import EventLog
from dnbot.ports.net import StreamOpener
from dnbot.ports.websocket import WebSocket, open_websocket
from dnbot.tasks.link import Line, as_error
from dnbot.tasks.order_probe import Prober
from dnbot.venues.wire import (
    AskedTooOften,
    PrivateCodec,
    PrivateMessage,
    Refused,
    RequestClass,
    SocketReply,
    Trouble,
    UnknownFrame,
    UpgradeAhead,
)

Outcome = tuple[str, str, str, OrderReport | None]
"""What came of a create: outcome, code and text of `OrderAnswered`, and the report of an accepted one."""

SILENCE_S_MAX = 25.0  # two pings and a half: the pongs are all that a quiet order socket says
LOGIN_S_MAX = 5.0
LOGIN_ID = "login"
CLOCK_LOOK_S = 0.05
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 30.0
HEALTHY_S = 30.0


@attrs.define
class _Waiting:
    """One request that awaits its result."""

    reply: SocketReply | None = None
    failure: str = ""
    acknowledged: bool = False
    over: trio.Event = attrs.field(factory=trio.Event)


@attrs.define
class OrderSocket:
    """One venue's order connection; `run` is supervised beside its desk.

    A lost connection is no Fault: orders that were on it are ambiguous and resolved as such, and REST remains.
    """

    codec: PrivateCodec
    line: Line
    opener: StreamOpener
    stream_url: str
    instrument: Cell[Instrument]
    inbox: trio.MemorySendChannel[InboxEvent]
    log: EventLog
    prober: Prober
    connects: int = 0
    placed: int = 0
    trusted: bool = attrs.field(default=False, init=False)
    """Whether this connection has refused an expired order, and lives."""
    _socket: WebSocket | None = attrs.field(default=None, init=False)
    _waiting: dict[str, _Waiting] = attrs.field(factory=dict, init=False)

    @property
    def venue(self) -> Venue:
        """Whose orders these are."""
        return self.codec.venue

    async def run(self) -> None:
        """Never returns while healthy. Connects again after a loss, until a probe shows that it must not be used."""
        self.codec.learn_instrument(await self.instrument.first())
        await self._clock_known()
        backoff_s = BACKOFF_FIRST_S
        while not self.prober.given_up:
            began_s = trio.current_time()
            try:
                await self._connection()
            except* VenueError as group:
                self.log.warning("order_socket_down", venue=self.venue.value, what=str(_first(group)))
            await self.prober.settle()
            if trio.current_time() - began_s > HEALTHY_S:
                backoff_s = BACKOFF_FIRST_S
            await trio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        await trio.sleep_forever()

    async def _clock_known(self) -> None:
        """The session measures it; logins and expiries are in the venue's time."""
        while True:
            if self.line.clock.now_ms(self.venue.value) is not None:
                return
            await trio.sleep(CLOCK_LOOK_S)

    # --- placing ------------------------------------------------------------------------------------------------------
    async def place(
        self, intent: OrderIntent, now_ms: int, expires_at_ms: int, priority: Priority, deadline_s: float
    ) -> Outcome | None:
        """Send one create and say what came of it; None when there is no proven connection: then nothing was sent.

        Args:
            now_ms, expires_at_ms: the venue's clock.
        """
        due_s = trio.current_time() + deadline_s
        if not self._is_usable:
            return None
        budget = self.line.budgets[RequestClass.CREATE]
        if not budget.try_acquire(priority):
            with trio.move_on_at(due_s) as waited:
                await budget.acquire(priority)
            if waited.cancelled_caught:
                return "not_sent", "UNREACHABLE", f"no room in the create budget in {deadline_s:.1f} s", None
        socket = self._socket
        if socket is None or not self._is_usable:
            return None
        self.placed += 1
        reply = await self._ask(socket, intent, now_ms, expires_at_ms, due_s - trio.current_time())
        return self._outcome(intent, reply)

    @property
    def _is_usable(self) -> bool:
        return self.trusted and self._socket is not None and not self._socket.is_broken

    async def _ask(
        self, socket: WebSocket, intent: OrderIntent, now_ms: int, expires_at_ms: int, deadline_s: float
    ) -> SocketReply | str:
        """The result of a create, or why there is none; after this call its bytes may have left in either case."""
        name = intent.client_order_id
        waiting = self._waiting[name] = _Waiting()
        try:
            with trio.move_on_after(deadline_s):
                await socket.send(self.codec.socket_place_frame(intent, now_ms // 1000, name, expires_at_ms))
                await waiting.over.wait()
        except VenueUnreachable as error:
            return str(error)
        finally:
            del self._waiting[name]
        if waiting.reply is not None:
            return waiting.reply
        heard = "acknowledged, but " if waiting.acknowledged else ""
        return waiting.failure or f"{heard}no result in {deadline_s:.1f} s"

    def _outcome(self, intent: OrderIntent, reply: SocketReply | str) -> Outcome:
        if isinstance(reply, str):
            return "ambiguous", "NO_ANSWER", reply, None
        if reply.trouble is not None:
            self.line.note(reply.trouble, RequestClass.CREATE)
            return outcome_of(reply.trouble)
        report = reply.report
        if report is None or report.client_order_id != intent.client_order_id:
            told = report.client_order_id if report else "nothing"
            return "ambiguous", "UNREADABLE", f"created {intent.client_order_id}, told about {told}", None
        return "accepted", "", "", report

    # --- the connection -----------------------------------------------------------------------------------------------
    async def _connection(self) -> None:
        url = self.stream_url + self.codec.stream_target("")
        async with open_websocket(
            self.opener, url, venue=self.venue.value, silence_s_max=SILENCE_S_MAX,
            extra_headers=self.codec.stream_headers(),
        ) as socket:
            await self._login(socket)
            self.connects += 1
            self._socket = socket
            why = "the connection was given up"
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._ping, socket, name=f"order-ping:{self.venue.value}")
                    nursery.start_soon(self._prove, socket, name=f"order-probe:{self.venue.value}")
                    await self._listen(socket)
            except* VenueError as group:
                why = str(_first(group))
                raise
            finally:
                self._drop(why)

    async def _listen(self, socket: WebSocket) -> None:
        while True:
            for message in self.codec.decode(await socket.receive()):
                await self._take(message)

    def _drop(self, why: str) -> None:
        """Everyone who waits learns that no result will come."""
        self._socket, self.trusted = None, False
        for waiting in self._waiting.values():
            waiting.failure = why
            waiting.over.set()

    async def _login(self, socket: WebSocket) -> None:
        await socket.send(self.codec.socket_login_frame(self.line.venue_now_ms() // 1000, LOGIN_ID))
        with trio.move_on_after(LOGIN_S_MAX):
            while True:
                for message in self.codec.decode(await socket.receive()):
                    if isinstance(message, SocketReply) and message.request_id == LOGIN_ID:
                        if message.trouble is not None:
                            raise as_error(self.venue, message.trouble)
                        return
        raise VenueUnreachable(self.venue.value, "the login to the order socket was not answered")

    async def _take(self, message: PrivateMessage) -> None:
        match message:
            case SocketReply(request_id=name):
                await self._take_reply(name, message)
            case UpgradeAhead(text=text):
                raise VenueUnreachable(self.venue.value, f"the venue announces maintenance: {text}")
            case UnknownFrame(text=text):
                self.log.warning("unknown_order_frame", venue=self.venue.value, text=text[:200])
            case _:
                pass

    async def _take_reply(self, name: str, reply: SocketReply) -> None:
        waiting = self._waiting.get(name)
        if waiting is not None and reply.acknowledged and reply.trouble is None:
            waiting.acknowledged = True
        elif waiting is not None:
            waiting.reply = reply
            waiting.over.set()
        elif reply.report is not None:  # too late for the one who waited, but it settles the order
            await self.inbox.send(OrderReported(reply.report))

    async def _ping(self, socket: WebSocket) -> None:
        while True:
            await trio.sleep(self.codec.ping_interval_s)
            await socket.send(self.codec.ping_frame(self.line.venue_now_ms() // 1000))

    async def _prove(self, socket: WebSocket) -> None:
        """Let the probe decide. A connection that is not proven is not kept."""
        self.trusted = await self.prober.prove(partial(self._ask, socket))
        if not self.trusted:
            raise VenueUnreachable(self.venue.value, "the order socket is not proven to refuse expired orders")


def outcome_of(trouble: Trouble) -> Outcome:
    """How a codec's verdict on a create is told."""
    if isinstance(trouble, AskedTooOften):
        return "refused", "RATE", trouble.text, None
    if isinstance(trouble, Refused) and trouble.symbol_closed:
        return "refused", SYMBOL_CLOSED, f"{trouble.code} {trouble.text}", None
    if isinstance(trouble, Refused):
        return "refused", trouble.code, trouble.text, None
    return "ambiguous", "UNCLEAR", trouble.text, None


def outcome_of_failure(error: VenueUnreachable) -> Outcome:
    """How a request without an answer is told."""
    if isinstance(error, RequestNotSent):
        return "not_sent", "UNREACHABLE", str(error), None
    return "ambiguous", "NO_ANSWER", str(error), None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
