"""The dashboard of one run: everything of this room put together, and served beside the bot."""

from __future__ import annotations

from pathlib import Path

import attrs
import trio
from starlette.applications import Starlette
from starlette.routing import Route

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.operate.readings import Readings
from dnbot.operate.run import Standing
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.latch import FileLatch
from dnbot.ports.postgres import open_postgres_store
from dnbot.web.access import Keyring
from dnbot.web.api import Api
from dnbot.web.commands import Commands
from dnbot.web.guard import Guard, failed
from dnbot.web.health import Health
from dnbot.web.hub import Hub
from dnbot.web.pages import Pages
from dnbot.web.places import Place, keyring_of, place_of, tell_address
from dnbot.web.server import PortTaken, WebServer, contained, listeners_at

AGAIN_S = 5.0
"""How often a port that was taken, or a database that was away, is tried again."""
PAGES = ("now", "profit", "trades", "orders", "risk", "logs", "alerts", "control")


@attrs.define
class Dashboard:
    """What `dnbot run` serves beside the bot. Nothing that goes wrong here ends the run."""

    place: Place | None = attrs.field(default=None, init=False)
    _keyring: Keyring | None = attrs.field(default=None, init=False)
    _commands: Commands | None = attrs.field(default=None, init=False)

    def prepare(self, settings: Settings, home: Path, registry: SecretRegistry) -> None:
        """Find out where and for whom; raises ConfigError for what must not be served."""
        self.place = place_of(settings.web)
        if self.place is not None:
            self._keyring = keyring_of(settings.web, self.place, home, registry)

    async def serve(self, run: Standing) -> None:
        """Until cancelled."""
        if self.place is None or self._keyring is None:
            return
        with contained(run.log):
            await self._serve(run, self.place, self._keyring)

    async def _serve(self, run: Standing, place: Place, keyring: Keyring) -> None:
        hub = Hub(run.report, run.watch)
        api = api_of(run, place, keyring, hub)
        self._commands = api.commands
        server = WebServer(application(run, api), run.log)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watched, hub, run, name="web:hub")
            nursery.start_soon(_read_database, api, run, name="web:database")
            await _listen(server, place, run)

    async def finish(self, within_s: float) -> None:
        """Wait for the answers that somebody waits for."""
        if self._commands is not None:
            await self._commands.finish(within_s)


def api_of(run: Standing, place: Place, keyring: Keyring, hub: Hub) -> Api:
    """The addresses of a run; its database is not reached yet."""
    clock = run.bot.parts.clock
    commands = Commands(run.commander.answer, FileLatch.of(run.home), clock.now_ns)
    symbol = str(run.bot.parts.params.symbol)
    return Api(place, keyring, hub, commands, clock, run.log, run.home, symbol)


def application(run: Standing, api: Api) -> Guard:
    """The ASGI application: every address, behind the guard."""
    health, pages = Health(run, api.hub, api.clock), Pages()
    routes = [
        Route("/livez", health.livez), Route("/readyz", health.readyz), Route("/startupz", health.startupz),
        Route("/login", pages.login), Route("/static/{name}", pages.static), Route("/", pages.shell),
        *(Route(f"/{page}", pages.shell) for page in PAGES), Route("/trades/{execution_id}", pages.shell),
        Route("/session", api.open_session, methods=["POST"]), Route("/api/logout", api.end_session, methods=["POST"]),
        Route("/api/me", api.me), Route("/api/live", api.live), Route("/api/history", api.history),
        Route("/api/logs", api.logs), Route("/api/profit", api.profit), Route("/api/trades", api.trades),
        Route("/api/trades/{execution_id}", api.trade), Route("/api/orders", api.orders),
        Route("/api/unsettled", api.unsettled), Route("/api/alerts", api.alerts), Route("/api/modes", api.modes),
        Route("/api/control/{action}", api.control, methods=["POST"]),
    ]  # fmt: skip
    inner = Starlette(routes=routes, exception_handlers={Exception: failed})
    return Guard(inner, api.place, api.keyring, run.log, lambda: api.clock.now_ns() / 1e9)


async def _watched(hub: Hub, run: Standing) -> None:
    while True:
        with contained(run.log):
            await hub.run(lambda: run.bot.context)
        await trio.sleep(AGAIN_S)


async def _listen(server: WebServer, place: Place, run: Standing) -> None:
    """Serve; while the port is somebody else's say so, and take it when it is free."""
    told = False
    while True:
        with contained(run.log):
            try:
                async with listeners_at(place.host, place.port) as listeners:
                    tell_address(run.home, place)
                    run.log.info("web_listens", url=place.url)
                    run.say(f"dashboard: {place.url}  (`dnbot dashboard` prints a link that logs in)")
                    await server.serve(listeners)
            except (PortTaken, OSError) as error:
                if not told:
                    run.log.warning("web_not_served", why=str(error))
                    run.say(f"NO DASHBOARD: {error}; the bot runs without it and takes the port when it is free")
                    told = True
        await trio.sleep(AGAIN_S)


async def _read_database(api: Api, run: Standing) -> None:
    """Keep a pool of the pages' own open; while the database is away the pages say so."""
    while True:
        with contained(run.log):
            try:
                async with open_postgres_store(run.dsn, log=run.log, only_reads=True) as store:
                    api.readings = Readings(store.read, run.bot.parts.params.symbol)
                    await trio.sleep_forever()
            except (ConfigError, OperatingError) as error:
                run.log.warning("web_database", error=str(error))
            finally:
                api.readings = None
        await trio.sleep(AGAIN_S)
