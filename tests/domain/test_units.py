"""Numbers as venues write them, and rounding that says its direction."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain import units
from dnbot.domain.units import (
    bps,
    ceil_to,
    common_step,
    divide,
    floor_to,
    is_multiple,
    of_bps,
    parse_decimal,
    plain,
)

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**12), max_value=10**12)
STEPS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, 10**6), st.integers(0, 10)
)


@given(NUMBERS)
def test_what_is_written_is_read_back(value: Decimal) -> None:
    """`plain` has no exponent and loses no digit."""
    text = plain(value)
    assert "e" not in text.lower()
    assert parse_decimal(text) == value


@pytest.mark.parametrize(
    ("value", "text"), [("5E+3", "5000"), ("100", "100"), ("-0", "0"), ("1E-7", "0.0000001"), ("-2.50", "-2.5")]
)
def test_numbers_are_written_plainly(value: str, text: str) -> None:
    """No exponent, no trailing zero after the point, and none lost before it."""
    assert plain(Decimal(value)) == text


@given(NUMBERS)
def test_no_trailing_zeros_are_written(value: Decimal) -> None:
    """`plain` ends in no zero after a point and in no point, and has no negative zero."""
    text = plain(value)
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")
    assert text != "-0"


@pytest.mark.parametrize("text", ["1e-7", "1.5E+3", "-2e3", ".5", "5.", "-0.1", "007"])
def test_forms_that_venues_use_are_read(text: str) -> None:
    """Plain numbers and short exponents are numbers."""
    assert parse_decimal(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    ["", "nan", "NaN", "inf", "-Infinity", "+1", " 1", "1 ", "1_0", "1,5", "0x10", "१", "1e999", "1" * 61, "--1", "."],
)
def test_other_forms_are_refused(text: str) -> None:
    """Nothing that is not plainly a number becomes one."""
    with pytest.raises(ValueError, match="not a decimal number"):
        parse_decimal(text)


@given(NUMBERS, STEPS)
def test_floor_is_the_largest_multiple_not_above(value: Decimal, step: Decimal) -> None:
    """`floor_to` is on the grid, not above the value, and less than a step below it."""
    floor = floor_to(value, step)
    assert Fraction(floor) / Fraction(step) == Fraction(value) // Fraction(step)
    assert floor <= value < floor + step


@given(NUMBERS, STEPS)
def test_ceiling_mirrors_the_floor(value: Decimal, step: Decimal) -> None:
    """`ceil_to(x)` is `-floor_to(-x)`."""
    assert ceil_to(value, step) == -floor_to(-value, step)


@given(st.integers(-(10**9), 10**9), STEPS)
def test_multiples_are_recognised(count: int, step: Decimal) -> None:
    """Every multiple is one, and half a step beside it is not."""
    assert is_multiple(count * step, step)
    assert not is_multiple(count * step + step / 2, step)


@pytest.mark.parametrize("step", [Decimal(0), Decimal("-0.1")])
def test_a_step_is_positive(step: Decimal) -> None:
    """There is no grid of zero or of a negative step."""
    with pytest.raises(ValueError, match="positive"):
        floor_to(Decimal(1), step)
    with pytest.raises(ValueError, match="positive"):
        common_step(Decimal(1), step)


@given(STEPS, STEPS)
def test_the_common_step_is_the_least_common_multiple(first: Decimal, second: Decimal) -> None:
    """It lies on both grids, exactly, and nothing smaller does."""
    common = common_step(first, second)
    a, b = Fraction(common) / Fraction(first), Fraction(common) / Fraction(second)
    assert a.denominator == b.denominator == 1
    assert math.gcd(a.numerator, b.numerator) == 1


@given(NUMBERS, STEPS)
def test_division_does_not_depend_on_the_ambient_context(value: Decimal, by: Decimal) -> None:
    """A quotient has 60 digits, however coarse the caller's context is."""
    with localcontext() as context:
        context.prec = 3
        coarse = divide(value, by)
    assert coarse == divide(value, by)
    assert abs(Fraction(coarse) - Fraction(value) / Fraction(by)) <= abs(Fraction(value) / Fraction(by)) / 10**58


@given(NUMBERS, st.decimals(min_value="0.001", max_value=10**6, places=3))
def test_basis_points_there_and_back(part: Decimal, whole: Decimal) -> None:
    """`of_bps` undoes `bps` to more digits than any venue has."""
    assert abs(of_bps(whole, bps(part, whole)) - part) <= abs(part) * Decimal("1e-25")


def test_basis_points_are_hundredths_of_a_percent() -> None:
    """1 of 10 000 is one basis point."""
    assert bps(Decimal(1), Decimal(10_000)) == 1
    assert of_bps(Decimal(10_000), Decimal(1)) == 1
    assert units.TEN_THOUSAND == 10_000
