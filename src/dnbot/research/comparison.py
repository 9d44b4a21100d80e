"""What trials come to beside each other: each cell on its train and on its test windows, and what choosing by the train
windows would have earned in the test windows. Money is quote units; scores are quote units per hour of a window, in its
virtual time, so that windows of different lengths compare.

Train windows of several splits overlap, and hold the test windows of others. So a sum over all of them would count some
trades more than once, and what is best by it would be judged by what it was chosen on. Each split is therefore compared
by itself; and a cell's figures over all splits are those of the first train window, beside those of all test windows,
which come after it and overlap nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from statistics import fmean

import msgspec

from dnbot.domain.units import ZERO, divide
from dnbot.research.ranks import rank_correlation
from dnbot.research.space import Cell
from dnbot.research.trial import Figures, Trial
from dnbot.research.windows import Split, Window

RANKS: Mapping[str, Callable[[Figures], Decimal | None]] = {
    "total": lambda figures: figures.total,
    "realised": lambda figures: figures.realised,
    "traded": lambda figures: figures.traded,
}
"""What cells are ranked by: see `Figures`."""
_NS_PER_HOUR = Decimal(3_600_000_000_000)
Found = Mapping[tuple[str, Window], Trial]
"""Trials by what they are of."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One cell on the first train window, or on all test windows. Sums, but for what is named worst."""

    per_hour: Decimal
    total: Decimal | None
    realised: Decimal
    drawdown_worst: Decimal
    naked_ms_worst: int
    naked_ms: int
    round_trips: int
    fills: int
    trades: int
    traded: Decimal
    traded_squares: Decimal


class CellOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A side is None while a trial of it has no figures, or no score."""

    number: int
    name: str
    values: dict[str, str]
    train: Side | None
    test: Side | None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One split: the cell that was best in its train window, and what that came to in its test window."""

    split: Split
    chosen: int | None
    """The number of a cell; None while the train window has no scores."""
    equals: int
    """How many cells were as good; the first of them is chosen."""
    train_per_hour: Decimal | None
    test_per_hour: Decimal | None
    test_rank: int | None
    """1: no cell was better in the test window."""
    train_cells: int
    """How many cells have a score in the train window."""
    test_cells: int
    rank_correlation: float | None
    """Spearman's, of all cells' scores in the train and in the test window; None with too few."""
    configured_per_hour: Decimal | None
    """What the configuration as it is came to in the test window."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `best` is what the first train window chooses: no test window has a part in that."""

    rank_by: str
    cells: tuple[CellOutcome, ...]
    choices: tuple[Choice, ...]
    best: int | None
    equals: int
    """How many cells have the best score, with the best."""

    @property
    def chosen_test_per_hour(self) -> Decimal | None:
        """What choosing anew in each split would have earned in the test windows; None while one is missing."""
        return _mean([choice.test_per_hour for choice in self.choices])

    @property
    def chosen_train_per_hour(self) -> Decimal | None:
        """The same of the train windows: what one would have hoped for."""
        return _mean([choice.train_per_hour for choice in self.choices])

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's, of the cells in each train window and in the test window behind it, on average over the splits
        that have one; about 0 for settings without merit.
        """
        known = [choice.rank_correlation for choice in self.choices if choice.rank_correlation is not None]
        return fmean(known) if known else None

    @property
    def is_whole(self) -> bool:
        """Whether every cell has a score in every window."""
        tested = (choice for choice in self.choices if choice.split.test is not None)
        counts = {choice.train_cells for choice in self.choices} | {choice.test_cells for choice in tested}
        return counts == {len(self.cells)}

    @property
    def configured_test_per_hour(self) -> Decimal | None:
        """What the configuration as it is earned in the test windows."""
        return _mean([choice.configured_per_hour for choice in self.choices])

    def scores(self) -> dict[int, float]:
        """Of the first train window, by cell, as floats: to compare."""
        return {cell.number: float(cell.train.per_hour) for cell in self.cells if cell.train is not None}

    def outcome(self, number: int) -> CellOutcome:
        """That cell's."""
        return next(cell for cell in self.cells if cell.number == number)


def score_of(trial: Trial | None, rank_by: str) -> Decimal | None:
    """Quote units per hour of its window; None without figures, or where the account could not be valued."""
    if trial is None or trial.figures is None:
        return None
    amount = RANKS[rank_by](trial.figures)
    return None if amount is None else per_hour(amount, [trial.window])


def per_hour(amount: Decimal, windows: Sequence[Window]) -> Decimal:
    """An amount over all of these windows, per hour."""
    return divide(amount * _NS_PER_HOUR, Decimal(sum(window.end_ns - window.begin_ns for window in windows)))


def compared(cells: Sequence[Cell], splits: Sequence[Split], found: Found, rank_by: str) -> Comparison:
    """Every cell on every window, as far as there are trials. `cells` begin with the configuration as it is."""
    outcomes = tuple(_outcome(cell, splits, found, rank_by) for cell in cells)
    choices = tuple(_choice(cells, split, found, rank_by) for split in splits)
    return Comparison(
        rank_by=rank_by, cells=outcomes, choices=choices, best=choices[0].chosen, equals=choices[0].equals
    )


def best_of(scores: Mapping[int, Decimal]) -> int | None:
    """The number of the cell with the highest score, of equals the lowest; None without any."""
    return max(scores, key=lambda number: (scores[number], -number), default=None)


def _choice(cells: Sequence[Cell], split: Split, found: Found, rank_by: str) -> Choice:
    train, test = _scores(cells, split.train, found, rank_by), _scores(cells, split.test, found, rank_by)
    chosen = best_of(train)
    earned = None if chosen is None else test.get(chosen)
    return Choice(
        split=split, chosen=chosen,
        equals=sum(1 for score in train.values() if chosen is not None and score == train[chosen]),
        train_per_hour=None if chosen is None else train[chosen], test_per_hour=earned,
        test_rank=None if earned is None else 1 + sum(1 for score in test.values() if score > earned),
        train_cells=len(train), test_cells=len(test),
        rank_correlation=rank_correlation([(float(train[one]), float(test[one])) for one in train if one in test]),
        configured_per_hour=test.get(cells[0].number),
    )


def _scores(cells: Sequence[Cell], window: Window | None, found: Found, rank_by: str) -> dict[int, Decimal]:
    if window is None:
        return {}
    known = {cell.number: score_of(found.get((cell.digest, window)), rank_by) for cell in cells}
    return {number: score for number, score in known.items() if score is not None}


def _outcome(cell: Cell, splits: Sequence[Split], found: Found, rank_by: str) -> CellOutcome:
    test = [split.test for split in splits if split.test is not None]
    return CellOutcome(
        number=cell.number, name=cell.name, values=dict(cell.values),
        train=_side(cell, [splits[0].train], found, rank_by), test=_side(cell, test, found, rank_by),
    )


def _side(cell: Cell, windows: Sequence[Window], found: Found, rank_by: str) -> Side | None:
    figures = [trial.figures for trial in (found.get((cell.digest, window)) for window in windows)
               if trial is not None and trial.figures is not None]
    amounts = [amount for amount in map(RANKS[rank_by], figures) if amount is not None]
    if not windows or len(amounts) < len(windows):
        return None
    totals = [one.total for one in figures if one.total is not None]
    return Side(
        per_hour=per_hour(sum(amounts, ZERO), windows),
        total=sum(totals, ZERO) if len(totals) == len(windows) else None,
        realised=sum((one.realised for one in figures), ZERO),
        drawdown_worst=max(one.drawdown for one in figures),
        naked_ms_worst=max(one.naked_ms_worst for one in figures),
        naked_ms=sum(one.naked_ms for one in figures),
        round_trips=sum(one.round_trips for one in figures),
        fills=sum(one.fills for one in figures),
        trades=sum(one.trades for one in figures),
        traded=sum((one.traded for one in figures), ZERO),
        traded_squares=sum((one.traded_squares for one in figures), ZERO),
    )


def _mean(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return divide(sum(known, ZERO), Decimal(len(known))) if known and len(known) == len(values) else None
