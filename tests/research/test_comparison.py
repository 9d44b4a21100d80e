"""Trials beside each other: scores, what is chosen by train windows, and what that came to behind."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_kit import ENTRY, Score, cells, comparison, figures, splits, trials

from dnbot.domain.units import divide
from dnbot.research.comparison import RANKS, best_of, compared, per_hour, score_of
from dnbot.research.space import Cell
from dnbot.research.trial import Figures
from dnbot.research.windows import Window

FOUR = cells(**{ENTRY: "3,5,8,13"})
THREE_SPLITS = splits(3)
TRAIN = {split.train for split in THREE_SPLITS}
money = st.decimals(-1000, 1000, places=2, allow_nan=False)


def better_later(cell: Cell, window: Window) -> Figures:
    """In train windows high thresholds earn most, in test windows low ones."""
    return figures(cell.number if window in TRAIN else 10 - cell.number)


def test_a_score_is_money_per_hour_of_the_window() -> None:
    """Of the figure that is asked for; none without figures or where the account could not be valued."""
    window = THREE_SPLITS[0].train
    (trial, *_) = trials(FOUR, THREE_SPLITS, lambda *_: figures(24, realised=Decimal(12), traded=Decimal(6))).values()
    hours = Decimal(trial.window.end_ns - trial.window.begin_ns) / 3_600_000_000_000
    assert score_of(trial, "total") == divide(Decimal(24), hours)
    assert score_of(trial, "realised") == divide(Decimal(12), hours)
    assert score_of(trial, "traded") == divide(Decimal(6), hours)
    assert score_of(None, "total") is None
    assert per_hour(Decimal(7), [window, window]) == per_hour(Decimal("3.5"), [window])
    (unknown, *_) = trials(FOUR, THREE_SPLITS, lambda *_: figures(None)).values()
    assert (score_of(unknown, "total"), score_of(unknown, "realised") is None) == (None, False)
    assert set(RANKS) == {"total", "realised", "traded"}


def test_what_train_windows_choose_is_judged_in_the_test_windows() -> None:
    """The last cell promises most and comes last; the configuration as it is would have come first."""
    found = comparison(FOUR, THREE_SPLITS, better_later)
    assert [choice.chosen for choice in found.choices] == [3, 3, 3]
    assert [(choice.test_rank, choice.test_cells) for choice in found.choices] == [(4, 4)] * 3
    assert found.best == 3
    hours = [Decimal(split.test.end_ns - split.test.begin_ns) / 3_600_000_000_000
             for split in THREE_SPLITS if split.test is not None]
    assert found.chosen_test_per_hour == pytest.approx(divide(Decimal(7), hours[0]))
    assert found.configured_test_per_hour == pytest.approx(divide(Decimal(10), hours[0]))
    outcome = found.outcome(3)
    assert outcome.train is not None
    assert outcome.test is not None
    assert outcome.train.total == 3
    assert outcome.test.total == 21
    assert (outcome.train.round_trips, outcome.train.naked_ms_worst, outcome.train.naked_ms) == (25, 12, 300)
    assert (outcome.test.round_trips, outcome.test.naked_ms_worst, outcome.test.naked_ms) == (75, 12, 900)
    assert outcome.train.drawdown_worst == Decimal("0.5")


@given(st.lists(money, min_size=4, max_size=4), st.lists(money, min_size=4, max_size=4))
def test_a_choice_uses_nothing_of_its_test_window(train: list[Decimal], test: list[Decimal]) -> None:
    """Whatever the test windows say, the chosen cell is the first with the highest train score."""
    found = comparison(
        FOUR, THREE_SPLITS, lambda cell, window: figures((train if window in TRAIN else test)[cell.number])
    )
    first = min(number for number in range(4) if train[number] == max(train))
    assert {choice.chosen for choice in found.choices} == {first}
    assert {choice.equals for choice in found.choices} == {train.count(max(train))}
    assert {choice.test_rank for choice in found.choices} == {1 + sum(score > test[first] for score in test)}
    assert (found.best, found.equals) == (first, train.count(max(train)))


def test_a_cell_without_all_its_trials_is_not_ranked() -> None:
    """It has no side, and is not chosen where its own window is missing; the others are as they were."""
    found = comparison(FOUR, THREE_SPLITS, failing_in(THREE_SPLITS[0].train))
    assert found.outcome(3).train is None
    assert found.outcome(3).test is not None
    assert [choice.chosen for choice in found.choices] == [2, 3, 3]
    assert (found.best, found.is_whole) == (2, False)
    assert found.scores().keys() == {0, 1, 2}


def test_a_trial_that_is_missing_in_any_window_leaves_a_part() -> None:
    """Also where no figure of a cell is of that window: a later split's choice is."""
    later = comparison(FOUR, THREE_SPLITS, failing_in(THREE_SPLITS[1].train))
    assert [choice.chosen for choice in later.choices] == [3, 2, 3]
    assert (later.best, later.is_whole) == (3, False)
    tested = THREE_SPLITS[2].test
    assert tested is not None
    assert not comparison(FOUR, THREE_SPLITS, failing_in(tested)).is_whole
    assert comparison(FOUR, THREE_SPLITS, better_later).is_whole


def failing_in(bad: Window) -> Score:
    """The last cell has no figures there."""
    return lambda cell, window: None if cell.number == 3 and window == bad else better_later(cell, window)


def test_nothing_comes_to_nothing() -> None:
    """Before any trial, and without splits."""
    empty = compared(FOUR.cells, THREE_SPLITS, {}, "total")
    assert (empty.best, empty.equals, empty.chosen_test_per_hour, empty.choices[0].chosen) == (None, 0, None, None)
    assert best_of({}) is None
    whole = comparison(FOUR, splits(0), lambda cell, _: figures(cell.number))
    assert (whole.best, whole.outcome(1).test, whole.choices[0].test_per_hour) == (3, None, None)
