"""Limits over all tasks of a fleet: what the tasks have together, and why none of them may take new risk.

A task whose figures are old is counted as at the limit of its own settings, or as it was last seen when that is more.
What cannot be counted at all refuses. A task that has never run has nothing; of one that a person has stopped, which
nobody trades, the last figures count whatever their age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from dnbot.domain.units import ZERO, divide
from dnbot.fleet.life import TaskState

AGE_S_MAX = 15.0
"""A bot samples once a second; figures that are older say nothing of now."""
LEGS = 2


class FleetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """In quote units; None: no limit. No new risk is taken by any task from the moment on in which one is reached."""

    gross_quote_max: Decimal | None = None
    """Of what is held on spot and on the perpetual, both legs at the mark, without regard to sign."""
    margin_quote_max: Decimal | None = None
    """Of perpetual positions at the mark, by the leverage of each task."""
    day_loss_quote_max: Decimal | None = None
    """Of what equity is below its first value since 00:00 UTC, profits of other tasks counted against it."""

    @property
    def is_set(self) -> bool:
        """Whether there is any."""
        return self != FleetLimits()


class TaskBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a task's own settings allow it."""

    position_base_max: Decimal
    leverage: int
    day_loss_quote_max: Decimal | None
    drawdown_pct_max: Decimal


class TaskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The newest that the database knows of one task. None: it knows none."""

    task_id: str
    quote: str
    """The asset that its money is counted in."""
    state: TaskState
    bounds: TaskBounds | None
    """None: its settings cannot be read."""
    began: bool
    """Whether its book ever had an incarnation."""
    age_s: float | None = None
    spot_base: Decimal | None = None
    perp_base: Decimal | None = None
    mark: Decimal | None = None
    equity_quote: Decimal | None = None
    day_equity_quote: Decimal | None = None
    """The first equity of this day; None also when today it was not known yet."""


class FleetFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the fleet, quote units. `total` is None when it cannot be counted."""

    name: str
    total: Decimal | None
    limit: Decimal | None
    counted: tuple[str, ...] = ()
    """Tasks that are counted as at their limit."""
    unknown: tuple[str, ...] = ()
    """Tasks that cannot be counted."""

    @property
    def denial(self) -> str:
        """Why no task may take new risk by this figure; empty when it is below its limit, or has none."""
        if self.limit is None:
            return ""
        if self.total is None:
            return f"{self.name} of the fleet is unknown: {', '.join(self.unknown)}; allowed {self.limit}"
        if self.total < self.limit:
            return ""
        old = f" ({', '.join(self.counted)} counted as at their limit)" if self.counted else ""
        return f"{self.name} of the fleet is {self.total:.2f}{old}, the limit {self.limit}"


class FleetRisk(msgspec.Struct, frozen=True, kw_only=True):
    """Where the fleet stands."""

    figures: tuple[FleetFigure, ...]

    @property
    def denial(self) -> str:
        """Why no task may take new risk; empty when they may."""
        return "; ".join(figure.denial for figure in self.figures if figure.denial)


def judge(limits: FleetLimits, tasks: Iterable[TaskFigures]) -> FleetRisk:
    """The three figures of these tasks."""
    tasks = tuple(task for task in tasks if task.began)
    return FleetRisk(
        figures=(
            _figure("gross exposure", limits.gross_quote_max, tasks, _gross, _gross_bound),
            _figure("margin used", limits.margin_quote_max, tasks, _margin, _margin_bound),
            _figure("loss of the day", limits.day_loss_quote_max, tasks, _loss, _loss_bound),
        )
    )


Count = Callable[[TaskFigures], Decimal | None]


def _figure(
    name: str, limit: Decimal | None, tasks: tuple[TaskFigures, ...], count: Count, bound: Count
) -> FleetFigure:
    total, counted, unknown = ZERO, [], []
    if len({task.quote for task in tasks}) > 1:
        unknown = ["tasks in different quote assets"]
    for task in tasks:
        value = count(task)
        if not _is_known(task) or value is None:
            most = bound(task)
            value = None if most is None else max(most, value or ZERO)
            counted.append(task.task_id)
        if value is None:
            unknown.append(task.task_id)
        else:
            total += value
    return FleetFigure(
        name=name, total=None if unknown else total, limit=limit, counted=tuple(counted), unknown=tuple(unknown)
    )


def _is_known(task: TaskFigures) -> bool:
    if task.age_s is None:
        return False
    return task.state is TaskState.STOPPED or task.age_s <= AGE_S_MAX


def _gross(task: TaskFigures) -> Decimal | None:
    if task.spot_base is None or task.perp_base is None or task.mark is None:
        return None
    return (abs(task.spot_base) + abs(task.perp_base)) * task.mark


def _gross_bound(task: TaskFigures) -> Decimal | None:
    if task.mark is None or task.bounds is None:
        return None
    return LEGS * task.bounds.position_base_max * task.mark


def _margin(task: TaskFigures) -> Decimal | None:
    if task.perp_base is None or task.mark is None or task.bounds is None:
        return None
    return divide(abs(task.perp_base) * task.mark, Decimal(task.bounds.leverage))


def _margin_bound(task: TaskFigures) -> Decimal | None:
    if task.mark is None or task.bounds is None:
        return None
    return divide(task.bounds.position_base_max * task.mark, Decimal(task.bounds.leverage))


def _loss(task: TaskFigures) -> Decimal | None:
    """Negative: a profit. A stopped task that was not valued today has lost nothing by trading."""
    if task.day_equity_quote is None:
        return ZERO if task.state is TaskState.STOPPED and task.age_s is not None else None
    if task.equity_quote is None:
        return None
    return task.day_equity_quote - task.equity_quote


def _loss_bound(task: TaskFigures) -> Decimal | None:
    if task.bounds is None:
        return None
    if task.bounds.day_loss_quote_max is not None:
        return task.bounds.day_loss_quote_max
    base = task.day_equity_quote if task.day_equity_quote is not None else task.equity_quote
    return None if base is None else divide(base * task.bounds.drawdown_pct_max, Decimal(100))
