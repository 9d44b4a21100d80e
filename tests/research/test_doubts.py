"""Each doubt is there when its reason is, and not without it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Decimal
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_kit import ENTRY, RATIO, Score, cells, comparison, figures, splits, trials

from dnbot.research.doubts import Seen, doubts_of, t_needed, t_value
from dnbot.research.neighbours import at_the_end, neighbours_of, peak_of
from dnbot.research.space import Cell
from dnbot.research.trial import Figures
from dnbot.research.windows import Split, Window

GRID = cells(**{ENTRY: "3,4,5,6,7", RATIO: "0.3,0.4,0.5,0.6,0.7"})
SPLITS = splits(3)
TRAIN = {split.train for split in SPLITS}
HIGH = Decimal(1000)


def hill(cell: Cell, height: int = 5) -> Decimal:
    """Highest in the middle of the grid."""
    far = abs(int(cell.values[ENTRY]) - 5) + abs(round(float(cell.values[RATIO]) * 10) - 5)
    return Decimal(height) - far


def sound(cell: Cell, _window: Window) -> Figures:
    """The same hill in every window: nothing to doubt."""
    return figures(HIGH + hill(cell), traded=HIGH, traded_squares=HIGH * HIGH / 50 + 1)


def seen(score: Score, windows: tuple[Split, ...] = SPLITS, **changes: Any) -> Seen:
    """What these figures come to."""
    found = comparison(GRID, windows, score)
    made = tuple(trials(GRID, windows, score).values())
    best = 0 if found.best is None else found.best
    peak = peak_of(found.scores(), neighbours_of(GRID.space, GRID.cells), best) if found.best is not None else None
    told = {
        "comparison": found, "trials": made, "trials_wanted": len(made), "cells_tried": 25, "hours": 30.0, "peak": peak,
        "ends": () if found.best is None else at_the_end(GRID.space, GRID.cells[best]),
    }
    return Seen(**{**told, **changes})


def test_a_sound_study_has_no_doubts() -> None:
    """A hill, in train and in test alike, of many good trades over more than a day."""
    assert doubts_of(seen(sound)) == ()


def at(number_of: Callable[[Cell], bool], changed: dict[str, Any], *, windows: set[Window] | None = None) -> Score:
    """The sound study, with other figures in some cells and windows."""

    def score(cell: Cell, window: Window) -> Figures | None:
        if not number_of(cell) or (windows is not None and window not in windows):
            return sound(cell, window)
        told = sound(cell, window)
        return figures(**{**{name: getattr(told, name) for name in told.__struct_fields__}, **changed})

    return score


def every(_cell: Cell) -> bool:
    return True


def middle(cell: Cell) -> bool:
    return cell.values == {ENTRY: "5", RATIO: "0.5"}


@pytest.mark.parametrize(("study", "said"), [
    (seen(at(middle, {"total": HIGH + 500})), "outlier of its neighbours"),
    (seen(at(lambda cell: cell.values[ENTRY] == "7", {"total": HIGH + 20})),
     f"at the end of what was tried of {ENTRY}"),
    (seen(at(every, {"total": HIGH})), "25 cells share the best score"),
    (seen(at(middle, {"trades": 3}, windows=TRAIN)),
     "few trades: the best cell made 3 in its train window, and 150 in all test windows"),
    (seen(at(every, {"traded": Decimal(1), "traded_squares": Decimal(90)})), "have t = 0.10 in its train window"),
    (seen(at(every, {"total": Decimal(-1)}, windows=set().union(*(s.windows for s in SPLITS)) - TRAIN)),
     "what was chosen earned"),
    (seen(lambda cell, window: sound(cell, window) if window in TRAIN else figures(HIGH - hill(cell))),
     "in 3 of 3 test windows the chosen cell was in the lower half"),
    (seen(lambda cell, window: sound(cell, window) if window in TRAIN else figures(HIGH - hill(cell))),
     "mean rank correlation -1.00"),
    (seen(at(lambda cell: not cell.number, {"total": HIGH * 2}, windows={s.test for s in SPLITS if s.test})),
     "than the configuration as it is"),
    (seen(at(every, {"traded": Decimal(2000)})), ""),
    (seen(at(every, {"traded": Decimal(1200), "total": Decimal(-500)})), "building the position anew"),
    (seen(sound, hours=0.5), "30 min of market in all"),
    (seen(at(middle, {"mode": "REDUCING drawdown"}, windows=TRAIN)), "in 3 trials the trading mode was lowered"),
    (seen(at(middle, {"partial": "the bot ended by itself"})), "6 trials ended before their window did"),
    (seen(sound, trials_wanted=200), "50 of 200 trials have no figures (0 failed)"),
    (seen(sound, splits(0)), "in sample only"),
    (seen(lambda cell, window: sound(cell, window) if cell.number < 3 else None), "cannot be told"),
])  # fmt: skip
def test_each_doubt_has_its_reason(study: Seen, said: str) -> None:
    """One thing is wrong, and the doubt about it is among those that are told."""
    told = doubts_of(study)
    assert any(said in doubt for doubt in told) if said else told == ()


def test_windows_in_which_nothing_has_figures_are_told_and_no_more() -> None:
    """There is no best cell to doubt."""
    told = doubts_of(seen(lambda *_: None))
    assert len(told) == 2
    assert told[0] == "150 of 150 trials have no figures (150 failed)"


@given(st.lists(st.decimals(-50, 50, places=3, allow_nan=False), min_size=2, max_size=40))
def test_t_is_that_of_the_trades_themselves(nets: list[Decimal]) -> None:
    """The mean by its standard error, from sums alone; none where all are equal."""
    made = figures(traded=sum(nets, Decimal(0)), traded_squares=sum((net * net for net in nets), Decimal(0)),
                   trades=len(nets))
    found = comparison(cells(**{ENTRY: "3,5"}), splits(0), lambda *_: made).outcome(0).train
    assert found is not None
    if len(set(nets)) == 1:
        assert t_value(found) is None
    else:
        values = list(map(float, nets))
        assert t_value(found) == pytest.approx(mean(values) / (stdev(values) / math.sqrt(len(values))), rel=1e-6)


def test_what_luck_can_do_grows_with_the_trials() -> None:
    """1.64 for one cell; the luckiest of a hundred without merit passes 3.29 once in twenty studies."""
    assert t_needed(1) == pytest.approx(1.645, abs=1e-3)
    assert t_needed(100) == pytest.approx(3.291, abs=1e-3)
    rng = random.Random(5)
    passed = sum(max(rng.gauss(0, 1) for _ in range(40)) > t_needed(40) for _ in range(1000))
    assert 30 <= passed <= 70


def test_ranks_are_compared_with_ties() -> None:
    """One order: 1; the reverse: -1; all equal, or fewer than five: unknown."""
    five = cells(**{ENTRY: "3,4,5,6,7"})
    of_train = dict(zip(range(5), (1, 2, 2, 3, 9), strict=True))

    def correlation(test: tuple[int, ...]) -> float | None:
        return comparison(
            five, SPLITS,
            lambda cell, window: figures(of_train[cell.number] if window in TRAIN else test[cell.number]),
        ).rank_correlation

    assert correlation((10, 20, 20, 30, 31)) == pytest.approx(1.0)
    assert correlation((-1, -2, -2, -3, -9)) == pytest.approx(-1.0)
    assert correlation((1, 1, 1, 1, 1)) is None
    assert comparison(cells(**{ENTRY: "3,4,5,6"}), SPLITS, sound_of_four).rank_correlation is None


def sound_of_four(cell: Cell, _window: Window) -> Figures:
    """Four cells are too few."""
    return figures(cell.number)
