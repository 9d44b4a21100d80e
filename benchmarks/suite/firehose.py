"""Three venues' book frames at a steady rate, encoded before: a server that costs next to nothing per frame.

A client asks for `/VENUE/RATE/SECONDS` (what follows is its own), with the frames a second of that venue; `/SECONDSxN`
says that N times three come. When all have, they are served together: every millisecond each gets what is due, in one
write. A frame is one of
`TEMPLATES`, with its own id patched in, so the books stay contiguous for as long as wanted. Who does not read makes the
server wait; it then tells how far it fell behind.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import attrs

from suite import frames, loopback

TEMPLATES = 1_000
"""Frames that are encoded; then they come again: an even number, because frames take turns removing a level."""
ID_DIGITS = len(str(frames.FIRST_ID))
TURN_S = 0.001
LEAVE_S_MAX = 2.0
"""A client that has had the last word and does not leave is left."""
BURST_MAX = 2_000
"""Frames of one write, after which the others have their turn."""
VENUES: dict[str, Callable[[int], Sequence[str | bytes]]] = {
    "GATEIO_SPOT": frames.gate_frames, "GATEIO_FUTURES": frames.gate_futures_frames, "MEXC_SPOT": frames.mexc_frames,
}
_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)


def framed(message: str | bytes) -> bytes:
    """A whole message as a server sends it: text or binary."""
    payload, opcode = (message.encode(), 0x81) if isinstance(message, str) else (message, 0x82)
    size = len(payload)
    return (bytes([opcode, size]) if size < 126 else bytes([opcode, 126]) + size.to_bytes(2, "big")) + payload


@attrs.frozen
class Template:
    """A whole WebSocket frame, and where its id stands in it."""

    frame: bytes
    places: tuple[int, ...]

    @classmethod
    def of(cls, message: str | bytes, number: int) -> Template:
        """Frame `number` of a venue."""
        frame, own_id = framed(message), str(frames.FIRST_ID + number).encode()
        places = tuple(match.start() for match in re.finditer(own_id, frame))
        if len(places) != 2:
            raise AssertionError(f"a frame that names its id {len(places)} times: {frame!r}")
        return cls(frame, places)

    def written(self, number: int) -> bytes:
        """The frame as number so and so."""
        own_id = b"%d" % (frames.FIRST_ID + number)
        first, second = self.places
        frame = self.frame
        return b"".join((
            frame[:first], own_id, frame[first + ID_DIGITS : second], own_id, frame[second + ID_DIGITS :]
        ))


def templates(venue: str) -> list[Template]:
    """What is sent to it, over and over."""
    return [Template.of(message, number) for number, message in enumerate(VENUES[venue](TEMPLATES), 1)]


@attrs.define
class _Stream:
    client: loopback.Connection
    templates: list[Template]
    rate: float
    seconds: float
    together: int
    """Clients that are served with it, itself included."""
    sent: int = 0

    def send_due(self, elapsed_s: float) -> bool:
        """Send what is due by now; False when nothing was."""
        due = min(int(min(elapsed_s, self.seconds) * self.rate) - self.sent, BURST_MAX)
        if due <= 0:
            return False
        begin = self.sent
        self.client.sendall(
            b"".join([self.templates[n % TEMPLATES].written(n + 1) for n in range(begin, begin + due)])
        )
        self.sent += due
        return True


def serve(ca_file: str) -> None:
    """Print `{"plain": port, "tls": port}`, then serve three clients at a time until stdin ends.

    Each client gets, as a last text message, what the server did: CPU and wall seconds, and how far it fell behind.
    """
    kept = {venue: templates(venue) for venue in VENUES}
    streams: list[_Stream] = []
    for client in loopback.clients(ca_file):
        streams.append(_accepted(client, kept))
        if len(streams) == streams[-1].together:
            with suppress(OSError):  # a client that has enough
                _pour(streams)
            for stream in streams:
                stream.client.close()
            streams.clear()


def _accepted(client: loopback.Connection, kept: dict[str, list[Template]]) -> _Stream:
    request = loopback.read_head(client)
    assert request is not None
    venue, rate, seconds, *_ = request[0].split(b" ")[1].decode().strip("/").split("/")
    key = _KEY.search(request[0])
    assert key is not None
    accept = base64.b64encode(hashlib.sha1(key[1] + _SUFFIX).digest())  # noqa: S324 (RFC 6455, 4.2.2)
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
    )
    lasts, _, times = seconds.partition("x")
    return _Stream(client, kept[venue], float(rate), float(lasts), int(times or 1) * len(VENUES))


def _pour(streams: Sequence[_Stream]) -> None:
    began_s, cpu_s, behind_s = time.perf_counter(), time.process_time(), 0.0
    ends_s = max(stream.seconds for stream in streams)
    while True:
        elapsed_s = time.perf_counter() - began_s
        busy = [stream.send_due(elapsed_s) for stream in streams]
        if elapsed_s < ends_s:
            behind_s = max(behind_s, *(elapsed_s - stream.sent / stream.rate for stream in streams))
        if elapsed_s > ends_s and not any(busy):
            break
        late_s = time.perf_counter() - began_s - elapsed_s
        if late_s < TURN_S:
            time.sleep(TURN_S - late_s)
    told = json.dumps({
        "frames": sum(stream.sent for stream in streams), "wall_s": time.perf_counter() - began_s,
        "cpu_s": time.process_time() - cpu_s, "behind_s": behind_s,
    })
    for stream in streams:
        stream.client.sendall(framed(told))
    for stream in streams:
        with suppress(OSError):  # it has enough
            stream.client.settimeout(LEAVE_S_MAX)
            while stream.client.recv(loopback.RECEIVE_BYTES):
                pass
