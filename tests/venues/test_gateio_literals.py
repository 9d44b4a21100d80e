"""Numbers from JSON: exact to the last digit, whichever way they are written, and never guessed."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Venue
from dnbot.venues.gateio.literals import (
    ABSENT,
    decimal_of,
    decimal_or,
    epoch_ms_of,
    epoch_ns_of,
    given,
    id_of,
    readable,
    text_of,
    whole_of,
    whole_or,
)

AMOUNTS = st.decimals(min_value="-1e20", max_value="1e20", places=20, allow_nan=False, allow_infinity=False)


def literal(text: str) -> msgspec.Raw:
    """A raw JSON value as it stands inside a frame."""
    return msgspec.json.decode(f'{{"x":{text}}}', type=dict[str, msgspec.Raw])["x"]


@examples(AMOUNTS)
def test_a_number_and_a_string_give_the_same_exact_decimal(amount: Decimal) -> None:
    """Twenty decimals survive as a JSON number and as a string, without passing through a float."""
    text = format(amount, "f")
    for written in (text, f'"{text}"'):
        value = decimal_of(literal(written))
        assert value == amount
        assert format(value, "f") == text


@examples(st.integers(min_value=0, max_value=10**19), st.booleans())
def test_ids_above_the_float_range_stay_exact(number: int, quoted: bool) -> None:
    """An id beyond 2**53 keeps every digit, as a number or as a string."""
    raw = literal(f'"{number}"' if quoted else str(number))
    assert id_of(raw) == str(number)
    assert whole_of(raw) == number


@pytest.mark.parametrize(
    ("text", "value"), [("93000.1", "93000.1"), ("-1.25e-8", "-0.0000000125"), ('"1e-7"', "0.0000001"), ("0", "0")]
)
def test_documented_ways_to_write_a_number_are_read(text: str, value: str) -> None:
    """Plain numbers, strings and the exponents that positions carry are exact."""
    assert decimal_of(literal(text)) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        '"NaN"', '"Infinity"', '" 1"', '"1_0"', '"+1"', '"٣"', '""', "null", "true", "[]", "{}", '"1e999"', "1e9999",
        '"0x10"', '"' + "9" * 61 + '"',
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Not-a-number, alien digits, huge exponents and other JSON values raise instead of becoming a value."""
    with pytest.raises(ValueError, match="not a decimal number"):
        decimal_of(literal(text))


def test_absent_fields_are_not_zero_by_accident() -> None:
    """A field that is left out, null or empty is not given; only a named default replaces it."""
    for raw in (ABSENT, literal("null"), literal('""')):
        assert not given(raw)
        assert text_of(raw) == ""
        assert decimal_or(raw, Decimal(7)) == 7
        assert whole_or(raw, 7) == 7
        with pytest.raises(ValueError, match="not a"):
            decimal_of(raw)
        with pytest.raises(ValueError, match="not an id"):
            id_of(raw)
    assert given(literal("0"))


@pytest.mark.parametrize("text", ["1.5", '"1.5"'])
def test_a_fraction_is_no_whole_number(text: str) -> None:
    """An update id with a fraction is refused."""
    with pytest.raises(ValueError, match="whole"):
        whole_of(literal(text))


@pytest.mark.parametrize("text", ["1.5", "-1", "true", "[1]", '"1e400"', '"NaN"', '"12 "', '"\u0661"', '""'])
def test_an_id_is_digits(text: str) -> None:
    """A spoiled one would be booked as another trade."""
    with pytest.raises(ValueError, match="not an id"):
        id_of(literal(text))


@pytest.mark.parametrize(
    ("text", "at_ns"),
    [
        ("1733801848.473", 1_733_801_848_473_000_000),
        ("1733801848", 1_733_801_848_000_000_000),
        ('"1714729020184.131"', 1_714_729_020_184_131_000),
        ("1714729020184", 1_714_729_020_184_000_000),
        ("1790000002.123456", 1_790_000_002_123_456_000),
    ],
)
def test_times_in_seconds_and_milliseconds_are_told_apart(text: str, at_ns: int) -> None:
    """Seconds and milliseconds with any fraction become exact nanoseconds."""
    assert epoch_ns_of(literal(text)) == at_ns
    assert epoch_ms_of(ABSENT, literal(text)) == at_ns // 1_000_000


def test_no_time_is_zero() -> None:
    """Without any time given the answer is 0."""
    assert epoch_ms_of(ABSENT, literal("null"), literal("0")) == 0


def test_unreadable_keeps_the_raw_frame() -> None:
    """What went wrong is told with the frame itself."""
    with pytest.raises(FrameUnreadable, match="book") as caught, readable(Venue.GATE_SPOT, "book", b'{"a":'):
        msgspec.json.decode(b'{"a":')
    assert caught.value.raw == '{"a":'
    assert caught.value.venue == "GATEIO_SPOT"
