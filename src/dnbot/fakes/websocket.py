"""The server's half of an open WebSocket (RFC 6455): messages in, many frames out at once, the close.

Nothing here buffers more than one message, however it is cut: a client that sends faster than it is answered is held
back by its own stream, and one that does not read is dropped after `SEND_S_MAX`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import attrs
import trio
from trio_websocket import CloseReason, ConnectionClosed
from wsproto.frame_protocol import CloseReason as Code
from wsproto.frame_protocol import Frame, FrameProtocol, Opcode, ParseFailed

RECEIVE_BYTES = 65_536
MESSAGE_BYTES_MAX = 1_048_576
SEND_S_MAX = 10.0  # a client that takes nothing for this long is dropped
CLOSE_S_MAX = 5.0  # how long our goodbye waits for the client's

Message = str | bytes


def framed(message: Message) -> bytes:
    """One whole unmasked data frame, the same for every client it is sent to."""
    if isinstance(message, str):
        return _frame(Opcode.TEXT, message.encode())
    return _frame(Opcode.BINARY, message)


def framed_text(encoded: bytes) -> bytes:
    """A text frame of what is UTF-8 already."""
    return _frame(Opcode.TEXT, encoded)


def _frame(opcode: Opcode, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


@attrs.define
class _Inbound:
    """What has arrived of the message under way; `close` and `pong` are what the client's control frames ask for.

    Of several pings that came together only the newest is answered, as RFC 6455 section 5.5.3 allows.
    """

    protocol: FrameProtocol = attrs.field(factory=lambda: FrameProtocol(client=False, extensions=[]))
    pong: bytes | None = None
    close: CloseReason | None = None
    _text: io.StringIO = attrs.field(factory=io.StringIO)
    _binary: bytearray = attrs.field(factory=bytearray)

    def next_message(self) -> Message | None:
        """The next whole message; None when more bytes are needed. Raises ParseFailed with the code to close with."""
        for part in self.protocol.received_frames():
            if part.opcode is Opcode.PING:
                self.pong = bytes(part.payload)  # type: ignore[arg-type]  # only a close has a pair as its payload
            elif part.opcode is Opcode.CLOSE:
                self.close = CloseReason(*part.payload)
            elif part.opcode is not Opcode.PONG and self._add(part):
                return self._take(part.opcode)
        return None

    def _add(self, part: Frame) -> bool:
        """Keep a piece; True when it was the last one."""
        if isinstance(part.payload, str):
            self._text.write(part.payload)
        else:
            self._binary += part.payload  # type: ignore[arg-type]  # as above
        if self._text.tell() + len(self._binary) > MESSAGE_BYTES_MAX:
            raise ParseFailed("message too big", Code.MESSAGE_TOO_BIG)
        return part.message_finished

    def _take(self, opcode: Opcode) -> Message:
        message: Message = self._text.getvalue() if opcode is Opcode.TEXT else bytes(self._binary)
        self._text, self._binary = io.StringIO(), bytearray()
        return message


@attrs.define(eq=False)
class ServerSocket:
    """Any task may read, one after another, and any may send. `first` is what came together with the handshake.

    Once the conversation is over every method raises ConnectionClosed: with the client's code after its goodbye, 1006
    when the stream broke or nobody reads, 1002 and 1007 after a frame that breaks the protocol, 1009 after a message
    over `MESSAGE_BYTES_MAX`.
    """

    stream: trio.abc.Stream
    first: bytes = b""
    _inbound: _Inbound = attrs.field(factory=_Inbound)
    _reader: trio.Lock = attrs.field(factory=trio.Lock)
    _writer: trio.Lock = attrs.field(factory=trio.Lock)
    _receiving: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _said_close: bool = False
    _over: CloseReason | None = None

    async def get_message(self) -> Message:
        """The next whole message; pings are answered on the way."""
        async with self._reader:
            while True:
                self._check()
                message = await self._next()
                if message is not None:
                    return message
                await self._receive()

    async def send_message(self, message: Message) -> None:
        """Send one message as one frame."""
        await self.send_frames([framed(message)])

    async def send_frames(self, frames: Iterable[bytes]) -> None:
        """Send whole frames, all at once."""
        self._check()
        if self._said_close:
            raise ConnectionClosed(CloseReason(Code.NORMAL_CLOSURE, None))
        await self._send(b"".join(frames))

    async def aclose(self, code: int = Code.NORMAL_CLOSURE, reason: str | None = None) -> None:
        """Say goodbye and wait a while for the client's; 1005 sends a close frame without a code."""
        try:
            self._check()
            await self._say_close(code, reason)
            with trio.move_on_after(CLOSE_S_MAX):
                while True:
                    await self.get_message()
        except ConnectionClosed:
            pass
        self._end(code, reason)

    # -- inside

    def _check(self) -> None:
        if self._over is not None:
            raise ConnectionClosed(self._over)

    def _end(self, code: int, reason: str | None = None) -> None:
        if self._over is None:
            self._over = CloseReason(code, reason)
            self._receiving.cancel()

    async def _receive(self) -> None:
        self._check()
        data, self.first = self.first, b""
        with trio.CancelScope() as self._receiving:
            try:
                data = data or bytes(await self.stream.receive_some(RECEIVE_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
        if data:
            self._inbound.protocol.receive_bytes(data)
        else:
            self._end(Code.ABNORMAL_CLOSURE)

    async def _next(self) -> Message | None:
        try:
            message = self._inbound.next_message()
        except ParseFailed as error:
            await self._say_close(error.code, str(error))
            self._end(error.code, str(error))
            return None
        pong, self._inbound.pong = self._inbound.pong, None
        if pong is not None and not self._said_close:
            await self._send(_frame(Opcode.PONG, pong))
        close = self._inbound.close
        if message is None and close is not None:
            await self._say_close(close.code, None)
            self._end(close.code, close.reason)
        return message

    async def _say_close(self, code: int, reason: str | None) -> None:
        if not self._said_close:
            self._said_close = True
            known = Code(code) if code in set(Code) else code  # the library tells 1005 by identity
            await self._send(bytes(self._inbound.protocol.close(known, reason)))

    async def _send(self, data: bytes) -> None:
        """Raises ConnectionClosed when the client is gone, or did not take it in time."""
        with trio.move_on_after(SEND_S_MAX) as limit:
            try:
                async with self._writer:
                    await self.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._end(Code.ABNORMAL_CLOSURE)
        if limit.cancelled_caught:
            self._end(Code.ABNORMAL_CLOSURE, "the client does not read")
        self._check()
