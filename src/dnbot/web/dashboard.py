"""The dashboard of one run: everything of this room put together, and served beside the bot."""

from __future__ import annotations

from pathlib import Path

import attrs
import trio
from starlette.applications import Starlette
from starlette.routing import Route

from dnbot.config import Settings
from dnbot.operate.plugin_columns import TradeColumns
from dnbot.operate.readings import Readings
from dnbot.operate.run import Standing
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.latch import FileLatch
from dnbot.ports.postgres import PostgresStore
from dnbot.web.access import Keyring
from dnbot.web.api import Api
from dnbot.web.commands import Commands
from dnbot.web.guard import Guard, failed
from dnbot.web.health import Health
from dnbot.web.hub import Hub
from dnbot.web.pages import Pages
from dnbot.web.places import Place, keyring_of, place_of
from dnbot.web.server import WebServer, contained
from dnbot.web.serving import AGAIN_S, keep_listening, keep_reading
from dnbot.web.sessions import Sessions

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

        def use(store: PostgresStore | None) -> None:
            api.readings = None if store is None else Readings(store.read_as_written, run.bot.parts.params.symbol)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watched, hub, run, name="web:hub")
            nursery.start_soon(keep_reading, run.dsn, run.log, use, name="web:database")
            await keep_listening(server, place, run.home, run.say, without="the bot")

    async def finish(self, within_s: float) -> None:
        """Wait for the answers that somebody waits for."""
        if self._commands is not None:
            await self._commands.finish(within_s)


def api_of(run: Standing, place: Place, keyring: Keyring, hub: Hub) -> Api:
    """The addresses of a run; its database is not reached yet."""
    clock = run.bot.parts.clock
    commands = Commands(run.commander.answer, FileLatch.of(run.home), clock.now_ns)
    symbol = str(run.bot.parts.params.symbol)
    columns = TradeColumns(run.plugins.of_kind("analytics"))
    sessions = Sessions(place, keyring, clock, run.log)
    return Api(sessions, hub, commands, clock, run.home, symbol, columns, names=run.report.mask.names)


def application(run: Standing, api: Api) -> Guard:
    """The ASGI application: every address, behind the guard."""
    health, pages = Health(run, api.hub, api.clock), Pages()
    routes = [
        Route("/livez", health.livez), Route("/readyz", health.readyz), Route("/startupz", health.startupz),
        Route("/login", pages.login), Route("/static/{name}", pages.static), Route("/", pages.shell),
        *(Route(f"/{page}", pages.shell) for page in PAGES), Route("/trades/{execution_id}", pages.shell),
        Route("/session", api.sessions.open, methods=["POST"]),
        Route("/api/logout", api.sessions.end, methods=["POST"]),
        Route("/api/me", api.me), Route("/api/live", api.live), Route("/api/history", api.history),
        Route("/api/logs", api.logs), Route("/api/profit", api.profit), Route("/api/trades", api.trades),
        Route("/api/columns", api.trade_columns),
        Route("/api/trades/{execution_id}", api.trade), Route("/api/orders", api.orders),
        Route("/api/unsettled", api.unsettled), Route("/api/alerts", api.alerts), Route("/api/modes", api.modes),
        Route("/api/control/{action}", api.control, methods=["POST"]),
    ]  # fmt: skip
    inner = Starlette(routes=routes, exception_handlers={Exception: failed})
    return Guard(inner, api.sessions.place, api.sessions.keyring, run.log, api.sessions.now_s)


async def _watched(hub: Hub, run: Standing) -> None:
    while True:
        with contained(run.log):
            await hub.run(lambda: run.bot.context)
        await trio.sleep(AGAIN_S)
