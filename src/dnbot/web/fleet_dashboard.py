"""The fleet's page, served beside a worker behind the same guard as a bot's dashboard; it changes nothing."""

from __future__ import annotations

from pathlib import Path

import attrs
import trio
from starlette.applications import Starlette
from starlette.routing import Route

from dnbot.config import WebSettings
from dnbot.operate.fleet_readings import DatabaseFleet
from dnbot.operate.worker import StandingWorker
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.postgres import PostgresStore
from dnbot.web.access import Keyring
from dnbot.web.fleet_api import FleetApi
from dnbot.web.guard import Guard, failed
from dnbot.web.pages import FLEET, Pages
from dnbot.web.places import Place, keyring_of, place_of
from dnbot.web.server import WebServer, contained
from dnbot.web.serving import keep_listening, keep_reading
from dnbot.web.sessions import Sessions


@attrs.define
class FleetDashboard:
    """What `dnbot worker` serves beside itself. Every worker shows the whole fleet."""

    settings: WebSettings
    _place: Place | None = attrs.field(default=None, init=False)
    _keyring: Keyring | None = attrs.field(default=None, init=False)

    def prepare(self, home: Path, registry: SecretRegistry) -> None:
        """Find out where and for whom; raises ConfigError for what must not be served."""
        self._place = place_of(self.settings)
        if self._place is not None:
            self._keyring = keyring_of(self.settings, self._place, home, registry)

    async def serve(self, worker: StandingWorker) -> None:
        """Until cancelled."""
        if self._place is None or self._keyring is None:
            return
        place, sessions = self._place, Sessions(self._place, self._keyring, worker.clock, worker.log)
        api = FleetApi(sessions, worker.manager)

        def use(store: PostgresStore | None) -> None:
            api.readings = None if store is None else DatabaseFleet(store)

        server = WebServer(fleet_application(api), worker.log)
        with contained(worker.log):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_reading, worker.dsn, worker.log, use, name="web:database")
                await keep_listening(server, place, worker.home, worker.say, without="the worker")


def fleet_application(api: FleetApi) -> Guard:
    """The ASGI application: every address, behind the guard."""
    pages, sessions = Pages(frame=FLEET), api.sessions
    routes = [
        Route("/livez", api.livez), Route("/readyz", api.readyz), Route("/login", pages.login),
        Route("/static/{name}", pages.static), Route("/", pages.shell),
        Route("/session", sessions.open, methods=["POST"]), Route("/api/logout", sessions.end, methods=["POST"]),
        Route("/api/me", api.me), Route("/api/fleet", api.fleet),
    ]  # fmt: skip
    inner = Starlette(routes=routes, exception_handlers={Exception: failed})
    return Guard(inner, sessions.place, sessions.keyring, sessions.log, sessions.now_s)
