"""What a plugin's exchange is called, and that what was written so is read as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import Venue
from dnbot.domain.pair import Pair
from dnbot.domain.venue_names import VenueNames, names_of

EXAMPLE = VenueNames("EXAMPLE")
WORDS = st.sampled_from([
    "MEXC_SPOT", "EXAMPLE_SPOT", "GATE_TO_MEXC", "EXAMPLE_TO_GATE", "OPEN_EXAMPLE", "CLOSE_MEXC", "MEXC spot",
    "EXAMPLE", "MEXC", "EXAMPLE spot", "_", ":", '"', "X", "é", "\n", " spot", "_SPOT", "GATEIO_SPOT", "7",
])


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("MEXC_SPOT", "EXAMPLE_SPOT"), ("GATE_TO_MEXC", "GATE_TO_EXAMPLE"), ("MEXC_TO_GATE", "EXAMPLE_TO_GATE"),
        ("OPEN_MEXC", "OPEN_EXAMPLE"), ("CLOSE_MEXC", "CLOSE_EXAMPLE"), ("MEXC spot", "EXAMPLE spot"),
        ("feed:MEXC_SPOT: late", "feed:EXAMPLE_SPOT: late"), ('{"venue":"MEXC_SPOT"}', '{"venue":"EXAMPLE_SPOT"}'),
        ("MEXC_SPOT:USDT", "EXAMPLE_SPOT:USDT"), ("GATEIO_SPOT OPEN_GATE", "GATEIO_SPOT OPEN_GATE"),
        ("MEXC_SPOT2 XMEXC_SPOT MEXC_SPOT_", "MEXC_SPOT2 XMEXC_SPOT MEXC_SPOT_"),
        ("MEXC_API_KEY MEXC", "MEXC_API_KEY MEXC"),
    ],
)
def test_the_role_is_told_by_its_name(role: str, name: str) -> None:
    """Whole words alone, both ways; and MEXC itself keeps its own."""
    assert (EXAMPLE.text(role), EXAMPLE.text(name)) == (name, role)
    assert VenueNames().text(role) == role


@given(st.lists(WORDS, max_size=12).map("".join))
def test_what_was_written_is_read_as_it_was(text: str) -> None:
    """Whatever ids an exchange gives: both names in one text, next to each other, and parts of others."""
    assert EXAMPLE.text(EXAMPLE.text(text)) == text
    assert EXAMPLE.data(text.encode()).decode() == EXAMPLE.text(text)


def test_every_word_of_ours_that_names_the_role_is_known() -> None:
    """A further pair or venue with the role in its name would be told by the wrong one."""
    ours = [venue.value for venue in Venue] + [pair.name for pair in Pair]
    assert [word for word in ours if "MEXC" in EXAMPLE.text(word)] == []


def test_a_database_says_how_it_calls_the_venue() -> None:
    """By the one row that is none of ours."""
    assert names_of(["EXAMPLE_SPOT", "GATEIO_FUTURES", "GATEIO_SPOT"]) == EXAMPLE
    assert names_of(["GATEIO_FUTURES", "GATEIO_SPOT", "MEXC_SPOT"]) == VenueNames()
    assert EXAMPLE.second_spot == "EXAMPLE_SPOT"


def test_values_of_a_row() -> None:
    """Text and lists of text; all else is left."""
    assert [EXAMPLE.value(one) for one in ("MEXC_SPOT", ["MEXC_SPOT", 1], 7, None)] == [
        "EXAMPLE_SPOT", ["EXAMPLE_SPOT", 1], 7, None,
    ]
