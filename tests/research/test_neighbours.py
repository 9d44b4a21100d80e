"""Which cells lie beside each other, and what a peak that stands alone is."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_kit import ENTRY, RATIO, SETTINGS, cells

from dnbot.research.axis import listed, ranged
from dnbot.research.neighbours import NEAREST_PER_AXIS, at_the_end, neighbours_of, peak_of
from dnbot.research.space import Cells, Space, cells_of

FIVE = cells(**{ENTRY: "3,4,5,6,7", RATIO: "0.3,0.4,0.5,0.6,0.7"})
BESIDE = neighbours_of(FIVE.space, FIVE.cells)


def number_of(of: Cells, **values: str) -> int:
    """The cell with these values."""
    return next(cell.number for cell in of.cells if cell.values == values)


def scores(height: float, wide: float = 2.0) -> dict[int, float]:
    """A tent over the grid with its top in the middle, and a needle of some height on one of its slopes."""
    found = {}
    for cell in FIVE.cells:
        far = abs(int(cell.values[ENTRY]) - 5) + abs(round(float(cell.values[RATIO]) * 10) - 5)
        found[cell.number] = max(0.0, wide - far)
    found[number_of(FIVE, **{ENTRY: "3", RATIO: "0.4"})] += height
    return found


def test_in_a_grid_a_neighbour_differs_in_one_setting_by_one_value() -> None:
    """Four in the middle, three at an edge, two in a corner, and always both ways."""
    at = {(cell.values[ENTRY], cell.values[RATIO]): cell.number for cell in FIVE.cells}
    assert set(BESIDE[at["5", "0.5"]]) == {at["4", "0.5"], at["6", "0.5"], at["5", "0.4"], at["5", "0.6"]}
    assert set(BESIDE[at["3", "0.3"]]) == {at["4", "0.3"], at["3", "0.4"]}
    assert all(one in BESIDE[other] for one, others in BESIDE.items() for other in others)
    assert sorted(len(others) for others in BESIDE.values()) == [2] * 4 + [3] * 12 + [4] * 9


def test_words_have_no_order() -> None:
    """Every other word is beside one, and numbers are in order however they were written."""
    found = cells(**{ENTRY: "9,3,5", "shutdown_policy": "hold,flatten"})
    beside = neighbours_of(found.space, found.cells)
    one = number_of(found, **{ENTRY: "3", "shutdown_policy": "hold"})
    assert set(beside[one]) == {
        number_of(found, **{ENTRY: "5", "shutdown_policy": "hold"}),
        number_of(found, **{ENTRY: "3", "shutdown_policy": "flatten"}),
    }


def test_a_configuration_outside_the_grid_has_no_neighbours() -> None:
    """It is no cell of the grid."""
    found = cells(**{ENTRY: "5,6,7"})
    assert found.cells[0].values == {}
    assert neighbours_of(found.space, found.cells).keys() == {1, 2, 3}


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(8, 30))
def test_of_draws_the_nearest_are_neighbours(seed: int, draws: int) -> None:
    """Two per axis; none that is further off than one that is left out."""
    axes = (ranged("x", ENTRY, {"from": "3", "to": "9"}), ranged("x", RATIO, {"from": "0.2", "to": "0.8"}))
    found = cells_of(Space(axes, draws, seed), SETTINGS)
    beside = neighbours_of(found.space, found.cells)
    known = {cell.number: cell for cell in found.cells if cell.values}
    assert beside.keys() == known.keys()

    def far(one: int, other: int) -> float:
        return sum(
            (axis.place(known[one].values[axis.key]) - axis.place(known[other].values[axis.key])) ** 2 for axis in axes
        )

    for one, others in beside.items():
        assert len(others) == min(NEAREST_PER_AXIS * 2, len(known) - 1)
        assert one not in others
        left = known.keys() - {one, *others}
        assert not left or max(far(one, other) for other in others) <= min(far(one, other) for other in left) + 1e-12


def test_a_needle_is_an_outlier_and_a_hill_is_none() -> None:
    """The same grid with and without it: only the one that its neighbours do not share."""
    hill, needle = scores(0.0), scores(9.0)
    top = max(hill, key=lambda number: hill[number])
    found = peak_of(hill, BESIDE, top)
    assert found is not None
    assert (found.is_outlier, found.neighbours, found.neighbours_median) == (False, 4, 1.0)
    found = peak_of(needle, BESIDE, max(needle, key=lambda number: needle[number]))
    assert found is not None
    assert found.is_outlier
    assert found.kept_share < 0.1


@given(st.integers(0, 10**6), st.floats(0.01, 50))
def test_a_slope_is_no_outlier(seed: int, steep: float) -> None:
    """However steep, and with whatever noise is small against a step."""
    rng = random.Random(seed)
    flat = {cell.number: steep * (int(cell.values[ENTRY]) + rng.uniform(-0.1, 0.1)) for cell in FIVE.cells}
    found = peak_of(flat, BESIDE, max(flat, key=lambda number: flat[number]))
    assert found is not None
    assert not found.is_outlier


@given(st.integers(0, 10**6), st.floats(0.001, 1000), st.floats(-1000, 1000))
def test_the_verdict_does_not_depend_on_the_unit(seed: int, factor: float, shift: float) -> None:
    """Scores in cents, or with a sum added to all, are judged alike."""
    rng = random.Random(seed)
    some = {cell.number: rng.gauss(0, 1) ** 3 for cell in FIVE.cells}
    best = max(some, key=lambda number: some[number])
    one = peak_of(some, BESIDE, best)
    other = peak_of({number: factor * score + shift for number, score in some.items()}, BESIDE, best)
    assert one is not None
    assert other is not None
    assert other.kept_share == pytest.approx(one.kept_share, abs=1e-6)
    near = abs(one.best - one.neighbours_median - 3 * one.step_median) < 1e-6 or abs(one.kept_share - 0.5) < 1e-6
    assert near or one.is_outlier == other.is_outlier


def test_with_too_few_it_cannot_be_told() -> None:
    """Fewer than five cells with scores, or fewer than two beside the best."""
    some = scores(9.0)
    best = number_of(FIVE, **{ENTRY: "3", RATIO: "0.4"})
    assert peak_of({number: some[number] for number in (best, *BESIDE[best])}, BESIDE, best) is None
    lonely = {number: score for number, score in some.items() if number not in BESIDE[best][:-1]}
    assert peak_of(lonely, BESIDE, best) is None
    assert peak_of(some, {}, best) is None


def test_the_end_of_what_was_tried() -> None:
    """First or last of three numbers and more; of two, or of words, there is none."""
    found = cells(**{ENTRY: "3,4,5", RATIO: "0.4,0.5", "shutdown_policy": "hold,flatten"})
    named = {
        cell.values[ENTRY]: at_the_end(found.space, cell) for cell in found.cells
        if (cell.values[RATIO], cell.values["shutdown_policy"]) == ("0.4", "hold")
    }
    assert named == {"3": (ENTRY,), "4": (), "5": (ENTRY,)}
    drawn = Space((ranged("x", ENTRY, {"from": "3", "to": "9"}), listed("x", RATIO, ["0.3", "0.4", "0.5"])), 3, 1)
    cell = cells_of(drawn, SETTINGS).cells[1]
    assert set(at_the_end(drawn, cell)) <= {RATIO}
    assert Decimal(cell.values[ENTRY]) >= 3
