"""Whole messages cut out of what a WebSocket server sends, before the protocol library sees it.

Most of what the library takes for a message goes into a queue between two tasks (`benchmarks/bench_websocket.py`). This
reads only what needs no state of the protocol: data frames, whole or in fragments. Control frames (ping, pong, close)
go on to the library as they came, and so does everything from the first byte on that no server may send: it knows how
to refuse it.

Source: RFC 6455 sections 5.2 (framing), 5.4 (fragments), 5.5 (control frames), 8.1 (text is UTF-8).
"""

from __future__ import annotations

from collections import deque

import attrs

_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_CONTINUATION, _TEXT, _BINARY, _CONTROL = 0x0, 0x1, 0x2, 0x8
_WHOLE_TEXT, _WHOLE_BINARY = _FIN | _TEXT, _FIN | _BINARY
_SHORT_MAX, _TWO_BYTES, _EIGHT_BYTES = 125, 126, 127
_HEAD_END = b"\r\n\r\n"
_SWITCHING = b"HTTP/1.1 101"


@attrs.define
class FrameReader:
    """Fed with each chunk in turn; what `feed` returns is the library's."""

    message_bytes_max: int
    messages: deque[str | bytes] = attrs.field(factory=deque)
    """Complete, in order: str of a text message, bytes of a binary one."""
    _is_open: bool = False
    _passes: bool = False
    _begins: bytes = b""
    """The first bytes of all."""
    _rest: bytes = b""
    """The beginning of what is not whole yet."""
    _parts: list[bytes] = attrs.field(factory=list)
    _kind: int = 0
    """The opcode of the message whose fragments are being collected; 0 for none."""

    def feed(self, chunk: bytes | bytearray) -> bytes:
        """Take what arrived; returns what the library is to see of it, perhaps nothing."""
        if self._passes:
            return bytes(chunk)
        if not self._is_open:
            return self._head(bytes(chunk))
        return self._cut(self._rest + chunk if self._rest else bytes(chunk))

    def _head(self, data: bytes) -> bytes:
        """The answer to the handshake is the library's; frames may follow it in the same chunk."""
        joined = self._rest + data
        self._begins = (self._begins + data)[: len(_SWITCHING)]
        end = joined.find(_HEAD_END)
        if end < 0:
            self._rest = joined[1 - len(_HEAD_END) :]
            return data
        if self._begins != _SWITCHING:
            self._passes = True
            return data
        end += len(_HEAD_END) - len(self._rest)
        self._is_open, self._rest = True, b""
        return data[:end] + self._cut(data[end:])

    def _cut(self, data: bytes) -> bytes:
        control: list[bytes] = []
        at, size = 0, len(data)
        while size - at >= 2:
            first, length = data[at], data[at + 1]
            begin = at + 2
            if length > _SHORT_MAX:
                if length > _EIGHT_BYTES:  # masked
                    return self._pass(control, data[at:])
                wide = 2 if length == _TWO_BYTES else 8
                if size - begin < wide:
                    break
                shortest = _TWO_BYTES if wide == 2 else 1 << 16
                length = int.from_bytes(data[begin : begin + wide], "big")
                begin += wide
                if length < shortest:
                    return self._pass(control, data[at:])
            end = begin + length
            if length > self.message_bytes_max:
                return self._pass(control, data[at:])
            if end > size:
                break
            if first == _WHOLE_TEXT and not self._kind:  # nearly every frame: no call for it
                try:
                    self.messages.append(data[begin:end].decode())
                except UnicodeDecodeError:
                    return self._pass(control, data[at:])
            elif first & _OPCODE >= _CONTROL:
                control.append(data[at:end])
            elif not self._take(first, data[begin:end]):
                return self._pass(control, data[at:])
            at = end
        self._rest = data[at:]
        return b"".join(control)

    def _take(self, first: int, payload: bytes) -> bool:
        """Take a data frame; returns whether it may stand here."""
        if first == _WHOLE_BINARY and not self._kind:
            self.messages.append(payload)
            return True
        opcode = first & _OPCODE
        begins = opcode in (_TEXT, _BINARY) and not self._kind
        if first & _RESERVED or not (begins or (opcode == _CONTINUATION and self._kind)):
            return False
        if sum(map(len, self._parts)) + len(payload) > self.message_bytes_max:
            return False
        self._kind = self._kind or opcode
        self._parts.append(payload)
        if not first & _FIN:
            return True
        kind, whole = self._kind, b"".join(self._parts)
        self._kind = 0
        self._parts.clear()
        return self._deliver(kind, whole)

    def _deliver(self, kind: int, payload: bytes) -> bool:
        if kind == _BINARY:
            self.messages.append(payload)
            return True
        try:
            self.messages.append(payload.decode())
        except UnicodeDecodeError:
            return False
        return True

    def _pass(self, control: list[bytes], data: bytes) -> bytes:
        """From here on everything is the library's. It has seen no fragment yet: those that were collected begin."""
        self._passes = True
        begun = _frames(self._kind, self._parts)
        self._parts.clear()
        return b"".join([*control, *begun, data])


def _frames(kind: int, parts: list[bytes]) -> list[bytes]:
    """Fragments as they are sent: the first with the kind of the message, none of them the last."""
    opcodes = [kind, *[_CONTINUATION] * (len(parts) - 1)]
    return [bytes([opcode]) + _length(len(part)) + part for opcode, part in zip(opcodes, parts, strict=False)]


def _length(size: int) -> bytes:
    if size <= _SHORT_MAX:
        return bytes([size])
    if size < 1 << 16:
        return bytes([_TWO_BYTES]) + size.to_bytes(2, "big")
    return bytes([_EIGHT_BYTES]) + size.to_bytes(8, "big")
