"""Requests to Gate's REST API v4: targets, headers, signatures and the expiry of orders."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec

from dnbot.venues.gateio.signing import rest_headers
from dnbot.venues.wire import Request, RequestClass, Signer

REST_PREFIX = "/api/v4"
"""Part of every path, and of what is signed."""
SIZE_DECIMAL = (("X-Gate-Size-Decimal", "1"),)
"""Asks for futures sizes as exact decimal strings; without it they are cut to integers (docs, v4.106.0)."""
CANCEL_EXPIRY_MS = 60_000
"""A cancel that arrives late still helps, so its expiry is as long as its signature lives."""
_ACCEPT = (("Accept", "application/json"),)
_CONTENT = (("Content-Type", "application/json"),)

Query = tuple[tuple[str, str | int], ...]


def _joined(query: Query) -> str:
    # Sent and signed unescaped: every value is a number, a word, or an ASCII pair.
    return "&".join(f"{name}={value}" for name, value in query)


def _target(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


@attrs.frozen
class PublicRest:
    """Builds requests that need no key."""

    prefix: str = REST_PREFIX
    headers: tuple[tuple[str, str], ...] = ()

    def get(self, path: str, query: Query = ()) -> Request:
        """A public read."""
        return Request(
            method="GET",
            target=_target(self.prefix + path, _joined(query)),
            headers=_ACCEPT + self.headers,
            budget=RequestClass.PUBLIC,
        )


@attrs.frozen
class SignedRest:
    """Builds requests signed for one key."""

    signer: Signer
    prefix: str = REST_PREFIX
    headers: tuple[tuple[str, str], ...] = ()

    def get(self, path: str, now_ms: int, query: Query = ()) -> Request:
        """A private read."""
        return self._request("GET", path, now_ms, query=query)

    def create(self, path: str, now_ms: int, body: Mapping[str, object], expires_at_ms: int) -> Request:
        """A create that the venue must refuse after `expires_at_ms` (its clock)."""
        raw = msgspec.json.encode(body)
        return self._request("POST", path, now_ms, body=raw, budget=RequestClass.CREATE, expires_at_ms=expires_at_ms)

    def post(self, path: str, now_ms: int, body: Mapping[str, object]) -> Request:
        """A way out without an expiry of its own: it dies with its signature, a minute after `now_ms`."""
        return self._request("POST", path, now_ms, body=msgspec.json.encode(body), budget=RequestClass.CANCEL)

    def post_query(self, path: str, now_ms: int, query: Query) -> Request:
        """A POST whose arguments travel in the query, with an empty body."""
        return self._request("POST", path, now_ms, query=query)

    def cancel(self, path: str, now_ms: int, query: Query = ()) -> Request:
        """A DELETE of one order."""
        return self._request(
            "DELETE", path, now_ms, query=query, budget=RequestClass.CANCEL, expires_at_ms=now_ms + CANCEL_EXPIRY_MS
        )

    def _request(
        self, method: str, path: str, now_ms: int, *, query: Query = (), body: bytes = b"",
        budget: RequestClass = RequestClass.READ, expires_at_ms: int | None = None,
    ) -> Request:
        full, raw_query = self.prefix + path, _joined(query)
        signed = rest_headers(self.signer, method, full, raw_query, body, now_ms)
        expiry = () if expires_at_ms is None else (("x-gate-exptime", str(expires_at_ms)),)
        content = _CONTENT if body else ()
        return Request(
            method=method,
            target=_target(full, raw_query),
            headers=_ACCEPT + content + self.headers + expiry + signed,
            body=body,
            budget=budget,
        )
