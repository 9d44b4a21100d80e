"""The dead man's switch of one venue: when it is renewed, and what the machine is told."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.domain.errors import FrameUnreadable, RequestAmbiguous, RequestNotSent
from dnbot.domain.messages import CountdownSet
from dnbot.ports.clock import VenueClock
from dnbot.tasks.countdown import Countdown
from dnbot.venues.wire import AskedTooOften, Refused, RequestClass, Unclear

ARM, DISARM = "POST /countdown/30", "POST /countdown/0"


@pytest.fixture
async def countdown(kit: Any) -> Any:
    """One of thirty seconds, and where it tells."""
    inbox = kit.pipe()
    return Countdown(kit.codec, kit.line(), inbox[0], kit.log, 30), inbox[1]


async def told(kit: Any, countdown: Any, for_s: float) -> list[tuple[float, str]]:
    """What is told while it runs for so long: until when, and why not."""
    it, inbox = countdown
    with trio.move_on_after(for_s):
        await it.run()
    events = kit.drain(inbox)
    assert all(isinstance(event, CountdownSet) for event in events)
    return [(event.until_s, event.failure) for event in events]


async def test_renewed_at_a_third(autojump_clock: Any, kit: Any, countdown: Any) -> None:
    """Nothing is armed at first; then each renewal counts from when it was asked for."""
    kit.script.answers[ARM] = [1_790_000_030_000]
    kit.script.took_s = 0.5
    assert await told(kit, countdown, 25) == [(0.0, ""), (30.0, ""), (40.0, ""), (50.0, "")]
    statistics = countdown[0].line.budgets[RequestClass.CANCEL].statistics()
    assert (statistics.granted_reserved, statistics.granted_normal) == (3, 0)


@pytest.mark.parametrize(
    "said",
    [
        RequestAmbiguous("stub", "lost"), RequestNotSent("stub", "no route"), Refused("FORBIDDEN", "no"),
        AskedTooOften(0.1, "slow"), Unclear("502"), FrameUnreadable("stub", "no time", b"{}"), 0,
    ],
)
async def test_no_answer_is_no_renewal(autojump_clock: Any, kit: Any, countdown: Any, said: Any) -> None:
    """Whatever it may have done: it is told, asked for again a second later, and then each third."""
    failed = kit.unreadable(said) if isinstance(said, FrameUnreadable) else said
    kit.script.answers[ARM] = [1_790_000_030_000, failed, failed, 1_790_000_030_000]
    found = await told(kit, countdown, 13)
    assert [until_s for until_s, _ in found] == pytest.approx([0.0, 30.0, 0.0, 0.0, 42.0])
    assert [bool(failure) for _, failure in found] == [False, False, True, True, False]


async def test_it_waits_for_the_venue_s_clock(autojump_clock: Any, kit: Any, countdown: Any) -> None:
    """Nothing can be signed before, and that is no failure."""
    it, _ = countdown
    kit.script.answers[ARM] = [1_790_000_030_000]
    it.line = kit.changed_line(it.line, clock=VenueClock(kit.clock))
    assert await told(kit, countdown, 5) == [(0.0, "")]
    assert kit.script.asked == []


async def test_disarming_is_asked_for_once(autojump_clock: Any, kit: Any, countdown: Any) -> None:
    """What fails is a line in the log."""
    it, _ = countdown
    kit.script.answers[DISARM] = [0, RequestAmbiguous("stub", "lost")]
    await it.disarm()
    await it.disarm()
    assert kit.script.asked == [DISARM, DISARM]
    kit.log.flush_now()
    assert "countdown_not_disarmed" in str(kit.lines.lines[-1])
