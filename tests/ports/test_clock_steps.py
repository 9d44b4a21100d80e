"""The clock of a venue may step, too: no older sample outlives one that contradicts it."""

from __future__ import annotations

from typing import Any

import trio

from dnbot.ports.clock import NS_PER_MS, NS_PER_S, ClockOffset, VenueClock, VirtualClock

EPOCH_NS = 1_700_000_000 * NS_PER_S


def sample(offset: ClockOffset, clock: VirtualClock, ahead_ms: int, round_trip_ms: int) -> None:
    """One answer of a venue that is ahead by so much, after a symmetric round trip."""
    now_ns, trip_ns = clock.now_ns(), round_trip_ms * NS_PER_MS
    offset.observe(now_ns, now_ns + trip_ns // 2 + ahead_ms * NS_PER_MS, now_ns + trip_ns)


async def test_a_step_of_the_venue_beats_a_shorter_round_trip(autojump_clock: Any) -> None:
    """The old sample had the shorter round trip, and is forgotten all the same; so is the new one after a step back."""
    clock = VirtualClock(EPOCH_NS)
    offset = ClockOffset(clock)
    sample(offset, clock, 0, 2)
    await trio.sleep(30)
    sample(offset, clock, 900, 40)
    assert round((offset.offset_ns or 0) / NS_PER_MS) == 900
    sample(offset, clock, 0, 60)
    assert round((offset.offset_ns or 0) / NS_PER_MS) == 0


async def test_a_slow_answer_is_no_step(autojump_clock: Any) -> None:
    """What a long round trip can explain leaves the best sample in force."""
    clock = VirtualClock(EPOCH_NS)
    offset = ClockOffset(clock)
    sample(offset, clock, 5, 2)
    sample(offset, clock, 400, 900)
    assert offset.best is not None
    assert offset.best.round_trip_ns == 2 * NS_PER_MS


async def test_a_doubt_wakes_whoever_measures_once(autojump_clock: Any) -> None:
    """One doubt, told before or after the waiting began, is one wake-up, at that venue alone."""
    clock = VenueClock(VirtualClock(EPOCH_NS))
    clock.doubt("A")
    clock.doubt("A")
    await clock.doubted("A")
    for venue in ("A", "B"):
        with trio.move_on_after(1) as scope:
            await clock.doubted(venue)
        assert scope.cancelled_caught
