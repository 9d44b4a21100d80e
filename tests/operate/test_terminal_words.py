"""Single values as a person reads them, at their extremes."""

from __future__ import annotations

from decimal import Decimal

import hypothesis
import pytest
from hypothesis import strategies as st

from dnbot.operate.terminal_blocks import Palette, beside, columns, fit, frame, row_width
from dnbot.operate.terminal_words import (
    UNKNOWN,
    age,
    count,
    delta_bar,
    edge_bar,
    milliseconds,
    money,
    number,
    price,
    safe,
    size,
)

AMOUNTS = st.decimals(min_value=Decimal("-1e30"), max_value=Decimal("1e30"), allow_nan=False, places=10)
LIMITS = st.one_of(st.none(), st.decimals(min_value=Decimal(0), max_value=Decimal(10), places=6))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (money(None), UNKNOWN), (money(Decimal("1234567.891")), "1,234,567.89"), (money(Decimal("-0.001")), "0.00"),
        (money(Decimal("2.5"), signed=True), "+2.50"), (money(Decimal(10) ** 15), "1.000e+15"),
        (size(Decimal("0.0600001")), "0.060000"), (size(Decimal("123456.789")), "123,456.8"),
        (size(Decimal("-0.00000012"), signed=True, places=8), "-0.00000012"), (price(Decimal("60012.34")), "60,012.3"),
        (price(Decimal("0.00001234")), "0.0000123400"), (price(Decimal(0)), "0.0"), (number(None), UNKNOWN),
        (number(1e9), "1.0e+09"), (age(None), UNKNOWN), (age(-1), "0.0 s"), (age(75), "75 s"), (age(185), "3:05 min"),
        (age(3 * 3600 + 60), "3:01 h"), (age(5 * 86400), "5 d"), (milliseconds(999), "999 ms"),
        (milliseconds(12_345), "12 s"), (count(12_345), "12,345"), (count(10**9), "1.0e+09"),
    ],
)
def test_values_are_short_and_exact(shown: str, expected: str) -> None:
    """Thousands apart, signs where asked for, powers of ten where a column would burst, no minus before a zero."""
    assert shown == expected


@hypothesis.given(AMOUNTS)
def test_no_amount_bursts_its_column(amount: Decimal) -> None:
    """Whatever the figure, what is shown of it fits."""
    assert len(money(amount, 4, signed=True)) <= 22
    assert len(size(amount, signed=True)) <= 20
    assert len(price(abs(amount))) <= 20


@hypothesis.given(st.text(max_size=80))
def test_foreign_text_brings_no_control_character(text: str) -> None:
    """Escapes, newlines and re-ordering signs become visible; words stay."""
    shown, _ = safe(text)
    assert shown.isprintable() or all(ord(c) >= 0x20 and c != "\x7f" for c in shown)
    assert "\x1b" not in shown
    assert "\n" not in shown


@hypothesis.given(AMOUNTS, LIMITS, LIMITS)
def test_the_delta_bar_has_one_width_and_leans_to_its_side(
    delta: Decimal, tolerance: Decimal | None, hard_limit: Decimal | None
) -> None:
    """21 columns always; blocks only on the side of the sign; green exactly inside the tolerance."""
    row = delta_bar(delta, tolerance, hard_limit)
    text = "".join(part for part, _ in row)
    assert len(text) == 21
    left, right = text.split("|")
    if not tolerance:
        assert "█" not in text
        return
    assert ("█" in right) == (delta > 0)
    assert ("█" in left) == (delta < 0)
    assert (row[0][1] == "green") == (abs(delta) <= tolerance)


@hypothesis.given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_full_edge_bar_means_that_it_pays(edge: float, required: float) -> None:
    """All blocks and green exactly when the edge reaches what is required."""
    row = edge_bar(edge, required)
    text = "".join(part for part, _ in row)
    assert len(text) == 10
    assert (text == "█" * 10) == (edge >= required)
    assert (row[0][1] == "green") == (edge >= required)


SPANS = st.lists(st.tuples(st.text(st.characters(categories=("L", "N", "Zs")), max_size=12), st.just("")), max_size=5)


@hypothesis.given(SPANS, st.integers(0, 60))
def test_a_row_is_made_exactly_as_wide_as_asked(spans: list[tuple[str, str]], width: int) -> None:
    """Filled or cut, with wide characters counted as two."""
    assert row_width(fit(tuple(spans), width)) == width


@hypothesis.given(SPANS, st.integers(10, 60), st.text("abc ", max_size=80))
def test_a_frame_is_straight(spans: list[tuple[str, str]], width: int, note: str) -> None:
    """All rows of a frame have its width, however long body and note are."""
    rows = frame("title", [tuple(spans)], width, note)
    assert {row_width(row) for row in rows} == {width}
    assert len(rows) == 3


def test_columns_align_and_blocks_stand_beside_each_other() -> None:
    """Figures end under each other; the shorter of two blocks is filled up."""
    rows = columns(("pair", "edge"), [(("A", ""), ("-1.5", "")), (("LONG", ""), ("+10.0", ""))], 30)
    texts = ["".join(text for text, _ in row) for row in rows]
    assert [text.rstrip() for text in texts] == ["pair     edge", "A        -1.5", "LONG    +10.0"]
    both = beside(rows, rows[:1], (30, 30))
    assert {row_width(row) for row in both} == {60}
    assert len(both) == 3


def test_segments_say_the_same_with_fewer_pieces() -> None:
    """Neighbours of one style, and blanks where no ground shows, become one segment; the text stays whole."""
    banner = (" x ", "bold black on yellow")
    row = (("a", "dim"), ("b", "dim"), ("  ", ""), ("c", "bold"), ("", "red"), banner, (" ", ""))
    segments = Palette().segments(row)
    assert [segment.text for segment in segments] == ["ab  ", "c", " x ", " "]
    assert "".join(segment.text for segment in segments) == "".join(text for text, _ in row)
    assert segments[2].style is not None
    assert segments[2].style.bgcolor is not None
    assert segments[3].style is not None
    assert segments[3].style.bgcolor is None
