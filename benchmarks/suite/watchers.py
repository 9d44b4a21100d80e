"""Dashboards and a scraper as a bot sees them: plain connections that ask what a browser asks and read what comes.

They parse next to nothing. On a machine that runs both, a client that took every picture apart would be measured too,
and a person's browser does that on a machine of its own.
"""

from __future__ import annotations

import attrs
import trio

HOST = "127.0.0.1"
PAGES = ("/", "/static/app.js", "/static/now.js", "/static/app.css", "/api/me", "/api/history", "/api/trades")
"""What a browser asks for before the stream of pictures."""
SCRAPE_S = 1.0
RECEIVE_BYTES = 1 << 20
LOST_LINES = b"dnbot_log_lines_lost_total"
PICTURE = b"event: picture\ndata: "


@attrs.define
class Seen:
    """What all of them got."""

    opened: int = 0
    """Dashboards whose pages and stream were there."""
    pictures: int = 0
    scrapes: int = 0
    lost_lines: float = 0.0
    """The largest that the metrics told."""


class NotServed(Exception):
    """An answer was none, or not 200: what was measured would be a bot that refuses."""


@attrs.define
class Connection:
    """HTTP/1.1 over one connection, one request after the other."""

    stream: trio.SocketStream
    port: int
    token: str = attrs.field(repr=False)
    _left: bytes = b""

    async def ask(self, path: str, more: str = "") -> None:
        """Send a request."""
        head = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nAuthorization: Bearer {self.token}\r\n{more}\r\n"
        await self.stream.send_all(head.encode())

    async def head(self) -> dict[bytes, bytes]:
        """The fields of the next answer. Raises NotServed."""
        while b"\r\n\r\n" not in self._left:
            await self._more()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        status, *fields = head.split(b"\r\n")
        if status.split()[1:2] != [b"200"]:
            raise NotServed(status.decode("latin-1"))
        return {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}

    async def body(self, length: int) -> bytes:
        """So many bytes."""
        while len(self._left) < length:
            await self._more()
        body, self._left = self._left[:length], self._left[length:]
        return body

    async def get(self, path: str) -> bytes:
        """A whole answer. Raises NotServed."""
        await self.ask(path)
        return await self.body(int((await self.head())[b"content-length"]))

    async def some(self) -> bytes:
        """What has come, as soon as there is anything."""
        if not self._left:
            await self._more()
        some, self._left = self._left, b""
        return some

    async def _more(self) -> None:
        chunk = await self.stream.receive_some(RECEIVE_BYTES)
        if not chunk:
            raise NotServed("the connection ended")
        self._left += chunk


async def dashboard(port: int, token: str, seen: Seen) -> None:
    """Open one, and look until cancelled. Raises NotServed."""
    async with await trio.open_tcp_stream(HOST, port) as stream:
        browser = Connection(stream, port, token)
        for path in PAGES:
            await browser.get(path)
        await browser.ask("/api/live")
        await browser.head()
        seen.opened += 1
        count = Count(PICTURE)
        while True:
            some = await browser.some()
            seen.pictures += count.more(some)  # not in one statement: others count while this one waits


async def scrapes(port: int, seen: Seen) -> None:
    """Ask for the metrics each second until cancelled. Raises NotServed."""
    while True:
        async with await trio.open_tcp_stream(HOST, port) as stream:
            text = await Connection(stream, port, "").get("/metrics")
        told = [float(line.split()[-1]) for line in text.splitlines() if line.startswith(LOST_LINES)]
        if not told:
            raise NotServed(f"no {LOST_LINES.decode()} in the metrics")
        seen.scrapes += 1
        seen.lost_lines = max(seen.lost_lines, *told)
        await trio.sleep(SCRAPE_S)


async def is_ready(port: int) -> bool:
    """Whether the bot says that it may trade."""
    try:
        async with await trio.open_tcp_stream(HOST, port) as stream:
            await Connection(stream, port, "").get("/readyz")
    except (OSError, NotServed):
        return False
    return True


@attrs.define
class Count:
    """How often `wanted` comes in a stream of bytes, wherever it is cut."""

    wanted: bytes
    _tail: bytes = b""

    def more(self, chunk: bytes) -> int:
        """How often it came to its end in this chunk."""
        text = self._tail + chunk
        self._tail = text[1 - len(self.wanted) :]
        return text.count(self.wanted)


async def watch(web: int, metrics: int, token: str, dashboards: int, seen: Seen) -> None:
    """All of them, until cancelled."""
    async with trio.open_nursery() as nursery:
        for _ in range(dashboards):
            nursery.start_soon(dashboard, web, token, seen)
        nursery.start_soon(scrapes, metrics, seen)
