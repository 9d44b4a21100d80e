"""The opening of a WebSocket as the server sees it: what makes an HTTP request one, and how anything less is refused.

Source: RFC 6455 sections 4.2 and 4.4. No extension and no subprotocol is ever accepted: Gate offers no
permessage-deflate (gateio.md section 6.2), and what MEXC sends was measured plain (mexc.md section 1).
"""

from __future__ import annotations

import base64
import hashlib

from .web import HttpRequest

KEY_BYTES = 16
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"

Headers = tuple[tuple[str, str], ...]


class HandshakeRefused(Exception):
    """An upgrade request that opens no WebSocket; says with which HTTP status and headers it is refused."""

    def __init__(self, status: int, why: str, headers: Headers = ()) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


def is_upgrade(request: HttpRequest) -> bool:
    """Whether the client asks for a WebSocket, well or badly."""
    return "websocket" in _words(request, "upgrade")


def accept_headers(request: HttpRequest) -> Headers:
    """The headers that accept a handshake. Raises HandshakeRefused."""
    if request.method != "GET":
        raise HandshakeRefused(405, "a WebSocket is opened by GET", (("allow", "GET"),))
    if request.body or "upgrade" not in _words(request, "connection"):
        raise HandshakeRefused(400, "not a WebSocket handshake")
    if request.header("sec-websocket-version") != VERSION:
        raise HandshakeRefused(426, "unsupported WebSocket version", (("sec-websocket-version", VERSION),))
    key = request.header("sec-websocket-key") or ""
    if not _is_key(key):
        raise HandshakeRefused(400, "invalid Sec-WebSocket-Key")
    accept = base64.b64encode(hashlib.sha1(key.encode() + MAGIC, usedforsecurity=False).digest()).decode()
    return (("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept))


def _words(request: HttpRequest, name: str) -> list[str]:
    """The comma separated words of every header of that name, lowered."""
    texts = [text for key, text in request.headers if key == name]
    return [word.strip().lower() for text in texts for word in text.split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except ValueError:
        return False
