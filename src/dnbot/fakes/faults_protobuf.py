"""Reading and rewriting MEXC's push frames as far as faults need it: wrapper, aggregated depth, levels.

Source: MEXC websocket-proto, PushDataV3ApiWrapper and PublicAggreDepthsV3Api. Fields that are not named here pass as
they are.
"""

from __future__ import annotations

from typing import Final

import attrs

from .mexc_protobuf import _message, _varint

DEPTH_BODY: Final = 313
ASKS, BIDS, FROM_VERSION, TO_VERSION = 1, 2, 4, 5
_VARINT, _LENGTH = 0, 2

Field = tuple[int, int | bytes]
"""Number and value: an integer, or the bytes of a text or a message."""


def read_fields(data: bytes) -> list[Field] | None:
    """The fields of a message in order; None for what is none, or has fixed-width fields, which MEXC does not send."""
    fields: list[Field] = []
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag < 0 or tag & 7 not in (_VARINT, _LENGTH):
            return None
        value, at = _read_varint(data, at)
        if value < 0 or (tag & 7 == _LENGTH and at + value > len(data)):
            return None
        if tag & 7 == _VARINT:
            fields.append((tag >> 3, value))
        else:
            fields.append((tag >> 3, data[at : at + value]))
            at += value
    return fields


def write_fields(fields: list[Field]) -> bytes:
    """The message of these fields, in their order."""
    out = b""
    for number, value in fields:
        out += _message(number, value) if isinstance(value, bytes) else _varint(number << 3 | _VARINT) + _varint(value)
    return out


@attrs.frozen
class DepthFrame:
    """An aggregated depth frame: `head` is the wrapper without its body."""

    head: list[Field]
    body: list[Field]

    @property
    def versions(self) -> tuple[int, int]:
        """First and last version that it brings a book to."""
        found = {number: int(value) for number, value in self.body if number in (FROM_VERSION, TO_VERSION)}
        return found[FROM_VERSION], found[TO_VERSION]

    def with_versions(self, first: int, last: int) -> DepthFrame:
        """The same levels under other versions."""
        new = {FROM_VERSION: str(first).encode(), TO_VERSION: str(last).encode()}
        return attrs.evolve(self, body=[(number, new.get(number, value)) for number, value in self.body])

    def without_levels(self) -> DepthFrame:
        """The same versions, and nothing that changed."""
        return attrs.evolve(self, body=[field for field in self.body if field[0] not in (ASKS, BIDS)])

    def with_level(self, side: int, price: str, quantity: str) -> DepthFrame:
        """One level more, at the end of a side."""
        level = write_fields([(1, price.encode()), (2, quantity.encode())])
        kept = [field for field in self.body if field[0] <= side]
        return attrs.evolve(self, body=[*kept, (side, level), *(f for f in self.body if f[0] > side)])

    def best(self, side: int) -> tuple[str, str] | None:
        """The first level of a side as text; None when it has none."""
        for number, value in self.body:
            if number == side and isinstance(value, bytes):
                texts = {n: v.decode() for n, v in read_fields(value) or [] if isinstance(v, bytes)}
                return texts.get(1, ""), texts.get(2, "0")
        return None

    def encode(self) -> bytes:
        """The frame."""
        return write_fields([*self.head, (DEPTH_BODY, write_fields(self.body))])

    def encode_bodyless(self) -> bytes:
        """The wrapper alone."""
        return write_fields(self.head)


def read_depth(payload: bytes) -> DepthFrame | None:
    """The depth frame in a wrapper; None when it is another."""
    fields = read_fields(payload) or []
    body = next((value for number, value in fields if number == DEPTH_BODY), None)
    inner = read_fields(body) if isinstance(body, bytes) else None
    if inner is None or {FROM_VERSION, TO_VERSION} - {number for number, _ in inner}:
        return None
    return DepthFrame([field for field in fields if field[0] != DEPTH_BODY], inner)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends; -1 when it does not."""
    value, shift = 0, 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    return -1, at
