"""Listen keys of the private stream: life, renewal, quota and sockets per key."""

from __future__ import annotations

import hashlib
from typing import Final

import attrs
import trio

from .mexc_errors import refusals

__all__ = ["ListenKey", "ListenKeys"]

LIFE_MS: Final = 60 * 60 * 1_000
QUOTA_PER_ACCOUNT: Final = 60
SOCKETS_PER_KEY_MAX: Final = 5


@attrs.define(eq=False)
class ListenKey:
    """One key; `silent` keys still accept a socket and deliver nothing, which is how keys die at the venue."""

    text: str
    account_id: str
    expires_ms: int
    sockets: int = 0
    silent: bool = False
    over: trio.Event = attrs.field(factory=trio.Event)
    """Set when the key is deleted: its sockets are closed."""


@attrs.define
class ListenKeys:
    """All listen keys of all accounts; times are ms of the venue's clock."""

    salt: str = "mexc"
    quota: int = QUOTA_PER_ACCOUNT
    _keys: dict[str, ListenKey] = attrs.field(factory=dict)
    _made: int = 0

    def create(self, account_id: str, now_ms: int) -> ListenKey:
        """A fresh key of 64 hex characters, valid 60 minutes; refused (730705) above the quota."""
        if len(self.alive(account_id, now_ms)) >= self.quota:
            raise refusals.listen_key_quota()
        self._made += 1
        text = hashlib.sha256(f"{self.salt}:{account_id}:{now_ms}:{self._made}".encode()).hexdigest()
        key = ListenKey(text, account_id, now_ms + LIFE_MS)
        self._keys[text] = key
        return key

    def alive(self, account_id: str, now_ms: int) -> list[ListenKey]:
        """Keys of the account that have not expired, oldest first; expired ones are forgotten."""
        for text in [text for text, key in self._keys.items() if key.expires_ms <= now_ms]:
            del self._keys[text]
        return [key for key in self._keys.values() if key.account_id == account_id]

    def newest(self, account_id: str, now_ms: int) -> ListenKey | None:
        """The newest living key of the account."""
        alive = self.alive(account_id, now_ms)
        return alive[-1] if alive else None

    def renew(self, account_id: str, text: str, now_ms: int) -> ListenKey:
        """The key with another 60 minutes; refused (730708) when it is unknown, expired or another account's."""
        key = self._own(account_id, text, now_ms)
        key.expires_ms = now_ms + LIFE_MS
        return key

    def delete(self, account_id: str, text: str, now_ms: int) -> ListenKey:
        """The key, now dead: its sockets are closed by the stream."""
        key = self._own(account_id, text, now_ms)
        key.over.set()
        del self._keys[text]
        return key

    def find(self, text: str, now_ms: int) -> ListenKey | None:
        """The living key with this text, if a socket may still be opened on it."""
        key = self._keys.get(text)
        if key is None or key.expires_ms <= now_ms or key.sockets >= SOCKETS_PER_KEY_MAX:
            return None
        return key

    def silence(self, account_id: str) -> None:
        """Let every present key of the account die without an error: sockets stay open, nothing is sent, PUT fails."""
        for text, key in list(self._keys.items()):
            if key.account_id == account_id:
                key.silent = True
                del self._keys[text]

    def _own(self, account_id: str, text: str, now_ms: int) -> ListenKey:
        if not text:
            raise refusals.listen_key_parameter()
        key = self._keys.get(text)
        if key is None or key.expires_ms <= now_ms or key.account_id != account_id:
            raise refusals.listen_key()
        return key
