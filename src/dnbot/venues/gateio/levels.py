"""Book levels: the hottest content of the stream, read in one pass where they are written plainly.

A side that consists of nothing but digits, dots and its own brackets holds only plain decimals, so msgspec may build
them directly; any other character (sign, exponent, blank, underscore) takes the strict way, number by number.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.book import Level
from dnbot.venues.gateio.literals import Literal, decimal_of

_PLAIN_CHARACTERS = b'0123456789."[]{},:ps'


class _Level(msgspec.Struct):
    p: Decimal
    s: Decimal


class _StrictLevel(msgspec.Struct):
    p: Literal
    s: Literal


_pairs = msgspec.json.Decoder(tuple[tuple[Decimal, Decimal], ...]).decode
_strict_pairs = msgspec.json.Decoder(list[tuple[Literal, Literal]]).decode
_objects = msgspec.json.Decoder(list[_Level]).decode
_strict_objects = msgspec.json.Decoder(list[_StrictLevel]).decode


def pairs_of(raw: Literal) -> tuple[Level, ...]:
    """Spot: [[price, amount], ...]; a side that is left out has not changed."""
    side = bytes(raw)
    if not side or side == b"null":
        return ()
    if not side.translate(None, _PLAIN_CHARACTERS):
        return _pairs(side)
    return tuple((decimal_of(price), decimal_of(amount)) for price, amount in _strict_pairs(side))


def objects_of(raw: Literal, multiplier: Decimal) -> tuple[Level, ...]:
    """Perpetual: [{"p": price, "s": contracts}, ...], told in base units."""
    side = bytes(raw)
    if not side or side == b"null":
        return ()
    if not side.translate(None, _PLAIN_CHARACTERS):
        return tuple([(row.p, row.s * multiplier) for row in _objects(side)])
    return tuple((decimal_of(row.p), decimal_of(row.s) * multiplier) for row in _strict_objects(side))
