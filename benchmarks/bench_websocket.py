"""What one message costs to receive: our client beside the WebSocket library alone, in one run.

A stream in memory hands out chunks of whole frames, as a socket does, so the figure is the receiver's CPU and nothing
of a network. Rounds are interleaved; each contender's median is printed, and their ratio.

    .venv/bin/python benchmarks/bench_websocket.py [--rounds N]
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import statistics
import time
from collections.abc import Awaitable, Callable

import trio
import trio_websocket

from dnbot.ports.websocket import open_websocket

MESSAGE = (
    b'{"time":1800000000,"channel":"spot.order_book_update","event":"update","result":{"t":1800000000123,'
    b'"u":48733182,"b":[["60001.2","0.0123"],["60001.1","0.4"]],"a":[["60002.3","1.25"],["60002.4","0"]]}}'
)
FRAME = bytes([0x81, 126]) + len(MESSAGE).to_bytes(2, "big") + MESSAGE
MESSAGES = 20_000
_KEY = b"sec-websocket-key: "
_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Server(trio.abc.Stream):
    """Accepts the handshake and then sends as fast as it is read, `burst` frames to a chunk."""

    def __init__(self, burst: int) -> None:
        self._burst, self._left = burst, MESSAGES
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


async def _timed(receive: Callable[[], Awaitable[object]]) -> float:
    began_s = time.process_time()
    for _ in range(MESSAGES):
        await receive()
    return (time.process_time() - began_s) / MESSAGES * 1e6


async def library(burst: int) -> float:
    """µs of CPU a message: `get_message` of trio-websocket, its queue as long as ours."""
    async with trio.open_nursery() as nursery:
        connection = await trio_websocket.wrap_client_stream(
            nursery, Server(burst), "x", "/", message_queue_size=512, receive_buffer_size=65_536  # type: ignore[arg-type]
        )
        took_us = await _timed(connection.get_message)
        nursery.cancel_scope.cancel()
    return took_us


async def ours(burst: int) -> float:
    """µs of CPU a message: `receive` of our client."""

    async def opener(host: str, port: int) -> trio.abc.Stream:
        del host, port
        return Server(burst)

    async with open_websocket(opener, "ws://x/", venue="bench", silence_s_max=60, close_s_max=0) as websocket:
        return await _timed(websocket.receive)


def main() -> None:
    """Print a line per burst size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for burst in (1, 16):
        figures = [(trio.run(library, burst), trio.run(ours, burst)) for _ in range(rounds)]
        theirs, own = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{burst:>3} frames a chunk: library {theirs:6.2f} us, ours {own:5.2f} us, {theirs / own:5.1f} times")


if __name__ == "__main__":
    main()
