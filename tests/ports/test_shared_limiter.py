"""A budget that several bots spend from: no window holds more than was granted, and no bot starves another."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.ports.limiter import Priority
from dnbot.ports.shared_limiter import SLACK_S, SharedLimiter

NORMAL, RESERVED = Priority.NORMAL, Priority.RESERVED
FOR_EVER = math.inf
Grants = list[tuple[float, int]]

asks = st.tuples(
    st.just("ask"), st.floats(0, 1), st.sampled_from("abc"), st.sampled_from(Priority), st.integers(1, 3)
)
grants = st.tuples(st.just("grant"), st.floats(0, 1), st.integers(1, 20), st.floats(0.1, 8))
lowers = st.tuples(st.just("lower"), st.floats(0, 1), st.integers(0, 20))
scripts = st.lists(st.one_of(asks, asks, grants, lowers), min_size=1, max_size=60)


def granted(capacity: int = 10, window_s: float = 10 - SLACK_S, reserve: float = 0.0) -> SharedLimiter:
    """All of it, for ever; a window of ten seconds."""
    limiter = SharedLimiter(capacity, window_s, reserve)
    limiter.grant(capacity, FOR_EVER)
    return limiter


@given(script=scripts)
@settings(max_examples=40, deadline=None)
def test_no_window_holds_more_than_the_share_at_its_end(script: list[tuple[object, ...]]) -> None:
    """Whoever asks, waiting or not, and whatever is granted, ends or is given back: what a window holds that ends with
    a grant of tokens is at most the share of that moment, the slack included."""
    spent: list[tuple[float, int, int]] = []
    limiter = SharedLimiter(20, 2.0, 0.2)

    def note(cost: int) -> None:
        spent.append((trio.current_time(), cost, limiter.share))

    async def ask(owner: str, priority: Priority, cost: int) -> None:
        await limiter.acquire(owner, priority, cost)
        note(cost)

    async def main() -> None:
        with trio.move_on_after(120):
            async with trio.open_nursery() as nursery:
                for word, pause_s, *rest in script:
                    await trio.sleep(float(str(pause_s)))
                    if word == "ask":
                        nursery.start_soon(ask, *rest)
                    elif word == "grant":
                        limiter.grant(int(str(rest[0])), trio.current_time() + float(str(rest[1])))
                    else:
                        limiter.lower(int(str(rest[0])))

    trio.run(main, clock=MockClock(autojump_threshold=0))
    for place, (end_s, _, share) in enumerate(spent):
        inside = [cost for at_s, cost, _ in spent[: place + 1] if at_s > end_s - 2.0 - SLACK_S + 1e-6]
        assert sum(inside) <= share


async def test_without_a_grant_nothing_is_spent_until_one_comes(autojump_clock: MockClock) -> None:
    """The wait is without end, whoever asks; a grant ends it at once, and its end begins it anew."""
    told = []
    limiter = SharedLimiter(10, 1.0, short=lambda: told.append(trio.current_time()))
    assert limiter.wait_s(RESERVED, 1) == math.inf
    assert not limiter.try_acquire("a", RESERVED, 1)

    async def grant_later() -> None:
        await trio.sleep(7)
        limiter.grant(2, trio.current_time() + 3)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(grant_later)
        await limiter.acquire("a", NORMAL, 1)
        assert trio.current_time() == 7
    assert told[0] == 0, "who grants was asked for more"
    await trio.sleep(3)
    assert limiter.wait_s(NORMAL, 1) == math.inf


async def served(limiter: SharedLimiter) -> list[str]:
    """Who was served, in order, when one asks of another after a hundred requests of a greedy one wait."""
    order = list[str]()

    async def ask(owner: str) -> None:
        await limiter.acquire(owner, NORMAL, 1)
        order.append(owner)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(ask, "greedy")
        await trio.sleep(1)
        nursery.start_soon(ask, "modest")
        await trio.sleep(10.5)
        nursery.cancel_scope.cancel()
    return order


async def test_one_bot_with_many_requests_does_not_keep_another_waiting(autojump_clock: MockClock) -> None:
    """A hundred requests wait of one bot; one of another that comes later is the next but one."""
    order = await served(granted(10))
    assert "modest" in order[:12], order


@pytest.mark.slow
@pytest.mark.parametrize("owners", [2, 5])
async def test_greedy_bots_share_evenly_by_weight(autojump_clock: MockClock, owners: int) -> None:
    """Each has requests waiting all the time, one of them big ones: over nine windows each has the same weight, but for
    one request in each window."""
    limiter, had = granted(40), Counter[str]()

    async def ask(owner: str, cost: int) -> None:
        while True:
            await limiter.acquire(owner, NORMAL, cost)
            had[owner] += cost

    with trio.move_on_after(95):
        async with trio.open_nursery() as nursery:
            for number in range(owners):
                for _ in range(8):
                    nursery.start_soon(ask, f"bot{number}", 10 if number == 0 else 1)
    assert sum(had.values()) >= 10 * (40 - 10), "nobody takes what the next one needs"
    assert max(had.values()) - min(had.values()) <= 10 * 10, had


async def test_hedges_come_first_and_have_a_reserve(autojump_clock: MockClock) -> None:
    """Entries leave a part; when even that is spent, the next token is a hedge's, though entries waited longer."""
    limiter, order = granted(10, reserve=0.3), []
    while limiter.try_acquire("a", NORMAL, 1):
        pass
    assert limiter.statistics().granted_normal == 7
    assert all(limiter.try_acquire("a", RESERVED, 1) for _ in range(3))

    async def ask(owner: str, priority: Priority) -> None:
        await limiter.acquire(owner, priority, 1)
        order.append(priority)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "a", NORMAL)
        await trio.sleep(1)
        nursery.start_soon(ask, "b", RESERVED)
    assert order[0] is RESERVED


async def test_a_share_of_one_is_for_hedges_alone(autojump_clock: MockClock) -> None:
    """The floor of a small budget keeps the way out and nothing else."""
    limiter = SharedLimiter(12, 1.0, 0.3)
    limiter.grant(1, FOR_EVER)
    assert limiter.wait_s(NORMAL, 1) == math.inf
    assert limiter.try_acquire("a", RESERVED, 1)


async def test_a_cancelled_wait_takes_nothing_and_passes_the_turn_on(autojump_clock: MockClock) -> None:
    """Whether it waited for its turn or for tokens."""
    limiter = granted(1)
    assert limiter.try_acquire("a", NORMAL, 1)

    async def give_up(after_s: float) -> None:
        with trio.move_on_after(after_s):
            await limiter.acquire("b", NORMAL, 1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up, 3)
        nursery.start_soon(give_up, 2)
        await trio.sleep(0.1)
        await limiter.acquire("c", NORMAL, 1)
    assert trio.current_time() == pytest.approx(10.0, abs=0.01)
    assert limiter.demand == 1


async def test_a_venue_that_said_stop_is_left_alone_by_all(autojump_clock: MockClock) -> None:
    """One bot's refusal stops every bot of the budget, hedges too, for as long as the venue said."""
    limiter = granted(10)
    limiter.of("a").penalise(5)
    assert not limiter.of("b").try_acquire(RESERVED)
    await limiter.of("b").acquire(RESERVED)
    assert trio.current_time() == 5
    assert limiter.of("b").statistics().penalties == 1


async def test_a_seat_is_always_the_same(autojump_clock: MockClock) -> None:
    """Two classes of requests that share a budget are one budget to who counts them."""
    limiter = granted(10)
    assert limiter.of("a") is limiter.of("a")


@pytest.mark.parametrize("cost", [0, 11])
async def test_what_could_never_be_paid_is_a_bug(autojump_clock: MockClock, cost: int) -> None:
    """As with a limiter of one's own."""
    with pytest.raises(ValueError, match="outside"):
        granted(10).wait_s(NORMAL, cost)


async def test_a_queue_by_age_alone_would_starve(autojump_clock: MockClock) -> None:
    """The planted defect: who does not look at what an owner has had serves the greedy one to its end first."""
    limiter = granted(10)
    limiter._queue.had = lambda _owner: 0.0
    assert "modest" not in await served(limiter)
