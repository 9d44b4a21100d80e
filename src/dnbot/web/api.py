"""The addresses under `/api`, and the login: requests in, JSON out. Whoever comes here has passed the guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import attrs
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from dnbot.domain.errors import StoreUnreachable
from dnbot.operate.logs import LOG_FILE
from dnbot.operate.readings import HOURS_MAX, Readings, cursor_of
from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.web.access import Attempts, Identity, Keyring, is_name
from dnbot.web.commands import ACTIONS, STATUS, BadOrder, Commands, confirmation, request_of
from dnbot.web.guard import refusal
from dnbot.web.hub import Hub
from dnbot.web.live import LiveStream
from dnbot.web.logs import log_page
from dnbot.web.places import Place

STATUSES = ("", "complete", "partial", "repaired", "failed")
VENUES = ("", "GATEIO_SPOT", "GATEIO_FUTURES", "MEXC_SPOT")
SEQUENCE_DIGITS_MAX = 18
LEVELS = ("", "info", "warning", "critical")

Endpoint = Callable[[Any, Request], Awaitable[ASGIApp]]


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the login page sends."""

    token: str
    name: str = ""


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

    place: Place
    keyring: Keyring
    hub: Hub
    commands: Commands
    clock: Clock
    log: EventLog
    home: Path
    symbol: str
    readings: Readings | None = None
    attempts: Attempts = attrs.field(factory=Attempts)

    # --- sessions -----------------------------------------------------------------------------------------------------
    @answering
    async def open_session(self, request: Request) -> ASGIApp:
        """`POST /session`: a token for a cookie."""
        now_s = self._now_s()
        if (wait_s := self.attempts.wait_s(now_s)) > 0:
            return refusal(429, f"too many wrong tokens; try again in {wait_s} s")
        login = _decoded(await request.body(), Login)
        if not is_name(login.name):
            return refusal(400, "a name has at most 40 letters, digits, blanks and . _ @ + -")
        role = self.keyring.role_of(login.token)
        if role is None:
            self.attempts.failed(now_s)
            self.log.warning("web_login_refused")
            return refusal(403, "this token opens nothing")
        cookie, identity = self.keyring.open(role, login.name, now_s)
        self.log.info("web_login", who=identity.who, role=role)
        answer = _json({"role": role})
        answer.set_cookie(
            self.place.cookie, cookie, max_age=identity.expires_s - int(now_s), path="/", httponly=True,
            secure=request.headers.get("host", "") == self.place.public_host, samesite="strict",
        )
        return answer

    async def end_session(self, request: Request) -> ASGIApp:
        """`POST /api/logout`."""
        self.keyring.end(_identity(request))
        answer = _json({})
        answer.delete_cookie(self.place.cookie, path="/")
        return answer

    async def me(self, request: Request) -> ASGIApp:
        """`/api/me`: who looks, and what a page of this session needs to send."""
        identity = _identity(request)
        confirm = {action: confirmation(action, self.symbol) for action in ACTIONS}
        confirm["resume_force"] = confirmation("resume", self.symbol, force=True)
        return _json({
            "role": identity.role, "name": identity.name, "symbol": self.symbol, "confirm": confirm,
            "csrf": self.keyring.csrf_of(identity) if identity.nonce else "",
        })

    # --- what is now --------------------------------------------------------------------------------------------------
    async def live(self, request: Request) -> ASGIApp:
        """`/api/live`: the stream of pictures."""
        return LiveStream(self.hub, _identity(request), self._now_s())

    async def history(self, _request: Request) -> ASGIApp:
        """`/api/history`: what the newest picture follows on."""
        return _json(self.hub.history())

    @answering
    async def logs(self, request: Request) -> ASGIApp:
        """`/api/logs`: the newest lines of the log, or those behind `after`."""
        asked = request.query_params
        return _json(log_page(
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
        return _json(await self._readings().profit(self._now(), hours))

    @answering
    async def trades(self, request: Request) -> ASGIApp:
        """`/api/trades?below=TIME~ID&status=`."""
        below = cursor_of(request.query_params.get("below", ""))
        return _json(await self._readings().trades(below, _one_of(request, "status", STATUSES)))

    @answering
    async def trade(self, request: Request) -> ASGIApp:
        """`/api/trades/ID`."""
        found = await self._readings().trade(request.path_params["execution_id"])
        return _json(found) if found is not None else refusal(404, "no such execution")

    @answering
    async def orders(self, request: Request) -> ASGIApp:
        """`/api/orders?below=TIME~ID&venue=`."""
        below = cursor_of(request.query_params.get("below", ""))
        return _json(await self._readings().orders(below, _one_of(request, "venue", VENUES)))

    @answering
    async def unsettled(self, _request: Request) -> ASGIApp:
        """`/api/unsettled`: orders of which something is still to come."""
        return _json(await self._readings().unsettled())

    @answering
    async def alerts(self, request: Request) -> ASGIApp:
        """`/api/alerts?below=SEQUENCE&level=`."""
        below = request.query_params.get("below", "") or "0"
        if not (below.isascii() and below.isdecimal() and len(below) <= SEQUENCE_DIGITS_MAX):
            raise ValueError("below: a sequence as the last answer gave it")
        return _json(await self._readings().alerts(int(below), _one_of(request, "level", LEVELS)))

    @answering
    async def modes(self, _request: Request) -> ASGIApp:
        """`/api/modes`: who lowered and raised the trading mode, and why."""
        return _json(await self._readings().modes())

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
        reply = await self.commands.carry_out(wanted, _identity(request).who)
        return _json(reply, STATUS[type(reply)])

    # --- small things -------------------------------------------------------------------------------------------------
    def _readings(self) -> Readings:
        if self.readings is None:
            raise StoreUnreachable("no connection yet")
        return self.readings

    def _now_s(self) -> float:
        return self.clock.now_ns() / 1e9

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_s(), UTC)


def _identity(request: Request) -> Identity:
    identity: Identity = request.state.identity
    return identity


def _one_of(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    found = request.query_params.get(name, "")
    if found not in allowed:
        raise ValueError(f"{name}: one of {', '.join(allowed[1:])}")
    return found


def _decoded(body: bytes, kind: type[Login]) -> Login:
    """Raises ValueError; it does not repeat what was sent, which may hold a token."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("not a login") from None


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
