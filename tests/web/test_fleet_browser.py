"""The fleet's page in a real browser: what it shows, on a desk and on a phone, and how old figures look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from browser import CHROMIUM, browser

from dnbot.config import WebSettings
from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Symbol
from dnbot.fleet.life import Desired, TaskState
from dnbot.fleet.words import Picture, Task, TaskEvent, Worker
from dnbot.operate.fleet_text import event_dict, fleet_dict
from dnbot.operate.manager import TaskManager
from dnbot.operate.seat import Seat
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import Secret
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_tasks import MemoryTasks
from dnbot.web.access import Keyring
from dnbot.web.fleet_api import FleetApi
from dnbot.web.fleet_dashboard import fleet_application
from dnbot.web.places import Place, place_of
from dnbot.web.server import WebServer
from dnbot.web.sessions import Sessions

pytestmark = [
    pytest.mark.slow, pytest.mark.e2e,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install --no-install-recommends chromium"),
]  # fmt: skip
OPERATE = "operates-" + "o" * 32
IS_LIVE = "document.getElementById('link')?.textContent === 'live'"
ENTER = "document.getElementById('name').value = 'ann'; document.querySelector('#login button').click()"
EVIL = "<img src=x onerror=alert(1)>"


def task(name: str, state: TaskState, holder: str | None, left_s: float, **changes: Any) -> Task:
    """A task on a symbol of its name."""
    symbol = Symbol(name.upper(), "USDT")
    return Task(task_id=name, symbol=symbol, state=state, holder=holder, left_s=left_s, epoch=3, **changes)


PICTURE = Picture(
    tasks=(
        task("btc", TaskState.RUNNING, "one-1", 24.0), task("eth", TaskState.RUNNING, "one-1", 24.0),
        task("sol", TaskState.PAUSED, "two-7", -3.0, desired=Desired.PAUSED, why=EVIL),
        task("xrp", TaskState.QUARANTINED, None, 0.0, why="RuntimeError: a bug"),
    ),
    workers=(
        Worker(worker_id="one-1", name="one", capacity=4, version="0.1.0", seen_s=1.2),
        Worker(worker_id="two-7", name="two", capacity=4, version="0.1.0", seen_s=33.0),
    ),
)
MONEY = {
    "btc": ("12.345", "-1.5", 0), "eth": ("-3.2", "0.75", 2), "sol": (None, None, 1), "xrp": ("0", "0", 5),
}


@attrs.define
class Readings:
    """A fleet in which one worker is silent; it may be away."""

    down: bool = False

    async def page(self) -> dict[str, Any]:
        if self.down:
            raise StoreUnreachable("gone")
        found = fleet_dict(PICTURE)
        for one in found["tasks"]:
            realised, day, failures = MONEY[one["task"]]
            bot = {"state": "MONITORING_SPREADS", "mode": "ACTIVE", "fills": 128, "delta_base": "0.0001"}
            one |= {"realised_quote": realised, "day_quote": day, "failures_day": failures, "bot": bot}
        event = TaskEvent(at_ns=1_790_000_000 * 10**9, task_id="sol", kind="failure", state="failed", text=EVIL)
        found["events"] = [event_dict(event) | {"task": "sol"}]
        return found


async def never(_seat: Seat) -> None:
    """A runner that runs nothing."""


@asynccontextmanager
async def served(readings: Readings) -> AsyncIterator[Place]:
    """The page on a real port."""
    log = EventLog(SystemClock(), [MemorySink()])
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    place = place_of(WebSettings(listen=f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"))
    assert place is not None
    manager = TaskManager(MemoryTasks(), never, PICTURE.workers[0], log)
    api = FleetApi(Sessions(place, Keyring(Secret(OPERATE)), SystemClock(), log), manager, readings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(WebServer(fleet_application(api), log).serve, listeners)
        yield place
        nursery.cancel_scope.cancel()


async def test_people_see_the_fleet(tmp_path: Path) -> None:
    """Who holds what, what is without a holder, profits and failures; texts of others are never markup; nothing is
    wider than the screen; when the database is away that is said, and soon everything looks old."""
    readings = Readings()
    async with served(readings) as place, browser(tmp_path) as page:
        await page.open(f"{place.url}/login#{OPERATE}")
        await page.until("document.getElementById('token').value && !location.hash")
        await page.evaluate(ENTER)
        await page.until(IS_LIVE)
        text = await page.evaluate("document.querySelector('main').innerText")
        for word in (
            "Without a holder: sol", "2 of 4 tasks run, 1 of 2 workers live", "silent: its leases run out", "2/4",
            "+12.35", "−1.50", "ended 3.0 s ago", "RuntimeError: a bug", EVIL, "MONITORING_SPREADS ACTIVE",
        ):
            assert word in text, (word, text)
        assert "ann, on one-1" in await page.evaluate("document.querySelector('header').innerText")
        for width, scheme in ((1440, "light"), (390, "dark")):
            await page.view(width, 900, scheme)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
            await page.keep(f"fleet-{width}-{scheme}")
        assert page.complaints == []
        readings.down = True
        await page.until("document.querySelector('[role=alert]').textContent.includes('the database does not answer')")
        await page.until("document.body.classList.contains('stale')")
        await page.until("document.getElementById('link').textContent.includes('NO DATA FOR')")
        await page.keep("fleet-stale")
        readings.down = False
        await page.until(f"{IS_LIVE} && !document.body.classList.contains('stale')")
