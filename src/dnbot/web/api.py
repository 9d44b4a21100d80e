"""The addresses under `/api`: requests in, JSON out. Whoever comes here has passed the guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import VENUES
from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames
from dnbot.operate.logs import LOG_FILE
from dnbot.operate.plugin_columns import TradeColumns
from dnbot.operate.readings import HOURS_MAX, Readings, cursor_of
from dnbot.ports.clock import Clock
from dnbot.web.commands import ACTIONS, STATUS, BadOrder, Commands, confirmation, request_of
from dnbot.web.guard import refusal
from dnbot.web.hub import Hub
from dnbot.web.live import LiveStream
from dnbot.web.logs import log_page
from dnbot.web.sessions import Sessions, identity_of, json_answer
from dnbot.web.shared import Shared

STATUSES = ("", "complete", "partial", "repaired", "failed")
SEQUENCE_DIGITS_MAX = 18
LEVELS = ("", "info", "warning", "critical")

Endpoint = Callable[[Any, Request], Awaitable[ASGIApp]]


def answering(endpoint: Endpoint) -> Endpoint:
    """A question that makes no sense is refused with 400, one that the database cannot answer now with 503."""

    @wraps(endpoint)
    async def answer(self: Any, request: Request) -> ASGIApp:
        try:
            return await endpoint(self, request)
        except ValueError as error:
            return refusal(400, str(error))
        except StoreUnreachable as error:
            return refusal(503, f"the database does not answer: {error}")

    return answer


@attrs.define
class Api:
    """One run's addresses. `readings` is None while the database of the pages cannot be reached."""

    sessions: Sessions
    hub: Hub
    commands: Commands
    clock: Clock
    home: Path
    symbol: str
    columns: TradeColumns = attrs.field(factory=TradeColumns)
    """What plugins add to the trades."""
    readings: Readings | None = None
    names: VenueNames = AS_THEY_ARE
    shared: Shared = attrs.field(factory=Shared, init=False)

    @property
    def venues(self) -> tuple[str, ...]:
        """As rows have them."""
        return tuple(self.names.text(venue.value) for venue in VENUES)

    async def me(self, request: Request) -> ASGIApp:
        """`/api/me`: who looks, and what a page of this session needs to send."""
        confirm = {action: confirmation(action, self.symbol) for action in ACTIONS}
        confirm["resume_force"] = confirmation("resume", self.symbol, force=True)
        known = {"symbol": self.symbol, "venues": self.venues, "confirm": confirm}
        return json_answer(self.sessions.me(request) | known)

    # --- what is now --------------------------------------------------------------------------------------------------
    async def live(self, request: Request) -> ASGIApp:
        """`/api/live`: the stream of pictures."""
        sessions = self.sessions
        return LiveStream(self.hub, identity_of(request), sessions.now_s(), sessions.keyring.is_ended)

    async def history(self, _request: Request) -> ASGIApp:
        """`/api/history`: what the newest picture follows on."""
        return Response(self.hub.history_json(), media_type="application/json")

    @answering
    async def logs(self, request: Request) -> ASGIApp:
        """`/api/logs`: the newest lines of the log, or those behind `after`."""
        asked = request.query_params
        return await self._shared(request, lambda: log_page(
            self.home / LOG_FILE, level=asked.get("level", "info"), text=asked.get("text", "")[:100],
            after=asked.get("after", ""),
        ))

    # --- what was -----------------------------------------------------------------------------------------------------
    @answering
    async def profit(self, request: Request) -> ASGIApp:
        """`/api/profit?hours=24`."""
        hours = float(request.query_params.get("hours", "24"))
        if not 0 < hours <= HOURS_MAX:
            raise ValueError(f"hours: above 0, at most {HOURS_MAX}")
        return await self._shared(request, lambda: self._readings().profit(self._now(), hours))

    @answering
    async def trades(self, request: Request) -> ASGIApp:
        """`/api/trades?below=TIME~ID&status=`."""
        below = cursor_of(request.query_params.get("below", ""))
        status = _one_of(request, "status", STATUSES)

        async def ask() -> object:
            return await self.columns.beside(await self._readings().trades(below, status))

        return await self._shared(request, ask)

    async def trade_columns(self, _request: Request) -> ASGIApp:
        """`/api/columns`: what plugins add to the trades; their cells are in each row under `plugins`."""
        return json_answer(self.columns.heads())

    @answering
    async def trade(self, request: Request) -> ASGIApp:
        """`/api/trades/ID`."""
        found = await self._readings().trade(request.path_params["execution_id"])
        if found is None:
            return refusal(404, "no such execution")
        (execution,) = await self.columns.beside([found["execution"]])
        return json_answer({**found, "execution": execution})

    @answering
    async def orders(self, request: Request) -> ASGIApp:
        """`/api/orders?below=TIME~ID&venue=`."""
        below = cursor_of(request.query_params.get("below", ""))
        venue = _one_of(request, "venue", ("", *self.venues))
        return await self._shared(request, lambda: self._readings().orders(below, venue))

    @answering
    async def unsettled(self, request: Request) -> ASGIApp:
        """`/api/unsettled`: orders of which something is still to come."""
        return await self._shared(request, lambda: self._readings().unsettled())

    @answering
    async def alerts(self, request: Request) -> ASGIApp:
        """`/api/alerts?below=SEQUENCE&level=`."""
        below = request.query_params.get("below", "") or "0"
        if not (below.isascii() and below.isdecimal() and len(below) <= SEQUENCE_DIGITS_MAX):
            raise ValueError("below: a sequence as the last answer gave it")
        level = _one_of(request, "level", LEVELS)
        return await self._shared(request, lambda: self._readings().alerts(int(below), level))

    @answering
    async def modes(self, _request: Request) -> ASGIApp:
        """`/api/modes`: who lowered and raised the trading mode, and why; asked anew, behind an order of one's own."""
        return json_answer(await self._readings().modes())

    # --- commands -----------------------------------------------------------------------------------------------------
    async def control(self, request: Request) -> ASGIApp:
        """`POST /api/control/ACTION`."""
        action = request.path_params["action"]
        if action not in ACTIONS:
            return refusal(404, f"one of {', '.join(ACTIONS)}")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return refusal(415, "application/json")
        try:
            wanted = request_of(action, await request.body(), self.symbol)
        except BadOrder as error:
            return refusal(400, str(error))
        reply = await self.commands.carry_out(wanted, identity_of(request).who)
        return json_answer(reply, STATUS[type(reply)])

    # --- small things -------------------------------------------------------------------------------------------------
    async def _shared(self, request: Request, ask: Callable[[], Awaitable[object]]) -> Response:
        """The answer for everybody who asks the same now."""
        question = request.scope["path"].encode() + b"?" + request.scope["query_string"]
        return Response(await self.shared.answer(question, ask), media_type="application/json")

    def _readings(self) -> Readings:
        if self.readings is None:
            raise StoreUnreachable("no connection yet")
        return self.readings

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.sessions.now_s(), UTC)


def _one_of(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    found = request.query_params.get(name, "")
    if found not in allowed:
        raise ValueError(f"{name}: one of {', '.join(allowed[1:])}")
    return found

