"""Signs, coins and units on the wire."""

from __future__ import annotations

from wire_session import run_wire_session


def test_rows_have_the_right_signs_coins_and_units() -> None:
    """What REST says of a few trades on every venue agrees with the exchange, in the documents' own units."""
    run_wire_session()
