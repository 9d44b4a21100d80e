"""The stream below the WebSocket library: it keeps what is a message, and shows the library the rest."""

from __future__ import annotations

from collections.abc import Callable

import trio

from dnbot.ports.websocket_frames import FrameReader


class Inbox:
    """Messages that were read and not taken yet. One task takes; it is full at `size`, and then reading waits."""

    def __init__(self, size: int, message_bytes_max: int) -> None:
        self.reader = FrameReader(message_bytes_max)
        self.ended: str | None = None
        """Why nothing more will come."""
        self.messages = self.reader.messages
        """Oldest first; who takes from it directly calls `make_room` afterwards."""
        self._size = size
        self._news = trio.Event()
        self._room = trio.Event()
        self.taker: Callable[[], None] | None = None
        """Takes what there is in the very turn in which it was read; then nobody waits for a message."""
        self.read_s = 0.0
        """When the newest bytes were read, trio's clock."""
        self.over = trio.Event()
        """Set when nothing more will come."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there to take."""
        return not self.messages

    def take(self) -> str | bytes | None:
        """The oldest, or None."""
        if not self.messages:
            return None
        message = self.messages.popleft()
        self.make_room()
        return message

    def make_room(self) -> None:
        """Messages were taken: reading goes on if it waited for that."""
        if not self._room.is_set() and len(self.messages) < self._size:
            self._room.set()

    def tell(self) -> None:
        """There is something new."""
        if self.messages and self.taker is not None:
            self.taker()
        if self.messages or self.ended is not None:
            self._news.set()

    def put(self, message: str | bytes) -> None:
        """One that the library read after all."""
        self.messages.append(message)
        self.tell()

    def end(self, why: str) -> None:
        """Nothing more will come; what is there is still given."""
        self.ended = self.ended or why
        self.over.set()
        self.tell()

    async def wait(self) -> None:
        """Until there is a message, or nothing more will come."""
        if not self.messages and self.ended is None:
            self._news = trio.Event()
        await self._news.wait()

    async def have_room(self) -> None:
        """Until fewer than `size` wait."""
        while len(self.messages) >= self._size:
            self._room = trio.Event()
            await self._room.wait()


class Wire(trio.abc.Stream):
    """What the library reads from: never a data frame of a healthy connection."""

    def __init__(self, stream: trio.abc.Stream, inbox: Inbox) -> None:
        self.inbox = inbox
        self._stream = stream
        self._ended = trio.Event()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Bytes that are no message, as soon as there are any; empty at the end."""
        shown = b""
        try:
            while not shown:
                await self.inbox.have_room()
                chunk = await self._stream.receive_some(max_bytes)
                if not chunk:
                    break
                self.inbox.read_s = trio.current_time()
                shown = self.inbox.reader.feed(chunk)
                self.inbox.tell()
        finally:
            if not shown:
                self._ended.set()
        return shown

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As the stream."""
        await self._stream.aclose()

    async def cancel_at_end(self, scope: trio.CancelScope) -> None:
        """For what would wait for ever on a stream that has ended."""
        await self._ended.wait()
        scope.cancel()
