"""Money and quantities are `Decimal`; the unit is in the type's name, the direction of rounding in the function's.

`Quantity` is always base units of the symbol. `Contracts` is the perpetual's own size and never base units.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, getcontext
from typing import NewType, cast

Price = NewType("Price", Decimal)
"""Quote units per base unit."""
Quantity = NewType("Quantity", Decimal)
"""Base units."""
Contracts = NewType("Contracts", Decimal)
"""Perpetual contracts; `Contracts * multiplier` are base units."""
Money = NewType("Money", Decimal)
"""Quote units."""
BasisPoints = NewType("BasisPoints", Decimal)
"""Hundredths of a percent."""

ZERO = Decimal(0)
ONE = Decimal(1)
TWO = Decimal(2)
TEN_THOUSAND = Decimal(10_000)
DAY_MS = 86_400_000
DIGITS_MAX = 60
"""No venue sends more digits; a longer number is an attack or a bug."""
PRECISION = 60
"""Digits kept by divisions; sums and products of venue numbers stay exact far below it."""
_OWN = Context(prec=PRECISION)
getcontext().prec = PRECISION  # sums of 20-decimal balances need more than the usual 28 digits; tasks inherit this

divide: Callable[[Decimal, Decimal], Decimal] = _OWN.divide
"""A quotient (numerator, denominator) with `PRECISION` digits, whatever the ambient context says."""

_in_bps = cast("Callable[[Decimal, Decimal], BasisPoints]", divide)
"""The same function: a `NewType` that is called costs as much as a product."""

_PLAIN = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)\Z", re.ASCII)
_EXPONENT = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d{1,2}\Z", re.ASCII)


def parse_decimal(text: str) -> Decimal:
    """Read a number as the venues write it; refuse NaN, infinities, signs and alphabets that are not theirs.

    Raises:
        ValueError: not a plain decimal (a short exponent form is accepted: one venue documents it), or too long.
    """
    if len(text) > DIGITS_MAX or not (_PLAIN.match(text) or _EXPONENT.match(text)):
        raise ValueError(f"not a decimal number: {text[:DIGITS_MAX]!r}")
    return Decimal(text)


def plain(value: Decimal) -> str:
    """Write a number without exponent and without trailing zeros, as order endpoints want it."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return _snap(value, step, ROUND_FLOOR)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return _snap(value, step, ROUND_CEILING)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` sits exactly on the grid of `step`."""
    return floor_to(value, step) == value


def bps(part: Decimal, whole: Decimal) -> BasisPoints:
    """`part / whole` in basis points."""
    return _in_bps(part * TEN_THOUSAND, whole)


def of_bps(amount: Decimal, rate_bps: Decimal) -> Decimal:
    """`rate_bps` basis points of `amount`."""
    return divide(amount * rate_bps, TEN_THOUSAND)


def common_step(first: Decimal, second: Decimal) -> Decimal:
    """The smallest step whose multiples lie on both grids.

    Both steps must be positive; they are scaled to integers, so the result is exact.
    """
    if first <= 0 or second <= 0:
        raise ValueError(f"steps must be positive: {first}, {second}")
    places = max(_places(first), _places(second))
    a, b = int(_OWN.scaleb(first, places)), int(_OWN.scaleb(second, places))
    return _OWN.scaleb(Decimal(math.lcm(a, b)), -places)


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _snap(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= ZERO:
        raise ValueError(f"step must be positive: {step}")
    units = divide(value, step).to_integral_value(rounding)
    return _OWN.multiply(units, step)
