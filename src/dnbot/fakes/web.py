"""What a wire front is to the server: an App that answers HTTP requests and holds WebSocket conversations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import attrs


@attrs.frozen
class HttpRequest:
    """One request as it was on the wire: ``path`` and ``query`` undecoded (they are signed), header names lowered.

    ``body`` is the raw bytes, whatever the method.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    remote: str = "127.0.0.1"

    def header(self, name: str) -> str | None:
        """The first header with that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


@attrs.frozen
class HttpResponse:
    """A whole answer; ``content-length`` is added by the server."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


class WebSocket(Protocol):
    """An open conversation; every method raises trio_websocket's ConnectionClosed once it is over."""

    async def get_message(self) -> str | bytes:
        """The next message of the client."""

    async def send_message(self, message: str | bytes) -> None:
        """Send one message."""

    async def send_frames(self, frames: Iterable[bytes]) -> None:
        """Send frames made by `websocket.framed`, all at once."""

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Say goodbye; 1005 says it without a code."""


class DropConnection(Exception):
    """Raised by an app to cut the connection at once: no answer, no close frame."""


class App(Protocol):
    """One venue's front. Handlers of one connection run one after another; other connections run beside them."""

    async def handle_http(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; DropConnection cuts the connection instead."""

    def serves_websocket(self, path: str) -> bool:
        """Whether a WebSocket may be opened at that path; anything else is answered 404."""

    async def run(self) -> None:
        """Whatever the front does by itself (pushing frames, timers); runs as long as the world does."""

    async def handle_websocket(self, request: HttpRequest, ws: WebSocket) -> None:
        """Talk until the client leaves. Returning closes politely; DropConnection closes without a close frame."""
