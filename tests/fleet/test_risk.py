"""Limits over a fleet: what is counted, and that nothing unknown or old passes for little."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fleet.life import TaskState
from dnbot.fleet.risk import AGE_S_MAX, FleetFigure, FleetLimits, TaskBounds, TaskFigures, judge

BOUNDS = TaskBounds(
    position_base_max=Decimal(3), leverage=2, day_loss_quote_max=Decimal(50), drawdown_pct_max=Decimal(2)
)
LIMITS = FleetLimits(
    gross_quote_max=Decimal(1000), margin_quote_max=Decimal(300), day_loss_quote_max=Decimal(100)
)


def task(name: str = "btc", **changes: Any) -> TaskFigures:
    """One base unit on spot and minus one on the perpetual at 100, and 10 lost today."""
    given: dict[str, Any] = {
        "quote": "USDT", "state": TaskState.RUNNING, "bounds": BOUNDS, "began": True, "age_s": 1.0,
        "spot_base": Decimal(1), "perp_base": Decimal(-1), "mark": Decimal(100), "equity_quote": Decimal(990),
        "day_equity_quote": Decimal(1000),
    }
    return TaskFigures(task_id=name, **(given | changes))


def figures(*tasks: TaskFigures, limits: FleetLimits = LIMITS) -> dict[str, FleetFigure]:
    """By name."""
    return {figure.name: figure for figure in judge(limits, tasks).figures}


def totals(*tasks: TaskFigures) -> tuple[Decimal | None, ...]:
    """Gross exposure, margin used, loss of the day."""
    return tuple(figure.total for figure in figures(*tasks).values())


def test_both_legs_margin_by_leverage_and_losses_add_up() -> None:
    """Two tasks: the sums of each; a profit of one counts against a loss of the other."""
    assert totals(task()) == (200, 50, 10)
    assert totals(task(), task("eth", perp_base=Decimal(-2), equity_quote=Decimal(1025))) == (500, 150, -15)
    assert totals() == (0, 0, 0)


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"gross_quote_max": Decimal(200)}, "gross exposure of the fleet is 200.00, the limit 200"),
        ({"margin_quote_max": Decimal(49)}, "margin used of the fleet is 50.00, the limit 49"),
        ({"day_loss_quote_max": Decimal(10)}, "loss of the day of the fleet is 10.00, the limit 10"),
    ],
)
def test_a_limit_that_is_reached_denies(limit: dict[str, Decimal], told: str) -> None:
    """At the limit, by that figure alone; just below it nothing is said."""
    assert judge(FleetLimits(**limit), [task()]).denial == told
    above = {name: value * 2 for name, value in limit.items()}
    assert judge(FleetLimits(**above), [task()]).denial == ""


def test_without_limits_nothing_denies() -> None:
    """Not even what is unknown."""
    assert judge(FleetLimits(), [task(age_s=None, mark=None, spot_base=None)]).denial == ""
    assert not FleetLimits().is_set


def test_old_figures_count_as_at_the_task_s_own_limit() -> None:
    """Three base units of both legs at the last mark, their margin, and the loss that its settings allow."""
    old = task(age_s=AGE_S_MAX + 0.1)
    assert totals(old) == (600, 150, 50)
    assert all(figure.counted == ("btc",) for figure in figures(old).values())
    assert "(btc counted as at their limit)" in judge(FleetLimits(gross_quote_max=Decimal(600)), [old]).denial
    assert totals(task(age_s=AGE_S_MAX)) == (200, 50, 10)


def test_old_figures_that_were_beyond_the_own_limit_stay_so() -> None:
    """A position above what the settings allow is not made smaller by its age."""
    old = task(age_s=60.0, spot_base=Decimal(5), perp_base=Decimal(-5), equity_quote=Decimal(900))
    assert totals(old) == (1000, 250, 100)


def test_without_a_limit_on_its_loss_the_drawdown_counts() -> None:
    """Two percent of the day's first equity, or of the last that was known."""
    bounds = msgspec.structs.replace(BOUNDS, day_loss_quote_max=None)
    assert totals(task(age_s=60.0, bounds=bounds))[2] == 20
    assert totals(task(bounds=bounds, day_equity_quote=None, equity_quote=Decimal(500)))[2] == 10


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"age_s": None, "spot_base": None, "perp_base": None, "mark": None}, {"gross exposure", "margin used"}),
        ({"mark": None}, {"gross exposure", "margin used"}),
        ({"bounds": None, "age_s": 60.0}, {"gross exposure", "margin used", "loss of the day"}),
    ],
)
def test_what_cannot_be_counted_denies_by_name(changes: dict[str, Any], unknown: set[str]) -> None:
    """Without a price, or without readable settings, there is no bound: the figure is unknown, and that refuses."""
    found = figures(task(), task("eth", **changes))
    assert {name for name, figure in found.items() if figure.total is None} == unknown
    for name in unknown:
        assert found[name].denial.startswith(f"{name} of the fleet is unknown: eth; allowed ")


def test_a_task_that_never_ran_has_nothing() -> None:
    """Who adds a task stops nobody."""
    new = task("new", began=False, state=TaskState.CREATED, age_s=None, mark=None, spot_base=None, perp_base=None)
    assert totals(task(), new) == totals(task())


def test_a_stopped_task_counts_as_it_was_last_seen() -> None:
    """Nobody trades it: its position stands, and of a day on which it was not valued it has lost nothing."""
    stopped = task(state=TaskState.STOPPED, age_s=100_000.0, day_equity_quote=None)
    assert totals(stopped) == (200, 50, 0)
    quarantined = task(state=TaskState.QUARANTINED, age_s=100_000.0)
    assert totals(quarantined) == (600, 150, 50), "of one that fell over nobody knows"


def test_a_loss_that_was_unknown_when_a_task_stopped_is_counted_as_its_limit() -> None:
    """It was valued today, and then a price was missing: what it lost since nobody knows, whether it runs or not."""
    for state in (TaskState.RUNNING, TaskState.STOPPED):
        assert totals(task(state=state, equity_quote=None)) == (200, 50, 50)


def test_different_quote_assets_are_not_added() -> None:
    """Sums of two currencies are no figures."""
    found = figures(task(), task("eth", quote="USDC"))
    assert all(figure.total is None for figure in found.values())
    assert "different quote assets" in found["margin used"].denial


@given(
    ages=st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=6),
    bases=st.lists(st.decimals(-5, 5, places=2), min_size=6, max_size=6),
)
def test_knowing_less_never_shows_less(ages: list[float | None], bases: list[Decimal]) -> None:
    """Of positions within their own limits: figures that age, or go missing, raise every total or make it unknown."""
    fresh = [
        task(f"t{i}", spot_base=abs(base) / 2, perp_base=-abs(base) / 2, equity_quote=Decimal(1000) - abs(base) * 10)
        for i, (_, base) in enumerate(zip(ages, bases, strict=False))
    ]
    aged = [msgspec.structs.replace(one, age_s=age) for one, age in zip(fresh, ages, strict=True)]
    for known, less in zip(totals(*fresh), totals(*aged), strict=True):
        assert known is not None
        assert less is None or less >= known
