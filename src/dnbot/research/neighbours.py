"""Which cells lie beside each other, and whether the best one stands alone: a peak that its neighbours do not share is
more often luck than merit. Scores are floats here: they are compared, never booked.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from dnbot.research.axis import Axis
from dnbot.research.space import Cell, Space

STEPS_OVER = 3.0
"""An outlier is further above its neighbours than so many steps between neighbours elsewhere."""
KEPT_SHARE_MIN = 0.5
"""And its neighbours keep less than this of its advance over the median of all cells."""
CELLS_MIN = 5
NEIGHBOURS_MIN = 2
NEAREST_PER_AXIS = 2

Neighbours = Mapping[int, tuple[int, ...]]
"""By a cell's number, the numbers of those beside it."""


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """How the best cell stands above those beside it. Scores are quote units per hour."""

    best: float
    neighbours: int
    neighbours_median: float
    all_median: float
    step_median: float
    """The middle one of the differences between neighbouring cells elsewhere."""
    kept_share: float
    """What its neighbours have of its advance over the median of all cells: 1 as much, 0 nothing of it."""
    is_outlier: bool


def neighbours_of(space: Space, cells: Sequence[Cell]) -> Neighbours:
    """In a grid, cells that differ in one setting by one value (by any value, where values are words). Of draws, the
    nearest ones, two per axis. A cell that is none of the space has none.
    """
    inside = [cell for cell in cells if _is_inside(space, cell)]
    if space.draws is not None:
        places = {cell.number: [axis.place(cell.values[axis.key]) for axis in space.axes] for cell in inside}
        return {number: _nearest(space, number, places) for number in places}
    known = {_spot(space, cell): cell.number for cell in inside}
    return {
        number: tuple(sorted(known[other] for other in _beside(space, spot) if other in known))
        for spot, number in known.items()
    }


def peak_of(scores: Mapping[int, float], neighbours: Neighbours, best: int) -> Peak | None:
    """The best cell of these against its neighbours; None when there are too few cells or neighbours to tell."""
    around = [scores[number] for number in neighbours.get(best, ()) if number in scores]
    if len(scores) < CELLS_MIN or len(around) < NEIGHBOURS_MIN:
        return None
    steps = [
        abs(scores[one] - scores[other]) for one, others in neighbours.items() for other in others
        if best not in (one, other) and one in scores and other in scores
    ]
    top, beside, middle = scores[best], median(around), median(scores.values())
    step = median(steps) if steps else 0.0
    kept = 1.0 if top <= middle else (beside - middle) / (top - middle)
    return Peak(
        best=top, neighbours=len(around), neighbours_median=beside, all_median=middle, step_median=step,
        kept_share=kept, is_outlier=top - beside > STEPS_OVER * step and kept < KEPT_SHARE_MIN,
    )


def at_the_end(space: Space, cell: Cell) -> tuple[str, ...]:
    """The keys whose value in this cell is the first or last that was tried, of at least three, with numbers."""
    found = []
    for axis in space.axes:
        values = axis.grid() if space.draws is None or axis.values else ()
        if axis.is_ordered and len(values) > 2 and cell.values.get(axis.key) in (values[0], values[-1]):
            found.append(axis.key)
    return tuple(found)


def _is_inside(space: Space, cell: Cell) -> bool:
    if cell.values.keys() != {axis.key for axis in space.axes}:
        return False
    return space.draws is not None or all(cell.values[axis.key] in axis.grid() for axis in space.axes)


def _spot(space: Space, cell: Cell) -> tuple[int, ...]:
    return tuple(axis.grid().index(cell.values[axis.key]) for axis in space.axes)


def _beside(space: Space, spot: tuple[int, ...]) -> list[tuple[int, ...]]:
    found = []
    for index, axis in enumerate(space.axes):
        at = spot[index]
        others = (at - 1, at + 1) if axis.is_ordered else [n for n in range(len(axis.grid())) if n != at]
        found += [(*spot[:index], other, *spot[index + 1:]) for other in others]
    return found


def _nearest(space: Space, number: int, places: Mapping[int, Sequence[float]]) -> tuple[int, ...]:
    count = NEAREST_PER_AXIS * len(space.axes)
    own = places[number]
    far = [(_distance(space.axes, own, other), found) for found, other in places.items() if found != number]
    return tuple(sorted(found for _, found in heapq.nsmallest(count, far)))


def _distance(axes: Sequence[Axis], one: Sequence[float], other: Sequence[float]) -> float:
    parts = (a - b if axis.is_ordered else float(a != b) for axis, a, b in zip(axes, one, other, strict=True))
    return math.hypot(*parts)
