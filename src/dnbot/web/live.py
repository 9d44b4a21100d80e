"""The stream of pictures, one `text/event-stream` per browser: the newest picture, again and again.

Nothing is queued for anyone. A browser that does not read is cut off by the connection's deadline for writes.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio
from starlette.types import Receive, Scope, Send

from dnbot.web.access import Identity
from dnbot.web.guard import refusal
from dnbot.web.hub import Hub

STREAMS_MAX = 32
RETRY = b"retry: 1000\n\n"
"""Milliseconds after which a browser that lost its stream asks again."""


@attrs.frozen
class LiveStream:
    """The answer to one browser: until it leaves, or its session is over."""

    hub: Hub
    identity: Identity
    now_s: float
    is_ended: Callable[[Identity], bool]
    """Asked before each picture: the session may be ended from another tab."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if self.hub.readers >= STREAMS_MAX:
            await refusal(503, f"{STREAMS_MAX} browsers look already")(scope, receive, send)
            return
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.hub.readers += 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                with trio.move_on_after(max(0.0, self.identity.expires_s - self.now_s)):
                    await self._tell(send)
                nursery.cancel_scope.cancel()
        finally:
            self.hub.readers -= 1
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": RETRY, "more_body": True})
        number = self.hub.number
        while True:
            number, picture = await self.hub.newer(number)
            if self.is_ended(self.identity):
                return
            body = b"event: picture\ndata: " + picture + b"\n\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
