"""Clocks: virtual wall time, and the estimate of a venue's clock with an honest bound."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.ports.clock import NS_PER_MS, NS_PER_S, ClockOffset, SystemClock, VenueClock, VirtualClock

EPOCH_NS = 1_700_000_000 * NS_PER_S
probes = st.lists(
    st.tuples(st.floats(0, 2), st.floats(0, 2), st.floats(0, 30)), min_size=1, max_size=30
)  # seconds: to the venue, back, pause after


async def test_virtual_wall_time_follows_trio(autojump_clock: MockClock) -> None:
    """Wall time is epoch plus trio's time plus skew, to the nanosecond; monotonic time ignores the skew."""
    clock = VirtualClock(EPOCH_NS, skew_ns=5)
    await trio.sleep(1.5)
    assert clock.now_ns() == EPOCH_NS + 5 + 1_500_000_000
    assert clock.monotonic_s() == trio.current_time()


async def test_system_clock_counts_nanoseconds_since_1970() -> None:
    """The machine's wall clock is between 2024 and 2100, in nanoseconds, and monotonic time is trio's."""
    clock = SystemClock()
    assert 1.7e18 < clock.now_ns() < 4.2e18
    assert clock.monotonic_s() <= trio.current_time()


@given(offset_s=st.floats(-100, 100), script=probes)
def test_true_offset_lies_within_the_reported_uncertainty(
    offset_s: float, script: list[tuple[float, float, float]]
) -> None:
    """Whatever the delays each way, the truth is within the uncertainty of the estimate."""
    offset_ns = round(offset_s * NS_PER_S)

    async def main() -> None:
        clock = VirtualClock(EPOCH_NS)
        venues = VenueClock(clock)
        for there_s, back_s, pause_s in script:
            sent_at_s = clock.monotonic_s()
            await trio.sleep(there_s)
            venue_ms = (clock.now_ns() + offset_ns) // NS_PER_MS
            await trio.sleep(back_s)
            venues.observe("gate", sent_at_s, venue_ms, clock.monotonic_s())
            await trio.sleep(pause_s)
        now_ms, error_ms = venues.now_ms("gate"), venues.error_ms("gate")
        assert now_ms is not None
        assert error_ms is not None
        assert abs(now_ms - (clock.now_ns() + offset_ns) / NS_PER_MS) <= error_ms + 1, "cut to whole milliseconds"

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_shortest_round_trip_wins_until_it_is_too_old() -> None:
    """The best of the newest samples decides; one that has left the window does not."""
    offset = ClockOffset(resolution_ns=0, samples_kept=3)
    offset.observe(0, 100, 200)
    assert offset.offset_ns == 0
    for _ in range(2):
        offset.observe(0, 5000, 6000)
    assert offset.offset_ns == 0
    offset.observe(0, 5000, 6000)
    assert offset.offset_ns == 2000


async def test_unknown_offset_is_none_not_zero(autojump_clock: MockClock) -> None:
    """Before the first sample every answer is None."""
    venues = VenueClock(VirtualClock(EPOCH_NS))
    assert venues.now_ms("mexc") is None
    assert venues.error_ms("mexc") is None


@pytest.mark.parametrize("step_s", [-5, 5, -0.04])
async def test_a_step_of_our_wall_clock_leaves_the_venues_time_alone(
    autojump_clock: MockClock, step_s: float
) -> None:
    """The venue's time goes on as before, to the millisecond, and no measurement is needed for that."""
    clock = VirtualClock(EPOCH_NS)
    venues = VenueClock(clock)
    venues.observe("gate", clock.monotonic_s(), EPOCH_NS // NS_PER_MS, clock.monotonic_s())
    clock.skew_ns += round(step_s * NS_PER_S)
    await trio.sleep(0.25)
    assert venues.now_ms("gate") == EPOCH_NS // NS_PER_MS + 250


@pytest.mark.parametrize(("step_s", "doubts"), [(5.0, True), (-5.0, False), (0.02, False)])
async def test_wall_time_that_runs_ahead_may_be_a_sleep_and_is_measured_anew(
    autojump_clock: MockClock, step_s: float, doubts: bool
) -> None:
    """A host that slept has a monotonic clock that is behind: only time ahead can be that; slewing is not."""
    clock = VirtualClock(EPOCH_NS)
    venues = VenueClock(clock)
    for venue in ("gate", "mexc"):
        venues.observe(venue, clock.monotonic_s(), EPOCH_NS // NS_PER_MS, clock.monotonic_s())
        venues.now_ms(venue)
    clock.skew_ns += round(step_s * NS_PER_S)
    venues.now_ms("gate")
    for venue in ("gate", "mexc"):
        with trio.move_on_after(1) as scope:
            await venues.doubted(venue)
        assert scope.cancelled_caught is not doubts
