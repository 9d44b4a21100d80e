"""Twenty browsers that ask the same are one question to the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from dnbot.domain.errors import StoreUnreachable
from dnbot.operate.readings import Readings
from dnbot.web.shared import ANSWERS_KEPT, FRESH_S, Shared

if TYPE_CHECKING:
    from trio.testing import MockClock
    from web_site import Sites


class Store:
    """Counts what it is asked, and takes its time."""

    def __init__(self, *, away: bool = False) -> None:
        self.asked, self.away = 0, away

    async def ask(self) -> object:
        """How often it was asked by now."""
        self.asked += 1
        await trio.sleep(0.2)
        if self.away:
            raise StoreUnreachable("it is away")
        return {"asked": self.asked}

    async def read(self, _sql: str, *_arguments: object) -> list[dict[str, Any]]:
        """No rows."""
        await self.ask()
        return []


async def together(shared: Shared, store: Store, count: int = 20, question: bytes = b"/a?") -> list[bytes | Exception]:
    """What so many get who ask at once."""
    found: list[bytes | Exception] = []

    async def one() -> None:
        try:
            found.append(await shared.answer(question, store.ask))
        except StoreUnreachable as error:
            found.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    return found


async def test_who_asks_at_once_shares_an_answer(autojump_clock: MockClock) -> None:
    """Also who comes shortly after; then it is asked anew, and another question at any time."""
    shared, store = Shared(), Store()
    assert {json.loads(one)["asked"] for one in await together(shared, store)} == {1}  # type: ignore[arg-type]
    await trio.sleep(FRESH_S - 0.1)
    assert await shared.answer(b"/a?", store.ask) == b'{"asked":1}'
    await trio.sleep(0.2)
    assert await shared.answer(b"/a?", store.ask) == b'{"asked":2}'
    assert await shared.answer(b"/a?b", store.ask) == b'{"asked":3}'


async def test_a_database_that_is_away_is_waited_for_once(autojump_clock: MockClock) -> None:
    """Everybody is told so, and it is tried again soon."""
    shared, store = Shared(), Store(away=True)
    began = trio.current_time()
    assert [str(one) for one in await together(shared, store)] == ["it is away"] * 20
    assert (store.asked, trio.current_time() - began) == (1, pytest.approx(0.2))
    store.away = False
    await trio.sleep(FRESH_S + 0.1)
    assert await shared.answer(b"/a?", store.ask) == b'{"asked":2}'


async def test_a_browser_that_leaves_while_it_asks_leaves_the_question_to_others(autojump_clock: MockClock) -> None:
    """The next one that waits asks."""
    shared, store, leaving, found = Shared(), Store(), trio.CancelScope(), list[bytes | Exception]()

    async def leave() -> None:
        with leaving:
            await shared.answer(b"/a?", store.ask)

    async def stay() -> None:
        found.extend(await together(shared, store, 3))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        await wait_all_tasks_blocked()
        nursery.start_soon(stay)
        await wait_all_tasks_blocked()
        leaving.cancel()
    assert found == [b'{"asked":2}'] * 3


async def test_few_answers_are_kept(autojump_clock: MockClock) -> None:
    """However many questions there are; the newest stay."""
    shared, store = Shared(), Store()
    for number in range(3 * ANSWERS_KEPT):
        await shared.answer(b"/a?%d" % number, store.ask)
    assert len(shared._answers) == ANSWERS_KEPT
    asked = store.asked
    await shared.answer(b"/a?%d" % (3 * ANSWERS_KEPT - 1), store.ask)
    assert store.asked == asked


async def test_questions_that_make_no_sense_leave_nothing(autojump_clock: MockClock) -> None:
    """They are refused, each time, and are not many for long."""
    async def refuse() -> object:
        raise ValueError("no such place")

    shared = Shared()
    for number in range(3 * ANSWERS_KEPT):
        for _ in range(2):
            with pytest.raises(ValueError, match="no such place"):
                await shared.answer(b"/a?%d" % number, refuse)
    assert len(shared._answers) == ANSWERS_KEPT


async def test_pages_share_and_the_modes_do_not(autojump_clock: MockClock, site: Sites) -> None:
    """Each page's own question, by its address; who just changed the mode sees that."""
    async with site() as here, here.client("view") as client:
        store = Store()
        here.api.readings = Readings(store.read, here.bot.parts.params.symbol)
        for path, each in (("/api/trades", 0), ("/api/orders?venue=MEXC_SPOT", 0), ("/api/unsettled", 0),
                           ("/api/alerts", 0), ("/api/modes", 1)):
            first, before = await client.get(path), store.asked
            second = await client.get(path)
            assert (first.status_code, first.content) == (200, second.content)
            assert store.asked - before == each, path
        assert (await client.get("/api/trades?status=failed")).status_code == 200
        assert (await client.get("/api/trades?status=none")).status_code == 400
