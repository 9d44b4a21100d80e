"""The probes, and what the pages are told of the present."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from dnbot.ports.latch import FileLatch, Halt
from dnbot.strategy.states import StrategyState
from dnbot.strategy.view import view_of
from dnbot.web.health import SILENT_S_MAX
from dnbot.web.hub import SAMPLES_KEPT
from dnbot.web.limits import limits_of

if TYPE_CHECKING:
    from trio.testing import MockClock
    from web_site import Site, Sites

    from dnbot.operate.status import Status


async def probe(here: Site, path: str, host: str = "10.0.0.7:8180") -> tuple[int, dict[str, Any]]:
    """As a supervisor asks, without a login and by the machine's own address."""
    async with here.client(host=host) as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()


async def test_a_bot_that_begins_is_alive_and_not_ready(autojump_clock: MockClock, site: Sites) -> None:
    """Then it starts, is ready, and stays started."""
    async with site(runs=True) as here:
        assert await probe(here, "/livez") == (200, {"machine": True})
        assert await probe(here, "/startupz") == (503, {"reconciled": False})
        status, checks = await probe(here, "/readyz")
        assert (status, checks["state"], checks["accounts"]) == (503, False, False)
        await here.until(StrategyState.MONITORING_SPREADS)
        await trio.sleep(1)
        assert await probe(here, "/startupz") == (200, {"reconciled": True})
        status, checks = await probe(here, "/readyz")
        assert (status, set(checks.values())) == (200, {True})


async def test_a_halt_takes_the_readiness_and_not_the_life(autojump_clock: MockClock, site: Sites) -> None:
    """A latch that the machine has not even seen yet counts."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        FileLatch.of(here.home).set(Halt(who="tester", reason="a test", at_ns=1))
        status, checks = await probe(here, "/readyz")
        assert (status, checks["not_halted"]) == (503, False)
        assert (await probe(here, "/livez"))[0] == 200


async def test_a_machine_that_stands_still_is_not_alive(autojump_clock: MockClock, site: Sites) -> None:
    """A loop that serves pages while the machine takes no step is found out."""
    async with site() as here:
        await trio.sleep(SILENT_S_MAX + 1)
        assert await probe(here, "/livez") == (503, {"machine": False})


async def test_probes_tell_nothing_about_money(autojump_clock: MockClock, site: Sites) -> None:
    """Names and true or false, whoever asks."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        for path in ("/livez", "/readyz", "/startupz"):
            _, checks = await probe(here, path)
            assert all(isinstance(value, bool) for value in checks.values())


async def test_history_is_a_quarter_of_an_hour_of_seconds(autojump_clock: MockClock, site: Sites) -> None:
    """One sample a second, the oldest let go; every pair has its edge and its requirement."""
    async with site() as here:
        await trio.sleep(SAMPLES_KEPT + 100.2)
        history = here.hub.history()
        times = [sample.at_ms for sample in history.samples]
        assert len(times) == SAMPLES_KEPT
        assert {later - earlier for earlier, later in pairwise(times)} == {1000}
        assert len(history.pairs) == len(history.samples[0].edges) == len(history.samples[0].required) == 6


async def test_while_nobody_looks_only_samples_are_taken(autojump_clock: MockClock, site: Sites) -> None:
    """A status a second, none of them encoded; with a reader twice as many."""
    async with site() as here:
        asked, report = [], here.hub.report

        def counting() -> Status:
            asked.append(1)
            return report()

        counting.mask = report.mask  # type: ignore[attr-defined]  # the reporter, counted
        here.hub.report = counting  # type: ignore[assignment]
        await trio.sleep(10)
        assert 9 <= len(asked) <= 11
        assert here.hub.number == 0
        here.hub.readers += 1
        await trio.sleep(10)
        assert 28 <= len(asked) <= 32
        assert here.hub.number >= 19


async def test_limits_are_the_figures_of_the_risk_controls(autojump_clock: MockClock, site: Sites) -> None:
    """Share of each limit that is used; a floor is used up when the figure comes down to it; unknown stays unknown."""
    async with site(runs=True) as here:
        before = {limit.name: limit for limit in limits_of(here.bot.context)}
        assert before["margin_floor_pct"].used is None
        await here.until(StrategyState.MONITORING_SPREADS)
        await trio.sleep(3)
        context = here.bot.context
        found = {limit.name: limit for limit in limits_of(context)}
        view = view_of(context)
        tolerance = found["delta_tolerance_base"]
        assert (tolerance.now, tolerance.limit) == (abs(view.delta_base), view.tolerance_base)
        assert found["delta_hard_limit_base"].now == abs(view.delta_base)
        floor = found["margin_floor_pct"]
        assert floor.is_floor
        assert floor.now is not None
        assert floor.used == float(context.params.margin_floor_pct / floor.now)
        assert floor.does == "margin is restored"
        least = found["margin_floor_pct + 2"]
        assert (least.limit, least.does) == (context.params.margin_entry_floor_pct, "the short may not grow")
        loss = found["max_daily_loss_quote"]
        assert loss.limit == Decimal(5000)
        assert loss.used is not None
        assert 0 <= loss.used < 0.01


async def test_transfers_leave_the_short_a_higher_floor(site: Sites) -> None:
    """With margin_top_up what grows the short is refused ten points above the floor at which margin is restored."""
    async with site() as here:
        context = here.bot.context
        params = msgspec.structs.replace(context.params, margin_top_up=True)
        floors = [one for one in limits_of(msgspec.structs.replace(context, params=params)) if one.is_floor]
        assert [(one.name, one.limit, one.does) for one in floors] == [
            ("margin_floor_pct + 10", params.margin_entry_floor_pct, "the short may not grow"),
            ("margin_floor_pct", params.margin_floor_pct, "margin is restored"),
            (
                "liquidation_distance_min_pct", params.liquidation_distance_min_pct,
                "the short may not grow, and margin is restored",
            ),
        ]
