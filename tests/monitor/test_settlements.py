"""Funding that a settlement should have brought, and that nobody booked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dnbot.monitor.settlements import SettlementWatch

NEXT_S, LATER_S = 28_800, 57_600


def watched(*looks: tuple[float, int | None, str, str]) -> list[float]:
    """What each look (now, the next settlement, expected, booked so far) says."""
    watch = SettlementWatch()
    return [
        watch.late_s(next_at_s=next_at_s, expected_quote=Decimal(expected), booked_quote=Decimal(booked), now_s=now_s)
        for now_s, next_at_s, expected, booked in looks
    ]


def test_a_settlement_without_its_row_is_missed_until_funding_is_booked() -> None:
    """From the settlement on, over the next one too, until what is booked changes."""
    before, after = (NEXT_S - 6.0, NEXT_S, "0.36", "5"), (NEXT_S + 1.0, LATER_S, "0.36", "5")
    assert watched(before, after, (NEXT_S + 601.0, LATER_S, "0.36", "5")) == [0.0, 1.0, 601.0]
    assert watched(before, after, (NEXT_S + 9.0, LATER_S, "0.36", "5.36"), (NEXT_S + 700.0, LATER_S, "0.36", "5.36")) \
        == [0.0, 1.0, 0.0, 0.0]
    late = (LATER_S + 10.0, LATER_S + NEXT_S, "0.36", "5")
    assert watched(before, after, late)[-1] == LATER_S + 10.0 - NEXT_S


@pytest.mark.parametrize(
    "looks",
    [
        [(NEXT_S - 6.0, NEXT_S, "0", "5"), (NEXT_S + 1.0, LATER_S, "0.36", "5")],  # opened after it
        [(NEXT_S - 6.0, NEXT_S, "-0.0009", "5"), (NEXT_S + 1.0, LATER_S, "0", "5")],  # too little to be sure of
        [(NEXT_S - 6.0, NEXT_S, "0.36", "5"), (NEXT_S + 1.0, LATER_S, "0.36", "5.36")],  # booked at once
        [(NEXT_S + 1.0, NEXT_S, "0.36", "5"), (NEXT_S + 700.0, None, "0", "5")],  # began after it
        [(NEXT_S - 4.0, NEXT_S, "0.36", "5"), (NEXT_S + 1.0, LATER_S, "0.36", "5")],  # began when clocks may differ
    ],
)
def test_nothing_is_missed_where_nothing_had_to_come(looks: list[tuple[float, int | None, str, str]]) -> None:
    """No position, next to nothing, a row that came, or a settlement that nobody saw coming."""
    assert set(watched(*looks)) == {0.0}


def test_a_settlement_that_is_brought_forward_is_the_one_that_counts() -> None:
    """Intervals change: what was told last, some seconds before it, is when funding is due."""
    assert watched(
        (NEXT_S - 9_000.0, NEXT_S, "0.36", "5"), (NEXT_S - 7_300.0, NEXT_S - 7_200, "0.36", "5"),
        (NEXT_S - 7_199.0, NEXT_S, "0.36", "5"),
    ) == [0.0, 0.0, 1.0]


def test_who_has_no_position_any_more_waits_for_no_row() -> None:
    """It was closed in the last seconds before the settlement: the next one ends what nobody could ever book."""
    assert watched(
        (NEXT_S - 6.0, NEXT_S, "0.36", "5"), (NEXT_S + 1.0, LATER_S, "0", "5"), (LATER_S + 1.0, None, "0", "5"),
    ) == [0.0, 1.0, 0.0]
