"""Signed requests of MEXC spot v3: parameters, HMAC over raw query and raw body, and the time rule.

Check order (the venue documents none): API key header, content type, `timestamp` and `signature` present,
`recvWindow` range, time rule, HMAC. Parameters are only looked at after all of these hold.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

import attrs
import msgspec

from .mexc_errors import refusals

__all__ = [
    "MexcRequest",
    "Signed",
    "check_content_type",
    "check_signed",
    "json_texts",
    "parse_parameters",
    "signature_of",
]

RECEIVE_WINDOW_MS_DEFAULT: Final = 5_000
RECEIVE_WINDOW_MS_MAX: Final = 60_000
CLOCK_LEAD_MS_MAX: Final = 1_000
"""A request may be stamped less than this far ahead of the venue's clock."""

_CONTENT_TYPES: Final = ("application/json", "application/x-www-form-urlencoded")
_WRITING_METHODS: Final = ("POST", "PUT", "DELETE")


@attrs.frozen
class MexcRequest:
    """One HTTP request as it came: `raw_query` and `raw_body` are unparsed, one character per byte."""

    method: str
    path: str
    raw_query: str = ""
    raw_body: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    peer: str = ""


@attrs.frozen
class Signed:
    """What a signature check needs to know of the account that owns the key."""

    key: str
    secret: str


def parse_parameters(raw_query: str, raw_body: str) -> dict[str, str]:
    """Decoded parameters of query and body; of a name in both, and of a repeated name, the first wins.

    A body is `name=value` text, as the documents' examples send it, or a JSON object, as their content type says.
    """
    parameters = _pairs(raw_query)
    found = _json_fields(raw_body) if raw_body.startswith("{") else _pairs(raw_body)
    return found | parameters


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name:
            found.setdefault(unquote_plus(name), unquote_plus(value))
    return found


def _json_fields(raw_body: str) -> dict[str, str]:
    """The fields of a JSON object as text; nothing of what is no JSON."""
    try:
        return json_texts(msgspec.json.decode(raw_body.encode("latin-1"), type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def json_texts(fields: Mapping[str, msgspec.Raw]) -> dict[str, str]:
    """Every field as the text a parameter would be: a string without its quotes, null left out, else as it is written.

    Raises msgspec.DecodeError or UnicodeDecodeError for text that is not UTF-8.
    """
    written = {name: bytes(raw) for name, raw in fields.items()}
    return {
        name: msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()
        for name, text in written.items()
        if text != b"null"
    }


def signature_of(secret: str, signed_text: str) -> str:
    """Lower-case hex of HMAC-SHA256(secret, text)."""
    return hmac.new(secret.encode(), signed_text.encode("latin-1"), hashlib.sha256).hexdigest()


def signed_text(raw_query: str, raw_body: str) -> str:
    """Raw query without its signature, immediately followed by the raw body without its signature."""
    return _without_signature(raw_query) + _without_signature(raw_body)


def _without_signature(text: str) -> str:
    if "signature=" not in text:
        return text
    return "&".join(pair for pair in text.split("&") if not pair.startswith("signature="))


def check_content_type(request: MexcRequest, *, strict: bool) -> None:
    """Refuse (700013) a writing request whose content type is neither JSON nor form; a missing one only if `strict`."""
    if request.method not in _WRITING_METHODS:
        return
    sent = request.headers.get("content-type", "").strip().lower()
    if sent.split(";")[0].strip() in _CONTENT_TYPES or (sent == "" and not strict):
        return
    raise refusals.content_type()


def check_signed(request: MexcRequest, parameters: Mapping[str, str], signed: Signed, now_ms: int) -> None:
    """Refuse a request that is badly timed (700003) or badly signed (700002).

    Accepted iff `timestamp < now + 1000` and `now - timestamp <= recvWindow` (MEXC spot v3 docs, timing security).
    """
    for name in ("timestamp", "signature"):
        if not parameters.get(name):
            raise refusals.missing(name)
    timestamp_ms = _integer(parameters, "timestamp")
    window_ms = _integer(parameters, "recvWindow") if "recvWindow" in parameters else RECEIVE_WINDOW_MS_DEFAULT
    if window_ms > RECEIVE_WINDOW_MS_MAX:
        raise refusals.receive_window()
    if not (timestamp_ms < now_ms + CLOCK_LEAD_MS_MAX and now_ms - timestamp_ms <= window_ms):
        raise refusals.request_time()
    expected = signature_of(signed.secret, signed_text(request.raw_query, request.raw_body))
    if not hmac.compare_digest(expected.encode(), parameters["signature"].encode()):
        raise refusals.signature()


def _integer(parameters: Mapping[str, str], name: str) -> int:
    text = parameters[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise refusals.illegal(name, "^[0-9]{1,20}$")
    return int(text)
