"""Target 9: from an order that may leave to its bytes handed to the stream, over TLS, signing included.

Gate's orders leave by its WebSocket, MEXC's by REST through the venue's line, rate budget and HTTP client included.
Plain httpx sends the same request, signed by the same codec. The moment is when `send_all` of the stream, which
encrypts, is called for the last time before the answer; it is noted in the same way for all of them.
"""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

from dnbot.domain.instrument import Venue
from dnbot.ports.clock import SystemClock, VenueClock
from dnbot.ports.http import HttpClient
from dnbot.ports.limiter import RateLimiter
from dnbot.ports.net import Endpoint, StreamOpener, TcpTlsOpener
from dnbot.ports.websocket import open_websocket
from dnbot.tasks.link import Line
from dnbot.venues.wire import RequestClass
from suite.authority import HOST, client_context
from suite.children import on_core, serving
from suite.figures import Figures, quantile
from suite.measuring import Effort, interleaved
from suite.orders import EXPIRES_NS, codec, intent
from suite.target import Target

ORDERS = 1_000
WARM_UP = 20
CLIENT_CORE, SERVER_CORE = 0, 1
DEADLINE_S = 5.0
BUDGET = 1_000_000
Place = Callable[[int], Awaitable[object]]


def measure(effort: Effort) -> list[Target]:
    """Gate's socket against its limit; MEXC's REST against its limit and plain httpx."""
    orders = effort.times(ORDERS)
    with served(orders) as contenders:
        rounds = interleaved(effort.rounds, contenders)
    answered = "; ".join(f"{name} {rounds.median(name, 'answered p50'):.0f}" for name in ("rest", "httpx"))
    return [
        Target(
            "9 order bytes to the stream, Gate WebSocket, p50", "us", rounds.median("socket", "p50"), limit=80.0,
            detail=f"p99 {rounds.median('socket', 'p99'):.0f} us; rounds {rounds.spread('socket', 'p50')}",
            again=partial(again, "socket", orders),
        ),
        Target(
            "9 order bytes to the stream, MEXC REST, p50", "us", rounds.median("rest", "p50"), limit=100.0,
            factor=8.0, beside="plain httpx", comparison=rounds.median("httpx", "p50"),
            floor=rounds.median("rest", "made p50"), floor_of="the signed request made by the codec",
            detail=f"p99 {rounds.median('rest', 'p99'):.0f} us; rounds {rounds.spread('rest', 'p50')}; "
            f"until the answer is read, p50 in us: {answered}",
            again=partial(again, "rest", orders),
        ),
    ]


@contextmanager
def served(orders: int) -> Iterator[dict[str, Callable[[], Figures]]]:
    """The contenders, with their servers on one core and this process on the other."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("websocket_server:serve", f"{folder}/socket.pem", core=SERVER_CORE) as sockets,
        serving("http_server:serve", f"{folder}/http.pem", core=SERVER_CORE) as rest,
        on_core(CLIENT_CORE),
    ):
        socket_ca, http_ca = Path(folder, "socket.pem"), Path(folder, "http.pem")
        yield {
            "socket": lambda: trio.run(_socket, sockets["tls"], socket_ca, orders),
            "rest": lambda: trio.run(_rest, rest["tls"], http_ca, orders),
            "httpx": lambda: trio.run(_httpx, rest["tls"], http_ca, orders),
        }


def again(contender: str, orders: int) -> None:
    """One contender once more."""
    with served(orders) as contenders:
        contenders[contender]()


@attrs.define
class Stamps:
    """When bytes were last handed to a stream of one of the watched classes, by the performance counter."""

    at_ns: int = 0
    _replaced: dict[type[Any], Any] = attrs.field(factory=dict)

    def watch(self, kind: type[Any]) -> None:
        """Note every `send_all` of this class from now on."""
        if kind in self._replaced:
            return
        send_all = self._replaced[kind] = kind.send_all

        async def stamped(stream: Any, data: bytes) -> None:
            self.at_ns = time.perf_counter_ns()
            await send_all(stream, data)

        kind.send_all = stamped

    def opener(self, inner: StreamOpener) -> StreamOpener:
        """An opener whose streams are watched."""

        async def opened(host: str, port: int) -> trio.abc.Stream:
            stream = await inner(host, port)
            self.watch(type(stream))
            return stream

        return opened

    def restore(self) -> None:
        """Leave the classes as they were."""
        for kind, send_all in self._replaced.items():
            kind.send_all = send_all


@contextmanager
def stamping() -> Iterator[Stamps]:
    """Stamps that end with the block."""
    stamps = Stamps()
    try:
        yield stamps
    finally:
        stamps.restore()


async def _timed(place: Place, stamps: Stamps, orders: int) -> Figures:
    handed: list[float] = []
    answered: list[float] = []
    for number in range(1, WARM_UP + orders + 1):
        began_ns = time.perf_counter_ns()
        await place(number)
        ended_ns = time.perf_counter_ns()
        if stamps.at_ns < began_ns:
            raise AssertionError("an order was placed and no bytes were seen")
        if number > WARM_UP:
            handed.append((stamps.at_ns - began_ns) / 1000)
            answered.append((ended_ns - began_ns) / 1000)
    return {"p50": quantile(handed, 0.5), "p99": quantile(handed, 0.99), "answered p50": quantile(answered, 0.5)}


async def _socket(port: int, ca_file: Path, orders: int) -> Figures:
    url = f"wss://{HOST}:{port}/1/0"
    gate = codec(Venue.GATE_SPOT)
    with stamping() as stamps:
        opener = stamps.opener(TcpTlsOpener([Endpoint.from_url(url)], ca_file=ca_file))
        async with open_websocket(opener, url, venue="bench", silence_s_max=60, close_s_max=0) as socket:

            async def place(number: int) -> None:
                now_ms = time.time_ns() // 1_000_000
                order = intent(Venue.GATE_SPOT, number)
                await socket.send(
                    gate.socket_place_frame(order, now_ms // 1000, str(number), now_ms + EXPIRES_NS // 1_000_000)
                )

            return await _timed(place, stamps, orders)


async def _rest(port: int, ca_file: Path, orders: int) -> Figures:
    mexc, clock = codec(Venue.MEXC_SPOT), SystemClock()
    venue_clock = VenueClock(clock)
    venue_clock.observe(Venue.MEXC_SPOT.value, clock.monotonic_s(), clock.now_ns() // 1_000_000, clock.monotonic_s())
    endpoint = Endpoint(HOST, port)
    with stamping() as stamps:
        opener = stamps.opener(TcpTlsOpener([endpoint], ca_file=ca_file))
        async with HttpClient(opener, endpoint, clock=clock) as client:
            line = Line(
                venue=Venue.MEXC_SPOT, clients={RequestClass.CREATE: client},
                budgets={RequestClass.CREATE: RateLimiter(BUDGET, BUDGET)}, clock=venue_clock,
            )

            made: list[float] = []

            async def place(number: int) -> None:
                began_ns = time.perf_counter_ns()
                now_ms = line.venue_now_ms()
                request = mexc.place_request(
                    intent(Venue.MEXC_SPOT, number), now_ms, now_ms + EXPIRES_NS // 1_000_000
                )
                made.append(time.perf_counter_ns() - began_ns)
                await line.ask(request, deadline_s=DEADLINE_S)

            return {**await _timed(place, stamps, orders), "made p50": quantile(made, 0.5) / 1000}


async def _httpx(port: int, ca_file: Path, orders: int) -> Figures:
    mexc = codec(Venue.MEXC_SPOT)
    context: ssl.SSLContext = client_context(ca_file)
    with stamping() as stamps:
        stamps.watch(trio.SSLStream)
        async with httpx.AsyncClient(verify=context, base_url=f"https://{HOST}:{port}") as client:

            async def place(number: int) -> None:
                now_ms = time.time_ns() // 1_000_000
                request = mexc.place_request(
                    intent(Venue.MEXC_SPOT, number), now_ms, now_ms + EXPIRES_NS // 1_000_000
                )
                await client.request(
                    request.method, request.target, headers=dict(request.headers), content=request.body
                )

            return await _timed(place, stamps, orders)
