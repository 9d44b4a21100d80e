"""Who may look and who may operate: two tokens, and sessions that follow from them, so that they survive a restart.

A session is a cookie that the server has signed; nothing of it is kept here but which ones were ended early.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections import deque
from typing import Literal

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.ports.credentials import Secret

Role = Literal["view", "operate"]

TOKEN_BYTES = 32
TOKEN_CHARACTERS_MIN = 32
SESSION_S = 12 * 3600
ENDED_KEPT = 256
COOKIE_CHARACTERS_MAX = 512
FAILURES_MAX = 10
FAILURES_S = 60.0
_NAME = re.compile(r"[\w.@+-][\w.@+ -]{0,38}[\w.@+-]|[\w.@+-]", re.ASCII)


class Identity(msgspec.Struct, frozen=True):
    """Who sends a request."""

    role: Role
    name: str
    """As given at the login; empty when none was."""
    nonce: str
    """Of the session; empty for a bearer, whom no browser impersonates."""
    expires_s: int
    """Unix time."""

    @property
    def who(self) -> str:
        """For the record."""
        return f"web:{self.name or self.role}"


@attrs.define
class Keyring:
    """Knows the tokens, and signs what it gives out."""

    operate: Secret
    view: Secret | None = None
    _key: bytes = attrs.field(init=False, repr=False)
    _ended: deque[str] = attrs.field(init=False, factory=lambda: deque(maxlen=ENDED_KEPT))

    def __attrs_post_init__(self) -> None:
        for token in (self.operate, self.view):
            if token is not None and len(token.reveal()) < TOKEN_CHARACTERS_MIN:
                raise ConfigError(
                    "environment", "token of the dashboard", "a short one",
                    f"at least {TOKEN_CHARACTERS_MIN} characters of chance, such as `openssl rand -hex 32` prints",
                )
        if self.view is not None and self.view == self.operate:
            raise ConfigError("environment", "tokens of the dashboard", "the same for both roles", "two tokens")
        both = f"{self.operate.reveal()}\0{self.view.reveal() if self.view else ''}"
        self._key = hmac.digest(both.encode(), b"dnbot sessions 1", hashlib.sha256)

    def role_of(self, token: str) -> Role | None:
        """What the holder of a token may do; every comparison takes as long whatever differs."""
        if not token.isascii():
            return None
        given = Secret(token)
        may_operate, may_view = given == self.operate, self.view is not None and given == self.view
        return "operate" if may_operate else "view" if may_view else None

    def open(self, role: Role, name: str, now_s: float) -> tuple[str, Identity]:
        """A new session: its cookie, and whom it stands for."""
        identity = Identity(role, name, secrets.token_urlsafe(16), int(now_s) + SESSION_S)
        body = base64.urlsafe_b64encode(msgspec.json.encode(identity)).rstrip(b"=").decode()
        return f"{body}.{self._sign('session', body)}", identity

    def read(self, cookie: str, now_s: float) -> Identity | None:
        """Whom a cookie stands for; None when it is not ours, too old, or its session was ended."""
        body, _, signature = cookie.partition(".")
        if len(cookie) > COOKIE_CHARACTERS_MAX or not cookie.isascii():
            return None
        if not hmac.compare_digest(signature, self._sign("session", body)):
            return None
        identity = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Identity)
        if identity.expires_s <= now_s or self.is_ended(identity):
            return None
        return identity

    def end(self, identity: Identity) -> None:
        """Its cookie is of no more use, until the next start of the bot. A bearer has no session: nothing ends."""
        if identity.nonce:
            self._ended.append(identity.nonce)

    def is_ended(self, identity: Identity) -> bool:
        """Whether somebody logged out of its session."""
        return identity.nonce in self._ended

    def csrf_of(self, identity: Identity) -> str:
        """What a page of this session must send with whatever changes something."""
        return self._sign("csrf", identity.nonce)

    def is_csrf(self, identity: Identity, given: str) -> bool:
        """Whether a request comes from a page of this session."""
        return given.isascii() and hmac.compare_digest(given, self.csrf_of(identity))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hex()


@attrs.define
class Attempts:
    """Logins that failed lately; too many, and none is looked at for a while."""

    _failed_s: deque[float] = attrs.field(init=False, factory=lambda: deque(maxlen=FAILURES_MAX))

    def failed(self, now_s: float) -> None:
        """Count one."""
        self._failed_s.append(now_s)

    def wait_s(self, now_s: float) -> int:
        """How long nobody is let in; 0: come in."""
        if len(self._failed_s) < FAILURES_MAX:
            return 0
        return max(0, round(self._failed_s[0] + FAILURES_S - now_s + 0.5))


def is_name(text: str) -> bool:
    """Whether a person may be recorded under it."""
    return text == "" or _NAME.fullmatch(text) is not None


def new_token() -> Secret:
    """256 bits of chance."""
    return Secret(secrets.token_urlsafe(TOKEN_BYTES))
