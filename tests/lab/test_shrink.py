"""Failures are made smaller until nothing can be left out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from dnbot.lab.shrink import minimal

KEYS = tuple("abcdefghijklmnop")


@given(st.sets(st.sampled_from(KEYS)))
def test_what_is_needed_is_all_that_stays(needed: set[str]) -> None:
    """Whatever set is needed, in any position."""
    assert set(minimal(KEYS, lambda keys: needed <= set(keys))) == needed


@given(st.lists(st.sets(st.sampled_from(KEYS), min_size=1), min_size=1, max_size=4))
def test_of_several_causes_one_stays_whole(causes: list[set[str]]) -> None:
    """The result still fails, and none of its keys can be left out."""

    def fails(keys: Sequence[str]) -> bool:
        return any(cause <= set(keys) for cause in causes)

    kept = minimal(KEYS, fails)
    assert fails(kept)
    assert not any(fails([key for key in kept if key != left_out]) for left_out in kept)
