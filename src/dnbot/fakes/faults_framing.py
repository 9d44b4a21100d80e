"""WebSocket frames on the byte stream (RFC 6455 section 5.2): cut apart, unmasked, and made again."""

from __future__ import annotations

import struct

import attrs

from .records import MEXC_SPOT, Venue

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
HEAD_BYTES_MAX = 14
CLIENT_FRAME_BYTES_MAX = 1_048_576  # the server's own limit of a message


@attrs.frozen
class WireFrame:
    """One frame as it was on the wire: `raw` is all of it, `payload` is unmasked."""

    opcode: int
    payload: bytes
    raw: bytes
    whole: bool

    @property
    def is_message(self) -> bool:
        """Whether it is a message by itself; pieces of one and control frames pass untouched."""
        return self.whole and self.opcode in (TEXT, BINARY)


def frame_size(data: bytes) -> int:
    """How many bytes the frame that begins here has; 0 while that cannot be known."""
    if len(data) < 2:
        return 0
    short, masked = data[1] & 0x7F, 4 if data[1] & 0x80 else 0
    more = {126: 2, 127: 8}.get(short, 0)
    if len(data) < 2 + more:
        return 0
    return 2 + more + masked + (int.from_bytes(data[2 : 2 + more], "big") if more else short)


def cut_frames(data: bytes) -> tuple[list[WireFrame], bytes]:
    """The whole frames in these bytes, and what is left of them."""
    frames, at = [], 0
    while (size := frame_size(data[at : at + HEAD_BYTES_MAX])) and len(data) - at >= size:
        frames.append(_frame(data[at : at + size]))
        at += size
    return frames, data[at:]


def is_refused(data: bytes) -> bool:
    """Whether no server reads on: a client's frame that is not masked, or longer than any that is accepted."""
    return len(data) > 1 and (not data[1] & 0x80 or frame_size(data) > CLIENT_FRAME_BYTES_MAX)


def _frame(raw: bytes) -> WireFrame:
    masked = bool(raw[1] & 0x80)
    head = 2 + {126: 2, 127: 8}.get(raw[1] & 0x7F, 0)
    payload = raw[head + 4 * masked :]
    if masked:
        key = (raw[head : head + 4] * (len(payload) // 4 + 1))[: len(payload)]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")
    return WireFrame(raw[0] & 0xF, payload, raw, bool(raw[0] & 0x80))


def server_frame(payload: bytes, opcode: int) -> bytes:
    """One whole unmasked frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


def client_frame(payload: bytes) -> bytes:
    """One whole text frame as a client sends it: masked, with a key that changes nothing."""
    raw = server_frame(payload, TEXT)
    head = len(raw) - len(payload)
    return raw[:1] + bytes((raw[1] | 0x80,)) + raw[2:head] + bytes(4) + payload


def opcode_of(venue: Venue, payload: bytes) -> int:
    """Text for everything but MEXC's protobuf pushes."""
    return BINARY if venue == MEXC_SPOT and payload[:1] != b"{" else TEXT
