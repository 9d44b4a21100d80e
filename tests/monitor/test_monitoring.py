"""The task around the monitors: it never ends, slows or fills the bot, and tells the bot's end."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import SetMode
from dnbot.domain.records import Alert
from dnbot.lab.drills_alerts_rows import perpetual_dearer
from dnbot.lab.drills_alerts_scenes import MONEY_SCENE
from dnbot.monitor.acting import Action
from dnbot.monitor.book import UNTOLD_S
from dnbot.monitor.evaluate import Standing
from dnbot.monitor.snapshot import TradeFigures
from dnbot.operate import monitoring
from dnbot.operate.monitoring import END_S_MAX, UNSTORED_MAX
from dnbot.operate.sampling import COMPUTED_S_MAX, MachineFigures
from dnbot.ports.latch import KILLED_BY
from dnbot.strategy.states import TradingMode
from dnbot.tasks.desk import Desk
from dnbot.tasks.sweeping import Swept

pytestmark = pytest.mark.slow


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[Venue]:
    """The venues at which every order of ours was cancelled, in that order."""
    found: list[Venue] = []
    real = Desk.sweep

    async def sweep(desk: Desk, *arguments: float) -> Swept:
        found.append(desk.venue)
        return await real(desk, *arguments)

    monkeypatch.setattr(Desk, "sweep", sweep)
    return found


def lines(here: Any) -> list[str]:
    """What people were told."""
    return [line for _, line in here.ears.lines()]


async def test_a_bug_of_a_monitor_is_told_and_ends_nothing(
    autojump_clock: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look fails: the bot runs on, people are told once, and after the mend the monitors see again."""
    async with watched(grace_ms=1_000, clear_ms=1_000) as here:
        real = monitoring.evaluate
        monkeypatch.setattr(monitoring, "evaluate", lambda *_: 1 // 0)
        await trio.sleep(10.0)
        assert not here.ended.is_set()
        assert here.monitors.errors >= 9
        text = "a monitor failed, its figures are not watched: ZeroDivisionError"
        assert lines(here) == [f"critical monitor_failed: {text}"]
        monkeypatch.setattr(monitoring, "evaluate", real)
        here.store.down = True
        await here.hear("critical store: ")
        assert here.monitors.standing().monitor_errors == here.monitors.errors


async def test_people_who_cannot_be_reached_slow_nothing(autojump_clock: Any, watched: Any) -> None:
    """A notifier that hangs: alerts are stored as ever, commands are carried out, and the bot ends within its time."""
    async with watched(grace_ms=1_000, clear_ms=1_000) as here:
        here.ears.stuck = True
        for number in range(200):
            here.monitors.alert("critical", "bug", f"{number}")
            here.monitors.book.open.clear()
            here.monitors._post(trio.current_time() + 10.0 * number)
        assert here.monitors.standing().waiting <= 66
        await trio.sleep(3.0)
        assert len([alert for alert in here.stored() if alert.key == "bug"]) == 200
        here.bot.stop("the test is over")
        began_s = trio.current_time()
        await here.until(here.ended.is_set, "the end", 60.0)
        assert trio.current_time() - began_s <= 10.0 + END_S_MAX


async def test_alerts_leave_the_machine_its_channel(autojump_clock: Any, watched: Any) -> None:
    """With the database away the records' channel is never filled beyond its half by us; what waits is bounded, and
    stored when the database is back.
    """
    async with watched(grace_ms=1_000) as here:
        here.store.down = True
        await here.until(lambda: not here.bot.context.store_up, "the database is away")
        records = here.bot.channels.records
        for _ in range(3):
            for number in range(1_500):
                here.monitors._keep(Alert(level="warning", key="k", text=f"{number}", at_ns=0))
                if number % 100 == 0:
                    here.monitors._post(trio.current_time())
        used = records.receive.statistics()
        assert used.current_buffer_used <= used.max_buffer_size / 2
        assert here.monitors.unstored > 0
        assert len(here.monitors._to_store) == UNSTORED_MAX
        here.store.down = False
        await here.until(lambda: not here.monitors._to_store, "they are stored", 30.0)


async def test_the_end_of_the_bot_is_told(autojump_clock: Any, watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last second raised, and a bug that ended the bot, reach people before everybody goes home."""
    heard: list[Any] = []

    async def ends_by_a_bug() -> None:
        async with watched(grace_ms=1_000) as here:
            heard.append(here.ears)
            monkeypatch.setattr(type(here.bot.strategist), "_see", lambda *_: 1 // 0)
            await trio.sleep(10.0)

    with pytest.raises(BaseExceptionGroup) as caught:
        await ends_by_a_bug()
    assert caught.value.split(ZeroDivisionError)[0] is not None
    (_, message) = heard[0].heard[-1]
    assert message.title == "dnbot BTC/USDT sim: CRITICAL bug"
    assert message.body.startswith("critical bug: a bug ended the bot: ")


async def test_a_mode_that_is_strict_enough_keeps_its_reason(autojump_clock: Any, watched: Any) -> None:
    """A monitor that asks for what is already so changes nothing: a halt by a limit still wants --force."""
    async with watched(grace_ms=1_000, on_clock="halt") as here:
        here.bot.tell(SetMode("HALTED", "DRAWDOWN: too much", "latch"))
        await here.until(lambda: here.bot.context.mode is TradingMode.HALTED, "halted")
        await here.monitors._act(Action(key="clock:X", text="off", ask="halt"))
        await here.monitors._act(Action(key="clock:X", text="off", ask="pause"))
        assert here.bot.context.mode_why == "DRAWDOWN: too much"
        assert "not_lowered" not in here.monitors.book.open


@pytest.mark.parametrize(("asks", "times"), [("halt", 1), ("none", 0)])
async def test_the_orders_of_a_drawdown_are_cancelled(
    autojump_clock: Any, watched: Any, swept: list[Venue], asks: str, times: int
) -> None:
    """The limit has halted by itself before a monitor looks: the monitor has every venue swept all the same, once, and
    the halt keeps its reason, so that it still wants --force.
    """
    async with watched(MONEY_SCENE.config, MONEY_SCENE.params, grace_ms=1_000, on_drawdown=asks) as here:
        await perpetual_dearer(250)(here)
        await here.hear("critical drawdown: ")
        await trio.sleep(10.0)
        assert Counter(swept) == Counter(times * list(VENUES))
        assert here.bot.context.mode is TradingMode.HALTED
        assert here.bot.context.mode_why.startswith("DRAWDOWN: ")


async def test_a_halt_by_a_person_is_not_swept_again(autojump_clock: Any, watched: Any, swept: list[Venue]) -> None:
    """Who kills has every venue swept; a monitor that asks for the same after it does nothing."""
    async with watched(grace_ms=1_000) as here:
        here.bot.tell(SetMode("HALTED", f"{KILLED_BY}ann: looks odd", "ann"))
        await here.until(lambda: here.bot.context.mode is TradingMode.HALTED, "halted")
        await here.monitors._act(Action(key="drawdown", text="much", ask="halt"))
        assert swept == []


async def test_a_sweep_that_proves_nothing_is_told(
    autojump_clock: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HALTED alone is not what was asked for: people hear that orders may be left."""
    async def fails(desk: Desk, *_: float) -> Swept:
        return Swept(venue=desk.venue, trouble="no answer")

    monkeypatch.setattr(Desk, "sweep", fails)
    async with watched(grace_ms=1_000) as here:
        await here.monitors._act(Action(key="drawdown", text="much", ask="halt"))
        text = "a monitor asked for halt and the mode is HALTED: not every venue could be proven empty"
        await here.hear(f"critical not_lowered: {text}")


async def test_a_person_is_not_overruled(autojump_clock: Any, watched: Any) -> None:
    """Who resumes while the alert is still open stays resumed: a monitor asks once per alert."""
    async with watched(grace_ms=1_000, act_after_ms=1_000, clear_ms=600_000) as here:
        here.monitors._state = {"naked": Standing(level="critical", text="long", since_s=trio.current_time())}
        await here.until(lambda: here.bot.context.mode is TradingMode.REDUCING, "the monitor pauses")
        here.bot.tell(SetMode("ACTIVE", "looked into it", "somebody"))
        await trio.sleep(10.0)
        assert here.bot.context.mode is TradingMode.ACTIVE
        assert here.monitors._state["naked"].level == "critical"


async def test_profit_that_waits_for_a_price_is_not_unknown(autojump_clock: Any, watched: Any) -> None:
    """With a feed down equity cannot be computed for long: its feed is told, the profit is not; nor when the feed is
    back, before the machine has computed it anew.
    """
    async with watched(grace_ms=1_000, pnl_unknown_ms_max=3_000) as here:
        heal = here.fault("public_sockets_down:venue=mexc_spot")
        await here.until(lambda: here.bot.context.now_s - here.bot.context.risk.equity_s > 10.0, "equity is old", 60.0)
        assert [line for line in lines(here) if "feed_stale:MEXC_SPOT" in line] != []
        heal()
        sampler, context = here.monitors._sampler, lambda: here.bot.context
        await here.until(lambda: context().market_fresh, "the books are there", 60.0)
        assert context().now_s - context().risk.equity_s > 3.0
        assert sampler.snapshot(TradeFigures()).equity_age_s is None
        await trio.sleep(COMPUTED_S_MAX + 1.0)
        assert sampler.snapshot(TradeFigures()).equity_age_s < 1.5
        assert "pnl_unknown" not in here.monitors.book.open | {alert.key: alert for alert in here.stored()}


async def test_a_mode_that_cannot_be_lowered_is_told(
    autojump_clock: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine does not answer: people hear that the mode is as it was."""
    async with watched(grace_ms=1_000) as here:
        monkeypatch.setattr(type(here.bot.strategist), "_see", lambda *_: None)
        await here.monitors._act(Action(key="naked", text="long", ask="pause"))
        text = "a monitor asked for pause and the mode is ACTIVE: no REDUCING within 5 s"
        await here.hear(f"critical not_lowered: {text}")


async def test_the_standing_says_what_is_open_and_told(autojump_clock: Any, watched: Any) -> None:
    """The worst first, with the level at which people know it; the bot is well until its machine stands."""
    async with watched(grace_ms=1_000) as here:
        assert here.monitors.is_well()
        here.store.down = True
        here.monitors.alert("warning", "k", "words")
        await here.hear("critical store: ")
        standing = here.monitors.standing()
        assert [(one.key, one.told) for one in standing.open] == [("store", "critical"), ("k", "warning")]
        assert (standing.services, standing.heartbeats) == (1, None)
        assert standing.sent in (1, 2)  # the second is told beside what is asked here
        here.bot.strategist.context = here.bot.context.__class__(**{
            name: getattr(here.bot.context, name) for name in here.bot.context.__struct_fields__
        } | {"now_s": trio.current_time() - 6.0})
        assert not here.monitors.is_well()


async def test_what_monitors_raise_is_counted_too(autojump_clock: Any, watched: Any) -> None:
    """`dnbot_alerts_total` has an alert of a monitor and one of a plugin beside the machine's, once each; no end."""
    async with watched(grace_ms=1_000, clear_ms=1_000) as here:
        counted = here.bot.parts.measures.tallies.alerts
        before = dict(counted)
        well, here.machine["now"] = here.machine["now"], MachineFigures(10.0, 180.0, 4.0)
        here.monitors.alert("warning", "plugin:x", "words")
        here.monitors.alert("warning", "plugin:x", "again")
        await here.hear("critical disk: ")
        here.machine["now"] = well
        await here.hear("resolved disk ")
        grown = {level: number - before.get(level, 0) for level, number in counted.items()}
        assert {level: number for level, number in grown.items() if number} == {"critical": 1, "warning": 1}


async def test_inventory_that_belongs_on_one_venue_is_not_judged(autojump_clock: Any, watched: Any) -> None:
    """With `inventory_ratio` 1 all of it is where it should be."""
    async with watched(grace_ms=1_000) as here:
        sampler, context = here.monitors._sampler, here.bot.context
        assert 50 <= sampler.snapshot(TradeFigures()).inventory_pct <= 100
        params = msgspec.structs.replace(context.params, inventory_ratio=Decimal(1))
        here.bot.strategist.context = msgspec.structs.replace(context, params=params)
        assert sampler.snapshot(TradeFigures()).inventory_pct is None


async def test_what_nobody_took_is_heard_when_a_service_answers_again(autojump_clock: Any, watched: Any) -> None:
    """The uplink is gone for a minute: an alert that began in it is told after it, once, and not called told before."""
    async with watched(grace_ms=1_000, quiet_s=900.0) as here:
        here.ears.deaf = True
        here.monitors.alert("warning", "plugin:x", "words")

        def told() -> str:
            return str(here.monitors.standing().open[0].told)

        await here.until(lambda: bool(told()), "it is on its way")
        await here.until(lambda: not told(), "nobody took it", 20.0)
        await trio.sleep(60.0)
        here.ears.deaf = False
        await here.hear("warning plugin:x: words", UNTOLD_S + 10.0)
        await trio.sleep(120.0)
        assert lines(here) == ["warning plugin:x: words"]
        assert told() == "warning"
