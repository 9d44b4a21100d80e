"""Undoing: which lots a pair closes, what each unit must earn, and how patience widens with age."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.pair import Pair
from dnbot.domain.position import EdgeLot, Portfolio
from dnbot.strategy.undo import (
    carry_age_bps,
    direction,
    lots_undone_by,
    overdue_shift,
    round_trip_bps,
    undo_needs,
)

HOUR_NS = 3600 * 10**9
MID = Decimal(60_000)


def lot(quantity: object, edge_bps: object = 4, opened_at_ns: int = 0, funding: object = 0) -> EdgeLot:
    """Inventory moved at an edge."""
    return EdgeLot(Decimal(str(quantity)), Decimal(str(edge_bps)), opened_at_ns, Decimal(str(funding)))


def test_a_pair_and_its_reverse_move_opposite_ways() -> None:
    """So that each undoes what the other did."""
    assert all(direction(pair) == -direction(pair.reverse) for pair in Pair)
    assert [pair for pair in Pair if direction(pair) > 0] == [Pair.GATE_TO_MEXC, Pair.OPEN_GATE, Pair.OPEN_MEXC]


def test_only_the_opposite_direction_is_undone(make: Any) -> None:
    """Shifts are undone by spot pairs, carries by either carry pair; the same direction only adds."""
    portfolio = Portfolio(symbol=make.symbol, shift_lots=(lot(1),), carry_lots=(lot(2),))
    assert lots_undone_by(Pair.MEXC_TO_GATE, portfolio) == portfolio.shift_lots
    assert lots_undone_by(Pair.GATE_TO_MEXC, portfolio) == ()
    assert lots_undone_by(Pair.CLOSE_GATE, portfolio) == lots_undone_by(Pair.CLOSE_MEXC, portfolio) == (lot(2),)
    assert lots_undone_by(Pair.OPEN_GATE, portfolio) == ()
    assert lots_undone_by(Pair.MEXC_TO_GATE, Portfolio(symbol=make.symbol)) == ()


def test_a_round_trip_adds_entry_exit_and_funding() -> None:
    """4 in, -3 out, 6 USDT per unit of funding at 60 000 is 1 bp."""
    assert round_trip_bps(lot(1, 4, funding=6), Decimal(-3), MID) == 2


def test_each_unit_pays_for_its_lot(make: Any) -> None:
    """The need is what the round trip requires, at least the exit threshold, and never falls along the queue."""
    needs = undo_needs((lot(1, 4), lot(2, -3), lot(1, 9)), MID, make.params(), Decimal(0))
    assert needs == ((1, -2), (3, 3), (4, 3))
    assert undo_needs((lot(1, -3),), MID, make.params(max_round_trip_loss_bps=1), Decimal(1)) == ((1, 1),)
    assert undo_needs((), MID, make.params(), Decimal(0)) == ()


@given(raw=st.lists(st.tuples(st.integers(1, 5), st.integers(-9, 9)), min_size=1, max_size=5), loss=st.integers(0, 5))
def test_no_undo_inside_its_needs_loses_more_than_allowed(raw: list[tuple[int, int]], loss: int, make: Any) -> None:
    """Whatever part of the queue is closed at its need, each lot's round trip keeps to the loss allowed."""
    params = make.params(max_round_trip_loss_bps=loss)
    lots = tuple(lot(quantity, edge) for quantity, edge in raw)
    needs = undo_needs(lots, MID, params, Decimal(0))
    for reached, (_, need) in enumerate(needs):
        assert need >= params.arbitrage_exit_threshold_bps
        assert all(round_trip_bps(closed, need, MID) >= -loss for closed in lots[: reached + 1])
    assert [end for end, _ in needs] == [sum(q for q, _ in raw[: i + 1]) for i in range(len(raw))]


@pytest.mark.parametrize(
    ("hours", "loss", "widened"),
    [
        (23, 0, 0), (24, 0, 0), ("24.49", 0, 0), ("24.5", 0, 2), (25, 0, 4), (26, 0, 8), ("26.5", 0, 10), (90, 0, 10),
        (90, 7, 3), (90, 15, 0),
    ],
)
def test_patience_widens_by_two_each_half_hour_to_ten(make: Any, hours: str, loss: int, widened: int) -> None:
    """From `carry_hold_hours_max` on, until 10 bps may be lost in all; a larger loss that is configured stands."""
    now_ns = int(Decimal(hours) * HOUR_NS)
    assert carry_age_bps((lot(1),), make.params(max_round_trip_loss_bps=loss), now_ns) == widened


def test_without_a_carry_there_is_no_age(make: Any) -> None:
    """Nothing waits, nothing widens; the oldest lot counts."""
    assert carry_age_bps((), make.params(), 99 * HOUR_NS) == 0
    assert carry_age_bps((lot(1), lot(1, opened_at_ns=98 * HOUR_NS)), make.params(), 99 * HOUR_NS) == 10


def test_shifted_inventory_becomes_overdue(make: Any) -> None:
    """After `position_timeout_minutes` it is told."""
    params = make.params(position_timeout_minutes=60)
    assert not overdue_shift((lot(1),), params, HOUR_NS)
    assert overdue_shift((lot(1),), params, HOUR_NS + 1)
    assert not overdue_shift((), params, HOUR_NS + 1)
