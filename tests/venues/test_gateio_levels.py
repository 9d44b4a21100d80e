"""Book levels read in one pass equal levels read number by number, and nothing odd slips through the quick way."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.venues.gateio.levels import objects_of, pairs_of

PRICES = st.decimals(min_value="0", max_value="1e12", places=12)
LEVELS = st.lists(st.tuples(PRICES, PRICES), max_size=20)
ONE = Decimal(1)


def raw(text: str) -> msgspec.Raw:
    """A side as it stands inside a frame."""
    return msgspec.Raw(text.encode())


@given(LEVELS, st.booleans(), st.booleans())
def test_both_ways_give_the_same_exact_levels(levels: list[tuple[Decimal, Decimal]], quoted: bool, blank: bool) -> None:
    """A blank sends a side the strict way; strings or numbers, the levels are the same decimals."""
    gap, mark = " " if blank else "", '"' if quoted else ""
    pairs = ",".join(f"[{mark}{price:f}{mark},{gap}{mark}{size:f}{mark}]" for price, size in levels)
    assert pairs_of(raw(f"[{pairs}]")) == tuple(levels)
    rows = ",".join(f'{{"s":{mark}{size:f}{mark},{gap}"p":"{price:f}"}}' for price, size in levels)
    half = Decimal("0.5")
    assert objects_of(raw(f"[{rows}]"), half) == tuple((price, size * half) for price, size in levels)


def test_a_side_that_did_not_change_is_empty() -> None:
    """Left out, null or empty: no level."""
    for side in ("", "null", "[]"):
        assert pairs_of(raw(side)) == ()
        assert objects_of(raw(side), ONE) == ()


def test_exponents_take_the_strict_way() -> None:
    """A number with an exponent is still exact."""
    assert pairs_of(raw("[[1e2,2.5E-3]]")) == ((Decimal(100), Decimal("0.0025")),)


@pytest.mark.parametrize(
    "number", ['"NaN"', '"Infinity"', '"1_0"', '" 1"', '"+1"', '"٣"', '""', '"."', '"1.2.3"', '"p"', "null", "[]", "{}"]
)
def test_what_is_no_number_is_refused_on_both_ways(number: str) -> None:
    """Python's decimals would take some of these; the codec does not."""
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        pairs_of(raw(f'[["1",{number}]]'))
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        objects_of(raw(f'[{{"p":"1","s":{number}}}]'), ONE)


@pytest.mark.parametrize("side", ["7", '"x"', "[[1]]", "[[1,2,3]]", "[1,2]", "{}", '[{"p":"1"}]'])
def test_what_is_no_side_is_refused(side: str) -> None:
    """Other shapes raise instead of giving fewer levels."""
    with pytest.raises(msgspec.MsgspecError):
        pairs_of(raw(side))
    with pytest.raises(msgspec.MsgspecError):
        objects_of(raw(side), ONE)
