"""The rate budgets of a bot that shares its venues' limits with nobody."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from dnbot.domain.instrument import Venue
from dnbot.ports.limiter import Priority
from dnbot.tasks.budgets import own_budgets
from dnbot.venues.limits import LIMITS, Limit
from dnbot.venues.plugin import VenueLimits
from dnbot.venues.wire import RequestClass

RUN_S = 60.0
CASES = [(venue, limit) for venue, kinds in LIMITS.items() for limit in dict.fromkeys(kinds.values())]


@pytest.mark.parametrize(("venue", "limit"), CASES, ids=[f"{venue.value} {limit.pool}" for venue, limit in CASES])
async def test_no_window_holds_more_than_the_venue_allows(
    autojump_clock: MockClock, venue: Venue, limit: Limit
) -> None:
    """Two lines of a bot that ask for all they can get, of whatever class spends from the limit, stay within it."""
    budgets = own_budgets()
    lines, sent_s = (budgets(venue), budgets(venue)), []
    tokens, window_s = limit.tokens, limit.window_s

    async def greedy(line: int, kind: RequestClass) -> None:
        while True:
            await lines[line][kind].acquire(Priority.RESERVED)
            sent_s.append(trio.current_time())

    with trio.move_on_after(RUN_S):
        async with trio.open_nursery() as nursery:
            for line in (0, 1):
                for kind in kinds_of(venue, limit):
                    nursery.start_soon(greedy, line, kind)
    assert len(sent_s) >= 0.75 * tokens * RUN_S / window_s
    assert all(later - first >= window_s for first, later in zip(sent_s, sent_s[tokens:], strict=False))
    assert all(first <= later for first, later in pairwise(sent_s))


def kinds_of(venue: Venue, limit: Limit) -> list[RequestClass]:
    """The classes that spend from it."""
    return [kind for kind, other in LIMITS[venue].items() if other == limit]


async def test_ways_out_have_a_reserve_of_orders(autojump_clock: MockClock) -> None:
    """Where entries have spent what they may, hedges find room; reads are all alike."""
    budgets = own_budgets()(Venue.GATE_SPOT)
    create, read = budgets[RequestClass.CREATE], budgets[RequestClass.READ]
    entries = sum(create.try_acquire(Priority.NORMAL) for _ in range(20))
    hedges = sum(create.try_acquire(Priority.RESERVED) for _ in range(20))
    assert (entries, hedges) == (7, 3)
    assert sum(read.try_acquire(Priority.NORMAL) for _ in range(300)) == 200


async def test_two_bots_have_limits_of_their_own(autojump_clock: MockClock) -> None:
    """Made anew, nothing is spent."""
    for _ in range(2):
        create = own_budgets()(Venue.MEXC_SPOT)[RequestClass.CREATE]
        assert sum(create.try_acquire(Priority.RESERVED) for _ in range(20)) == 12


async def test_a_plugins_limits_are_its_own(autojump_clock: MockClock) -> None:
    """A venue of a plugin in the second spot role: at its rates, and the other venues at ours."""
    plugins = {Venue.MEXC_SPOT: VenueLimits(public=(1, 3), read=(1, 3), create=(1, 4))}
    budgets = own_budgets(plugins)
    assert sum(budgets(Venue.MEXC_SPOT)[RequestClass.CREATE].try_acquire(Priority.RESERVED) for _ in range(20)) == 4
    assert sum(budgets(Venue.GATE_SPOT)[RequestClass.CREATE].try_acquire(Priority.RESERVED) for _ in range(20)) == 10
