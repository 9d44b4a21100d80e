"""Many browsers cost the bot's loop no long turn: what they ask and what they are told comes one after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from dnbot.web.hub import SHOW_EVERY_S, TELL_EVERY_S
from dnbot.web.live import STREAMS_MAX
from dnbot.web.pace import Pace
from dnbot.web.server import CONNECTIONS_MAX, READ_EVERY_S

if TYPE_CHECKING:
    from trio.testing import MockClock
    from web_site import Site, Sites

    from dnbot.operate.status import Status

BROWSERS = 20
GET = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1:8180\r\n\r\n"


async def test_turns_come_in_order_and_apart(autojump_clock: MockClock) -> None:
    """The first at once, and again at once after a rest."""
    pace, taken = Pace(0.25), list[tuple[int, float]]()

    async def take(number: int) -> None:
        await pace.turn()
        taken.append((number, trio.current_time() - began))

    for began in (trio.current_time(), trio.current_time() + 60):
        await trio.sleep_until(began)
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(take, number)
                await wait_all_tasks_blocked()
    assert taken == [(number, pytest.approx(0.25 * number)) for number in range(4)] * 2


async def test_a_loop_that_was_held_up_gives_no_turns_at_once(autojump_clock: MockClock) -> None:
    """Those that would have been due meanwhile come one after the other all the same."""
    pace, taken = Pace(0.25), list[float]()

    async def take() -> None:
        await pace.turn()
        taken.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(take)
        await wait_all_tasks_blocked()
        autojump_clock.jump(10)
        await wait_all_tasks_blocked()
        assert len(taken) == 2
    assert [later - earlier for earlier, later in pairwise(taken[1:])] == pytest.approx([0.25] * 4)


async def test_who_gives_up_its_turn_holds_up_nobody(autojump_clock: MockClock) -> None:
    """A client that leaves while it waits: the next one waits no longer than it would have."""
    pace = Pace(0.25)
    await pace.turn()
    with trio.move_on_after(0.1):
        await pace.turn()
    began = trio.current_time()
    await pace.turn()
    assert trio.current_time() - began <= 0.4


def noted(here: Site) -> list[float]:
    """When the application sees its requests, from now on."""
    seen, plain = list[float](), here.server.app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(trio.current_time())
        await plain(scope, receive, send)

    here.server.app = app
    return seen


async def test_requests_that_come_at_once_are_begun_one_after_the_other(autojump_clock: MockClock, site: Sites) -> None:
    """Of twenty browsers, each in a moment of its own; a single one waits for nothing."""
    async with site() as here:
        seen = noted(here)
        streams = [here.connect() for _ in range(BROWSERS)]
        await wait_all_tasks_blocked()
        began = trio.current_time()
        for stream in streams:
            await stream.send_all(GET)
        await trio.sleep(1)
        assert len(seen) == BROWSERS
        assert min(later - earlier for earlier, later in pairwise(seen)) >= READ_EVERY_S * 0.999
        assert (seen[0], seen[-1]) == (pytest.approx(began), pytest.approx(began + (BROWSERS - 1) * READ_EVERY_S))
        await streams[0].send_all(GET)
        await trio.sleep(1)
        assert seen[-1] == pytest.approx(began + 1)


def test_whoever_asks_last_of_all_is_heard_within_a_second() -> None:
    """When every connection that is allowed asks at once: a kill that is ordered in a browser waits no longer."""
    assert CONNECTIONS_MAX * READ_EVERY_S < 1


async def test_browsers_are_told_of_a_picture_one_after_the_other(autojump_clock: MockClock, site: Sites) -> None:
    """All of the same one, in the order in which they came, each in a moment of its own."""
    async with site() as here:
        told: list[tuple[int, int, float]] = []

        async def read(reader: int) -> None:
            number, _ = await here.hub.newer(here.hub.number)
            told.append((reader, number, trio.current_time()))

        await trio.sleep(SHOW_EVERY_S / 2)
        here.hub.readers = BROWSERS
        async with trio.open_nursery() as nursery:
            for reader in range(BROWSERS):
                nursery.start_soon(read, reader)
                await wait_all_tasks_blocked()
        assert [reader for reader, _, _ in told] == list(range(BROWSERS))
        assert len({number for _, number, _ in told}) == 1
        times = [at_s for _, _, at_s in told]
        assert min(later - earlier for earlier, later in pairwise(times)) >= TELL_EVERY_S * 0.999


def test_all_browsers_know_a_picture_well_before_the_next_one() -> None:
    """As many as are let in."""
    assert STREAMS_MAX * TELL_EVERY_S < 0.6 * SHOW_EVERY_S


async def test_readers_that_left_take_no_turn(autojump_clock: MockClock, site: Sites) -> None:
    """Hundreds that came and went between two pictures: the next one is told to who is there at once."""
    async with site() as here:
        here.hub.readers = 1
        async with trio.open_nursery() as nursery:
            for _ in range(300):
                nursery.start_soon(here.hub.newer, here.hub.number)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        began = trio.current_time()
        await here.hub.newer(here.hub.number)
        assert trio.current_time() - began <= SHOW_EVERY_S


async def test_a_picture_is_made_in_steps(autojump_clock: MockClock, site: Sites) -> None:
    """Others have their turn between what is known, how near the limits are, and the text of both."""
    async with site() as here:
        turns, report, at_report = 0, here.hub.report, list[int]()

        async def others() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        def counting() -> Status:
            at_report.append(turns)
            return report()

        counting.mask = report.mask  # type: ignore[attr-defined]  # the reporter, noted
        here.hub.report = counting  # type: ignore[assignment]
        here.hub.readers, before = 1, here.hub.number
        async with trio.open_nursery() as nursery:
            autojump_clock.rate = 100  # nothing is ever blocked, so that time has to pass by itself
            nursery.start_soon(others)
            await here.hub.newer(before)
            at_picture = turns
            nursery.cancel_scope.cancel()
        assert at_picture - at_report[0] >= 2


async def test_a_history_is_made_once_however_many_ask(autojump_clock: MockClock, site: Sites) -> None:
    """And anew after the next look, so that none is older than a picture."""
    async with site() as here:
        await trio.sleep(10.2)
        asked, report = [], here.hub.report

        def counting() -> Status:
            asked.append(1)
            return report()

        counting.mask = report.mask  # type: ignore[attr-defined]  # the reporter, counted
        here.hub.report = counting  # type: ignore[assignment]
        async with here.client("view") as client:
            first = [(await client.get("/api/history")).json() for _ in range(BROWSERS)]
            assert len(asked) == 1
            await trio.sleep(2.2)
            later = (await client.get("/api/history")).json()
        assert all(one == first[0] for one in first)
        assert len(later["samples"]) == len(first[0]["samples"]) + 2
        assert later["samples"][: len(first[0]["samples"])] == first[0]["samples"]
