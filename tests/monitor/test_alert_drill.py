"""The drill: each trouble provoked at a whole bot is one alert within five seconds of its breach, and one end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import trio

from dnbot.domain.records import Alert
from dnbot.lab import drills_alerts
from dnbot.lab.drills_alerts import WITHIN_S, drill_alerts, provoke, run_alert_drill
from dnbot.lab.drills_alerts_rows import Heal, loop_lag
from dnbot.lab.drills_alerts_scenes import LOSSES_SCENE, SCENES, STILL_SCENE, Scene, Trouble
from dnbot.lab.drills_alerts_stage import DrillStuck, Watched, watched_bot
from dnbot.lab.still_clock import still_clock
from dnbot.monitor import evaluate
from dnbot.monitor.book import AlertRules
from dnbot.monitor.snapshot import TradeFigures
from dnbot.operate.monitoring import PERIOD_S
from dnbot.operate.sampling import MACHINE_EVERY_S

pytestmark = pytest.mark.slow

WANTED = {
    "stale feed", "private stream mute", "reconnect storm", "clock off", "rate budget low", "ambiguous order",
    "naked leg", "drift beyond the hard limit", "margin low", "drawdown", "loss streak", "PnL unknown", "database down",
    "disk low", "loop lag", "unexpected fill", "wrong fee", "foreign activity", "delisting",
}


@pytest.mark.parametrize("scene", SCENES, ids=["still", "orders", "losses", "money"])
def test_each_trouble_is_one_alert_and_one_end(scene: Scene) -> None:
    """Told once at its level within five seconds, stored, ended once; nothing is told beside it but what it entails."""
    told = run_alert_drill([trouble.name for trouble in scene.troubles])
    assert [(row.name, row.problems) for row in told if row.problems] == []
    assert [row.key for row in told] == [trouble.key for trouble in scene.troubles]
    assert all(row.alert_s is not None and 0 <= row.alert_s <= WITHIN_S and row.end_s is not None for row in told)


def test_the_drill_has_every_trouble_that_must_be_heard_of() -> None:
    """No name stands twice: the command asks for them by it."""
    names = [trouble.name for scene in SCENES for trouble in scene.troubles]
    assert set(names) >= WANTED
    assert len(set(names)) == len(names)


def on(scene: Scene, play: Callable[[Watched], Awaitable[None]]) -> None:
    """Do something with the bot of a scene."""
    async def main() -> None:
        async with watched_bot(scene.config, scene.params, 60.0, 15.0, clear_ms=3_000, **scene.limits) as here:
            await play(here)

    trio.run(main, clock=still_clock())


def test_a_clock_that_is_off_lowers_the_mode() -> None:
    """In the monitor's name and with its reason, and a person raises it again."""
    (clock,) = (trouble for trouble in STILL_SCENE.troubles if trouble.name == "clock off")

    async def play(here: Watched) -> None:
        assert (await provoke(here, clock)).problems == ()
        lowered, raised = here.store.database.books[here.bot.context.params.symbol].modes
        assert (lowered.to_mode, lowered.by) == ("REDUCING", "monitor")
        assert lowered.why.startswith("monitor: clock:MEXC_SPOT: ms between MEXC_SPOT's clock and ours: 1999")
        assert (raised.to_mode, raised.by) == ("ACTIVE", "somebody")

    on(STILL_SCENE, play)


def test_a_full_disk_is_told_in_time_at_the_worst_moment() -> None:
    """Right after it was asked for: until the next time, a look, and the notice."""
    assert MACHINE_EVERY_S + PERIOD_S + AlertRules().group_s <= WITHIN_S


def test_without_a_position_margin_is_not_low() -> None:
    """An alert that is open when the last of the position is sold must end: nothing can be low then."""
    async def play(here: Watched) -> None:
        look = lambda: here.monitors._sampler.snapshot(TradeFigures())  # noqa: E731 (a short word for the newest)
        assert look().margin_free_pct < 100
        context = here.bot.context
        sold = msgspec.structs.replace(context.portfolio, perp_base=Decimal(0))
        here.bot.strategist.context = msgspec.structs.replace(context, portfolio=sold)
        assert (look().margin_free_pct, look().liquidation_pct) == (100, 100)

    on(STILL_SCENE, play)


def test_a_monitor_that_is_gone_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of a monitor that judges nothing any more fails, and says what people heard."""
    real = evaluate.readings
    blind = {"loss_streak", "loop_lag"}
    monkeypatch.setattr(evaluate, "readings", lambda *at: (one for one in real(*at) if one.key not in blind))
    for row in run_alert_drill(["loss streak", "loop lag"]):
        (problem,) = row.problems
        assert (row.alert_s, row.end_s) == (None, None)
        assert problem.startswith(f"not within 30 s: people hear 'warning {row.key}: '")
    assert LOSSES_SCENE.troubles[0].name == "loss streak"


@pytest.mark.parametrize(
    ("level", "key", "problem"),
    [
        ("warning", "limbo", "told beside it: warning limbo: too much"),
        ("critical", "loop_lag", "one alert and one end: "),
    ],
)
def test_what_is_told_beside_it_is_seen(level: str, key: str, problem: str) -> None:
    """An alert that the trouble does not entail, and its own alert at a second level."""
    async def lag(here: Watched) -> Heal:
        here.monitors.book.raise_(
            Alert(level=level, key=key, text="too much", at_ns=0), trio.current_time(), watched=False
        )
        return await loop_lag(here)

    async def play(here: Watched) -> None:
        found = await provoke(here, Trouble("loop lag", "loop_lag", "warning", lag))
        assert any(one.startswith(problem) or "people hear 'warning loop_lag" in one for one in found.problems)

    on(STILL_SCENE, play)


def test_the_command_prints_rows_and_says_whether_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row per trouble, the same as JSON, and exit code 1 for one that is not as it must be or that there is not."""
    said: list[str] = []
    assert drill_alerts(["loop lag"], tmp_path / "told.json", said.append) == 0
    assert said[1].split()[:4] == ["loop", "lag", "loop_lag", "warning"]
    assert said[-1].startswith("1 troubles, 0 failed")
    (row,) = msgspec.json.decode((tmp_path / "told.json").read_bytes())
    assert (row["key"], row["problems"]) == ("loop_lag", [])
    monkeypatch.setattr(drills_alerts, "WITHIN_S", 0.1)
    assert drill_alerts(["loop lag"], None, said.append) == 1
    assert said[-2].startswith("    FAILED: told after ")
    assert drill_alerts(["loop leg"], None, said.append) == 1
    assert said[-1].startswith("no such trouble: loop leg; there are disk low, ")


def test_a_wait_that_is_in_vain_says_what_for() -> None:
    """DrillStuck names it, and what is open."""
    async def play(here: Watched) -> None:
        with pytest.raises(DrillStuck, match="not within 1 s: pigs fly; open: "):
            await here.until(lambda: False, "pigs fly", 1.0)

    on(STILL_SCENE, play)
