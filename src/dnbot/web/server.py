"""HTTP/1.1 by Hypercorn's connections on Trio, with what Hypercorn leaves open: every wait has a limit, also a write.

Hypercorn's own `worker_serve` is not used: it shields writes without a deadline, so that one browser that stops reading
would hold up the end of the bot, it speaks HTTP/2 to whoever asks for it, and an error in one connection ends all.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import attrs
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError, H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp

from dnbot.ports.log import EventLog
from dnbot.web.pace import Pace

CONNECTIONS_MAX = 128
HEAD_S_MAX = 10.0
"""How long a client may take to send a whole request head, and how long a connection may idle between two."""
SEND_S_MAX = 5.0
"""How long a client may take to read what it was sent; one that does not is cut off."""
HEAD_BYTES_MAX = 16 * 1024
RECEIVE_BYTES = 65_536
READ_EVERY_S = 0.005
"""What clients send is worked off in pieces of at most `RECEIVE_BYTES`, so far apart, whoever they come from: a request
costs the bot about a millisecond, and many browsers that open at once must not add theirs up."""


def hypercorn_config() -> Config:
    """What of Hypercorn's configuration a connection reads."""
    config = Config()
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = HEAD_S_MAX
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    return config


@attrs.define
class WebServer:
    """Serves connections, each in a task of its own: none of them can harm another one, or whoever runs the server."""

    app: ASGIApp
    log: EventLog
    connections: int = 0
    turned_away: int = 0
    _pace: Pace = attrs.field(factory=lambda: Pace(READ_EVERY_S), init=False)
    _config: Config = attrs.field(factory=hypercorn_config, init=False)
    _context: WorkerContext = attrs.field(factory=lambda: WorkerContext(None), init=False)

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Never returns."""
        await trio.serve_listeners(self.welcome, listeners)

    async def welcome(self, stream: trio.abc.Stream) -> None:
        """One connection, until it ends."""
        if self.connections >= CONNECTIONS_MAX:
            self.turned_away += 1
            await trio.aclose_forcefully(stream)
            return
        self.connections += 1
        try:
            with contained(self.log):
                app = ASGIWrapper(self.app)  # type: ignore[arg-type]  # the same protocol, with types of another library
                await _Connection(app, self._config, self._context, stream, self._pace).run()
        finally:
            self.connections -= 1


class _Connection(TCPServer):
    """Hypercorn's, over any stream, in HTTP/1.1 alone."""

    def __init__(
        self, app: ASGIWrapper, config: Config, context: WorkerContext, stream: trio.abc.Stream, pace: Pace
    ) -> None:
        super().__init__(app, config, context, ConnectionState({}), stream)  # type: ignore[arg-type]  # any stream will do
        self._pace = pace

    async def run(self) -> None:
        try:
            async with TaskGroup() as group:
                self._task_group = group
                self.protocol = H11Protocol(  # type: ignore[assignment]  # without the wrapper that turns to HTTP/2
                    self.app, self.config, self.context, group, ConnectionState({}), False, None, None,
                    self.protocol_send,
                )
                await self.idle_task.restart(group, self._idle_timeout)
                try:
                    await self._read_data()
                except (H2CProtocolRequiredError, H2ProtocolAssumedError):
                    await self.protocol.handle(Closed())
                await self.idle_task.stop()  # a command that is under way goes on without its browser
        except OSError:
            pass  # the client left
        finally:
            await trio.aclose_forcefully(self.stream)

    async def _read_data(self) -> None:
        """Until the client ends or leaves; each piece in its turn."""
        while True:
            try:
                data = bytes(await self.stream.receive_some(RECEIVE_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                break
            if data:
                await self._pace.turn()
            await self.protocol.handle(RawData(data))
            if not data:
                break
        await self.protocol.handle(Closed())

    async def protocol_send(self, event: Event) -> None:
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            with trio.move_on_after(SEND_S_MAX) as scope:
                try:
                    await self.stream.send_all(event.data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    await self.protocol.handle(Closed())
            if scope.cancelled_caught:
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())


@contextmanager
def contained(log: EventLog) -> Iterator[None]:
    """Nothing that goes wrong inside reaches the bot: it is logged, and trading goes on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever it is)
        log.error("web_error", error=repr(error))
    except BaseExceptionGroup as group:
        errors, rest = group.split(Exception)
        if errors is not None:
            log.error("web_error", error=repr(errors))
        if rest is not None:
            raise rest from None


@asynccontextmanager
async def listeners_at(host: str, port: int) -> AsyncIterator[list[trio.SocketListener]]:
    """Listening sockets, closed behind the block.

    Raises:
        PortTaken: somebody else listens there.
        OSError: the address is none of this machine's.
    """
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"{host}:{port} is taken by another program") from None
        raise
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.socket.close()


class PortTaken(Exception):
    """Somebody else listens there."""
