"""The clock of a venue may step, too: no older sample outlives one that contradicts it."""

from __future__ import annotations

from typing import Any

import trio

from dnbot.ports.clock import NS_PER_MS, NS_PER_S, ClockOffset, VenueClock, VirtualClock

EPOCH_NS = 1_700_000_000 * NS_PER_S


def sample(offset: ClockOffset, now_s: int, ahead_ms: int, round_trip_ms: int) -> None:
    """One answer of a venue that is ahead by so much, after a symmetric round trip."""
    now_ns, trip_ns = now_s * NS_PER_S, round_trip_ms * NS_PER_MS
    offset.observe(now_ns, EPOCH_NS + now_ns + trip_ns // 2 + ahead_ms * NS_PER_MS, now_ns + trip_ns)


def ahead_ms(offset: ClockOffset) -> int:
    """The estimate, in whole milliseconds beyond the epoch."""
    assert offset.offset_ns is not None
    return round((offset.offset_ns - EPOCH_NS) / NS_PER_MS)


def test_a_step_of_the_venue_beats_a_shorter_round_trip() -> None:
    """The old sample had the shorter round trip, and is forgotten all the same; so is the new one after a step back."""
    offset = ClockOffset()
    sample(offset, 0, 0, 2)
    sample(offset, 30, 900, 40)
    assert ahead_ms(offset) == 900
    sample(offset, 31, 0, 60)
    assert ahead_ms(offset) == 0


def test_a_slow_answer_is_no_step() -> None:
    """What a long round trip can explain leaves the best sample in force."""
    offset = ClockOffset()
    sample(offset, 0, 5, 2)
    sample(offset, 0, 400, 900)
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
