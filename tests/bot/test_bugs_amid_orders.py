"""A bug in the middle of an execution, wherever it is: delta is neutral, or the next start is halted and told why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderStatus
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import Fault
from dnbot.strategy.states import StrategyState

pytestmark = pytest.mark.slow


def broken(*_: Any, **__: Any) -> Any:
    """Stands where a bug is."""
    raise ZeroDivisionError("planted")


def in_strategist(trial: Any) -> None:
    """The machine's own task, at its next event."""
    trial.bot.strategist.publish, trial.bot.strategist._shown_s = broken, float("-inf")


def in_execution(trial: Any) -> None:
    """After the first leg of a pair was handed over."""
    desks = dict(trial.bot.executor.desks)
    trial.bot.executor.desks = {**desks, Venue.GATE_SPOT: None}  # the MEXC leg is named first in seed 1


def in_desk(trial: Any) -> None:
    """As the answer to a create is read."""
    trial.bot.desks[Venue.MEXC_SPOT].codec.placed = broken


def in_resolver(trial: Any) -> None:
    """As the fate of an order is asked for."""
    for desk in trial.bot.desks.values():
        desk.resolver.codec = None


async def stored_mode(trial: Any, lab: Any) -> tuple[str, str]:
    """The mode that the next start will find, and why."""
    stored = await trial.store.load(lab.symbol)
    return stored.mode, stored.mode_why


def lose_an_order(on: Any) -> None:
    """The next order at MEXC does not arrive, and nobody can tell."""
    on.world.faults.switch_on(Fault("request_lost", venue="mexc_spot", path="creates", count=1))


@pytest.mark.parametrize("plant", [in_strategist, in_desk, in_resolver], ids=lambda plant: str(plant.__name__))
async def test_a_bug_amid_an_execution(autojump_clock: Any, lab: Any, plant: Callable[[Any], None]) -> None:
    """One leg is filled, the other's answer is lost, then the bug: HALTED is stored, and names delta and the order."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as trial:
        await trial.until_trades(1)
        lose_an_order(on)
        if plant is in_desk:
            plant(trial)
        else:
            await trial.until(on.world.faults.activations, "an order is lost", poll_s=0.0005)
            await trial.until(lambda: abs(trial.true_delta()) > trial.bot.context.tolerance, "naked", poll_s=0.0005)
            plant(trial)
        with trio.fail_after(30):
            await trial.ended.wait()
        assert trial.errors, "a bug is never survived"
        mode, why = await stored_mode(trial, lab)
        tolerance = trial.bot.context.tolerance
        assert abs(trial.true_delta()) <= tolerance or mode == "HALTED"
        if trial.bot.context.unsettled:
            assert mode == "HALTED"
            assert all(o.intent.client_order_id in why for o in trial.bot.context.unsettled)
            assert "at worst" in why


async def test_a_venue_that_lets_nobody_ask_costs_no_record(autojump_clock: Any, lab: Any) -> None:
    """MEXC wants no request for a minute, so its open orders cannot be looked up; the halt is stored all the same."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as trial:
        await trial.until_trades(1)
        lose_an_order(on)
        await trial.until(lambda: abs(trial.true_delta()) > trial.bot.context.tolerance, "naked", poll_s=0.0005)
        for budget in trial.bot.desks[Venue.MEXC_SPOT].line.budgets.values():
            budget.penalise(60.0)
        in_strategist(trial)
        with trio.fail_after(30):
            await trial.ended.wait()
        assert trial.errors, "a bug is never survived"
        assert (await stored_mode(trial, lab))[0] == "HALTED"


async def test_a_bug_amid_the_handing_over(autojump_clock: Any, lab: Any) -> None:
    """One leg went to its desk, the other met a bug: HALTED, with both orders named."""
    async with lab.stage(FakesConfig(seed=1)) as on, lab.on(on) as trial:
        await trial.until_trades(1)
        in_execution(trial)
        with trio.fail_after(30):
            await trial.ended.wait()
        pending = [o for o in trial.bot.context.orders.values() if o.status is OrderStatus.PENDING]
        mode, why = await stored_mode(trial, lab)
        assert (trial.errors != [], pending != [], mode) == (True, True, "HALTED")
        assert all(order.intent.client_order_id in why for order in pending)


async def test_a_bug_at_rest_halts_nothing(autojump_clock: Any, lab: Any) -> None:
    """Every order is known and delta is neutral: the mode stays as it is."""
    async with lab.trading() as trial:
        await trial.until(
            lambda: trial.state is StrategyState.MONITORING_SPREADS and not trial.bot.context.unsettled, "it rests"
        )
        trial.bot.analyst.analyzer = None
        with trio.fail_after(30):
            await trial.ended.wait()
        assert trial.errors, "a bug is never survived"
        assert not trial.bot.context.unsettled
        assert abs(trial.true_delta()) <= trial.bot.context.tolerance
        assert (await stored_mode(trial, lab))[0] == "ACTIVE"


async def test_after_a_bug_the_next_start_is_halted_and_repairs(autojump_clock: Any, lab: Any) -> None:
    """The next incarnation resolves what was lost, hedges what is naked, and takes no new risk."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        async with lab.on(on) as trial:
            await trial.until_trades(1)
            lose_an_order(on)
            await trial.until(lambda: abs(trial.true_delta()) > trial.bot.context.tolerance, "naked", poll_s=0.0005)
            in_strategist(trial)
            with trio.fail_after(30):
                await trial.ended.wait()
            tolerance = trial.bot.context.tolerance
        async with lab.on(on, trial.store) as after:
            await after.until(lambda: abs(after.true_delta()) <= tolerance, "hedged", 30.0)
            traded = after.trades()
            await trio.sleep(10)
            assert (after.bot.context.mode.name, after.trades()) == ("HALTED", traded)
            assert await after.end() == 0
