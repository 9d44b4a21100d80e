"""Decimal text, rounded times and opaque ids as MEXC prints them."""

from __future__ import annotations

import hashlib
from decimal import ROUND_DOWN, Context, Decimal

__all__ = ["cut_to_places", "opaque_id", "padded", "plain", "whole_second_ms"]

# Fees reach 19 decimals and turnovers more; 60 digits never round anything we print.
_WIDE = Context(prec=60)


def plain(value: Decimal) -> str:
    """Decimal text without exponent and without trailing zeros: `Decimal("1E+3")` is `1000`, `0.110` is `0.11`."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if text[-1] == "0" and "." in text else text


def padded(value: Decimal, places: int) -> str:
    """Decimal text with exactly `places` decimals, as REST books pad prices and quantities."""
    return format(value.quantize(Decimal(1).scaleb(-places), context=_WIDE), "f")


def cut_to_places(value: Decimal, places: int) -> Decimal:
    """The value rounded toward zero to `places` decimals."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN, context=_WIDE)


def whole_second_ms(time_ms: int) -> int:
    """The time rounded to the nearest second, in ms: REST rounds the times of finished orders and of trades."""
    return (time_ms + 500) // 1000 * 1000


def opaque_id(name: str) -> str:
    """32 hex digits that stand for an asset or a market, as `coinId` and `symbolId` do; always the same for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
