"""What a client reads and writes inside its TLS, with the time of each, on Trio and on asyncio by the same rule.

A read is stamped when its plain bytes are there for whoever asked, a write when its plain bytes are handed over to be
encrypted. An order is on the wire with the write of its last byte, which may be in a body that is written by itself.
"""

from __future__ import annotations

import re
import time
from asyncio import sslproto
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import attrs
import trio

LEGS = (re.compile(rb"POST /api/v3/order[ ?]"), re.compile(rb"POST /api/v4/spot/orders "))
"""How the requests begin: MEXC's spot v3, "New Order"; Gate's API v4, "Create an order"."""
BOOK = b"aggre.depth"
"""Part of the name of MEXC's channel of book changes, which every frame of it carries."""
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

Stamped = tuple[int, int, bytes]
"""ns of the performance counter, which stream, and plain bytes."""


@attrs.define
class WireLog:
    """Everything since `begin`."""

    reads: list[Stamped] = attrs.field(factory=list)
    writes: list[Stamped] = attrs.field(factory=list)
    _placed: Callable[[], None] | None = None

    def begin(self, placed: Callable[[], None]) -> None:
        """Forget what was, and tell once when both legs have left from now on."""
        self.reads.clear()
        self.writes.clear()
        self._placed = placed

    def read(self, stream: object, data: bytes) -> None:
        """Bytes have come."""
        self.reads.append((time.perf_counter_ns(), id(stream), data))

    def write(self, stream: object, data: bytes) -> None:
        """Bytes leave."""
        self.writes.append((time.perf_counter_ns(), id(stream), data))
        if self._placed is not None and both_left_ns(self.writes) is not None:
            placed, self._placed = self._placed, None
            placed()


def tick_to_wire_ns(log: WireLog, price: bytes) -> int | None:
    """From the first read in which the book shows this price to the last byte of the later leg after it.

    None when it was not shown, or not answered by both legs.
    """
    seen_ns = next((at_ns for at_ns, _, data in log.reads if price in data and BOOK in data), None)
    if seen_ns is None:
        return None
    left_ns = both_left_ns([write for write in log.writes if write[0] >= seen_ns])
    return None if left_ns is None else left_ns - seen_ns


def both_left_ns(writes: Sequence[Stamped]) -> int | None:
    """When the last byte of the first order of each leg was handed over; None while one is missing."""
    left = [_left_ns(writes, begins) for begins in LEGS]
    return None if None in left else max(at_ns for at_ns in left if at_ns is not None)


def _left_ns(writes: Sequence[Stamped], begins: re.Pattern[bytes]) -> int | None:
    first = next((number for number, (_, _, data) in enumerate(writes) if begins.match(data)), None)
    if first is None:
        return None
    stream, sent = writes[first][1], b""
    for at_ns, of, data in writes[first:]:
        if of == stream:
            sent += data
            if _is_whole(sent):
                return at_ns
    return None


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(_HEAD_END)
    length = _LENGTH.search(head + b"\r\n")
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@contextmanager
def trio_wire(log: WireLog) -> Iterator[None]:
    """Every TLS stream of Trio is written down."""
    kind: Any = trio.SSLStream
    send_all, receive_some = kind.send_all, kind.receive_some

    async def sent(stream: Any, data: bytes) -> None:
        log.write(stream, data)
        await send_all(stream, data)

    async def received(stream: Any, max_bytes: int | None = None) -> bytes:
        data: bytes = await receive_some(stream, max_bytes)
        log.read(stream, data)
        return data

    kind.send_all, kind.receive_some = sent, received
    try:
        yield
    finally:
        kind.send_all, kind.receive_some = send_all, receive_some


@contextmanager
def asyncio_wire(log: WireLog) -> Iterator[None]:
    """Every TLS transport of asyncio is written down, and what aiohttp's protocol, REST and WebSocket, is given."""
    transport: Any = sslproto._SSLProtocolTransport  # the only place where plain bytes are still in sight
    protocol: Any = import_module("aiohttp.client_proto").ResponseHandler
    write, writelines, data_received = transport.write, transport.writelines, protocol.data_received

    def written(self: Any, data: Any) -> None:
        log.write(self, bytes(data))
        write(self, data)

    def lines_written(self: Any, parts: Any) -> None:
        written(self, b"".join(parts))

    def received(self: Any, data: bytes) -> None:
        log.read(self, data)
        data_received(self, data)

    transport.write, transport.writelines, protocol.data_received = written, lines_written, received
    try:
        yield
    finally:
        transport.write, transport.writelines, protocol.data_received = write, writelines, data_received
