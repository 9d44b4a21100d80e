"""The drill: each trouble provoked at a whole bot is one alert within five seconds of its breach, and one end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from dnbot.domain.order import OrderStatus
from dnbot.monitor import book
from dnbot.operate.sampling import MachineFigures

pytestmark = pytest.mark.slow

WITHIN_S = 5.0
FEED = "feed:GATEIO_SPOT"
Heal = Callable[[], Any]
Provoke = Callable[[Any], Awaitable[Heal]]


async def stale_feed(watched: Any) -> Heal:
    """MEXC answers pings and says nothing of the market."""
    faults = watched.fakes.stage.world.mexc_app.faults
    faults.public_mute = True
    await trio.sleep(watched.monitors.limits.feed_age_ms_max / 1000)
    return lambda: setattr(faults, "public_mute", False)


async def private_stream_down(watched: Any) -> Heal:
    """MEXC's private sockets are cut, and new ones too."""
    key = watched.fakes.faults.on("private_sockets_down", venue="mexc_spot")
    await trio.sleep(watched.monitors.limits.stream_down_ms_max / 1000)
    return lambda: watched.fakes.faults.off(key)


async def reconnect_storm(watched: Any) -> Heal:
    """A feed fails again and again."""
    child = watched.bot.supervisor.children[FEED]
    for _ in range(6):
        child.kill()
        await watched.until(lambda: not child.running, "it ended")
        await watched.until(lambda: child.running, "it runs again")
        await trio.sleep(0.5)  # so that it has a book
    return lambda: None


async def clock_off(watched: Any) -> Heal:
    """MEXC's clock is two seconds ahead, and was measured."""
    key = watched.fakes.faults.on("clock_skewed", venue="mexc_spot", ahead_ms=2000)
    accounts = lambda: watched.bot.context.accounts  # noqa: E731 (a short word for the newest)
    await watched.until(lambda: any(abs(a.clock_offset_ms or 0) > 1000 for a in accounts().values()), "measured", 120)
    return lambda: watched.fakes.faults.off(key)


async def rate_budget_low(watched: Any) -> Heal:
    """MEXC asks for a pause of some seconds."""
    desk = next(desk for venue, desk in watched.bot.desks.items() if venue.value == "MEXC_SPOT")
    for budget in desk.line.budgets.values():
        budget.penalise(8.0)
    return lambda: None


async def database_down(watched: Any) -> Heal:
    """No call to the database succeeds."""
    watched.store.down = True
    await watched.until(lambda: not watched.bot.context.store_up, "it is known")
    return lambda: setattr(watched.store, "down", False)


async def disk_low(watched: Any) -> Heal:
    """Less than a GiB is left."""
    before = watched.machine["now"]
    watched.machine["now"] = MachineFigures(900.0, before.memory_mib, before.descriptors_pct)
    await watched.until(lambda: watched.monitors._sampler._machine.disk_free_mib == 900.0, "it is asked for")
    return lambda: watched.machine.update(now=before)


async def loop_lag(watched: Any) -> Heal:
    """Half a second in which nothing ran."""
    trio.lowlevel.current_clock().jump(0.5)  # type: ignore[attr-defined]
    return lambda: None


async def foreign_activity(watched: Any) -> Heal:
    """Somebody buys a little on MEXC with the bot's account."""
    watched.fakes.faults.on("traded_by_hand", venue="mexc_spot", side="buy", quantity=0.0003)
    await watched.until(lambda: any("foreign:" in key for key in watched.monitors.book.open), "it is seen", 60)
    return lambda: None


# trouble, key, level, seconds until its end is told, what it entails
DRILL: list[tuple[Provoke, str, str, float, tuple[str, ...]]] = [
    (disk_low, "disk", "critical", 20, ()),
    (loop_lag, "loop_lag", "warning", 10, ()),
    (database_down, "store", "critical", 10, ()),
    (stale_feed, "feed_stale:MEXC_SPOT", "warning", 10, ()),
    (rate_budget_low, "rate_budget:MEXC_SPOT", "warning", 30, ()),
    (reconnect_storm, "restarts:feed:GATEIO_SPOT", "warning", 60, ()),
    (foreign_activity, "foreign:MEXC_SPOT", "warning", 40, ()),
    (private_stream_down, "stream_down:MEXC_SPOT", "warning", 60, ("rate_budget:MEXC_SPOT",)),
    (clock_off, "clock:MEXC_SPOT", "critical", 240, ("mode:reducing",)),
]


async def test_each_trouble_is_one_alert_and_one_end(
    autojump_clock: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told once at its level within five seconds, stored, ended once; nothing is told beside it but what it entails.

    A clock that is off lowers the mode, in the monitor's name and with its reason.
    """
    monkeypatch.setattr(book, "QUIET_S", 15.0)
    async with watched(window_s=20.0, clear_ms=2_000, grace_ms=5_000, act_after_ms=1_000) as here:
        assert here.ears.lines() == []
        for row in DRILL:
            await drill(here, *row)
        (lowered,) = here.store.database.books[here.bot.context.params.symbol].modes
        assert (lowered.to_mode, lowered.by) == ("REDUCING", "monitor")
        assert lowered.why.startswith("monitor: clock:MEXC_SPOT: ms between MEXC_SPOT's clock and ours: 1999")


async def drill(here: Any, provoke: Provoke, key: str, level: str, end_s: float, entailed: tuple[str, ...]) -> None:
    """One trouble, from its provocation until all that it raised is over."""
    began_s = trio.current_time()
    heal = await provoke(here)
    breached_s = trio.current_time()
    at_s = await here.hear(f"{level} {key}: ", since_s=began_s)
    assert at_s - breached_s <= WITHIN_S, key
    heal()
    await here.hear(f"resolved {key} after ", end_s, since_s=began_s)
    await here.until(lambda: not told_open(here), f"everything is over: {key}", 90.0)
    await trio.sleep(3.0)  # until that is told
    lines = [line for _, line in here.ears.lines(began_s)]
    ours = [line for line in lines if line.startswith((f"{level} {key}: ", f"resolved {key} "))]
    assert len(ours) == 2, lines
    others = [line for line in lines if line not in ours]
    assert [line for line in others if not any(f" {known}" in line for known in entailed)] == [], key
    raised, *_, ended = [alert for alert in here.stored() if alert.key == key]
    assert (raised.level, ended.level) == (level, "info")
    assert ended.text.startswith("resolved after ")


def told_open(here: Any) -> list[str]:
    """Keys that people know to be open; a mode stays lowered until a person raises it."""
    return [key for key, known in here.monitors.book.open.items() if known.told and not key.startswith("mode:")]


# --- while orders are sent --------------------------------------------------------------------------------------------
def by_hand(here: Any, quantity: float) -> None:
    """Somebody buys on MEXC with the bot's account, which the bot hedges."""
    here.fakes.faults.on("traded_by_hand", venue="mexc_spot", side="buy", quantity=quantity)


async def wrong_fee(here: Any) -> Heal:
    """Gate takes ten times the fee that it told."""
    key = here.fakes.faults.on("fee_rates_change", venue="gate_futures", taker_bps=50)
    before = here.bot.context.counters.fills
    by_hand(here, 0.0008)
    await here.until(lambda: here.bot.context.counters.fills >= before + 2, "it is hedged", 60)
    return lambda: here.fakes.faults.off(key)


async def ambiguous_order(here: Any) -> Heal:
    """A hedge is lost on its way: what became of it is not known before it has expired and every list was read."""
    key = here.fakes.faults.on("request_lost", venue="gate_futures", path="creates", count=1)
    by_hand(here, 0.0008)
    await here.until(lambda: any(o.status is OrderStatus.AMBIGUOUS for o in here.bot.context.unsettled), "lost", 60)
    await trio.sleep(here.monitors.limits.ambiguous_ms_max / 1000)
    return lambda: here.fakes.faults.off(key)


async def beyond_the_hard_limit(here: Any) -> Heal:
    """Delta is three times what is allowed, until it is hedged."""
    by_hand(here, 0.003)
    await here.until(lambda: "hard_limit" in here.monitors.book.open, "it is seen", 60)
    return lambda: None


async def naked_leg(here: Any) -> Heal:
    """One hedge after the other is lost on its way: each must be proven dead before the next."""
    key = here.fakes.faults.on("request_lost", venue="gate_futures", path="creates")
    by_hand(here, 0.0008)
    await here.until(lambda: here.bot.context.naked.since_s is not None, "delta is off", 60)
    await trio.sleep(here.monitors.limits.naked_ms_max / 1000)
    return lambda: here.fakes.faults.off(key)


FOREIGN = "foreign:MEXC_SPOT"
AMID_ORDERS: list[tuple[Provoke, str, str, float, tuple[str, ...]]] = [
    (wrong_fee, "fee_differs:GATEIO_FUTURES", "warning", 90, (FOREIGN,)),
    (beyond_the_hard_limit, "hard_limit", "critical", 40, (FOREIGN,)),
    (ambiguous_order, "ambiguous", "warning", 40, (FOREIGN,)),
    (naked_leg, "naked", "critical", 40, (FOREIGN, "mode:halted", "ambiguous")),
]


async def test_each_trouble_amid_orders(autojump_clock: Any, watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of troubles that need an order; a naked leg halts the bot where that is configured."""
    monkeypatch.setattr(book, "QUIET_S", 15.0)
    limits = {"clear_ms": 2_000, "grace_ms": 5_000, "naked_ms_max": 3_500, "ambiguous_ms_max": 500, "on_naked": "halt",
              "act_after_ms": 1_000}
    params = {"match_lag_ms": 600, "hedge_deadline_ms": 10_000}
    async with watched(window_s=20.0, params=params, window_minutes=1, **limits) as here:
        for row in AMID_ORDERS:
            await drill(here, *row)
        (halted,) = here.store.database.books[here.bot.context.params.symbol].modes
        assert (halted.to_mode, halted.by) == ("HALTED", "monitor")
