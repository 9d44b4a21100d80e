"""A WebSocket client over the seam that is honest about silence.

trio-websocket speaks the protocol. Left alone it never notices a dead peer, closes for a minute, and raises its own
exceptions in groups; here silence has a limit, closing has a deadline, and every failure is one `VenueUnreachable`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import NoReturn, Protocol, cast
from urllib.parse import urlsplit

import attrs
import h11
import trio
import trio_websocket
from wsproto.utilities import ProtocolError

from dnbot.domain.errors import VenueUnreachable
from dnbot.ports.net import Endpoint, StreamOpener, connect_failure
from dnbot.ports.websocket_wire import Inbox, Wire

OPEN_S_MAX = 10.0
CLOSE_S_MAX = 1.0
SEND_S_MAX = 5.0
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
QUEUE_MESSAGES_MAX = 512  # while the queue is full no control frame is read, so it holds seconds of a busy feed
RECEIVE_BYTES = 64 * 1024
SILENCE_GRACE_S = 0.05  # a consumer that comes late still gets what is queued before silence is judged
_LIBRARY_ERRORS = (
    trio_websocket.HandshakeError,
    trio_websocket.ConnectionClosed,
    ProtocolError,
    h11.ProtocolError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    OSError,
)


@attrs.frozen
class WebSocketStatistics:
    """Counters of one connection; times are trio's, seconds."""

    messages_received: int
    messages_sent: int
    opened_at_s: float
    received_at_s: float


class WebSocket:
    """An open connection. One task receives; any task may send."""

    def __init__(
        self, venue: str, connection: trio_websocket.WebSocketConnection, inbox: Inbox, silence_s_max: float
    ) -> None:
        self._venue = venue
        self._connection = connection
        self._inbox = inbox
        self._silence_s_max = silence_s_max
        self._opened_at_s = self._received_at_s = trio.current_time()
        self._received = self._sent = 0
        self._broken: str | None = None
        self._reader_failed = False

    @property
    def read_s(self) -> float:
        """When the newest bytes were read, trio's clock."""
        return self._inbox.read_s

    async def receive(self) -> str | bytes:
        """The next message: str for a text frame, bytes for a binary one.

        Raises VenueUnreachable when the connection ended, or when no message came for `silence_s_max` seconds since
        the last one. The age counts across calls: a caller's own shorter timeouts do not reset it. A message that is
        there is given at once, without a turn for other tasks: a burst is worked off in one go.
        """
        self._raise_if_broken()
        if self._inbox.is_empty:
            deadline_s = max(self._received_at_s + self._silence_s_max, trio.current_time() + SILENCE_GRACE_S)
            with trio.CancelScope(deadline=deadline_s):
                await self._inbox.wait()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        message = self._inbox.take()
        if message is None:
            self._fail(self._inbox.ended or f"silent for {trio.current_time() - self._received_at_s:.1f} s")
        self._received_at_s = trio.current_time()
        self._received += 1
        return message

    async def deliver(self, take: Callable[[str | bytes], None], conclude: Callable[[], None]) -> NoReturn:
        """Give every message to `take` in the turn in which its bytes were read, and call `conclude` after a burst.

        Between socket and `take` no other task has a turn. Raises what these two raised, after which nothing is given
        any more, and VenueUnreachable as `receive` does.
        """
        failed: list[Exception] = []
        messages = self._inbox.messages

        def take_all() -> None:
            if failed:
                return
            try:
                while messages:
                    self._received += 1
                    take(messages.popleft())
                self._inbox.make_room()
                self._received_at_s = trio.current_time()
                conclude()
            except Exception as error:  # noqa: BLE001 (it is our caller's, not the reader's)
                failed.append(error)
                self._inbox.over.set()

        self._raise_if_broken()
        self._inbox.taker = take_all
        try:
            if not self._inbox.is_empty:
                take_all()
            await self._until_over()
        finally:
            self._inbox.taker = None
        if failed:
            raise failed[0]
        self._fail(self._inbox.ended or f"silent for {trio.current_time() - self._received_at_s:.1f} s")

    async def _until_over(self) -> None:
        """Return when a taker failed, the connection ended, or nothing came for too long."""
        while not self._inbox.over.is_set():
            deadline_s = self._received_at_s + self._silence_s_max
            if trio.current_time() >= deadline_s:  # the scope's own question: a difference of the two rounds otherwise
                break
            with trio.CancelScope(deadline=deadline_s):
                await self._inbox.over.wait()
        await trio.lowlevel.checkpoint()

    async def send(self, message: str | bytes) -> None:
        """Hands one message to the stream, str as a text frame and bytes as a binary one.

        Raises VenueUnreachable when the connection is gone or took longer than SEND_S_MAX. After any failure, a
        Cancelled from outside included, part of the message may have left and the connection is not used again.
        """
        self._raise_if_broken()
        failure = f"a message was not taken within {SEND_S_MAX} s"
        whole = False
        try:
            with trio.move_on_after(SEND_S_MAX):
                await self._connection.send_message(message)
                whole = True
        except trio_websocket.ConnectionClosed as error:
            failure = _closed(error)
        finally:
            if not whole:
                self._broken = self._broken or failure
        if not whole:
            self._fail(failure)
        self._sent += 1

    def statistics(self) -> WebSocketStatistics:
        """Counters for monitors and tests."""
        return WebSocketStatistics(
            messages_received=self._received,
            messages_sent=self._sent,
            opened_at_s=self._opened_at_s,
            received_at_s=self._received_at_s,
        )

    @property
    def is_broken(self) -> bool:
        """True once a failure was seen: then closing skips the farewell."""
        return self._broken is not None or self._reader_failed

    def note_reader_failure(self, failure: str) -> None:
        """Told by the background reader when the library failed, so that the next call says why."""
        self._reader_failed = True
        self._inbox.end(failure)

    async def say_goodbye(self) -> None:
        """Closes by the protocol, which may take for ever; a broken connection is left alone."""
        if self.is_broken:
            return
        self._broken = "closed by us"
        with suppress(*_LIBRARY_ERRORS):
            await self._connection.aclose()

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise VenueUnreachable(self._venue, self._broken)

    def _fail(self, failure: str) -> NoReturn:
        self._broken = failure
        raise VenueUnreachable(self._venue, failure)


@asynccontextmanager
async def open_websocket(
    opener: StreamOpener,
    url: str,
    *,
    venue: str,
    silence_s_max: float,
    extra_headers: Iterable[tuple[str, str]] = (),
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    queue_messages_max: int = QUEUE_MESSAGES_MAX,
    open_s_max: float = OPEN_S_MAX,
    close_s_max: float = CLOSE_S_MAX,
) -> AsyncGenerator[WebSocket, None]:
    """An open connection without compression; its parts end with the block.

    Resource handling: leaving the block says goodbye for at most `close_s_max` seconds, or not at all after a
    failure, and then drops the stream. What the block raises comes out as it is, not in a group.
    Raises VenueUnreachable when it cannot be opened within `open_s_max`; the URL's query (it may hold a listen key)
    is never part of an error.
    """
    endpoint = Endpoint.from_url(url)
    deadline_s = trio.current_time() + open_s_max
    inbox = Inbox(queue_messages_max, message_bytes_max)
    wire = Wire(await _open_stream(opener, endpoint, venue, deadline_s), inbox)
    start = partial(
        trio_websocket.wrap_client_stream,
        stream=cast("trio.SocketStream", wire),  # the library's hint is narrower than its code
        host=endpoint.authority,
        resource=_resource(url),
        extra_headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in extra_headers],
        max_message_size=message_bytes_max,
        receive_buffer_size=RECEIVE_BYTES,
    )
    raised: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                websocket = await _shake_hands(nursery, start, wire, venue, silence_s_max, deadline_s)
                try:
                    yield websocket
                finally:
                    with trio.move_on_after(close_s_max, shield=True):
                        await websocket.say_goodbye()
            except BaseException as error:
                raised = error
                raise
            finally:
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if raised is None or not _holds_only(group, raised):
            raise
    else:
        return
    finally:
        with trio.move_on_after(close_s_max, shield=True):
            await trio.aclose_forcefully(wire)
    raise raised


async def _open_stream(opener: StreamOpener, endpoint: Endpoint, venue: str, deadline_s: float) -> trio.abc.Stream:
    failure = "not connected in time"
    try:
        with trio.CancelScope(deadline=deadline_s):
            return await opener(endpoint.host, endpoint.port)
    except VenueUnreachable as error:
        failure = str(error)
    except (OSError, trio.BrokenResourceError) as error:
        failure = connect_failure(error)
    raise VenueUnreachable(venue, failure)


async def _shake_hands(
    nursery: trio.Nursery, start: _Start, wire: Wire, venue: str, silence_s_max: float, deadline_s: float
) -> WebSocket:
    with trio.CancelScope(deadline=deadline_s):
        opened: WebSocket = await nursery.start(_read, start, wire, venue, silence_s_max)
        return opened
    raise VenueUnreachable(venue, "no WebSocket handshake in time")


async def _read(
    start: _Start,
    wire: Wire,
    venue: str,
    silence_s_max: float,
    task_status: trio.TaskStatus[WebSocket] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs the library's reader; its errors end here, and reach the user through the next `receive` or `send`."""
    websocket: WebSocket | None = None
    failure = "ended during the handshake"
    try:
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as handshake:
                # The library would wait for ever for a handshake on a stream that has ended.
                nursery.start_soon(wire.cancel_at_end, handshake)
                connection = await start(nursery)
                websocket = WebSocket(venue, connection, wire.inbox, silence_s_max)
                nursery.start_soon(_pump, connection, wire.inbox)
                task_status.started(websocket)
            if websocket is None:
                nursery.cancel_scope.cancel()
    except* _LIBRARY_ERRORS as group:
        failure = "; ".join(_library_failure(error) for error in _leaves(group))
        if websocket is not None:
            websocket.note_reader_failure(failure)
    if websocket is None:
        raise VenueUnreachable(venue, failure)


async def _pump(connection: trio_websocket.WebSocketConnection, inbox: Inbox) -> None:
    """What the library still reads: messages of a connection that broke the protocol, and the end of every one."""
    try:
        while True:
            inbox.put(await connection.get_message())
            await inbox.have_room()
    except trio_websocket.ConnectionClosed as error:
        inbox.end(_closed(error))


class _Start(Protocol):
    def __call__(self, nursery: trio.Nursery, /) -> Awaitable[trio_websocket.WebSocketConnection]: ...


def _resource(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _closed(error: trio_websocket.ConnectionClosed) -> str:
    if error.reason is None:
        return "connection ended"
    # The peer chose the text: quoted, because it may hold anything, and cut.
    return f"closed with {error.reason.code} {error.reason.name}: {(error.reason.reason or '')[:120]!r}"


def _library_failure(error: BaseException) -> str:
    if isinstance(error, trio_websocket.ConnectionClosed):
        return _closed(error)
    if isinstance(error, trio_websocket.ConnectionRejected):
        return f"handshake answered with status {error.status_code}: {(error.body or b'')[:120]!r}"
    return f"{type(error).__name__}: {str(error)[:120]!r}"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _holds_only(group: BaseException, raised: BaseException) -> bool:
    """True when the group is `raised` and cancellations: then nothing is lost by raising it bare."""
    known = [id(leaf) for leaf in _leaves(raised)]
    return all(id(leaf) in known or isinstance(leaf, trio.Cancelled) for leaf in _leaves(group))
