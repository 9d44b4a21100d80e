"""The login of every dashboard: a token for a cookie, and its end."""

from __future__ import annotations

import attrs
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dnbot.ports.clock import Clock
from dnbot.ports.log import EventLog
from dnbot.web.access import Attempts, Identity, Keyring, is_name
from dnbot.web.guard import refusal
from dnbot.web.places import Place


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the login page sends."""

    token: str
    name: str = ""


@attrs.define
class Sessions:
    """Opens and ends sessions of one dashboard."""

    place: Place
    keyring: Keyring
    clock: Clock
    log: EventLog
    attempts: Attempts = attrs.field(factory=Attempts)

    async def open(self, request: Request) -> Response:
        """`POST /session`: a token for a cookie."""
        now_s = self.now_s()
        if (wait_s := self.attempts.wait_s(now_s)) > 0:
            return refusal(429, f"too many wrong tokens; try again in {wait_s} s")
        try:
            login = msgspec.json.decode(await request.body(), type=Login)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return refusal(400, "not a login")  # what was sent is not repeated: it may hold a token
        if not is_name(login.name):
            return refusal(400, "a name has at most 40 letters, digits, blanks and . _ @ + -")
        role = self.keyring.role_of(login.token)
        if role is None:
            self.attempts.failed(now_s)
            self.log.warning("web_login_refused")
            return refusal(403, "this token opens nothing")
        cookie, identity = self.keyring.open(role, login.name, now_s)
        self.log.info("web_login", who=identity.who, role=role)
        answer = json_answer({"role": role})
        answer.set_cookie(
            self.place.cookie, cookie, max_age=identity.expires_s - int(now_s), path="/", httponly=True,
            secure=request.headers.get("host", "") == self.place.public_host, samesite="strict",
        )
        return answer

    async def end(self, request: Request) -> Response:
        """`POST /api/logout`."""
        self.keyring.end(identity_of(request))
        answer = json_answer({})
        answer.delete_cookie(self.place.cookie, path="/")
        return answer

    def me(self, request: Request) -> dict[str, str]:
        """Who looks, and what a page of this session needs to send."""
        identity = identity_of(request)
        csrf = self.keyring.csrf_of(identity) if identity.nonce else ""
        return {"role": identity.role, "name": identity.name, "csrf": csrf}

    def now_s(self) -> float:
        """Unix time."""
        return self.clock.now_ns() / 1e9


def identity_of(request: Request) -> Identity:
    """Who sends a request that the guard let pass."""
    identity: Identity = request.state.identity
    return identity


def json_answer(value: object, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
