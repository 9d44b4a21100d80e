"""The fleet's page behind its guard: who may see it, how often the database is asked, and that it changes nothing."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock

from dnbot.cli import commands
from dnbot.config import WebSettings
from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.fleet.words import Worker
from dnbot.operate.manager import TaskManager
from dnbot.operate.seat import Seat
from dnbot.operate.worker import StandingWorker
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_tasks import MemoryTasks
from dnbot.web.access import Keyring
from dnbot.web.fleet_api import FRESH_S, SEEN_S_MAX, FleetApi
from dnbot.web.fleet_dashboard import FleetDashboard, fleet_application
from dnbot.web.places import link_of, place_of
from dnbot.web.sessions import Sessions
from dnbot.web.worker_command import web_settings

OPERATE, VIEW = "operates-" + "o" * 32, "looks-on-" + "v" * 32
URL = "http://127.0.0.1:8181"


@attrs.define
class Readings:
    """A database of the pages that counts how often it is asked."""

    asked: int = 0
    down: bool = False

    async def page(self) -> dict[str, Any]:
        await trio.sleep(0.1)
        if self.down:
            raise StoreUnreachable("gone")
        self.asked += 1
        return {"workers": [], "tasks": [], "without_holder": [], "events": [], "asked": self.asked}


@attrs.define
class FleetSite:
    """A worker's page and what stands behind it."""

    api: FleetApi
    readings: Readings
    app: Any

    def client(self, *, logged_in: bool = True, **headers: str) -> httpx.AsyncClient:
        """A browser's stand-in."""
        cookies = {}
        if logged_in:
            sessions = self.api.sessions
            cookie, identity = sessions.keyring.open("view", "ann", sessions.now_s())
            cookies = {sessions.place.cookie: cookie}
            headers.setdefault("x-csrf-token", sessions.keyring.csrf_of(identity))
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url=URL, cookies=cookies, headers={"origin": URL, **headers})


async def never(_seat: Seat) -> None:
    """A runner that runs nothing."""


@asynccontextmanager
async def fleet_site() -> AsyncIterator[FleetSite]:
    """A page of a worker that works."""
    log = EventLog(VirtualClock(0), [MemorySink()])
    manager = TaskManager(MemoryTasks(), never, Worker(worker_id="one-1", name="one", capacity=2), log)
    place = place_of(WebSettings(listen="127.0.0.1:8181"))
    assert place is not None
    readings = Readings()
    api = FleetApi(Sessions(place, Keyring(Secret(OPERATE), Secret(VIEW)), VirtualClock(0), log), manager, readings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.run)
        await trio.sleep(1)
        yield FleetSite(api, readings, fleet_application(api))
        nursery.cancel_scope.cancel()


async def test_nobody_sees_the_fleet_without_a_login(autojump_clock: MockClock) -> None:
    """Pages lead to the login, figures are refused; a wrong name and another site's page as well; probes answer."""
    async with fleet_site() as here, here.client(logged_in=False) as stranger:
        answer = await stranger.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert (await stranger.get("/api/fleet")).status_code == 401
        assert (await stranger.get("/livez")).status_code == 200
        async with here.client(host="evil.example") as rebound:
            assert (await rebound.get("/api/fleet")).status_code == 421
        async with here.client(origin="https://evil.example") as elsewhere:
            assert (await elsewhere.get("/api/fleet")).status_code == 403
        assert here.readings.asked == 0


async def test_a_token_opens_it_and_a_logout_ends_it(autojump_clock: MockClock) -> None:
    """By the same login as a bot's dashboard; the page says on which worker one looks, and has no inline script."""
    async with fleet_site() as here, here.client(logged_in=False) as browser:
        assert (await browser.post("/session", json={"token": "wrong" * 10})).status_code == 403
        assert (await browser.post("/session", json={"token": VIEW, "name": "ann"})).status_code == 200
        page = await browser.get("/")
        assert 'src="/static/fleet.js"' in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        me = (await browser.get("/api/me")).json()
        assert (me["role"], me["name"], me["worker"]) == ("view", "ann", "one-1")
        assert (await browser.get("/api/fleet")).json()["ttl_s"] == 30
        await browser.post("/api/logout", headers={"x-csrf-token": me["csrf"]})
        assert (await browser.get("/api/fleet")).status_code == 401


async def test_it_has_no_way_to_change_anything(autojump_clock: MockClock) -> None:
    """Not even for who may operate: there is no such address."""
    async with fleet_site() as here, here.client() as browser:
        bearer = {"authorization": f"Bearer {OPERATE}"}
        for path in ("/api/control/pause", "/api/fleet", "/api/task/btc"):
            assert (await browser.post(path, json={"why": "x"}, headers=bearer)).status_code in {404, 405}


async def test_however_many_look_the_database_is_asked_once_a_second(autojump_clock: MockClock) -> None:
    """Those who come while it is asked wait for that answer; later ones get it, until it is a second old."""
    async with fleet_site() as here, here.client() as browser, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(browser.get, "/api/fleet")
        await trio.sleep(0.5)
        assert here.readings.asked == 1
        await trio.sleep(FRESH_S)
        assert (await browser.get("/api/fleet")).json()["asked"] == 2


async def test_a_database_that_is_away_is_said_to_be(autojump_clock: MockClock) -> None:
    """The last answer is not told again as if it were new."""
    async with fleet_site() as here, here.client() as browser:
        assert (await browser.get("/api/fleet")).status_code == 200
        await trio.sleep(FRESH_S)
        here.readings.down = True
        answer = await browser.get("/api/fleet")
        assert (answer.status_code, answer.json()["error"]) == (503, "the database does not answer: gone")
        here.api.readings = None
        assert (await browser.get("/api/fleet")).status_code == 503


async def test_a_worker_is_ready_while_it_sees_its_fleet_and_takes_tasks(autojump_clock: MockClock) -> None:
    """Without its database it is not, nor when it hands over; alive it is all the same."""
    async with fleet_site() as here, here.client() as browser:
        assert (await browser.get("/readyz")).json() == {"fleet_seen": True, "not_draining": True}
        assert isinstance(here.api.manager.tasks, MemoryTasks)
        here.api.manager.tasks.down = True
        await trio.sleep(SEEN_S_MAX + 3)
        answer = await browser.get("/readyz")
        assert (answer.status_code, answer.json()["fleet_seen"]) == (503, False)
        here.api.manager.drain("enough")
        assert (await browser.get("/readyz")).json()["not_draining"] is False
        assert (await browser.get("/livez")).status_code == 200


async def test_a_worker_serves_it_from_a_folder_that_holds_nothing_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the token in the environment, and no control socket: the folder is made, for its user alone, and
    `dnbot dashboard` finds the address there."""
    monkeypatch.setenv("DNBOT_WEB_OPERATE_TOKEN", OPERATE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log, said = EventLog(VirtualClock(0), [MemorySink()]), trio.Event()
    manager = TaskManager(MemoryTasks(), never, Worker(worker_id="one-1", name="one", capacity=2), log)
    dashboard = FleetDashboard(WebSettings(listen=f"127.0.0.1:{port}"))
    dashboard.prepare(tmp_path / "home", SecretRegistry())
    worker = StandingWorker(
        manager, VirtualClock(0), log, tmp_path / "home", "postgresql://nobody@127.0.0.1:1/x", lambda _: said.set()
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dashboard.serve, worker)
        with trio.fail_after(20):
            await said.wait()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.get("/livez")).status_code == 200
                bearer = {"authorization": f"Bearer {OPERATE}"}
                assert (await client.get("/api/fleet", headers=bearer)).status_code == 503, "no database there"
        nursery.cancel_scope.cancel()
    assert link_of(tmp_path / "home") == f"http://127.0.0.1:{port}/login"
    assert (tmp_path / "home" / "control").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("listen", ["0.0.0.0:8181", "example.com:80", "8181", "127.0.0.1:0", "127.0.0.1:99999"])
def test_it_listens_on_this_machine_alone(listen: str) -> None:
    """Anything else is refused before a worker begins."""
    with pytest.raises(ConfigError, match="an address of this machine alone"):
        web_settings(listen)
    assert CliRunner().invoke(commands, ["worker", "--web", listen]).exit_code == 2
    assert web_settings("off").address() is None
