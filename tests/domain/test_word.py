"""Words are compared and hashed as what they are: one object each."""

from __future__ import annotations

import copy

from dnbot.domain.instrument import Venue


def test_a_word_hashes_by_identity() -> None:
    """In C, and not by its name in Python; a copy or a word from elsewhere is the same object, and found."""
    assert Venue.__hash__ is object.__hash__
    held = {Venue.GATE_SPOT: 1}
    for same in (Venue("GATEIO_SPOT"), copy.deepcopy(Venue.GATE_SPOT)):
        assert held[same] == 1
