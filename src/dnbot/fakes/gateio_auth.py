"""Gate's three signatures (REST, stream channel, WebSocket API), checked over the raw bytes that arrived.

Source: Gate API v4 docs, "APIv4 signed request requirements"; spot and futures WS docs, "Authentication" and
"Websocket API / Login".
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping
from urllib.parse import unquote

import attrs

from . import gateio_errors as errors

CLOCK_GAP_S_MAX = 60


@attrs.frozen
class Credential:
    """One API key of one account."""

    key: str
    secret: str = attrs.field(repr=False)
    account_id: str


def hmac_sha512(secret: str, text: bytes) -> str:
    """Lowercase hex, as every Gate signature is."""
    return hmac.new(secret.encode(), text, hashlib.sha512).hexdigest()


def rest_signing_text(method: str, path: str, query: str, body: bytes, timestamp: str) -> bytes:
    """Method, path, unescaped query, body hash and Timestamp joined by newlines; `query` is the raw one of the URL."""
    body_hash = hashlib.sha512(body).hexdigest()
    return "\n".join((method.upper(), path, unquote(query), body_hash, timestamp)).encode()


def channel_signing_text(channel: str, event: str, time_s: int) -> bytes:
    """What a private stream subscription signs; its payload is not covered."""
    return f"channel={channel}&event={event}&time={time_s}".encode()


def api_signing_text(channel: str, req_param: bytes, timestamp: str) -> bytes:
    """What a WebSocket API login signs; `req_param` is whatever bytes the client put there, possibly none."""
    return b"\n".join((b"api", channel.encode(), req_param, timestamp.encode()))


def timestamp_in_window(timestamp: str, now_ns: int) -> bool:
    """True within 60 s of the venue's clock; integer and fractional seconds are both fine."""
    try:
        stamp = float(timestamp)
    except ValueError:
        return False
    return math.isfinite(stamp) and abs(now_ns / 1e9 - stamp) <= CLOCK_GAP_S_MAX


def authenticate_rest(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Mapping[str, Credential],
    now_ns: int,
) -> Credential:
    """The credential that signed a request, judged in Gate's order: header, clock, key, signature.

    `headers` has lowercase names. Raises GateError: MISSING_REQUIRED_HEADER 400, REQUEST_EXPIRED 403,
    INVALID_KEY 401, INVALID_SIGNATURE 401.
    """
    timestamp, key, signature = (headers.get(name, "") for name in ("timestamp", "key", "sign"))
    for name, value in (("Timestamp", timestamp), ("KEY", key), ("SIGN", signature)):
        if not value:
            raise errors.missing_header(name)
    if not timestamp_in_window(timestamp, now_ns):
        raise errors.expired(now_ns // 1_000_000_000, timestamp)
    credential = credentials.get(key)
    if credential is None:
        raise errors.invalid_key()
    expected = hmac_sha512(credential.secret, rest_signing_text(method, path, query, body, timestamp))
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise errors.invalid_signature()
    return credential


def authenticate_text(
    key: str, signature: str, timestamp: str, text: bytes, *, credentials: Mapping[str, Credential], now_ns: int
) -> Credential:
    """The credential behind a stream subscription or a WebSocket API login; same order of refusals as REST."""
    if not timestamp_in_window(timestamp, now_ns):
        raise errors.expired(now_ns // 1_000_000_000, timestamp)
    credential = credentials.get(key)
    if credential is None:
        raise errors.invalid_key()
    if not hmac.compare_digest(hmac_sha512(credential.secret, text).encode(), signature.encode()):
        raise errors.invalid_signature()
    return credential
