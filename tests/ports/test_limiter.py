"""The rate limiter: never more than the venue allows, and always a way out."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.domain.errors import ConfigError
from dnbot.ports.limiter import Priority, RateLimiter

NORMAL, RESERVED = Priority.NORMAL, Priority.RESERVED
asks = st.lists(
    st.tuples(st.floats(0, 2), st.sampled_from(Priority), st.integers(1, 2), st.booleans()), min_size=1, max_size=60
)


@given(rate=st.floats(0.5, 50), burst=st.integers(4, 30), script=asks)
@settings(max_examples=150, deadline=None)
def test_no_window_holds_more_than_burst_plus_rate(
    rate: float, burst: int, script: list[tuple[float, Priority, int, bool]]
) -> None:
    """In every window of T seconds at most burst + rate * T tokens are granted, whoever asks, waiting or not."""
    grants: list[tuple[float, int]] = []

    async def wait(limiter: RateLimiter, priority: Priority, cost: int) -> None:
        await limiter.acquire(priority, cost)
        grants.append((trio.current_time(), cost))

    async def main() -> None:
        limiter = RateLimiter(rate, burst, 0.3)
        async with trio.open_nursery() as nursery:
            for pause_s, priority, cost, patient in script:
                await trio.sleep(pause_s)
                if patient:
                    nursery.start_soon(wait, limiter, priority, cost)
                elif limiter.try_acquire(priority, cost):
                    grants.append((trio.current_time(), cost))

    trio.run(main, clock=MockClock(autojump_threshold=0))
    for begin, (begin_s, _) in enumerate(grants):
        total = 0
        for end_s, cost in grants[begin:]:
            total += cost
            assert total <= burst + rate * (end_s - begin_s) + 1e-6


@given(burst=st.integers(2, 50), share=st.floats(0.01, 0.5), seconds=st.lists(st.floats(0, 3), max_size=10))
def test_entries_never_use_up_the_reserve(burst: int, share: float, seconds: list[float]) -> None:
    """However greedily entries ask, whole tokens of the reserve are there for a cancel at once."""

    async def main() -> None:
        limiter = RateLimiter(5, burst, share)
        for pause_s in [*seconds, 0.0]:
            while limiter.try_acquire(NORMAL):
                pass
            assert limiter.wait_s(RESERVED) == 0
            await trio.sleep(pause_s)
        while limiter.try_acquire(NORMAL):
            pass
        for _ in range(max(1, int(burst * share))):
            assert limiter.try_acquire(RESERVED)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_wait_is_exact_and_first_come_first_served(autojump_clock: MockClock) -> None:
    """Waiting tasks are served in their order, one per 1/rate seconds."""
    limiter, served = RateLimiter(2, 2, 0.5), []

    async def ask(name: str) -> None:
        await limiter.acquire(NORMAL)
        served.append((name, round(trio.current_time(), 6)))

    async with trio.open_nursery() as nursery:
        for name in ("first", "second", "third"):
            nursery.start_soon(ask, name)
            await trio.sleep(0.001)
        assert not limiter.try_acquire(NORMAL), "nobody overtakes those who wait"
        assert limiter.try_acquire(RESERVED), "but a cancel does"
    assert [name for name, _ in served] == ["first", "second", "third"]
    assert served[1][1] == pytest.approx(1.0, abs=0.01)
    assert served[2][1] == pytest.approx(1.5, abs=0.01)


async def test_cancelled_wait_takes_nothing_and_frees_its_place(autojump_clock: MockClock) -> None:
    """A task that gives up waiting costs nobody a token."""
    limiter = RateLimiter(1, 2, 0.5)
    assert limiter.try_acquire(NORMAL)
    with trio.move_on_after(0.5):
        await limiter.acquire(NORMAL)
    await trio.sleep(0.5)
    assert limiter.try_acquire(NORMAL)
    assert limiter.statistics().granted_normal == 2


async def test_penalty_stops_everybody_and_ends(autojump_clock: MockClock) -> None:
    """After a Retry-After nobody is served until it is over, then the reserve first, then entries."""
    limiter = RateLimiter(10, 10, 0.3)
    limiter.penalise(5)
    assert not limiter.try_acquire(RESERVED)
    assert limiter.wait_s(NORMAL) > limiter.wait_s(RESERVED) == 5
    await limiter.acquire(RESERVED)
    assert trio.current_time() == 5
    assert not limiter.try_acquire(NORMAL)
    await limiter.acquire(NORMAL)
    assert trio.current_time() == pytest.approx(5.2)
    counted = limiter.statistics()
    assert (counted.penalties, counted.granted_reserved, counted.granted_normal) == (1, 1, 1)


async def test_shorter_penalty_does_not_end_a_longer_one(autojump_clock: MockClock) -> None:
    """The later end of two penalties holds."""
    limiter = RateLimiter(10, 10)
    limiter.penalise(8)
    limiter.penalise(1)
    assert limiter.wait_s(RESERVED) == 8


@pytest.mark.parametrize(("rate", "burst", "share"), [(0, 5, 0.3), (1, 0, 0.3), (1, 1, 0.3), (1, 5, 1.0), (1, 5, -0.1)])
def test_settings_that_serve_nobody_are_refused(rate: float, burst: int, share: float) -> None:
    """A limiter whose entries or rate could never be served is a configuration error."""
    with pytest.raises(ConfigError):
        RateLimiter(rate, burst, share)


async def test_cost_that_can_never_be_paid_is_a_bug(autojump_clock: MockClock) -> None:
    """Asking for more than the bucket can hold raises instead of waiting for ever."""
    with pytest.raises(ValueError, match="outside"):
        RateLimiter(1, 10, 0.3).wait_s(NORMAL, 8)
