"""A parameter study as tables, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from statistics import median

from dnbot.operate.report_format import Column, Figure, Kind, Table, count_of
from dnbot.research.backtest import ASSUMPTIONS
from dnbot.research.comparison import CellOutcome, Choice, Side
from dnbot.research.doubts import length_of
from dnbot.research.parameter_study import Study
from dnbot.research.result_tables import assumptions_table, data_table, latency_table, moment_of, shown_table
from dnbot.research.windows import Window

CELLS_SHOWN = 30
PER_HOUR = "quote/h"


def headline(study: Study) -> tuple[str, ...]:
    """What was tried, on what, and whether all of it was."""
    found, identity = study.comparison, study.identity
    state = "PARTIAL" if study.is_partial else "whole"
    state += ": interrupted; --resume goes on" if study.interrupted else ""
    how = f"{study.draws} draws by seed {study.draw_seed}" if study.draws else "a grid"
    left = f", {study.left_out} left out that no configuration may have" if study.left_out else ""
    begin = min(window.begin_ns for split in study.splits for window in split.windows)
    cells, trials = count_of(len(found.cells), "cell"), count_of(study.trials_wanted, "trial")
    return (
        f"{identity.symbol}, {moment_of(begin):%Y-%m-%d %H:%M:%S} UTC, {length_of(study.hours)} of market: {state}",
        f"{cells} of {', '.join(study.varied)} ({how}{left}); {study.cells_tried} were ever tried on these data",
        f"{trials}, {study.cpu_s:,.0f} s of CPU; ranked by {found.rank_by}, quote per hour of a window's virtual time",
        f"source {identity.source}, seed {identity.seed}, latency {identity.latency.name}",
        *_chosen_lines(study),
    )


def _chosen_lines(study: Study) -> Iterator[str]:
    """What choosing came to, judged by nothing that it was chosen on; and what the newest train window chooses."""
    found, best = study.comparison, study.best
    if best is None or best.train is None:
        return
    if study.splits[0].test is None:
        yield f"best of all: {best.name}: {best.train.per_hour:+.4f}, not tested"
        return
    newest = found.choices[-1]
    means = _judged(found.chosen_train_per_hour, found.chosen_test_per_hour, "the test window behind")
    yield f"chosen by each train window anew: on average {means}"
    kept = _judged(best.train.per_hour, None if best.test is None else best.test.per_hour, "all test windows")
    yield f"chosen by the first one and kept: {best.name}: {kept}"
    if newest.chosen is not None:
        of_newest = _judged(newest.train_per_hour, newest.test_per_hour, "the test window behind")
        yield f"chosen by the newest: {found.outcome(newest.chosen).name}: {of_newest}"


def _judged(train: Decimal | None, test: Decimal | None, where: str) -> str:
    there, behind = ("not known" if value is None else f"{value:+.4f}" for value in (train, test))
    return f"{there} there, {behind} in {where}"


def tables_of(study: Study, cells_shown: int | None = None) -> tuple[Table, ...]:
    """In the order in which they are read; `cells_shown` cuts the table of cells, None shows all."""
    identity = study.identity
    tables = [
        doubts_table(study), splits_table(study), *cells_tables(study, cells_shown), sensitivity_table(study),
        shown_table(identity.shown, identity.fees), latency_table(identity.latency), data_table(identity.data),
        assumptions_table((*ASSUMPTIONS, *OF_STUDIES)),
    ]
    if study.trials_failed:
        tables.insert(1, failures_table(study))
    return tuple(tables)


OF_STUDIES = (
    (
        "each window begins with a fresh account and a bot that knows nothing of the market before: it builds its "
        "position anew, and pays for that"
    ),
    "what is held at the end of a window is valued at its last books, and not sold",
)


def doubts_table(study: Study) -> Table:
    """Why the best cell may be worth less than it looks."""
    return Table(
        "doubts", "Warnings", (Column("why the best settings may be worth less than they look", wraps=True),),
        tuple((doubt,) for doubt in study.doubts), empty="none of those that are looked for", note=_statistics(study),
    )


def _statistics(study: Study) -> str:
    parts = []
    if study.rank_correlation is not None:
        parts.append(f"rank correlation of train and test {study.rank_correlation:+.2f} on average over the splits")
    if study.t_value is not None:
        parts.append(
            f"t of the best cell's trades in train {study.t_value:.2f}, {study.t_needed:.2f} wanted of so many cells"
        )
    if study.peak is not None:
        peak = study.peak
        beside = f"middle of {count_of(peak.neighbours, 'neighbour')} {peak.neighbours_median:+.4g}"
        parts.append(
            f"best {peak.best:+.4g}, {beside}, of all cells {peak.all_median:+.4g}, usual step between neighbours "
            f"{peak.step_median:.4g} {PER_HOUR}"
        )
    return "; ".join(parts)


def failures_table(study: Study) -> Table:
    """What trials without figures said."""
    columns = (Column("trials", Kind.COUNT), Column("said", wraps=True))
    return Table("failures", "Trials without figures", columns,
                 tuple((count, why) for why, count in study.trials_failed.items()))


def splits_table(study: Study) -> Table:
    """Choosing by each train window, judged by the test window behind it."""
    found = study.comparison
    money = [Column(head, Kind.QUOTE, PER_HOUR, signed=True) for head in ("train", "test", "as configured, test")]
    columns = (
        Column("train from", Kind.TIME), Column("test from", Kind.TIME), Column("until", Kind.TIME),
        Column("chosen by train", wraps=True), *money, Column("rank in test"), Column("as good in train", Kind.COUNT),
    )
    total = (
        None, None, None, "on average", found.chosen_train_per_hour, found.chosen_test_per_hour,
        found.configured_test_per_hour, None, None,
    )
    return Table("splits", "Walk-forward: chosen in train, judged in test", columns,
                 tuple(_split_row(study, choice) for choice in found.choices), total=total)


def _split_row(study: Study, choice: Choice) -> tuple[object, ...]:
    train, test = choice.split.train, choice.split.test
    rank = None if choice.test_rank is None else f"{choice.test_rank} of {choice.test_cells}"
    return (
        _begin(train), _begin(test), _end(train if test is None else test),
        None if choice.chosen is None else study.comparison.outcome(choice.chosen).name, choice.train_per_hour,
        choice.test_per_hour, choice.configured_per_hour, rank, choice.equals,
    )


def cells_tables(study: Study, most: int | None) -> tuple[Table, Table]:
    """Every cell, the best in train first, each figure of the first train window beside that of all test windows."""
    ranked = sorted(study.comparison.cells, key=_order)
    shown = ranked if most is None else ranked[:most]
    left_out = len(ranked) - len(shown)
    note = _sides(study) + (f" {left_out} more are in the --json and --html files." if left_out else "")
    return _pairs("cells", "Cells: profit", shown, _PROFIT, note), _pairs("risk", "Cells: risk", shown, _RISK, note)


_PROFIT = (
    ("profit", "per_hour", Kind.QUOTE, PER_HOUR), ("trades' net", "traded", Kind.QUOTE, "quote"),
    ("trades", "trades", Kind.COUNT, ""), ("round trips", "round_trips", Kind.COUNT, ""),
)
_SIGNED = ("per_hour", "traded")
_RISK = (
    ("worst drawdown", "drawdown_worst", Kind.QUOTE, "quote"), ("worst naked", "naked_ms_worst", Kind.MS, "ms"),
    ("naked", "naked_ms", Kind.MS, "ms"),
)


def _pairs(
    name: str, title: str, cells: Sequence[CellOutcome], figures: Sequence[tuple[str, str, Kind, str]], note: str
) -> Table:
    columns = [Column("rank", Kind.COUNT), Column("settings", wraps=True)]
    for head, figure, kind, unit in figures:
        columns += [Column(f"{head} {side}", kind, unit, signed=figure in _SIGNED) for side in ("train", "test")]
    rows = tuple((rank, cell.name, *_figures(cell, [one[1] for one in figures])) for rank, cell in enumerate(cells, 1))
    return Table(name, title, tuple(columns), rows, note=note)


def _sides(study: Study) -> str:
    """Of which windows the figures of a cell are."""
    if study.splits[0].test is None:
        return "Train is all there is."
    return "Train is the first train window, and test all test windows behind it: they have no moment in common."


def _order(cell: CellOutcome) -> tuple[bool, Decimal, int]:
    return cell.train is None, Decimal(0) if cell.train is None else -cell.train.per_hour, cell.number


def _figures(cell: CellOutcome, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(None if side is None else getattr(side, name) for name in names for side in (cell.train, cell.test))


def sensitivity_table(study: Study) -> Table:
    """What each value of each setting comes to in the middle of all cells that have it."""
    columns = (
        Column("setting"), Column("value"), Column("cells", Kind.COUNT),
        Column("profit train", Kind.QUOTE, PER_HOUR, signed=True),
        Column("profit test", Kind.QUOTE, PER_HOUR, signed=True),
        Column("worst drawdown train", Kind.QUOTE, "quote"), Column("worst naked train", Kind.MS, "ms"),
        Column("round trips train", Kind.COUNT),
    )
    which = "Medians over all cells with that value." if not study.draws else "Of draws, cells with exactly that value."
    note = f"{which} {_sides(study)}"
    rows = [row for key in study.varied for row in _sensitivity(study, key)]
    return Table("sensitivity", "Sensitivity", columns, tuple(rows), note=note)


def _sensitivity(study: Study, key: str) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for value in values_of(study, key):
        cells = [cell for cell in study.comparison.cells if cell.values.get(key) == value]
        train = [cell.train for cell in cells if cell.train is not None]
        test = [cell.test for cell in cells if cell.test is not None]
        rows.append((
            key, value, len(cells), _middle(train, "per_hour"), _middle(test, "per_hour"),
            _middle(train, "drawdown_worst"), _middle(train, "naked_ms_worst"), _middle(train, "round_trips"),
        ))
    return rows


def values_of(study: Study, key: str) -> list[str]:
    """Every value of a setting that a cell has, in ascending order where they are numbers."""
    found = dict.fromkeys(cell.values[key] for cell in study.comparison.cells if key in cell.values)
    try:
        return sorted(found, key=Decimal)
    except ArithmeticError:
        return list(found)


def _middle(sides: Sequence[Side], name: str) -> Figure | None:
    """The median, in the kind of the column."""
    if not sides:
        return None
    value = Decimal(median(getattr(side, name) for side in sides))
    money = name in ("per_hour", "drawdown_worst")
    return Figure(value, Kind.QUOTE if money else Kind.MS, signed=name == "per_hour")


def _begin(window: Window | None) -> datetime | None:
    return None if window is None else moment_of(window.begin_ns)


def _end(window: Window) -> datetime:
    return moment_of(window.end_ns)
