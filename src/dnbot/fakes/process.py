"""The fakes as a process: two loopback listeners, one line that says where, a clean end on a signal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import trio

from .clock import FakeClock
from .config import FakesConfig
from .control import ControlledApp, Controls
from .exchange import Exchange
from .faults_conditions import EXCHANGES
from .faults_edge import VenueFront, serve_with_faults
from .faults_listen import Listener, kept_authority, serve_behind_door, tls_context
from .replay_files import ReplayError
from .requests import RequestLog
from .running import World
from .state import StateCorrupt
from .world import build_world

STDIN_FD = 0
AUTHORITY = "authority.pem"


Front = Callable[[Exchange, RequestLog], VenueFront]
"""What makes a front for the second spot venue: the same accounts and books, spoken of in another way than MEXC's."""


def main(config: FakesConfig, second_spot: Front | None = None) -> int:
    """Run until SIGTERM, SIGINT or (when asked) the end of standard input; 0 then, 2 when it cannot be done."""
    try:
        trio.run(run_fakes, config, second_spot)
    except (ValueError, OSError, StateCorrupt) as problem:
        return _refused(problem)
    except ExceptionGroup as group:
        unplayable, others = group.split(ReplayError)
        if unplayable is None or others is not None:
            raise
        return _refused(_first(unplayable))  # a file that turned out to be damaged further on
    return 0


def _refused(problem: BaseException) -> int:
    sys.stderr.write(f"dnbot fakes: {problem}\n")
    return 2


def _first(problem: BaseException) -> BaseException:
    """One of those that a nursery has wrapped."""
    return _first(problem.exceptions[0]) if isinstance(problem, BaseExceptionGroup) else problem


async def run_fakes(config: FakesConfig, second_spot: Front | None = None) -> None:
    """Serve a world on sockets; prints one JSON line with its addresses, and on the way out writes audit and state.

    A front of others is served where MEXC's would be.

    Raises OSError when a port is taken, ValueError for an impossible config, StateCorrupt for a damaged state.
    """
    async with contextlib.AsyncExitStack() as stack:
        worlds: list[World] = []

        def showing() -> str:
            return worlds[0].faults.certificate if worlds else ""

        context, ca_file = _tls(config, stack, showing) if config.tls else (None, None)
        gate = await _listen(config.host, config.gate_port, context)
        mexc = await _listen(config.host, config.mexc_port, context)
        for listener in (*gate, *mexc):
            stack.push_async_callback(listener.aclose)
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            world = build_world(config, FakeClock.real())
            worlds.append(world)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(world.run)
                    controls = Controls(world)
                    nursery.start_soon(controls.meter.run)
                    nursery.start_soon(_serve, controls, world.gate_app, gate, context)
                    second: VenueFront = world.mexc_app
                    if second_spot is not None:
                        second = second_spot(world.exchange, world.requests)
                        nursery.start_soon(second.run)
                    nursery.start_soon(_serve, controls, second, mexc, context)
                    _announce(world, _port(gate), _port(mexc), ca_file)
                    if config.until_stdin_eof:
                        nursery.start_soon(_until_stdin_eof, nursery.cancel_scope)
                    nursery.start_soon(_until_signal, signals, nursery.cancel_scope)
            finally:
                world.close()


def _tls(
    config: FakesConfig, stack: contextlib.AsyncExitStack, showing: Callable[[], str]
) -> tuple[ssl.SSLContext, Path]:
    """The state directory's authority, one certificate of it, and the file a client needs to trust both."""
    directory = config.state_dir
    if directory is None:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dnbot-fakes-")))
    directory.mkdir(parents=True, exist_ok=True)
    authority = kept_authority(directory / AUTHORITY)
    path = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return tls_context(config.host, showing, FakeClock.real(), authority), path


async def _listen(host: str, port: int, context: ssl.SSLContext | None) -> list[Listener]:
    listeners = await trio.open_tcp_listeners(port, host=host)
    if context is None:
        return list(listeners)
    return [trio.SSLListener(listener, context, https_compatible=True) for listener in listeners]


async def _serve(
    controls: Controls, front: VenueFront, listeners: list[Listener], context: ssl.SSLContext | None
) -> None:
    engine, host, port = controls.world.faults, controls.world.config.host, _port(listeners)

    async def handler(stream: trio.abc.Stream) -> None:
        await serve_with_faults(stream, front, engine, _peer(stream), partial(ControlledApp, controls))

    listen_again = partial(_listen, host, port, context)
    await serve_behind_door(engine.doors, EXCHANGES[front.venue_of("/")], listeners, listen_again, handler)


def _peer(stream: trio.abc.Stream) -> str:
    inner = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if isinstance(inner, trio.SocketStream):
        with contextlib.suppress(OSError):  # the client may be gone already
            return str(inner.socket.getpeername()[0])
    return ""


def _port(listeners: list[Listener]) -> int:
    first = listeners[0]
    inner = first.transport_listener if isinstance(first, trio.SSLListener) else first
    if not isinstance(inner, trio.SocketListener):
        raise TypeError(f"not a socket listener: {inner!r}")
    return int(inner.socket.getsockname()[1])


def _announce(world: World, gate: int, mexc: int, ca_file: Path | None) -> None:
    config = world.config
    http, ws = ("https", "wss") if config.tls else ("http", "ws")
    account = config.accounts[0]
    line: dict[str, object] = {
        "gate_rest": f"{http}://{config.host}:{gate}/api/v4",
        "gate_ws_spot": f"{ws}://{config.host}:{gate}/ws/v4/",
        "gate_ws_futures": f"{ws}://{config.host}:{gate}/v4/ws/futures/usdt",  # by it some clients tell the product
        "mexc_rest": f"{http}://{config.host}:{mexc}",
        "mexc_ws": f"{ws}://{config.host}:{mexc}/ws",
        "key": account.key,
        "secret": account.secret,
        "uid": account.uid,
        "symbols": list(world.models),
        "market": world.params.describe(),
    }
    if ca_file is not None:
        line["ca_file"] = str(ca_file)
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _until_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()
        return


async def _until_stdin_eof(scope: trio.CancelScope) -> None:
    """A parent that dies closes our standard input. What cannot be waited for (a file, /dev/null) has ended already."""
    with contextlib.suppress(PermissionError):
        while True:
            await trio.lowlevel.wait_readable(STDIN_FD)
            if not os.read(STDIN_FD, 65_536):
                break
    scope.cancel()
