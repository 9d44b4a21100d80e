"""The wire of the load generator: an HTTP client that keeps its connection, and counters of frames that decode nothing.

Written for little CPU, because the generator shares its machine with the server that it measures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import struct
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import attrs
import trio

RECEIVE_BYTES = 262_144
LAGS_MAX = 20_000  # of one second: more are counted, not kept


def now_ms() -> float:
    """The wall clock, which the served fakes read too."""
    return time.time_ns() / 1e6


async def dial(url: str) -> tuple[trio.SocketStream, str]:
    """A TCP connection to the host of a URL, and the host."""
    parts = urlsplit(url)
    return await trio.open_tcp_stream(parts.hostname or "", parts.port or 0), parts.netloc


@attrs.define
class Reply:
    """Status and body of one answer."""

    status: int
    body: bytes

    @property
    def value(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@attrs.define
class HttpClient:
    """One keep-alive connection; one request at a time."""

    stream: trio.SocketStream
    host: str
    _rest: bytes = b""

    @classmethod
    async def open(cls, url: str) -> HttpClient:
        """Connect to the host of a URL."""
        return cls(*await dial(url))

    async def ask(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        """Send one request and read its answer."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        await self.stream.send_all("\r\n".join([*lines, "", ""]).encode() + body)
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += await self._more()
        head = data[:end].lower()
        at = head.index(b"content-length:") + 15
        size = int(head[at:].split(b"\r\n", 1)[0])
        while len(data) < end + 4 + size:
            data += await self._more()
        self._rest = data[end + 4 + size :]
        return Reply(int(data[9:12]), data[end + 4 : end + 4 + size])

    async def _more(self) -> bytes:
        chunk = bytes(await self.stream.receive_some(RECEIVE_BYTES))
        if not chunk:
            raise trio.BrokenResourceError("the server closed the connection")
        return chunk


def gate_headers(secret: str, key: str, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
    """Gate's REST signature (HMAC-SHA512 over five lines)."""
    stamp = str(int(time.time()))
    text = "\n".join((method, path, query, hashlib.sha512(body).hexdigest(), stamp))
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()
    return {"KEY": key, "Timestamp": stamp, "SIGN": sign, "Content-Type": "application/json"}


def mexc_query(secret: str, query: str) -> str:
    """MEXC's signature (HMAC-SHA256 over the query), appended."""
    text = f"{query}&timestamp={int(now_ms())}" if query else f"timestamp={int(now_ms())}"
    return f"{text}&signature={hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"


@attrs.define
class WsClient:
    """A WebSocket that is read frame by frame, undecoded. Frames of a server are whole and unmasked."""

    stream: trio.SocketStream
    _data: bytes = b""

    @classmethod
    async def open(cls, url: str) -> WsClient:
        """Connect and upgrade."""
        stream, host = await dial(url)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {urlsplit(url).path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        await stream.send_all("\r\n".join(lines).encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += bytes(await stream.receive_some(RECEIVE_BYTES))
        head, _, rest = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise trio.BrokenResourceError(head.decode("latin-1"))
        return cls(stream, rest)

    async def send(self, value: Any) -> None:
        """Send one JSON text, masked with zeros."""
        payload = json.dumps(value, separators=(",", ":")).encode()
        size = len(payload)
        head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0x80 | 126, size)
        await self.stream.send_all(head + b"\0\0\0\0" + payload)

    async def read(self, take: Callable[[bytes], None]) -> None:
        """Hand every frame's payload over, until the server closes."""
        data = self._data
        while True:
            at, end = 0, len(data)
            while end - at >= 2:
                size, head = data[at + 1], 2
                if size == 126:
                    size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
                elif size == 127:
                    size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
                if end - at < head + size:
                    break
                take(data[at + head : at + head + size])
                at += head + size
            chunk = bytes(await self.stream.receive_some(RECEIVE_BYTES))
            if not chunk:
                raise trio.BrokenResourceError("the server closed the socket")
            data = data[at:] + chunk


@attrs.define
class Frames:
    """Pushed frames by channel since the last look, their bytes, and how old each was when it was read."""

    counts: Counter[str] = attrs.field(factory=Counter)
    size: int = 0
    lags_ms: list[float] = attrs.field(factory=list)

    def gate(self, payload: bytes) -> None:
        """Count a Gate push by its channel; `time_ms` is when the server made it."""
        at = payload.find(b'"event":"update"', 0, 120)
        if at < 0:
            return
        start = payload.find(b'"time_ms":', 0, 40) + 10
        self._note(payload, int(payload[start : start + 13]))
        start = payload.find(b'"channel":"', 0, 60) + 11
        self.counts[payload[start : payload.index(b'"', start)].decode()] += 1

    def mexc(self, payload: bytes) -> None:
        """Count a MEXC push by its channel (field 1); field 6 is when the server made it."""
        if payload[:1] != b"\x0a":
            return
        end = 2 + payload[1]
        name = payload[2:end].decode()
        if payload[end] != 0x1A:
            return
        end += 2 + payload[end + 1]
        if payload[end] == 0x30:
            value = shift = 0
            for byte in payload[end + 1 : end + 11]:
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            self._note(payload, value)
        self.counts["mexc." + name.split("public.")[1].split(".v3")[0]] += 1

    def _note(self, payload: bytes, made_ms: int) -> None:
        self.size += len(payload)
        if len(self.lags_ms) < LAGS_MAX:
            self.lags_ms.append(now_ms() - made_ms)
