"""What every request passes before a page or a command sees it, in this order: name, origin, identity, role, body.

One wrapper around the whole application, so that no page can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dnbot.ports.log import EventLog
from dnbot.web.access import Attempts, Identity, Keyring
from dnbot.web.places import Place

BODY_BYTES_MAX = 4096
BODY_S_MAX = 5.0
BEARER_S = 3600
WRONG_BEARER_S = 1.0
"""How long a wrong token waits for its answer; connections are few, so that guesses are."""
OPEN = frozenset({"/livez", "/readyz", "/startupz"})
"""Probes, which tell nobody anything about money; they come with whatever name the probe has for this machine."""
BEFORE_LOGIN = frozenset({"/login", "/session"})
STATIC = "/static/"
CONTROL = "/api/control/"
HEADERS = (
    (b"content-security-policy", (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)  # fmt: skip
HSTS = (b"strict-transport-security", b"max-age=31536000")


@attrs.frozen
class Guard:
    """Hands on what may pass, with the identity in the scope's state; answers everything else itself."""

    app: ASGIApp
    place: Place
    keyring: Keyring
    log: EventLog
    now_s: Callable[[], float]
    bearers: Attempts = attrs.field(factory=Attempts, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        headed = _Headed(send, secure=bool(self.place.public_host))
        try:
            await self._pass(Request(scope, receive), receive, headed)
        except Exception as error:  # noqa: BLE001 (whatever a page does wrong is an answer and a line of the log)
            self.log.error("web_error", path=scope["path"], error=repr(error))
            if not headed.started:
                await FAILED(scope, receive, headed)

    async def _pass(self, request: Request, receive: Receive, send: Send) -> None:
        scope = request.scope
        found = self.judge(request)
        if isinstance(found, Response):
            if found.status_code == 401 and "authorization" in request.headers:
                await self._wrong_bearer()
            await found(scope, receive, send)
            return
        scope.setdefault("state", {})["identity"] = found
        if request.method == "POST":
            body = await read_body(request)
            if isinstance(body, Response):
                await body(scope, receive, send)
                return
            receive = _Replayed(body, receive)
        await self.app(scope, receive, send)

    async def _wrong_bearer(self) -> None:
        """Guessing is slow, and seen. The door is not shut, as it is at the login: a script may have to kill now."""
        now_s = self.now_s()
        if self.bearers.wait_s(now_s) == 0:
            self.log.warning("web_bearer_refused")
        self.bearers.failed(now_s)
        await trio.sleep(WRONG_BEARER_S)

    def judge(self, request: Request) -> Identity | Response | None:
        """Who it is, or None where nobody need say so; a response for what may not pass."""
        # Never `request.url`, which is put together from what the Host header says.
        path, host = request.scope["path"], request.headers.get("host", "")
        if path in OPEN:
            return None
        if host.lower() not in self.place.hosts:
            return refusal(421, f"this server does not answer to the name {host!r}")
        if "\0" in path or b"%00" in request.scope["query_string"]:
            return refusal(400, "no text holds a NUL")
        if request.method not in ("GET", "HEAD", "POST"):
            return refusal(405, "GET or POST")
        if (foreign := self._foreign(request)) is not None:
            return foreign
        if path in BEFORE_LOGIN or path.startswith(STATIC):
            return None
        identity = self._identity(request)
        if identity is None:
            if path.startswith("/api/") or request.method == "POST":
                return refusal(401, "log in")
            return RedirectResponse("/login", status_code=303)
        return self._may(request, identity)

    def _foreign(self, request: Request) -> Response | None:
        """Whether another site's page is behind it."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "")
        if origin is not None and origin not in self.place.origins:
            return refusal(403, "a page of another site may not ask this")
        changes = request.method == "POST"
        if site in ("cross-site", "same-site") and (changes or request.scope["path"].startswith("/api/")):
            return refusal(403, "a page of another site may not ask this")
        if changes and origin is None and "authorization" not in request.headers:
            return refusal(403, "without Origin only a bearer may change anything")
        return None

    def _identity(self, request: Request) -> Identity | None:
        now_s = self.now_s()
        authorization = request.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            role = self.keyring.role_of(token.strip()) if scheme.lower() == "bearer" else None
            return Identity(role, "", "", int(now_s) + BEARER_S) if role is not None else None
        return self.keyring.read(request.cookies.get(self.place.cookie, ""), now_s)

    def _may(self, request: Request, identity: Identity) -> Identity | Response:
        if request.method != "POST":
            return identity
        given = request.headers.get("x-csrf-token", "")
        if identity.nonce and not self.keyring.is_csrf(identity, given):
            return refusal(403, "the page is not of this session: load it again")
        if request.scope["path"].startswith(CONTROL) and identity.role != "operate":
            return refusal(403, "this login may look, not operate")
        return identity


async def read_body(request: Request) -> bytes | Response:
    """The whole of a small body, or what to answer to one that is too large or too slow."""
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return refusal(413, f"at most {BODY_BYTES_MAX} bytes")
    body = bytearray()
    with trio.move_on_after(BODY_S_MAX):
        while True:
            message = await request.receive()
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                return refusal(413, f"at most {BODY_BYTES_MAX} bytes")
            if message["type"] == "http.disconnect":
                return refusal(400, "the request broke off")
            if not message.get("more_body", False):
                return bytes(body)
    return refusal(408, f"the body took longer than {BODY_S_MAX:.0f} s")


def refusal(status: int, why: str) -> Response:
    """Why not, for people and programs alike."""
    return JSONResponse({"error": why}, status, {"connection": "close"} if status in (408, 413) else None)


FAILED = refusal(500, "something went wrong here; the log tells what")


async def failed(_request: Request, _error: Exception) -> Response:
    """What an error of a page looks like from outside; the guard logs it."""
    return FAILED


@attrs.define
class _Headed:
    """Adds what every answer says to browsers."""

    send: Send
    secure: bool
    started: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            given = list(message.get("headers", []))
            names = {name.lower() for name, _ in given}
            if b"cache-control" not in names:
                given.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*given, *HEADERS, *([HSTS] if self.secure else [])]}
        await self.send(message)


@attrs.define
class _Replayed:
    """A body that was read already, then whatever comes."""

    body: bytes
    receive: Receive
    told: bool = False

    async def __call__(self) -> Message:
        if self.told:
            return await self.receive()
        self.told = True
        return {"type": "http.request", "body": self.body, "more_body": False}
