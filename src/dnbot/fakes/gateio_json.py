"""How Gate writes numbers and times in JSON: compact bodies, money as plain strings, futures stream prices as numbers.

Source: Gate API v4 docs, "Return Format" and the examples of each endpoint. Units differ on purpose between
endpoints (spot ms integers, futures seconds with a fraction), so each form has its own named function.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")

NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000


def encode(value: Any) -> bytes:
    """Compact JSON; a `Decimal` becomes a JSON number with its own digits, never a float."""
    return _ENCODER.encode(value)


def plain(amount: Decimal) -> str:
    """A decimal string without an exponent; trailing zeros are dropped, negative zero is "0"."""
    text = format(amount, "f")
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def number(amount: Decimal) -> Decimal:
    """A value that `encode` writes as a short JSON number ("93000", not "93000.00")."""
    return Decimal(plain(amount))


def seconds(time_ns: int) -> int:
    """Whole Unix seconds."""
    return time_ns // NS_PER_SECOND


def milliseconds(time_ns: int) -> int:
    """Whole Unix milliseconds."""
    return time_ns // NS_PER_MS


def microseconds(time_ns: int) -> int:
    """Whole Unix microseconds, the unit of X-In-Time and X-Out-Time."""
    return time_ns // 1000


def seconds_with_ms(time_ns: int) -> Decimal:
    """Unix seconds with three decimals as a JSON number: how futures endpoints write times."""
    return Decimal(milliseconds(time_ns)).scaleb(-3)
