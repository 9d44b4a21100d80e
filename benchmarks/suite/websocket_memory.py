"""What a message costs to receive, beside the WebSocket library alone: decision 18 says half, and in bursts an eighth.

A stream in memory hands out chunks of whole frames, as a socket does, so the figure is the receiver's CPU and nothing
of a network.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import trio
import trio_websocket

from dnbot.ports.websocket import open_websocket
from suite.figures import Figures
from suite.measuring import Effort, interleaved
from suite.target import Target
from suite.websocket_clients import Counted, Counting
from suite.websocket_server import FRAME

MESSAGES = 20_000
FACTORS = {1: 2.0, 16: 8.0}
"""Frames in a chunk -> how many times cheaper than the library."""
_KEY = b"sec-websocket-key: "
_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Client = Callable[[int, int], Awaitable[float]]


def measure(effort: Effort) -> list[Target]:
    """A target per size of chunk."""
    targets = []
    for burst, factor in FACTORS.items():
        messages = max(2, effort.times(MESSAGES) // burst) * burst
        rounds = interleaved(
            effort.rounds,
            {client.__name__: partial(_figures, client, burst, messages) for client in (ours, library, turns)},
        )
        targets.append(
            Target(
                f"6 CPU of a message, {burst} in a chunk", "us", rounds.median("ours", "us"), factor=factor,
                beside="trio-websocket", comparison=rounds.median("library", "us"),
                floor=rounds.median("turns", "us"), floor_of="a turn of the loop for each chunk",
                detail=f"in memory; rounds {rounds.spread('ours', 'us')}",
                again=partial(trio.run, ours, burst, messages),
            )
        )
    return targets


def _figures(client: Client, burst: int, messages: int) -> Figures:
    return {"us": trio.run(client, burst, messages)}


class Server(trio.abc.Stream):
    """Accepts the handshake and then sends as fast as it is read, `burst` frames to a chunk."""

    def __init__(self, burst: int, messages: int) -> None:
        self._burst, self._left = burst, messages
        self._answer = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        key = next(line[len(_KEY) :] for line in bytes(data).split(b"\r\n") if line.lower().startswith(_KEY))
        accept = base64.b64encode(hashlib.sha1(key + _SUFFIX).digest())  # noqa: S324 (RFC 6455, 4.2.2)
        self._answer = (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-accept: %s\r\n\r\n" % accept
        )

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        del max_bytes
        await trio.lowlevel.checkpoint()
        if self._answer:
            answer, self._answer = self._answer, b""
            return answer
        if not self._left:
            await trio.sleep_forever()
        self._left -= self._burst
        return FRAME * self._burst

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def _timed(receive: Callable[[], Awaitable[object]], messages: int) -> float:
    began_s = time.process_time()
    for _ in range(messages):
        await receive()
    return (time.process_time() - began_s) / messages * 1e6


async def library(burst: int, messages: int) -> float:
    """us of CPU a message: `get_message` of trio-websocket, its queue as long as ours."""
    async with trio.open_nursery() as nursery:
        connection = await trio_websocket.wrap_client_stream(
            nursery, Server(burst, messages), "x", "/", message_queue_size=512, receive_buffer_size=65_536  # type: ignore[arg-type]
        )
        took_us = await _timed(connection.get_message, messages)
        nursery.cancel_scope.cancel()
    return took_us


async def turns(burst: int, messages: int) -> float:
    """us of CPU a message of nothing but the turns in which a stream of trio gives its chunks."""
    began_s = time.process_time()
    for _ in range(messages // burst):
        await trio.lowlevel.checkpoint()
    return (time.process_time() - began_s) / messages * 1e6


async def ours(burst: int, messages: int) -> float:
    """us of CPU a message: `deliver` of our client, which is how feeds receive."""

    async def opener(host: str, port: int) -> trio.abc.Stream:
        del host, port
        return Server(burst, messages)

    async with open_websocket(opener, "ws://x/", venue="bench", silence_s_max=60, close_s_max=0) as websocket:
        counting = Counting(messages, time.process_time)
        with suppress(Counted):
            await websocket.deliver(counting.take, lambda: None)
    return counting.took_s / (messages - 1) * 1e6
