"""Numbers exactly as Gate wrote them: the same field is a JSON number on one channel and a string on the next.

Shapes keep such fields as raw JSON; these functions read the literal text itself, so that no value passes through a
float and ids above 2**53 stay exact. Each raises ValueError for what it cannot read.
Source: Gate API v4 docs; types of one field differ between REST, spot and futures streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import msgspec

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Venue
from dnbot.domain.units import DIGITS_MAX, ZERO, parse_decimal

Literal = msgspec.Raw
"""A JSON number or string, unread."""
ABSENT = msgspec.Raw()
"""The default of a field that may be left out."""

_MS_FROM = Decimal(100_000_000_000)
"""Epoch numbers from here on are milliseconds: as seconds they would lie beyond the year 5000."""
_MS_DIGITS = 13
"""Whole milliseconds from 2001 to 2286."""
_EMPTY = frozenset({b"", b"null", b'""'})


UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading raises for what it cannot read."""


@contextmanager
def readable(venue: Venue, what: str, raw: bytes | str) -> Iterator[None]:
    """Inside, anything that cannot be read raises FrameUnreadable with `raw`."""
    try:
        yield
    except UNREADABLE as error:
        raise FrameUnreadable(venue.value, f"{what}: {error}", raw) from error


def given(raw: Literal) -> bool:
    """Whether the field is there and is neither null nor an empty string."""
    literal = bytes(raw)
    return len(literal) > 4 or literal not in _EMPTY  # a whole result need not be hashed


def text_of(raw: Literal) -> str:
    """The literal without its quotes; "" when it is not given."""
    literal = bytes(raw)
    if literal in _EMPTY:
        return ""
    if literal.startswith(b'"'):
        return msgspec.json.decode(literal, type=str)
    return literal.decode()


def decimal_of(raw: Literal) -> Decimal:
    """The exact value of a number or of a string that holds one."""
    literal = bytes(raw)
    if literal.startswith(b'"'):
        literal = literal[1:-1]
    return parse_decimal(literal.decode())


def decimal_or(raw: Literal, default: Decimal = ZERO) -> Decimal:
    """The value, or `default` when the field is not given: only for fields that decide nothing."""
    return decimal_of(raw) if given(raw) else default


def whole_of(raw: Literal) -> int:
    """An integer; a fraction is refused."""
    literal = bytes(raw)
    if literal.isdigit() and len(literal) <= DIGITS_MAX:
        return int(literal)
    value = decimal_of(raw)
    if value != value.to_integral_value():
        raise ValueError(f"not a whole number: {value}")
    return int(value)


def whole_or(raw: Literal, default: int) -> int:
    """An integer, or `default` when the field is not given."""
    return whole_of(raw) if given(raw) else default


def id_of(raw: Literal) -> str:
    """An id as text, whether it came as a number or as a string: digits alone, or else it is a spoiled one, which would
    be booked as another order or trade (`1e400`).
    """
    text = text_of(raw)
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"not an id: {text!r}")
    return text


def epoch_ms_of(*candidates: Literal) -> int:
    """Milliseconds from the first time that is given, in seconds or milliseconds with any fraction; 0 when none is."""
    first = bytes(candidates[0])
    if len(first) == _MS_DIGITS and first.isdigit():  # what nearly every frame carries
        return int(first)
    return epoch_ns_of(*candidates) // 1_000_000


def epoch_ns_of(*candidates: Literal) -> int:
    """Nanoseconds from the first time that is given, in seconds or milliseconds with any fraction; 0 when none is."""
    for raw in candidates:
        value = decimal_or(raw)
        if value > 0:
            return int(value * (1_000_000 if value >= _MS_FROM else 1_000_000_000))
    return 0
