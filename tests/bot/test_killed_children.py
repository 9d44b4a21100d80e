"""Any child may end at any time: the machine hears of it, reads everything, and only then trades again."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

GROUPS = ("public", "private", "analytics", "machine")
MEMBERS = (
    "feed:GATEIO_SPOT", "feed:GATEIO_FUTURES", "feed:MEXC_SPOT", "session:GATEIO_SPOT", "session:GATEIO_FUTURES",
    "session:MEXC_SPOT", "desk:GATEIO_SPOT", "desk:GATEIO_FUTURES", "desk:MEXC_SPOT", "execution", "commits",
    "countdown:GATEIO_SPOT", "countdown:GATEIO_FUTURES", "analyst", "strategist", "journal",
)
FAULT = ("FAULT", "ERROR_RECOVERY")
RECOVERED = (("RECONCILED", "DELTA_NEUTRAL_ACTIVE"), ("INVENTORY_OUT_OF_BAND", "ESTABLISHING_DELTA_NEUTRAL"))


async def kill(trial: Any, lab: Any, name: str) -> None:
    """End one child; wait until the bot has recovered and traded again; judge the order of what the venues saw."""
    child = trial.bot.supervisor.children[name]
    restarts, edges, faults = child.restarts, len(trial.transitions()), trial.bot.context.counters.faults

    def path() -> list[tuple[str, str]]:
        return [(edge.trigger, edge.to_state) for edge in trial.transitions()[edges:]]

    child.kill()
    await trial.until(lambda: FAULT in path(), "the machine hears of it")
    await trial.until(lambda: any(step in path() for step in RECOVERED), "it has recovered")
    assert path().index(FAULT) < min(path().index(step) for step in RECOVERED if step in path())
    await trial.until_trades(1)
    assert child.restarts == restarts + 1
    await trial.until(lambda: child.running, "it runs again", 1.0)
    assert trial.bot.context.counters.faults == faults + 1
    lab.assert_reads_before_creates(trial)


@pytest.mark.parametrize("name", GROUPS)
async def test_a_killed_nursery_comes_back(autojump_clock: Any, lab: Any, name: str) -> None:
    """Each of the four nurseries killed while trading: recovery, reads before any order, trades, residual zero."""
    async with lab.trading() as trial:
        await kill(trial, lab, name)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_every_killed_member_comes_back(autojump_clock: Any, lab: Any) -> None:
    """Each member killed one after the other on one bot: recovery each time, and in the end residual zero."""
    async with lab.trading() as trial:
        assert set(trial.bot.supervisor.children) == {*GROUPS, *MEMBERS}
        for name in MEMBERS:
            await kill(trial, lab, name)
        assert await trial.end() == 0
        await trial.assert_clean()
