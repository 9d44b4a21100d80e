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
    """Whatever the delays each way, the truth is within the uncertainty of the estimate, and below the bound."""
    offset_ns = round(offset_s * NS_PER_S)

    async def main() -> None:
        clock = VirtualClock(EPOCH_NS)
        venues = VenueClock(clock)
        for there_s, back_s, pause_s in script:
            sent_at_ns = clock.now_ns()
            await trio.sleep(there_s)
            venue_ms = (clock.now_ns() + offset_ns) // NS_PER_MS
            await trio.sleep(back_s)
            assert venues.observe("gate", sent_at_ns, venue_ms, clock.now_ns())
            await trio.sleep(pause_s)
        estimate = venues.offset("gate")
        assert estimate.offset_ns is not None
        assert estimate.uncertainty_ns is not None
        assert estimate.bound_ns is not None
        assert abs(estimate.offset_ns - offset_ns) <= estimate.uncertainty_ns
        assert abs(offset_ns) <= estimate.bound_ns

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_shortest_round_trip_wins_until_it_is_too_old(autojump_clock: MockClock) -> None:
    """The best of the newest samples decides; one that has left the window does not."""
    clock = VirtualClock(EPOCH_NS)
    offset = ClockOffset(clock, resolution_ns=0, samples_kept=3)
    now_ns = clock.now_ns()
    offset.observe(now_ns, now_ns + 100, now_ns + 200)
    assert offset.offset_ns == 0
    for _ in range(2):
        offset.observe(now_ns, now_ns + 5000, now_ns + 6000)
    assert offset.offset_ns == 0
    offset.observe(now_ns, now_ns + 5000, now_ns + 6000)
    assert offset.offset_ns == 2000


async def test_unknown_offset_is_none_not_zero(autojump_clock: MockClock) -> None:
    """Before the first sample every answer is None."""
    venues = VenueClock(VirtualClock(EPOCH_NS))
    assert venues.now_ms("mexc") is None
    assert venues.bound_ms("mexc") is None
    assert venues.offset("mexc").age_s is None


async def test_step_of_our_clock_forgets_what_was_measured_before(autojump_clock: MockClock) -> None:
    """After our wall clock stepped, the offset is unknown until it is measured again; slewing is not a step."""
    clock = VirtualClock(EPOCH_NS)
    venues = VenueClock(clock)
    venues.observe("gate", clock.now_ns(), EPOCH_NS // NS_PER_MS, clock.now_ns())
    assert venues.now_ms("gate") == EPOCH_NS // NS_PER_MS
    clock.skew_ns += 20 * NS_PER_MS
    assert venues.now_ms("gate") is not None
    clock.skew_ns += 2 * NS_PER_S
    assert venues.now_ms("gate") is None
    venues.observe("gate", clock.now_ns(), EPOCH_NS // NS_PER_MS, clock.now_ns())
    assert venues.now_ms("gate") == EPOCH_NS // NS_PER_MS


async def test_sample_in_which_time_ran_backwards_is_refused(autojump_clock: MockClock) -> None:
    """A reply that seems to come before its request says nothing about the venue."""
    venues = VenueClock(VirtualClock(EPOCH_NS))
    assert not venues.observe("gate", EPOCH_NS + 1, 1, EPOCH_NS)
    assert venues.now_ms("gate") is None


async def test_age_of_the_newest_sample(autojump_clock: MockClock) -> None:
    """The age counts from the newest sample, in trio's seconds."""
    clock = VirtualClock(EPOCH_NS)
    offset = ClockOffset(clock)
    offset.observe(EPOCH_NS, EPOCH_NS, EPOCH_NS)
    await trio.sleep(7)
    assert offset.age_s == pytest.approx(7)
