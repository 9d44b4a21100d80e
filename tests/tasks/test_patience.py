"""Pauses between tries: short at first, never longer than the most, short again after a success."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnbot.tasks.patience import Patience


def test_short_then_doubling_then_the_most() -> None:
    """Three quick ones, then twice as long each time; a success begins anew."""
    patience = Patience(0.3, 3, 2.0)
    assert [patience.after_failure() for _ in range(8)] == [0.3, 0.3, 0.3, 0.6, 1.2, 2.0, 2.0, 2.0]
    patience.after_success()
    assert patience.after_failure() == 0.3


@given(st.integers(0, 20), st.integers(1, 3000))
def test_it_never_falls_and_has_an_end(quick: int, failures: int) -> None:
    """Whatever the number of failures."""
    patience = Patience(0.1, quick, 1.0)
    pauses = [patience.after_failure() for _ in range(failures)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 1.0
    assert pauses[:quick] == [0.1] * min(quick, failures)
